/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One event loop: descriptors and timers, each with a callback, served by one
 * thread of its own (named "io").
 *
 * Threads: add, change, arm and remove may be called from any thread. Callbacks
 * run on the loop's thread, one at a time, with no lock of the loop held.
 * loop_remove() returns only when the callback is not running (unless it is
 * called from that very callback), so its context may be freed afterwards.
 */
#ifndef VIREO_BASE_LOOP_H
#define VIREO_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct loop;
struct loop_source;

/* @events: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP bits that are ready. */
typedef void (*loop_fn)(void *ctx, uint32_t events);

/* Makes the loop and starts its thread. */
int loop_create(struct loop **out, struct err *err);
/* Stops and joins the thread, frees what is left. NULL is accepted. */
void loop_destroy(struct loop *loop);

/* Watches @fd (not owned), level triggered, or for edges with EPOLLET among
 * @events: of an eventfd each write is one, read or not. @events 0 is allowed:
 * quiet until loop_set_events(). Returns 0 or -errno (-EPERM: a regular file,
 * which is always ready and cannot be watched). */
int loop_add(struct loop_source **out, struct loop *loop, int fd,
	     uint32_t events, loop_fn fn, void *ctx);
void loop_set_events(struct loop_source *source, uint32_t events);

/* A timer on the monotonic clock that is quiet until armed. */
int loop_add_timer(struct loop_source **out, struct loop *loop, loop_fn fn,
		   void *ctx);
/* Fires once after @ns (0: never). Arming again replaces the time. */
void loop_arm(struct loop_source *timer, uint64_t ns);

/*
 * From @source's own callback, which has just found work: calls it again, with
 * @events 0, after the other sources had their turn, or some microseconds
 * without an event. So whoever makes the work, which may be waiting for this
 * very processor, is not asked to wake the loop each time.
 */
void loop_again(struct loop_source *source);

/* Is it the calling thread? */
bool loop_is_own_thread(const struct loop *loop);

/* NULL is accepted. Frees the source. */
void loop_remove(struct loop_source *source);

#endif
