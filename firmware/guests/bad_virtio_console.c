// SPDX-License-Identifier: BSD-3-Clause
/*
 * Console devices, used wrongly: the entries DC01 to DC05 and DC08. The first
 * one is a terminal, whose output is looked at. The second one has three ports:
 * bytes into a file, a terminal that nobody reads, and nothing.
 */
#include "guest_attack.h"

const char guest_name[] = "bad_virtio_console";

#define SIZE   8
#define LONG   64
#define PORTS  3
#define QUEUES (2 * PORTS + 2)

#define F_MULTIPORT (1ULL << 1)
#define F_EMERGENCY (1ULL << 2)

#define CTRL_RX 2
#define CTRL_TX 3

#define MAX_PORTS 4 /* in the configuration space */
#define EMERGENCY 8

#define EVENT_READY      0
#define EVENT_PORT_ADD   1
#define EVENT_PORT_READY 3
#define EVENT_PORT_OPEN  6

#define NAP_MS 1500
#define PATIENCE_S 3u

#define HELD_MOST (1u << 20) /* with what a terminal holds itself */

static struct vio console; /* with ports */
static struct vq queue[QUEUES];
static struct vio terminal;
static struct vq keys;
static struct vq screen;
static uint64_t text;    /* two pages */
static uint64_t message; /* a page for control messages, both ways */

static unsigned int tx_of(unsigned int port)
{
	return port ? 2 * port + 3 : 1;
}

static bool send_on(struct vq *q, uint64_t at, uint32_t len)
{
	struct vq_done done;

	vq_add(q, &(struct vq_buf){ at, len, 0 }, 1);
	vq_kick(q);
	return vq_wait(q, &done, 1);
}

static bool send(unsigned int n, uint64_t at, uint32_t len)
{
	return send_on(&queue[n], at, len);
}

static void control(uint32_t port, uint16_t event, uint16_t value, uint32_t len)
{
	mmio_write32(message, port);
	mmio_write16(message + 4, event);
	mmio_write16(message + 6, value);
	if (!send(CTRL_TX, message, len))
		guest_fail("%s: a control message is not taken",
			   attack_now->id);
}

/* Takes control messages until there are no more; how many. The first @least
 * are waited for with patience. */
static unsigned int take_messages(unsigned int least)
{
	struct vq *q = &queue[CTRL_RX];
	uint32_t start = pm_timer();
	struct vq_done done;
	unsigned int count = 0;

	while (true) {
		vq_add(q, &(struct vq_buf){ message + 64, 64, VQ_WRITE }, 1);
		vq_kick(q);
		for (unsigned int i = 0; !vq_take(q, &done, 1); i++) {
			if (i < 300 ||
			    (count < least &&
			     pm_timer() - start < PATIENCE_S * PM_TIMER_HZ))
				continue;
			return count; /* the buffer stays */
		}
		if (done.len < 8)
			guest_fail("a control message of %u bytes", done.len);
		count++;
	}
}

static void start(uint64_t features, uint16_t size)
{
	vio_begin(&console, features | F_MULTIPORT);
	for (uint16_t i = 0; i < QUEUES; i++)
		vq_init(&queue[i], &console, i, size);
	vio_go(&console);
	vio_take_isr(&console);
}

static void start_terminal(uint64_t features, uint16_t size)
{
	vio_begin(&terminal, features);
	vq_init(&keys, &terminal, 0, size);
	vq_init(&screen, &terminal, 1, size);
	vio_go(&terminal);
	vio_take_isr(&terminal);
}

/* The ports come, are ready and open. */
static void open_ports(void)
{
	control(0xffffffff, EVENT_READY, 1, 8);
	for (uint32_t port = 0; port < PORTS; port++) {
		control(port, EVENT_PORT_READY, 1, 8);
		control(port, EVENT_PORT_OPEN, 1, 8);
	}
	if (take_messages(PORTS) < PORTS)
		guest_fail("the ports are not announced");
}

static uint32_t put(const char *s)
{
	uint32_t len = 0;

	for (; s[len]; len++)
		mmio_write8(text + len, (uint8_t)s[len]);
	return len;
}

static void works(const char *id)
{
	start(0, SIZE);
	open_ports();
	if (!send(tx_of(2), text, put("through\n")) ||
	    !send(tx_of(0), text, put("through\n")) ||
	    !send_on(&screen, text, put("virtio console\n")))
		guest_fail("%s: output is not taken, status %x", id,
			   vio_status(&console));
}

static void other(const char *id)
{
	entropy_check(&witness, id);
}

/* Port 1 takes some, then waits; the others do not. */
static void dc01_flood(void)
{
	struct vq *q = &queue[tx_of(1)];
	struct vq_done done;
	uint32_t total = 0;
	bool stuck = false;

	open_ports();
	put("nobody reads this");
	while (!stuck && total < 4u * HELD_MOST) {
		vq_add(q, &(struct vq_buf){ text, 4096, 0 }, 1);
		vq_kick(q);
		stuck = true;
		for (unsigned int i = 0; stuck && i < 5000; i++)
			stuck = !vq_take(q, &done, 1);
		total += stuck ? 0 : 4096;
	}
	if (stuck && total > HELD_MOST)
		guest_fail("DC01: %u bytes are held", total);
	if (!send(tx_of(2), text, put("not stuck\n")))
		guest_fail("DC01: another port is stuck, too");
	entropy_check(&witness, "DC01");
	attack_nap(NAP_MS);
}

