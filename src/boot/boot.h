/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the bytes of an image to what goes where in guest memory.
 *
 * Every loader here is a pure function over (bytes, length): it opens
 * nothing, allocates nothing and writes only its result, so that it can be
 * fuzzed as it is. All offsets are checked against @len, all addresses and
 * sizes against wrapping; placing the parts into RAM (and the check that RAM
 * is there) is arch's business. Any thread.
 */
#ifndef VIREO_BOOT_BOOT_H
#define VIREO_BOOT_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* How the guest is entered. */
enum boot_entry {
	BOOT_ENTRY_LINUX64, /* 64-bit, RSI = zero page (Linux boot protocol) */
	BOOT_ENTRY_PVH,     /* 32-bit, EBX = hvm_start_info (PVH ABI) */
	BOOT_ENTRY_MULTIBOOT, /* 32-bit, EAX = magic, EBX = info */
	BOOT_ENTRY_REAL,    /* 16-bit real mode, CS:IP */
};

enum boot_format {
	BOOT_FORMAT_AUTO, /* by magic */
	BOOT_FORMAT_BZIMAGE,
	BOOT_FORMAT_PVH,   /* ELF with a PVH note */
	BOOT_FORMAT_LINUX, /* ELF vmlinux by its 64-bit entry */
	BOOT_FORMAT_MULTIBOOT,
	BOOT_FORMAT_FLAT, /* raw 16-bit code; never chosen by AUTO */
};

#define BOOT_MAX_SEGMENTS 16
#define BOOT_LOWEST       0x100000
#define BOOT_FLAT_GPA     0x7c00
#define BOOT_FLAT_MAX     0x80000 /* bytes: ends below 0x9fc00 */

/* [gpa, gpa+mem_size): the first file_size bytes come from the image at
 * @offset, the rest is zero. */
struct boot_segment {
	uint64_t gpa;
	uint64_t mem_size;
	size_t offset;
	size_t file_size; /* <= mem_size; offset+file_size <= image length */
};

/*
 * What a loader found. Plain data; segments are disjoint, none is empty and
 * none wraps. *out is of use only after success.
 *
 * No segment starts below BOOT_LOWEST, FLAT's excepted: memory below 1 MiB
 * belongs to the boot structures, the ACPI tables and the BIOS area, and real
 * kernels (Linux at 16 MiB, Xen, multiboot kernels at 1 MiB and up) leave it
 * alone.
 */
struct boot_image {
	enum boot_format format; /* what it turned out to be; never AUTO */
	enum boot_entry entry;
	uint64_t entry_gpa; /* inside a segment (REAL: the load address);
			     * PVH and MULTIBOOT: below 4 GiB */
	unsigned int count;
	struct boot_segment segment[BOOT_MAX_SEGMENTS];

	/* bzImage only; 0 otherwise */
	uint64_t alignment;    /* kernel_alignment: a power of two >= 4096 */
	uint64_t init_size;    /* bytes the kernel needs from its load address,
				* segment[0].gpa: >= its mem_size, no wrap */
	uint64_t initrd_max;   /* highest address an initrd byte may have */
	uint64_t cmdline_max;  /* bytes without the final 0; never 0 */
	size_t setup_offset;   /* of the setup header in the image (0x1f1) */
	size_t setup_size;     /* bytes of it to copy into the zero page: ends
				* inside the image and at or below 0x290 */
	size_t payload_offset; /* of the compressed kernel, from image start */
	size_t payload_size;   /* 0: the image does not say; else inside it */
};

/*
 * Looks at the image and fills *out. AUTO tries, in this order: bzImage
 * ("HdrS"), ELF (PVH note, else multiboot header, else Linux 64-bit entry),
 * a multiboot header with load addresses. The first magic that is there
 * decides: an image that is then damaged is not tried as anything else.
 * -ENOEXEC with one sentence for anything that is not loadable.
 */
int boot_parse(struct boot_image *out, const uint8_t *image, size_t len,
	       enum boot_format format, struct err *err);

/* The single loaders behind boot_parse(). bzImage needs boot protocol 2.12
 * and a 64-bit entry; ELF takes the formats AUTO, PVH and LINUX. */
int boot_parse_bzimage(struct boot_image *out, const uint8_t *image, size_t len,
		       struct err *err);
int boot_parse_elf(struct boot_image *out, const uint8_t *image, size_t len,
		   enum boot_format format, struct err *err);
int boot_parse_multiboot(struct boot_image *out, const uint8_t *image,
			 size_t len, struct err *err);
int boot_parse_flat(struct boot_image *out, const uint8_t *image, size_t len,
		    struct err *err);

/* "bzimage", "pvh", "linux", "multiboot", "flat", "auto"; -EINVAL. */
int boot_format_parse(enum boot_format *out, const char *word);
const char *boot_format_name(enum boot_format format);

/* ---- unpacking the bzImage payload (payload.c) ---- */

enum payload_kind {
	PAYLOAD_UNKNOWN,
	PAYLOAD_GZIP,
	PAYLOAD_XZ,
	PAYLOAD_ZSTD,
	PAYLOAD_LZ4, /* the legacy frame that Linux uses */
	PAYLOAD_NONE, /* an ELF file, not compressed */
};

enum payload_kind payload_kind(const uint8_t *bytes, size_t len);
const char *payload_name(enum payload_kind kind);

/*
 * Unpacks @bytes into memory of the caller's: at most @cap bytes are written
 * to @dst, *out_len says how many (0 after a failure). @bytes may carry
 * trailing data: Linux appends the unpacked size (the LZ4 frame has no end
 * mark; there, only those four bytes may trail, and they must be right). With
 * a sentence each: -ENOTSUP: unknown compression, or it needs more memory than
 * is allowed here; -EBADMSG: the data is damaged; -E2BIG: more than @cap;
 * -ENOMEM. This is the only function of the loaders that allocates (the
 * libraries' own state), and its memory is bounded by @cap plus 128 MiB.
 */
int payload_unpack(uint8_t *dst, size_t cap, size_t *out_len,
		   const uint8_t *bytes, size_t len, struct err *err);

/* The unpacked size as the payload itself says (the four bytes Linux appends,
 * or the frame header), 0 when it does not; not to be trusted, only to size
 * a buffer. */
uint64_t payload_size_hint(const uint8_t *bytes, size_t len);

#endif
