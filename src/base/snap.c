// SPDX-License-Identifier: BSD-3-Clause
/*
 * See snap.h. Saving uses libfdt's sequential writer over a buffer that grows.
 *
 * Loading wipes out (fdt_nop_*) every field and node of its copy once it has
 * been read. So what is left over at a node's end is what this program does
 * not know, and a field that is there twice is found too.
 */
#include "base/snap.h"

#include <errno.h>
#include <libfdt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define FIRST_SIZE  4096
#define DEPTH_MAX   8
#define FDT_VERSION 17
#define FDT_COMPAT  16
#define VERSION     "version"

struct snap {
	bool loading;
	bool finished;
	void *fdt; /* owned */
	size_t size;
	int error;
	char text[400];
	unsigned int depth; /* nodes that are open */
	int node[DEPTH_MAX + 1]; /* loading: their offsets; [0] is the root */
	size_t path_len[DEPTH_MAX + 1];
	char path[256]; /* of the open node, for messages: "disk0/blk" */
};

static void fail(struct snap *s, int code, const char *field, const char *why)
{
	bool sep = s->depth && field[0];

	if (s->error)
		return;
	s->error = code;
	snprintf(s->text, sizeof(s->text), "%.200s%s%.50s%s%.100s", s->path,
		 sep ? "/" : "", field, s->path[0] || field[0] ? ": " : "",
		 why);
}

/* A libfdt error of reading: the blob's fault. */
static void fail_fdt(struct snap *s, const char *field, int r)
{
	fail(s, -EBADMSG, field, fdt_strerror(r));
}

struct snap *snap_create(void)
{
	struct snap *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->size = FIRST_SIZE;
	s->fdt = calloc(1, s->size);
	/* The header, an empty list of reservations, and the root fit in. */
	if (!s->fdt || fdt_create(s->fdt, FIRST_SIZE) ||
	    fdt_finish_reservemap(s->fdt) || fdt_begin_node(s->fdt, "")) {
		snap_destroy(s);
		return NULL;
	}
	return s;
}

static const char *check_blob(const void *fdt, size_t len)
{
	int r;

	if (len < sizeof(struct fdt_header))
		return "too short";
	r = fdt_check_header(fdt);
	if (r)
		return fdt_strerror(r);
	if (fdt_version(fdt) != FDT_VERSION ||
	    fdt_last_comp_version(fdt) != FDT_COMPAT)
		return "a version of the format that is not read here";
	if (fdt_totalsize(fdt) != len)
		return "its length is not the one it states";
	r = fdt_check_full(fdt, len);
	return r ? fdt_strerror(r) : NULL;
}

int snap_open(struct snap **out, const void *blob, size_t len, struct err *err)
{
	struct snap *s;
	const char *why;

	*out = NULL;
	if (len > INT_MAX)
		return err_set(err, -EBADMSG, "saved state: too long");
	s = calloc(1, sizeof(*s));
	if (s)
		s->fdt = malloc(len ? len : 1);
	if (!s || !s->fdt) {
		snap_destroy(s);
		return err_set(err, -ENOMEM, "saved state: out of memory");
	}
	s->loading = true;
	s->size = len;
	memcpy(s->fdt, blob, len);
	why = check_blob(s->fdt, len);
	if (why) {
		snap_destroy(s);
		return err_set(err, -EBADMSG, "saved state: %s", why);
	}
	*out = s;
	return 0;
}

void snap_destroy(struct snap *s)
{
	if (!s)
		return;
	free(s->fdt);
	free(s);
}

bool snap_loading(const struct snap *s)
{
	return s->loading;
}

int snap_error(const struct snap *s)
{
	return s->error;
}

const char *snap_error_text(const struct snap *s)
{
	return s->text;
}

void snap_reject(struct snap *s, const char *field, const char *why)
{
	fail(s, -EBADMSG, field, why);
}

/* ---- saving ---- */

/* Twice the room; false, and the error is set, when that is not to be had. */
static bool grow(struct snap *s)
{
	size_t size = s->size * 2;
	void *fdt = size <= INT_MAX ? calloc(1, size) : NULL;

	if (!fdt || fdt_resize(s->fdt, fdt, (int)size)) {
		free(fdt);
		fail(s, -ENOMEM, "", "out of memory");
		return false;
	}
	free(s->fdt);
	s->fdt = fdt;
	s->size = size;
	return true;
}

static void put(struct snap *s, const char *name, const void *bytes, size_t len)
{
	int r;

	if (s->error)
		return;
	if (len > INT_MAX / 2) {
		fail(s, -EFBIG, name, "too long");
		return;
	}
	do {
		r = fdt_property(s->fdt, name, bytes, (int)len);
	} while (r == -FDT_ERR_NOSPACE && grow(s));
	if (r)
		fail(s, -EIO, name, fdt_strerror(r));
}

static void put_node(struct snap *s, const char *name)
{
	int r;

	do {
		r = fdt_begin_node(s->fdt, name);
	} while (r == -FDT_ERR_NOSPACE && grow(s));
	if (r)
		fail(s, -EIO, name, fdt_strerror(r));
}

static void put_end(struct snap *s)
{
	int r;

	do {
		r = fdt_end_node(s->fdt);
	} while (r == -FDT_ERR_NOSPACE && grow(s));
	if (r)
		fail(s, -EIO, "", fdt_strerror(r));
}

/* ---- loading ---- */

/* Copies the field out and wipes it. */
static void get(struct snap *s, const char *name, void *bytes, size_t len)
{
	int node = s->node[s->depth];
	const void *value;
	int have;
	int r;

	if (s->error)
		return;
	value = fdt_getprop(s->fdt, node, name, &have);
	if (!value) {
		fail(s, -EBADMSG, name, "missing");
		return;
	}
	if ((size_t)have != len) {
		fail(s, -EBADMSG, name, "wrong length");
		return;
	}
	memcpy(bytes, value, len);
	r = fdt_nop_property(s->fdt, node, name);
	if (r)
		fail_fdt(s, name, r);
}