static void dropped(struct vq *q, const struct vq_buf *bufs,
		    unsigned int count)
{
	struct vq_done done;

	vq_add(q, bufs, count);
	vq_kick(q);
	if (!vq_wait(q, &done, (uint16_t)count) || done.len)
		guest_fail("DC02: a chain on queue %u is not dropped",
			   q->number);
}

static void wrong_ways(struct vq *rx, struct vq *tx)
{
	uint32_t len = put("must not be seen\n");

	dropped(tx, &(struct vq_buf){ text, len, VQ_WRITE }, 1);
	dropped(tx, (const struct vq_buf[]){ { text, len, 0 },
					     { text, 8, VQ_WRITE } }, 2);
	dropped(tx, &(struct vq_buf){ text, 0, 0 }, 1);
	dropped(rx, &(struct vq_buf){ text, len, 0 }, 1);
	dropped(rx, (const struct vq_buf[]){ { text, 8, 0 },
					     { text, 8, VQ_WRITE } }, 2);
	dropped(rx, &(struct vq_buf){ text, 0, VQ_WRITE }, 1);
}

static void dc02_directions(void)
{
	open_ports();
	wrong_ways(&queue[tx_of(0) - 1], &queue[tx_of(0)]);
	wrong_ways(&queue[tx_of(2) - 1], &queue[tx_of(2)]);
	dropped(&queue[CTRL_TX], &(struct vq_buf){ message, 8, VQ_WRITE }, 1);
	start_terminal(0, SIZE);
	guest_delay_us(500000); /* it is quiet, so that input may come */
	wrong_ways(&keys, &screen);
}

/* A line in single bytes, and one in three parts. */
static void dc03_chained(void)
{
	struct vq *q = &screen;
	struct vq_buf bufs[40];
	struct vq_done done;
	uint32_t len = put("DC03: in single bytes\n");

	start_terminal(0, LONG);
	for (unsigned int i = 0; i < len; i++)
		bufs[i] = (struct vq_buf){ text + i, 1, 0 };
	vq_add(q, bufs, len);
	vq_kick(q);
	if (!vq_wait(q, &done, (uint16_t)len))
		guest_fail("DC03: the chain is lost");
	put("DC03: in three parts\n");
	vq_add(q, (const struct vq_buf[]){ { text, 6, 0 }, { text + 6, 3, 0 },
					   { text + 9, 12, 0 } }, 3);
	vq_kick(q);
	if (!vq_wait(q, &done, 3))
		guest_fail("DC03: the chain is lost");
}

static void dc04_control(void)
{
	static const uint32_t lens[] = { 0, 1, 4, 7, 9, 4096 };
	static const uint32_t ports[] = { PORTS, PORTS + 1, 16, 64, 0x7fffffff,
					  0x80000000, UINT32_MAX };

	open_ports();
	for (unsigned int i = 0; i < 6; i++)
		control(0, EVENT_PORT_OPEN, 1, lens[i]);
	for (uint16_t event = 0; event < 12; event++)
		for (unsigned int i = 0; i < 7; i++)
			control(ports[i], event, 0xffff, 8);
	for (unsigned int i = 0; i < 20; i++) /* ready again and again */
		control(UINT32_MAX, EVENT_READY, i & 1, 8);
	control(0, 0x8000, 1, 8);
	control(0, EVENT_PORT_ADD, 1, 8); /* ours to say, not the driver's */
	take_messages(0);
}

static void dc05_emergency(void)
{
	static const char line[] = "DC05: before DRIVER_OK\n";
	uint64_t at = terminal.config + EMERGENCY;

	vio_reset(&terminal);
	for (unsigned int i = 0; line[i]; i++)
		mmio_write32(at, (uint8_t)line[i]);
	start_terminal(F_EMERGENCY, SIZE);
	mmio_write64(at - 4, 0); /* over both fields */
	mmio_write16(at + 1, 0x4141);
	for (unsigned int i = 0; i < 100; i++) /* of a device without one */
		mmio_write32(console.config + EMERGENCY, '!');
	if (mmio_read32(console.config + MAX_PORTS) != PORTS)
		guest_fail("DC05: %u ports",
			   mmio_read32(console.config + MAX_PORTS));
}

/* Bytes that a terminal would act upon, into the file. */
static void dc08_bytes(void)
{
	open_ports();
	for (uint32_t i = 0; i < 4096; i++)
		mmio_write8(text + i, (uint8_t)i);
	if (!send(tx_of(0), text, 4096) ||
	    !send(tx_of(0), text, put("\033[2J\033]0;title\a\xc3\x28\xff")))
		guest_fail("DC08: the bytes are not taken");
}

static const struct attack attacks[] = {
	{ "DC01", dc01_flood, LIVES, SIZE, 0 },
	{ "DC02", dc02_directions, LIVES, SIZE, 0 },
	{ "DC03", dc03_chained, LIVES, SIZE, 0 },
	{ "DC04", dc04_control, LIVES, SIZE, 0 },
	{ "DC05", dc05_emergency, LIVES, SIZE, 0 },
	{ "DC08", dc08_bytes, LIVES, SIZE, VIO_F_PACKED },
};

void guest_main(void)
{
	const struct victim victim = { &console, start, works, other };

	vio_open(&terminal, VIO_CONSOLE, 0);
	vio_open(&console, VIO_CONSOLE, 1);
	text = guest_pages(2);
	message = guest_pages(1);
	entropy_open(&witness);
	entropy_start(&witness, 0, SIZE);
	start_terminal(0, SIZE);
	attack_all(&victim, ATTACKS(attacks));
	guest_pass();
}
