// SPDX-License-Identifier: BSD-3-Clause
/*
 * See kernels.h. Packages by apt and dpkg-deb, unpacked and not installed: no
 * privilege is needed. A package appears in the cache whole or not at all, and
 * whoever is first wins.
 */
#include "cli/kernels.h"

#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_STOPPED 123
#define EXIT_FAILED  1
#define PACKAGE_LEN  128
#define IMAGE        "linux-image-"

/* One fetch. */
struct fetch {
	const char *name;
	const char *cache;
	char package[PACKAGE_LEN];
	char folder[PATH_LEN]; /* in the cache, at the end */
	char work[CACHE_LEN];  /* until then; "": not made */
	char tree[PATH_LEN];   /* below work */
};

/* What became of a program, as a message and an exit status. */
static int tell(const char *what, const char *program, int r)
{
	switch (r) {
	case 0:
		return 0;
	case TOOL_MISSING:
		message("%s: %s: not found (kernels by name need Debian's or "
			"Ubuntu's tools; give a kernel with --kernel FILE)",
			what, program);
		return EXIT_USAGE;
	case TOOL_INTERRUPTED:
		message("%s: interrupted", what);
		return EXIT_STOPPED;
	default:
		message("%s: %s failed (apt-get update may help)", what,
			program);
		return EXIT_FAILED;
	}
}

/* ---- which ---- */

static int list(const char *what, char **text)
{
	static const char *const words[] = { "apt-cache", "search",
					     "--names-only",
					     "^linux-image-.*[0-9]", NULL };
	const struct tool tool = { .words = words, .text = text };

	*text = NULL;
	return tell(what, words[0], tool_run(&tool));
}

bool kernel_apt_list(char **text)
{
	bool ok = list("kernel list", text) == 0;

	if (!ok)
		free(*text);
	return ok;
}

static int choose(struct fetch *f)
{
	struct vireo_error err;
	char *text;
	int status = list(f->name, &text);

	if (status == 0 &&
	    vireo_kernel_choose(f->package, sizeof(f->package), f->name, text,
				&err) < 0) {
		message("%s%s", err.text,
			err.code == VIREO_EINVAL ? "" :
				" (vireo kernel list --available; apt-get update)");
		status = err.code == VIREO_EINVAL ? EXIT_USAGE : EXIT_FAILED;
	}
	free(text);
	return status;
}

/* ---- getting it ---- */

static bool make_folders(const char *path)
{
	char part[PATH_LEN];

	for (const char *slash = path; slash; ) {
		slash = strchr(slash + 1, '/');
		snprintf(part, sizeof(part), "%.*s",
			 slash ? (int)(slash - path) : (int)strlen(path), path);
		if (mkdir(part, 0777) < 0 && errno != EEXIST) {
			message("%s: %s", part, strerror(errno));
			return false;
		}
	}
	return true;
}

static void remove_tree(char *path)
{
	char *const roots[] = { path, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	const FTSENT *e;

	while (fts && (e = fts_read(fts))) {
		if (e->fts_info == FTS_D) /* whatever the package says */
			chmod(e->fts_path, 0700);
		else if (e->fts_info == FTS_DP)
			rmdir(e->fts_path);
		else
			unlink(e->fts_path);
	}
	if (fts)
		fts_close(fts);
}

static bool begin(struct fetch *f)
{
	if (!make_folders(f->cache))
		return false;
	snprintf(f->work, sizeof(f->work), "%.*s/tmp.XXXXXX", CACHE_LEN - 16,
		 f->cache);
	if (!mkdtemp(f->work)) {
		message("%s: %s", f->work, strerror(errno));
		f->work[0] = '\0';
		return false;
	}
	snprintf(f->tree, sizeof(f->tree), "%s/tree", f->work);
	return true;
}

/* Ubuntu has the modules in a package of their own. */
static int download(const struct fetch *f)
{
	const char *version = f->package + strlen(IMAGE);
	char name[PACKAGE_LEN], modules[PACKAGE_LEN];
	const char *words[] = { "apt-get", "-qq", "-o",
				"APT::Sandbox::User=root", "download",
				f->package, NULL, NULL };
	const struct tool tool = { .words = words, .dir = f->work };

	if (isatty(STDERR_FILENO))
		words[1] = "-q=0"; /* with its progress */
	if (!strncmp(version, "unsigned-", 9))
		version += 9;
	snprintf(modules, sizeof(modules), "linux-modules-%s", version);
	if (vireo_kernel_name(name, sizeof(name), f->package) == 0 &&
	    !strncmp(name, "ubuntu:", 7))
		words[6] = modules;
	message("fetching %s", f->package);
	return tell(f->name, words[0], tool_run(&tool));
}

static int unpack_one(const struct fetch *f, const char *file)
{
	const char *const words[] = { "dpkg-deb", "-x", file, f->tree, NULL };
	const struct tool tool = { .words = words, .dir = f->work };

	return tell(f->name, words[0], tool_run(&tool));
}

static int unpack(const struct fetch *f)
{
	DIR *dir = opendir(f->work);
	const struct dirent *e;
	int status = 0;

	while (dir && status == 0 && (e = readdir(dir))) {
		size_t len = strlen(e->d_name);

		if (len > 4 && !strcmp(e->d_name + len - 4, ".deb"))
			status = unpack_one(f, e->d_name);
	}
	if (dir)
		closedir(dir);
	return status;
}

/* A kernel and its modules; these may be where distributions have them now. */
static bool is_complete(const struct fetch *f)
{
	char path[PATH_LEN + 32];
	char lib[PATH_LEN + 32];

	if (!kernel_cache_image(path, sizeof(path), f->tree)) {
		message("%s: %s has no kernel in it (a meta package?)", f->name,
			f->package);
		return false;
	}
	snprintf(lib, sizeof(lib), "%s/lib", f->tree);
	snprintf(path, sizeof(path), "%s/lib/modules", f->tree);
	if (access(path, X_OK) == 0)
		return true;
	snprintf(path, sizeof(path), "%s/usr/lib/modules", f->tree);
	if (access(path, X_OK) == 0 && symlink("usr/lib", lib) == 0)
		return true;
	message("%s: %s has no modules in it", f->name, f->package);
	return false;
}

static int put(struct fetch *f)
{
	if (!is_complete(f))
		return EXIT_FAILED;
	if (chmod(f->tree, 0755) == 0 && rename(f->tree, f->folder) == 0)
		return 0;
	if (errno == EEXIST || errno == ENOTEMPTY)
		return 0; /* somebody else was faster */
	message("%s: %s", f->folder, strerror(errno));
	return EXIT_FAILED;
}

static int get(struct fetch *f)
{
	int status = begin(f) ? download(f) : EXIT_FAILED;

	if (status == 0)
		status = unpack(f);
	if (status == 0)
		status = put(f);
	if (f->work[0])
		remove_tree(f->work);
	return status;
}

int kernel_apt_fetch(const char *name, const char *cache)
{
	struct fetch f = { .name = name, .cache = cache };
	char image[PATH_LEN];
	int status;

	tool_hold();
	status = choose(&f);
	if (status == 0) {
		snprintf(f.folder, sizeof(f.folder), "%s/%s", cache, f.package);
		if (!kernel_cache_image(image, sizeof(image), f.folder))
			status = get(&f);
	}
	if (status == 0 && !kernel_cache_image(image, sizeof(image), f.folder))
		status = EXIT_FAILED;
	tool_release();
	if (status == 0)
		puts(image);
	return status;
}
