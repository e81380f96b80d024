// SPDX-License-Identifier: BSD-3-Clause
#include "control/exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"

#define READ_MS 10000
#define SEND_MS 5000

/* ---- reading ---- */

/* Waits for bytes; -ETIMEDOUT, -ECANCELED. */
static int wait_for_more(int fd, int stop_fd, uint64_t until_ms)
{
	struct pollfd set[] = { { fd, POLLIN, 0 }, { stop_fd, POLLIN, 0 } };
	uint64_t now;
	int n;

	do {
		now = clock_mono_ms();
		if (now >= until_ms)
			return -ETIMEDOUT;
		n = poll(set, 2, (int)(until_ms - now));
	} while (n < 0 && errno == EINTR);
	if (set[1].revents)
		return -ECANCELED;
	return n > 0 ? 0 : -ETIMEDOUT;
}

static void keep_fds(struct exchange *x, const struct cmsghdr *c)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		if (x->fds < EXCHANGE_FDS)
			x->fd[x->fds++] = fd;
		else
			fd_close(&fd);
	}
}

/* As much as there is room for, and no more. */
static int receive(struct exchange *x, int fd, size_t room)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int[EXCHANGE_FDS]))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { x->bytes + x->len, room };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c;
	     c = CMSG_NXTHDR(&msg, c))
		keep_fds(x, c);
	if (msg.msg_flags & MSG_CTRUNC)
		return -EBADMSG;
	x->len += (size_t)n;
	return n ? 0 : -ECONNRESET;
}

/* How many bytes are wanted altogether: the head, until it is there. */
static size_t wanted(const struct exchange *x)
{
	return x->head ? x->head + x->request.length : HTTP_HEAD_MAX;
}

/* Room for what is wanted, and an end of string. */
static int grow(struct exchange *x)
{
	char *bytes = realloc(x->bytes, wanted(x) + 1);

	if (!bytes)
		return -ENOMEM;
	x->bytes = bytes;
	return 0;
}

int exchange_read(struct exchange *x, int fd, int stop_fd)
{
	uint64_t until = clock_mono_ms() + READ_MS;
	int r;

	memset(x, 0, sizeof(*x));
	r = grow(x);
	while (r == 0 && (!x->head || x->len < wanted(x))) {
		ssize_t head;

		r = wait_for_more(fd, stop_fd, until);
		if (r == 0)
			r = receive(x, fd, wanted(x) - x->len);
		if (r < 0 || x->head)
			continue;
		head = http_parse_request(&x->request, x->bytes, x->len);
		x->head = head > 0 ? (size_t)head : 0;
		r = head < 0 ? (int)head : 0;
		/* What is behind the body is not asked for. */
		if (x->head && x->len > wanted(x))
			r = -EBADMSG;
		if (x->head && r == 0)
			r = grow(x);
	}
	if (r == 0)
		x->bytes[x->len] = '\0';
	return r;
}

void exchange_finish(struct exchange *x)
{
	for (unsigned int i = 0; i < x->fds; i++)
		fd_close(&x->fd[i]);
	free(x->bytes);
	memset(x, 0, sizeof(*x));
}

const char *exchange_body(const struct exchange *x)
{
	return x->bytes + x->head;
}

/* ---- answering ---- */

int exchange_send(int fd, const char *bytes, size_t len)
{
	uint64_t until = clock_mono_ms() + SEND_MS;

	while (len) {
		struct pollfd p = { fd, POLLOUT, 0 };
		uint64_t now = clock_mono_ms();
		ssize_t n;

		if (now >= until)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)(until - now)) <= 0)
			continue;
		n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

void exchange_answer(int fd, int status, const char *body)
{
	char head[HTTP_HEAD_MAX];
	size_t len = strlen(body);
	size_t n = http_write_answer(head, sizeof(head), status, len, NULL);

	if (exchange_send(fd, head, n) == 0)
		exchange_send(fd, body, len);
}

void exchange_refuse(int fd, int status, const char *text)
{
	struct json_object *object = json_object_create();
	char *body;

	if (object)
		(void)json_object_add(object, "error", text, false);
	body = json_object_finish(object);
	exchange_answer(fd, status, body ? body : "{}");
	free(body);
}

int exchange_upgrade(int fd, const char *protocol)
{
	char head[HTTP_HEAD_MAX];
	size_t n = http_write_answer(head, sizeof(head), 101, 0, protocol);

	return exchange_send(fd, head, n);
}
