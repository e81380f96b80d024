// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a driver, and the other end of the wire, can do to the network device.
 * The input is a program: frames to send and buffers to receive into, of any
 * shape; commands; bytes written over rings and descriptors; frames that come;
 * a backend that is full, fails, or loses its link; resets. The loop has no
 * thread here: who is woken, and when, the program says.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"
#include "devices/virtio/nic.h"
#include "devices/virtio/nic_frame.h"
#include "fake_net.h"
#include "fuzz_driver.h"

#define PAIRS     2
#define QUEUES    (2 * PAIRS + 1)
#define SIZE      16
#define DATA_RAM  (256 * 1024u) /* what buffers may name */
#define ALL_RAM   (512 * 1024u) /* with the rings behind it */
#define MAX_STEPS 256

struct loop_source {
	loop_fn fn;
	void *ctx;
	bool again;
};

struct program {
	const uint8_t *at;
	size_t left;
	struct driver_ram *ram;
	struct driver_ring ring[QUEUES];
	struct fake_net *net;
	struct virtio *v;
	bool hostile; /* has written over the rings: the model knows nothing */
	unsigned int checked; /* frames sent so far */
};

/* ---- a loop without a thread ---- */

static struct loop_source *timer; /* the device's */

int loop_add(struct loop_source **out, struct loop *loop, int fd,
	     uint32_t events, loop_fn fn, void *ctx)
{
	*out = malloc(sizeof(**out));
	must(*out);
	**out = (struct loop_source){ fn, ctx, false };
	return 0;
}

int loop_add_timer(struct loop_source **out, struct loop *loop, loop_fn fn,
		   void *ctx)
{
	int r = loop_add(out, loop, -1, 0, fn, ctx);

	timer = *out;
	return r;
}

void loop_arm(struct loop_source *source, uint64_t ns)
{
	must(source == timer && ns > 0);
}

void loop_again(struct loop_source *source)
{
	must(source != timer);
	source->again = true;
}

void loop_remove(struct loop_source *source)
{
	if (source == timer)
		timer = NULL;
	free(source);
}

/* ---- a transport ---- */

static void queue_irq(void *ctx, unsigned int n)
{
	must(n < QUEUES);
}

static void config_irq(void *ctx)
{
}

static const struct virtio_transport_ops transport = {
	.queue_irq = queue_irq,
	.config_irq = config_irq,
};

/* ---- the program ---- */

static uint8_t byte(struct program *p)
{
	if (!p->left)
		return 0;
	p->left--;
	return *p->at++;
}

static uint64_t number(struct program *p, unsigned int len)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < len; i++)
		v = v << 8 | byte(p);
	return v;
}

static uint32_t pick_len(struct program *p)
{
	static const uint32_t lens[] = {
		0, 1, 5, 11, 12, 13, 14, 25, 26, 27, 60, 100, 1526, 2048, 4096,
		65536, 65566, 70000, 0x80000000, UINT32_MAX,
	};

	return lens[byte(p) % ARRAY_SIZE(lens)];
}

static uint64_t pick_place(struct program *p)
{
	uint16_t at = (uint16_t)number(p, 2);

	if (at == UINT16_MAX)
		return UINT64_MAX - 255;
	if (at == UINT16_MAX - 1)
		return 0;
	return DRIVER_RAM_GPA + (uint64_t)at * 4 % DATA_RAM;
}

/* Up to 32 bytes of the input, anywhere in the data. */
static void write_data(struct program *p)
{
	uint64_t off = (uint64_t)number(p, 2) * 4 % DATA_RAM;
	uint64_t gpa = DRIVER_RAM_GPA + min_u64(off, DATA_RAM - 32);
	size_t len = min_u64(byte(p) % 33, p->left);

	memcpy(driver_ram_at(p->ram, gpa, 32), p->at, len);
	p->at += len;
	p->left -= len;
}

