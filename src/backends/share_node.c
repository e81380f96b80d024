// SPDX-License-Identifier: BSD-3-Clause
/*
 * See share_tree.h: the files a guest knows. A node has a place (a folder and a
 * name in it) and, while it is used, a descriptor; the least recently used are
 * closed when there are many, and opened again from their places. What is then
 * found there must be the same file.
 */
#include "backends/share_owner.h"
#include "backends/share_tree.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define HASH_MIN  256u
#define DEPTH_MAX 1024 /* of a place whose folders are all closed */

/* ---- by key ---- */

static uint32_t hash_of(const struct share *s, const struct share_key *key)
{
	uint64_t h = (key->ino ^ key->dev << 17) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(h >> 32) & (s->hash_size - 1);
}

static struct share_node *find_key(const struct share *s,
				   const struct share_key *key)
{
	struct share_node *n = s->hash[hash_of(s, key)];

	while (n && !share_key_same(&n->key, key))
		n = n->same_hash;
	return n;
}

static void hash_add(struct share *s, struct share_node *n)
{
	struct share_node **at = &s->hash[hash_of(s, &n->key)];

	n->same_hash = *at;
	*at = n;
}

static void hash_remove(struct share *s, struct share_node *n)
{
	struct share_node **at = &s->hash[hash_of(s, &n->key)];

	while (*at != n)
		at = &(*at)->same_hash;
	*at = n->same_hash;
}

static void set_key(struct share *s, struct share_node *n,
		    const struct share_key *key)
{
	hash_remove(s, n);
	n->key = *key;
	hash_add(s, n);
}

/* Without memory it stays as it is, which is only slower. */
static void hash_grow(struct share *s)
{
	struct share_node **old = s->hash;
	uint32_t size = s->hash_size;

	if (s->nodes < size)
		return;
	s->hash = calloc(2 * (size_t)size, sizeof(struct share_node *));
	if (!s->hash) {
		s->hash = old;
		return;
	}
	s->hash_size = 2 * size;
	for (uint32_t i = 0; i < size; i++) {
		struct share_node *next;

		for (struct share_node *n = old[i]; n; n = next) {
			next = n->same_hash;
			hash_add(s, n);
		}
	}
	free(old);
}

/* ---- descriptors ---- */

static void uncache(struct share *s, struct share_node *n)
{
	if (n->newer)
		n->newer->older = n->older;
	else
		s->newest = n->older;
	if (n->older)
		n->older->newer = n->newer;
	else
		s->oldest = n->newer;
	n->newer = NULL;
	n->older = NULL;
	s->cached--;
}

static void cache(struct share *s, struct share_node *n)
{
	n->older = s->newest;
	if (s->newest)
		s->newest->newer = n;
	else
		s->oldest = n;
	s->newest = n;
	s->cached++;
}

static bool is_cached(const struct share_node *n)
{
	return n->fd >= 0 && n->parent && !n->gone && !n->own;
}

static void close_oldest(struct share *s)
{
	struct share_node *n = s->oldest;

	uncache(s, n);
	fd_close(&n->fd);
}

