// SPDX-License-Identifier: BSD-3-Clause
/* The promises of boot.h, written down a second time, independently. */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void must_at(bool ok, const char *what, const char *file, int line)
{
	if (ok)
		return;
	fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, what);
	abort();
}

static bool inside(const struct boot_segment *s, uint64_t gpa)
{
	return gpa >= s->gpa && gpa < s->gpa + s->mem_size;
}

static void check_segments(const struct boot_image *image, size_t len)
{
	unsigned int entered = 0;

	must(image->count >= 1 && image->count <= BOOT_MAX_SEGMENTS);
	for (unsigned int i = 0; i < image->count; i++) {
		const struct boot_segment *s = &image->segment[i];

		must(s->mem_size > 0);
		must(s->file_size <= s->mem_size);
		must(s->offset <= len && s->file_size <= len - s->offset);
		must(s->gpa + s->mem_size > s->gpa);
		must(image->entry == BOOT_ENTRY_REAL || s->gpa >= BOOT_LOWEST);
		for (unsigned int k = 0; k < i; k++) {
			const struct boot_segment *o = &image->segment[k];

			must(!inside(s, o->gpa) && !inside(o, s->gpa));
		}
		entered += inside(s, image->entry_gpa);
	}
	must(entered == 1);
}

static void check_bzimage(const struct boot_image *image, size_t len)
{
	uint64_t gpa = image->segment[0].gpa;

	must(image->entry == BOOT_ENTRY_LINUX64);
	must(image->count == 1);
	must(image->alignment >= 4096);
	must((image->alignment & (image->alignment - 1)) == 0);
	must(gpa % image->alignment == 0);
	must(image->init_size >= image->segment[0].mem_size);
	must(gpa + image->init_size > gpa);
	must(image->cmdline_max > 0);
	must(image->setup_offset == 0x1f1);
	must(image->setup_size > 0 && image->setup_size <= 0x290 - 0x1f1);
	must(image->setup_size <= len - image->setup_offset);
	must(image->payload_offset <= len);
	must(image->payload_size <= len - image->payload_offset);
}

void check_image(int r, const struct boot_image *image, size_t len,
		 const struct err *err)
{
	if (r != 0) {
		must(r == -ENOEXEC && err->code == r);
		must(strlen(err->text) > 10 && !strchr(err->text, '\n'));
		return;
	}
	must(image->format > BOOT_FORMAT_AUTO &&
	     image->format <= BOOT_FORMAT_FLAT);
	check_segments(image, len);
	switch (image->format) {
	case BOOT_FORMAT_BZIMAGE:
		check_bzimage(image, len);
		return;
	case BOOT_FORMAT_LINUX:
		must(image->entry == BOOT_ENTRY_LINUX64);
		break;
	case BOOT_FORMAT_PVH:
		must(image->entry == BOOT_ENTRY_PVH);
		must(image->entry_gpa <= UINT32_MAX);
		break;
	case BOOT_FORMAT_MULTIBOOT:
		must(image->entry == BOOT_ENTRY_MULTIBOOT);
		must(image->entry_gpa <= UINT32_MAX);
		break;
	default:
		must(image->entry == BOOT_ENTRY_REAL);
		must(image->entry_gpa == BOOT_FLAT_GPA);
		must(len <= BOOT_FLAT_MAX);
		break;
	}
	must(!image->init_size && !image->setup_size && !image->payload_size);
}
