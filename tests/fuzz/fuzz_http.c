// SPDX-License-Identifier: BSD-3-Clause
/* Heads of HTTP messages. The input lies in memory of just its size. What is a
 * head is one however it arrives, and survives being written again. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/http.h"

static ssize_t parse(struct http_request *q, const uint8_t *data, size_t size)
{
	char *bytes = malloc(size ? size : 1);
	ssize_t r;

	must(bytes != NULL);
	if (size)
		memcpy(bytes, data, size);
	r = http_parse_request(q, bytes, size);
	free(bytes);
	must(r <= (ssize_t)size && r <= (ssize_t)HTTP_HEAD_MAX);
	must(r || size < HTTP_HEAD_MAX);
	must(r >= 0 || r == -EBADMSG || r == -E2BIG || r == -ENOTSUP);
	must(r >= 0 || http_status_of(r) >= 400);
	return r;
}

static void write_again(const struct http_request *q, const char *upgrade)
{
	char text[HTTP_HEAD_MAX];
	struct http_request again;
	size_t n = http_write_request(text, sizeof(text), q->method, q->path,
				      q->length, upgrade);

	must(parse(&again, (const uint8_t *)text, n) == (ssize_t)n);
	must(!strcmp(again.method, q->method) && !strcmp(again.path, q->path));
	must(again.length == q->length);
}

static void check_answer(const uint8_t *data, size_t size)
{
	struct http_answer a, again;
	ssize_t r = http_parse_answer(&a, (const char *)data, size);
	char text[HTTP_HEAD_MAX];
	size_t n;

	must(r <= (ssize_t)size);
	if (r <= 0)
		return;
	must(a.status >= 100 && a.status < 600 && a.length <= HTTP_BODY_MAX);
	n = http_write_answer(text, sizeof(text), a.status, a.length, "x");
	must(http_parse_answer(&again, text, n) == (ssize_t)n);
	must(again.status == a.status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_request q, part;
	ssize_t r = parse(&q, data, size);

	check_answer(data, size);
	if (r <= 0)
		return 0;
	must(q.path[0] == '/' && q.method[0]);
	must(q.length <= HTTP_BODY_MAX);
	must(parse(&part, data, (size_t)r) == r);
	must(parse(&part, data, (size_t)r - 1) == 0);
	must(parse(&part, data, (size_t)r / 2) == 0);
	write_again(&q, NULL);
	write_again(&q, "y");
	return 0;
}
