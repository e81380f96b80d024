// SPDX-License-Identifier: BSD-3-Clause
/*
 * See module_cache.h. One file for each folder and list of names:
 *
 *	key     what was looked for, and when the folder was changed; ends in 0
 *	count   le32, then for each module: le32 its name's length, le32 its
 *	        own, name, module
 *	sum     le32, CRC-32C of all before it
 *
 * Its name is the key's CRC-32C; another key there is as no file. A file of
 * another owner, or that others may write to, is not believed.
 */
#include "command/module_cache.h"

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
#include "base/num.h"

#define FORM      "vireo modules 1"
#define FILE_MAX  (64 * MIB)
#define FILES_MAX 16 /* the oldest goes */
#define COUNT_MAX 256u

struct place {
	char folder[1024];
	char file[1088];
	char key[2048]; /* what was looked for */
};

/* ---- where ---- */

/* False: a name is too long, there is nothing to keep, ... */
static bool find_place(struct place *p, const char *cache, const char *dir,
		       const char *const *names, size_t count)
{
	char list[1088];
	struct stat st;
	int len;

	snprintf(list, sizeof(list), "%s/modules.dep", dir);
	if (stat(list, &st) < 0 && stat(dir, &st) < 0)
		return false;
	len = snprintf(p->key, sizeof(p->key),
		       FORM "\n%s\n%llu %lld.%09ld\n", dir,
		       (unsigned long long)st.st_ino,
		       (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	for (size_t i = 0; i < count && len < (int)sizeof(p->key); i++)
		len += snprintf(p->key + len, sizeof(p->key) - (size_t)len,
				"%s ", names[i]);
	if (len >= (int)sizeof(p->key) ||
	    snprintf(p->folder, sizeof(p->folder), "%s/modules", cache) >=
		    (int)sizeof(p->folder))
		return false;
	snprintf(p->file, sizeof(p->file), "%s/%08x", p->folder,
		 crc32c(0, (const uint8_t *)p->key, (size_t)len));
	return true;
}

/* ---- reading ---- */

/* What is left of a file. */
struct rest {
	const uint8_t *bytes;
	size_t len;
};

static const uint8_t *take(struct rest *r, size_t len)
{
	const uint8_t *at = r->bytes;

	if (len > r->len)
		return NULL;
	r->bytes += len;
	r->len -= len;
	return at;
}

static bool take_number(struct rest *r, uint32_t *n)
{
	const uint8_t *at = take(r, sizeof(le32));

	*n = at ? le32_at(at) : 0;
	return at != NULL;
}

static bool take_module(struct rest *r, struct module *m)
{
	uint32_t name_len, len;
	const uint8_t *name, *bytes;

	if (!take_number(r, &name_len) || !take_number(r, &len))
		return false;
	name = take(r, name_len);
	bytes = name ? take(r, len) : NULL;
	if (!bytes || !len)
		return false;
	m->name = strndup((const char *)name, name_len);
	m->bytes = malloc(len);
	m->len = len;
	if (m->bytes)
		memcpy(m->bytes, bytes, len);
	return m->name && m->bytes;
}

static bool parse(struct modules *out, const struct place *p,
		  const uint8_t *bytes, size_t len)
{
	size_t key_len = strlen(p->key) + 1;
	struct rest rest = { bytes, len };
	const uint8_t *key;
	uint32_t count;

	if (len < sizeof(le32))
		return false;
	rest.len -= sizeof(le32);
	if (le32_at(bytes + rest.len) != crc32c(0, bytes, rest.len))
		return false;
	key = take(&rest, key_len);
	if (!key || memcmp(key, p->key, key_len) ||
	    !take_number(&rest, &count) || count > COUNT_MAX)
		return false;
	out->list = calloc(count + 1, sizeof(*out->list));
	if (!out->list)
		return false;
	/* Counted before it is whole, so that it is freed. */
	while (out->count < count)
		if (!take_module(&rest, &out->list[out->count++]))
			return false;
	return rest.len == 0;
}

/* Ours, and nobody else's to write to. */
static bool is_ours(const char *file)
{
	struct stat st;

	return lstat(file, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid() && !(st.st_mode & 022);
}

static bool load(struct modules *out, const struct place *p)
{
	struct err why = { 0 };
	uint8_t *bytes = NULL;
	size_t len;
	bool ok;

	*out = (struct modules){ 0 };
	if (!is_ours(p->file) ||
	    fd_read_file(&bytes, &len, p->file, FILE_MAX, &why) < 0)
		return false;
	ok = parse(out, p, bytes, len);
	free(bytes);
	if (!ok)
		modules_finish(out);
	return ok;
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

static int put(int fd, uint32_t *sum, const void *bytes, size_t len)
{
	*sum = crc32c(*sum, bytes, len);
	return fd_write_full(fd, bytes, len);
}

static int put_number(int fd, uint32_t *sum, size_t n)
{
	le32 wire = le32_put((uint32_t)n);

	return put(fd, sum, &wire, sizeof(wire));
}

static int write_all(int fd, const struct place *p, const struct modules *m)
{
	uint32_t sum = 0, unused = 0;
	int r = put(fd, &sum, p->key, strlen(p->key) + 1);

	if (!r)
		r = put_number(fd, &sum, m->count);
	for (size_t i = 0; i < m->count && !r; i++) {
		size_t name_len = strlen(m->list[i].name);

		r = put_number(fd, &sum, name_len);
		if (!r)
			r = put_number(fd, &sum, m->list[i].len);
		if (!r)
			r = put(fd, &sum, m->list[i].name, name_len);
		if (!r)
			r = put(fd, &sum, m->list[i].bytes, m->list[i].len);
	}
	return r ? r : put_number(fd, &unused, sum);
}

/* One that was made for a folder that has gone would stay for good. */
static void drop_oldest(const struct place *p)
{
	char oldest[256] = "";
	time_t when = 0;
	unsigned int files = 0;
	DIR *d = opendir(p->folder);
	struct dirent *e;
	struct stat st;

	while (d && (e = readdir(d))) {
		if (fstatat(dirfd(d), e->d_name, &st,
			    AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (!files++ || st.st_mtime < when) {
			when = st.st_mtime;
			snprintf(oldest, sizeof(oldest), "%s", e->d_name);
		}
	}
	if (d && files > FILES_MAX)
		unlinkat(dirfd(d), oldest, 0);
	if (d)
		closedir(d);
}

/* Appears whole, or not at all. */
static void store(const struct place *p, const struct modules *m)
{
	char temporary[1088];
	int fd;
	int r;

	make_folders(p->folder);
	snprintf(temporary, sizeof(temporary), "%s/new-XXXXXX", p->folder);
	fd = mkostemp(temporary, O_CLOEXEC); /* 0600 */
	if (fd < 0)
		return;
	r = write_all(fd, p, m);
	close(fd);
	if (r || rename(temporary, p->file) < 0)
		unlink(temporary);
	drop_oldest(p);
}

int module_cache_find(struct modules *out, const char *cache, const char *dir,
		      const char *const *names, size_t count, struct err *err)
{
	struct place p;
	bool kept = *cache && find_place(&p, cache, dir, names, count);
	int r;

	if (kept && load(out, &p))
		return 0;
	r = modules_find(out, dir, names, count, err);
	if (r == 0 && kept)
		store(&p, out);
	return r;
}
