// SPDX-License-Identifier: BSD-3-Clause
/* See unpack.h. */
#include "arch/x86_64/unpack.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/num.h"

#define KEPT_MAX 4 /* kernels, of 50 MiB each */

/* Where the file may be unpacked to, the best first. An x86-64 vmlinux has its
 * first segment 2 MiB into the file and, unless it was configured otherwise, at
 * 16 MiB of memory: there it lands in its place. The second is for small VMs;
 * then all segments are moved. */
static const uint64_t bases[] = { 0xe00000, 0x100000 };

/* Segments may be moved one after the other when all go up (from the last to
 * the first) or all down: then none lands on one that is yet to move. */
enum direction { NOWHERE, UP, DOWN, MIXED };

static enum direction direction_of(const struct boot_image *image,
				   uint64_t base)
{
	enum direction all = NOWHERE;

	for (unsigned int i = 0; i < image->count; i++) {
		uint64_t from = base + image->segment[i].offset;
		uint64_t to = image->segment[i].gpa;
		enum direction one = to == from ? NOWHERE
				     : to > from ? UP
						 : DOWN;

		if (!image->segment[i].file_size)
			continue;
		if (all == NOWHERE)
			all = one;
		else if (one != NOWHERE && one != all)
			return MIXED;
	}
	return all;
}

/* Ascending and disjoint, both in the file and in memory? */
static bool in_order(const struct boot_image *image)
{
	uint64_t file_end = 0;
	uint64_t gpa = 0;

	for (unsigned int i = 0; i < image->count; i++) {
		const struct boot_segment *s = &image->segment[i];

		if (s->gpa < gpa || (s->file_size && s->offset < file_end))
			return false;
		gpa = s->gpa;
		if (s->file_size)
			file_end = s->offset + s->file_size;
	}
	return true;
}

static bool fits(const struct mem *mem, const struct boot_image *image)
{
	for (unsigned int i = 0; i < image->count; i++)
		if (!mem_ptr(mem, image->segment[i].gpa,
			     image->segment[i].mem_size))
			return false;
	return true;
}

static void move(const struct mem *mem, const struct boot_segment *s,
		 uint64_t base)
{
	void *to = mem_ptr(mem, s->gpa, s->file_size);
	const void *from = mem_ptr(mem, base + s->offset, s->file_size);

	if (to != from)
		memmove(to, from, s->file_size);
}

static void move_all(const struct mem *mem, const struct boot_image *image,
		     uint64_t base)
{
	bool up = direction_of(image, base) == UP;
	unsigned int n = image->count;

	for (unsigned int i = 0; i < n; i++)
		move(mem, &image->segment[up ? n - 1 - i : i], base);
}

/* What lies between the segments, and after the last, in the bytes that the
 * unpacking has touched: other sections, symbols, the places that segments have
 * left. */
static void clear_gaps(const struct mem *mem, const struct boot_image *image,
		       uint64_t base, uint64_t end)
{
	uint64_t at = base;

	for (unsigned int i = 0; i <= image->count && at < end; i++) {
		const struct boot_segment *s = &image->segment[i];
		uint64_t to = i < image->count ? min_u64(s->gpa, end) : end;

		if (at < to)
			mem_fill(mem, at, 0, to - at);
		if (i < image->count)
			at = max_u64(at, s->gpa + s->file_size);
	}
}

static int place(const struct mem *mem, const struct boot_image *image,
		 uint64_t base, size_t len, struct err *err)
{
	if (direction_of(image, base) == MIXED || !in_order(image) ||
	    !fits(mem, image)) {
		mem_fill(mem, base, 0, len);
		return err_set(err, -ENOTSUP,
			       "its segments cannot be moved into place");
	}
	move_all(mem, image, base);
	clear_gaps(mem, image, base, base + len);
	return 0;
}

/* The first base with RAM for @cap bytes; NULL: none. */
static uint8_t *find_room(const struct mem *mem, uint64_t cap, uint64_t *base)
{
	uint8_t *room = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bases) && !room; i++) {
		*base = bases[i];
		room = mem_ptr(mem, bases[i], cap);
	}
	return room;
}

/* A vmlinux is at @base. */
static int place_elf(const struct mem *mem, struct boot_image *image,
		     uint64_t base, uint64_t len, struct err *err)
{
	int r = boot_parse_elf(image, mem_ptr(mem, base, len), len,
			       BOOT_FORMAT_AUTO, err);

	if (r < 0) {
		mem_fill(mem, base, 0, len);
		return r;
	}
	return place(mem, image, base, len, err);
}

int unpack_in_place(const struct mem *mem, struct boot_image *image,
		    const uint8_t *payload, size_t len, struct cache_new *keep,
		    struct err *err)
{
	uint64_t cap = payload_size_hint(payload, len);
	uint64_t base = 0;
	uint8_t *dst = cap ? find_room(mem, cap, &base) : NULL;
	bool kept = false;
	size_t out = 0;
	int r;

	if (payload_kind(payload, len) == PAYLOAD_UNKNOWN)
		r = err_set(err, -ENOTSUP, "unknown compression");
	else if (!dst)
		r = err_set(err, -ENOTSUP, "no RAM to unpack it in");
	else
		r = payload_unpack(dst, cap, &out, payload, len, err);
	if (r < 0 && dst)
		mem_fill(mem, base, 0, cap);
	if (r == 0 && keep)
		kept = fd_write_full(keep->fd, dst, out) == 0;
	if (r == 0)
		r = place_elf(mem, image, base, out, err);
	if (keep)
		cache_end(keep, kept && r == 0, KEPT_MAX);
	return r;
}

int unpack_kept(const struct mem *mem, struct boot_image *image, int fd,
		uint64_t len, struct err *err)
{
	uint64_t base = 0;
	uint8_t *dst = len ? find_room(mem, len, &base) : NULL;
	int r;

	if (!dst)
		return err_set(err, -ENOTSUP, "no RAM to put it in");
	r = fd_read_full(fd, dst, len);
	if (r < 0) {
		mem_fill(mem, base, 0, len);
		return err_set(err, r, "%s", strerror(-r));
	}
	return place_elf(mem, image, base, len, err);
}