/* libfdt takes "disk" for "disk@1", too; we do not. */
static int find_node(struct snap *s, const char *name)
{
	int node;

	fdt_for_each_subnode(node, s->fdt, s->node[s->depth]) {
		const char *have = fdt_get_name(s->fdt, node, NULL);

		if (have && strcmp(have, name) == 0)
			return node;
	}
	return node;
}

/* Complains about what nobody has asked for in the open node. */
static void check_empty(struct snap *s)
{
	int node = s->node[s->depth];
	int at = fdt_first_property_offset(s->fdt, node);
	const char *name = NULL;

	if (at >= 0) {
		fdt_getprop_by_offset(s->fdt, at, &name, NULL);
		fail(s, -EBADMSG, name ? name : "", "unknown field");
		return;
	}
	at = fdt_first_subnode(s->fdt, node);
	if (at >= 0) {
		name = fdt_get_name(s->fdt, at, NULL);
		fail(s, -EBADMSG, name ? name : "", "unknown node");
		return;
	}
}

static void get_end(struct snap *s)
{
	int r;

	check_empty(s);
	if (s->error)
		return;
	r = fdt_nop_node(s->fdt, s->node[s->depth]);
	if (r)
		fail_fdt(s, "", r);
}

/* ---- both ---- */

static bool enter(struct snap *s, const char *name, int node)
{
	size_t used = s->depth ? strlen(s->path) : 0;
	int n;

	if (s->depth == DEPTH_MAX) {
		fail(s, -E2BIG, name, "nested too deep");
		return false;
	}
	s->path_len[s->depth] = used;
	n = snprintf(s->path + used, sizeof(s->path) - used, "%s%s",
		     s->depth ? "/" : "", name);
	if (n < 0 || (size_t)n >= sizeof(s->path) - used) {
		s->path[used] = 0;
		fail(s, -ENAMETOOLONG, "", "a node's name is too long");
		return false;
	}
	s->depth++;
	s->node[s->depth] = node;
	return true;
}

unsigned int snap_begin(struct snap *s, const char *name, unsigned int version)
{
	uint32_t have = version;
	int node = 0;

	if (s->error)
		return 0;
	if (s->loading) {
		node = find_node(s, name);
		if (node < 0)
			fail(s, -EBADMSG, name, "missing");
	} else {
		put_node(s, name);
	}
	if (s->error || !enter(s, name, node))
		return 0;
	snap_u32(s, VERSION, &have);
	if (s->error)
		return 0;
	if (have == 0 || have > version) {
		char why[64];

		snprintf(why, sizeof(why), "version %u, known are 1 to %u",
			 (unsigned int)have, version);
		fail(s, -EBADMSG, "", why);
		return 0;
	}
	return have;
}

void snap_end(struct snap *s)
{
	if (s->error)
		return;
	if (!s->depth) {
		fail(s, -EINVAL, "", "no node is open");
		return;
	}
	if (s->loading)
		get_end(s);
	else
		put_end(s);
	if (s->error)
		return;
	s->depth--;
	s->path[s->path_len[s->depth]] = 0;
}

int snap_finish(struct snap *s, const void **blob, size_t *len)
{
	int r;

	if (s->error)
		return s->error;
	if (s->depth) {
		fail(s, -EINVAL, "", "a node is still open");
		return s->error;
	}
	if (s->loading) {
		check_empty(s);
		return s->error;
	}
	if (!s->finished) {
		put_end(s);
		do {
			r = s->error ? 0 : fdt_finish(s->fdt);
		} while (r == -FDT_ERR_NOSPACE && grow(s));
		if (r)
			fail(s, -EIO, "", fdt_strerror(r));
		if (s->error)
			return s->error;
		s->finished = true;
	}
	*blob = s->fdt;
	*len = fdt_totalsize(s->fdt);
	return 0;
}

/* Numbers are big-endian, as everywhere in a device tree. */
static uint64_t number(struct snap *s, const char *name, uint64_t v,
		       unsigned int len)
{
	uint8_t b[8];
	uint64_t r = 0;

	for (unsigned int i = 0; i < len; i++)
		b[i] = (uint8_t)(v >> (8 * (len - 1 - i)));
	if (!s->loading) {
		put(s, name, b, len);
		return v;
	}
	get(s, name, b, len);
	if (s->error)
		return v;
	for (unsigned int i = 0; i < len; i++)
		r = r << 8 | b[i];
	return r;
}

void snap_u8(struct snap *s, const char *name, uint8_t *v)
{
	*v = (uint8_t)number(s, name, *v, 1);
}

void snap_u16(struct snap *s, const char *name, uint16_t *v)
{
	*v = (uint16_t)number(s, name, *v, 2);
}

void snap_u32(struct snap *s, const char *name, uint32_t *v)
{
	*v = (uint32_t)number(s, name, *v, 4);
}

void snap_u64(struct snap *s, const char *name, uint64_t *v)
{
	*v = number(s, name, *v, 8);
}

void snap_bool(struct snap *s, const char *name, bool *v)
{
	uint64_t have = number(s, name, !s->loading && *v, 1);

	if (have > 1)
		snap_reject(s, name, "neither 0 nor 1");
	else if (s->loading && !s->error)
		*v = have;
}

void snap_bytes(struct snap *s, const char *name, void *bytes, size_t len)
{
	if (s->loading)
		get(s, name, bytes, len);
	else
		put(s, name, bytes, len);
}
