// SPDX-License-Identifier: BSD-3-Clause
/* src/debug/gdb_packet.c: bytes to packets, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "debug/gdb_packet.h"

static struct gdb_in its_in;
static struct gdb_out its_out;

static int set_up(void **state)
{
	memset(&its_in, 0, sizeof(its_in));
	memset(&its_out, 0, sizeof(its_out));
	return 0;
}

/* The events of all bytes but those that mean nothing: "P" a packet, ... */
static const char *feed(const char *bytes, size_t len)
{
	static char seen[64];
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < sizeof(seen); i++) {
		enum gdb_event e = gdb_in_byte(&its_in, (uint8_t)bytes[i]);

		if (e != GDB_NOTHING)
			seen[n++] = ".PDLAI"[e];
	}
	seen[n] = '\0';
	return seen;
}

static const char *feed_text(const char *text)
{
	return feed(text, strlen(text));
}

static void packet_has_its_checksum(void **state)
{
	assert_string_equal(feed_text("$g#67"), "P");
	assert_string_equal(its_in.body, "g");
	assert_string_equal(feed_text("$#00"), "P");
	assert_int_equal(its_in.len, 0);
	assert_string_equal(feed_text("$OK#9A"), "P");
	assert_string_equal(feed_text("$g#68"), "D");
	assert_string_equal(feed_text("$g#6x"), "D");
	assert_string_equal(feed_text("$g#x7$g#67"), "DP");
	assert_string_equal(feed("$m\xff\x80#ec", 7), "P");
}

static void packets_stand_between_other_bytes(void **state)
{
	assert_string_equal(feed_text("+++$g#67+-noise\x03$?#3f"), "PAIP");
	assert_string_equal(feed_text("$cut off$g#67"), "P");
	assert_string_equal(its_in.body, "g");
	assert_string_equal(feed_text("$a\x03z#de"), "P"); /* no Ctrl-C */
}

static void packet_may_be_as_long_as_was_said(void **state)
{
	char *text = malloc(GDB_BODY_MAX + 8);
	uint8_t sum = 0;

	for (size_t n = GDB_BODY_MAX; n <= GDB_BODY_MAX + 1; n++) {
		memset(text, 'a', n + 1);
		text[0] = '$';
		sum = (uint8_t)('a' * n);
		snprintf(text + n + 1, 4, "#%02x", sum);
		assert_string_equal(feed(text, n + 4),
				    n > GDB_BODY_MAX ? "L" : "P");
	}
	free(text);
	assert_string_equal(feed_text("$g#67"), "P");
	assert_string_equal(its_in.body, "g");
}

static void answer_is_written_with_its_checksum(void **state)
{
	char text[GDB_PACKET_MAX];
	size_t n;

	gdb_out_text(&its_out, "T%02x", 5);
	gdb_out_hex(&its_out, (const uint8_t *)"\x00\xfe", 2);
	n = gdb_packet_write(text, &its_out);
	assert_memory_equal(text, "$T0500fe#e4", n);
	assert_string_equal(feed(text, n), "P");
}

static void answer_that_is_too_long_is_marked(void **state)
{
	static uint8_t bytes[GDB_BODY_MAX];
	char text[300];

	gdb_out_hex(&its_out, bytes, GDB_BODY_MAX / 2);
	assert_false(its_out.too_long);
	assert_int_equal(its_out.len, GDB_BODY_MAX);
	gdb_out_text(&its_out, "%s", "");
	assert_false(its_out.too_long);
	gdb_out_text(&its_out, "a");
	assert_true(its_out.too_long);
	its_out = (struct gdb_out){ 0 };
	gdb_out_hex(&its_out, bytes, GDB_BODY_MAX / 2 + 1);
	assert_true(its_out.too_long);
	its_out = (struct gdb_out){ 0 };
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	gdb_out_text(&its_out, "%s", text);
	assert_true(its_out.too_long);
	assert_int_equal(gdb_out_binary(&its_out, bytes, 1), 0);
}

static void binary_is_escaped_and_comes_back(void **state)
{
	uint8_t bytes[256], back[256];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(gdb_out_binary(&its_out, bytes, 256), 256);
	assert_int_equal(its_out.len, 260);
	assert_null(memchr(its_out.body, '#', its_out.len));
	assert_null(memchr(its_out.body, '$', its_out.len));
	assert_true(gdb_take_binary(its_out.body, its_out.len, back, 256));
	assert_memory_equal(back, bytes, 256);
	assert_false(gdb_take_binary(its_out.body, its_out.len, back, 255));
	assert_false(gdb_take_binary(its_out.body, its_out.len - 1, back, 256));
	assert_false(gdb_take_binary("}", 1, back, 1));
	assert_true(gdb_take_binary("", 0, back, 0));
	its_out.len = GDB_BODY_MAX - 3;
	assert_int_equal(gdb_out_binary(&its_out, bytes, 256), 2);
}

static void numbers_have_at_most_64_bits(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
		const char *rest; /* NULL: refused */
	} cases[] = {
		{ "0", 0, "" },
		{ "fF,1", 255, ",1" },
		{ "ffffffffffffffff", UINT64_MAX, "" },
		{ "00000000000000000001", 1, "" },
		{ "10000000000000000", 0, NULL },
		{ "", 0, NULL },
		{ "-1", 0, NULL },
		{ "x", 0, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *at = cases[i].text;
		uint64_t v;

		assert_int_equal(gdb_take_number(&at, &v), !!cases[i].rest);
		if (!cases[i].rest)
			continue;
		assert_int_equal(v, cases[i].value);
		assert_string_equal(at, cases[i].rest);
	}
}

static void digits_are_as_many_as_wanted(void **state)
{
	uint8_t bytes[2];

	assert_true(gdb_take_hex("12aF", bytes, 2));
	assert_int_equal(bytes[1], 0xaf);
	assert_false(gdb_take_hex("12a", bytes, 2));
	assert_false(gdb_take_hex("12", bytes, 2));
	assert_false(gdb_take_hex("", bytes, 1));
	assert_false(gdb_take_hex("12345", bytes, 2));
	assert_false(gdb_take_hex("1g", bytes, 1));
	assert_true(gdb_take_hex("", bytes, 0));
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(packet_has_its_checksum),
		TEST(packets_stand_between_other_bytes),
		TEST(packet_may_be_as_long_as_was_said),
		TEST(answer_is_written_with_its_checksum),
		TEST(answer_that_is_too_long_is_marked),
		TEST(binary_is_escaped_and_comes_back),
		TEST(numbers_have_at_most_64_bits),
		TEST(digits_are_as_many_as_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
