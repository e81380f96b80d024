// SPDX-License-Identifier: BSD-3-Clause
/* See images.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "images.h"

void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static struct image blank(size_t len)
{
	struct image image = { calloc(1, len), len };

	assert_non_null(image.bytes);
	return image;
}

void image_free(struct image *image)
{
	free(image->bytes);
	image->bytes = NULL;
}

struct image image_bzimage(void)
{
	struct image image = blank(BZ_SETUP + BZ_KERNEL);
	uint8_t *p = image.bytes;

	p[0x1f1] = 1;
	put32(p + 0x1f4, BZ_KERNEL / 16);
	put16(p + 0x1fe, 0xaa55);
	p[0x200] = 0xeb;
	p[0x201] = 0x6a;
	put32(p + 0x202, 0x53726448);
	put16(p + 0x206, 0x020f);
	p[0x211] = 1;
	put32(p + 0x22c, 0x7fffffff);
	put32(p + 0x230, 0x200000);
	p[0x234] = 1;
	put16(p + 0x236, 0x7f);
	put32(p + 0x238, 2047);
	put32(p + 0x248, BZ_KERNEL - 16);
	put32(p + 0x24c, 16);
	put64(p + 0x258, 0x1000000);
	put32(p + 0x260, 0x3000000);
	return image;
}

/* A number of @bits in a program header; *p moves on. */
static void put_word(uint8_t **p, int bits, uint64_t v)
{
	if (bits == 64)
		put64(*p, v);
	else
		put32(*p, (uint32_t)v);
	*p += bits / 8;
}

struct phdr {
	uint32_t type;
	uint64_t offset;
	uint64_t addr; /* virtual and physical */
	uint64_t filesz;
	uint64_t memsz;
};

static void put_phdr(struct image *image, unsigned int i, struct phdr ph)
{
	int bits = image->bytes[4] == 2 ? 64 : 32;
	uint8_t *p = elf_phdr(image, i);

	put32(p, ph.type);
	p += bits == 64 ? 8 : 4;
	put_word(&p, bits, ph.offset);
	put_word(&p, bits, ph.addr);
	put_word(&p, bits, ph.addr);
	put_word(&p, bits, ph.filesz);
	put_word(&p, bits, ph.memsz);
	p += bits == 64 ? 0 : 4;
	put_word(&p, bits, 4);
}

uint8_t *elf_phdr(struct image *image, unsigned int i)
{
	return image->bytes +
	       (image->bytes[4] == 2 ? 64 + (size_t)i * 56
				     : 52 + (size_t)i * 32);
}

/* A note of another owner, then the one that counts. */
static void put_notes(uint8_t *p)
{
	put32(p, 4);
	put32(p + 4, 5);
	put32(p + 8, 18);
	memcpy(p + 12, "GNU", 4);
	p += 24;
	put32(p, 4);
	put32(p + 4, 8);
	put32(p + 8, 18);
	memcpy(p + 12, "Xen", 4);
	put64(p + 16, 0x100020);
}

struct image image_elf(int bits)
{
	struct image image = blank(ELF_TEXT + 0x100);
	uint8_t *p = image.bytes;
	int wide = bits == 64;

	put32(p, 0x464c457f);
	p[4] = wide ? 2 : 1;
	p[5] = 1;
	p[6] = 1;
	put16(p + 16, 2);
	put16(p + 18, wide ? 62 : 3);
	put32(p + 24, 0x100010);
	put32(p + (wide ? 32 : 28), wide ? 64 : 52);
	put16(p + (wide ? 54 : 42), wide ? 56 : 32);
	put16(p + (wide ? 56 : 44), 3);
	put_phdr(&image, 0, (struct phdr){ 1, ELF_TEXT, 0x100000, 0x100,
					   0x1000 });
	put_phdr(&image, 1, (struct phdr){ 1, 0, 0x300000, 0, 0x1000 });
	put_phdr(&image, 2, (struct phdr){ 4, ELF_NOTE, 0, 0x40, 0x40 });
	put_notes(p + ELF_NOTE);
	return image;
}

struct image image_multiboot(void)
{
	struct image image = blank(0x200);
	uint8_t *p = image.bytes + MB_HEADER;
	uint32_t flags = 0x10003;

	put32(p, 0x1badb002);
	put32(p + 4, flags);
	put32(p + 8, 0u - 0x1badb002 - flags);
	put32(p + 12, 0x100000 + MB_HEADER);
	put32(p + 16, 0x100000);
	put32(p + 20, 0x100200);
	put32(p + 24, 0x101000);
	put32(p + 28, 0x100040);
	return image;
}

static void assert_segment(const struct boot_image *image, unsigned int i,
			   size_t len)
{
	const struct boot_segment *s = &image->segment[i];

	assert_true(s->mem_size > 0);
	assert_true(s->file_size <= s->mem_size);
	assert_true(s->offset <= len && s->file_size <= len - s->offset);
	assert_true(s->gpa + s->mem_size > s->gpa);
	if (image->entry != BOOT_ENTRY_REAL)
		assert_true(s->gpa >= BOOT_LOWEST);
	for (unsigned int k = 0; k < i; k++) {
		const struct boot_segment *o = &image->segment[k];

		assert_true(o->gpa + o->mem_size <= s->gpa ||
			    s->gpa + s->mem_size <= o->gpa);
	}
}

void assert_promises(const struct boot_image *image, size_t len)
{
	unsigned int inside = 0;

	assert_int_not_equal(image->format, BOOT_FORMAT_AUTO);
	assert_in_range(image->count, 1, BOOT_MAX_SEGMENTS);
	for (unsigned int i = 0; i < image->count; i++) {
		const struct boot_segment *s = &image->segment[i];

		assert_segment(image, i, len);
		inside += image->entry_gpa >= s->gpa &&
			  image->entry_gpa < s->gpa + s->mem_size;
	}
	assert_int_equal(inside, 1);
	assert_true(image->payload_offset <= len &&
		    image->payload_size <= len - image->payload_offset);
	assert_true(image->setup_offset <= len &&
		    image->setup_size <= len - image->setup_offset);
}

int parse_exact(struct boot_image *out, const struct image *image, size_t len,
		enum boot_format format, struct err *err)
{
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, image->bytes, len);
	*err = (struct err){ 0 };
	r = boot_parse(out, copy, len, format, err);
	free(copy);
	if (r == 0) {
		assert_promises(out, len);
		return 0;
	}
	assert_int_equal(r, -ENOEXEC);
	assert_int_equal(err->code, -ENOEXEC);
	assert_true(strlen(err->text) > 10);
	return r;
}

void assert_refused(const struct image *image, enum boot_format format,
		    const char *word)
{
	struct boot_image out;
	struct err err;

	assert_int_equal(parse_exact(&out, image, image->len, format, &err),
			 -ENOEXEC);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" is not in \"%s\"", word, err.text);
}
