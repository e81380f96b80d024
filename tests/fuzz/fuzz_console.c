// SPDX-License-Identifier: BSD-3-Clause
/* What a driver can ask of the console device with one or three ports, over
 * backends in memory. The input is a program of steps. */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "devices/virtio/console_parts.h"
#include "driver_ring.h"
#include "fake_char.h"
#include "fuzz_loop.h"

#define PORTS     3
#define QUEUES    (2 * PORTS + 2)
#define SIZE      8
#define MAX_STEPS 256
#define DATA      (DRIVER_RAM_GPA + DRIVER_RAM_SIZE - 262144)
#define CONTROL   (DATA + 131072)         /* messages to the device */
#define ROOM      (CONTROL + SIZE * 256) /* and from it, 256 bytes each */

struct stage {
	struct fuzz_input in;
	struct driver_ram ram;
	struct driver_ring ring[QUEUES];
	struct virtio *v;
	unsigned int ports;
	struct char_dev *chr; /* PORTS */
	uint64_t room[SIZE];  /* by head: buffers for control messages */
	unsigned int rooms;   /* so far; they are used in order */
};

static void run(struct stage *t, uint32_t wanted)
{
	uint64_t features = wanted & 7;

	features |= wanted & 8 ? VIRTIO_F_RING_PACKED : 0;
	features |= wanted & 16 ? VIRTIO_F_EVENT_IDX : 0;
	features |= wanted & 32 ? VIRTIO_F_INDIRECT_DESC : 0;
	features |= wanted & 64 ? VIRTIO_F_RING_RESET : 0;
	fuzz_run(t->v, t->ring, SIZE, features, &t->ram, 0);
}

/* A chain of up to three buffers on any queue. */
static void post(struct stage *t, unsigned int n)
{
	unsigned int count = 1 + take(&t->in, 1) % 3;
	uint32_t shape = take(&t->in, 1);
	struct driver_buf bufs[3];

	for (unsigned int i = 0; i < count; i++) {
		bufs[i].gpa = DATA + take(&t->in, 1) * 64;
		bufs[i].len = take(&t->in, 1) << (shape >> 6 ? 6 : 0);
		bufs[i].len += !bufs[i].len;
		bufs[i].writable = shape >> i & 1 ||
				   (i && bufs[i - 1].writable);
	}
	if (n == CONSOLE_CTRL_RX)
		return; /* room() has its buffers */
	if (shape & 32 && t->ring[n].features.indirect)
		driver_post_indirect(&t->ring[n], bufs, count);
	else
		driver_post(&t->ring[n], bufs, count);
	virtio_notify(t->v, n);
}

static void control(struct stage *t)
{
	uint32_t id = take(&t->in, 1);
	uint32_t event = take(&t->in, 1);
	uint32_t value = take(&t->in, 1);
	uint32_t len = 1 + take(&t->in, 1) % 16;
	struct driver_buf buf = { CONTROL, len, false };
	const struct console_control m = {
		.id = le32_put(id == UINT8_MAX ? UINT32_MAX : id),
		.event = le16_put((uint16_t)event),
		.value = le16_put((uint16_t)value),
	};

	if (t->v->queues <= CONSOLE_CTRL_TX)
		return;
	memcpy(driver_ram_at(&t->ram, CONTROL, sizeof(m)), &m, sizeof(m));
	driver_post(&t->ring[CONSOLE_CTRL_TX], &buf, 1);
	virtio_notify(t->v, CONSOLE_CTRL_TX);
}

/* Room for control messages. */
static void room(struct stage *t)
{
	unsigned int count = take(&t->in, 1) % (SIZE + 1);
	uint32_t len = take(&t->in, 1);

	for (; t->v->queues > CONSOLE_CTRL_RX && count; count--) {
		struct driver_buf buf = { ROOM + t->rooms % SIZE * 256,
					  len + !len, true };
		int head = driver_post(&t->ring[CONSOLE_CTRL_RX], &buf, 1);

		if (head < 0)
			break;
		t->room[head] = buf.gpa;
		t->rooms++;
	}
	virtio_notify(t->v, CONSOLE_CTRL_RX);
}

/* Much of it, in one buffer. */
static void output(struct stage *t, unsigned int n)
{
	struct driver_buf buf = { DATA, take(&t->in, 2) * 2 + 1, false };

	if (n == CONSOLE_CTRL_RX)
		return;
	driver_post(&t->ring[n], &buf, 1);
	virtio_notify(t->v, n);
}

/* A message is about a port, and of a kind that the device sends. */
static void check_message(const struct stage *t, const struct driver_done *done)
{
	struct console_control m;
	uint16_t event;

	if (!done->len)
		return;
	must(done->len >= sizeof(m));
	memcpy(&m, driver_ram_at(&t->ram, t->room[done->head], sizeof(m)),
	       sizeof(m));
	event = le16_get(m.event);
	must(le32_get(m.id) < t->ports && le16_get(m.value) == 1);
	must(event == CONSOLE_DEVICE_ADD || event >= CONSOLE_CONSOLE_PORT);
	must(event <= CONSOLE_PORT_NAME);
	must(event == CONSOLE_PORT_NAME ||
	     done->len == sizeof(m) + (event == CONSOLE_RESIZE ? 4 : 0));
}

static void collect(struct stage *t)
{
	struct driver_done done;

	for (unsigned int i = 0; i < t->v->queues && !virtio_broken(t->v); i++)
		while (driver_collect(&t->ring[i], &done))
			if (i == CONSOLE_CTRL_RX)
				check_message(t, &done);
}

