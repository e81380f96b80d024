/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the layer: what the guest can ask of it, as files.h and share.h say.
 * Only files layer*.c include this.
 */
#ifndef VIREO_BACKENDS_LAYER_OPS_H
#define VIREO_BACKENDS_LAYER_OPS_H

#include "backends/files.h"

/* ---- names (layer_change.c) ---- */

int layer_mkdir(struct files *f, uint64_t parent, const char *name,
		uint32_t mode, const struct share_user *user,
		struct share_entry *out);
/* FIFOs and sockets too: they are the guest's own business. */
int layer_mknod(struct files *f, uint64_t parent, const char *name,
		uint32_t mode, const struct share_user *user,
		struct share_entry *out);
int layer_symlink(struct files *f, uint64_t parent, const char *name,
		  const char *target, const struct share_user *user,
		  struct share_entry *out);
int layer_link(struct files *f, uint64_t node, uint64_t parent,
	       const char *name, struct share_entry *out);
int layer_remove(struct files *f, uint64_t parent, const char *name,
		 bool folder);

/* ---- moving (layer_move.c) ---- */

int layer_rename(struct files *f, uint64_t from, const char *name, uint64_t to,
		 const char *new_name, unsigned int flags);

/* ---- open files (layer_file.c) ---- */

int layer_open(struct files *f, uint64_t node, int flags, uint64_t *handle);
int layer_open_new(struct files *f, uint64_t parent, const char *name,
		   struct share_how how, struct share_entry *out,
		   uint64_t *handle);
int64_t layer_read(struct files *f, uint64_t handle, const struct iovec *iov,
		   int count, uint64_t off);
int64_t layer_write(struct files *f, uint64_t handle, const struct iovec *iov,
		    int count, uint64_t off);
int layer_drop_privilege(struct files *f, uint64_t handle);
int layer_allocate(struct files *f, uint64_t handle, int mode, uint64_t off,
		   uint64_t len);
int64_t layer_seek(struct files *f, uint64_t handle, int64_t off, int whence);
int64_t layer_copy(struct files *f, uint64_t from, uint64_t from_off,
		   uint64_t to, uint64_t to_off, uint64_t len);

/* ---- open folders (layer_folder.c) ---- */

int layer_open_folder(struct files *f, uint64_t node, uint64_t *handle);
int layer_read_folder(struct files *f, uint64_t handle, uint64_t at,
		      struct share_dirent *out);
int layer_lookup_in(struct files *f, uint64_t handle, const char *name,
		    struct share_entry *out);

/* ---- extended attributes (layer_xattr.c) ---- */

int layer_getxattr(struct files *f, uint64_t node, const char *name, void *buf,
		   size_t size);
int layer_listxattr(struct files *f, uint64_t node, char *buf, size_t size);
int layer_setxattr(struct files *f, uint64_t node, const char *name,
		   const void *value, size_t size, int flags);
int layer_removexattr(struct files *f, uint64_t node, const char *name);

#endif
