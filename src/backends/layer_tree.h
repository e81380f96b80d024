/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the layer: what has changed. A node is a file that was changed, made
 * or moved; one of the share's that has changed has the share's number, and
 * holds it there. A folder that has changed has names: of nodes, or of nothing,
 * where one of the share's is gone. Only files layer*.c include this.
 */
#ifndef VIREO_BACKENDS_LAYER_TREE_H
#define VIREO_BACKENDS_LAYER_TREE_H

#include "backends/layer.h"
#include "backends/layer_store.h"
#include "backends/layer_table.h"

/* A file's contents. Chunks are a store's, but for two kinds. */
#define CHUNK_BELOW 0u /* the share's, where it has any; else zeros */
#define CHUNK_ZERO  1u
#define CHUNK_FIRST 2u /* the store's 0 */

struct layer_data {
	uint64_t size;
	uint64_t below;   /* only so many bytes may be the share's */
	uint64_t blocks;  /* LAYER_BLOCKs in the store */
	uint64_t was;     /* the share's 512-byte blocks */
	uint32_t first;   /* chunk 0 */
	uint32_t **leaf;  /* owned, and what it points to: the others */
	uint32_t leaves;
};

struct layer_listed {
	uint64_t number;
	struct layer_name *name; /* owned; NULL: it was dropped */
};

/* A folder's names, in the order in which they came. */
struct layer_folder {
	struct layer_listed *list; /* owned */
	uint32_t len, room, dropped;
	uint64_t next; /* number of the next name */
	uint64_t parent; /* when it was made or moved here; 0: the share's */
};

/* Where a link leads. */
struct layer_target {
	char *text; /* owned; NULL: the share's */
	uint64_t len;
};

struct layer_xattr {
	struct layer_xattr *next;
	size_t size;
	char *value; /* in the same memory */
	char name[];
};

struct layer_node {
	struct layer_link link;
	uint64_t id;
	bool is_below; /* is one of the share's, too */
	bool gone;     /* has lost its last name */
	bool mount;
	bool own_xattrs; /* the list is all there is */
	uint64_t refs;   /* the guest's */
	uint32_t opens;  /* handles */
	uint32_t names;  /* struct layer_name; nlink may be less */
	uint32_t mode, uid, gid, nlink;
	uint32_t dev[2], rdev[2];
	uint64_t ino;
	struct timespec atime, mtime, ctime;
	struct layer_xattr *xattr; /* owned */
	union { /* by its type */
		struct layer_data data;
		struct layer_folder folder;
		struct layer_target target;
	};
};

struct layer_name {
	struct layer_link link;
	struct layer_node *folder;
	struct layer_node *node; /* layer_name_set()'s; NULL: nothing has it */
	bool covers; /* the share's folder has it too */
	uint64_t number; /* in its folder, growing; never 0 */
	char text[];
};

struct layer {
	struct files files;
	struct share *share; /* owned */
	struct layer_store store;
	uint64_t memory, memory_max;

	struct layer_table nodes; /* by id */
	struct layer_table names; /* by folder and text */
	uint64_t made; /* nodes, ever */

	struct layer_handle *handle; /* owned */
	uint32_t handles, handles_max, handles_open;
	uint32_t handle_next; /* where to look for a free one */

	uint8_t bounce[LAYER_CHUNK]; /* of what a chunk is filled with */
	uint8_t copy[LAYER_CHUNK];
};

static inline struct layer *to_layer(struct files *f)
{
	return (struct layer *)f;
}

/* ---- nodes (layer_node.c) ---- */

/* Memory that stays after a request; -ENOSPC. */
int layer_charge(struct layer *l, uint64_t bytes);
void layer_credit(struct layer *l, uint64_t bytes);
struct timespec layer_now(void);
/* NULL: it has not changed, or is no node. */
struct layer_node *layer_node(struct layer *l, uint64_t id);
/* The same, and from now on it has. -ESTALE. */
int layer_node_change(struct layer *l, uint64_t id, struct layer_node **out);
/* A new one, without names. @mode with its type. */
int layer_node_make(struct layer *l, uint32_t mode,
		    const struct share_user *user, struct layer_node **out);
