// SPDX-License-Identifier: BSD-3-Clause
/* "vireo kernel list" and "vireo kernel fetch": kernels for --kernel. */
#include "cli/kernels.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOOT     "/boot"
#define NAME_LEN 300

struct row {
	char name[NAME_LEN]; /* for --kernel */
	const char *state;
	char *path; /* owned; NULL: it is not here */
};

struct table {
	struct row *row; /* owned */
	size_t count;
	bool failed; /* no memory */
};

static void add(struct table *t, const char *name, const char *state,
		const char *path)
{
	struct row *more = realloc(t->row, (t->count + 1) * sizeof(*more));

	t->failed = t->failed || !more;
	if (!more)
		return;
	t->row = more;
	more += t->count++;
	snprintf(more->name, sizeof(more->name), "%s", name);
	more->state = state;
	more->path = path ? strdup(path) : NULL;
}

static void finish(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->row[i].path);
	free(t->row);
}

static bool has(const struct table *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (!strcmp(t->row[i].name, name))
			return true;
	return false;
}

/* As people sort versions; from @first on. */
static int by_name(const void *a, const void *b)
{
	return strverscmp(((const struct row *)a)->name,
			  ((const struct row *)b)->name);
}

static void sort(struct table *t, size_t first)
{
	if (t->count > first)
		qsort(t->row + first, t->count - first, sizeof(*t->row),
		      by_name);
}

static void add_cached(struct table *t, const char *cache)
{
	DIR *dir = opendir(cache);
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char folder[PATH_LEN], image[PATH_LEN], name[NAME_LEN];

		/* What else is there are links, and fetches under way. */
		snprintf(folder, sizeof(folder), "%s/%s", cache, e->d_name);
		if (vireo_kernel_name(name, sizeof(name), e->d_name) == 0 &&
		    kernel_cache_image(image, sizeof(image), folder))
			add(t, name, "cached", image);
	}
	if (dir)
		closedir(dir);
	sort(t, 0);
}

static void add_installed(struct table *t)
{
	size_t first = t->count;
	DIR *dir = opendir(BOOT);
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char path[NAME_LEN];

		snprintf(path, sizeof(path), BOOT "/%s", e->d_name);
		if (!strncmp(e->d_name, "vmlinuz-", 8))
			add(t, path,
			    access(path, R_OK) == 0 ? "installed" :
						      "unreadable",
			    path);
	}
	if (dir)
		closedir(dir);
	sort(t, first);
}

static bool add_available(struct table *t)
{
	size_t first = t->count;
	char *text;

	if (!kernel_apt_list(&text))
		return false;
	for (const char *line = text; *line; line += *line == '\n') {
		size_t len = strcspn(line, " \t\n");
		char package[NAME_LEN], name[NAME_LEN];

		snprintf(package, sizeof(package), "%.*s", (int)len, line);
		line += strcspn(line, "\n");
		if (vireo_kernel_name(name, sizeof(name), package) == 0 &&
		    !has(t, name))
			add(t, name, "available", NULL);
	}
	free(text);
	sort(t, first);
	return true;
}

static void print_text(const struct table *t)
{
	int width = 0;

	for (size_t i = 0; i < t->count; i++) {
		int len = (int)strlen(t->row[i].name);

		width = len > width ? len : width;
	}
	for (size_t i = 0; i < t->count; i++)
		printf("%-*s  %s\n", width, t->row[i].name, t->row[i].state);
	if (!t->count)
		message("no kernels here (vireo kernel fetch debian:cloud "
			"gets one)");
}

static void print_json(const struct table *t)
{
	puts("[");
	for (size_t i = 0; i < t->count; i++) {
		const struct row *r = &t->row[i];

		fputs("  { \"name\": ", stdout);
		report_json_text(stdout, r->name);
		printf(", \"state\": \"%s\"", r->state);
		if (r->path) {
			fputs(", \"path\": ", stdout);
			report_json_text(stdout, r->path);
		}
		puts(i + 1 < t->count ? " }," : " }");
	}
	puts("]");
}

static int list(bool available, bool json)
{
	struct table t = { 0 };
	char cache[CACHE_LEN];
	bool ok = kernel_cache_path(cache, sizeof(cache));

	if (ok) {
		add_cached(&t, cache);
		add_installed(&t);
	}
	ok = ok && (!available || add_available(&t));
	if (t.failed)
		message("out of memory");
	else if (ok && json)
		print_json(&t);
	else if (ok)
		print_text(&t);
	ok = ok && !t.failed;
	finish(&t);
	return ok ? 0 : EXIT_USAGE;
}

static int usage(void)
{
	message("kernel: wants \"list [--available] [--json]\" or \"fetch "
		"NAME\" (as debian:6.12-cloud)");
	return EXIT_USAGE;
}

int cmd_kernel(int argc, char **argv)
{
	bool available = false, json = false;
	char cache[CACHE_LEN];

	if (argc == 3 && !strcmp(argv[1], "fetch") && argv[2][0] != '-') {
		if (!kernel_cache_path(cache, sizeof(cache)))
			return EXIT_USAGE;
		return kernel_apt_fetch(argv[2], cache);
	}
	if (argc < 2 || strcmp(argv[1], "list"))
		return usage();
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "--available") ||
		    !strcmp(argv[i], "--all"))
			available = true;
		else if (!strcmp(argv[i], "--json"))
			json = true;
		else
			return usage();
	}
	return list(available, json);
}
