// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames, buffers and commands that a network device has to refuse: the entries
 * DN01 to DN07 and DN09 to DN11. Two devices are each other's peer; the first
 * one is the victim.
 */
#include "guest_attack.h"
#include "guest_nic.h"

const char guest_name[] = "bad_virtio_net";

#define SIZE 16
#define LONG 256

#define NAP_MS 3000

#define FRAME 60u
#define QUIET_US 1500

#define CTRL (NIC_F_CTRL | NIC_F_CTRL_RX | NIC_F_CTRL_RX_EXTRA | NIC_F_CTRL_MAC)

static struct nic a;
static struct nic b;

static void start(uint64_t features, uint16_t size)
{
	nic_start(&a, features, size);
	nic_start(&b, features, size);
}

static void works(const char *id)
{
	nic_check(&a, &b, id);
	nic_check(&b, &a, id);
}

static void other(const char *id)
{
	entropy_check(&witness, id);
}

/* The chain is used up and no frame comes out of it. */
static void no_frame(const struct vq_buf *bufs, unsigned int count)
{
	struct vq_done done;

	vq_add(&a.tx, bufs, count);
	vq_kick(&a.tx);
	if (!vq_wait(&a.tx, &done, (uint16_t)count) || done.len)
		guest_fail("%s: a chain is not dropped", attack_now->id);
	if (nic_receive(&b, QUIET_US))
		guest_fail("%s: a frame comes out of it", attack_now->id);
}

static void dn01_short_chains(void)
{
	static const uint32_t lens[] = { 0, 1, 10, 11, 12, 13, 25 };

	nic_frame(&a, FRAME, 1);
	for (unsigned int i = 0; i < 7; i++)
		no_frame(&(struct vq_buf){ a.out, lens[i], 0 }, 1);
	no_frame((const struct vq_buf[]){ { a.out, 6, 0 }, { a.out, 5, 0 } },
		 2);
	no_frame(&(struct vq_buf){ a.out, NIC_HEADER + FRAME, VQ_WRITE }, 1);
}

static void dn02_sizes(void)
{
	struct vq_buf many[LONG];

	nic_frame(&a, FRAME, 1);
	no_frame(&(struct vq_buf){ a.out, NIC_HEADER + 1, 0 }, 1);
	no_frame(&(struct vq_buf){ a.out, NIC_HEADER + 13, 0 }, 1);
	no_frame(&(struct vq_buf){ a.out, NIC_HEADER + (1u << 17), 0 }, 1);
	no_frame(&(struct vq_buf){ a.out, 128u << 20, 0 }, 1);
	no_frame(&(struct vq_buf){ a.out, UINT32_MAX, 0 }, 1);
	for (unsigned int i = 0; i < LONG; i++)
		many[i] = (struct vq_buf){ a.out, i ? 1024 : NIC_HEADER, 0 };
	no_frame(many, LONG);
	/* as many parts as there may be: a good frame */
	for (unsigned int i = 0; i < NIC_HEADER + FRAME; i++)
		many[i] = (struct vq_buf){ a.out + i, 1, 0 };
	nic_post(&b);
	vq_add(&a.tx, many, NIC_HEADER + FRAME);
	vq_kick(&a.tx);
	if (!vq_wait(&a.tx, &(struct vq_done){ 0 }, NIC_HEADER + FRAME) ||
	    nic_receive(&b, 2000000) != 1)
		guest_fail("DN02: a frame in single bytes is lost");
}

