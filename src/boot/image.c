// SPDX-License-Identifier: BSD-3-Clause
/* See image.h. Knows the promises of boot.h and no file format. */
#include "boot/image.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/num.h"

void image_init(struct boot_image *out, enum boot_format format,
		enum boot_entry entry)
{
	memset(out, 0, sizeof(*out));
	out->format = format;
	out->entry = entry;
}

/* The segment by itself. */
static int check(const struct boot_image *out, const struct boot_segment *s,
		 size_t len, struct err *err)
{
	uint64_t end;

	if (!s->mem_size)
		return err_set(err, -ENOEXEC, "damaged image: nothing to load");
	if (s->file_size > s->mem_size)
		return err_set(err, -ENOEXEC,
			       "damaged image: segment at 0x%" PRIx64
			       " has more bytes in the file than in memory",
			       s->gpa);
	if (!range_ok(s->offset, s->file_size, len))
		return err_set(err, -ENOEXEC,
			       "truncated image: segment at 0x%" PRIx64
			       " needs bytes past the end of the file", s->gpa);
	if (!add_u64(s->gpa, s->mem_size, &end))
		return err_set(err, -ENOEXEC,
			       "damaged image: segment at 0x%" PRIx64
			       " runs past the end of the address space",
			       s->gpa);
	if (out->entry != BOOT_ENTRY_REAL && s->gpa < BOOT_LOWEST)
		return err_set(err, -ENOEXEC,
			       "segment at 0x%" PRIx64 ": low memory is taken "
			       "by the boot structures (link it at 0x%x or "
			       "above)", s->gpa, BOOT_LOWEST);
	return 0;
}

int image_add(struct boot_image *out, const struct boot_segment *segment,
	      size_t len, struct err *err)
{
	int r = check(out, segment, len, err);

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < out->count; i++) {
		const struct boot_segment *o = &out->segment[i];

		if (ranges_meet(o->gpa, o->mem_size, segment->gpa,
				segment->mem_size))
			return err_set(err, -ENOEXEC,
				       "damaged image: segments at 0x%" PRIx64
				       " and 0x%" PRIx64 " overlap", o->gpa,
				       segment->gpa);
	}
	if (out->count == BOOT_MAX_SEGMENTS)
		return err_set(err, -ENOEXEC,
			       "too many segments: at most %u can be loaded",
			       BOOT_MAX_SEGMENTS);
	out->segment[out->count++] = *segment;
	return 0;
}

bool image_holds(const struct boot_image *image, uint64_t gpa)
{
	for (unsigned int i = 0; i < image->count; i++) {
		const struct boot_segment *s = &image->segment[i];

		if (gpa >= s->gpa && gpa - s->gpa < s->mem_size)
			return true;
	}
	return false;
}

int image_enter(struct boot_image *out, uint64_t gpa, struct err *err)
{
	bool narrow = out->entry == BOOT_ENTRY_PVH ||
		      out->entry == BOOT_ENTRY_MULTIBOOT;

	if (!image_holds(out, gpa))
		return err_set(err, -ENOEXEC,
			       "damaged image: the entry 0x%" PRIx64
			       " lies outside what is loaded", gpa);
	if (narrow && gpa > UINT32_MAX)
		return err_set(err, -ENOEXEC,
			       "the entry 0x%" PRIx64 " is above 4 GiB, but "
			       "entered in 32-bit mode", gpa);
	out->entry_gpa = gpa;
	return 0;
}
