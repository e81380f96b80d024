/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads along on a console and recognises what a Linux kernel says when it
 * panics and when it starts the first program. Keeps the last lines, for what
 * is told of a guest that went wrong; memory that no line has reached yet is
 * not touched.
 *
 * The text comes from the guest: it may say anything, in any amount. Each byte
 * costs constant time; a line longer than 255 bytes is cut. Pure; no locks:
 * the caller's lock guards the struct.
 */
#ifndef VIREO_DEVICES_CONSOLE_WATCH_H
#define VIREO_DEVICES_CONSOLE_WATCH_H

#include <stddef.h>
#include <stdint.h>

#define CONSOLE_WATCH_LINE  256 /* with the final 0 */
#define CONSOLE_WATCH_LINES 64

enum console_event {
	CONSOLE_PANIC,      /* "Kernel panic - not syncing: ..." */
	CONSOLE_PANIC_END,  /* "---[ end Kernel panic ..." */
	CONSOLE_USER_SPACE, /* "Run /init as init process" */
};

/* @text: the line without its time stamp; it lives until the call returns.
 * Called from console_watch_feed(). */
struct console_sink {
	void (*event)(void *ctx, enum console_event event, const char *text);
	void *ctx;
};

struct console_watch {
	struct console_sink sink;
	unsigned int len;   /* of the line that grows, text[at] */
	unsigned int at;    /* its place in the ring */
	unsigned int count; /* complete lines that are kept */
	char text[CONSOLE_WATCH_LINES + 1][CONSOLE_WATCH_LINE];
};

void console_watch_init(struct console_watch *w, struct console_sink sink);
void console_watch_feed(struct console_watch *w, const uint8_t *bytes,
			size_t len);

/* How many of the last lines there are, the unfinished one included; at most
 * CONSOLE_WATCH_LINES, and the oldest has number 0. Control characters have
 * become '?'; empty lines are left out. */
unsigned int console_watch_count(const struct console_watch *w);
const char *console_watch_line(const struct console_watch *w, unsigned int n);

#endif