/* What is called as @n in the folder @fd, when it is @n. */
static int open_place(struct share *s, int fd, struct share_node *n)
{
	int found = fd_above(openat(fd, n->name,
				    O_PATH | O_NOFOLLOW | O_CLOEXEC));
	struct share_key key;
	struct statx stx;
	int r;

	if (found < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ESTALE : -errno;
	r = share_stat(found, "", &stx);
	key = share_key(&stx);
	if (r == 0 && !share_key_same(&key, &n->key)) {
		if (share_key_is_copied_up(found, &key, &n->key))
			set_key(s, n, &key);
		else
			r = -ESTALE;
	}
	if (r < 0)
		fd_close(&found);
	return r < 0 ? r : found;
}

/* Down from the nearest folder that is open. */
static int walk_to(struct share *s, struct share_node *n)
{
	struct share_node *way[DEPTH_MAX];
	int depth = 0, fd, next;

	for (; n->fd < 0; n = n->parent) {
		if (depth == DEPTH_MAX)
			return -ENAMETOOLONG;
		way[depth++] = n;
	}
	fd = n->fd;
	for (int i = depth - 1; i >= 0; i--) {
		next = open_place(s, fd, way[i]);
		if (i < depth - 1)
			close(fd);
		if (next < 0)
			return next;
		fd = next;
	}
	return fd;
}

int share_node_fd(struct share *s, struct share_node *n)
{
	if (n->fd >= 0) {
		if (is_cached(n) && n != s->newest) {
			uncache(s, n);
			cache(s, n);
		}
		return n->fd;
	}
	if (n->own)
		return -EACCES;
	if (s->cached >= s->cached_max)
		close_oldest(s);
	n->fd = walk_to(s, n);
	if (n->fd < 0) {
		int r = n->fd;

		n->fd = -1;
		return r;
	}
	cache(s, n);
	return n->fd;
}

void share_node_refresh(struct share *s, struct share_node *n)
{
	struct share_key key;
	struct statx stx;

	if (n->fd < 0 || share_stat(n->fd, "", &stx) < 0)
		return;
	key = share_key(&stx);
	if (key.type == n->key.type && !share_key_same(&key, &n->key))
		set_key(s, n, &key);
}

/* The node of that file; NULL: the guest knows none. One with its number was
 * another file, or has been copied up: its descriptor tells. */
static struct share_node *find(struct share *s, const struct share_key *key)
{
	struct share_node *n = find_key(s, key), *next;

	if (n)
		return n;
	for (n = s->hash[hash_of(s, key)]; n; n = next) {
		next = n->same_hash;
		if (!share_key_like(&n->key, key) || share_node_fd(s, n) < 0)
			continue;
		share_node_refresh(s, n);
		if (share_key_same(&n->key, key))
			return n;
	}
	return NULL;
}

int share_node_open(struct share *s, uint64_t id, struct share_node **n)
{
	*n = share_node(s, id);
	return *n ? share_node_fd(s, *n) : -ESTALE;
}

int share_folder_fd(struct share *s, uint64_t id)
{
	struct share_node *n = share_node(s, id);

	if (!n)
		return -ESTALE;
	if (n->kernels)
		return -EACCES;
	return n->key.type == S_IFDIR ? share_node_fd(s, n) : -ENOTDIR;
}

bool share_node_keep(struct share *s, struct share_node *n)
{
	if (n->gone || !n->parent || !n->refs || s->kept >= s->cached_max ||
	    share_node_fd(s, n) < 0)
		return false;
	uncache(s, n);
	n->gone = true;
	s->kept++;
	return true;
}

void share_node_named(struct share *s, struct share_node *n)
{
	if (!n->gone)
		return;
	n->gone = false;
	s->kept--;
	if (s->cached >= s->cached_max)
		close_oldest(s);
	cache(s, n);
}

/* ---- numbers ---- */

/* Room for more of them. */
static int grow_slots(struct share *s)
{
	uint32_t count = s->slots ? 2 * s->slots : HASH_MIN;
	void *slot, *generation, *free_slot;

	if (count > s->cfg.nodes)
		count = s->cfg.nodes;
	if (count == s->slots)
		return -ENFILE;
	slot = realloc(s->slot, count * sizeof(struct share_node *));
	s->slot = slot ? slot : s->slot;
	generation = realloc(s->generation, count * sizeof(*s->generation));
	s->generation = generation ? generation : s->generation;
	free_slot = realloc(s->free_slot, count * sizeof(*s->free_slot));
	s->free_slot = free_slot ? free_slot : s->free_slot;
	if (!slot || !generation || !free_slot)
		return -ENOMEM;
	for (uint32_t i = count; i-- > s->slots;) {
		s->slot[i] = NULL;
		s->generation[i] = 0;
		s->free_slot[s->free_slots++] = i;
	}
	s->slots = count;
	return 0;
}

int share_node_room(struct share *s)
{
	return s->free_slots ? 0 : grow_slots(s);
}

struct share_node *share_node(struct share *s, uint64_t id)
{
	uint32_t i = (uint32_t)id - 1;

	if (!id || i >= s->slots || !s->slot[i] || s->slot[i]->id != id)
		return NULL;
	return s->slot[i];
}

static int node_create(struct share *s, struct share_node *parent,
		       const char *name, const struct statx *stx,
		       struct share_node **out)
{
	struct share_node *n;
	uint32_t i;
	int r = share_node_room(s);

	if (r < 0)
		return r;
	n = calloc(1, sizeof(*n));
	if (n)
		n->name = strdup(name);
	if (!n || !n->name) {
		free(n);
		return -ENOMEM;
	}
	hash_grow(s);
	i = s->free_slot[--s->free_slots];
	s->slot[i] = n;
	n->id = (uint64_t)s->generation[i] << 32 | (i + 1);
	n->key = share_key(stx);
	n->fd = -1;
	n->parent = parent;
	if (parent)
		parent->children++;
	s->nodes++;
	hash_add(s, n);
	*out = n;
	return 0;
}

static void node_destroy(struct share *s, struct share_node *n)
{
	uint32_t i = (uint32_t)n->id - 1;

	if (is_cached(n))
		uncache(s, n);
	s->kept -= n->gone;
	fd_close(&n->fd);
	hash_remove(s, n);
	s->slot[i] = NULL;
	s->generation[i]++;
	s->free_slot[s->free_slots++] = i;
	s->nodes--;
	free(n->name);
	free(n);
}

/* Up to the first that somebody holds. */
static void release(struct share *s, struct share_node *n)
{
	while (n->parent && !n->refs && !n->children) {
		struct share_node *parent = n->parent;

		node_destroy(s, n);
		parent->children--;
		n = parent;
	}
}

void share_node_drop(struct share *s, struct share_node *n)
{
	n->children--;
	release(s, n);
}

void share_forget(struct share *s, uint64_t node, uint64_t count)
{
	struct share_node *n = share_node(s, node);

	if (!n || n->own)
		return;
	n->refs = n->refs > count ? n->refs - count : 0;
	release(s, n);
}

/* ---- places ---- */

/* Would @n be above itself? The host has moved folders, then. */
static bool is_above(const struct share_node *n, const struct share_node *of)
{
	while (of && of != n)
		of = of->parent;
	return of != NULL;
}

int share_node_move(struct share *s, struct share_node *n,
		    struct share_node *parent, const char *name)
{
	struct share_node *before = n->parent;
	char *copy;

	if (!before || is_above(n, parent))
		return 0;
	if (before == parent && !strcmp(n->name, name)) {
		share_node_named(s, n);
		return 0;
	}
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	share_node_named(s, n);
	free(n->name);
	n->name = copy;
	n->parent = parent;
	parent->children++;
	share_node_drop(s, before);
	return 0;
}

struct share_node *share_node_at(struct share *s, int fd, const char *name)
{
	struct share_key key;
	struct statx stx;

	if (share_stat(fd, name, &stx) < 0)
		return NULL;
	key = share_key(&stx);
	return find(s, &key);
}

int share_node_of(struct share *s, struct share_node *parent, const char *name,
		  const struct statx *stx, struct share_entry *out)
{
	const struct share_key key = share_key(stx);
	struct share_node *n = find(s, &key);
	int r;

	if (!n)
		r = node_create(s, parent, name, stx, &n);
	else
		r = share_node_move(s, n, parent, name);
	if (r < 0)
		return r;
	n->refs++;
	out->node = n->id;
	out->attr.stx = *stx;
	out->attr.mount = n->key.dev != parent->key.dev;
	return 0;
}

/* Something is mounted there: it is asked itself what it is. */
static int stat_mount(const struct share *s, int fd, const char *name,
		      struct statx *out, bool *kernels)
{
	int found = fd_above(openat(fd, name,
				    O_PATH | O_NOFOLLOW | O_CLOEXEC));
	int r = found < 0 ? -errno : share_look(s, found, "", out);

	*kernels = r < 0 || share_is_kernels(found);
	fd_close(&found);
	return r;
}

int share_node_find(struct share *s, struct share_node *parent, int fd,
		    const char *name, struct share_entry *out)
{
	bool kernels = false;
	struct statx stx;
	int r = share_check_name(name);

	if (r == 0 && share_is_hidden(s, parent, fd, name))
		r = -ENOENT;
	if (r == 0)
		r = share_look(s, fd, name, &stx);
	if (r == -EACCES && share_owner_loosen(s, fd) == 0)
		r = share_look(s, fd, name, &stx);
	if (r == 0 && share_key(&stx).dev != parent->key.dev)
		r = stat_mount(s, fd, name, &stx, &kernels);
	if (r == 0)
		r = share_node_of(s, parent, name, &stx, out);
	if (r == 0)
		share_node(s, out->node)->kernels = kernels;
	return r;
}

/* ---- life ---- */

int share_tree_create(struct share *s, int root_fd)
{
	struct share_node *n = NULL;
	struct statx stx;
	int r = share_stat(root_fd, "", &stx);

	s->hash_size = HASH_MIN;
	s->hash = calloc(HASH_MIN, sizeof(struct share_node *));
	if (r == 0 && !s->hash)
		r = -ENOMEM;
	if (r == 0)
		r = node_create(s, NULL, "", &stx, &n);
	if (!n)
		return r;
	assert(n->id == SHARE_ROOT);
	n->fd = root_fd;
	return 0;
}

void share_tree_reset(struct share *s)
{
	for (uint32_t i = 1; i < s->slots; i++)
		if (s->slot[i] && !s->slot[i]->own)
			s->slot[i]->refs = 0;
	for (uint32_t i = 1; i < s->slots; i++)
		if (s->slot[i] && !s->slot[i]->own && !s->slot[i]->children)
			release(s, s->slot[i]);
}

void share_tree_finish(struct share *s)
{
	if (s->slots)
		share_tree_reset(s);
	if (s->slots && s->slot[0])
		node_destroy(s, s->slot[0]);
	free(s->slot);
	free(s->generation);
	free(s->free_slot);
	free(s->hash);
}
