// SPDX-License-Identifier: BSD-3-Clause
#include "command/find_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/fd.h"

#define PATTERN "/boot/vmlinuz-*"

/* The setup header (Linux, x86 boot protocol): "HdrS" and an offset, from
 * 0x200, of the version's text. */
#define MAGIC_AT   0x202
#define VERSION_AT 0x20e
#define HEAD_SIZE  0x10000

int find_kernel(char *path, size_t cap, struct err *err)
{
	const char *best = NULL;
	unsigned int unreadable = 0;
	glob_t g = { 0 };

	if (glob(PATTERN, 0, NULL, &g) == GLOB_NOSPACE)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < g.gl_pathc; i++) {
		if (access(g.gl_pathv[i], R_OK) < 0)
			unreadable++;
		else if (!best || strverscmp(g.gl_pathv[i], best) > 0)
			best = g.gl_pathv[i];
	}
	if (best)
		snprintf(path, cap, "%s", best);
	globfree(&g);
	if (best)
		return 0;
	return err_set_key(err, unreadable ? -EACCES : -ENOENT, "kernel",
			   PATTERN ": %s (give a kernel with --kernel FILE)",
			   unreadable ? "none can be read" : "there is none");
}

/* "6.12.9-cloud-amd64 (debian...) ...": its first word; "" without any. */
static void read_version(char *version, size_t cap, const char *path)
{
	static const char end[] = " \t\n";
	uint8_t head[4096] = { 0 };
	uint8_t text[128] = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t at;

	*version = '\0';
	if (fd < 0)
		return;
	if (fd_pread_full(fd, head, VERSION_AT + 2, 0) == 0 &&
	    !memcmp(head + MAGIC_AT, "HdrS", 4) && le16_at(head + VERSION_AT)) {
		at = 0x200u + le16_at(head + VERSION_AT);
		if (fd_pread_full(fd, text, sizeof(text) - 1, at) == 0)
			snprintf(version, cap, "%.*s",
				 (int)strcspn((const char *)text, end), text);
	}
	close(fd);
}

static bool is_folder(const char *path)
{
	return access(path, X_OK) == 0;
}

void find_modules(char *dir, size_t cap, const char *path)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path) : 0;
	char version[128];

	*dir = '\0';
	read_version(version, sizeof(version), path);
	if (!*version || strchr(version, '/') || *version == '.')
		return;
	snprintf(dir, cap, "%.*s/../lib/modules/%s", folder,
		 folder ? path : ".", version);
	if (is_folder(dir))
		return;
	snprintf(dir, cap, "/lib/modules/%s", version);
	if (!is_folder(dir))
		*dir = '\0';
}
