// SPDX-License-Identifier: BSD-3-Clause
/* What a driver can ask of the console device with three ports, over backends
 * in memory. The input is a program of steps. */
#include <string.h>

#include "devices/virtio/console.h"
#include "devices/virtio/console_wire.h"
#include "driver_ring.h"
#include "fake_char.h"
#include "fuzz_loop.h"

#define PORTS  3
#define QUEUES (2 * PORTS + 2)
#define SIZE   8

struct stage {
	struct fuzz_input in;
	struct driver_ram ram;
	struct driver_ring ring[QUEUES];
	struct virtio *v;
	struct char_dev *chr; /* PORTS */
};

static void set(struct stage *t, enum vreg reg, uint32_t value)
{
	virtio_write(t->v, reg, value);
}

static void run(struct stage *t, uint64_t features)
{
	const struct queue_features f = {
		.packed = features & VIRTIO_F_RING_PACKED,
		.event_idx = features & VIRTIO_F_EVENT_IDX,
	};

	features |= VIRTIO_F_VERSION_1;
	set(t, VREG_STATUS, 0);
	set(t, VREG_STATUS, 1);
	set(t, VREG_STATUS, 3);
	for (uint32_t i = 0; i < 2; i++) {
		set(t, VREG_DRIVER_FEATURES_SEL, i);
		set(t, VREG_DRIVER_FEATURES, (uint32_t)(features >> 32 * i));
	}
	set(t, VREG_STATUS, 11);
	for (unsigned int i = 0; i < QUEUES; i++) {
		driver_ring_finish(&t->ring[i]);
		driver_ring_init(&t->ring[i], &t->ram, SIZE, &f);
		set(t, VREG_QUEUE_SEL, i);
		set(t, VREG_QUEUE_SIZE, SIZE);
		set(t, VREG_QUEUE_DESC_LO, (uint32_t)t->ring[i].params.desc);
		set(t, VREG_QUEUE_DRIVER_LO,
		    (uint32_t)t->ring[i].params.driver);
		set(t, VREG_QUEUE_DEVICE_LO,
		    (uint32_t)t->ring[i].params.device);
		set(t, VREG_QUEUE_ENABLE, 1);
	}
	set(t, VREG_STATUS, 15);
}

/* A chain of up to three buffers on any queue; a control message's first
 * bytes are the program's. */
static void post(struct stage *t)
{
	unsigned int n = take(&t->in, 1) % QUEUES;
	unsigned int count = 1 + take(&t->in, 1) % 3;
	uint32_t shape = take(&t->in, 1);
	struct driver_buf bufs[3];

	for (unsigned int i = 0; i < count; i++) {
		bufs[i].gpa = DRIVER_RAM_GPA + DRIVER_RAM_SIZE - 65536 +
			      take(&t->in, 1) * 64;
		bufs[i].len = take(&t->in, 1) << (shape >> 6 ? 6 : 0);
		bufs[i].len += !bufs[i].len;
		bufs[i].writable = shape >> i & 1 ||
				   (i && bufs[i - 1].writable);
	}
	if (n == CONSOLE_CTRL_TX) {
		uint8_t *m = driver_ram_at(&t->ram, bufs[0].gpa, 8);

		memset(m, 0, 8);
		m[0] = (uint8_t)take(&t->in, 1);
		m[4] = (uint8_t)take(&t->in, 1);
		m[6] = (uint8_t)take(&t->in, 1);
	}
	driver_post(&t->ring[n], bufs, count);
	virtio_notify(t->v, n);
}

static void collect(struct stage *t)
{
	struct driver_done done;

	for (unsigned int i = 0; i < QUEUES && !virtio_broken(t->v); i++)
		while (driver_collect(&t->ring[i], &done))
			;
}

/* Saved, loaded and saved again: the same. */
static void snapshot(struct stage *t)
{
	struct snap *s = snap_create();
	struct snap *load;
	const void *blob;
	size_t len;

	must(s && virtio_snapshot(t->v, s) == 0);
	must(snap_finish(s, &blob, &len) == 0);
	must(snap_open(&load, blob, len, NULL) == 0);
	must(virtio_snapshot(t->v, load) == 0);
	must(snap_finish(load, NULL, NULL) == 0);
	snap_destroy(load);
	snap_destroy(s);
}

static void step(struct stage *t)
{
	struct char_dev *chr = &t->chr[take(&t->in, 1) % PORTS];
	uint8_t text[16] = { 0 };

	switch (take(&t->in, 1) % 12) {
	case 0:
	case 1:
	case 2:
		post(t);
		break;
	case 3:
		collect(t);
		break;
	case 4:
		fake_char_input(chr, text, take(&t->in, 1) % sizeof(text));
		break;
	case 5:
		chr->full = take(&t->in, 1) % 2;
		fake_char_room(chr, take(&t->in, 2));
		break;
	case 6:
		console_resize(t->v, (uint16_t)take(&t->in, 1), 5);
		break;
	case 7:
		virtio_config_write(t->v, take(&t->in, 1) % 16,
				    1u << take(&t->in, 1) % 4, 'x');
		virtio_config_read(t->v, take(&t->in, 1) % 16,
				   1u << take(&t->in, 1) % 4);
		break;
	case 8:
		driver_ram_clear(&t->ram);
		run(t, take(&t->in, 1) % 8 |
			       (uint64_t)(take(&t->in, 1) % 2) << 34);
		break;
	case 9:
		snapshot(t);
		break;
	case 10:
		virtio_pause(t->v);
		virtio_resume(t->v);
		break;
	default:
		for (unsigned int i = 0; i < PORTS; i++)
			t->chr[i].out_len = t->chr[i].in_len =
				t->chr[i].in_at = 0;
		break;
	}
	loop_round(true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage t = { .in = { data, size } };
	struct console_port_config port[PORTS] = { { NULL } };
	struct console_config cfg = { PORTS, port, 80, 25 };
	struct virtio_host host = { "c", &t.ram.mem, NULL, NULL };

	t.ram = *fuzz_ram();
	t.chr = calloc(PORTS, sizeof(*t.chr));
	must(t.chr != NULL);
	for (unsigned int i = 0; i < PORTS; i++)
		port[i] = (struct console_port_config){
			&t.chr[i], i ? "n" : NULL, i != 1
		};
	must(console_create(&t.v, &cfg, &host, NULL) == 0);
	virtio_attach(t.v, &no_transport, NULL);
	run(&t, CONSOLE_F_SIZE | CONSOLE_F_MULTIPORT);
	for (unsigned int i = 0; t.in.left && i < 200; i++)
		step(&t);
	virtio_destroy(t.v);
	loop_sweep();
	for (unsigned int i = 0; i < QUEUES; i++)
		driver_ring_finish(&t.ring[i]);
	free(t.chr);
	return 0;
}
