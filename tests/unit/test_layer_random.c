// SPDX-License-Identifier: BSD-3-Clause
/* The throwaway layer: random operations on it and on a plain folder with the
 * same files, which must then be the same. The host's stay as they are. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "layer_bench.h"

#define SEEDS  6
#define STEPS  2500
#define SIZE   300000u /* of a file, at most: some chunks */
#define FORGET 300     /* steps between sessions */

struct pair {
	struct layer_bench *t;
	int mirror; /* the plain folder */
	uint32_t rng;
	unsigned int seed, step;
	char what[160];
};

static uint32_t pick(struct pair *p, uint32_t below)
{
	p->rng = p->rng * 1664525u + 1013904223u;
	return (p->rng >> 8) % below;
}

/* Few names, so that they meet; folders are up to three deep. */
static void path(struct pair *p, char *out, size_t size)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	unsigned int depth = 1 + pick(p, 3);
	size_t n = 0;

	for (unsigned int i = 0; i < depth; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", i ? "/" : "",
				      names[pick(p, ARRAY_SIZE(names))]);
}

static void same(struct pair *p, int64_t layer, int64_t plain)
{
	if ((layer < 0) == (plain < 0) && (layer >= 0 || layer == plain))
		return;
	/* Of two things that are wrong either may be told. */
	if (layer < 0 && plain < 0)
		return;
	fail_msg("seed %u, step %u, %s: the layer says %d, a folder %d",
		 p->seed, p->step, p->what, (int)layer, (int)plain);
}

static int done(int r)
{
	return r < 0 ? -errno : r;
}

/* ---- names ---- */

static void do_mkdir(struct pair *p, const char *a, const char *b)
{
	same(p, layer_try_mkdir(p->t, a), done(mkdirat(p->mirror, a, 0755)));
}

static void do_remove(struct pair *p, const char *a, const char *b)
{
	bool folder = pick(p, 2);

	same(p, layer_try_remove(p->t, a, folder),
	     done(unlinkat(p->mirror, a, folder ? AT_REMOVEDIR : 0)));
}

static void do_rename(struct pair *p, const char *a, const char *b)
{
	static const unsigned int all[] = { 0, 0, RENAME_NOREPLACE,
					    RENAME_EXCHANGE };
	unsigned int flags = all[pick(p, ARRAY_SIZE(all))];

	same(p, layer_try_rename(p->t, a, b, flags),
	     done(renameat2(p->mirror, a, p->mirror, b, flags)));
}

static void do_link(struct pair *p, const char *a, const char *b)
{
	same(p, layer_try_link(p->t, a, b),
	     done(linkat(p->mirror, a, p->mirror, b, 0)));
}

static void do_symlink(struct pair *p, const char *a, const char *b)
{
	char target[40]; /* nothing: the layer does not follow, the host does */

	snprintf(target, sizeof(target), "none-%s", b);
	same(p, layer_try_symlink(p->t, target, a),
	     done(symlinkat(target, p->mirror, a)));
}

/* ---- contents ---- */

static void do_write(struct pair *p, const char *a, const char *b)
{
	static char bytes[90000];
	const int flags = (pick(p, 3) ? 0 : O_CREAT) |
			  (pick(p, 4) ? 0 : O_APPEND) |
			  (pick(p, 8) ? 0 : O_TRUNC);
	uint32_t len = 1 + pick(p, pick(p, 2) ? 100 : sizeof(bytes) - 1);
	uint32_t at = pick(p, SIZE);
	int fd = openat(p->mirror, a, O_RDWR | O_NOFOLLOW | flags, 0644);
	int plain = done(fd);
	int64_t h = layer_try_open(p->t, a, O_RDWR | flags);
	const struct iovec iov = { bytes, len };

	same(p, h, plain);
	if (fd < 0)
		return;
	memset(bytes, (int)pick(p, 256), len);
	same(p, p->t->ops->write(p->t->f, (uint64_t)h, &iov, 1, at),
	     done((int)pwrite(fd, bytes, len, at)));
	layer_shut(p->t, h);
	close(fd);
}

