// SPDX-License-Identifier: BSD-3-Clause
#include "command/archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/num.h"

#define HEADER    110u
#define TRAILER   "TRAILER!!!"
#define BYTES_MAX (256 * MIB)

void archive_finish(struct archive *a)
{
	free(a->bytes);
	memset(a, 0, sizeof(*a));
}

static uint8_t *grow(struct archive *a, size_t len)
{
	size_t cap = a->cap ? a->cap : 65536;
	uint8_t *bytes;

	if (!a->error && len > BYTES_MAX - a->len)
		a->error = -E2BIG;
	if (a->error)
		return NULL;
	while (cap < a->len + len)
		cap *= 2;
	if (cap > a->cap) {
		bytes = realloc(a->bytes, cap);
		if (!bytes) {
			a->error = -ENOMEM;
			return NULL;
		}
		a->bytes = bytes;
		a->cap = cap;
	}
	a->len += len;
	return a->bytes + a->len - len;
}

static void add(struct archive *a, const void *bytes, size_t len)
{
	const size_t padded = align_up(len, 4);
	uint8_t *to = grow(a, padded);

	if (!to)
		return;
	if (len)
		memcpy(to, bytes, len);
	memset(to + len, 0, padded - len);
}

/* Thirteen numbers of eight digits, and the name, which is padded together
 * with them. */
static void entry(struct archive *a, const char *name, uint32_t mode,
		  size_t len, unsigned int major, unsigned int minor)
{
	const size_t name_len = strlen(name) + 1;
	char *head = malloc(HEADER + name_len + 1);

	if (!head) {
		a->error = -ENOMEM;
		return;
	}
	snprintf(head, HEADER + name_len + 1,
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s",
		 ++a->entries, mode, 0u, 0u, 1u, 0u, (unsigned int)len, 0u, 0u,
		 major, minor, (unsigned int)name_len, 0u, name);
	add(a, head, HEADER + name_len);
	free(head);
}

void archive_dir(struct archive *a, const char *name, uint32_t mode)
{
	entry(a, name, S_IFDIR | mode, 0, 0, 0);
}

void archive_file(struct archive *a, const char *name, uint32_t mode,
		  const void *bytes, size_t len)
{
	entry(a, name, S_IFREG | mode, len, 0, 0);
	add(a, bytes, len);
}

void archive_device(struct archive *a, const char *name, uint32_t mode,
		    unsigned int major, unsigned int minor)
{
	entry(a, name, S_IFCHR | mode, 0, major, minor);
}

int archive_end(struct archive *a)
{
	entry(a, TRAILER, 0, 0, 0, 0);
	return a->error;
}
