/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel modules that a guest needs, from the host's folder of them: found
 * by name, with what they depend on, unpacked. Opens files; one thread.
 */
#ifndef VIREO_COMMAND_MODULES_H
#define VIREO_COMMAND_MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct module {
	char *name;
	char *path; /* where it was found */
	uint8_t *bytes; /* an ELF file */
	size_t len;
};

struct modules {
	struct module *list; /* in the order in which they can be loaded */
	size_t count;
};

/*
 * @dir: "/lib/modules/VERSION". Of @names, those that are modules there, and
 * what they need; one that is not there is taken to be built in. -ENOENT when
 * there is no such folder, -EBADMSG for what cannot be unpacked, ...
 */
int modules_find(struct modules *out, const char *dir,
		 const char *const *names, size_t count, struct err *err);
/* 1: it is built into the kernel whose modules are in @dir. 0: it is not.
 * -errno: there is nothing that would tell. */
int modules_built_in(const char *dir, const char *name);
void modules_finish(struct modules *m);

#endif
