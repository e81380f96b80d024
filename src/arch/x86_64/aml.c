// SPDX-License-Identifier: BSD-3-Clause
/* See aml.h. */
#include "arch/x86_64/aml.h"

#include <assert.h>
#include <string.h>

#include "base/num.h"

/* ACPI 6.4, 20.3, table 20.1 */
#define ZERO_OP       0x00
#define ONE_OP        0x01
#define NAME_OP       0x08
#define BYTE_PREFIX   0x0a
#define WORD_PREFIX   0x0b
#define DWORD_PREFIX  0x0c
#define STRING_PREFIX 0x0d
#define QWORD_PREFIX  0x0e
#define SCOPE_OP      0x10
#define BUFFER_OP     0x11
#define PACKAGE_OP    0x12
#define METHOD_OP     0x14
#define DUAL_PREFIX   0x2e
#define MULTI_PREFIX  0x2f
#define EXT_PREFIX    0x5b
#define DEVICE_OP     0x82 /* after EXT_PREFIX */
#define RETURN_OP     0xa4
#define ONES_OP       0xff

#define SEGMENT_SIZE 4
#define MAX_ARGS     7

/* 6.4.2, 6.4.3: tags of the descriptors */
#define RES_IRQ       0x22 /* small, 2 bytes */
#define RES_IO        0x47 /* small, 7 bytes */
#define RES_END       0x79 /* small, 1 byte */
#define RES_MEMORY32  0x86
#define RES_WORD      0x88
#define RES_INTERRUPT 0x89
#define RES_QWORD     0x8a

static bool is_name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void put_segment(struct bytes *b, const char *s, size_t n)
{
	char segment[SEGMENT_SIZE] = { '_', '_', '_', '_' };

	assert(n && n <= SEGMENT_SIZE && !(*s >= '0' && *s <= '9'));
	for (size_t i = 0; i < n; i++) {
		assert(is_name_char(s[i]));
		segment[i] = s[i];
	}
	bytes_put(b, segment, SEGMENT_SIZE);
}

void aml_path(struct bytes *b, const char *path)
{
	unsigned int count = 1;

	if (*path == '\\')
		bytes_u8(b, (uint8_t)*path++);
	else
		while (*path == '^')
			bytes_u8(b, (uint8_t)*path++);
	if (!*path) {
		bytes_u8(b, 0);
		return;
	}
	for (const char *p = path; *p; p++)
		count += *p == '.';
	assert(count <= UINT8_MAX);
	if (count == 2)
		bytes_u8(b, DUAL_PREFIX);
	if (count > 2) {
		bytes_u8(b, MULTI_PREFIX);
		bytes_u8(b, (uint8_t)count);
	}
	while (count--) {
		size_t n = strcspn(path, ".");

		put_segment(b, path, n);
		path += n + 1;
	}
}

void aml_name(struct bytes *b, const char *path)
{
	bytes_u8(b, NAME_OP);
	aml_path(b, path);
}

size_t aml_scope(struct bytes *b, const char *path)
{
	size_t open;

	bytes_u8(b, SCOPE_OP);
	open = b->len;
	aml_path(b, path);
	return open;
}

size_t aml_device(struct bytes *b, const char *path)
{
	size_t open;

	bytes_u8(b, EXT_PREFIX);
	bytes_u8(b, DEVICE_OP);
	open = b->len;
	aml_path(b, path);
	return open;
}

size_t aml_method(struct bytes *b, const char *path, unsigned int args)
{
	size_t open;

	assert(args <= MAX_ARGS);
	bytes_u8(b, METHOD_OP);
	open = b->len;
	aml_path(b, path);
	bytes_u8(b, (uint8_t)args);
	return open;
}

size_t aml_package(struct bytes *b, uint8_t count)
{
	size_t open;

	bytes_u8(b, PACKAGE_OP);
	open = b->len;
	bytes_u8(b, count);
	return open;
}

/* PkgLength, 20.2.4: it counts itself, and the body's length decides how many
 * bytes it takes; so it goes in last. */
void aml_close(struct bytes *b, size_t open)
{
	size_t body = b->len - open;
	size_t more = 0; /* bytes after the first */
	uint8_t code[4];
	size_t len;

	if (body + 1 > 0x3f)
		more = 1;
	if (body + 2 > 0xfff)
		more = 2;
	if (body + 3 > 0xfffff)
		more = 3;
	len = body + 1 + more;
	assert(len <= 0xfffffff);
	code[0] = (uint8_t)(more << 6 | (more ? len & 0xf : len));
	for (size_t i = 1; i <= more; i++)
		code[i] = (uint8_t)(len >> (8 * i - 4));
	bytes_insert(b, open, code, 1 + more);
}

void aml_return(struct bytes *b)
{
	bytes_u8(b, RETURN_OP);
}

