/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Extended attributes of a share's regular files and folders: those of users
 * ("user."), but for our own ("user.vireo."). See share.h.
 */
#ifndef VIREO_BACKENDS_SHARE_XATTR_H
#define VIREO_BACKENDS_SHARE_XATTR_H

#include <stddef.h>
#include <stdint.h>

struct share;

/* With @size 0: how many bytes there would be. */
int share_getxattr(struct share *s, uint64_t node, const char *name, void *buf,
		   size_t size);
int share_listxattr(struct share *s, uint64_t node, char *buf, size_t size);
int share_setxattr(struct share *s, uint64_t node, const char *name,
		   const void *value, size_t size, int flags);
int share_removexattr(struct share *s, uint64_t node, const char *name);

#endif
