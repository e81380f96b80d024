// SPDX-License-Identifier: BSD-3-Clause
/*
 * "POST /vireo/v1/console": the connection becomes the main console, beside its
 * own reader: its bytes from now on, and keys. One client at a time.
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>

#include "control/requests.h"

static void visit(const struct service *s, int fd)
{
	struct pollfd set[] = { { fd, POLLRDHUP, 0 },
				{ s->stop_fd, POLLIN, 0 } };

	if (vireo_console_visit(s->vm, fd) < 0)
		return;
	while (poll(set, 2, -1) < 0 && errno == EINTR)
		;
	vireo_console_visit(s->vm, -1);
}

void request_console(const struct service *s, const struct exchange *x, int fd)
{
	if (atomic_exchange(s->console, true)) {
		exchange_refuse(fd, 409, "somebody has its console already");
		return;
	}
	/* First the answer: behind it there may be bytes at once. */
	if (exchange_upgrade(fd, "vireo-console") == 0)
		visit(s, fd);
	atomic_store(s->console, false);
}
