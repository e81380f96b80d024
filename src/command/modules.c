// SPDX-License-Identifier: BSD-3-Clause
/*
 * See modules.h. Where depmod(8) has been, its list says where a module is; in
 * a build tree the list of what was built; in a tree that was only unpacked,
 * files are looked for. What a module depends on, it says itself ("depends=" in
 * its section .modinfo).
 */
#include "command/modules.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "boot/boot.h"

#define FILE_MAX   (64 * MIB)
#define MODULE_MAX (64 * MIB) /* unpacked */
#define COUNT_MAX  256u
#define NAME_LEN   64u

struct index {
	char **path; /* owned */
	size_t count;
	size_t cap;
};

/* ---- where they are ---- */

static int index_add(struct index *ix, const char *path)
{
	char **more = ix->path;

	if (ix->count == ix->cap) {
		ix->cap = ix->cap ? 2 * ix->cap : 1024;
		more = realloc(ix->path, ix->cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		ix->path = more;
	}
	more[ix->count] = strdup(path);
	return more[ix->count] ? (ix->count++, 0) : -ENOMEM;
}

static void index_finish(struct index *ix)
{
	for (size_t i = 0; i < ix->count; i++)
		free(ix->path[i]);
	free(ix->path);
}

/* "kernel/fs/fuse/virtiofs.ko.xz: kernel/..." */
static int read_list(struct index *ix, const char *dir)
{
	char path[4096];
	char *line = NULL;
	size_t cap = 0;
	FILE *f;
	int r = 0;

	snprintf(path, sizeof(path), "%s/modules.dep", dir);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (r == 0 && getline(&line, &cap, f) > 0) {
		line[strcspn(line, ":\n")] = '\0';
		snprintf(path, sizeof(path), "%s/%s", dir, line);
		r = index_add(ix, path);
	}
	free(line);
	fclose(f);
	return r;
}

/* "fs/fuse/virtiofs.o", of older kernels "kernel/fs/fuse/virtiofs.ko". */
static int add_built(struct index *ix, const char *dir, const char *line)
{
	size_t len = strcspn(line, "\n");
	char path[4096];

	if (len < 3)
		return 0;
	len -= line[len - 1] == 'o' && line[len - 2] == '.' ? 2 : 3;
	snprintf(path, sizeof(path), "%s/%.*s.ko", dir, (int)len, line);
	if (access(path, F_OK) < 0 && !strncmp(line, "kernel/", 7))
		snprintf(path, sizeof(path), "%s/%.*s.ko", dir, (int)len - 7,
			 line + 7);
	return index_add(ix, path);
}

/* A kernel's build tree, where nothing is installed. */
static int read_order(struct index *ix, const char *dir)
{
	char path[4096];
	char *line = NULL;
	size_t cap = 0;
	FILE *f;
	int r = 0;

	snprintf(path, sizeof(path), "%s/arch/x86/boot", dir);
	if (access(path, F_OK) < 0)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/modules.order", dir);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (r == 0 && getline(&line, &cap, f) > 0)
		r = add_built(ix, dir, line);
	free(line);
	fclose(f);
	return r;
}

static int walk(struct index *ix, const char *dir)
{
	char top[4096];
	char *const roots[] = { top, NULL };
	FTSENT *e;
	FTS *fts;
	int r = 0;

	snprintf(top, sizeof(top), "%s/kernel", dir);
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	if (!fts)
		return -errno;
	while (r == 0 && (e = fts_read(fts))) {
		if (e->fts_info == FTS_NSOK && strstr(e->fts_name, ".ko"))
			r = index_add(ix, e->fts_path);
		if ((e->fts_info == FTS_NS || e->fts_info == FTS_DNR) &&
		    e->fts_level == 0)
			r = -e->fts_errno;
	}
	fts_close(fts);
	return r;
}

/* '-' and '_' are one; the name ends at ".ko". */
static bool is_called(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	const char *at = slash ? slash + 1 : path;

	for (; *name; at++, name++)
		if (*at != *name && !((*at == '-' || *at == '_') &&
				      (*name == '-' || *name == '_')))
			return false;
	return !strncmp(at, ".ko", 3);
}

static const char *find(const struct index *ix, const char *name)
{
	for (size_t i = 0; i < ix->count; i++)
		if (is_called(ix->path[i], name))
			return ix->path[i];
	return NULL;
}

/* ---- one module ---- */

/* How much there will be is not known: room is doubled. */
static int unpack(uint8_t **bytes, size_t *len, struct err *err)
{
	size_t cap = min_u64(4 * *len, MODULE_MAX);
	int r = -E2BIG;

	if (payload_kind(*bytes, *len) == PAYLOAD_NONE)
		return 0;
	for (; r == -E2BIG && cap <= MODULE_MAX; cap *= 2) {
		uint8_t *out = malloc(cap);
		size_t out_len;

		if (!out)
			return err_set(err, -ENOMEM, "out of memory");
		r = payload_unpack(out, cap, &out_len, *bytes, *len, err);
		if (r < 0) {
			free(out);
			continue;
		}
		free(*bytes);
		*bytes = out;
		*len = out_len;
	}
	return r;
}

static const uint8_t *section(const struct module *m, const char *name,
			      size_t *len)
{
	Elf64_Ehdr eh;
	Elf64_Shdr names, sh;

	if (m->len < sizeof(eh))
		return NULL;
	memcpy(&eh, m->bytes, sizeof(eh));
	if (eh.e_shentsize != sizeof(sh) || eh.e_shstrndx >= eh.e_shnum ||
	    !range_ok(eh.e_shoff, (uint64_t)eh.e_shnum * sizeof(sh), m->len))
		return NULL;
	memcpy(&names, m->bytes + eh.e_shoff + eh.e_shstrndx * sizeof(sh),
	       sizeof(names));
	if (!range_ok(names.sh_offset, names.sh_size, m->len))
		return NULL;
	for (unsigned int i = 0; i < eh.e_shnum; i++) {
		memcpy(&sh, m->bytes + eh.e_shoff + i * sizeof(sh), sizeof(sh));
		if (!range_ok(sh.sh_offset, sh.sh_size, m->len) ||
		    !range_ok(sh.sh_name, strlen(name) + 1, names.sh_size) ||
		    memcmp(m->bytes + names.sh_offset + sh.sh_name, name,
			   strlen(name) + 1))
			continue;
		*len = sh.sh_size;
		return m->bytes + sh.sh_offset;
	}
	return NULL;
}

/* "a,b": a copy, or NULL without any. */
static char *depends(const struct module *m)
{
	size_t len = 0, at = 0;
	const uint8_t *info = section(m, ".modinfo", &len);

	while (info && at < len) {
		const char *text = (const char *)info + at;
		size_t n = strnlen(text, len - at);

		if (n > 8 && !memcmp(text, "depends=", 8))
			return strndup(text + 8, n - 8);
		at += n + 1;
	}
	return NULL;
}

/* ---- all of them ---- */

static bool has(const struct modules *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++)
		if (!strcmp(m->list[i].name, name))
			return true;
	return false;
}