/* Refused snapshots leave a device that can be started again. */
static void snapshot(struct stage *t)
{
	struct console *con = console_of(t->v);
	uint32_t how = take(&t->in, 1) % 4;
	const void *blob;
	struct snap *s;
	size_t len;

	if (how < 2) {
		fuzz_snapshot_step(t->v, &t->in, how);
		if (how == 1)
			run(t, take(&t->in, 1));
		return;
	}
	/* from a host with another terminal, of a device with more ports */
	s = fuzz_save(t->v, &blob, &len);
	con->cols++;
	con->ports -= how == 3;
	must(fuzz_load(t->v, blob, len) == (how == 2));
	con->ports = t->ports;
	snap_destroy(s);
	if (how == 3)
		run(t, take(&t->in, 1));
}

/* A device that cannot be. */
static void bad_config(struct stage *t)
{
	uint32_t how = take(&t->in, 1) % 5;
	char name[CONSOLE_NAME_MAX + 2] = { 0 };
	struct char_dev chr = { .full = false };
	const struct console_port_config port = {
		&chr, how > 2 ? NULL : name, true
	};
	const struct console_config cfg = {
		how == 3 ? 0 : how == 4 ? CONSOLE_MAX_PORTS + 1 : 1, &port, 0, 0
	};
	const struct virtio_host host = { "bad", &t->ram.mem, NULL, NULL };
	struct virtio *v;

	memset(name, 'n', how == 1 ? CONSOLE_NAME_MAX + 1 : how);
	loop_fails = how == 2;
	must(console_create(&v, &cfg, &host, NULL) ==
	     (how == 2 ? -ENOMEM : -EINVAL));
	must(v == NULL);
	loop_fails = 0;
}

static void take_break(struct stage *t, struct char_dev *chr)
{
	const uint8_t byte = 0;

	virtio_pause(t->v);
	fake_char_input(chr, &byte, 1);
	fake_char_room(chr, 1);
	console_resize(t->v, (uint16_t)take(&t->in, 1), 5);
	t->v->ops->kick(t->v, 0); /* it was on its way */
	loop_round();
	virtio_resume(t->v);
}

static void config(struct stage *t)
{
	uint32_t off = take(&t->in, 1) % 16;
	uint32_t len = 1u << take(&t->in, 1) % 4;
	uint32_t count = take(&t->in, 1);

	/* the largest is more than the rate of emergency output */
	for (uint32_t i = count == UINT8_MAX ? 8192 : count; i; i--)
		virtio_config_write(t->v, off, len, 'x');
	virtio_config_read(t->v, off, len);
	console_ignored(t->v);
}

static void step(struct stage *t)
{
	uint32_t kind = take(&t->in, 1) % 16;
	uint32_t which = take(&t->in, 1);
	struct char_dev *chr = &t->chr[which % t->ports];
	unsigned int n = which % t->v->queues;
	static const uint8_t text[8192];

	switch (kind) {
	case 0:
		post(t, n);
		break;
	case 1:
		output(t, n);
		break;
	case 2:
	case 3:
		control(t);
		break;
	case 4:
		room(t);
		break;
	case 5:
		collect(t);
		break;
	case 6:
		fake_char_input(chr, text, take(&t->in, 2) % sizeof(text));
		break;
	case 7:
		chr->full = take(&t->in, 1) % 2;
		fake_char_room(chr, take(&t->in, 2));
		break;
	case 8:
		console_resize(t->v, (uint16_t)take(&t->in, 1), 5);
		break;
	case 9:
		config(t);
		break;
	case 10:
		run(t, take(&t->in, 1));
		break;
	case 11:
		snapshot(t);
		break;
	case 12:
		take_break(t, chr);
		break;
	case 13:
		fuzz_queue_reset(t->v, n, &t->ring[n]);
		break;
	case 14:
		loop_wait_ms(take(&t->in, 1) * 50);
		break;
	default:
		chr->out_len = chr->in_len = chr->in_at = 0;
		bad_config(t);
		break;
	}
	loop_round();
}

/* A console and two ports with names; without a size; a console alone; a port
 * with a name alone. */
static void create(struct stage *t, uint32_t how)
{
	struct console_port_config port[PORTS] = { { NULL } };
	struct console_config cfg = { how < 2 ? PORTS : 1, port,
				      how == 1 ? 0 : 80, 25 };
	struct virtio_host host = { "c", &t->ram.mem, NULL, NULL };

	t->ports = cfg.ports;
	for (unsigned int i = 0; i < PORTS; i++)
		port[i] = (struct console_port_config){
			&t->chr[i], i || how == 3 ? "name" : NULL,
			i != 1 && how != 3
		};
	must(console_create(&t->v, &cfg, &host, NULL) == 0);
	virtio_attach(t->v, &no_transport, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage t = { .in = { data, size } };

	loop_reset();
	t.ram = *fuzz_ram();
	t.chr = calloc(PORTS, sizeof(*t.chr));
	must(t.chr != NULL);
	create(&t, take(&t.in, 1) % 4);
	run(&t, take(&t.in, 1));
	for (unsigned int i = 0; t.in.left && i < MAX_STEPS; i++)
		step(&t);
	virtio_destroy(t.v);
	loop_end();
	for (unsigned int i = 0; i < QUEUES; i++)
		driver_ring_finish(&t.ring[i]);
	free(t.chr);
	return 0;
}
