/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's init: its program, and a file with what it is to do and with
 * kernel modules. They are in an initramfs, which is made in memory; or, for a
 * kernel that mounts the root's share itself, in a folder of that share which
 * is ours (struct own_files). All in one file: each more costs requests there.
 * One thread.
 */
#ifndef VIREO_COMMAND_GUEST_FILES_H
#define VIREO_COMMAND_GUEST_FILES_H

#include <stdbool.h>

#include "base/err.h"
#include "base/own_file.h"
#include "command/archive.h"
#include "command/modules.h"

#define GUEST_FOLDER ".vireo" /* as in firmware/init/init.h */

struct guest_files {
	bool served; /* by the share; else the rest is not used */
	struct archive initramfs;
	struct own_file file[2];
	unsigned int count;
	uint8_t *conf; /* owned; of the second file */
	int error; /* 0 or -ENOMEM */
};

/* Begins with init itself. */
void guest_files_init(struct guest_files *g, bool served);
/* All zero is accepted. */
void guest_files_finish(struct guest_files *g);
/* What it reads: records, then the modules that they name. Copied. */
void guest_files_conf(struct guest_files *g, const void *records, size_t len,
		      const struct modules *modules);
/* Nothing comes after it. -ENOMEM, -E2BIG with a sentence. */
int guest_files_end(struct guest_files *g, struct err *err);
/* For the share; empty when there is an initramfs. */
struct own_files guest_files_own(const struct guest_files *g);

#endif
