/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a command needs of its machine: a kernel, the guest's init with its
 * files and the kernel's modules, shares for the root and the volumes. Opens
 * files; the thread that builds the VM.
 */
#ifndef VIREO_COMMAND_RECIPE_H
#define VIREO_COMMAND_RECIPE_H

#include "board/config.h"
#include "command/guest_files.h"

struct exec_order;

/* Adds to @cfg what its command needs and it does not say, and makes the files
 * of the guest's init, an empty initramfs among them when there need not be
 * any. A sentence for every failure. */
int recipe_prepare(struct guest_files *files, struct config *cfg,
		   struct err *err);

/* What the guest's init is to read for a further command in the VM of @cfg:
 * see exec.h. *bytes is malloc'd, and the caller's. */
int recipe_order(char **bytes, size_t *len, const struct config *cfg,
		 const struct exec_order *order, struct err *err);

#endif
