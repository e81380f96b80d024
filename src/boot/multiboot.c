// SPDX-License-Identifier: BSD-3-Clause
/*
 * Multiboot 1: a header in the first 8 KiB says how the kernel wants to be
 * loaded, either as the ELF file it is in, or by addresses in the header
 * itself (flag 16), which then count more than any other format's.
 * Multiboot Specification 0.6.96, 3.1. Pure functions; any thread.
 */
#include "boot/elf.h"

#include <errno.h>
#include <inttypes.h>

#include "base/endian.h"
#include "base/num.h"

#define MAGIC       0x1badb002
#define SEARCH      8192
#define HEADER_SIZE 12
#define KLUDGE_SIZE 32

#define FLAGS_REQUIRED 0xffff
#define FLAGS_KNOWN    0x0007 /* page-aligned modules, memory map, video mode */
#define FLAG_KLUDGE    (UINT32_C(1) << 16)

/* The offset of the header, or -1. */
static int find_header(const uint8_t *image, size_t len)
{
	size_t end = min_u64(len, SEARCH);

	for (size_t off = 0; range_ok(off, HEADER_SIZE, end); off += 4) {
		uint32_t magic = le32_at(image + off);
		uint32_t flags = le32_at(image + off + 4);
		uint32_t checksum = le32_at(image + off + 8);

		if (magic == MAGIC && magic + flags + checksum == 0)
			return (int)off;
	}
	return -1;
}

bool multiboot_probe(const uint8_t *image, size_t len)
{
	return find_header(image, len) >= 0;
}

/* 3.1.3, the address fields of the header at @at. */
static int load_by_header(struct boot_image *out, const uint8_t *image,
			  size_t len, size_t at, struct err *err)
{
	struct boot_segment s = { 0 };
	uint32_t header_addr, load_addr, load_end, bss_end;
	int r;

	if (!range_ok(at, KLUDGE_SIZE, len))
		return err_set(err, -ENOEXEC,
			       "truncated multiboot image: its header runs "
			       "past the end of the file");
	header_addr = le32_at(image + at + 12);
	load_addr = le32_at(image + at + 16);
	load_end = le32_at(image + at + 20);
	bss_end = le32_at(image + at + 24);
	if (load_addr > header_addr || header_addr - load_addr > at)
		return err_set(err, -ENOEXEC,
			       "damaged multiboot image: load address "
			       "0x%" PRIx32 " for a header at 0x%" PRIx32,
			       load_addr, header_addr);
	if ((load_end && load_end < load_addr) ||
	    (bss_end && bss_end < load_addr))
		return err_set(err, -ENOEXEC,
			       "damaged multiboot image: it ends before its "
			       "load address 0x%" PRIx32, load_addr);
	s.gpa = load_addr;
	s.offset = at - (header_addr - load_addr);
	s.file_size = load_end ? load_end - load_addr : len - s.offset;
	s.mem_size = bss_end ? bss_end - load_addr : s.file_size;
	r = image_add(out, &s, len, err);
	return r < 0 ? r : image_enter(out, le32_at(image + at + 28), err);
}

int boot_parse_multiboot(struct boot_image *out, const uint8_t *image,
			 size_t len, struct err *err)
{
	int at = find_header(image, len);
	struct elf elf;
	uint32_t flags;
	int r;

	image_init(out, BOOT_FORMAT_MULTIBOOT, BOOT_ENTRY_MULTIBOOT);
	if (at < 0)
		return err_set(err, -ENOEXEC,
			       "not a multiboot image: no header in the first "
			       "8 KiB");
	flags = le32_at(image + at + 4);
	if (flags & FLAGS_REQUIRED & ~FLAGS_KNOWN)
		return err_set(err, -ENOEXEC,
			       "a multiboot image that requires unknown "
			       "features: flags 0x%" PRIx32, flags);
	if (flags & FLAG_KLUDGE)
		return load_by_header(out, image, len, (size_t)at, err);
	if (!elf_probe(image, len))
		return err_set(err, -ENOEXEC,
			       "a multiboot image that is not ELF and has no "
			       "load addresses (flag 16)");
	r = elf_open(&elf, image, len, err);
	if (r == 0)
		r = elf_load(out, &elf, err);
	return r < 0 ? r : elf_enter(out, &elf, err);
}
