// SPDX-License-Identifier: BSD-3-Clause
#include "layer_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct share_user somebody = { 1234, 77 };

/* ---- life ---- */

/* Names, modes, sizes, times and contents below the folder. */
static char *picture(const struct layer_bench *t)
{
	char command[256];
	char *text = NULL;
	size_t len = 0;
	FILE *in, *out;
	int c;

	snprintf(command, sizeof(command),
		 "cd %s/tree && find . -printf '%%p %%y %%m %%n %%s %%T@ %%C@ "
		 "%%l\\n' | sort && find . -type f -readable | sort | xargs -r "
		 "cksum", t->host->dir);
	in = popen(command, "re");
	assert_non_null(in);
	out = open_memstream(&text, &len);
	assert_non_null(out);
	while ((c = getc(in)) != EOF)
		putc(c, out);
	fclose(out);
	pclose(in);
	return text;
}

int layer_bench_setup(void **state)
{
	struct layer_bench *t = calloc(1, sizeof(*t));
	void *host;

	assert_non_null(t);
	share_bench_setup(&host);
	t->host = host;
	*state = t;
	return 0;
}

int layer_bench_teardown(void **state)
{
	struct layer_bench *t = *state;
	char *after = picture(t);
	void *host = t->host;

	if (t->before)
		assert_string_equal(t->before, after);
	free(t->before);
	free(after);
	files_destroy(t->f);
	free(t);
	return share_bench_teardown(&host);
}

void layer_bench_begin_with(struct layer_bench *t,
			    const struct layer_config *cfg,
			    const struct share_config *back)
{
	struct share_config below = *back;
	struct layer_config mine = *cfg;
	struct share *share;

	files_destroy(t->f);
	t->f = NULL;
	below.read_only = true;
	share_bench_open(t->host, &below);
	share = t->host->s;
	t->host->s = NULL;
	if (!mine.dir)
		mine.dir = "/var/tmp";
	assert_int_equal(layer_create(&t->f, &mine, share, &t->host->err), 0);
	t->ops = t->f->ops;
	free(t->before);
	t->before = picture(t);
}

void layer_bench_begin(struct layer_bench *t)
{
	layer_bench_begin_with(t, &(struct layer_config){ 0 },
			       &(struct share_config){ 0 });
}

/* ---- paths ---- */

static int64_t step(struct layer_bench *t, uint64_t from, const char *name)
{
	struct share_entry e;
	int r = t->ops->lookup(t->f, from, name, &e);

	if (r == 0 && from != SHARE_ROOT)
		t->ops->forget(t->f, from, 1);
	return r < 0 ? r : (int64_t)e.node;
}

int64_t layer_parent(struct layer_bench *t, const char *path, const char **name)
{
	int64_t at = SHARE_ROOT;
	const char *slash;

	for (; (slash = strchr(path, '/')) && at > 0; path = slash + 1) {
		char part[256];

		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		at = step(t, (uint64_t)at, part);
	}
	*name = path;
	return at;
}

int64_t layer_walk(struct layer_bench *t, const char *path)
{
	const char *name;
	int64_t at = layer_parent(t, path, &name);

	return at < 0 || !*name ? at : step(t, (uint64_t)at, name);
}

uint64_t layer_get(struct layer_bench *t, const char *path)
{
	int64_t node = layer_walk(t, path);

	assert_true(node > 0);
	return (uint64_t)node;
}

static void put_back(struct layer_bench *t, int64_t node)
{
	if (node > 0 && node != SHARE_ROOT)
		t->ops->forget(t->f, (uint64_t)node, 1);
}

bool layer_there(struct layer_bench *t, const char *path)
{
	int64_t node = layer_walk(t, path);

	assert_true(node > 0 || node == -ENOENT || node == -ENOTDIR);
	put_back(t, node);
	return node > 0;
}

struct statx layer_stat(struct layer_bench *t, const char *path)
{
	uint64_t node = layer_get(t, path);
	struct share_attr a;

	assert_int_equal(t->ops->getattr(t->f, node, &a), 0);
	put_back(t, (int64_t)node);
	return a.stx;
}

/* ---- names ---- */

int layer_try_mkdir(struct layer_bench *t, const char *path)
{
	const char *name;
	int64_t at = layer_parent(t, path, &name);
	struct share_entry e;
	int r;

	if (at < 0)
		return (int)at;
	r = t->ops->mkdir(t->f, (uint64_t)at, name, 0755, &somebody, &e);
	if (r == 0)
		put_back(t, (int64_t)e.node);
	put_back(t, at);
	return r;
}

int layer_try_remove(struct layer_bench *t, const char *path, bool folder)
{
	const char *name;
	int64_t at = layer_parent(t, path, &name);
	int r;

	if (at < 0)
		return (int)at;
	r = t->ops->remove(t->f, (uint64_t)at, name, folder);
	put_back(t, at);
	return r;
}

int layer_try_rename(struct layer_bench *t, const char *from, const char *to,
		     unsigned int flags)
{
	const char *name, *new_name;
	int64_t a = layer_parent(t, from, &name);
	int64_t b = layer_parent(t, to, &new_name);
	int r = a < 0 ? (int)a : b < 0 ? (int)b : 0;

	if (r == 0)
		r = t->ops->rename(t->f, (uint64_t)a, name, (uint64_t)b,
				   new_name, flags);
	put_back(t, a);
	put_back(t, b);
	return r;
}

