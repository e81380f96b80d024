// SPDX-License-Identifier: BSD-3-Clause
/* What of a guest's frames libslirp may see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netd/netd_check.h"

#define ETH  14
#define IPV4 20
#define IPV6 40

static uint8_t frame[2000];

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* A frame with @len bytes of @proto; where those are. */
static uint8_t *ipv4(uint8_t proto, size_t len)
{
	memset(frame, 0, sizeof(frame));
	put16(frame + 12, 0x0800);
	frame[ETH] = 0x45;
	put16(frame + ETH + 2, (unsigned int)(IPV4 + len));
	frame[ETH + 9] = proto;
	return frame + ETH + IPV4;
}

static uint8_t *ipv6(uint8_t proto, size_t len)
{
	memset(frame, 0, sizeof(frame));
	put16(frame + 12, 0x86dd);
	frame[ETH] = 0x60;
	put16(frame + ETH + 4, (unsigned int)len);
	frame[ETH + 6] = proto;
	return frame + ETH + IPV6;
}

/* In memory of exactly its size. */
static bool passes(size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, frame, len);
	ok = netd_check(copy, len);
	memcpy(frame, copy, len);
	free(copy);
	return ok;
}

static void other_kinds_of_frames_do_not_pass(void **state)
{
	memset(frame, 0, sizeof(frame));
	put16(frame + 12, 0x0806);
	assert_true(passes(60));
	for (unsigned int type = 0; type < 0x10000; type++) {
		put16(frame + 12, type);
		if (type != 0x0806)
			assert_false(passes(60));
	}
}

static void frames_shorter_than_their_headers_say_do_not_pass(void **state)
{
	for (size_t len = 0; len < ETH + IPV4 + 8; len++) {
		ipv4(17, 8);
		assert_false(passes(len));
	}
	assert_true(passes(ETH + IPV4 + 8));
	assert_true(passes(60)); /* padded */
	for (size_t len = 0; len < ETH + IPV6 + 8; len++) {
		ipv6(17, 8);
		assert_false(passes(len));
	}
	assert_true(passes(ETH + IPV6 + 8));
	for (size_t len = 0; len < ETH + IPV4 + 20; len++) {
		ipv4(6, 20)[12] = 0x50;
		assert_false(passes(len));
	}
	assert_true(passes(ETH + IPV4 + 20));
}

static void headers_of_ip_have_their_least_size(void **state)
{
	for (unsigned int first = 0; first < 256; first++) {
		size_t header = (size_t)(first & 15) * 4;

		ipv4(17, 8);
		frame[ETH] = (uint8_t)first;
		assert_int_equal(passes(60), first >> 4 == 4 && header >= 20 &&
				 header <= 28);
		ipv6(17, 8);
		frame[ETH] = (uint8_t)first;
		assert_int_equal(passes(ETH + IPV6 + 8), first >> 4 == 6);
	}
}

/* The payload of one became the address of a write in libslirp 4.7. */
static void DN14_fragments_do_not_pass(void **state)
{
	static const uint8_t protos[] = { 1, 6, 17 };

	for (unsigned int i = 0; i < 3; i++) {
		for (unsigned int field = 0; field < 0x10000; field++) {
			ipv4(protos[i], 40)[12] = 0x50;
			put16(frame + ETH + 6, field);
			assert_int_equal(passes(ETH + IPV4 + 40),
					 !(field & 0x3fff));
		}
	}
}

static bool tcp_passes(bool v6, const uint8_t *options, size_t len,
		       uint8_t offset)
{
	uint8_t *tcp = v6 ? ipv6(6, 20 + len) : ipv4(6, 20 + len);

	tcp[12] = offset;
	memcpy(tcp + 20, options, len);
	return passes((size_t)(tcp - frame) + 20 + len);
}

