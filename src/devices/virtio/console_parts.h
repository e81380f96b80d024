/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between console.c (the device and its ports' bytes) and console_ctrl.c
 * (control messages); for nobody else. Everything is guarded by the device's
 * lock. Callbacks of backends take it, and do nothing while it is stopped.
 */
#ifndef VIREO_DEVICES_VIRTIO_CONSOLE_PARTS_H
#define VIREO_DEVICES_VIRTIO_CONSOLE_PARTS_H

#include <pthread.h>

#include "backends/rate.h"
#include "base/num.h"
#include "devices/virtio/console.h"
#include "devices/virtio/console_wire.h"

/* A port's messages that the driver has not had yet. */
#define OWES_ADD     1u
#define OWES_CONSOLE 2u
#define OWES_NAME    4u
#define OWES_OPEN    8u
#define OWES_RESIZE  16u
#define OWES_ALL     31u

struct console_port {
	struct console *con;
	unsigned int number;
	struct char_dev *chr; /* not owned */
	bool console;
	char name[CONSOLE_NAME_MAX + 1];
	uint8_t owes;
	bool ready;      /* the driver has it */
	bool guest_open; /* somebody in the guest has */
	uint64_t taken;  /* of the output chain that comes next */
};

struct console {
	struct virtio v;
	unsigned int ports;
	struct loop_source *timer;
	pthread_mutex_t lock;      /* guards every field below */
	bool running;
	uint16_t cols;
	uint16_t rows;
	/* without control messages: */
	bool settled;       /* the driver has its terminal, as far as we know */
	bool talked;        /* since the last look */
	unsigned int looks; /* at whether it is quiet */
	unsigned int tell;  /* the size, this many times more */
	uint64_t ignored;
	struct rate emergency;
	struct console_port port[CONSOLE_MAX_PORTS];
};

static inline struct console *console_of(struct virtio *v)
{
	return container_of(v, struct console, v);
}

/* Port 0 has queues 0 and 1, port 1 has 4 and 5 (5.3.2). */
static inline unsigned int console_rx_queue(const struct console_port *p)
{
	return p->number ? 2 * p->number + 2 : 0;
}

/* ---- console.c ---- */

/* Gives the guest what waits for port @p. */
void console_input(struct console_port *p);

/* ---- console_ctrl.c ---- */

/* Takes the driver's messages. */
void console_ctrl_receive(struct console *con);
/* Sends what is owed. */
void console_ctrl_send(struct console *con);

#endif
