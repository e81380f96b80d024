/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A character backend: where a console's bytes go and come from.
 *
 * Output: char_write() takes bytes from a vCPU thread. They go out in order,
 * none is lost while the reader is merely slow: up to 64 KiB are held, then
 * the writer waits. A reader that takes nothing for 10 seconds is given up:
 * bytes are dropped and counted until it moves again, so a guest never hangs
 * on a dead console. Regular files, pipes, sockets and terminals work alike;
 * O_NONBLOCK is never set on a descriptor that is shared with others.
 *
 * Input: the backend reads ahead at most 4 KiB and tells the listener; the
 * listener takes what it has room for and calls char_read() again later. No
 * descriptor is polled while the buffer is full, so there is no busy loop.
 *
 * A pseudo-terminal and a socket are there before anybody is: output that
 * nobody is connected for is dropped and counted, a client may leave and
 * another one come.
 *
 * Threads: char_write(), char_offer() and char_read() from any thread, without
 * the caller's listener being called from inside. The listener is called on the
 * loop's thread with no lock held.
 */
#ifndef VIREO_BACKENDS_CHAR_H
#define VIREO_BACKENDS_CHAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

struct char_dev;

struct char_listener {
	void (*readable)(void *ctx); /* input waits: call char_read() */
	void *ctx;
	void (*writable)(void *ctx); /* after a char_offer() that was short */
};

/* Sees every output byte on its way, e.g. to look for a panic line. Called on
 * the writer's thread with the backend's lock held. */
struct char_tap {
	void (*output)(void *ctx, const uint8_t *bytes, size_t len);
	void *ctx;
};

enum char_kind {
	CHAR_FD,     /* in_fd, out_fd */
	CHAR_NULL,   /* no input, output is dropped */
	CHAR_PTY,    /* a new pseudo-terminal: char_path() tells where */
	CHAR_SOCKET, /* a unix socket at path, one client at a time */
};

struct char_config {
	int in_fd;  /* -1: no input. Duplicated. */
	int out_fd; /* -1: output is dropped. Duplicated. */
	struct char_tap tap;
	enum char_kind kind;
	/* CHAR_SOCKET: where it is. CHAR_PTY: NULL, or where a symbolic link to
	 * the terminal shall be, until the end. Copied. */
	const char *path;
};

int char_create(struct char_dev **out, const struct char_config *cfg,
		struct loop *loop, const struct log *log, struct err *err);

/* Flushes what can go out within @flush_ms, then frees. NULL is accepted. */
void char_destroy(struct char_dev *chr, unsigned int flush_ms);

/* At most one listener; {0} removes it and returns only when it no longer
 * runs (unless called from it). If input already waits, it is told. */
void char_listen(struct char_dev *chr, struct char_listener listener);

void char_write(struct char_dev *chr, const uint8_t *bytes, size_t len);

/* Never waits: takes what there is room for and returns how much. When that is
 * less than @len, the listener's writable() is called when it is worth another
 * try. Bytes for a reader that is given up or gone are taken, and dropped. */
size_t char_offer(struct char_dev *chr, const uint8_t *bytes, size_t len);

/* Takes up to @cap input bytes; 0 when none wait. */
size_t char_read(struct char_dev *chr, uint8_t *buf, size_t cap);

/* Lets somebody look in, and type: a stream socket, which is duplicated. What
 * it does not take at once is lost to it. -EBUSY: somebody is there. Not from a
 * listener. */
int char_attach(struct char_dev *chr, int fd);
void char_detach(struct char_dev *chr);

/* Wakes writers that wait and makes all later waits return at once (the VM is
 * about to end); char_resume() undoes it, and what is held goes out as far as
 * it can without waiting: a line may have no end any more. */
void char_cancel(struct char_dev *chr);
void char_resume(struct char_dev *chr);

/* Bytes dropped so far because nobody read. */
uint64_t char_dropped(struct char_dev *chr);

/* Where to connect: the terminal's (its link's, if there is one) or the
 * socket's path; NULL: nowhere. */
const char *char_path(const struct char_dev *chr);

#endif
