/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the file server: owners and modes that are stored in an attribute of
 * our user's files, for a guest whose users the host does not have.
 */
#ifndef VIREO_BACKENDS_SHARE_OWNER_H
#define VIREO_BACKENDS_SHARE_OWNER_H

#include "backends/share_tree.h"

#define SHARE_OWNER_ATTR "user.vireo.owner"

struct share_owner {
	uint32_t uid;
	uint32_t gid;
	uint32_t mode; /* without the file's type */
};

/* Does that file's system keep such attributes? */
bool share_owner_works(int fd);
/* As share_stat(), with owner and mode as the guest sees them. */
int share_look(const struct share *s, int fd, const char *name,
	       struct statx *out);
/* What the guest is to see; -EPERM: it is not our user's file or folder. */
int share_owner_set(const struct share *s, int fd, const struct share_owner *o);
/* Mode, owner and group of @c; @now is what the guest sees. */
int share_owner_change(const struct share *s, int fd,
		       const struct share_change *c, const struct statx *now);
/* A mode that keeps our own user out is for the guest only: who is let in there
 * is its kernel's business. -EACCES: it is not that. */
int share_owner_loosen(const struct share *s, int fd);
/* The guest's set-id bits, for its kernel. */
int share_owner_drop_setid(const struct share *s, int fd);

#endif
