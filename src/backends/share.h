/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tree of the host's files that a guest may use: what a file server does, not
 * how it is asked (that is devices/virtio/fs.c). The guest is hostile, and so
 * is whoever changes the tree meanwhile:
 *
 *   names are single components, resolved from a descriptor of their folder and
 *   never through a symbolic link: nothing outside the tree can be reached;
 *   only regular files and folders are ever opened, no device, FIFO or socket,
 *   and nothing of the kernel's own file systems (proc, sysfs, ...) that are
 *   mounted below it;
 *   set-user-id bits never get onto the host's files;
 *   a file is known by device, inode and time of birth: when its name has come
 *   to mean another, it is -ESTALE.
 *
 * Files that the guest knows are nodes, named by numbers; open ones are
 * handles. Numbers that were never given out, or are no more, are errors
 * (-ESTALE, -EBADF). All answers are 0 (or a count) or -errno.
 *
 * Threads: one at a time; calls block as the host's file system does. It knows
 * neither FUSE nor virtio.
 */
#ifndef VIREO_BACKENDS_SHARE_H
#define VIREO_BACKENDS_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/own_file.h"

#define SHARE_ROOT     1u
#define SHARE_NAME_MAX 255u

struct share;

/* Where owners and modes are kept. */
enum share_owners {
	SHARE_OWNERS_AUTO, /* stored, where that can be and is of use */
	SHARE_OWNERS_HOST, /* the host's: only root can give a file away */
	SHARE_OWNERS_STORED, /* in an attribute of this user's files */
};

struct share_config {
	const char *path; /* of a folder */
	bool read_only;
	enum share_owners owners;
	/* Paths from the root of the tree, without a leading slash, that do
	 * not exist for the guest, whatever is there; and no other name that
	 * the same folder has for them. Folders on the way are those of now.
	 * Copied. */
	const char *const *hidden;
	unsigned int hidden_count;
	/* At the root of the tree: they can be looked up and read, no listing
	 * has them, what the host has by that name is hidden. Copied. */
	struct own_files own;
	unsigned int nodes;   /* at most; 0: a million */
	unsigned int handles; /* at most; 0: half of the descriptors it has */
	/* How many servers this process has: together they leave a quarter of
	 * its descriptors to others. 0: one. */
	unsigned int servers;
};

/* Who asks: new files are his, if the process may give them away, or store
 * owners; else they are its user's. */
struct share_user {
	uint32_t uid;
	uint32_t gid;
};

/* How a file is made: by whom; @flags of open(2). */
struct share_how {
	struct share_user user;
	int flags;
	uint32_t mode;
};

struct share_attr {
	struct statx stx;
	bool mount; /* another file system than the folder it is in */
};

struct share_entry {
	uint64_t node; /* holds one reference: share_forget() gives it back */
	struct share_attr attr;
};

/* What share_setattr() changes: members whose flag is set. */
#define SHARE_SET_MODE      1u
#define SHARE_SET_UID       2u
#define SHARE_SET_GID       4u
#define SHARE_SET_SIZE      8u
#define SHARE_SET_ATIME     16u
#define SHARE_SET_MTIME     32u
#define SHARE_SET_ATIME_NOW 64u
#define SHARE_SET_MTIME_NOW 128u

struct share_change {
	unsigned int set;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint64_t size;
	struct timespec atime;
	struct timespec mtime;
};

/* -ENOENT, -ENOTDIR, -EACCES, ...: one line that names the path. */
int share_create(struct share **out, const struct share_config *cfg,
		 struct err *err);
/* Closes everything. NULL is accepted. */
void share_destroy(struct share *s);
/* All nodes but the root and all handles are forgotten. */
void share_reset(struct share *s);
bool share_read_only(const struct share *s);

/* ---- nodes ---- */

/* One reference more, in out->node. */
int share_lookup(struct share *s, uint64_t parent, const char *name,
		 struct share_entry *out);
/* Gives back @count references, or as many as there are. */
void share_forget(struct share *s, uint64_t node, uint64_t count);
int share_getattr(struct share *s, uint64_t node, struct share_attr *out);
/* @handle: 0, or an open file of this node's. Of links, FIFOs and sockets
 * stored owners stay as they are, without an error. */
int share_setattr(struct share *s, uint64_t node, uint64_t handle,
		  const struct share_change *change, struct share_attr *out);
/* Bytes of the link, not terminated; at most @size. */
int share_readlink(struct share *s, uint64_t node, char *buf, size_t size);
int share_statfs(struct share *s, uint64_t node, struct statvfs *out);

/* ---- names ---- */

int share_mkdir(struct share *s, uint64_t parent, const char *name,
		uint32_t mode, const struct share_user *user,
		struct share_entry *out);
/* A regular file; -EPERM for everything else. */
int share_mknod(struct share *s, uint64_t parent, const char *name,
		uint32_t mode, const struct share_user *user,
		struct share_entry *out);
int share_symlink(struct share *s, uint64_t parent, const char *name,
		  const char *target, const struct share_user *user,
		  struct share_entry *out);
int share_link(struct share *s, uint64_t node, uint64_t parent,
	       const char *name, struct share_entry *out);
/* @folder: rmdir, else unlink. */
int share_remove(struct share *s, uint64_t parent, const char *name,
		 bool folder);
/* @flags: of renameat2(2). */
int share_rename(struct share *s, uint64_t from, const char *name, uint64_t to,
		 const char *new_name, unsigned int flags);

/* ---- open files ---- */

/* @flags: of open(2); what does not make sense here is left out. */
int share_open(struct share *s, uint64_t node, int flags, uint64_t *handle);
int share_open_new(struct share *s, uint64_t parent, const char *name,
		   struct share_how how, struct share_entry *out,
		   uint64_t *handle);
int share_close(struct share *s, uint64_t handle);
/* Bytes. @iov is not changed. */
int64_t share_read(struct share *s, uint64_t handle, const struct iovec *iov,
		   int count, uint64_t off);
int64_t share_write(struct share *s, uint64_t handle, const struct iovec *iov,
		    int count, uint64_t off);
/* The set-id bits that the guest sees of an open file go. */
int share_drop_privilege(struct share *s, uint64_t handle);
int share_flush(struct share *s, uint64_t handle);
int share_sync(struct share *s, uint64_t handle, bool data_only);
int share_allocate(struct share *s, uint64_t handle, int mode, uint64_t off,
		   uint64_t len);
int64_t share_seek(struct share *s, uint64_t handle, int64_t off, int whence);
int64_t share_copy(struct share *s, uint64_t from, uint64_t from_off,
		   uint64_t to, uint64_t to_off, uint64_t len);

/* ---- folders ---- */

struct share_dirent {
	uint64_t ino;
	uint64_t next; /* where to go on after this one */
	unsigned char type; /* DT_* */
	const char *name;   /* until the next call */
};

int share_open_folder(struct share *s, uint64_t node, uint64_t *handle);
/* The caller's descriptor for syncfs(2) of a folder's file system; -errno. */
int share_open_to_sync(struct share *s, uint64_t node);
/* The entry at @at (0: the first), "." and ".." too; 1, or 0 at the end. */
int share_read_folder(struct share *s, uint64_t handle, uint64_t at,
		      struct share_dirent *out);
/* Looks up an entry of an open folder; as share_lookup(). */
int share_lookup_in(struct share *s, uint64_t handle, const char *name,
		    struct share_entry *out);

#endif
