// SPDX-License-Identifier: BSD-3-Clause
/*
 * See module_cache.h. What base/cache.h keeps of a folder and a list of names:
 *
 *	count   le32, then for each module: le32 each the length of its name,
 *	        of its file's and of itself, a stamp of the file, then these
 *	sum     le32, CRC-32C of all before it
 */
#include "command/module_cache.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cache.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "base/fd.h"
#include "base/num.h"

#define FORM      "vireo modules 3"
#define LEN_MAX   (64 * MIB)
#define FILES_MAX 16
#define COUNT_MAX 256u

struct place {
	char folder[1024];
	char key[CACHE_KEY_MAX]; /* what was looked for */
};

/* ---- where ---- */

/* Its modules are not packed, and change without a sign that all have. */
static bool is_build_tree(const char *dir)
{
	char boot[1088];

	snprintf(boot, sizeof(boot), "%s/arch/x86/boot", dir);
	return access(boot, F_OK) == 0;
}

/* False: a name is too long, there is nothing to keep, ... */
static bool find_place(struct place *p, const char *cache, const char *dir,
		       const char *const *names, size_t count)
{
	char list[1088];
	struct stat st;
	int len;

	snprintf(list, sizeof(list), "%s/modules.dep", dir);
	if (stat(list, &st) < 0 && (is_build_tree(dir) || stat(dir, &st) < 0))
		return false;
	len = snprintf(p->key, sizeof(p->key),
		       FORM "\n%s\n%llu %lld.%09ld\n", dir,
		       (unsigned long long)st.st_ino,
		       (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	for (size_t i = 0; i < count && len < (int)sizeof(p->key); i++)
		len += snprintf(p->key + len, sizeof(p->key) - (size_t)len,
				"%s ", names[i]);
	return len < (int)sizeof(p->key) &&
	       snprintf(p->folder, sizeof(p->folder), "%s/modules", cache) <
		       (int)sizeof(p->folder);
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

/* What changes with a file. */
static uint32_t stamp_of(const char *path)
{
	struct stat st;
	char text[96];
	int len;

	if (stat(path, &st) < 0)
		return 0;
	len = snprintf(text, sizeof(text), "%lld %lld.%09ld %llu",
		       (long long)st.st_size, (long long)st.st_mtim.tv_sec,
		       st.st_mtim.tv_nsec, (unsigned long long)st.st_ino);
	return crc32c(0, (const uint8_t *)text, (size_t)len);
}

static char *take_text(struct rest *r, uint32_t len)
{
	const uint8_t *at = take(r, len);

	return at ? strndup((const char *)at, len) : NULL;
}

/* False: it is not whole, or its file is another one by now. */
static bool take_module(struct rest *r, struct module *m)
{
	uint32_t name_len, path_len, len, stamp;
	const uint8_t *bytes;

	if (!take_number(r, &name_len) || !take_number(r, &path_len) ||
	    !take_number(r, &len) || !take_number(r, &stamp))
		return false;
	m->name = take_text(r, name_len);
	m->path = take_text(r, path_len);
	bytes = take(r, len);
	if (!m->name || !m->path || !bytes || !len ||
	    stamp != stamp_of(m->path))
		return false;
	m->bytes = malloc(len);
	m->len = len;
	if (m->bytes)
		memcpy(m->bytes, bytes, len);
	return m->bytes;
}

static bool parse(struct modules *out, const uint8_t *bytes, size_t len)
{
	struct rest rest = { bytes, len };
	uint32_t count;

	if (len < sizeof(le32))
		return false;
	rest.len -= sizeof(le32);
	if (le32_at(bytes + rest.len) != crc32c(0, bytes, rest.len))
		return false;
	if (!take_number(&rest, &count) || count > COUNT_MAX)
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

static bool load(struct modules *out, const struct place *p)
{
	uint64_t len = 0;
	int fd = cache_open(p->folder, p->key, &len);
	uint8_t *bytes = fd >= 0 && len <= LEN_MAX ? malloc(len) : NULL;
	bool ok;

	*out = (struct modules){ 0 };
	ok = bytes && fd_read_full(fd, bytes, len) == 0 &&
	     parse(out, bytes, len);
	free(bytes);
	fd_close(&fd);
	if (!ok)
		modules_finish(out);
	return ok;
}

/* ---- writing ---- */

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

static int write_module(int fd, uint32_t *sum, const struct module *m)
{
	const size_t name = strlen(m->name), path = strlen(m->path);
	const size_t numbers[] = { name, path, m->len, stamp_of(m->path) };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(numbers) && !r; i++)
		r = put_number(fd, sum, numbers[i]);
	if (!r)
		r = put(fd, sum, m->name, name);
	if (!r)
		r = put(fd, sum, m->path, path);
	return r ? r : put(fd, sum, m->bytes, m->len);
}

static int write_all(int fd, const struct modules *m)
{
	uint32_t sum = 0, unused = 0;
	int r = put_number(fd, &sum, m->count);

	for (size_t i = 0; i < m->count && !r; i++)
		r = write_module(fd, &sum, &m->list[i]);
	return r ? r : put_number(fd, &unused, sum);
}

static void store(const struct place *p, const struct modules *m)
{
	struct cache_new n;

	if (cache_begin(&n, p->folder, p->key) == 0)
		cache_end(&n, write_all(n.fd, m) == 0, FILES_MAX);
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
