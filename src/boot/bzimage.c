// SPDX-License-Identifier: BSD-3-Clause
/*
 * bzImage: the setup header of a Linux kernel says where the rest of the file
 * goes. Only the 64-bit entry is taken, 0x200 bytes into the protected-mode
 * part, which is loaded at the kernel's preferred address.
 * Linux Documentation/arch/x86/boot.rst. Pure functions; any thread.
 */
#include "boot/image.h"

#include <errno.h>
#include <inttypes.h>

#include "base/endian.h"
#include "base/num.h"

/* The setup header, as offsets from the start of the image (boot.rst, "The
 * Real-Mode Kernel Header"). */
enum {
	SETUP_SECTS = 0x1f1,
	SYSSIZE = 0x1f4,
	BOOT_FLAG = 0x1fe,
	JUMP_OFFSET = 0x201, /* also says where the header ends */
	HEADER = 0x202,
	VERSION = 0x206,
	LOADFLAGS = 0x211,
	INITRD_ADDR_MAX = 0x22c,
	KERNEL_ALIGNMENT = 0x230,
	XLOADFLAGS = 0x236,
	CMDLINE_SIZE = 0x238,
	PAYLOAD_OFFSET = 0x248,
	PAYLOAD_LENGTH = 0x24c,
	PREF_ADDRESS = 0x258,
	INIT_SIZE = 0x260,
	HEADER_MIN_END = 0x268, /* protocol 2.12 */
	HEADER_MAX_END = 0x290, /* the zero page has other fields there */
};

#define HDRS             0x53726448
#define VERSION_XLOAD    0x020c /* the first with xloadflags: Linux 3.8 */
#define LOADED_HIGH      0x01
#define XLF_KERNEL_64    0x01
#define ENTRY_64         0x200
#define SECTOR           512
#define SETUP_SECTS_OLD  4   /* what setup_sects 0 means */
#define CMDLINE_SIZE_OLD 255 /* what kernels could always take */

bool bzimage_probe(const uint8_t *image, size_t len)
{
	return len >= VERSION && le32_at(image + HEADER) == HDRS;
}

/* What kind of kernel it is, before any of its numbers is believed. */
static int check_kind(const uint8_t *image, size_t len, struct err *err)
{
	uint16_t version;

	if (!bzimage_probe(image, len))
		return err_set(err, -ENOEXEC,
			       "not a bzImage: no HdrS magic at 0x%x", HEADER);
	if (len < HEADER_MIN_END)
		return err_set(err, -ENOEXEC,
			       "truncated bzImage: %zu bytes do not hold the "
			       "setup header", len);
	if (le16_at(image + BOOT_FLAG) != 0xaa55)
		return err_set(err, -ENOEXEC,
			       "damaged bzImage: no 0xaa55 mark at 0x%x",
			       BOOT_FLAG);
	version = le16_at(image + VERSION);
	if (version < VERSION_XLOAD)
		return err_set(err, -ENOEXEC,
			       "bzImage with boot protocol %u.%02u: 2.12 is "
			       "needed (take Linux 3.8 or newer)", version >> 8,
			       version & 0xff);
	if (!(le16_at(image + XLOADFLAGS) & XLF_KERNEL_64))
		return err_set(err, -ENOEXEC,
			       "a 32-bit x86 bzImage: this machine is x86_64 "
			       "(build the kernel with CONFIG_64BIT=y)");
	if (!(image[LOADFLAGS] & LOADED_HIGH))
		return err_set(err, -ENOEXEC,
			       "a zImage, which loads low: only bzImage is "
			       "supported");
	return 0;
}

/* The numbers that are handed on. */
static int take_fields(struct boot_image *out, const uint8_t *image, size_t len,
		       struct err *err)
{
	size_t end = HEADER + (size_t)image[JUMP_OFFSET];

	if (end < HEADER_MIN_END || end > HEADER_MAX_END || end > len)
		return err_set(err, -ENOEXEC,
			       "damaged bzImage: the setup header ends at "
			       "0x%zx", end);
	out->setup_offset = SETUP_SECTS;
	out->setup_size = end - SETUP_SECTS;
	out->initrd_max = le32_at(image + INITRD_ADDR_MAX);
	out->cmdline_max = le32_at(image + CMDLINE_SIZE);
	if (!out->cmdline_max)
		out->cmdline_max = CMDLINE_SIZE_OLD;
	out->alignment = le32_at(image + KERNEL_ALIGNMENT);
	if (!is_pow2(out->alignment) || out->alignment < 4096)
		return err_set(err, -ENOEXEC,
			       "damaged bzImage: kernel_alignment is "
			       "0x%" PRIx64,
			       out->alignment);
	return 0;
}

/* The protected-mode part: where it is in the file, where it goes. */
static int take_kernel(struct boot_image *out, const uint8_t *image, size_t len,
		       struct err *err)
{
	size_t sects = image[SETUP_SECTS] ? image[SETUP_SECTS]
					  : SETUP_SECTS_OLD;
	struct boot_segment s = { .offset = (sects + 1) * SECTOR };
	uint64_t end;
	int r;

	s.gpa = le64_at(image + PREF_ADDRESS);
	s.file_size = (size_t)le32_at(image + SYSSIZE) * 16;
	s.mem_size = s.file_size;
	if (!range_ok(s.offset, s.file_size, len))
		return err_set(err, -ENOEXEC,
			       "truncated bzImage: %zu bytes where the header "
			       "says %zu", len, s.offset + s.file_size);
	if (s.gpa % out->alignment)
		return err_set(err, -ENOEXEC,
			       "damaged bzImage: the preferred address 0x%"
			       PRIx64 " is not aligned to 0x%" PRIx64, s.gpa,
			       out->alignment);
	r = image_add(out, &s, len, err);
	if (r < 0)
		return r;
	out->init_size = max_u64(le32_at(image + INIT_SIZE), s.mem_size);
	if (!add_u64(s.gpa, out->init_size, &end))
		return err_set(err, -ENOEXEC,
			       "damaged bzImage: 0x%" PRIx64 " bytes at 0x%"
			       PRIx64 " run past the end of the address space",
			       out->init_size, s.gpa);
	return image_enter(out, s.gpa + ENTRY_64, err);
}

static int take_payload(struct boot_image *out, const uint8_t *image,
			struct err *err)
{
	const struct boot_segment *s = &out->segment[0];
	size_t off = le32_at(image + PAYLOAD_OFFSET);
	size_t size = le32_at(image + PAYLOAD_LENGTH);

	if (!size)
		return 0;
	if (!range_ok(off, size, s->file_size))
		return err_set(err, -ENOEXEC,
			       "damaged bzImage: the payload, %zu bytes at "
			       "0x%zx, does not lie inside the kernel", size,
			       off);
	out->payload_offset = s->offset + off;
	out->payload_size = size;
	return 0;
}

int boot_parse_bzimage(struct boot_image *out, const uint8_t *image, size_t len,
		       struct err *err)
{
	int r;

	image_init(out, BOOT_FORMAT_BZIMAGE, BOOT_ENTRY_LINUX64);
	r = check_kind(image, len, err);
	if (r == 0)
		r = take_fields(out, image, len, err);
	if (r == 0)
		r = take_kernel(out, image, len, err);
	if (r == 0)
		r = take_payload(out, image, err);
	return r;
}
