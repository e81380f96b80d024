// SPDX-License-Identifier: BSD-3-Clause
/*
 * See sandbox_image.h. System V ABI, chapters 4 and 5; the header and its table
 * of segments are checked by boot/elf.c.
 */
#include "sandbox/sandbox_image.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"
#include "boot/elf.h"

#define PAGE ARCH_SANDBOX_PAGE

#define PHDR_SIZE 56
#define SHDR_SIZE 64
#define SYM_SIZE  24

/* ---- segments ---- */

static int check_place(const struct sandbox_segment *s, size_t len,
		       uint64_t memory, struct err *err)
{
	if (s->file_size > s->size ||
	    !range_ok(s->offset, s->file_size, len))
		return err_set(err, -ENOEXEC,
			       "truncated or damaged ELF file: a segment of "
			       "%" PRIu64 " bytes lies past its end",
			       s->file_size);
	if (s->address < ARCH_SANDBOX_LOWEST)
		return err_set(err, -ENOEXEC,
			       "a segment at %#" PRIx64 ": nothing can lie "
			       "below %#x (link with sandbox.ld)", s->address,
			       ARCH_SANDBOX_LOWEST);
	if (!range_ok(s->address, s->size, memory))
		return err_set(err, -ENOEXEC,
			       "a segment of %" PRIu64 " bytes at %#" PRIx64
			       ": past the %" PRIu64 " KiB of memory (give "
			       "the sandbox more)", s->size, s->address,
			       memory / KIB);
	if (s->write && s->exec)
		return err_set(err, -ENOEXEC,
			       "a segment at %#" PRIx64 " that is writable and "
			       "executable (link with sandbox.ld)",
			       s->address);
	return 0;
}

static uint64_t first_page(const struct sandbox_segment *s)
{
	return align_down(s->address, PAGE);
}

static uint64_t end_page(const struct sandbox_segment *s)
{
	return align_up(s->address + s->size, PAGE);
}

/* Puts it in its place among the others. */
static int add(struct sandbox_image *out, const struct sandbox_segment *s,
	       struct err *err)
{
	unsigned int at = out->count;

	if (out->count == SANDBOX_SEGMENTS)
		return err_set(err, -ENOEXEC,
			       "an ELF file with more than %u segments to load",
			       SANDBOX_SEGMENTS);
	while (at && out->segment[at - 1].address > s->address)
		at--;
	if ((at && end_page(&out->segment[at - 1]) > first_page(s)) ||
	    (at < out->count && first_page(&out->segment[at]) < end_page(s)))
		return err_set(err, -ENOEXEC,
			       "segments that share the page at %#" PRIx64
			       " (link with sandbox.ld, or -z separate-code)",
			       first_page(s));
	memmove(&out->segment[at + 1], &out->segment[at],
		(out->count - at) * sizeof(*s));
	out->segment[at] = *s;
	out->count++;
	out->end = end_page(&out->segment[out->count - 1]);
	return 0;
}

static int add_phdr(struct sandbox_image *out, const uint8_t *ph, size_t len,
		    uint64_t memory, struct err *err)
{
	const uint32_t flags = le32_at(ph + 4);
	const struct sandbox_segment s = {
		.offset = le64_at(ph + 8),
		.address = le64_at(ph + 16),
		.file_size = le64_at(ph + 32),
		.size = le64_at(ph + 40),
		.write = flags & PF_W,
		.exec = flags & PF_X,
	};
	int r;

	switch (le32_at(ph)) {
	case PT_TLS:
		return err_set(err, -ENOEXEC,
			       "an ELF file with thread-local variables: a "
			       "sandbox has no threads");
	case PT_DYNAMIC:
		return err_set(err, -ENOEXEC,
			       "an ELF file to be linked at run time (link "
			       "with -static -no-pie)");
	case PT_LOAD:
		break;
	default:
		return 0;
	}
	if (!s.size && !s.file_size)
		return 0;
	r = check_place(&s, len, memory, err);
	return r ? r : add(out, &s, err);
}

static bool is_code(const struct sandbox_image *image, uint64_t address)
{
	for (unsigned int i = 0; i < image->count; i++) {
		const struct sandbox_segment *s = &image->segment[i];

		if (s->exec && address >= s->address &&
		    address - s->address < s->size)
			return true;
	}
	return false;
}

/* ---- symbols ---- */

static int by_name(const void *a, const void *b)
{
	const struct sandbox_symbol *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (!order && x->local != y->local)
		order = x->local ? 1 : -1;
	if (!order && x->address != y->address)
		order = x->address < y->address ? -1 : 1;
	return order;
}

/* Functions that have a name and lie where code does; the rest is passed over.
 * out->names ends in a zero byte of ours. */
static void add_symbols(struct sandbox_image *out, const uint8_t *sym,
			size_t count, size_t names_len)
{
	for (size_t i = 0; i < count; i++, sym += SYM_SIZE) {
		uint32_t name = le32_at(sym);
		uint64_t value = le64_at(sym + 8);
		unsigned int type = sym[4] & 15;

		if (name >= names_len || !out->names[name] ||
		    (type != STT_FUNC && type != STT_NOTYPE) ||
		    !is_code(out, value))
			continue;
		out->symbol[out->symbols++] = (struct sandbox_symbol){
			.name = out->names + name,
			.address = value,
			.local = sym[4] >> 4 == STB_LOCAL,
		};
	}
	if (out->symbols)
		qsort(out->symbol, out->symbols, sizeof(*out->symbol),
		      by_name);
}

