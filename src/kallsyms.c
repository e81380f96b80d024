// SPDX-License-Identifier: BSD-3-Clause
/*
 * See kallsyms.h. A name is a list of tokens, each a byte that stands for one
 * or more characters; its first character is the symbol's type. An offset is
 * relative to a base; in kernels with absolute per-CPU symbols only a negative
 * one is, and is the complement.
 */
#include "kallsyms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"

#define TOKENS      256
#define TOKEN_BYTES (64 * KIB) /* an index has 16 bits */
#define NAMES_MAX   (16 * MIB)
#define LONG_NAME   0x80 /* the length has a second byte */

struct tables {
	uint32_t count;
	uint64_t base;
	size_t names_len;
	uint8_t *names;   /* owned, like all that follow */
	uint8_t *offsets; /* 4 bytes each */
	uint8_t *tokens;  /* TOKEN_BYTES, and a 0 */
	uint8_t index[TOKENS * 2];
};

/* The kernel's tables lie in its image. */
struct image {
	const struct vmcoreinfo *info;
	const struct arch_kernel_map *map;
	const struct mem *mem;
};

/* How much of the image there is from symbol @name on; its place in *gpa. */
static uint64_t find(const struct image *im, const char *name, uint64_t *gpa)
{
	uint64_t va;

	if (!vmcoreinfo_symbol(im->info, name, &va) ||
	    va < im->map->text_va ||
	    va - im->map->text_va >= im->map->text_size)
		return 0;
	va -= im->map->text_va;
	*gpa = im->map->text_gpa + va;
	return im->map->text_size - va;
}

static int read_exactly(const struct image *im, const char *name, void *to,
			uint64_t len)
{
	uint64_t gpa;

	if (find(im, name, &gpa) < len)
		return -ENODATA;
	return mem_read(im->mem, to, gpa, len);
}

/* At most @max bytes, malloc'd, with a zero behind them. */
static int read_some(const struct image *im, const char *name, uint8_t **out,
		     uint64_t max, size_t *len)
{
	uint64_t gpa;

	*len = min_u64(find(im, name, &gpa), max);
	if (!*len)
		return -ENODATA;
	*out = malloc(*len + 1);
	if (!*out)
		return -ENOMEM;
	(*out)[*len] = 0;
	return mem_read(im->mem, *out, gpa, *len);
}

static int read_tables(struct tables *t, const struct image *im)
{
	le32 count;
	le64 base;
	size_t len;
	int r = read_exactly(im, "kallsyms_num_syms", &count, sizeof(count));

	if (!r)
		r = read_exactly(im, "kallsyms_relative_base", &base,
				 sizeof(base));
	if (!r)
		r = read_exactly(im, "kallsyms_token_index", t->index,
				 sizeof(t->index));
	if (r < 0)
		return r;
	t->count = le32_get(count);
	t->base = le64_get(base);
	if (!t->count || t->count > SYMBOLS_MAX)
		return -ENODATA;
	r = read_some(im, "kallsyms_names", &t->names, NAMES_MAX,
		      &t->names_len);
	if (!r)
		r = read_some(im, "kallsyms_offsets", &t->offsets,
			      (uint64_t)t->count * 4, &len);
	if (!r && len != (uint64_t)t->count * 4)
		r = -ENODATA;
	if (!r)
		r = read_some(im, "kallsyms_token_table", &t->tokens,
			      TOKEN_BYTES, &len);
	return !r && len != TOKEN_BYTES ? -ENODATA : r;
}

/* Appends what the token stands for; false: there is no room. */
static bool expand(char *name, size_t *used, const struct tables *t,
		   uint8_t token)
{
	const char *text = (const char *)t->tokens +
			   le16_at(t->index + 2 * token);
	size_t len = strnlen(text, SYMBOL_NAME_MAX + 1);

	if (len > SYMBOL_NAME_MAX - *used)
		return false;
	memcpy(name + *used, text, len);
	*used += len;
	return true;
}

/* The type and name at *at, which goes on to the next; its length, or 0 when
 * the table ends. Names that are too long are cut. */
static size_t next_name(char *name, const struct tables *t, size_t *at)
{
	size_t used = 0;
	size_t tokens;

	if (t->names_len - *at < 2)
		return 0;
	tokens = t->names[(*at)++];
	if (tokens & LONG_NAME)
		tokens = (tokens & ~(size_t)LONG_NAME) |
			 (size_t)t->names[(*at)++] << 7;
	if (!tokens || tokens > t->names_len - *at)
		return 0;
	for (size_t i = 0; i < tokens; i++)
		if (!expand(name, &used, t, t->names[*at + i]))
			break;
	*at += tokens;
	return used;
}

static bool has_negative(const struct tables *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->offsets[4 * (size_t)i + 3] & 0x80)
			return true;
	return false;
}

static int add_all(struct symbols *s, const struct tables *t)
{
	bool complement = has_negative(t);
	char name[SYMBOL_NAME_MAX];
	size_t at = 0;
	int r = 0;

	for (uint32_t i = 0; i < t->count && !r; i++) {
		uint32_t offset = le32_at(t->offsets + 4 * (size_t)i);
		size_t len = next_name(name, t, &at);

		if (!len)
			return -ENODATA;
		if (!complement)
			r = symbols_add(s, t->base + offset, name[0],
					name + 1, len - 1);
		else if (offset & 0x80000000u)
			r = symbols_add(s, t->base + ~offset, name[0],
					name + 1, len - 1);
	}
	return r;
}

int kallsyms_load(struct symbols *s, const struct vmcoreinfo *info,
		  const struct arch_kernel_map *map, const struct mem *mem)
{
	const struct image im = { info, map, mem };
	struct tables t = { 0 };
	int r = read_tables(&t, &im);

	*s = (struct symbols){ 0 };
	if (!r)
		r = add_all(s, &t);
	if (!r && !s->count)
		r = -ENODATA;
	free(t.names);
	free(t.offsets);
	free(t.tokens);
	if (r < 0)
		symbols_finish(s);
	else
		symbols_sort(s);
	return r;
}
