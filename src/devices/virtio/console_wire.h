/* SPDX-License-Identifier: BSD-3-Clause */
/* The console as it looks from the driver's side (virtio 1.2, 5.3). */
#ifndef VIREO_DEVICES_VIRTIO_CONSOLE_WIRE_H
#define VIREO_DEVICES_VIRTIO_CONSOLE_WIRE_H

#include "base/endian.h"

/* Feature bits (5.3.3). */
#define CONSOLE_F_SIZE        (UINT64_C(1) << 0)
#define CONSOLE_F_MULTIPORT   (UINT64_C(1) << 1)
#define CONSOLE_F_EMERG_WRITE (UINT64_C(1) << 2)

/* Queues (5.3.2). */
#define CONSOLE_CTRL_RX 2u /* to the driver */
#define CONSOLE_CTRL_TX 3u

/* Configuration space (5.3.4): offsets. */
#define CONSOLE_EMERG_WR    8u
#define CONSOLE_CONFIG_SIZE 12u

/* Control messages (5.3.6.2). */
enum console_event {
	CONSOLE_DEVICE_READY = 0,
	CONSOLE_DEVICE_ADD = 1,
	CONSOLE_DEVICE_REMOVE = 2,
	CONSOLE_PORT_READY = 3,
	CONSOLE_CONSOLE_PORT = 4,
	CONSOLE_RESIZE = 5,
	CONSOLE_PORT_OPEN = 6,
	CONSOLE_PORT_NAME = 7,
};

struct console_control {
	le32 id;
	le16 event;
	le16 value;
};

#endif
