// SPDX-License-Identifier: BSD-3-Clause
/* See fs_locks.h, and fs_call.h: requests about locks. */
#include "devices/virtio/fs_locks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "backends/share_lock.h"
#include "base/num.h"
#include "devices/virtio/fs_call.h"

#define SOON_NS  UINT64_C(1000000)
#define LATER_NS UINT64_C(32000000)

struct waiter {
	struct waiter *next;
	struct share_lock lock;
	uint64_t unique;
	unsigned int queue;
	struct chain chain;
};

struct fs_locks {
	struct virtio *v;
	struct files *files;
	struct loop_source *timer;
	bool soon; /* it comes as soon as it can: not to be put off */
	unsigned int most;

	pthread_mutex_t lock; /* guards what follows */
	bool running;
	struct waiter *first; /* who waits longest; owned */
	unsigned int count;
	uint64_t pause_ns;
};

/* ---- waiting; with the lock ---- */

static void arm(struct fs_locks *l, uint64_t ns)
{
	l->pause_ns = ns;
	l->soon = l->running && l->first && ns == SOON_NS;
	if (l->running)
		loop_arm(l->timer, l->first ? ns : 0);
}

static void arm_soon(struct fs_locks *l)
{
	if (!l->soon)
		arm(l, SOON_NS);
}

static void answer(struct fs_locks *l, const struct waiter *w, int r)
{
	fs_answer_late(l->v, w->queue, &w->chain, w->unique, r);
}

static void leave(struct fs_locks *l, struct waiter **at)
{
	struct waiter *w = *at;

	*at = w->next;
	l->count--;
	free(w);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct fs_locks *l = ctx;
	struct waiter **at = &l->first;

	pthread_mutex_lock(&l->lock);
	l->soon = false;
	while (l->running && *at) {
		int r = l->files->ops->lock(l->files, &(*at)->lock);

		if (r == -EAGAIN) {
			at = &(*at)->next;
			continue;
		}
		answer(l, *at, r);
		leave(l, at);
	}
	arm(l, min_u64(2 * l->pause_ns, LATER_NS));
	pthread_mutex_unlock(&l->lock);
}

/* ---- life ---- */

int fs_locks_create(struct fs_locks **out, struct virtio *v,
		    struct files *files, unsigned int most)
{
	struct fs_locks *l = calloc(1, sizeof(*l));
	int r;

	*out = NULL;
	if (!l)
		return -ENOMEM;
	l->v = v;
	l->files = files;
	l->most = most;
	pthread_mutex_init(&l->lock, NULL);
	r = loop_add_timer(&l->timer, v->loop, on_timer, l);
	if (r < 0) {
		fs_locks_destroy(l);
		return r;
	}
	*out = l;
	return 0;
}

void fs_locks_destroy(struct fs_locks *l)
{
	if (!l)
		return;
	loop_remove(l->timer);
	fs_locks_forget(l, -1);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

void fs_locks_start(struct fs_locks *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->running = true;
	arm(l, SOON_NS);
	pthread_mutex_unlock(&l->lock);
}

void fs_locks_stop(struct fs_locks *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->running = false;
	pthread_mutex_unlock(&l->lock);
}

void fs_locks_forget(struct fs_locks *l, int queue)
{
	struct waiter **at;

	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	for (at = &l->first; *at;) {
		if (queue < 0 || (*at)->queue == (unsigned int)queue)
			leave(l, at);
		else
			at = &(*at)->next;
	}
	pthread_mutex_unlock(&l->lock);
}

void fs_locks_try(struct fs_locks *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	arm_soon(l);
	pthread_mutex_unlock(&l->lock);
}

void fs_locks_interrupt(struct fs_locks *l, uint64_t unique)
{
	struct waiter **at;

	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	for (at = &l->first; *at && (*at)->unique != unique;)
		at = &(*at)->next;
	if (*at) {
		answer(l, *at, -EINTR);
		l->files->ops->lock_give_up(l->files, &(*at)->lock);
		leave(l, at);
	}
	pthread_mutex_unlock(&l->lock);
}

/* At the end of those that wait. */
static int64_t wait_for(const struct fs_call *call, const struct share_lock *lk)
{
	struct fs_locks *l = call->locks;
	struct waiter *w = calloc(1, sizeof(*w));
	struct waiter **at = &l->first;
	bool room;

	if (!w)
		return -ENOMEM;
	*w = (struct waiter){ .lock = *lk, .unique = call->unique,
			      .queue = call->queue };
	w->chain = *call->chain;
	pthread_mutex_lock(&l->lock);
	room = l->count < l->most;
	if (room) {
		while (*at)
			at = &(*at)->next;
		*at = w;
		l->count++;
		arm_soon(l);
	}
	pthread_mutex_unlock(&l->lock);
	if (!room)
		free(w);
	return room ? FS_LATER : -ENOLCK;
}

/* ---- requests ---- */

static bool decode(struct share_lock *lk, const struct fuse_lk_in *in)
{
	*lk = (struct share_lock){
		.handle = le64_get(in->fh),
		.owner = le64_get(in->owner),
		.whole = le32_get(in->lk_flags) & FUSE_LK_FLOCK,
		.type = (int)(le32_get(in->lk.type) & 0xffu),
		.start = le64_get(in->lk.start),
		.end = le64_get(in->lk.end),
	};
	return le32_get(in->lk.type) <= F_UNLCK;
}

int64_t fs_getlk(struct fs_call *call)
{
	struct fuse_lk_out out = { 0 };
	struct share_lock lk;
	struct fuse_lk_in in;
	int r;

	if (!call->locks)
		return -ENOSYS;
	if (!fs_arg(call, &in, sizeof(in)) || !decode(&lk, &in))
		return -EINVAL;
	r = call->ops->lock_test(call->files, &lk);
	if (r < 0)
		return r;
	out.lk.start = le64_put(lk.start);
	out.lk.end = le64_put(lk.end);
	out.lk.type = le32_put((uint32_t)lk.type);
	return fs_answer(call, &out, sizeof(out));
}

int64_t fs_setlk(struct fs_call *call)
{
	struct share_lock lk;
	struct fuse_lk_in in;
	int64_t r;

	if (!call->locks)
		return -ENOSYS;
	if (!fs_arg(call, &in, sizeof(in)) || !decode(&lk, &in))
		return -EINVAL;
	lk.waits = call->opcode == FUSE_SETLKW;
	r = call->ops->lock(call->files, &lk);
	if (r == -EAGAIN && lk.waits) {
		r = wait_for(call, &lk);
		if (r != FS_LATER)
			call->ops->lock_give_up(call->files, &lk);
		return r;
	}
	if (lk.type != F_WRLCK)
		fs_locks_try(call->locks); /* one may be free, or weaker */
	return r;
}

void fs_unlock(struct fs_call *call, uint64_t handle, uint64_t owner,
	       bool whole)
{
	if (!call->locks)
		return;
	call->ops->lock_drop(call->files, handle, owner, whole);
	fs_locks_try(call->locks);
}