static void DN14_options_end_where_their_header_does(void **state)
{
	static const struct {
		uint8_t bytes[8];
		bool fit;
	} rows[] = {
		{ { 0, 2, 4, 0, 0, 0, 0, 2 }, true },
		{ { 2, 4, 5, 180, 1, 1, 4, 2 }, true },
		{ { 1, 1, 1, 1, 1, 1, 1, 1 }, true },
		{ { 1, 1, 1, 1, 1, 1, 1, 0 }, true },
		{ { 254, 8, 1, 2, 3, 4, 5, 6 }, true },
		{ { 254, 9, 1, 2, 3, 4, 5, 6 }, false },
		{ { 254, 255, 1, 2, 3, 4, 5, 6 }, false },
		{ { 1, 1, 1, 1, 1, 1, 1, 2 }, false },
		{ { 1, 1, 1, 1, 1, 1, 2, 4 }, false },
		{ { 2, 0, 1, 1, 1, 1, 1, 1 }, false },
		{ { 2, 1, 1, 1, 1, 1, 1, 1 }, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int v6 = 0; v6 < 2; v6++)
			assert_int_equal(tcp_passes(v6, rows[i].bytes, 8, 0x70),
					 rows[i].fit);
}

static void DN14_data_begins_inside_of_the_segment(void **state)
{
	static const uint8_t none[12];

	for (unsigned int offset = 0; offset < 16; offset++)
		for (int v6 = 0; v6 < 2; v6++)
			assert_int_equal(tcp_passes(v6, none, 12,
						    (uint8_t)(offset << 4)),
					 offset >= 5 && offset <= 8);
}

static unsigned int sum(const uint8_t *p, size_t len)
{
	unsigned int s = 0;

	for (size_t i = 0; i < len; i += 2)
		s += get16(p + i);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

/* Data and all else stay, and the checksum is right again. */
static void DN14_urgent_data_becomes_plain_data(void **state)
{
	for (unsigned int i = 0; i < 0x10000; i += 5) {
		for (int v6 = 0; v6 < 2; v6++) {
			uint8_t *tcp = v6 ? ipv6(6, 30) : ipv4(6, 30);

			for (unsigned int k = 0; k < 30; k++)
				tcp[k] = (uint8_t)(i * (k + 1) >> 3);
			tcp[12] = 0x50 | (i & 15);
			tcp[13] = (uint8_t)(i | 0x20);
			put16(tcp + 18, i ^ 0x5a5a);
			put16(tcp + 16, 0);
			put16(tcp + 16, 0xffff - sum(tcp, 30));
			assert_true(passes((size_t)(tcp - frame) + 30));
			assert_int_equal(tcp[12], 0x50 | (i & 15));
			assert_int_equal(tcp[13], (uint8_t)(i & ~0x20u));
			assert_int_equal(get16(tcp + 18), 0);
			assert_int_equal(sum(tcp, 30), 0xffff);
			assert_int_equal(tcp[29], (uint8_t)(i * 30 >> 3));
		}
	}
}

static void what_is_not_urgent_is_not_changed(void **state)
{
	uint8_t before[ETH + IPV4 + 30];

	for (unsigned int flags = 0; flags < 256; flags++) {
		uint8_t *tcp = ipv4(6, 30);

		tcp[12] = 0x50;
		tcp[13] = (uint8_t)(flags & ~0x20u);
		put16(tcp + 16, 0x1234);
		put16(tcp + 18, 0x5678);
		memcpy(before, frame, sizeof(before));
		assert_true(passes(sizeof(before)));
		assert_memory_equal(frame, before, sizeof(before));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_kinds_of_frames_do_not_pass),
		cmocka_unit_test(
			frames_shorter_than_their_headers_say_do_not_pass),
		cmocka_unit_test(headers_of_ip_have_their_least_size),
		cmocka_unit_test(DN14_fragments_do_not_pass),
		cmocka_unit_test(DN14_options_end_where_their_header_does),
		cmocka_unit_test(DN14_data_begins_inside_of_the_segment),
		cmocka_unit_test(DN14_urgent_data_becomes_plain_data),
		cmocka_unit_test(what_is_not_urgent_is_not_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