/* A chain that means something: a header and a frame, or a command. */
static void post_sense(struct program *p, unsigned int n)
{
	uint64_t gpa = DRIVER_RAM_GPA + (uint64_t)n * 8192;
	uint8_t *bytes = driver_ram_at(p->ram, gpa, 4096);
	uint32_t len = byte(p);
	struct driver_buf bufs[3];
	uint32_t cut = byte(p);

	memset(bytes, 0, 64);
	for (unsigned int i = byte(p) % 16; i; i--)
		bytes[i - 1] = byte(p);
	cut = (uint32_t)min_u64(cut, len);
	bufs[0] = (struct driver_buf){ gpa, cut, false };
	bufs[1] = (struct driver_buf){ gpa + cut, len - cut, false };
	bufs[2] = (struct driver_buf){ gpa + 4096, 1, true };
	driver_post(&p->ring[n], bufs, n % 2 ? 2 : 3);
}

/* A buffer that the device may write and that goes on into the rings: what it
 * completes there is the driver's own doing, as with overwrite(). */
static void note_reach(struct program *p, const struct driver_buf *buf)
{
	uint64_t end = DRIVER_RAM_GPA + DATA_RAM;

	if (buf->writable && buf->gpa < end && buf->len > end - buf->gpa)
		p->hostile = true;
}

static void post(struct program *p, unsigned int n)
{
	uint8_t shape = byte(p);
	unsigned int out = shape & 3, in = shape >> 2 & 3;
	struct driver_buf bufs[6];

	for (unsigned int i = 0; i < out + in; i++) {
		bufs[i].gpa = pick_place(p);
		bufs[i].len = pick_len(p);
		bufs[i].writable = i >= out;
		note_reach(p, &bufs[i]);
	}
	if (!(out + in))
		return;
	if (shape & 64 && p->ring[0].features.indirect)
		driver_post_indirect(&p->ring[n], bufs, out + in);
	else
		driver_post(&p->ring[n], bufs, out + in);
}

/* Receive buffers as a driver gives them. */
static void post_buffers(struct program *p, unsigned int pair)
{
	uint32_t len = byte(p) * 8u + 1;

	for (unsigned int i = byte(p) % SIZE; i; i--) {
		struct driver_buf buf = {
			DRIVER_RAM_GPA + 65536 + i * 4096ull, len, true,
		};

		driver_post(&p->ring[2 * pair], &buf, 1);
	}
}

/* Over the rings, too. */
static void overwrite(struct program *p)
{
	uint64_t off = (uint64_t)number(p, 2) * 2 % (ALL_RAM - DATA_RAM - 16);
	unsigned int len = byte(p) % 16 + 1;
	uint8_t *at = driver_ram_at(p->ram, DRIVER_RAM_GPA + DATA_RAM + off,
				    16);

	for (unsigned int i = 0; i < len; i++)
		at[i] = byte(p);
	p->hostile = true;
}

static void collect(struct program *p)
{
	struct driver_done done;

	for (unsigned int n = 0; n < QUEUES && !p->hostile; n++)
		while (driver_collect(&p->ring[n], &done))
			;
}

/* The doorbell, and the second look that it is asked for; a third would be the
 * driver's doing. */
static void ring(struct program *p, unsigned int n)
{
	struct loop_source *doorbell = p->v->queue[n].source;

	if (!doorbell)
		return;
	doorbell->again = false;
	doorbell->fn(doorbell->ctx, 0);
	if (doorbell->again)
		doorbell->fn(doorbell->ctx, 0);
}

static void start(struct program *p, uint64_t features)
{
	fuzz_run(p->v, p->ring, SIZE, features, p->ram, DATA_RAM);
	p->hostile = false;
}

/* ---- the other end ---- */

static void deliver(struct program *p, unsigned int pair)
{
	static uint8_t frame[NET_HEADER_SIZE + NET_FRAME_MAX];
	size_t len = number(p, 2);
	unsigned int head = byte(p) % 32;

	if (fake_net_waiting(p->net, pair) > 100)
		return;
	memset(frame, 0, 32);
	for (unsigned int i = 0; i < head; i++)
		frame[i] = byte(p);
	fake_net_deliver(p->net, pair, frame, len);
}

