// SPDX-License-Identifier: BSD-3-Clause
/*
 * See cmos.h. Registers: MC146818A datasheet; what PC firmware keeps in the
 * memory behind them: Ralf Brown's CMOS list.
 */
#include "devices/cmos.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/num.h"
#include "base/snap.h"

#define CMOS_SIZE 128

enum {
	CMOS_SECONDS = 0x00,
	CMOS_MINUTES = 0x02,
	CMOS_HOURS = 0x04,
	CMOS_WEEKDAY = 0x06, /* 1: Sunday */
	CMOS_DAY = 0x07,
	CMOS_MONTH = 0x08,
	CMOS_YEAR = 0x09,
	CMOS_STATUS_A = 0x0a,
	CMOS_STATUS_B = 0x0b,
	CMOS_STATUS_C = 0x0c,
	CMOS_STATUS_D = 0x0d,
	CMOS_BASE_KIB = 0x15,   /* two bytes: RAM below 640 KiB */
	CMOS_EXT_KIB = 0x17,    /* two: above 1 MiB, at most 63 MiB */
	CMOS_EXT_KIB_2 = 0x30,  /* two: the same */
	CMOS_CENTURY = 0x32,
	CMOS_ABOVE_16M = 0x34,  /* two: above 16 MiB, in 64 KiB */
	CMOS_HIGH = 0x5b,       /* three: above 4 GiB, in 64 KiB */
};

#define A_UIP     0x80 /* the time is about to change: do not read it now */
#define A_DIVIDER 0x26 /* 32768 Hz, 1024 Hz periodic rate */
#define B_SET     0x80
#define B_24H     0x02
#define D_VALID   0x80

/* A guest that saw UIP clear must be able to read all registers before the
 * second ends. The chip gives it 244 us; a trap per access takes longer. */
#define UIP_NS (1000000000 - 4000000)

#define INDEX_MASK 0x7f /* bit 7 of the index port masks the NMI */

struct cmos {
	struct device dev;
	uint8_t index;
	uint8_t ram[CMOS_SIZE]; /* what is not computed when read */
};

static uint8_t bcd(int v)
{
	return (uint8_t)(v / 10 % 10 << 4 | v % 10);
}

static uint8_t time_register(unsigned int index, const struct tm *tm)
{
	switch (index) {
	case CMOS_SECONDS:
		return bcd(tm->tm_sec);
	case CMOS_MINUTES:
		return bcd(tm->tm_min);
	case CMOS_HOURS:
		return bcd(tm->tm_hour);
	case CMOS_WEEKDAY:
		return bcd(tm->tm_wday + 1);
	case CMOS_DAY:
		return bcd(tm->tm_mday);
	case CMOS_MONTH:
		return bcd(tm->tm_mon + 1);
	case CMOS_YEAR:
		return bcd(tm->tm_year % 100);
	default: /* CMOS_CENTURY */
		return bcd((tm->tm_year + 1900) / 100);
	}
}

static uint8_t read_register(const struct cmos *c)
{
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	switch (c->index) {
	case CMOS_SECONDS:
	case CMOS_MINUTES:
	case CMOS_HOURS:
	case CMOS_WEEKDAY:
	case CMOS_DAY:
	case CMOS_MONTH:
	case CMOS_YEAR:
	case CMOS_CENTURY:
		gmtime_r(&now.tv_sec, &tm);
		return time_register(c->index, &tm);
	case CMOS_STATUS_A:
		return c->ram[CMOS_STATUS_A] |
		       (now.tv_nsec >= UIP_NS ? A_UIP : 0);
	case CMOS_STATUS_C:
		return 0; /* no interrupt has happened */
	case CMOS_STATUS_D:
		return D_VALID;
	default:
		return c->ram[c->index];
	}
}

/* The clock is the host's: a guest that sets the time is ignored. */
static void write_register(struct cmos *c, uint8_t value)
{
	switch (c->index) {
	case CMOS_STATUS_A:
		c->ram[CMOS_STATUS_A] = value & (uint8_t)~A_UIP;
		break;
	case CMOS_STATUS_B:
		/* BCD, 24 hours, no interrupts: that much is fixed. */
		c->ram[CMOS_STATUS_B] = (value & B_SET) | B_24H;
		break;
	default:
		c->ram[c->index] = value;
		break;
	}
}

static uint64_t cmos_read(struct device *dev, unsigned int window, uint64_t off,
			  unsigned int len)
{
	struct cmos *c = container_of(dev, struct cmos, dev);

	/* The index port is write-only. */
	if (len == 1)
		return off ? read_register(c) : 0xff;
	return 0xff | (uint64_t)read_register(c) << 8;
}

static void cmos_write(struct device *dev, unsigned int window, uint64_t off,
		       unsigned int len, uint64_t value)
{
	struct cmos *c = container_of(dev, struct cmos, dev);

	if (off == 0) {
		c->index = value & INDEX_MASK;
		value >>= 8;
	}
	if (off == 1 || len == 2)
		write_register(c, (uint8_t)value);
}

static int cmos_snapshot(struct device *dev, struct snap *s)
{
	struct cmos *c = container_of(dev, struct cmos, dev);

	snap_begin(s, "cmos", 1);
	snap_u8(s, "index", &c->index);
	snap_bytes(s, "ram", c->ram, sizeof(c->ram));
	if (c->index & ~INDEX_MASK) {
		snap_reject(s, "index", "too large");
		c->index = 0;
	}
	if (c->ram[CMOS_STATUS_A] & A_UIP ||
	    (c->ram[CMOS_STATUS_B] & ~B_SET) != B_24H)
		snap_reject(s, "ram", "a status that cannot be");
	snap_end(s);
	return snap_error(s);
}

static void cmos_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct cmos, dev));
}

static const struct device_ops cmos_ops = {
	.name = "cmos",
	.read = cmos_read,
	.write = cmos_write,
	.snapshot = cmos_snapshot,
	.destroy = cmos_destroy,
};

/* Little-endian, @len bytes; a value that does not fit is the largest. */
static void put(struct cmos *c, unsigned int at, unsigned int len,
		uint64_t value)
{
	value = min_u64(value, (UINT64_C(1) << (8 * len)) - 1);
	for (unsigned int i = 0; i < len; i++)
		c->ram[at + i] = (uint8_t)(value >> (8 * i));
}

static uint64_t above(uint64_t size, uint64_t start)
{
	return size > start ? size - start : 0;
}

static void put_memory(struct cmos *c, uint64_t low_ram, uint64_t high_ram)
{
	uint64_t ext = min_u64(above(low_ram, MIB), 63 * MIB);

	put(c, CMOS_BASE_KIB, 2, min_u64(low_ram, 640 * KIB) / KIB);
	put(c, CMOS_EXT_KIB, 2, ext / KIB);
	put(c, CMOS_EXT_KIB_2, 2, ext / KIB);
	put(c, CMOS_ABOVE_16M, 2, above(low_ram, 16 * MIB) / (64 * KIB));
	put(c, CMOS_HIGH, 3, high_ram / (64 * KIB));
}

int cmos_create(struct device **out, const char *id, uint64_t low_ram,
		uint64_t high_ram)
{
	struct cmos *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (!c)
		return -ENOMEM;
	device_init(&c->dev, &cmos_ops, id);
	c->ram[CMOS_STATUS_A] = A_DIVIDER;
	c->ram[CMOS_STATUS_B] = B_24H;
	put_memory(c, low_ram, high_ram);
	*out = &c->dev;
	return 0;
}
