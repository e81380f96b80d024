/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A character backend whose other end comes and goes: between clients it drops
 * output and has no input. For char.c, char_pty.c and char_socket.c, which
 * bring the clients, on the loop's thread.
 */
#ifndef VIREO_BACKENDS_CHAR_LINK_H
#define VIREO_BACKENDS_CHAR_LINK_H

#include <stdbool.h>

#include "backends/char.h"

struct char_link;

/* Who brings the clients; the first member of its struct. */
struct char_source {
	const char *path;
	/* The client has gone, another may be attached. Loop thread. */
	void (*gone)(struct char_source *source);
	void (*destroy)(struct char_source *source);
};

/* Owns @source from here on, once it has succeeded. */
int char_link_create(struct char_link **out, struct char_source *source,
		     struct char_tap tap, struct loop *loop,
		     const struct log *log, struct err *err);
void char_link_destroy(struct char_link *link, unsigned int flush_ms);

/* A client at @fd, which is duplicated; there is none now. 0 or -errno. Loop
 * thread. */
int char_link_attach(struct char_link *link, int fd);
bool char_link_attached(struct char_link *link);

/* As those of char.h. */
void char_link_listen(struct char_link *link, struct char_listener listener);
void char_link_write(struct char_link *link, const uint8_t *bytes, size_t len);
size_t char_link_offer(struct char_link *link, const uint8_t *bytes,
		       size_t len);
size_t char_link_read(struct char_link *link, uint8_t *buf, size_t cap);
void char_link_cancel(struct char_link *link, bool on);
uint64_t char_link_dropped(struct char_link *link);
const char *char_link_path(const struct char_link *link);

/* ---- the two kinds ---- */

int char_pty_create(struct char_link **out, const char *path,
		    struct char_tap tap, struct loop *loop,
		    const struct log *log, struct err *err);
/* Before @master is closed, which takes away what the client has not read yet:
 * waits for it, at most @ms. Nothing for what is no pseudo-terminal. */
void char_pty_drain(int master, unsigned int ms);
int char_socket_create(struct char_link **out, const char *path,
		       struct char_tap tap, struct loop *loop,
		       const struct log *log, struct err *err);

#endif
