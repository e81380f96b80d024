// SPDX-License-Identifier: BSD-3-Clause
#include "command/relay.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/thread.h"

#define ATOMIC 4096u /* a pipe that is writable has room for it */

/* Waits for @fd; false: cancelled. What poll() does not know is ready. */
static bool wait_for(const struct relay *r, int fd, short events)
{
	struct pollfd set[] = { { fd, events, 0 },
				{ r->cancel_fd, POLLIN, 0 } };

	while (poll(set, 2, -1) < 0)
		if (errno != EINTR)
			return false;
	return !set[1].revents;
}

/* How much of a write cannot block once poll() has said so. */
static size_t step_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? RELAY_BUFFER :
							     ATOMIC;
}

/* Without waiting, where that can be said for this one call; see
 * session.c for the rest. */
static ssize_t take(const struct relay *r, void *bytes, size_t len)
{
	ssize_t n = recv(r->from, bytes, len, MSG_DONTWAIT);

	return n < 0 && errno == ENOTSOCK ? read(r->from, bytes, len) : n;
}

static ssize_t give(const struct relay *r, const void *bytes, size_t len)
{
	ssize_t n = send(r->to, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 && errno == ENOTSOCK ? write(r->to, bytes, len) : n;
}

static int write_out(struct relay *r, const uint8_t *bytes, size_t len,
		     size_t step)
{
	while (len) {
		ssize_t n;

		if (!wait_for(r, r->to, POLLOUT))
			return -ECANCELED;
		n = give(r, bytes, min_u64(len, step));
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n <= 0)
			continue;
		bytes += n;
		len -= (size_t)n;
		atomic_fetch_add(&r->bytes, (uint64_t)n);
		atomic_store(&r->last_ns, clock_mono_ns());
	}
	return 0;
}

static void *run(void *arg)
{
	struct relay *r = arg;
	const size_t step = step_of(r->to);
	ssize_t n;
	int e = 0;

	while (e == 0 && wait_for(r, r->from, POLLIN)) {
		n = take(r, r->buf, sizeof(r->buf));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		e = write_out(r, r->buf, (size_t)n, step);
	}
	r->error = e;
	/* The guest's side, a socket of our own: see relay.h. */
	fd_hang_up(r->done_fd < 0 ? &r->to : &r->from);
	fd_close(&r->from);
	fd_close(&r->to);
	atomic_store(&r->done, true);
	if (r->done_fd >= 0)
		fd_event_signal(r->done_fd);
	return NULL;
}

int relay_start(struct relay *r, int from, int to, int done_fd)
{
	int e;

	r->from = from;
	r->to = to;
	r->done_fd = done_fd;
	r->error = 0;
	r->cancel_fd = fd_event_create();
	e = r->cancel_fd < 0 ? r->cancel_fd :
			       thread_start(&r->thread, "stream", run, r);
	if (e < 0) {
		fd_close(&r->from);
		fd_close(&r->to);
		fd_close(&r->cancel_fd);
		return e;
	}
	r->started = true;
	return 0;
}

void relay_finish(struct relay *r)
{
	if (!r->started)
		return;
	fd_event_signal(r->cancel_fd);
	pthread_join(r->thread, NULL);
	fd_close(&r->cancel_fd);
	r->started = false;
}
