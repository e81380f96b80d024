/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A character backend in memory: takes the place of backends/char.c for the
 * devices that use one. Not for several threads at once.
 */
#ifndef VIREO_FAKE_CHAR_H
#define VIREO_FAKE_CHAR_H

#include <stdbool.h>

#include "backends/char.h"

struct char_dev {
	uint8_t out[8192]; /* what was written; more than that is cut */
	size_t out_len;
	uint8_t in[8192];
	size_t in_len;
	size_t in_at;
	unsigned int reads; /* calls of char_read() */
	bool full;   /* offers are taken as far as there is room, below */
	_Atomic size_t room; /* may change while the device looks */
	struct char_listener listener;
	void (*on_write)(void *ctx); /* called by char_write(), or NULL */
	void *on_write_ctx;
};

/* Input that waits from now on; the listener is told. */
void fake_char_input(struct char_dev *chr, const void *bytes, size_t len);
/* Offers find room again; the listener is told. */
void fake_char_room(struct char_dev *chr, size_t room);

#endif
