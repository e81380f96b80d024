/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio console device (virtio 1.2, 5.3): one console (hvc0 in Linux), or
 * several ports, which are consoles or named byte streams
 * (/dev/virtio-ports/NAME; Linux does not let a console be opened by its name).
 * Each port has a character backend.
 *
 * Output that a backend has no room for stays in the guest's queue. Input that
 * the guest has no buffers for stays in the backend; so does input for a port
 * that nobody in the guest has opened. A driver without control messages is
 * given input and the size when it has been quiet for a moment.
 */
#ifndef VIREO_DEVICES_VIRTIO_CONSOLE_H
#define VIREO_DEVICES_VIRTIO_CONSOLE_H

#include "backends/char.h"
#include "devices/virtio/virtio.h"

#define CONSOLE_MAX_PORTS  31
#define CONSOLE_QUEUE_SIZE 128
#define CONSOLE_NAME_MAX   63

struct console_port_config {
	struct char_dev *chr; /* outlives the device */
	const char *name;     /* copied; NULL: none */
	bool console;         /* a terminal: hvc0, ... */
};

struct console_config {
	unsigned int ports; /* 1 to CONSOLE_MAX_PORTS */
	const struct console_port_config *port;
	uint16_t cols; /* of port 0, a console; 0: not known */
	uint16_t rows;
};

/* The device is its backends' listener from here on. -EINVAL, -ENOMEM, ... */
int console_create(struct virtio **out, const struct console_config *cfg,
		   const struct virtio_host *host, struct err *err);

/* Port 0 has another size now. Any thread. A driver without control messages
 * is told several times in some seconds. With them some Linux kernels take the
 * columns for the rows: a terminal had better have a device of its own. */
void console_resize(struct virtio *v, uint16_t cols, uint16_t rows);

/* Messages and buffers that mean nothing, and emergency output above its rate.
 * Any thread. */
uint64_t console_ignored(struct virtio *v);

#endif
