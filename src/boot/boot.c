// SPDX-License-Identifier: BSD-3-Clause
/*
 * Which loader an image belongs to, flat images, and the names of the
 * formats. What cannot be loaded is named, if it is something people try.
 * Pure functions; any thread.
 */
#include "boot/image.h"

#include <errno.h>
#include <string.h>

#include "base/num.h"

static const char *const format_names[] = {
	[BOOT_FORMAT_AUTO] = "auto",
	[BOOT_FORMAT_BZIMAGE] = "bzimage",
	[BOOT_FORMAT_PVH] = "pvh",
	[BOOT_FORMAT_LINUX] = "linux",
	[BOOT_FORMAT_MULTIBOOT] = "multiboot",
	[BOOT_FORMAT_FLAT] = "flat",
};

struct magic {
	size_t offset;
	const char *bytes;
	size_t len;
	const char *what; /* the sentence */
};

/* The first that fits speaks. Linux Documentation/arch/arm64/booting.rst,
 * arch/riscv/boot-image-header.rst; drivers/firmware/efi/libstub (zboot). */
static const struct magic strangers[] = {
	{ 0x38, "ARM\x64", 4, "an arm64 kernel image: this machine is x86_64" },
	{ 0x38, "RSC\x05", 4, "a riscv kernel image: this machine is x86_64" },
	{ 4, "zimg", 4, "an EFI zboot image, made for another machine: this "
			"machine is x86_64" },
	{ 0, "MZ", 2, "an EFI program without a Linux boot header (a unified "
		      "kernel image has the kernel in its section .linux)" },
	{ 0, "\x1f\x8b", 2, "compressed with gzip: not a kernel image as it is "
			    "(unpack it first)" },
	{ 0, "\xfd" "7zXZ", 6, "compressed with xz: not a kernel image as it "
			       "is (unpack it first)" },
	{ 0, "\x28\xb5\x2f\xfd", 4, "compressed with zstd: not a kernel image "
				    "as it is (unpack it first)" },
	{ 0, "\x02\x21\x4c\x18", 4, "compressed with lz4: not a kernel image "
				    "as it is (unpack it first)" },
	{ 0, "\x27\x05\x19\x56", 4, "a U-Boot image: not for this machine" },
	{ 0, "\xd0\x0d\xfe\xed", 4, "a devicetree or FIT image: not for this "
				    "machine" },
	{ 0, "070701", 6, "a cpio archive: an initrd, not a kernel" },
	{ 0, "!<arch>", 7, "an archive: a package or library, not a kernel" },
	{ 0, "#!", 2, "a script, not a kernel" },
};

static int refuse_stranger(const uint8_t *image, size_t len, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
		const struct magic *m = &strangers[i];

		if (range_ok(m->offset, m->len, len) &&
		    !memcmp(image + m->offset, m->bytes, m->len))
			return err_set(err, -ENOEXEC, "%s", m->what);
	}
	return err_set(err, -ENOEXEC,
		       "not a kernel image: no HdrS, ELF or multiboot magic "
		       "(format=flat loads raw 16-bit code)");
}

int boot_parse_flat(struct boot_image *out, const uint8_t *image, size_t len,
		    struct err *err)
{
	struct boot_segment s = { .gpa = BOOT_FLAT_GPA,
				  .mem_size = len,
				  .file_size = len };
	int r;

	image_init(out, BOOT_FORMAT_FLAT, BOOT_ENTRY_REAL);
	if (len > BOOT_FLAT_MAX)
		return err_set(err, -ENOEXEC,
			       "a flat image of %zu bytes: at most %u fit", len,
			       BOOT_FLAT_MAX);
	r = image_add(out, &s, len, err);
	return r < 0 ? r : image_enter(out, BOOT_FLAT_GPA, err);
}

int boot_parse(struct boot_image *out, const uint8_t *image, size_t len,
	       enum boot_format format, struct err *err)
{
	if (!len) {
		image_init(out, format, BOOT_ENTRY_REAL);
		return err_set(err, -ENOEXEC,
			       "not a kernel image: it is empty");
	}
	switch (format) {
	case BOOT_FORMAT_BZIMAGE:
		return boot_parse_bzimage(out, image, len, err);
	case BOOT_FORMAT_PVH:
	case BOOT_FORMAT_LINUX:
		return boot_parse_elf(out, image, len, format, err);
	case BOOT_FORMAT_MULTIBOOT:
		return boot_parse_multiboot(out, image, len, err);
	case BOOT_FORMAT_FLAT:
		return boot_parse_flat(out, image, len, err);
	case BOOT_FORMAT_AUTO:
		break;
	}
	if (bzimage_probe(image, len))
		return boot_parse_bzimage(out, image, len, err);
	if (elf_probe(image, len))
		return boot_parse_elf(out, image, len, BOOT_FORMAT_AUTO, err);
	if (multiboot_probe(image, len))
		return boot_parse_multiboot(out, image, len, err);
	image_init(out, format, BOOT_ENTRY_REAL);
	return refuse_stranger(image, len, err);
}

int boot_format_parse(enum boot_format *out, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(format_names); i++)
		if (!strcmp(word, format_names[i])) {
			*out = (enum boot_format)i;
			return 0;
		}
	return -EINVAL;
}

const char *boot_format_name(enum boot_format format)
{
	return format_names[format];
}