void aml_integer(struct bytes *b, uint64_t v)
{
	if (v == UINT64_MAX) {
		bytes_u8(b, ONES_OP);
	} else if (v <= 1) {
		bytes_u8(b, v ? ONE_OP : ZERO_OP);
	} else if (v <= UINT8_MAX) {
		bytes_u8(b, BYTE_PREFIX);
		bytes_u8(b, (uint8_t)v);
	} else if (v <= UINT16_MAX) {
		bytes_u8(b, WORD_PREFIX);
		bytes_u16(b, (uint16_t)v);
	} else if (v <= UINT32_MAX) {
		bytes_u8(b, DWORD_PREFIX);
		bytes_u32(b, (uint32_t)v);
	} else {
		bytes_u8(b, QWORD_PREFIX);
		bytes_u64(b, v);
	}
}

void aml_string(struct bytes *b, const char *s)
{
	bytes_u8(b, STRING_PREFIX);
	for (const char *p = s; *p; p++)
		assert((unsigned char)*p < 0x80);
	bytes_put(b, s, strlen(s) + 1);
}

/* ACPI 6.4, 19.3.4: three letters by five bits, four hex digits, and the
 * whole in the byte order of its EISA past. */
void aml_eisa_id(struct bytes *b, const char *id)
{
	uint16_t vendor = 0;
	uint16_t product = 0;
	uint32_t v;

	assert(strlen(id) == 7);
	for (size_t i = 0; i < 3; i++) {
		assert(id[i] >= 'A' && id[i] <= 'Z');
		vendor = (uint16_t)(vendor << 5 | (id[i] - '@'));
	}
	for (size_t i = 3; i < 7; i++) {
		char c = id[i];

		assert((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
		product = (uint16_t)(product << 4 |
				     (c <= '9' ? c - '0' : c - 'A' + 10));
	}
	v = __builtin_bswap32((uint32_t)vendor << 16 | product);
	bytes_u8(b, DWORD_PREFIX);
	bytes_u32(b, v);
}

size_t aml_resources(struct bytes *b)
{
	bytes_u8(b, BUFFER_OP);
	return b->len;
}

void aml_resources_close(struct bytes *b, size_t open)
{
	uint8_t code[9];
	struct bytes size;

	bytes_u8(b, RES_END);
	bytes_u8(b, 0); /* 6.4.2.9: no checksum */
	bytes_init(&size, code, sizeof(code));
	aml_integer(&size, b->len - open);
	bytes_insert(b, open, code, size.len);
	aml_close(b, open);
}

void aml_res_io(struct bytes *b, uint16_t port, uint8_t size)
{
	bytes_u8(b, RES_IO);
	bytes_u8(b, 1); /* decodes 16 bits */
	bytes_u16(b, port);
	bytes_u16(b, port);
	bytes_u8(b, 1); /* alignment */
	bytes_u8(b, size);
}

void aml_res_irq(struct bytes *b, unsigned int irq)
{
	assert(irq < 16);
	bytes_u8(b, RES_IRQ);
	bytes_u16(b, (uint16_t)(1U << irq));
}

void aml_res_interrupt(struct bytes *b, uint32_t gsi, bool level)
{
	bytes_u8(b, RES_INTERRUPT);
	bytes_u16(b, 6);
	bytes_u8(b, level ? 0x01 : 0x03); /* consumer; bit 1: edge */
	bytes_u8(b, 1);                   /* one interrupt */
	bytes_u32(b, gsi);
}

void aml_res_bus(struct bytes *b, uint8_t first, uint8_t last)
{
	assert(first <= last);
	bytes_u8(b, RES_WORD);
	bytes_u16(b, 13);
	bytes_u8(b, 2);    /* bus numbers */
	bytes_u8(b, 0x0c); /* a bridge's, both ends fixed */
	bytes_u8(b, 0);
	bytes_u16(b, 0); /* granularity */
	bytes_u16(b, first);
	bytes_u16(b, last);
	bytes_u16(b, 0); /* translation */
	bytes_u16(b, (uint16_t)(last - first + 1));
}

void aml_res_memory32(struct bytes *b, uint32_t base, uint32_t size)
{
	bytes_u8(b, RES_MEMORY32);
	bytes_u16(b, 9);
	bytes_u8(b, 1); /* read-write */
	bytes_u32(b, base);
	bytes_u32(b, size);
}

void aml_res_memory64(struct bytes *b, uint64_t base, uint64_t size,
		      bool producer)
{
	uint64_t last = base + (size - 1);

	assert(size && last >= base);
	bytes_u8(b, RES_QWORD);
	bytes_u16(b, 43);
	bytes_u8(b, 0);                      /* memory */
	bytes_u8(b, producer ? 0x0c : 0x0d); /* both ends fixed */
	bytes_u8(b, 1);                      /* read-write, not cacheable */
	bytes_u64(b, 0);                     /* granularity */
	bytes_u64(b, base);
	bytes_u64(b, last);
	bytes_u64(b, 0); /* translation */
	bytes_u64(b, size);
}