static int take(struct modules *out, const struct index *ix, const char *name,
		unsigned int depth, struct err *err);

static int take_all(struct modules *out, const struct index *ix, char *names,
		    unsigned int depth, struct err *err)
{
	char *rest = names, *name;
	int r = 0;

	while (r == 0 && (name = strsep(&rest, ",")))
		if (*name)
			r = take(out, ix, name, depth, err);
	return r;
}

/* What it needs comes before it. */
static int take(struct modules *out, const struct index *ix, const char *name,
		unsigned int depth, struct err *err)
{
	const char *path = find(ix, name);
	struct module m = { 0 };
	char *needs = NULL;
	int r = 0;

	if (!path || has(out, name))
		return 0;
	if (depth > 16 || out->count == COUNT_MAX)
		return err_set(err, -ELOOP, "%s: needs too many others", path);
	r = fd_read_file(&m.bytes, &m.len, path, FILE_MAX, err);
	if (r == 0)
		r = unpack(&m.bytes, &m.len, err) < 0 ?
			    err_wrap(err, "%s", path) : 0;
	if (r == 0) {
		needs = depends(&m);
		m.name = strdup(name);
		m.path = strdup(path);
		if (!m.name || !m.path)
			r = err_set(err, -ENOMEM, "out of memory");
	}
	if (r == 0 && needs)
		r = take_all(out, ix, needs, depth + 1, err);
	free(needs);
	if (r < 0) {
		free(m.name);
		free(m.path);
		free(m.bytes);
		return r;
	}
	out->list[out->count++] = m;
	return 0;
}

int modules_find(struct modules *out, const char *dir,
		 const char *const *names, size_t count, struct err *err)
{
	struct index ix = { 0 };
	int r;

	*out = (struct modules){
		.list = calloc(COUNT_MAX, sizeof(*out->list)),
	};
	if (!out->list)
		return err_set(err, -ENOMEM, "out of memory");
	r = read_list(&ix, dir);
	if (r == -ENOENT)
		r = read_order(&ix, dir);
	if (r == -ENOENT)
		r = walk(&ix, dir);
	if (r < 0)
		err_set_path(err, r, dir);
	for (size_t i = 0; i < count && r == 0; i++)
		r = take(out, &ix, names[i], 0, err);
	index_finish(&ix);
	if (r < 0)
		modules_finish(out);
	return r;
}

/* "kernel/fs/fuse/virtiofs.ko" */
int modules_built_in(const char *dir, const char *name)
{
	char path[4096];
	char *line = NULL;
	size_t cap = 0;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/modules.builtin", dir);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (!found && getline(&line, &cap, f) > 0)
		found = is_called(line, name);
	free(line);
	fclose(f);
	return found;
}

void modules_finish(struct modules *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->list[i].name);
		free(m->list[i].path);
		free(m->list[i].bytes);
	}
	free(m->list);
	*m = (struct modules){ 0 };
}