static void dn03_offloads(void)
{
	static const struct {
		uint8_t flags, type;
		uint16_t hdr_len, size, start, offset;
	} bad[] = {
		{ 1, 0, 0, 0, 14, 2 },	  { 1, 0, 0, 0, 0xffff, 0xffff },
		{ 1, 0, 0, 0, 60, 0 },	  { 0, 1, 54, 100, 0, 0 },
		{ 1, 1, 54, 100, 34, 16 }, { 1, 1, 0, 0, 34, 16 },
		{ 1, 1, 0xffff, 1, 34, 16 }, { 0, 2, 0, 0, 0, 0 },
		{ 0, 3, 42, 8, 0, 0 },	  { 0, 4, 54, 100, 0, 0 },
		{ 0, 5, 42, 8, 0, 0 },	  { 0, 0x80, 0, 0, 0, 0 },
		{ 0, 0x81, 54, 100, 0, 0 }, { 0xff, 0xff, 0xffff, 0xffff,
						  0xffff, 0xffff },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		nic_frame(&a, FRAME, 1);
		mmio_write8(a.out, bad[i].flags);
		mmio_write8(a.out + 1, bad[i].type);
		mmio_write16(a.out + 2, bad[i].hdr_len);
		mmio_write16(a.out + 4, bad[i].size);
		mmio_write16(a.out + 6, bad[i].start);
		mmio_write16(a.out + 8, bad[i].offset);
		no_frame(&(struct vq_buf){ a.out, NIC_HEADER + FRAME, 0 }, 1);
	}
}

static void dn04_ignored_fields(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		nic_frame(&a, FRAME, 5 + i);
		mmio_write8(a.out, i & 1 ? 2 : 0); /* DATA_VALID */
		mmio_write16(a.out + 10, i & 2 ? 0xffff : 0);
		nic_post(&b);
		if (!nic_send(&a, NIC_HEADER + FRAME) ||
		    nic_receive(&b, 2000000) != 5 + i)
			guest_fail("DN04: a frame is lost");
		if (mmio_read8(b.in) || mmio_read16(b.in + 10) > 1)
			guest_fail("DN04: the fields come out again");
	}
}

/* A receive buffer of the victim's made of @bufs, and a frame for it; what is
 * used of it, UINT32_MAX: nothing. */
static uint32_t receive_into(const struct vq_buf *bufs, unsigned int count,
			     uint32_t frame)
{
	struct vq_done done;

	vq_add(&a.rx, bufs, count);
	vq_kick(&a.rx);
	nic_frame(&b, frame, 1);
	if (!nic_send(&b, NIC_HEADER + frame))
		guest_fail("%s: the peer cannot send", attack_now->id);
	for (unsigned int i = 0; i < 30; i++) {
		if (vq_take(&a.rx, &done, (uint16_t)count))
			return done.len;
		guest_delay_us(100);
	}
	return UINT32_MAX;
}

/* Without a frame in it; then the device starts again, for the buffer may or
 * may not have been kept. */
static void unusable(const struct vq_buf *bufs, unsigned int count,
		     uint32_t frame)
{
	uint32_t len = receive_into(bufs, count, frame);

	if (len && len != UINT32_MAX)
		guest_fail("%s: %u bytes in an unusable buffer", attack_now->id,
			   len);
	nic_start(&a, attack_now->features, attack_now->size);
	works(attack_now->id);
}

static void dn05_small_buffers(void)
{
	static const uint32_t lens[] = { 1, 8, 11, 12, 25, 71 };

	for (unsigned int i = 0; i < 6; i++)
		unusable(&(struct vq_buf){ a.in, lens[i], VQ_WRITE }, 1, FRAME);
	unusable(&(struct vq_buf){ a.in, NIC_HEADER + 1499, VQ_WRITE }, 1,
		 1500);
}

static void dn06_directions(void)
{
	unusable(&(struct vq_buf){ a.in, NIC_BUFFER, 0 }, 1, FRAME);
	unusable((const struct vq_buf[]){ { a.in, 256, 0 },
					  { a.in, 1024, VQ_WRITE } }, 2, FRAME);
	unusable((const struct vq_buf[]){ { a.in, 1024, VQ_WRITE },
					  { a.in, 64, 0 } }, 2, FRAME);
	unusable(&(struct vq_buf){ a.in, 0, VQ_WRITE }, 1, FRAME);
	unusable(&(struct vq_buf){ guest_ram_end(), NIC_BUFFER, VQ_WRITE }, 1,
		 FRAME);
}

