// SPDX-License-Identifier: BSD-3-Clause
/* What only virtio-mmio has: its registers by the wrong width and direction,
 * its window's ends. The entries T01, T02, T04, T31, T34. */
#include "guest_attack.h"

const char guest_name[] = "bad_virtio_mmio";

#define SIZE 8

#define WINDOW    0x1000u
#define WINDOWS   16
#define CONFIG    0x100u
#define STATUS    0x070u
#define NOTIFY    0x050u
#define SHM_SEL   0x0acu
#define SHM_FIRST 0x0b0u
#define SHM_LAST  0x0bcu

static const uint16_t writable[] = {
	0x014, 0x020, 0x024, 0x030, 0x038, 0x044, 0x050, 0x064, 0x070, 0x080,
	0x084, 0x090, 0x094, 0x0a0, 0x0a4, 0x0ac, 0x0c0,
};
static const uint16_t readable[] = {
	0x000, 0x004, 0x008, 0x00c, 0x010, 0x034, 0x044, 0x060, 0x070, 0x0b0,
	0x0b4, 0x0b8, 0x0bc, 0x0c0, 0x0fc,
};

static bool in(const uint16_t *list, unsigned int count, unsigned int off)
{
	for (unsigned int i = 0; i < count; i++)
		if (list[i] == off)
			return true;
	return false;
}

static void zero(unsigned int off, unsigned int len, uint64_t value)
{
	if (value)
		guest_fail("%s: %u bytes at %x are %lx", attack_now->id, len,
			   off, value);
}

static void t01_widths(void)
{
	uint64_t base = target.dev.base;

	for (unsigned int off = 0; off < CONFIG; off += 4) {
		zero(off, 1, mmio_read8(base + off));
		zero(off, 2, mmio_read16(base + off));
		zero(off, 8, mmio_read64(base + off));
		zero(off + 1, 4, off + 1 > CONFIG - 4 ?
		     0 : mmio_read32(base + off + 1));
		zero(off + 2, 2, mmio_read16(base + off + 2));
	}
	for (unsigned int off = 0; off < CONFIG; off += 4) {
		mmio_write8(base + off, 0);
		mmio_write16(base + off, 0);
		mmio_write64(base + off, 0);
		mmio_write8(base + off + 3, 0xff);
		mmio_write16(base + off + 1, 0xffff);
	}
	mmio_write32(base + STATUS + 1, 0);
	mmio_write32(base + STATUS - 1, 0);
}

static void t02_directions(void)
{
	uint64_t base = target.dev.base;
	uint32_t magic = mmio_read32(base);

	for (unsigned int off = 0; off < CONFIG; off += 4) {
		if (!in(readable, sizeof(readable) / 2, off))
			zero(off, 4, mmio_read32(base + off));
		if (!in(writable, sizeof(writable) / 2, off)) {
			mmio_write32(base + off, 0);
			mmio_write32(base + off, UINT32_MAX);
		}
	}
	if (mmio_read32(base) != magic || mmio_read32(base + 8) != VIO_BLK)
		guest_fail("T02: a register was written that is read-only");
}

static void t04_over_the_end(void)
{
	uint64_t base = target.dev.base;

	zero(WINDOW - 4, 4, mmio_read32(base + WINDOW - 4));
	zero(WINDOW - 4, 4, (uint32_t)mmio_read64(base + WINDOW - 4));
	zero(WINDOW - 2, 2, mmio_read32(base + WINDOW - 2) & 0xffff);
	zero(WINDOW - 1, 1, mmio_read16(base + WINDOW - 1) & 0xff);
	mmio_write64(base + WINDOW - 4, 0);
	mmio_write32(base + WINDOW - 2, 0);
	mmio_write16(base + WINDOW - 1, 0xffff);
	mmio_write64(base - 4, 0);
	mmio_write32(base - 2, UINT32_MAX);
}

static void t31_shared_memory(void)
{
	static const uint32_t regions[] = { 0, 1, 255, 256, UINT32_MAX };

	for (unsigned int i = 0; i < 5; i++) {
		mmio_write32(target.dev.base + SHM_SEL, regions[i]);
		for (unsigned int off = SHM_FIRST; off <= SHM_LAST; off += 4)
			if (mmio_read32(target.dev.base + off) != UINT32_MAX)
				guest_fail("T31: region %x has a register",
					   regions[i]);
	}
}

static void t34_nobody_else(void)
{
	unsigned int there = 0;

	for (unsigned int i = 0; i < WINDOWS; i++) {
		uint64_t at = LAYOUT_VIRTIO_MMIO + (uint64_t)i * WINDOW;

		if (at == target.dev.base || at == witness.dev.base) {
			there++;
			continue;
		}
		mmio_write32(at + STATUS, VIO_ACKNOWLEDGE);
		mmio_write32(at + NOTIFY, 0);
		if (mmio_read32(at) != UINT32_MAX ||
		    mmio_read64(at + CONFIG) != UINT64_MAX)
			guest_fail("T34: somebody is at %lx", at);
	}
	if (there != 2)
		guest_fail("T34: %u devices", there);
}

static const struct attack attacks[] = {
	{ "T01", t01_widths, LIVES, SIZE, 0 },
	{ "T02", t02_directions, LIVES, SIZE, 0 },
	{ "T04", t04_over_the_end, LIVES, SIZE, 0 },
	{ "T31", t31_shared_memory, LIVES, SIZE, 0 },
	{ "T34", t34_nobody_else, LIVES, SIZE, 0 },
};

void guest_main(void)
{
	if (!vio_on_mmio())
		guest_fail("no devices here");
	attack_disk(ATTACKS(attacks));
	guest_pass();
}
