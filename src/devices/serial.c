// SPDX-License-Identifier: BSD-3-Clause
/*
 * See serial.h. Register names and bits: PC16550D datasheet, table 2 and
 * section 8. A byte written to the transmitter leaves at once, so the transmit
 * FIFO is always empty; the character timeout is reported at once too.
 *
 * The interrupt line is the PC's: gated by OUT2, off in loopback mode.
 */
#include "devices/serial.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/snap.h"

#define FIFO_SIZE 16

/* Register offsets, as read / as written */
enum {
	REG_RBR_THR, /* with LCR_DLAB: the divisor's low byte */
	REG_IER,     /* with LCR_DLAB: its high byte */
	REG_IIR_FCR,
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR,
};

#define IER_RDA  0x01 /* received data available */
#define IER_THRE 0x02 /* transmitter holding register empty */
#define IER_RLS  0x04 /* receiver line status */
#define IER_MS   0x08 /* modem status */
#define IER_MASK 0x0f

#define IIR_NONE    0x01
#define IIR_MS      0x00
#define IIR_THRE    0x02
#define IIR_RDA     0x04
#define IIR_RLS     0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFOS   0xc0

#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02

#define LCR_DLAB 0x80

#define MCR_DTR  0x01
#define MCR_RTS  0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define MCR_MASK 0x1f

#define LSR_DR     0x01
#define LSR_OE     0x02
#define LSR_ERRORS 0x1e /* OE, PE, FE, BI: cleared by reading LSR */
#define LSR_THRE   0x20
#define LSR_TEMT   0x40

#define MSR_DELTAS 0x0f
#define MSR_TERI   0x04 /* RI went from 1 to 0 */
#define MSR_CTS    0x10
#define MSR_DSR    0x20
#define MSR_RI     0x40
#define MSR_DCD    0x80

struct serial {
	struct device dev;
	struct irq irq;
	struct char_dev *chr; /* not owned */
	bool input;           /* it is ours */
	bool line;            /* what irq was set to last */
	bool thre_pending;    /* the THRE interrupt, until IIR reports it */
	unsigned int sending; /* bytes that char_write() has not taken yet */
	uint8_t ier;
	uint8_t fcr;
	uint8_t lcr;
	uint8_t mcr;
	uint8_t errors; /* the LSR_ERRORS bits */
	uint8_t msr;
	uint8_t scr;
	uint8_t divisor[2];
	uint8_t fifo[FIFO_SIZE];
	unsigned int head;
	unsigned int count;
};

static bool loops(const struct serial *u)
{
	return u->mcr & MCR_LOOP;
}