/* A frame for four buffers, of which there is one; then there are more. */
static void dn07_too_few_buffers(void)
{
	struct vq *q = &a.rx;
	struct vq_done done;

	for (uint16_t i = 0; i < SIZE; i++)
		vq_write_at(q, i, a.in + 128u * i, 128, VQ_WRITE, 0);
	vq_offer(q, 0);
	vq_kick(q);
	nic_frame(&b, 500, 77);
	nic_send(&b, NIC_HEADER + 500);
	guest_delay_us(3000);
	if (vq_take(q, &done, 1) && done.len)
		guest_fail("DN07: a part of a frame is published");
	for (uint16_t i = 1; i < 8; i++)
		vq_offer(q, i);
	vq_kick(q);
	nic_frame(&b, 500, 78); /* if the first one was dropped */
	nic_send(&b, NIC_HEADER + 500);
	if (!vq_wait(q, &done, 1) || done.len != 128)
		guest_fail("DN07: no frame in enough buffers");
	if (mmio_read16(a.in + 128u * done.id + 10) != 4)
		guest_fail("DN07: a frame in %u buffers",
			   mmio_read16(a.in + 128u * done.id + 10));
	start(0, SIZE);
}

static struct vq ctrl_copy;

/* One command; the answer, 0xff when there is none. */
static uint8_t command(uint16_t class_and_number, uint32_t len)
{
	uint64_t at = target.header;
	struct vq_done done;

	mmio_write16(at, class_and_number);
	mmio_write8(target.status, 0xff);
	vq_add(&a.ctrl, (const struct vq_buf[]){
		{ at, 2, 0 }, { target.data, len, 0 },
		{ target.status, 1, VQ_WRITE } }, 3);
	vq_kick(&a.ctrl);
	if (!vq_wait(&a.ctrl, &done, 3))
		guest_fail("%s: a command is lost", attack_now->id);
	return mmio_read8(target.status);
}

static void refuses(uint16_t class_and_number, uint32_t len)
{
	uint8_t answer = command(class_and_number, len);

	if (answer != 1)
		guest_fail("DN09: command %x with %u bytes: %u",
			   class_and_number, len, answer);
}

static void dn09_commands(void)
{
	static const uint32_t counts[] = { 1, 0xffff, 0x2aaaaaab, 0x55555556,
					   0x80000000, UINT32_MAX };
	struct vq_done done;

	for (uint16_t c = 2; c < 256; c += 23) /* classes */
		refuses(c, 1);
	for (uint16_t n = 6; n < 256; n += 50) /* commands */
		refuses((uint16_t)(n << 8), 1);
	refuses(0x0201, 8);
	refuses(0, 0);
	refuses(0, 2);
	refuses(0x0101, 5); /* MAC_ADDR_SET */
	refuses(0x0101, 7);
	mmio_write64(target.data, 0);
	refuses(0x0101, 6); /* no address */
	mmio_write64(target.data, UINT64_MAX);
	refuses(0x0101, 6); /* everybody's */
	for (unsigned int i = 0; i < 6; i++) { /* MAC_TABLE_SET */
		mmio_write32(target.data, counts[i]);
		mmio_write32(target.data + 4, counts[i]);
		refuses(0x0001, 4);
		refuses(0x0001, 8);
		if (i)
			refuses(0x0001, 256);
	}
	mmio_write64(target.data, 2);
	refuses(0x0004, 2); /* pairs, without MQ */
	mmio_write64(target.data, 0);
	refuses(0x0004, 2);
	vq_add(&a.ctrl, &(struct vq_buf){ target.header, 2, 0 }, 1);
	vq_kick(&a.ctrl);
	if (!vq_wait(&a.ctrl, &done, 1) || done.len)
		guest_fail("DN09: a command without a place for the answer");
	mmio_write64(target.data, 1);
	if (command(0, 1))
		guest_fail("DN09: a good command is refused");
}

