/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A root that is not a folder but an image: a file or block device that holds a
 * file system. Opens files; one thread.
 */
#ifndef VIREO_COMMAND_ROOT_IMAGE_H
#define VIREO_COMMAND_ROOT_IMAGE_H

#include <stdbool.h>

#include "base/err.h"

/* A file or block device; what is not there is none. */
bool root_image_is_one(const char *path);
/* What mount(2) calls the file system in it, and so is its module called.
 * -EINVAL: none of those that are known. The guest mounts it: what it holds is
 * nothing that this process relies on. */
int root_image_type(const char **type, const char *path, struct err *err);

#endif
