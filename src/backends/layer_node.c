// SPDX-License-Identifier: BSD-3-Clause
/* See layer_tree.h: nodes, and the memory that they take. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "backends/layer_tree.h"
#include "backends/share_hold.h"
#include "base/num.h"

/* The share's numbers have less than 31 bits in their lower half, and inodes
 * have far less than 62. */
#define MADE_BIT  (UINT64_C(1) << 31)
#define MADE_INO  (UINT64_C(1) << 62)
#define NODE_COST (sizeof(struct layer_node) + 32)

int layer_charge(struct layer *l, uint64_t bytes)
{
	if (bytes > l->memory_max - l->memory)
		return -ENOSPC;
	l->memory += bytes;
	return 0;
}

void layer_credit(struct layer *l, uint64_t bytes)
{
	l->memory -= bytes;
}

struct timespec layer_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now;
}

static struct layer_node *of_link(struct layer_link *link)
{
	return link ? container_of(link, struct layer_node, link) : NULL;
}

struct layer_node *layer_node(struct layer *l, uint64_t id)
{
	struct layer_link *link = layer_table_first(&l->nodes, layer_hash(id));

	while (link && of_link(link)->id != id)
		link = layer_table_next(link);
	return of_link(link);
}

static int node_create(struct layer *l, uint64_t id, struct layer_node **out)
{
	int r = layer_charge(l, NODE_COST);
	struct layer_node *n = r < 0 ? NULL : calloc(1, sizeof(*n));

	if (!n) {
		if (r == 0)
			layer_credit(l, NODE_COST);
		return r < 0 ? r : -ENOMEM;
	}
	n->id = id;
	layer_table_add(&l->nodes, &n->link, layer_hash(id));
	*out = n;
	return 0;
}

/* ---- from below ---- */

