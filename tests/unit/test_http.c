// SPDX-License-Identifier: BSD-3-Clause
/* src/control/http.c: heads of messages, good and bad, in any pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "control/http.h"

static ssize_t parse(struct http_request *q, const char *text)
{
	return http_parse_request(q, text, strlen(text));
}

static void a_request_has_a_method_a_path_and_a_length(void **state)
{
	static const char text[] = "POST /vireo/v1/exec HTTP/1.1\r\n"
				   "Host: x\r\n"
				   "content-LENGTH: \t42 \r\n"
				   "X-Odd!#: a:b\r\n\r\nbody";
	struct http_request q;

	assert_int_equal(parse(&q, text), sizeof(text) - 1 - 4);
	assert_string_equal(q.method, "POST");
	assert_string_equal(q.path, "/vireo/v1/exec");
	assert_int_equal(q.length, 42);
}

/* Bytes are copied to memory of just their size, for sanitizers. */
static void what_is_not_whole_goes_on(void **state)
{
	static const char text[] = "GET / HTTP/1.0\r\nA: b\r\n\r\n";
	struct http_request q;

	for (size_t len = 0; len < sizeof(text); len++) {
		char *piece = malloc(len ? len : 1);

		memcpy(piece, text, len);
		assert_int_equal(http_parse_request(&q, piece, len),
				 len < sizeof(text) - 1 ? 0 : len);
		free(piece);
	}
}

static void C04_what_is_no_request_is_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
	} bad[] = {
		{ "\r\n", -EBADMSG },
		{ "\n", -EBADMSG },
		{ "GET / HTTP/1.1\n", -EBADMSG },
		{ "GET /\r\n", -EBADMSG },
		{ "GET  / HTTP/1.1\r\n", -EBADMSG },
		{ "GET x HTTP/1.1\r\n", -EBADMSG },
		{ "GET * HTTP/1.1\r\n", -EBADMSG },
		{ "G(T / HTTP/1.1\r\n", -EBADMSG },
		{ " / HTTP/1.1\r\n", -EBADMSG },
		{ "GET / HTTP/1.1 \r\n", -EBADMSG },
		{ "GET / http/1.1\r\n", -EBADMSG },
		{ "GET / HTTP/2.0\r\n", -ENOTSUP },
		{ "GET / HTTP/1.2\r\n", -ENOTSUP },
		{ "GET / HTTP/1.1\r\nA\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\n: b\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nA : b\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\n A: b\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nA: b\x01\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nA: b\r\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nA: b\n\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length:\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length: -1\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length: +1\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length: 0x1\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length: 1 1\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length: 1,1\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length: 1\r\n"
		  "Content-Length: 1\r\n",
		  -EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length: 1048577\r\n", -E2BIG },
		{ "GET / HTTP/1.1\r\nContent-Length: "
		  "99999999999999999999999999\r\n",
		  -E2BIG },
		{ "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
		  -ENOTSUP },
		{ "AMETHODWITHALONGNAME / HTTP/1.1\r\n", -E2BIG },
	};
	struct http_request q;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse(&q, bad[i].text) != bad[i].error)
			fail_msg("%s", bad[i].text);
}

static void bytes_of_zero_end_nothing(void **state)
{
	static const char text[] = "GET /\0 HTTP/1.1\r\n\r\n";
	struct http_request q;

	assert_int_equal(http_parse_request(&q, text, sizeof(text) - 1),
			 -EBADMSG);
}

static void C04_a_head_has_a_bound(void **state)
{
	struct http_request q;
	char *text = malloc(2 * HTTP_HEAD_MAX);
	size_t n = (size_t)sprintf(text, "GET / HTTP/1.1\r\nA: ");

	memset(text + n, 'a', 2 * HTTP_HEAD_MAX - n);
	assert_int_equal(http_parse_request(&q, text, HTTP_HEAD_MAX - 1), 0);
	assert_int_equal(http_parse_request(&q, text, HTTP_HEAD_MAX), -E2BIG);
	memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
	assert_int_equal(http_parse_request(&q, text, HTTP_HEAD_MAX),
			 HTTP_HEAD_MAX);
	memset(text + HTTP_HEAD_MAX - 4, 'a', 4);
	memcpy(text + HTTP_HEAD_MAX - 3, "\r\n\r\n", 4);
	assert_int_equal(http_parse_request(&q, text, 2 * HTTP_HEAD_MAX),
			 -E2BIG);
	memset(text, '/', 200);
	memcpy(text, "GET ", 4);
	text[200] = ' ';
	memcpy(text + 201, "HTTP/1.1\r\n", 10);
	assert_int_equal(http_parse_request(&q, text, 211), -E2BIG);
	free(text);
}

static void what_is_written_can_be_read(void **state)
{
	char text[HTTP_HEAD_MAX];
	struct http_request q;
	struct http_answer a;
	size_t n = http_write_request(text, sizeof(text), "POST", "/a", 77,
				      NULL);

	assert_int_equal(http_parse_request(&q, text, n), n);
	assert_string_equal(q.method, "POST");
	assert_string_equal(q.path, "/a");
	assert_int_equal(q.length, 77);
	n = http_write_request(text, sizeof(text), "GET", "/", 0, "vireo-exec");
	assert_int_equal(http_parse_request(&q, text, n), n);
	assert_non_null(strstr(text, "Upgrade: vireo-exec\r\n"));
	n = http_write_answer(text, sizeof(text), 404, 12, NULL);
	assert_int_equal(http_parse_answer(&a, text, n), n);
	assert_int_equal(a.status, 404);
	assert_int_equal(a.length, 12);
	n = http_write_answer(text, sizeof(text), 101, 0, "vireo-exec");
	assert_int_equal(http_parse_answer(&a, text, n), n);
	assert_int_equal(a.status, 101);
	assert_int_equal(a.length, 0);
}

static void what_is_no_answer_is_refused(void **state)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\r\n\r\n",  "HTTP/1.1 99 No\r\n\r\n",
		"HTTP/1.1 600 No\r\n\r\n", "HTTP/1.1 20x No\r\n\r\n",
		"HTTP/1.1 2000 N\r\n\r\n", "HTTP/1.1 200\r\n\r\n",
		"SSH-2.0-x y\r\n\r\n",
	};
	struct http_answer a;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (http_parse_answer(&a, bad[i], strlen(bad[i])) >= 0)
			fail_msg("%s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_has_a_method_a_path_and_a_length),
		cmocka_unit_test(what_is_not_whole_goes_on),
		cmocka_unit_test(C04_what_is_no_request_is_refused),
		cmocka_unit_test(bytes_of_zero_end_nothing),
		cmocka_unit_test(C04_a_head_has_a_bound),
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(what_is_no_answer_is_refused),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
