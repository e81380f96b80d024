/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input half of a character backend; char.h says what it promises. For
 * char.c only. Knows nothing of output.
 */
#ifndef VIREO_BACKENDS_CHAR_IN_H
#define VIREO_BACKENDS_CHAR_IN_H

#include "backends/char.h"

#define CHAR_IN_AHEAD 4096u /* bytes read ahead of the listener */

struct char_in;

/* @fd is duplicated; -1: there is never any input. */
int char_in_create(struct char_in **out, int fd, struct loop *loop,
		   struct err *err);
void char_in_destroy(struct char_in *in);

void char_in_listen(struct char_in *in, struct char_listener listener);
size_t char_in_read(struct char_in *in, uint8_t *buf, size_t cap);

#endif