static struct timespec time_of(const struct statx_timestamp *t)
{
	return (struct timespec){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

static void take_over(struct layer_node *n, const struct share_attr *a)
{
	const struct statx *s = &a->stx;

	n->is_below = true;
	n->mount = a->mount;
	n->mode = s->stx_mode;
	n->uid = s->stx_uid;
	n->gid = s->stx_gid;
	n->nlink = s->stx_nlink;
	n->dev[0] = s->stx_dev_major;
	n->dev[1] = s->stx_dev_minor;
	n->rdev[0] = s->stx_rdev_major;
	n->rdev[1] = s->stx_rdev_minor;
	n->ino = s->stx_ino;
	n->atime = time_of(&s->stx_atime);
	n->mtime = time_of(&s->stx_mtime);
	n->ctime = time_of(&s->stx_ctime);
	if (S_ISREG(n->mode)) {
		n->data.size = s->stx_size;
		n->data.below = s->stx_size;
		n->data.was = s->stx_blocks;
	} else if (S_ISLNK(n->mode)) {
		n->target.len = s->stx_size;
	}
}

int layer_node_change(struct layer *l, uint64_t id, struct layer_node **out)
{
	struct share_attr a;
	int r;

	*out = layer_node(l, id);
	if (*out)
		return 0;
	r = share_getattr(l->share, id, &a);
	if (r == 0)
		r = node_create(l, id, out);
	if (r < 0)
		return r;
	take_over(*out, &a);
	return share_hold(l->share, id, &(*out)->refs);
}

/* ---- new ones ---- */

int layer_node_make(struct layer *l, uint32_t mode,
		    const struct share_user *user, struct layer_node **out)
{
	uint64_t number = l->made + 1;
	struct layer_node *n;
	int r = node_create(l, (number >> 31 << 32) | MADE_BIT |
				       (number & (MADE_BIT - 1)), &n);

	if (r < 0)
		return r;
	l->made = number;
	n->own_xattrs = true;
	n->mode = mode;
	n->uid = user->uid;
	n->gid = user->gid;
	n->nlink = S_ISDIR(mode) ? 2 : 1;
	n->ino = MADE_INO + number;
	n->mtime = layer_now();
	n->atime = n->mtime;
	n->ctime = n->mtime;
	*out = n;
	return 0;
}

static void node_destroy(struct layer *l, struct layer_node *n)
{
	assert(!n->names);
	if (S_ISDIR(n->mode))
		layer_names_drop(l, n);
	else if (S_ISREG(n->mode))
		layer_data_drop(l, n);
	else if (S_ISLNK(n->mode) && n->target.text)
		layer_credit(l, n->target.len);
	if (S_ISLNK(n->mode))
		free(n->target.text);
	layer_xattrs_drop(l, n);
	if (n->is_below)
		share_let_go(l->share, n->id);
	layer_table_remove(&l->nodes, &n->link);
	layer_credit(l, NODE_COST);
	free(n);
}

void layer_node_settle(struct layer *l, struct layer_node *n)
{
	if (n->gone && !n->names && !n->refs && !n->opens)
		node_destroy(l, n);
}

/* Names first: each counts for a node. */
void layer_nodes_drop(struct layer *l)
{
	for (uint32_t i = 0; i < l->nodes.size; i++)
		for (struct layer_link *k = l->nodes.slot[i]; k; k = k->next)
			if (S_ISDIR(of_link(k)->mode))
				layer_names_drop(l, of_link(k));
	for (uint32_t i = 0; i < l->nodes.size; i++)
		while (l->nodes.slot[i])
			node_destroy(l, of_link(l->nodes.slot[i]));
}

void layer_nodes_forget(struct layer *l)
{
	for (uint32_t i = 0; i < l->nodes.size; i++) {
		struct layer_link *next;

		for (struct layer_link *k = l->nodes.slot[i]; k; k = next) {
			next = k->next;
			of_link(k)->refs = 0;
			layer_node_settle(l, of_link(k));
		}
	}
}

/* ---- what is said of them ---- */

static struct statx_timestamp stamp(const struct timespec *t)
{
	return (struct statx_timestamp){ .tv_sec = t->tv_sec,
					 .tv_nsec = (uint32_t)t->tv_nsec };
}

/* As far as that can be told: of what is the share's, the first part may be. */
static uint64_t blocks_of(const struct layer_data *d)
{
	uint64_t below = (d->below + LAYER_BLOCK - 1) / LAYER_BLOCK;
	uint64_t all = (d->size + LAYER_BLOCK - 1) / LAYER_BLOCK;

	below = min_u64(below * (LAYER_BLOCK / 512), d->was);
	return min_u64(d->blocks * (LAYER_BLOCK / 512) + below,
		       all * (LAYER_BLOCK / 512));
}

void layer_node_attr(const struct layer_node *n, struct share_attr *out)
{
	*out = (struct share_attr){ .mount = n->mount };
	out->stx = (struct statx){
		.stx_mask = STATX_BASIC_STATS,
		.stx_mode = (uint16_t)n->mode,
		.stx_uid = n->uid,
		.stx_gid = n->gid,
		.stx_nlink = n->nlink,
		.stx_blksize = LAYER_BLOCK,
		.stx_ino = n->ino,
		.stx_dev_major = n->dev[0],
		.stx_dev_minor = n->dev[1],
		.stx_rdev_major = n->rdev[0],
		.stx_rdev_minor = n->rdev[1],
		.stx_atime = stamp(&n->atime),
		.stx_mtime = stamp(&n->mtime),
		.stx_ctime = stamp(&n->ctime),
	};
	if (S_ISREG(n->mode)) {
		out->stx.stx_size = n->data.size;
		out->stx.stx_blocks = blocks_of(&n->data);
	} else if (S_ISLNK(n->mode)) {
		out->stx.stx_size = n->target.len;
	} else if (S_ISDIR(n->mode)) {
		out->stx.stx_size = LAYER_BLOCK;
	}
}

void layer_node_entry(struct layer_node *n, struct share_entry *out)
{
	n->refs++;
	out->node = n->id;
	layer_node_attr(n, &out->attr);
}

void layer_node_touch(struct layer_node *n)
{
	n->mtime = layer_now();
	n->ctime = n->mtime;
}
