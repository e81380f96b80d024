// SPDX-License-Identifier: BSD-3-Clause
#include "share_bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"

const struct share_user share_bench_user = { 0, 0 };

/* ---- life ---- */

unsigned int share_bench_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

int share_bench_setup(void **state)
{
	struct share_bench *t = calloc(1, sizeof(*t));
	char path[96];

	*state = t;
	assert_non_null(t);
	snprintf(t->dir, sizeof(t->dir), "/var/tmp/vireo-share-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	assert_int_equal(chmod(t->dir, 0755), 0);
	snprintf(path, sizeof(path), "%s/tree", t->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	t->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->fd >= 0);
	host_mkdir(t, "../outside");
	host_put(t, "../outside/secret", SECRET);
	t->files = share_bench_files();
	share_bench_open(t, &(struct share_config){ 0 });
	return 0;
}

static int drop(const char *path, const struct stat *st, int flag,
		struct FTW *ftw)
{
	return remove(path);
}

int share_bench_teardown(void **state)
{
	struct share_bench *t = *state;

	share_destroy(t->s);
	assert_int_equal(share_bench_files(), t->files);
	assert_true(host_has(t, "../outside/secret", SECRET));
	close(t->fd);
	assert_int_equal(nftw(t->dir, drop, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(t);
	return 0;
}

void share_bench_open(struct share_bench *t, const struct share_config *cfg)
{
	struct share_config mine = *cfg;
	char path[96];

	share_destroy(t->s);
	t->s = NULL;
	snprintf(path, sizeof(path), "%s/tree", t->dir);
	mine.path = path;
	if (!t->auto_owners && mine.owners == SHARE_OWNERS_AUTO)
		mine.owners = SHARE_OWNERS_HOST;
	assert_int_equal(share_create(&t->s, &mine, &t->err), 0);
}

void share_bench_open_with(struct share_bench *t, unsigned int files,
			   const struct share_config *cfg)
{
	struct rlimit limit, less;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	less = limit;
	less.rlim_cur = files;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
	share_bench_open(t, cfg);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

void share_bench_open_small(struct share_bench *t)
{
	share_bench_open_with(t, 128, &(struct share_config){ 0 });
}

/* ---- the host ---- */

void host_put(struct share_bench *t, const char *name, const char *text)
{
	int fd = openat(t->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			0644);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, text, strlen(text)), 0);
	close(fd);
}

bool host_has(struct share_bench *t, const char *name, const char *text)
{
	int fd = openat(t->fd, name, O_RDONLY | O_CLOEXEC);
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return false;
	n = fd_read(fd, buf, sizeof(buf));
	close(fd);
	return n == (ssize_t)strlen(text) && !memcmp(buf, text, (size_t)n);
}

void host_mkdir(struct share_bench *t, const char *name)
{
	assert_int_equal(mkdirat(t->fd, name, 0755), 0);
}

void host_rename(struct share_bench *t, const char *from, const char *to)
{
	assert_int_equal(renameat(t->fd, from, t->fd, to), 0);
}

int64_t host_mode(struct share_bench *t, const char *name)
{
	struct stat st;

	if (fstatat(t->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return st.st_mode;
}

/* ---- the guest ---- */

uint64_t guest_find(struct share_bench *t, uint64_t parent, const char *name)
{
	struct share_entry e;

	assert_int_equal(share_lookup(t->s, parent, name, &e), 0);
	return e.node;
}

int guest_look(struct share_bench *t, uint64_t parent, const char *name)
{
	struct share_entry e;
	int r = share_lookup(t->s, parent, name, &e);

	if (r == 0)
		share_forget(t->s, e.node, 1);
	return r;
}

uint64_t guest_mkdir(struct share_bench *t, uint64_t parent, const char *name)
{
	struct share_entry e;

	assert_int_equal(share_mkdir(t->s, parent, name, 0755,
				     &share_bench_user, &e), 0);
	return e.node;
}

struct share_how guest_how(int flags, uint32_t mode)
{
	return (struct share_how){ { 1234, 77 }, flags, mode };
}

uint64_t guest_make(struct share_bench *t, uint64_t parent, const char *name,
		    uint64_t *handle)
{
	struct share_entry e;

	assert_int_equal(share_open_new(t->s, parent, name,
					guest_how(O_RDWR, 0644), &e,
					handle), 0);
	return e.node;
}

uint64_t guest_open(struct share_bench *t, uint64_t node, int flags)
{
	uint64_t handle;

	assert_int_equal(share_open(t->s, node, flags, &handle), 0);
	return handle;
}

int64_t guest_read(struct share_bench *t, uint64_t handle, void *buf,
		   size_t len, uint64_t off)
{
	const struct iovec iov = { buf, len };

	return share_read(t->s, handle, &iov, 1, off);
}

int64_t guest_write(struct share_bench *t, uint64_t handle, const char *text,
		    uint64_t off)
{
	const struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };

	return share_write(t->s, handle, &iov, 1, off);
}

struct statx guest_stat(struct share_bench *t, uint64_t node)
{
	struct share_attr a;

	assert_int_equal(share_getattr(t->s, node, &a), 0);
	return a.stx;
}

/* Names but "." and ".."; of @name only, when there is one. */
static unsigned int count(struct share_bench *t, uint64_t node,
			  const char *name)
{
	struct share_dirent d = { .next = 0 };
	unsigned int n = 0;
	uint64_t handle;
	int r;

	assert_int_equal(share_open_folder(t->s, node, &handle), 0);
	while ((r = share_read_folder(t->s, handle, d.next, &d)) > 0)
		n += name ? !strcmp(d.name, name) :
			    strcmp(d.name, ".") && strcmp(d.name, "..");
	assert_int_equal(r, 0);
	assert_int_equal(share_close(t->s, handle), 0);
	return n;
}

unsigned int guest_count(struct share_bench *t, uint64_t node)
{
	return count(t, node, NULL);
}

bool guest_lists(struct share_bench *t, uint64_t node, const char *name)
{
	return count(t, node, name) > 0;
}

void guest_crowd(struct share_bench *t)
{
	uint64_t crowd = guest_mkdir(t, SHARE_ROOT, "crowd");
	uint64_t node[20];
	char name[16];

	for (unsigned int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "%u", i);
		node[i] = guest_mkdir(t, crowd, name);
		guest_stat(t, node[i]);
	}
	for (unsigned int i = 0; i < 20; i++)
		share_forget(t->s, node[i], 1);
	share_forget(t->s, crowd, 1);
}

int try_mkdir(struct share_bench *t, const char *name)
{
	const struct share_user somebody = { 1234, 77 };
	struct share_entry e;

	return share_mkdir(t->s, SHARE_ROOT, name, 0755, &somebody, &e);
}

int try_rename(struct share_bench *t, const char *from, const char *to,
	       unsigned int flags)
{
	return share_rename(t->s, SHARE_ROOT, from, SHARE_ROOT, to, flags);
}
