/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The output half of a character backend; char.h says what it promises. For
 * char.c and the tests only. Knows nothing of input or listeners.
 *
 * Theory of operation: a byte is put into a ring. The ring goes out at a
 * newline, at 256 bytes, at once to a terminal, or by a timer. Whoever holds
 * the lock writes, usually the vCPU thread itself; every write is known not to
 * block before it is made. What cannot go out is left to the loop. A writer
 * that finds the ring full polls the descriptor itself, so that it depends on
 * nobody: the loop's thread may be busy, or wait for a lock of the writer's.
 */
#ifndef VIREO_BACKENDS_CHAR_OUT_H
#define VIREO_BACKENDS_CHAR_OUT_H

#include "backends/char.h"

#define CHAR_OUT_HELD       65536u /* bytes held for a slow reader */
#define CHAR_OUT_GIVE_UP_MS 10000u

struct char_out;

/* @fd is duplicated; -1: output goes nowhere, and is not counted as dropped.
 * A reader that takes nothing for @give_up_ms is given up. */
int char_out_create(struct char_out **out, int fd, struct char_tap tap,
		    unsigned int give_up_ms, struct loop *loop,
		    const struct log *log, struct err *err);
void char_out_destroy(struct char_out *o, unsigned int flush_ms);

void char_out_write(struct char_out *o, const uint8_t *bytes, size_t len);
size_t char_out_offer(struct char_out *o, const uint8_t *bytes, size_t len);
/* As char_listen(), for listener.writable. */
void char_out_listen(struct char_out *o, struct char_listener listener);
/* The reader is gone for good: what is held is dropped, offers are taken. */
void char_out_break(struct char_out *o);
void char_out_cancel(struct char_out *o);
void char_out_resume(struct char_out *o);
uint64_t char_out_dropped(struct char_out *o);

/* Bytes that wait in the ring. */
size_t char_out_held(struct char_out *o);

#endif
