/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the file server: nodes and handles. Only files share*.c include this.
 */
#ifndef VIREO_BACKENDS_SHARE_TREE_H
#define VIREO_BACKENDS_SHARE_TREE_H

#include <dirent.h>

#include "backends/files.h"

/* Which file it is, whatever its name. */
struct share_key {
	uint64_t dev;
	uint64_t ino;
	uint32_t type;  /* S_IFMT: what is opened depends on it */
	int64_t born_s; /* where the file system tells */
	uint32_t born_ns;
};

/* A file the guest knows. Its place is where it was seen last. */
struct share_node {
	uint64_t id;
	struct share_key key;
	int fd;        /* O_PATH; -1: not open now */
	bool gone;     /* has lost its name: fd stays open */
	bool kernels;  /* of another file system, whose files are the kernel's:
			* it is seen and not entered */
	uint64_t refs; /* the guest's */
	uint32_t children; /* nodes that have this one as their place */
	const struct statx *own; /* of a file of ours: see share_own.h; NULL */
	struct share_node *parent; /* NULL: the root */
	char *name;                /* in there; owned */
	struct share_node *same_hash;
	struct share_node *newer, *older; /* while fd is cached */
};

struct share_handle {
	int fd; /* -1: free */
	uint32_t generation;
	struct share_node *node; /* holds it, as a child would */
	DIR *dir;      /* of a folder; owns fd */
	struct dirent *last; /* that was read from dir, and where it was */
	uint64_t last_at;
	uint64_t next; /* where dir stands */
};

/* Who has locks on a file: see share_lock.c. */
struct share_holder {
	struct share_holder *next;
	struct share_node *node; /* holds it, as a child would */
	uint64_t owner;
	bool whole;
	bool has; /* or has had; else it waits for its first */
	int fd; /* owned */
};

/* A name that does not exist for the guest. The folder keeps its number while
 * it is open, though not its birth (on an overlayfs). */
struct share_hidden {
	int fd; /* owned */
	struct share_key parent;
	char *name;
};

struct share {
	struct files files;
	struct share_config cfg;
	bool root;   /* may give files away */
	bool stored; /* owners and modes are in attributes */
	uid_t uid;   /* the process's */
	int proc_fd; /* /proc/self/fd */
	struct share_hidden *hidden; /* owned */
	unsigned int hidden_count;
	struct share_own *own; /* owned */
	unsigned int own_count;

	struct share_node **slot; /* owned; by the low half of the id, less 1 */
	uint32_t *generation;     /* owned; of each slot: the high half */
	uint32_t *free_slot;      /* owned; a stack */
	uint32_t slots, free_slots;
	uint32_t nodes;
	struct share_node **hash; /* owned */
	uint32_t hash_size;       /* a power of two */
	struct share_node *newest, *oldest; /* with cached descriptors */
	unsigned int cached, cached_max;
	unsigned int kept; /* descriptors of nodes that are gone */

	struct share_handle *handle; /* owned */
	uint32_t handles, handles_open;
	uint32_t handle_next; /* where to look for a free one */

	struct share_holder *holder; /* owned; a list */
	unsigned int holders;
};

/* ---- nodes (share_node.c) ---- */

int share_tree_create(struct share *s, int root_fd);
void share_tree_reset(struct share *s);
void share_tree_finish(struct share *s);

/* NULL: no such node. */
struct share_node *share_node(struct share *s, uint64_t id);
/* An O_PATH descriptor of the node's, or -errno; not the caller's to close, and
 * valid until eight more were asked for. */
int share_node_fd(struct share *s, struct share_node *n);
/* After what may have copied it up: on an overlayfs it is the same file, and
 * its key is another. */
void share_node_refresh(struct share *s, struct share_node *n);
/* The node of a number, and as share_node_fd(); -ESTALE: no such node. */
int share_node_open(struct share *s, uint64_t id, struct share_node **n);
/* As share_node_fd(), of a folder's number. */
int share_folder_fd(struct share *s, uint64_t id);
/* 0, or what is wrong with a component. */
int share_check_name(const char *name);
/* @fd: of that folder. */
bool share_is_hidden(const struct share *s, const struct share_node *parent,
		     int fd, const char *name);
/* -ENFILE: no more nodes. 0: there is room for one. */
int share_node_room(struct share *s);
/* What was seen as @name in @parent: one reference more. */
int share_node_of(struct share *s, struct share_node *parent, const char *name,
		  const struct statx *stx, struct share_entry *out);
/* The same, when it is to be seen; @fd is the folder's. */
int share_node_find(struct share *s, struct share_node *parent, int fd,
		    const char *name, struct share_entry *out);
/* The node that is at this place; NULL: none that the guest knows. */
struct share_node *share_node_at(struct share *s, int fd, const char *name);
/* It is there now. -ENOMEM: it stays where it was. So does one that would be
 * below itself: of those above it, one is not where it was seen last. */
int share_node_move(struct share *s, struct share_node *n,
		    struct share_node *parent, const char *name);
/* It is about to lose a name: keeps it usable, while there is room for such
 * ones. True: it was not kept before. */
bool share_node_keep(struct share *s, struct share_node *n);
/* It has a name at its place: need not be kept. */
void share_node_named(struct share *s, struct share_node *n);
/* One holder less, of a parent's or handle's kind. */
void share_node_drop(struct share *s, struct share_node *n);

/* ---- locks (share_lock.c) ---- */

/* Nobody has the file open any more: nobody has locks on it (share_lock.c).
 * NULL: on nothing. */
void share_locks_end(struct share *s, const struct share_node *n);

/* ---- attributes and handles ---- */

/* Is it of a file system in which opening and reading does other things than
 * with files? True also when that cannot be told. */
bool share_is_kernels(int fd);
int share_stat(int fd, const char *name, struct statx *out);
struct share_key share_key(const struct statx *stx);
/* The same, all of it; or but for the time of birth. */
bool share_key_same(const struct share_key *a, const struct share_key *b);
bool share_key_like(const struct share_key *a, const struct share_key *b);
/* Is the folder @fd what @was on an overlayfs, copied up since? It has its
 * number still. Its time of birth is the copy's. */
bool share_key_is_copied_up(int fd, const struct share_key *now,
			    const struct share_key *was);
/* The name in proc_fd by which an O_PATH descriptor's file can be reached. */
struct share_magic {
	char name[16];
};
struct share_magic share_magic(int fd);
/* Makes a regular file, which must not be there: a descriptor, whatever its
 * mode forbids. */
int share_make_file(struct share *s, uint64_t parent, const char *name,
		    const struct share_how *how, struct share_entry *out);
/* Bits of a mode that the host may see. */
uint32_t share_safe_mode(uint32_t mode, bool folder);
/* Nobody on the host shall run what a guest has written as somebody else: to be
 * called before contents of a regular file change. */
int share_drop_setid(struct share *s, int fd);
/* Opens a node's file, whose kind was seen to be right. */
int share_reopen(struct share *s, int fd, int flags);
/* Of an open file or folder; NULL. */
struct share_handle *share_handle(struct share *s, uint64_t id);
/* Takes over @fd (and @dir), after a failure too. */
int share_handle_add(struct share *s, struct share_node *n, int fd, DIR *dir,
		     uint64_t *id);

#endif
