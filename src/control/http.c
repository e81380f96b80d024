// SPDX-License-Identifier: BSD-3-Clause
#include "control/http.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- reading ---- */

/* A line of the head: its bytes without the end. */
struct line {
	const char *at;
	size_t len;
};

/* RFC 9110, 5.6.2 */
static bool is_token(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* Takes the next line off; false: there is no whole one. */
static bool next_line(struct line *line, const char **at, const char *end)
{
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));

	if (!newline)
		return false;
	line->at = *at;
	line->len = (size_t)(newline - *at);
	*at = newline + 1;
	return true;
}

/* Lines end in CR LF, and have no other control bytes but tabs. */
static bool trim_line(struct line *line)
{
	if (!line->len || line->at[line->len - 1] != '\r')
		return false;
	line->len--;
	for (size_t i = 0; i < line->len; i++) {
		unsigned char c = (unsigned char)line->at[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static int parse_length(uint32_t *out, const char *text, size_t len)
{
	uint32_t n = 0;

	if (!len)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EBADMSG;
		n = n * 10 + (uint32_t)(text[i] - '0');
		if (n > HTTP_BODY_MAX)
			return -E2BIG;
	}
	*out = n;
	return 0;
}

static bool is_name(const struct line *line, size_t len, const char *name)
{
	return len == strlen(name) && !strncasecmp(line->at, name, len);
}

/* "Name: value", with blanks around the value. */
static int parse_field(const struct line *line, uint32_t *length, bool *seen)
{
	const char *value;
	size_t name = 0, len;

	while (name < line->len && is_token(line->at[name]))
		name++;
	if (!name || name == line->len || line->at[name] != ':')
		return -EBADMSG;
	value = line->at + name + 1;
	len = line->len - name - 1;
	while (len && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	if (is_name(line, name, "transfer-encoding"))
		return -ENOTSUP;
	if (!is_name(line, name, "content-length"))
		return 0;
	if (*seen)
		return -EBADMSG;
	*seen = true;
	return parse_length(length, value, len);
}

/* The fields up to the empty line. */
static ssize_t parse_fields(uint32_t *length, const char *bytes,
			    const char *at, const char *end)
{
	bool seen = false;
	struct line line;
	int r = 0;

	*length = 0;
	while (r == 0 && next_line(&line, &at, end)) {
		if (!trim_line(&line))
			return -EBADMSG;
		if (!line.len)
			return at - bytes;
		r = parse_field(&line, length, &seen);
	}
	return r;
}

/* "HTTP/1.1" or "HTTP/1.0" */
static int check_version(const char *at, size_t len)
{
	if (len != 8 || strncmp(at, "HTTP/", 5))
		return -EBADMSG;
	return !strncmp(at, "HTTP/1.1", 8) || !strncmp(at, "HTTP/1.0", 8) ?
		       0 :
		       -ENOTSUP;
}

/* A word up to a blank, and the blank. */
static int take_word(char *out, size_t cap, struct line *line)
{
	size_t len = 0;

	while (len < line->len && line->at[len] != ' ')
		len++;
	if (!len || len == line->len)
		return -EBADMSG;
	if (len >= cap)
		return -E2BIG;
	memcpy(out, line->at, len);
	out[len] = '\0';
	line->at += len + 1;
	line->len -= len + 1;
	return 0;
}

static int parse_request_line(struct http_request *q, struct line line)
{
	int r = take_word(q->method, sizeof(q->method), &line);

	for (const char *c = q->method; r == 0 && *c; c++)
		r = is_token(*c) ? 0 : -EBADMSG;
	if (r == 0)
		r = take_word(q->path, sizeof(q->path), &line);
	if (r == 0 && q->path[0] != '/')
		r = -EBADMSG;
	return r == 0 ? check_version(line.at, line.len) : r;
}

static int parse_status_line(struct http_answer *a, struct line line)
{
	char version[12], status[4];
	uint32_t n = 0;
	int r = take_word(version, sizeof(version), &line);

	if (r == 0)
		r = check_version(version, strlen(version));
	if (r == 0)
		r = take_word(status, sizeof(status), &line);
	if (r == 0)
		r = parse_length(&n, status, strlen(status));
	if (r == 0 && (n < 100 || n > 599))
		r = -EBADMSG;
	a->status = (int)n;
	return r;
}

/* The first line of a head. 1: it is there; 0: it is not whole yet. */
static int first_line(struct line *line, const char **at, const char *bytes,
		      size_t len)
{
	*at = bytes;
	if (!next_line(line, at, bytes + len))
		return 0;
	return trim_line(line) ? 1 : -EBADMSG;
}

/* What is not whole may go on, but not for ever. */
static ssize_t bounded(ssize_t r, size_t len)
{
	if (r == 0 && len >= HTTP_HEAD_MAX)
		return -E2BIG;
	return r > (ssize_t)HTTP_HEAD_MAX ? -E2BIG : r;
}

ssize_t http_parse_request(struct http_request *q, const char *bytes,
			   size_t len)
{
	struct line line;
	const char *at;
	ssize_t r = first_line(&line, &at, bytes, len);

	memset(q, 0, sizeof(*q));
	if (r <= 0)
		return bounded(r, len);
	r = parse_request_line(q, line);
	if (r == 0)
		r = parse_fields(&q->length, bytes, at, bytes + len);
	return bounded(r, len);
}

ssize_t http_parse_answer(struct http_answer *a, const char *bytes, size_t len)
{
	struct line line;
	const char *at;
	ssize_t r = first_line(&line, &at, bytes, len);

	memset(a, 0, sizeof(*a));
	if (r <= 0)
		return bounded(r, len);
	r = parse_status_line(a, line);
	if (r == 0)
		r = parse_fields(&a->length, bytes, at, bytes + len);
	return bounded(r, len);
}

/* ---- writing ---- */

static const struct {
	int status;
	const char *phrase;
} phrases[] = {
	{ 101, "Switching Protocols" },
	{ 200, "OK" },
	{ 202, "Accepted" },
	{ 400, "Bad Request" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 409, "Conflict" },
	{ 413, "Content Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
};

static const char *phrase_of(int status)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Unknown";
}

static size_t write_fields(char *buf, size_t cap, size_t length,
			   const char *upgrade)
{
	if (upgrade)
		return (size_t)snprintf(buf, cap,
					"Connection: Upgrade\r\n"
					"Upgrade: %s\r\n"
					"Content-Length: %zu\r\n\r\n",
					upgrade, length);
	return (size_t)snprintf(buf, cap,
				"Connection: close\r\n"
				"Content-Type: application/json\r\n"
				"Content-Length: %zu\r\n\r\n",
				length);
}

size_t http_write_request(char *buf, size_t cap, const char *method,
			  const char *path, size_t length, const char *upgrade)
{
	size_t n = (size_t)snprintf(buf, cap,
				    "%s %s HTTP/1.1\r\nHost: vireo\r\n", method,
				    path);

	return n + write_fields(buf + n, cap - n, length, upgrade);
}

size_t http_write_answer(char *buf, size_t cap, int status, size_t length,
			 const char *upgrade)
{
	size_t n = (size_t)snprintf(buf, cap, "HTTP/1.1 %d %s\r\n", status,
				    phrase_of(status));

	if (status == 101) { /* has no body, and says nothing of one */
		n += (size_t)snprintf(buf + n, cap - n,
				      "Connection: Upgrade\r\n"
				      "Upgrade: %s\r\n\r\n",
				      upgrade);
		return n;
	}
	return n + write_fields(buf + n, cap - n, length, NULL);
}

int http_status_of(ssize_t error)
{
	return error == -E2BIG ? 413 : error == -ENOTSUP ? 501 : 400;
}
