// SPDX-License-Identifier: BSD-3-Clause
/* See gdb_packet.h. */
#include "debug/gdb_packet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INTERRUPT 0x03
#define ESCAPE    '}'
#define ESCAPED   0x20 /* is turned over in what follows */

/* -1: it is none. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* ---- what arrives ---- */

static enum gdb_event in_gap(struct gdb_in *in, uint8_t byte)
{
	switch (byte) {
	case '$':
		in->state = GDB_IN_BODY;
		in->len = 0;
		in->sum = 0;
		in->too_long = false;
		return GDB_NOTHING;
	case '-':
		return GDB_AGAIN;
	case INTERRUPT:
		return GDB_INTERRUPT;
	default: /* "+", or noise */
		return GDB_NOTHING;
	}
}

static enum gdb_event finish(struct gdb_in *in)
{
	in->state = GDB_IN_GAP;
	if (in->sum != in->given)
		return GDB_DAMAGED;
	in->body[in->len] = '\0';
	return in->too_long ? GDB_TOO_LONG : GDB_PACKET;
}

static void in_body(struct gdb_in *in, uint8_t byte)
{
	if (byte == '#') {
		in->state = GDB_IN_SUM_1;
		return;
	}
	in->sum = (uint8_t)(in->sum + byte);
	if (in->len < GDB_BODY_MAX)
		in->body[in->len++] = (char)byte;
	else
		in->too_long = true;
}

enum gdb_event gdb_in_byte(struct gdb_in *in, uint8_t byte)
{
	int value = digit((char)byte);

	if (in->state == GDB_IN_GAP)
		return in_gap(in, byte);
	if (in->state == GDB_IN_BODY) {
		if (byte == '$') /* the one before was cut off */
			return in_gap(in, byte);
		in_body(in, byte);
		return GDB_NOTHING;
	}
	if (value < 0) {
		in->state = GDB_IN_GAP;
		return GDB_DAMAGED;
	}
	in->given = (uint8_t)(in->given << 4 | value);
	if (in->state == GDB_IN_SUM_2)
		return finish(in);
	in->state = GDB_IN_SUM_2;
	return GDB_NOTHING;
}

/* ---- what is answered ---- */

static size_t room(const struct gdb_out *out)
{
	return out->too_long ? 0 : sizeof(out->body) - out->len;
}

void gdb_out_text(struct gdb_out *out, const char *format, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text) || (size_t)n > room(out)) {
		out->too_long = true;
		return;
	}
	memcpy(out->body + out->len, text, (size_t)n);
	out->len += (size_t)n;
}

void gdb_out_hex(struct gdb_out *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	if (len > room(out) / 2) {
		out->too_long = true;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		out->body[out->len++] = digits[bytes[i] >> 4];
		out->body[out->len++] = digits[bytes[i] & 15];
	}
}

size_t gdb_out_binary(struct gdb_out *out, const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len && room(out) >= 2; i++) {
		bool escape = bytes[i] && strchr("#$*}", bytes[i]);

		if (escape)
			out->body[out->len++] = ESCAPE;
		out->body[out->len++] =
			(char)(bytes[i] ^ (escape ? ESCAPED : 0));
	}
	return i;
}

size_t gdb_packet_write(char to[GDB_PACKET_MAX], const struct gdb_out *out)
{
	uint8_t sum = 0;
	char tail[4];

	to[0] = '$';
	for (size_t i = 0; i < out->len; i++) {
		to[1 + i] = out->body[i];
		sum = (uint8_t)(sum + (uint8_t)out->body[i]);
	}
	snprintf(tail, sizeof(tail), "#%02x", sum);
	memcpy(to + 1 + out->len, tail, 3);
	return out->len + 4;
}

/* ---- reading a body ---- */

bool gdb_take_number(const char **at, uint64_t *value)
{
	const char *p = *at;
	unsigned int digits = 0;

	*value = 0;
	for (; digit(*p) >= 0; p++) {
		digits += *value || *p != '0';
		*value = *value << 4 | (uint64_t)digit(*p);
	}
	if (p == *at || digits > 16)
		return false;
	*at = p;
	return true;
}

bool gdb_take(const char **at, char byte)
{
	if (**at != byte)
		return false;
	(*at)++;
	return true;
}

bool gdb_take_hex(const char *at, uint8_t *to, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int high = digit(at[2 * i]);
		int low = high < 0 ? -1 : digit(at[2 * i + 1]);

		if (low < 0)
			return false;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return !at[2 * len];
}

bool gdb_take_binary(const char *at, size_t size, uint8_t *to, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t turn = 0;

		if (used < size && at[used] == ESCAPE) {
			turn = ESCAPED;
			used++;
		}
		if (used >= size)
			return false;
		to[i] = (uint8_t)at[used++] ^ turn;
	}
	return used == size;
}
