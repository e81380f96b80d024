/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions that include/vireo.h declares, as its text has them. */
#ifndef VIREO_FAKE_API_HEADER_H
#define VIREO_FAKE_API_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#define API_HEADER_MAX 256

struct api_function {
	char name[48];         /* "vireo_wait" */
	unsigned int pointers; /* of its arguments; functions are some, too */
	bool has_vm;           /* the first one is a VM */
};

struct api_header {
	size_t count;
	struct api_function function[API_HEADER_MAX];
};

/* Reads the header at @path; the test fails when that is not one. */
void api_header_read(struct api_header *h, const char *path);

#endif
