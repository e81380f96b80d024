/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a command needs of its machine: a kernel, its modules and an initramfs
 * with the guest's init, shares for the root and the volumes. Opens files; the
 * thread that builds the VM.
 */
#ifndef VIREO_COMMAND_RECIPE_H
#define VIREO_COMMAND_RECIPE_H

#include "command/archive.h"
#include "board/config.h"

struct exec_order;

/* Adds to @cfg what its command needs and it does not say, and makes the
 * initramfs. A sentence for every failure. */
int recipe_prepare(struct archive *initramfs, struct config *cfg,
		   struct err *err);

/* What the guest's init is to read for a further command in the VM of @cfg:
 * see exec.h. *bytes is malloc'd, and the caller's. */
int recipe_order(char **bytes, size_t *len, const struct config *cfg,
		 const struct exec_order *order, struct err *err);

#endif
