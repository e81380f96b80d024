/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * As much of HTTP/1.1 (RFC 9112) as the control socket needs: a head is parsed
 * from bytes that may be anything, a head is written. No body is looked at, no
 * transfer coding is known. Pure; any thread.
 */
#ifndef VIREO_CONTROL_HTTP_H
#define VIREO_CONTROL_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HTTP_HEAD_MAX 8192u
#define HTTP_BODY_MAX (1u << 20)

struct http_request {
	char method[12];
	char path[128];
	uint32_t length; /* of the body, at most HTTP_BODY_MAX */
};

struct http_answer {
	int status; /* 100 to 599 */
	uint32_t length;
};

/*
 * How many of @len bytes the head takes; 0: it goes on. -EBADMSG: this is no
 * head of a message, -E2BIG: it or its body is too long, -ENOTSUP: another
 * version of HTTP, or a transfer coding.
 */
ssize_t http_parse_request(struct http_request *request, const char *bytes,
			   size_t len);
ssize_t http_parse_answer(struct http_answer *answer, const char *bytes,
			  size_t len);

/* The heads, with an end of string; their length. @cap is HTTP_HEAD_MAX at
 * least, and @path short. @upgrade: NULL, or the protocol to go on with. */
size_t http_write_request(char *buf, size_t cap, const char *method,
			  const char *path, size_t length,
			  const char *upgrade);
size_t http_write_answer(char *buf, size_t cap, int status, size_t length,
			 const char *upgrade);

/* The status for an error of http_parse_request(). */
int http_status_of(ssize_t error);

#endif
