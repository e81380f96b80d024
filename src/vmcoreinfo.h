/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VMCOREINFO: what a Linux kernel writes down about itself for those who will
 * read its memory (Linux, Documentation/admin-guide/kdump/vmcoreinfo.rst).
 * Found in the RAM of a guest that does not run any more. The guest is hostile:
 * the text is copied before it is looked at, it is at most a page, and a number
 * in it is a number and nothing more. Any thread.
 */
#ifndef VIREO_VMCOREINFO_H
#define VIREO_VMCOREINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "mem/mem.h"
#include "mem/ram.h"

#define VMCOREINFO_MAX 4096

struct vmcoreinfo {
	size_t len;
	char text[VMCOREINFO_MAX + 1]; /* lines KEY=VALUE, printable ASCII */
};

/* Looks at the beginning of each page. False: there is none, or none that knows
 * where @map's kernel lies (text_size 0: any). A program in the guest can write
 * such a text, but no ordinary one knows that; still it is a hint. */
bool vmcoreinfo_find(struct vmcoreinfo *info, const struct mem *mem,
		     const struct ram *ram, const struct arch_kernel_map *map);

/* The value of @key ("OSRELEASE"); false when it is not there or too long. */
bool vmcoreinfo_get(const struct vmcoreinfo *info, const char *key,
		    char *value, size_t cap);
/* The address of @name. */
bool vmcoreinfo_symbol(const struct vmcoreinfo *info, const char *name,
		       uint64_t *address);

#endif
