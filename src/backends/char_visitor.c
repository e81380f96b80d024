// SPDX-License-Identifier: BSD-3-Clause
#include "backends/char_visitor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/fd.h"

void char_visitor_init(struct char_visitor *v, struct loop *loop)
{
	v->loop = loop;
	v->fd = -1;
	pthread_mutex_init(&v->door, NULL);
	pthread_mutex_init(&v->lock, NULL);
}

void char_visitor_finish(struct char_visitor *v)
{
	char_visitor_detach(v);
	pthread_mutex_destroy(&v->lock);
	pthread_mutex_destroy(&v->door);
}

/* Swaps what is there; the caller has the door. */
static void swap(struct char_visitor *v, struct char_in **in, int *fd)
{
	struct char_in *old_in;
	int old_fd;

	pthread_mutex_lock(&v->lock);
	old_in = v->in;
	old_fd = v->fd;
	v->in = *in;
	v->fd = *fd;
	atomic_store(&v->there, *in != NULL);
	pthread_mutex_unlock(&v->lock);
	*in = old_in;
	*fd = old_fd;
}

int char_visitor_attach(struct char_visitor *v, int fd)
{
	struct char_in *in = NULL;
	int own = -1;
	int r = 0;

	pthread_mutex_lock(&v->door);
	if (atomic_load(&v->there))
		r = -EBUSY;
	if (r == 0) {
		own = fd_copy(fd);
		r = own < 0 ? -errno : char_in_create(&in, own, v->loop, NULL);
	}
	if (r == 0) {
		struct char_in *there = in;

		swap(v, &in, &own);
		char_in_listen(there, v->listener);
	}
	fd_close(&own);
	pthread_mutex_unlock(&v->door);
	return r;
}

void char_visitor_detach(struct char_visitor *v)
{
	struct char_in *in = NULL;
	int fd = -1;

	pthread_mutex_lock(&v->door);
	swap(v, &in, &fd);
	char_in_destroy(in);
	fd_close(&fd);
	pthread_mutex_unlock(&v->door);
}

void char_visitor_listen(struct char_visitor *v, struct char_listener listener)
{
	pthread_mutex_lock(&v->door);
	v->listener = listener;
	/* Only who has the door takes it away. */
	if (v->in)
		char_in_listen(v->in, listener);
	pthread_mutex_unlock(&v->door);
}

/* A reader who is slow misses something. */
void char_visitor_write(struct char_visitor *v, const uint8_t *bytes,
			size_t len)
{
	if (!atomic_load(&v->there))
		return;
	pthread_mutex_lock(&v->lock);
	if (v->fd >= 0)
		(void)send(v->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	pthread_mutex_unlock(&v->lock);
}

size_t char_visitor_read(struct char_visitor *v, uint8_t *buf, size_t cap)
{
	size_t n = 0;

	if (!atomic_load(&v->there))
		return 0;
	pthread_mutex_lock(&v->lock);
	if (v->in)
		n = char_in_read(v->in, buf, cap);
	pthread_mutex_unlock(&v->lock);
	return n;
}
