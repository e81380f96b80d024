/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kernels of distributions by name. A name is DISTRIBUTION:WHICH, where WHICH
 * is a version or the beginning of one, a flavour, both, or a whole package:
 * "debian:6.12-cloud", "debian:6.1", "debian:rt", "ubuntu:6.8-lowlatency",
 * "debian:linux-image-6.1.0-56-amd64". It means the newest package there is of
 * its kind. Unpacked packages are folders of a cache: PACKAGE/boot/vmlinuz-*,
 * PACKAGE/lib/modules. Any thread.
 */
#ifndef VIREO_COMMAND_KERNEL_NAME_H
#define VIREO_COMMAND_KERNEL_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define KERNEL_PACKAGE_MAX 128

/* Has @text the form of a name? A file that is called so is "./WORD:...". */
bool kernel_is_name(const char *text);

/* The name that means this package and no other. -EINVAL: it is not one of a
 * kernel (a meta package, debugging symbols, ...). */
int kernel_name_of(char *name, size_t cap, const char *package);

/* Of the packages in @list, which begin its lines, the one that is meant.
 * -EINVAL: there are no such names; -ENOENT: there is no such package. */
int kernel_choose(char *package, size_t cap, const char *name,
		  const char *list, struct err *err);

/* The kernel's file, from the packages in the cache @dir. -EINVAL, or -ENOENT
 * with the remedy. Opens folders. */
int kernel_find(char *path, size_t cap, const char *name, const char *dir,
		struct err *err);

#endif
