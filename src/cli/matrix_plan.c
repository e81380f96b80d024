// SPDX-License-Identifier: BSD-3-Clause
/* See matrix.h. Which runs there are, and what each has for itself. */
#include "cli/matrix.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 63

/* What there is once: items of a key's value, "NAME=" or the value itself. */
static const struct {
	const char *key;
	const char *item;
	bool in_turn; /* one run after the other may have it */
} single[] = {
	{ "console", "file=", false }, /* each would empty it */
	{ "console", "pty=", true },
	{ "console", "socket=", true },
	{ "vsock", "", true },
	{ "net", "tap=", true },
	{ "net", "fd=", true },
	{ "net", "listen=", true },
	{ "net", "dgram=", true },
	{ "net", "forward=", true },
};

/* What each run has of its own: the value, this mark and its number. */
static const struct {
	const char *key;
	char mark;
} own[] = {
	{ "name", '-' },
	{ "out", '/' },
	{ "vmcore", '-' },
};

static unsigned int kernels(const struct opts *opts)
{
	return opts->kernels.count ? (unsigned int)opts->kernels.count : 1;
}

bool matrix_wanted(const struct opts *opts)
{
	return matrix_count(opts) > 1;
}

unsigned int matrix_count(const struct opts *opts)
{
	return kernels(opts) * (opts->repeat ? opts->repeat : 1);
}

const char *matrix_kernel(const struct opts *opts, unsigned int index)
{
	const char *kernel = vireo_config_get(opts->cfg, "kernel", 0);

	if (opts->kernels.count)
		return opts->kernels.word[index % opts->kernels.count];
	return kernel ? kernel : "";
}

unsigned int matrix_round(const struct opts *opts, unsigned int index)
{
	return index / kernels(opts) + 1;
}

/* Is @item among those of "a,b=c"? One that ends with '=' has any value. */
static bool has_item(const char *value, const char *item)
{
	size_t len = strlen(item);
	bool open = !len || item[len - 1] == '=';

	while (value) {
		if (!strncmp(value, item, len) &&
		    (open || !value[len] || value[len] == ','))
			return true;
		value = strchr(value, ',');
		if (value)
			value++;
	}
	return false;
}

/* "PATH,item,..." that its run changes. */
static bool is_written(const char *disk)
{
	const char *items = strchr(disk, ',');

	return !items || (!has_item(items + 1, "ro") &&
			  !has_item(items + 1, "overlay=tmp"));
}

static bool check_disks(const struct opts *opts)
{
	const char *disk;

	for (size_t i = 0; (disk = vireo_config_get(opts->cfg, "disk", i)); i++)
		if (is_written(disk)) {
			message("--disk %s: runs at a time cannot share it "
				"(add ro or overlay=tmp, or leave --jobs out)",
				disk);
			return false;
		}
	return true;
}

/* @at_a_time: or one after the other. */
static bool check_single(const struct opts *opts, size_t which, bool at_a_time)
{
	const char *key = single[which].key;
	const char *value;

	for (size_t i = 0; (value = vireo_config_get(opts->cfg, key, i)); i++) {
		if (!has_item(value, single[which].item))
			continue;
		if (single[which].in_turn && !at_a_time)
			continue;
		message("--%s %s: several runs cannot share it (%s)", key,
			value,
			single[which].in_turn ? "leave --jobs out"
					      : "use standard output");
		return false;
	}
	return true;
}

static bool check_name(const struct opts *opts)
{
	const char *name = vireo_config_get(opts->cfg, "name", 0);
	int len = snprintf(NULL, 0, "%s-%u", name ? name : "",
			   matrix_count(opts));

	if (!name || len <= NAME_MAX_LEN)
		return true;
	message("--name %s: too long with the number of a run behind it", name);
	return false;
}

bool matrix_check(const struct opts *opts)
{
	bool at_a_time = opts->jobs > 1;

	if (opts->kernels.count > 1 &&
	    !vireo_config_is_set(opts->cfg, "command")) {
		message("--kernel: several are for a command (after \"--\")");
		return false;
	}
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
		if (!check_single(opts, i, at_a_time))
			return false;
	return check_name(opts) && (!at_a_time || check_disks(opts));
}

static bool set(struct opts *opts, const char *key, const char *value)
{
	struct vireo_error err;

	if (vireo_config_set(opts->cfg, key, value, &err) == 0)
		return true;
	message_error(&err);
	return false;
}

bool matrix_settle(struct opts *opts, unsigned int index)
{
	char text[4096 + 16];

	if (opts->kernels.count &&
	    !set(opts, "kernel", matrix_kernel(opts, index)))
		return false;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		const char *v = vireo_config_get(opts->cfg, own[i].key, 0);

		snprintf(text, sizeof(text), "%s%c%u", v ? v : "",
			 own[i].mark, index + 1);
		if (v && !set(opts, own[i].key, text))
			return false;
	}
	return true;
}
