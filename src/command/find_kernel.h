/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which kernel a command runs on, and where its modules are. Opens files.
 */
#ifndef VIREO_COMMAND_FIND_KERNEL_H
#define VIREO_COMMAND_FIND_KERNEL_H

#include <stddef.h>

#include "base/err.h"
#include "board/config.h"

/* Key "kernel" may be a name (kernel_name.h) or a build tree: makes it a file's
 * path. -EINVAL, -ENOENT, ... with a sentence. */
int find_given_kernel(struct config *cfg, struct err *err);

/* The newest /boot/vmlinuz-* that can be read, by its version as people sort
 * them. -ENOENT or -EACCES with a sentence and the remedy. */
int find_kernel(char *path, size_t cap, struct err *err);

/*
 * The folder of the modules that belong to the bzImage at @path: of the version
 * it names, beside its own folder ("X/boot/vmlinuz" has "X/lib/modules") or in
 * /lib/modules; or the build tree that it is in. "" when there is none, or the
 * image does not say.
 */
void find_modules(char *dir, size_t cap, const char *path);

#endif
