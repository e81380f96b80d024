// SPDX-License-Identifier: BSD-3-Clause
/*
 * See cache.h. A file: its key, ended by 0; le64, the length of what follows;
 * that. Its name is the key's CRC-32C: another key there is as no file. The
 * length finds files that a machine's sudden end left without their last bytes.
 */
#include "base/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/endian.h"
#include "base/fd.h"

/* Does it fit? */
static bool name_file(char *file, size_t cap, const char *folder,
		      const char *key)
{
	uint32_t sum = crc32c(0, (const uint8_t *)key, strlen(key));
	int n = snprintf(file, cap, "%s/%08x", folder, sum);

	return n > 0 && (size_t)n < cap && strlen(key) < CACHE_KEY_MAX;
}

/* ---- reading ---- */

/* Ours, and nobody else's to write to; its size. */
static bool is_ours(int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() || st.st_mode & 022)
		return false;
	*size = (uint64_t)st.st_size;
	return true;
}

static bool has_head(int fd, const char *key, uint64_t size, uint64_t *len)
{
	char text[CACHE_KEY_MAX];
	size_t key_len = strlen(key) + 1;
	le64 wire;

	if (fd_read_full(fd, text, key_len) < 0 || memcmp(text, key, key_len) ||
	    fd_read_full(fd, &wire, sizeof(wire)) < 0)
		return false;
	*len = le64_get(wire);
	return *len == size - key_len - sizeof(wire);
}

int cache_open(const char *folder, const char *key, uint64_t *len)
{
	char file[1088];
	uint64_t size;
	int fd;

	if (!name_file(file, sizeof(file), folder, key))
		return -ENOENT;
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0 && is_ours(fd, &size) && has_head(fd, key, size, len))
		return fd;
	fd_close(&fd);
	return -ENOENT;
}

/* ---- writing ---- */

static void make_folders(const char *path)
{
	char part[1024];

	for (size_t n = 1; path[n - 1] && n < sizeof(part); n++) {
		if (path[n] && path[n] != '/')
			continue;
		memcpy(part, path, n);
		part[n] = '\0';
		mkdir(part, 0700); /* most are there */
	}
}

static int put_head(int fd, const char *key, uint64_t len)
{
	le64 wire = le64_put(len);
	int r = fd_write_full(fd, key, strlen(key) + 1);

	return r ? r : fd_write_full(fd, &wire, sizeof(wire));
}

int cache_begin(struct cache_new *n, const char *folder, const char *key)
{
	int len = snprintf(n->temporary, sizeof(n->temporary), "%s/new-XXXXXX",
			   folder);
	int r;

	n->fd = -1;
	if (len >= (int)sizeof(n->temporary) ||
	    !name_file(n->file, sizeof(n->file), folder, key))
		return -ENAMETOOLONG;
	make_folders(folder);
	n->fd = fd_above(mkostemp(n->temporary, O_CLOEXEC)); /* 0600 */
	if (n->fd < 0)
		return -errno;
	r = put_head(n->fd, key, 0);
	if (r < 0)
		cache_end(n, false, 0);
	return r;
}

static bool is_before(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec :
				      a.tv_nsec < b.tv_nsec;
}

/* What was made for a folder that has gone would stay for good. */
static bool drop_oldest(const char *folder, unsigned int most)
{
	char oldest[256] = "";
	struct timespec when = { 0 };
	unsigned int files = 0;
	DIR *d = opendir(folder);
	struct dirent *e;
	struct stat st;

	while (d && (e = readdir(d))) {
		if (fstatat(dirfd(d), e->d_name, &st,
			    AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (!files++ || is_before(st.st_mtim, when)) {
			when = st.st_mtim;
			snprintf(oldest, sizeof(oldest), "%s", e->d_name);
		}
	}
	if (d && files > most && unlinkat(dirfd(d), oldest, 0) < 0)
		files = 0;
	if (d)
		closedir(d);
	return files > most + 1;
}

/* The length is known now. */
static int finish_head(const struct cache_new *n)
{
	off_t end = lseek(n->fd, 0, SEEK_CUR);
	char text[CACHE_KEY_MAX];
	ssize_t got = pread(n->fd, text, sizeof(text), 0);
	size_t head = got > 0 ? strnlen(text, (size_t)got) + 1 : 0;
	le64 wire = le64_put((uint64_t)end - head - sizeof(wire));

	if (end < 0 || !head)
		return -EIO;
	return pwrite(n->fd, &wire, sizeof(wire), (off_t)head) ==
	       sizeof(wire) ? 0 : -EIO;
}

void cache_end(struct cache_new *n, int whole, unsigned int files)
{
	bool ok = whole && n->fd >= 0 && finish_head(n) == 0;
	char *slash = strrchr(n->file, '/');

	if (n->fd < 0)
		return;
	fd_close(&n->fd);
	if (!ok || rename(n->temporary, n->file) < 0) {
		unlink(n->temporary);
		return;
	}
	*slash = '\0';
	while (drop_oldest(n->file, files))
		;
	*slash = '/';
}
