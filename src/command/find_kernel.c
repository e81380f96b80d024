// SPDX-License-Identifier: BSD-3-Clause
#include "command/find_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/fd.h"
#include "command/kernel_name.h"

#define PATTERN "/boot/vmlinuz-*"
#define IN_TREE "/arch/x86/boot/bzImage"

/* The setup header (Linux, x86 boot protocol): "HdrS" and an offset, from
 * 0x200, of the version's text. */
#define MAGIC_AT   0x202
#define VERSION_AT 0x20e
#define HEAD_SIZE  0x10000

static int resolve_name(struct config *cfg, struct err *err)
{
	char name[CONFIG_PATH_MAX];
	char dir[sizeof(cfg->command.cache) + 16];

	memcpy(name, cfg->kernel, sizeof(name));
	if (!*cfg->command.cache)
		return err_set_key(err, -ENOENT, "kernel",
				   "%s: where kernels by name are is not said (set cache)",
				   name);
	snprintf(dir, sizeof(dir), "%s/kernels", cfg->command.cache);
	return kernel_find(cfg->kernel, sizeof(cfg->kernel), name, dir, err);
}

int find_given_kernel(struct config *cfg, struct err *err)
{
	size_t len = strlen(cfg->kernel);
	struct stat st;

	if (kernel_is_name(cfg->kernel))
		return resolve_name(cfg, err);
	if (stat(cfg->kernel, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	if (len + sizeof(IN_TREE) > sizeof(cfg->kernel))
		return err_set_key(err, -ENAMETOOLONG, "kernel",
				   "the path is too long");
	memcpy(cfg->kernel + len, IN_TREE, sizeof(IN_TREE));
	if (access(cfg->kernel, F_OK) == 0)
		return 0;
	return err_set_key(err, -ENOENT, "kernel",
			   "%s: not there (make bzImage, or give a file)",
			   cfg->kernel);
}

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

/* A build tree that knows its modules. */
static bool is_in_tree(char *dir, size_t cap, const char *path)
{
	size_t len = strlen(path), tail = sizeof(IN_TREE) - 1;
	char order[4096];

	if (len <= tail || strcmp(path + len - tail, IN_TREE))
		return false;
	snprintf(dir, cap, "%.*s", (int)(len - tail), path);
	snprintf(order, sizeof(order), "%s/modules.order", dir);
	return access(order, R_OK) == 0;
}

void find_modules(char *dir, size_t cap, const char *path)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path) : 0;
	char version[128];

	if (is_in_tree(dir, cap, path))
		return;
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