static unsigned int capacity(const struct serial *u)
{
	return u->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

/* How many bytes make a data interrupt. */
static unsigned int trigger(const struct serial *u)
{
	static const uint8_t level[] = { 1, 4, 8, 14 };

	return u->fcr & FCR_ENABLE ? level[u->fcr >> 6] : 1;
}

/* The interrupt of the highest priority (datasheet, table 5). */
static uint8_t identify(const struct serial *u)
{
	if ((u->ier & IER_RLS) && u->errors)
		return IIR_RLS;
	if ((u->ier & IER_RDA) && u->count >= trigger(u))
		return IIR_RDA;
	if ((u->ier & IER_RDA) && u->count)
		return IIR_TIMEOUT;
	if ((u->ier & IER_THRE) && u->thre_pending)
		return IIR_THRE;
	if ((u->ier & IER_MS) && (u->msr & MSR_DELTAS))
		return IIR_MS;
	return IIR_NONE;
}

static void update_irq(struct serial *u)
{
	bool line = identify(u) != IIR_NONE && (u->mcr & MCR_OUT2) && !loops(u);

	if (line == u->line)
		return;
	u->line = line;
	irq_set(&u->irq, line);
}

static void receive(struct serial *u, uint8_t byte)
{
	if (u->count == capacity(u)) {
		u->errors |= LSR_OE;
		/* Without FIFOs the new byte takes the old one's place. */
		if (!(u->fcr & FCR_ENABLE))
			u->fifo[u->head] = byte;
		return;
	}
	u->fifo[(u->head + u->count) % FIFO_SIZE] = byte;
	u->count++;
}

static void take(struct serial *u, size_t max)
{
	uint8_t bytes[FIFO_SIZE];
	size_t n = u->input ? char_read(u->chr, bytes, max) : 0;

	for (size_t i = 0; i < n; i++)
		receive(u, bytes[i]);
}

/*
 * Input is left in the backend until the guest wants it: a driver that starts
 * clears the FIFO and reads away what it finds, and piped input would lose its
 * first bytes. In loopback mode the outside line is cut off.
 *
 * A driver that the data interrupt can reach gets what there is room for.
 */
static void fetch(struct serial *u)
{
	if ((u->ier & IER_RDA) && (u->mcr & MCR_OUT2) && !loops(u))
		take(u, capacity(u) - u->count);
}

/* A driver that polls gets a byte when it looks at LSR (or at IIR, if that can
 * show it), unless it holds us off by hardware flow control: DTR, no RTS. */
static void fetch_polled(struct serial *u)
{
	bool held_off = (u->mcr & MCR_DTR) && !(u->mcr & MCR_RTS);

	if (!u->count && !loops(u) && !held_off)
		take(u, 1);
}

static void clear_fifo(struct serial *u)
{
	u->head = 0;
	u->count = 0;
}

static uint8_t read_rbr(struct serial *u)
{
	uint8_t byte = 0;

	if (u->count) {
		byte = u->fifo[u->head];
		u->head = (u->head + 1) % FIFO_SIZE;
		u->count--;
	}
	if (!u->count)
		fetch(u);
	return byte;
}

static uint8_t read_iir(struct serial *u)
{
	uint8_t id;

	if (u->ier & IER_RDA)
		fetch_polled(u);
	id = identify(u);
	if (id == IIR_THRE)
		u->thre_pending = false;
	return id | (u->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static uint8_t read_lsr(struct serial *u)
{
	uint8_t lsr = u->errors;

	fetch_polled(u);
	if (u->count)
		lsr |= LSR_DR;
	if (!u->sending)
		lsr |= LSR_THRE | LSR_TEMT;
	u->errors = 0;
	return lsr;
}

static uint8_t read_msr(struct serial *u)
{
	uint8_t msr = u->msr;

	u->msr &= (uint8_t)~MSR_DELTAS;
	return msr;
}

/* The modem inputs: a terminal that is always there, or our own outputs
 * (datasheet, 8.7). The low bits say what has changed. */
static void update_msr(struct serial *u)
{
	uint8_t now = MSR_CTS | MSR_DSR | MSR_DCD;
	uint8_t changed;

	if (loops(u))
		now = (u->mcr & MCR_RTS ? MSR_CTS : 0) |
		      (u->mcr & MCR_DTR ? MSR_DSR : 0) |
		      (u->mcr & MCR_OUT1 ? MSR_RI : 0) |
		      (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
	changed = (u->msr ^ now) >> 4;
	if (now & MSR_RI)
		changed &= (uint8_t)~MSR_TERI;
	u->msr = now | (u->msr & MSR_DELTAS) | changed;
}

/*
 * The backend may make the writer wait for a slow reader. It must not wait
 * with the lock held: the loop's thread takes it to hand input over, and all
 * other backends would wait behind it.
 */
static void transmit(struct serial *u, uint8_t byte)
{
	u->sending++;
	pthread_mutex_unlock(&u->dev.lock);
	char_write(u->chr, &byte, 1);
	pthread_mutex_lock(&u->dev.lock);
	u->sending--;
}

static void write_thr(struct serial *u, uint8_t byte)
{
	/* The line falls and rises with every byte, for a driver that waits
	 * for an edge and never reads IIR. */
	u->thre_pending = false;
	update_irq(u);
	if (loops(u))
		receive(u, byte);
	else
		transmit(u, byte);
	if (!u->sending)
		u->thre_pending = true;
}

static void write_ier(struct serial *u, uint8_t value)
{
	/* Enabled while the transmitter is empty: an interrupt at once. */
	if ((value & ~u->ier & IER_THRE) && !u->sending)
		u->thre_pending = true;
	u->ier = value & IER_MASK;
	fetch(u);
}

static void write_fcr(struct serial *u, uint8_t value)
{
	if ((value ^ u->fcr) & FCR_ENABLE)
		clear_fifo(u);
	/* The other bits are programmed only with bit 0 set. */
	u->fcr = value & FCR_ENABLE ? value : 0;
	if (u->fcr & FCR_CLEAR_RX)
		clear_fifo(u);
	fetch(u);
}

static void write_mcr(struct serial *u, uint8_t value)
{
	u->mcr = value & MCR_MASK;
	update_msr(u);
	fetch(u);
}

static uint8_t read_register(struct serial *u, unsigned int reg)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case REG_RBR_THR:
		return dlab ? u->divisor[0] : read_rbr(u);
	case REG_IER:
		return dlab ? u->divisor[1] : u->ier;
	case REG_IIR_FCR:
		return read_iir(u);
	case REG_LCR:
		return u->lcr;
	case REG_MCR:
		return u->mcr;
	case REG_LSR:
		return read_lsr(u);
	case REG_MSR:
		return read_msr(u);
	case REG_SCR:
		return u->scr;
	default:
		return 0xff;
	}
}

static void write_register(struct serial *u, unsigned int reg, uint8_t value)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case REG_RBR_THR:
		if (dlab)
			u->divisor[0] = value;
		else
			write_thr(u, value);
		break;
	case REG_IER:
		if (dlab)
			u->divisor[1] = value;
		else
			write_ier(u, value);
		break;
	case REG_IIR_FCR:
		write_fcr(u, value);
		break;
	case REG_LCR:
		u->lcr = value;
		break;
	case REG_MCR:
		write_mcr(u, value);
		break;
	case REG_SCR:
		u->scr = value;
		break;
	default:
		break; /* LSR and MSR are written in factory tests only */
	}
}

