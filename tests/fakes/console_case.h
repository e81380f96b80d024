/* SPDX-License-Identifier: BSD-3-Clause */
/* The stage of the tests of the virtio console: a driver, a page per queue, and
 * backends in memory. Wants cmocka. */
#ifndef VIREO_FAKE_CONSOLE_CASE_H
#define VIREO_FAKE_CONSOLE_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "devices/virtio/console.h"
#include "devices/virtio/console_wire.h"
#include "driver_ring.h"
#include "fake_char.h"
#include "virtio_front.h"

#define PORTS  3
#define QUEUES (2 * PORTS + 2)
#define RX     0
#define TX     1

struct console_case {
	struct driver_ram ram;
	struct loop *loop;
	struct log log;
	struct virtio *v;
	struct front front;
	struct driver_ring ring[QUEUES];
	unsigned int queues;
	uint64_t page[QUEUES]; /* a buffer of each queue */
	struct char_dev chr[CONSOLE_MAX_PORTS];
};

/* cmocka's setup: one console, PORTS ports (the second has a name, the others
 * are consoles), one console without a driver; and teardown. */
int console_case_one(void **state);
int console_case_many(void **state);
int console_case_bare(void **state);
int console_case_end(void **state);
/* A driver comes with fresh rings; its rings go. */
void console_case_start(struct console_case *t, uint64_t features);
void console_case_stop(struct console_case *t);

/* The page of queue @n. */
void *console_page(struct console_case *t, unsigned int n);
/* Posts @len bytes of it, and waits for the device. */
int console_post(struct console_case *t, unsigned int n, uint32_t len,
		 bool writable);
/* Bytes of the next completion; -1: there is none. */
int64_t console_done(struct console_case *t, unsigned int n);

/* A control message of the driver's. */
void console_send(struct console_case *t, uint32_t id, uint16_t event,
		  uint16_t value);
/* The next message to the driver: its bytes behind the head. */
const uint8_t *console_expect(struct console_case *t, uint32_t id,
			      uint16_t event, uint32_t tail);
/* There is none. */
void console_quiet(struct console_case *t);

#endif