int layer_try_link(struct layer_bench *t, const char *from, const char *to)
{
	const char *name;
	int64_t node = layer_walk(t, from), at = layer_parent(t, to, &name);
	int r = node < 0 ? (int)node : at < 0 ? (int)at : 0;
	struct share_entry e;

	if (r == 0) {
		r = t->ops->link(t->f, (uint64_t)node, (uint64_t)at, name, &e);
		if (r == 0)
			put_back(t, (int64_t)e.node);
	}
	put_back(t, node);
	put_back(t, at);
	return r;
}

int layer_try_symlink(struct layer_bench *t, const char *target,
		      const char *path)
{
	const char *name;
	int64_t at = layer_parent(t, path, &name);
	struct share_entry e;
	int r;

	if (at < 0)
		return (int)at;
	r = t->ops->symlink(t->f, (uint64_t)at, name, target, &somebody, &e);
	if (r == 0)
		put_back(t, (int64_t)e.node);
	put_back(t, at);
	return r;
}

/* ---- contents ---- */

int64_t layer_try_open(struct layer_bench *t, const char *path, int flags)
{
	struct share_how how = { somebody, flags & ~O_CREAT, 0644 };
	struct share_entry e;
	const char *name;
	uint64_t handle;
	int64_t at;
	int r;

	at = flags & O_CREAT ? layer_parent(t, path, &name) :
			       layer_walk(t, path);
	if (at < 0)
		return at;
	if (flags & O_CREAT) {
		r = t->ops->open_new(t->f, (uint64_t)at, name, how, &e,
				     &handle);
		if (r == 0)
			put_back(t, (int64_t)e.node);
	} else {
		r = t->ops->open(t->f, (uint64_t)at, flags, &handle);
	}
	put_back(t, at);
	return r < 0 ? r : (int64_t)handle;
}

void layer_shut(struct layer_bench *t, int64_t handle)
{
	assert_true(handle > 0);
	assert_int_equal(t->ops->close(t->f, (uint64_t)handle), 0);
}

int64_t layer_put(struct layer_bench *t, int64_t handle, const char *text,
		  uint64_t off)
{
	const struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };

	return t->ops->write(t->f, (uint64_t)handle, &iov, 1, off);
}

int64_t layer_take(struct layer_bench *t, int64_t handle, void *buf, size_t len,
		   uint64_t off)
{
	const struct iovec iov = { buf, len };

	return t->ops->read(t->f, (uint64_t)handle, &iov, 1, off);
}

static void write_with(struct layer_bench *t, const char *path,
		       const char *text, int flags)
{
	int64_t handle = layer_try_open(t, path, O_WRONLY | flags);

	assert_true(handle > 0);
	assert_int_equal(layer_put(t, handle, text, 0), strlen(text));
	layer_shut(t, handle);
}

void layer_write_all(struct layer_bench *t, const char *path, const char *text)
{
	write_with(t, path, text, O_CREAT | O_TRUNC);
}

void layer_append(struct layer_bench *t, const char *path, const char *text)
{
	write_with(t, path, text, O_APPEND);
}

bool layer_has(struct layer_bench *t, const char *path, const char *text)
{
	int64_t handle = layer_try_open(t, path, O_RDONLY);
	char buf[4096];
	int64_t n;

	if (handle < 0)
		return false;
	n = layer_take(t, handle, buf, sizeof(buf), 0);
	layer_shut(t, handle);
	return n == (int64_t)strlen(text) && !memcmp(buf, text, (size_t)n);
}

int layer_resize(struct layer_bench *t, const char *path, uint64_t size)
{
	const struct share_change c = { .set = SHARE_SET_SIZE, .size = size };
	int64_t node = layer_walk(t, path);
	struct share_attr a;
	int r;

	if (node < 0)
		return (int)node;
	r = t->ops->setattr(t->f, (uint64_t)node, 0, &c, &a);
	put_back(t, node);
	return r;
}

/* ---- folders ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Few entries: they are sorted in place. */
static char *join(char **name, size_t count)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	qsort(name, count, sizeof(*name), by_name);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "%s ", name[i]);
		free(name[i]);
	}
	fclose(out);
	return text;
}

char *layer_list(struct layer_bench *t, const char *path)
{
	uint64_t node = layer_get(t, path), handle;
	struct share_dirent d = { .next = 0 };
	char *name[1024];
	size_t count = 0;
	int r;

	assert_int_equal(t->ops->open_folder(t->f, node, &handle), 0);
	while ((r = t->ops->read_folder(t->f, handle, d.next, &d)) > 0) {
		if (!strcmp(d.name, ".") || !strcmp(d.name, ".."))
			continue;
		assert_true(count < 1024);
		name[count++] = strdup(d.name);
	}
	assert_int_equal(r, 0);
	assert_int_equal(t->ops->close(t->f, handle), 0);
	put_back(t, (int64_t)node);
	return join(name, count);
}

bool layer_lists(struct layer_bench *t, const char *path, const char *names)
{
	char *list = layer_list(t, path);
	bool same = !strcmp(list, names);

	if (!same)
		print_message("%s: \"%s\"\n", path, list);
	free(list);
	return same;
}
