// SPDX-License-Identifier: BSD-3-Clause
/*
 * See share_lock.h. Each owner has, for each file, an open file description of
 * its own, which the host's kernel takes for who has the lock (F_OFD_SETLK):
 * closing it gives all of them back, and closing others' does not.
 */
#include "backends/share_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "backends/share_tree.h"
#include "base/fd.h"

static struct share_holder **find(struct share *s, const struct share_node *n,
				  uint64_t owner, bool whole)
{
	struct share_holder **at = &s->holder;

	while (*at && ((*at)->node != n || (*at)->owner != owner ||
		       (*at)->whole != whole))
		at = &(*at)->next;
	return at;
}

static void drop(struct share *s, struct share_holder **at)
{
	struct share_holder *o = *at;

	if (!o)
		return;
	*at = o->next;
	s->holders--;
	close(o->fd);
	share_node_drop(s, o->node);
	free(o);
}

/* A lock to write wants a file that is open to write: as the guest has opened
 * this one, or as it may be opened without any change. */
static int open_for(struct share *s, const struct share_handle *h, bool whole)
{
	int flags = fcntl(h->fd, F_GETFL);
	int fd = -1;

	if (flags < 0)
		return -errno;
	if (!whole && !s->cfg.read_only)
		fd = fd_above(openat(s->proc_fd, share_magic(h->fd).name,
				     O_RDWR | O_CLOEXEC | O_NOCTTY |
					     O_NONBLOCK));
	return fd >= 0 ? fd : share_reopen(s, h->fd, flags & O_ACCMODE);
}

static int add(struct share *s, const struct share_handle *h,
	       const struct share_lock *l, struct share_holder **at)
{
	struct share_holder *o;
	int fd;

	if (s->holders >= s->cached_max / 2)
		return -ENOLCK;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	fd = open_for(s, h, l->whole);
	if (fd < 0) {
		free(o);
		return fd;
	}
	*o = (struct share_holder){ .node = h->node, .owner = l->owner,
				    .whole = l->whole, .fd = fd };
	o->node->children++;
	s->holders++;
	*at = o;
	return 0;
}

static struct flock range_of(const struct share_lock *l)
{
	return (struct flock){
		.l_type = (short)l->type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)l->start,
		.l_len = l->end == INT64_MAX ?
				 0 : (off_t)(l->end - l->start + 1),
	};
}

static int set(int fd, const struct share_lock *l)
{
	struct flock range = range_of(l);
	int op = l->type == F_RDLCK ? LOCK_SH : LOCK_EX;
	int r = l->whole ? flock(fd, op | LOCK_NB) :
			   fcntl(fd, F_OFD_SETLK, &range);

	if (r == 0)
		return 0;
	return errno == EACCES || errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

static int check(const struct share_handle *h, const struct share_lock *l)
{
	if (!h || h->dir)
		return -EBADF;
	if (l->type != F_RDLCK && l->type != F_WRLCK && l->type != F_UNLCK)
		return -EINVAL;
	return l->whole || (l->start <= l->end && l->end <= INT64_MAX) ?
		       0 : -EINVAL;
}

int share_lock(struct share *s, const struct share_lock *l)
{
	const struct share_handle *h = share_handle(s, l->handle);
	struct share_holder **at;
	int r = check(h, l);

	if (r < 0)
		return r;
	at = find(s, h->node, l->owner, l->whole);
	if (l->type == F_UNLCK) {
		if (*at && (l->whole || (!l->start && l->end == INT64_MAX)))
			drop(s, at);
		else if (*at)
			r = set((*at)->fd, l);
		return r;
	}
	if (!*at)
		r = add(s, h, l, at);
	if (r < 0)
		return r;
	r = set((*at)->fd, l);
	(*at)->has |= r == 0;
	/* Who waits need not open the file each time, while there are enough
	 * for those who have locks. */
	if (!(*at)->has && (r != -EAGAIN || !l->waits ||
			    s->holders > s->cached_max / 4))
		drop(s, at);
	return r;
}

void share_lock_give_up(struct share *s, const struct share_lock *l)
{
	const struct share_handle *h = share_handle(s, l->handle);
	struct share_holder **at;

	if (!h)
		return;
	at = find(s, h->node, l->owner, l->whole);
	if (*at && !(*at)->has)
		drop(s, at);
}

int share_lock_test(struct share *s, struct share_lock *l)
{
	const struct share_handle *h = share_handle(s, l->handle);
	const struct share_holder *o;
	struct flock range;
	int r = check(h, l);

	if (r < 0 || l->whole || l->type == F_UNLCK)
		return r < 0 ? r : -EINVAL;
	o = *find(s, h->node, l->owner, false);
	range = range_of(l);
	if (fcntl(o ? o->fd : h->fd, F_OFD_GETLK, &range) < 0)
		return -errno;
	l->type = range.l_type;
	if (l->type == F_UNLCK)
		return 0;
	l->start = (uint64_t)range.l_start;
	l->end = range.l_len ? l->start + (uint64_t)range.l_len - 1 : INT64_MAX;
	return 0;
}

void share_lock_drop(struct share *s, uint64_t handle, uint64_t owner,
		     bool whole)
{
	const struct share_handle *h = share_handle(s, handle);

	if (h && s->holder)
		drop(s, find(s, h->node, owner, whole));
}

void share_locks_end(struct share *s, const struct share_node *n)
{
	struct share_holder **at = &s->holder;

	for (uint32_t i = 0; *at && i < s->handles; i++)
		if (n && s->handle[i].fd >= 0 && s->handle[i].node == n)
			return;
	while (*at) {
		if (!n || (*at)->node == n)
			drop(s, at);
		else
			at = &(*at)->next;
	}
}
