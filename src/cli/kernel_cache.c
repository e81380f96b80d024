// SPDX-License-Identifier: BSD-3-Clause
/* See kernels.h. Where kernels by name are kept. */
#include "cli/kernels.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* Above it are other things that vireo keeps. */
static bool cache_path(char *path, size_t size)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int len = -1;

	if (cache && cache[0] == '/')
		len = snprintf(path, size, "%s/vireo", cache);
	else if (home && home[0] == '/')
		len = snprintf(path, size, "%s/.cache/vireo", home);
	if (len >= 0 && (size_t)len < size)
		return true;
	message("no place for kernels is known (set HOME or XDG_CACHE_HOME)");
	return false;
}

bool kernel_cache_path(char *path, size_t size)
{
	static const char kernels[] = "/kernels";
	size_t len;

	if (!cache_path(path, size - sizeof(kernels)))
		return false;
	len = strlen(path);
	memcpy(path + len, kernels, sizeof(kernels));
	return true;
}

/* As the library sees it: a word and a colon, and no path. */
static bool is_name(const char *kernel)
{
	size_t word = strspn(kernel, "abcdefghijklmnopqrstuvwxyz");

	return word && kernel[word] == ':' && !strchr(kernel, '/');
}

bool kernel_cache_option(struct opts *opts)
{
	const char *kernel = vireo_config_get(opts->cfg, "kernel", 0);
	struct vireo_error err;
	char path[CACHE_LEN];

	if (!kernel || !is_name(kernel) ||
	    vireo_config_is_set(opts->cfg, "cache"))
		return true;
	if (!cache_path(path, sizeof(path)))
		return false;
	if (vireo_config_set(opts->cfg, "cache", path, &err) == 0)
		return true;
	message_error(&err);
	return false;
}

bool kernel_cache_image(char *path, size_t size, const char *folder)
{
	const struct dirent *e;
	bool found = false;
	DIR *boot;

	snprintf(path, size, "%s/boot", folder);
	boot = opendir(path);
	while (boot && !found && (e = readdir(boot))) {
		found = !strncmp(e->d_name, "vmlinuz-", 8);
		if (found)
			snprintf(path, size, "%s/boot/%s", folder, e->d_name);
	}
	if (boot)
		closedir(boot);
	return found;
}