static void do_truncate(struct pair *p, const char *a, const char *b)
{
	uint32_t size = pick(p, SIZE);
	int fd = openat(p->mirror, a, O_WRONLY | O_NOFOLLOW);
	int plain = fd < 0 ? -errno : done(ftruncate(fd, size));

	if (fd >= 0)
		close(fd);
	same(p, layer_resize(p->t, a, size), plain);
}

static void do_clear(struct pair *p, const char *a, const char *b)
{
	const int mode = pick(p, 2) ?
			 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE :
			 FALLOC_FL_ZERO_RANGE;
	uint32_t at = pick(p, SIZE), len = 1 + pick(p, SIZE / 2);
	int fd = openat(p->mirror, a, O_WRONLY | O_NOFOLLOW);
	int64_t h;

	if (fd < 0)
		return;
	if (fallocate(fd, mode, at, len) == 0) {
		h = layer_try_open(p->t, a, O_WRONLY);
		same(p, p->t->ops->allocate(p->t->f, (uint64_t)h, mode, at,
					    len), 0);
		layer_shut(p->t, h);
	}
	close(fd);
}

static void do_copy(struct pair *p, const char *a, const char *b)
{
	int in = openat(p->mirror, a, O_RDONLY | O_NOFOLLOW);
	int out = openat(p->mirror, b, O_WRONLY | O_NOFOLLOW);
	off_t from = pick(p, SIZE / 2), to = pick(p, SIZE / 2);
	uint64_t len = pick(p, SIZE / 2);
	struct stat st[2];
	int64_t h, g;

	if (in >= 0 && out >= 0 && fstat(in, &st[0]) == 0 &&
	    fstat(out, &st[1]) == 0 && st[0].st_ino != st[1].st_ino &&
	    S_ISREG(st[0].st_mode)) {
		uint64_t x = (uint64_t)from, y = (uint64_t)to;
		ssize_t n = copy_file_range(in, &from, out, &to, len, 0);

		h = layer_try_open(p->t, a, O_RDONLY);
		g = layer_try_open(p->t, b, O_WRONLY);
		assert_int_equal(p->t->ops->copy(p->t->f, (uint64_t)h, x,
						 (uint64_t)g, y, len), n);
		layer_shut(p->t, h);
		layer_shut(p->t, g);
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
}

/* ---- is it the same? ---- */

static void compare_file(struct pair *p, const char *name)
{
	static char mine[2 * SIZE + 100000], plain[sizeof(mine)];
	int fd = openat(p->mirror, name, O_RDONLY | O_NOFOLLOW);
	int64_t h = layer_try_open(p->t, name, O_RDONLY);
	ssize_t n = pread(fd, plain, sizeof(plain), 0);

	assert_true(n >= 0 && n < (ssize_t)sizeof(plain));
	assert_int_equal(layer_take(p->t, h, mine, sizeof(mine), 0), n);
	for (ssize_t i = 0; i < n; i++)
		if (mine[i] != plain[i])
			fail_msg("seed %u, step %u, %s: %s differs at %zd",
				 p->seed, p->step, p->what, name, i);
	layer_shut(p->t, h);
	close(fd);
}

static void compare_link(struct pair *p, const char *name)
{
	char mine[64], plain[64];
	ssize_t n = readlinkat(p->mirror, name, plain, sizeof(plain));
	uint64_t node = layer_get(p->t, name);

	assert_int_equal(p->t->ops->readlink(p->t->f, node, mine,
					     sizeof(mine)), n);
	assert_memory_equal(mine, plain, n);
	p->t->ops->forget(p->t->f, node, 1);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void compare_folder(struct pair *p, const char *name, unsigned int deep);

static void compare(struct pair *p, const char *name, unsigned int deep)
{
	struct statx mine = layer_stat(p->t, name);
	struct stat st;

	assert_int_equal(fstatat(p->mirror, name, &st, AT_SYMLINK_NOFOLLOW),
			 0);
	if (mine.stx_mode != st.st_mode || mine.stx_nlink != st.st_nlink ||
	    (!S_ISDIR(st.st_mode) && mine.stx_size != (uint64_t)st.st_size))
		fail_msg("seed %u, step %u, %s: %s is %o %u %llu, not %o %u "
			 "%llu", p->seed, p->step, p->what, name,
			 mine.stx_mode, mine.stx_nlink,
			 (unsigned long long)mine.stx_size, st.st_mode,
			 (unsigned int)st.st_nlink,
			 (unsigned long long)st.st_size);
	if (S_ISREG(st.st_mode))
		compare_file(p, name);
	else if (S_ISLNK(st.st_mode))
		compare_link(p, name);
	else
		compare_folder(p, name, deep + 1);
}

static void compare_folder(struct pair *p, const char *name, unsigned int deep)
{
	char *list = layer_list(p->t, name);
	struct dirent **d;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int n = scandirat(p->mirror, *name ? name : ".", &d, NULL, by_name);

	assert_true(n >= 0 && out && deep < 40);
	for (int i = 0; i < n; i++)
		if (*d[i]->d_name != '.')
			fprintf(out, "%s ", d[i]->d_name);
	fclose(out);
	if (strcmp(list, text))
		fail_msg("seed %u, step %u, %s: in \"%s\" are %s, not %s",
			 p->seed, p->step, p->what, name, list, text);
	for (int i = 0; i < n; i++) {
		char below[512];

		snprintf(below, sizeof(below), "%s%s%s", name,
			 *name ? "/" : "", d[i]->d_name);
		if (*d[i]->d_name != '.')
			compare(p, below, deep);
		free(d[i]);
	}
	free(d);
	free(list);
	free(text);
}

/* ---- the run ---- */

static void one_step(struct pair *p)
{
	static const struct {
		const char *name;
		void (*fn)(struct pair *p, const char *a, const char *b);
	} all[] = {
		{ "mkdir", do_mkdir }, { "mkdir", do_mkdir },
		{ "remove", do_remove }, { "remove", do_remove },
		{ "rename", do_rename }, { "rename", do_rename },
		{ "rename", do_rename }, { "link", do_link },
		{ "symlink", do_symlink }, { "write", do_write },
		{ "write", do_write }, { "write", do_write },
		{ "truncate", do_truncate }, { "clear", do_clear },
		{ "copy", do_copy },
	};
	unsigned int i = pick(p, ARRAY_SIZE(all));
	char a[32], b[32];

	path(p, a, sizeof(a));
	path(p, b, sizeof(b));
	snprintf(p->what, sizeof(p->what), "%s %s %s", all[i].name, a, b);
	all[i].fn(p, a, b);
}

/* Some of everything, in both. */
static void plant(int fd)
{
	static char bytes[200000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 31 + i / 4096);
	assert_int_equal(mkdirat(fd, "a", 0755), 0);
	assert_int_equal(mkdirat(fd, "a/b", 0755), 0);
	assert_int_equal(mkdirat(fd, "c", 0755), 0);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "a/a", "a/b/c", "d" };
		int file = openat(fd, names[i], O_WRONLY | O_CREAT, 0644);

		assert_true(file >= 0);
		assert_true(write(file, bytes, sizeof(bytes) >> i) > 0);
		close(file);
	}
	assert_int_equal(linkat(fd, "a/a", fd, "c/b", 0), 0);
	assert_int_equal(symlinkat("none", fd, "b"), 0);
}

static void run_seed(struct layer_bench *t, unsigned int seed)
{
	struct pair p = { .t = t, .rng = seed, .seed = seed };
	char dir[96];

	snprintf(dir, sizeof(dir), "%s/mirror-%u", t->host->dir, seed);
	assert_int_equal(mkdir(dir, 0755), 0);
	p.mirror = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p.mirror >= 0);
	plant(p.mirror);
	layer_bench_begin(t);
	for (; p.step < STEPS; p.step++) {
		one_step(&p);
		if (p.step % 100 == 99)
			compare_folder(&p, "", 0);
		if (p.step % FORGET == FORGET - 1)
			t->ops->reset(t->f);
	}
	close(p.mirror);
}

static void random_operations_are_those_of_a_folder(void **state)
{
	struct layer_bench *t = *state;
	const char *first = getenv("VIREO_TEST_SEED");
	unsigned int seed = first ? (unsigned int)atoi(first) : 1;

	umask(0022);
	plant(t->host->fd);
	for (unsigned int i = 0; i < SEEDS; i++)
		run_seed(t, seed + i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			random_operations_are_those_of_a_folder,
			layer_bench_setup, layer_bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
