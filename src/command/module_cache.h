/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Modules that were found and unpacked before, kept in a folder of the user's:
 * unpacking them takes longer than all the rest of making a command's VM. Best
 * effort: what is not there, or not as it should be, is found anew. Opens
 * files; one thread, but any number of processes on the same folder.
 */
#ifndef VIREO_COMMAND_MODULE_CACHE_H
#define VIREO_COMMAND_MODULE_CACHE_H

#include "command/modules.h"

/* As modules_find(). @cache: the folder, made if it is not there; "": none. */
int module_cache_find(struct modules *out, const char *cache, const char *dir,
		      const char *const *names, size_t count, struct err *err);

#endif