static void dn09_not_negotiated(void)
{
	vq_place(&a.ctrl, &a.dev, 2, SIZE);
	vq_add(&a.ctrl, &(struct vq_buf){ target.header, 2, 0 }, 1);
	vq_kick(&a.ctrl);
	if (!vq_quiet(&a.ctrl, QUIET_US))
		guest_fail("DN09: commands without the feature");
}

/* Promiscuous, not, and again; a table of two addresses. */
static void commands(void)
{
	static unsigned int n;
	static const uint16_t kinds[] = { 0x0000, 0x0100, 0x0001, 0x0002 };

	n++;
	mmio_write32(target.data, n % 4 == 2 ? 0 : 1);
	mmio_write32(target.data + 4, 0);
	mmio_write16(target.header, kinds[n % 4]);
	vq_add(&ctrl_copy, (const struct vq_buf[]){
		{ target.header, 2, 0 },
		{ target.data, n % 4 == 2 ? 8 : 1, 0 },
		{ target.status, 1, VQ_WRITE } }, 3);
	vq_kick(&ctrl_copy);
	vq_wait(&ctrl_copy, &(struct vq_done){ 0 }, 3);
}

static void dn10_commands_meanwhile(void)
{
	ctrl_copy = a.ctrl;
	racer_start(commands);
	for (unsigned int i = 0; i < 100; i++)
		works("DN10");
	racer_stop();
	a.ctrl = ctrl_copy;
}

/* @to has no buffers; @from sends until nothing more is taken. */
static void flood(struct nic *from, struct nic *to)
{
	struct vq_done done;
	unsigned int sent = 0, waits = 0;
	uint32_t begin;

	nic_frame(from, FRAME, 3);
	for (; sent < 3000 && !waits; sent++) {
		vq_add(&from->tx,
		       &(struct vq_buf){ from->out, NIC_HEADER + FRAME, 0 }, 1);
		vq_kick(&from->tx);
		for (unsigned int i = 0; !vq_take(&from->tx, &done, 1); i++)
			if (i > 20000) {
				waits++;
				break;
			}
	}
	entropy_check(&witness, "DN11");
	attack_nap(NAP_MS);
	begin = pm_timer();
	if (!nic_receive(to, 1000000))
		guest_fail("DN11: no frame after a flood of %u", sent);
	if (pm_timer() - begin > PM_TIMER_HZ)
		guest_fail("DN11: the first frame takes more than a second");
	while (nic_receive(to, 20000))
		;
	if (waits && !vq_wait(&from->tx, &done, 1))
		guest_fail("DN11: the sender is stuck");
}

static void dn11_floods(void)
{
	flood(&b, &a);
	start(0, SIZE);
	flood(&a, &b);
}

static const struct attack attacks[] = {
	{ "DN01", dn01_short_chains, LIVES, SIZE, 0 },
	{ "DN02", dn02_sizes, LIVES, LONG, 0 },
	{ "DN03", dn03_offloads, LIVES, SIZE, 0 },
	{ "DN04", dn04_ignored_fields, LIVES, SIZE, 0 },
	{ "DN05", dn05_small_buffers, LIVES, SIZE, 0 },
	{ "DN06", dn06_directions, LIVES, SIZE, 0 },
	{ "DN07", dn07_too_few_buffers, LIVES, SIZE, NIC_F_MRG },
	{ "DN09", dn09_commands, LIVES, SIZE, CTRL },
	{ "DN09", dn09_not_negotiated, LIVES, SIZE, 0 },
	{ "DN10", dn10_commands_meanwhile, LIVES, SIZE, CTRL },
	{ "DN11", dn11_floods, LIVES, SIZE, 0 },
};

void guest_main(void)
{
	const struct victim victim = { &a.dev, start, works, other };

	nic_open(&a, 0);
	nic_open(&b, 1);
	target.header = guest_pages(3); /* for commands */
	target.data = target.header + GUEST_PAGE;
	target.status = target.data + GUEST_PAGE;
	entropy_open(&witness);
	entropy_start(&witness, 0, 8);
	attack_all(&victim, ATTACKS(attacks));
	guest_pass();
}