/* A wider access is one access per byte, low byte first, as on the ISA bus. */
static uint64_t serial_read(struct device *dev, unsigned int window,
			    uint64_t off, unsigned int len)
{
	struct serial *u = container_of(dev, struct serial, dev);
	uint64_t value = 0;

	for (unsigned int i = 0; i < len; i++)
		value |= (uint64_t)read_register(u, (unsigned int)off + i)
			 << (8 * i);
	update_irq(u);
	return value;
}

static void serial_write(struct device *dev, unsigned int window, uint64_t off,
			 unsigned int len, uint64_t value)
{
	struct serial *u = container_of(dev, struct serial, dev);

	for (unsigned int i = 0; i < len; i++)
		write_register(u, (unsigned int)off + i,
			       (uint8_t)(value >> (8 * i)));
	update_irq(u);
}

static void on_readable(void *ctx)
{
	struct serial *u = ctx;

	pthread_mutex_lock(&u->dev.lock);
	fetch(u);
	update_irq(u);
	pthread_mutex_unlock(&u->dev.lock);
}

static const char *wrong(const struct serial *u)
{
	if (u->ier & ~IER_MASK || u->mcr & ~MCR_MASK ||
	    u->errors & ~LSR_ERRORS)
		return "bits that do not exist";
	if (u->fcr && !(u->fcr & FCR_ENABLE))
		return "FIFO bits without FIFOs";
	return u->count > capacity(u) ? "more bytes than there is room" : NULL;
}

/* A byte that is on its way out is the backend's already. */
static int serial_snapshot(struct device *dev, struct snap *s)
{
	struct serial *u = container_of(dev, struct serial, dev);
	uint8_t bytes[FIFO_SIZE] = { 0 };
	uint8_t count = (uint8_t)u->count;
	bool thre = u->thre_pending || u->sending;

	for (unsigned int i = 0; i < u->count; i++)
		bytes[i] = u->fifo[(u->head + i) % FIFO_SIZE];
	snap_begin(s, "serial", 1);
	snap_u8(s, "ier", &u->ier);
	snap_u8(s, "fcr", &u->fcr);
	snap_u8(s, "lcr", &u->lcr);
	snap_u8(s, "mcr", &u->mcr);
	snap_u8(s, "errors", &u->errors);
	snap_u8(s, "msr", &u->msr);
	snap_u8(s, "scr", &u->scr);
	snap_bytes(s, "divisor", u->divisor, sizeof(u->divisor));
	snap_bool(s, "thre", &thre);
	snap_u8(s, "count", &count);
	snap_bytes(s, "fifo", bytes, sizeof(bytes));
	snap_end(s);
	if (!snap_loading(s) || snap_error(s))
		return snap_error(s);
	u->thre_pending = thre;
	u->head = 0;
	u->count = count;
	for (unsigned int i = 0; i < FIFO_SIZE; i++)
		u->fifo[i] = bytes[i];
	if (wrong(u)) {
		snap_reject(s, "serial", wrong(u));
		u->count = 0;
		return snap_error(s);
	}
	fetch(u);
	update_irq(u);
	return 0;
}

static void serial_destroy(struct device *dev)
{
	struct serial *u = container_of(dev, struct serial, dev);

	if (u->input)
		char_listen(u->chr, (struct char_listener){ NULL, NULL });
	device_finish(dev);
	free(u);
}

static const struct device_ops serial_ops = {
	.name = "serial",
	.read = serial_read,
	.write = serial_write,
	.snapshot = serial_snapshot,
	.destroy = serial_destroy,
};

int serial_create(struct device **out, const char *id, struct irq irq,
		  struct char_dev *chr, bool input, const struct log *log)
{
	struct serial *u = calloc(1, sizeof(*u));

	*out = NULL;
	if (!u)
		return -ENOMEM;
	device_init(&u->dev, &serial_ops, id);
	u->irq = irq;
	u->chr = chr;
	u->input = input;
	u->divisor[0] = 12; /* 9600 baud */
	u->msr = MSR_CTS | MSR_DSR | MSR_DCD;
	*out = &u->dev;
	if (input)
		char_listen(chr, (struct char_listener){ on_readable, u });
	return 0;
}