static void backend(struct program *p)
{
	static const int codes[] = { -EAGAIN, -EIO, -EINVAL };
	uint8_t what = byte(p);

	switch (what % 4) {
	case 0:
		fake_net_answer(p->net, what / 16, codes[what / 4 % 3]);
		break;
	case 1:
		fake_net_answer(p->net, -1, 0);
		for (unsigned int i = 0; i < PAIRS && p->net->source; i++)
			p->net->net.listener.writable(
				p->net->net.listener.ctx, i);
		break;
	case 2:
		net_link_set(&p->net->net, what & 4);
		if (timer)
			timer->fn(timer->ctx, 0);
		break;
	case 3:
		if (p->net->source)
			p->net->source->fn(p->net->source->ctx, 0);
		break;
	}
}

/* The checksum that the backend is asked for lies inside the frame. */
static bool csum_inside(const uint8_t *header, size_t len)
{
	size_t at = (size_t)le16_at(header + 6) + le16_at(header + 8);

	return !header[0] || at + 2 <= len;
}

/* What reached the backend is a frame with a header that it may have. */
static void check_sent(struct program *p)
{
	bool vnet = p->net->net.info.vnet;

	for (; p->checked < p->net->sent_count; p->checked++) {
		const struct fake_frame *f =
			&p->net->sent[p->checked % FAKE_NET_KEEP];
		size_t head = vnet ? NET_HEADER_SIZE : 0;

		must(f->len >= head + NET_ETHER_SIZE);
		must(f->len <= head + NET_FRAME_MAX);
		if (!vnet)
			continue;
		must(!(f->bytes[0] & ~1u));
		must(!f->bytes[0] || virtio_has(p->v, NIC_F_CSUM));
		must(!f->bytes[1] || f->bytes[0]);
		must(csum_inside(f->bytes, f->len - head));
	}
}

static void check(struct program *p)
{
	check_sent(p);
	must(p->net->pairs <= PAIRS);
	for (unsigned int n = 0; n < QUEUES; n++)
		must(!p->v->queue[n].ring.taken); /* nothing is kept */
}

static void step(struct program *p)
{
	uint8_t what = byte(p);
	unsigned int n = (what >> 4) % QUEUES;

	switch (what % 16) {
	case 0:
		write_data(p);
		break;
	case 1: case 2:
		post_sense(p, n);
		break;
	case 3:
		post(p, n);
		break;
	case 4: case 5:
		post_buffers(p, n % PAIRS);
		break;
	case 6: case 7: case 8:
		ring(p, n);
		collect(p);
		break;
	case 9: case 10:
		deliver(p, n % PAIRS);
		break;
	case 11:
		backend(p);
		collect(p);
		break;
	case 12:
		overwrite(p);
		break;
	case 13:
		if (byte(p) % 2)
			start(p, number(p, 6) << 24 | number(p, 3));
		else
			fuzz_queue_reset(p->v, n, &p->ring[n]);
		break;
	case 14:
		if (!p->hostile && !virtio_broken(p->v))
			fuzz_save_load(p->v);
		break;
	case 15:
		virtio_config_read(p->v, byte(p), 1u << n % 4);
		virtio_pause(p->v);
		virtio_resume(p->v);
		break;
	}
	check(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct driver_ram ram;
	struct program p = { .at = data, .left = size, .ram = &ram };
	uint8_t how = byte(&p);
	const struct nic_config cfg = {
		.mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500,
		.lock_mac = how & 2,
		.send = { .ops_per_s = how & 4 ? 1000 : 0 },
		.receive = { .bytes_per_s = how & 4 ? 1000000 : 0 },
	};
	const struct virtio_host host = { .id = "net0", .mem = &ram.mem };

	fuzz_begin();
	if (!ram.bytes)
		driver_ram_init(&ram);
	memset(ram.bytes, 0, ALL_RAM);
	p.net = fake_net_create(NULL, PAIRS, how & 1);
	must(nic_create(&p.v, &cfg, &host, &p.net->net, NULL) == 0);
	virtio_attach(p.v, &transport, NULL);
	start(&p, how & 8 ? UINT64_MAX : UINT64_MAX & ~VIRTIO_F_RING_PACKED);
	for (unsigned int i = 0; i < MAX_STEPS && p.left; i++)
		step(&p);
	virtio_destroy(p.v);
	for (unsigned int n = 0; n < QUEUES; n++)
		driver_ring_finish(&p.ring[n]);
	return 0;
}
