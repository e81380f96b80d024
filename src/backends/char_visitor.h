/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Somebody who looks in at a console, beside its own reader and writer: gets
 * what is written from now on, as far as it goes out at once, and may type. For
 * char.c only. One at a time.
 *
 * Threads: all from any. attach, detach and listen wait for a listener that
 * runs, and so are not for listeners.
 */
#ifndef VIREO_BACKENDS_CHAR_VISITOR_H
#define VIREO_BACKENDS_CHAR_VISITOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "backends/char_in.h"

struct char_visitor {
	struct loop *loop;
	_Atomic bool there; /* so that nobody pays for nobody */
	pthread_mutex_t door; /* guards coming, going, and the listener */
	struct char_listener listener;
	pthread_mutex_t lock; /* guards what follows */
	struct char_in *in;   /* owned; NULL: nobody is there */
	int fd;               /* owned */
};

void char_visitor_init(struct char_visitor *v, struct loop *loop);
void char_visitor_finish(struct char_visitor *v);

/* @fd is a stream socket; duplicated. 0, -EBUSY, -errno. */
int char_visitor_attach(struct char_visitor *v, int fd);
void char_visitor_detach(struct char_visitor *v);

void char_visitor_listen(struct char_visitor *v, struct char_listener listener);
void char_visitor_write(struct char_visitor *v, const uint8_t *bytes,
			size_t len);
size_t char_visitor_read(struct char_visitor *v, uint8_t *buf, size_t cap);

#endif
