/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that vireo itself brings, in a folder of their own: plain data.
 */
#ifndef VIREO_BASE_OWN_FILE_H
#define VIREO_BASE_OWN_FILE_H

#include <stddef.h>
#include <stdint.h>

struct own_file {
	const char *name; /* a single component */
	uint32_t mode;    /* of access: 0755, ... */
	const void *bytes;
	size_t len;
};

struct own_files {
	const char *folder; /* a single component; NULL: there is nothing */
	const struct own_file *file;
	unsigned int count;
};

#endif
