/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Can the guest's kernel mount the command's root by itself, so that there need
 * not be an initramfs? Opens files; the thread that builds the VM.
 */
#ifndef VIREO_COMMAND_DIRECT_ROOT_H
#define VIREO_COMMAND_DIRECT_ROOT_H

#include <stdbool.h>

#include "base/err.h"
#include "board/config.h"

/* For the kernel's command line: what it mounts, and who comes first there. */
#define DIRECT_ROOT_WORDS(tag, init) \
	"root=" tag " rootfstype=virtiofs ro init=" init

/*
 * As key "initramfs" says. auto: when it is known to have what that takes.
 * never: unless it is known not to; then -EINVAL with the reason. @modules: the
 * folder of the kernel's modules, "" when there is none.
 */
int direct_root(bool *direct, const struct config *cfg, const char *modules,
		struct err *err);

#endif
