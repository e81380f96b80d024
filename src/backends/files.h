/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a guest can ask of a tree of files, whoever keeps it: a share of the
 * host's (share.h, which says what each of these does and answers), or a
 * throwaway layer above one (layer.h).
 *
 * Threads: one at a time.
 */
#ifndef VIREO_BACKENDS_FILES_H
#define VIREO_BACKENDS_FILES_H

#include "backends/share.h"

struct files;
struct share_lock;

/* Of share_change.set: set-id bits and capabilities go as well. */
#define FILES_SET_DROP 256u

struct files_ops {
	/* It takes set-id bits and capabilities from a file that is given away
	 * by itself, and knows FILES_SET_DROP: the guest need not look. */
	bool drops_privilege;
	void (*destroy)(struct files *f);
	void (*reset)(struct files *f);
	bool (*read_only)(struct files *f);

	int (*lookup)(struct files *f, uint64_t parent, const char *name,
		      struct share_entry *out);
	void (*forget)(struct files *f, uint64_t node, uint64_t count);
	int (*getattr)(struct files *f, uint64_t node, struct share_attr *out);
	int (*setattr)(struct files *f, uint64_t node, uint64_t handle,
		       const struct share_change *change,
		       struct share_attr *out);
	int (*readlink)(struct files *f, uint64_t node, char *buf, size_t size);
	int (*statfs)(struct files *f, uint64_t node, struct statvfs *out);

	int (*mkdir)(struct files *f, uint64_t parent, const char *name,
		     uint32_t mode, const struct share_user *user,
		     struct share_entry *out);
	int (*mknod)(struct files *f, uint64_t parent, const char *name,
		     uint32_t mode, const struct share_user *user,
		     struct share_entry *out);
	int (*symlink)(struct files *f, uint64_t parent, const char *name,
		       const char *target, const struct share_user *user,
		       struct share_entry *out);
	int (*link)(struct files *f, uint64_t node, uint64_t parent,
		    const char *name, struct share_entry *out);
	int (*remove)(struct files *f, uint64_t parent, const char *name,
		      bool folder);
	int (*rename)(struct files *f, uint64_t from, const char *name,
		      uint64_t to, const char *new_name, unsigned int flags);

	int (*open)(struct files *f, uint64_t node, int flags,
		    uint64_t *handle);
	int (*open_new)(struct files *f, uint64_t parent, const char *name,
			struct share_how how, struct share_entry *out,
			uint64_t *handle);
	int (*close)(struct files *f, uint64_t handle);
	int64_t (*read)(struct files *f, uint64_t handle,
			const struct iovec *iov, int count, uint64_t off);
	int64_t (*write)(struct files *f, uint64_t handle,
			 const struct iovec *iov, int count, uint64_t off);
	int (*drop_privilege)(struct files *f, uint64_t handle);
	/* NULL: nothing waits, so nobody need ask. */
	int (*flush)(struct files *f, uint64_t handle);
	int (*sync)(struct files *f, uint64_t handle, bool data_only);
	int (*allocate)(struct files *f, uint64_t handle, int mode,
			uint64_t off, uint64_t len);
	int64_t (*seek)(struct files *f, uint64_t handle, int64_t off,
			int whence);
	int64_t (*copy)(struct files *f, uint64_t from, uint64_t from_off,
			uint64_t to, uint64_t to_off, uint64_t len);

	int (*open_folder)(struct files *f, uint64_t node, uint64_t *handle);
	/* NULL: there is nothing that gets to a disk. */
	int (*open_to_sync)(struct files *f, uint64_t node);
	int (*read_folder)(struct files *f, uint64_t handle, uint64_t at,
			   struct share_dirent *out);
	int (*lookup_in)(struct files *f, uint64_t handle, const char *name,
			 struct share_entry *out);

	int (*getxattr)(struct files *f, uint64_t node, const char *name,
			void *buf, size_t size);
	int (*listxattr)(struct files *f, uint64_t node, char *buf,
			 size_t size);
	int (*setxattr)(struct files *f, uint64_t node, const char *name,
			const void *value, size_t size, int flags);
	int (*removexattr)(struct files *f, uint64_t node, const char *name);

	/* Against the host's programs; NULL: there is nothing to share locks
	 * with. */
	int (*lock)(struct files *f, const struct share_lock *l);
	void (*lock_give_up)(struct files *f, const struct share_lock *l);
	int (*lock_test)(struct files *f, struct share_lock *l);
	void (*lock_drop)(struct files *f, uint64_t handle, uint64_t owner,
			  bool whole);
};

struct files {
	const struct files_ops *ops;
};

static inline void files_destroy(struct files *f)
{
	if (f)
		f->ops->destroy(f);
}

/* A share as such a tree, as which it is to be destroyed. NULL of NULL. */
struct files *share_files(struct share *s);

#endif
