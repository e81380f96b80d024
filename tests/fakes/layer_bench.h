/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of the throwaway layer share: a layer above the tree of
 * share_bench.h, with the guest's hands. The host's are share_bench's.
 */
#ifndef VIREO_LAYER_BENCH_H
#define VIREO_LAYER_BENCH_H

#include "backends/layer.h"
#include "share_bench.h"

struct layer_bench {
	struct share_bench *host;
	struct files *f;
	const struct files_ops *ops;
	char *before; /* the tree as it was: nothing of it may change */
};

int layer_bench_setup(void **state);
/* Asserts that the host's tree has not changed since layer_bench_begin(). */
int layer_bench_teardown(void **state);
/* The tree is ready: a layer above it, of the real size or this one. */
void layer_bench_begin(struct layer_bench *t);
void layer_bench_begin_with(struct layer_bench *t,
			    const struct layer_config *cfg,
			    const struct share_config *back);

/* ---- the guest; paths are of folders and a name, from the root ---- */

/* A node, with a reference, or -errno. */
int64_t layer_walk(struct layer_bench *t, const char *path);
/* The same; it is there. */
uint64_t layer_get(struct layer_bench *t, const char *path);
/* The folder of that path, and its last name in *name. */
int64_t layer_parent(struct layer_bench *t, const char *path,
		     const char **name);
bool layer_there(struct layer_bench *t, const char *path);
struct statx layer_stat(struct layer_bench *t, const char *path);
int layer_try_mkdir(struct layer_bench *t, const char *path);
int layer_try_remove(struct layer_bench *t, const char *path, bool folder);
int layer_try_rename(struct layer_bench *t, const char *from, const char *to,
		     unsigned int flags);
int layer_try_link(struct layer_bench *t, const char *from, const char *to);
int layer_try_symlink(struct layer_bench *t, const char *target,
		      const char *path);
/* A handle, or -errno; with O_CREAT it may be a new file, of mode 0644. */
int64_t layer_try_open(struct layer_bench *t, const char *path, int flags);
void layer_shut(struct layer_bench *t, int64_t handle);
int64_t layer_put(struct layer_bench *t, int64_t handle, const char *text,
		  uint64_t off);
int64_t layer_take(struct layer_bench *t, int64_t handle, void *buf, size_t len,
		   uint64_t off);
/* Writes a whole file anew, or appends to it. */
void layer_write_all(struct layer_bench *t, const char *path,
		     const char *text);
void layer_append(struct layer_bench *t, const char *path, const char *text);
/* Is that its text? */
bool layer_has(struct layer_bench *t, const char *path, const char *text);
int layer_resize(struct layer_bench *t, const char *path, uint64_t size);
/* Its names but "." and "..", in order, a blank after each; to be freed. */
char *layer_list(struct layer_bench *t, const char *path);
bool layer_lists(struct layer_bench *t, const char *path, const char *names);

#endif
