// SPDX-License-Identifier: BSD-3-Clause
/* See netd_link.h. */
#include "netd/netd_link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define PREFIX 4u

static void write_all(struct link *link, const uint8_t *bytes, size_t len)
{
	while (len && !link->gone) {
		struct pollfd p = { .fd = link->fd, .events = POLLOUT };
		ssize_t n = send(link->fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			poll(&p, 1, -1);
		else if (n < 0 && errno != EINTR)
			link->gone = true;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
}

void link_flush(struct link *link)
{
	write_all(link, link->out, link->out_end);
	link->out_end = 0;
}

void link_send(struct link *link, const void *frame, size_t len)
{
	uint8_t *p;

	if (!len || len > LINK_FRAME_MAX)
		return;
	if (sizeof(link->out) - link->out_end < PREFIX + len)
		link_flush(link);
	p = link->out + link->out_end;
	for (unsigned int i = 0; i < PREFIX; i++)
		p[i] = (uint8_t)(len >> (24 - 8 * i));
	memcpy(p + PREFIX, frame, len);
	link->out_end += PREFIX + len;
}

void link_fill(struct link *link)
{
	ssize_t n;

	memmove(link->in, link->in + link->in_start,
		link->in_end - link->in_start);
	link->in_end -= link->in_start;
	link->in_start = 0;
	n = recv(link->fd, link->in + link->in_end,
		 sizeof(link->in) - link->in_end, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		link->gone = true;
	if (n > 0)
		link->in_end += (size_t)n;
}

uint8_t *link_next(struct link *link, size_t *len)
{
	uint8_t *p = link->in + link->in_start;
	size_t left = link->in_end - link->in_start;
	size_t n;

	if (left < PREFIX)
		return NULL;
	n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	if (!n || n > LINK_FRAME_MAX) {
		link->gone = true;
		return NULL;
	}
	if (left - PREFIX < n)
		return NULL;
	link->in_start += PREFIX + n;
	*len = n;
	return p + PREFIX;
}