/* What nobody knows and has no name is no more: to be asked whenever one of
 * both has changed. */
void layer_node_settle(struct layer *l, struct layer_node *n);
void layer_node_attr(const struct layer_node *n, struct share_attr *out);
/* One reference more, in out->node. */
void layer_node_entry(struct layer_node *n, struct share_entry *out);
/* Contents or names change: so do the times. */
void layer_node_touch(struct layer_node *n);
/* All of them, at the end; or all that the guest knew and has no name. */
void layer_nodes_drop(struct layer *l);
void layer_nodes_forget(struct layer *l);

/* ---- names (layer_name.c) ---- */

struct layer_name *layer_name(struct layer *l, const struct layer_node *folder,
			      const char *text);
/* The same; when there is none it is made, of nothing. */
int layer_name_make(struct layer *l, struct layer_node *folder,
		    const char *text, struct layer_name **out);
/* It is of that node now, which counts it; NULL: of nothing. */
void layer_name_set(struct layer_name *name, struct layer_node *node);
/* Drops one that says nothing: no node, and covers nothing; or all of them. */
void layer_name_settle(struct layer *l, struct layer_name *name);
void layer_names_drop(struct layer *l, struct layer_node *folder);
/* The first of that number or a later one that has a node; NULL. */
struct layer_name *layer_name_from(const struct layer_node *folder,
				   uint64_t number);

/* What has a name: a node of ours, or one of the share's that has not changed,
 * with a reference of the guest's. */
struct layer_found {
	bool covered; /* the share has this name, whatever it is here */
	struct layer_node *node; /* NULL: below */
	struct share_entry below;
};

/* @handle: of the share's open folder, or 0. -ENOENT: nothing. */
int layer_find(struct layer *l, uint64_t parent, uint64_t handle,
	       const char *name, struct layer_found *out);
/* The same, changed now, with a reference to give back. *covers: as above. */
int layer_find_node(struct layer *l, struct layer_node *parent,
		    const char *name, struct layer_node **out, bool *covers);
/* A folder that is to change. */
int layer_folder_for(struct layer *l, uint64_t id, const char *name,
		     struct layer_node **out);
/* Does it have no names? -ENOTEMPTY. */
int layer_folder_empty(struct layer *l, struct layer_node *n);
/* Makes what is not there yet: one reference. -EEXIST. */
int layer_make(struct layer *l, uint64_t parent, const char *name,
	       uint32_t mode, const struct share_user *user,
	       struct layer_node **out);

/* A folder more, or less, in that one. */
void layer_count_folder(struct layer_node *parent, int more);
/* One of its names, which was in that folder, is of nothing now. */
void layer_lose_name(struct layer_node *folder, struct layer_node *n);

/* ---- contents (layer_data.c); @below: the share's handle, or 0 ---- */

int64_t layer_data_read(struct layer *l, struct layer_node *n, uint64_t below,
			const struct iovec *iov, int count, uint64_t off);
int64_t layer_data_write(struct layer *l, struct layer_node *n, uint64_t below,
			 const struct iovec *iov, int count, uint64_t off);
int layer_data_resize(struct layer *l, struct layer_node *n, uint64_t size);
/* Bytes of the file are zeros; its size stays. */
int layer_data_clear(struct layer *l, struct layer_node *n, uint64_t below,
		     uint64_t off, uint64_t len);
int64_t layer_data_seek(struct layer *l, struct layer_node *n, uint64_t below,
			uint64_t off, int whence);
void layer_data_drop(struct layer *l, struct layer_node *n);

/* ---- attributes (layer_xattr.c) ---- */

void layer_xattrs_drop(struct layer *l, struct layer_node *n);
/* Set-id bits and capabilities of a file go. */
void layer_drop_setid(struct layer *l, struct layer_node *n);

#endif
