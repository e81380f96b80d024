/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of gdb's remote protocol (GDB manual, appendix E): "$body#checksum",
 * acknowledged by "+" or "-" until both sides agree not to. No descriptors, no
 * meaning; any thread.
 */
#ifndef VIREO_DEBUG_GDB_PACKET_H
#define VIREO_DEBUG_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GDB_BODY_MAX   16384 /* of a packet, either way */
#define GDB_PACKET_MAX (GDB_BODY_MAX + 4)

enum gdb_event {
	GDB_NOTHING,
	GDB_PACKET,    /* there is one in body */
	GDB_DAMAGED,   /* its checksum is wrong: once more, please */
	GDB_TOO_LONG,  /* for us */
	GDB_AGAIN,     /* the other side wants the last one once more */
	GDB_INTERRUPT, /* Ctrl-C */
};

/* What arrives. Zero-initialised. */
struct gdb_in {
	enum { GDB_IN_GAP, GDB_IN_BODY, GDB_IN_SUM_1, GDB_IN_SUM_2 } state;
	uint8_t sum;   /* of what has come ... */
	uint8_t given; /* ... and what it should be */
	bool too_long;
	size_t len;
	char body[GDB_BODY_MAX + 1]; /* a zero byte behind it */
};

enum gdb_event gdb_in_byte(struct gdb_in *in, uint8_t byte);

/* What is being answered; what does not fit makes it too long for good.
 * Zero-initialised. */
struct gdb_out {
	size_t len;
	bool too_long;
	char body[GDB_BODY_MAX];
};

void gdb_out_text(struct gdb_out *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void gdb_out_hex(struct gdb_out *out, const uint8_t *bytes, size_t len);
/* Escaped where need be; how many of them fitted. */
size_t gdb_out_binary(struct gdb_out *out, const uint8_t *bytes, size_t len);

/* The whole packet; GDB_PACKET_MAX bytes at most. */
size_t gdb_packet_write(char to[GDB_PACKET_MAX], const struct gdb_out *out);

/* ---- reading a body ---- */

/* Hexadecimal digits at *at, which goes past them. False: there are none, or
 * too many. */
bool gdb_take_number(const char **at, uint64_t *value);
/* This one byte. */
bool gdb_take(const char **at, char byte);
/* 2 * @len digits, and nothing behind them. */
bool gdb_take_hex(const char *at, uint8_t *to, size_t len);
/* @len bytes that may be escaped, of @size, and nothing behind them. */
bool gdb_take_binary(const char *at, size_t size, uint8_t *to, size_t len);

#endif