static int load_symbols(struct sandbox_image *out, const struct elf *elf,
			const uint8_t *table, const uint8_t *strings,
			struct err *err)
{
	uint64_t off = le64_at(table + 24), size = le64_at(table + 32);
	uint64_t str = le64_at(strings + 24), str_size = le64_at(strings + 32);

	if (size / SYM_SIZE > SANDBOX_SYMBOLS_MAX)
		return err_set(err, -ENOEXEC,
			       "an ELF file with %" PRIu64 " symbols: at most "
			       "%u are supported", size / SYM_SIZE,
			       SANDBOX_SYMBOLS_MAX);
	if (!range_ok(off, size, elf->len) ||
	    !range_ok(str, str_size, elf->len))
		return err_set(err, -ENOEXEC,
			       "truncated ELF file: its symbols lie past its "
			       "end");
	out->symbol = calloc(size / SYM_SIZE + 1, sizeof(*out->symbol));
	out->names = malloc(str_size + 1);
	if (!out->symbol || !out->names)
		return err_set(err, -ENOMEM, "out of memory");
	memcpy(out->names, elf->image + str, str_size);
	out->names[str_size] = '\0';
	add_symbols(out, elf->image + off, size / SYM_SIZE, str_size);
	return 0;
}

/* The first table of symbols; a file without one has no names. */
static int find_symbols(struct sandbox_image *out, const struct elf *elf,
			struct err *err)
{
	uint64_t off = le64_at(elf->image + 40);
	unsigned int count = le16_at(elf->image + 60);
	const uint8_t *sh;

	if (!off || !count)
		return 0;
	if (le16_at(elf->image + 58) != SHDR_SIZE ||
	    count > SANDBOX_SECTIONS_MAX ||
	    !range_ok(off, (uint64_t)count * SHDR_SIZE, elf->len))
		return err_set(err, -ENOEXEC,
			       "damaged ELF file: its table of %u sections",
			       count);
	sh = elf->image + off;
	for (unsigned int i = 0; i < count; i++) {
		const uint8_t *table = sh + (size_t)i * SHDR_SIZE;
		uint32_t link = le32_at(table + 40);

		if (le32_at(table + 4) != SHT_SYMTAB)
			continue;
		if (link >= count)
			return err_set(err, -ENOEXEC,
				       "damaged ELF file: symbols without "
				       "names");
		return load_symbols(out, elf, table,
				    sh + (size_t)link * SHDR_SIZE, err);
	}
	return 0;
}

/* ---- the whole ---- */

static int parse(struct sandbox_image *out, const struct elf *elf,
		 uint64_t memory, struct err *err)
{
	int r = 0;

	if (!elf->wide)
		return err_set(err, -ENOEXEC,
			       "a 32-bit ELF file: a sandbox runs 64-bit code");
	if (le16_at(elf->image + 16) != ET_EXEC)
		return err_set(err, -ENOEXEC,
			       "a position-independent ELF file (link with "
			       "-static -no-pie)");
	for (unsigned int i = 0; i < elf->phnum && !r; i++)
		r = add_phdr(out, elf->image + elf->phoff + i * PHDR_SIZE,
			     elf->len, memory, err);
	if (!r && !out->count)
		r = err_set(err, -ENOEXEC,
			    "an ELF file without loadable segments");
	if (!r && is_code(out, elf->entry))
		out->entry = elf->entry;
	return r ? r : find_symbols(out, elf, err);
}

int sandbox_image_parse(struct sandbox_image *out, const uint8_t *bytes,
			size_t len, uint64_t memory, struct err *err)
{
	struct elf elf;
	int r = elf_open(&elf, bytes, len, err);

	*out = (struct sandbox_image){ 0 };
	if (!r)
		r = parse(out, &elf, memory, err);
	if (r < 0)
		sandbox_image_finish(out);
	return r;
}

int sandbox_image_flat(struct sandbox_image *out, size_t len, uint64_t memory,
		       struct err *err)
{
	const struct sandbox_segment s = {
		.address = ARCH_SANDBOX_LOWEST,
		.size = len,
		.file_size = len,
		.exec = true,
	};
	int r;

	*out = (struct sandbox_image){ .entry = s.address };
	if (!len)
		return err_set(err, -ENOEXEC, "plain code of no bytes");
	r = check_place(&s, len, memory, err);
	return r ? r : add(out, &s, err);
}

void sandbox_image_finish(struct sandbox_image *image)
{
	free(image->symbol);
	free(image->names);
	*image = (struct sandbox_image){ 0 };
}

uint64_t sandbox_image_function(const struct sandbox_image *image,
				const char *name)
{
	size_t low = 0, high = image->symbols;

	if (!name)
		return image->entry;
	while (low < high) { /* the first of that name */
		size_t middle = low + (high - low) / 2;

		if (strcmp(image->symbol[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < image->symbols && !strcmp(image->symbol[low].name, name)
		       ? image->symbol[low].address
		       : 0;
}

const char *sandbox_image_name(const struct sandbox_image *image,
			       uint64_t address, uint64_t *offset)
{
	const struct sandbox_symbol *best = NULL;

	if (!is_code(image, address))
		return NULL;
	for (size_t i = 0; i < image->symbols; i++) {
		const struct sandbox_symbol *s = &image->symbol[i];

		if (s->address <= address &&
		    (!best || s->address > best->address))
			best = s;
	}
	if (best)
		*offset = address - best->address;
	return best ? best->name : NULL;
}
