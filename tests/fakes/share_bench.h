/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of the file server share: a folder of their own with two
 * others in it, "tree", which the server has, and "outside", which holds what
 * nobody may reach; the host's hands, and the guest's.
 */
#ifndef VIREO_SHARE_BENCH_H
#define VIREO_SHARE_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/share.h"
#include "backends/share_xattr.h"

#define SECRET "nobody may read this"

struct share_bench {
	char dir[64];
	int fd; /* of the tree */
	struct share *s;
	struct err err;
	unsigned int files; /* descriptors of the process without the server */
	bool auto_owners;   /* or the host's, whoever tests */
};

/* With a server over an empty tree; the secret is in "outside/secret". */
int share_bench_setup(void **state);
/* Asserts that the secret is as it was and that no descriptor was left. */
int share_bench_teardown(void **state);
/* Another server; the path in @cfg is filled in. */
void share_bench_open(struct share_bench *t, const struct share_config *cfg);
/* One that thinks the process may have @files open. With 128 it keeps no more
 * than 16 of what is merely known. */
void share_bench_open_with(struct share_bench *t, unsigned int files,
			   const struct share_config *cfg);
void share_bench_open_small(struct share_bench *t);
/* Descriptors of this process. */
unsigned int share_bench_files(void);

/* ---- the host: names are paths in the tree, "../outside" works ---- */

void host_put(struct share_bench *t, const char *name, const char *text);
/* Is that its text? */
bool host_has(struct share_bench *t, const char *name, const char *text);
void host_mkdir(struct share_bench *t, const char *name);
void host_rename(struct share_bench *t, const char *from, const char *to);
/* What lstat() says; -1: it is not there. */
int64_t host_mode(struct share_bench *t, const char *name);

/* ---- the guest ---- */

extern const struct share_user share_bench_user; /* who tests */

/* Looked up; asserts that it is there. Holds a reference. */
uint64_t guest_find(struct share_bench *t, uint64_t parent, const char *name);
/* What a lookup says; the reference is given back. */
int guest_look(struct share_bench *t, uint64_t parent, const char *name);
uint64_t guest_mkdir(struct share_bench *t, uint64_t parent, const char *name);
/* For share_open_new(): by user 1234 of group 77. */
struct share_how guest_how(int flags, uint32_t mode);
/* A new file, open to read and write. */
uint64_t guest_make(struct share_bench *t, uint64_t parent, const char *name,
		    uint64_t *handle);
/* Opens a node's file; asserts that it works. */
uint64_t guest_open(struct share_bench *t, uint64_t node, int flags);
int64_t guest_read(struct share_bench *t, uint64_t handle, void *buf,
		   size_t len, uint64_t off);
int64_t guest_write(struct share_bench *t, uint64_t handle, const char *text,
		    uint64_t off);
/* Attributes of a node that must be there. */
struct statx guest_stat(struct share_bench *t, uint64_t node);
/* Names in a folder, but "." and "..". */
unsigned int guest_count(struct share_bench *t, uint64_t node);
/* Uses so many other nodes that a small server closes what it had open. */
void guest_crowd(struct share_bench *t);
/* Is @name in the listing? */
bool guest_lists(struct share_bench *t, uint64_t node, const char *name);

/* In the root; what share_mkdir() and share_rename() say. */
int try_mkdir(struct share_bench *t, const char *name);
int try_rename(struct share_bench *t, const char *from, const char *to,
	       unsigned int flags);

#endif
