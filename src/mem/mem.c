// SPDX-License-Identifier: BSD-3-Clause
/* See mem.h. Knows nothing of how the host memory was made (ram.c does). */
#include "mem/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define PAGE 4096

int mem_add(struct mem *m, uint64_t gpa, uint64_t size, uint8_t *hva)
{
	unsigned int at = 0;
	uint64_t end;

	if (!size || gpa % PAGE || size % PAGE || !add_u64(gpa, size, &end))
		return -EINVAL;
	for (unsigned int i = 0; i < m->count; i++) {
		const struct mem_region *r = &m->region[i];

		if (ranges_meet(r->gpa, r->size, gpa, size))
			return -EEXIST;
		if (r->gpa < gpa)
			at = i + 1;
	}
	if (m->count == MEM_MAX_REGIONS)
		return -ENOSPC;
	memmove(&m->region[at + 1], &m->region[at],
		(m->count - at) * sizeof(m->region[0]));
	m->region[at] = (struct mem_region){ gpa, size, hva, NULL };
	m->count++;
	return 0;
}

/* The region that holds @gpa, or that ends exactly there. */
static const struct mem_region *find(const struct mem *m, uint64_t gpa)
{
	const struct mem_region *ends_here = NULL;

	for (unsigned int i = 0; i < m->count; i++) {
		const struct mem_region *r = &m->region[i];

		if (gpa < r->gpa)
			continue;
		if (gpa - r->gpa < r->size)
			return r;
		if (gpa - r->gpa == r->size)
			ends_here = r;
	}
	return ends_here;
}

void *mem_ptr(const struct mem *m, uint64_t gpa, uint64_t len)
{
	const struct mem_region *r = find(m, gpa);

	if (!r || len > r->size - (gpa - r->gpa))
		return NULL;
	return r->hva + (gpa - r->gpa);
}

static void mark(const struct mem_region *r, const uint8_t *hva, uint64_t len)
{
	struct dirty *d = atomic_load(&r->dirty);

	if (d)
		dirty_mark(d, (uint64_t)(hva - r->hva), len);
}

void mem_mark(const struct mem *m, const void *hva, uint64_t len)
{
	const uint8_t *at = hva;

	for (unsigned int i = 0; i < m->count; i++) {
		const struct mem_region *r = &m->region[i];

		if (at >= r->hva && (uint64_t)(at - r->hva) < r->size)
			mark(r, at, min_u64(len, r->size -
						 (uint64_t)(at - r->hva)));
	}
}

int mem_track(struct mem *m)
{
	for (unsigned int i = 0; i < m->count; i++) {
		struct mem_region *r = &m->region[i];

		if (atomic_load(&r->dirty))
			continue;
		atomic_store(&r->dirty, dirty_create(r->size));
		if (!atomic_load(&r->dirty))
			return -ENOMEM;
	}
	return 0;
}

void mem_track_in(struct mem *m, const struct mem *whole)
{
	for (unsigned int i = 0; i < m->count; i++) {
		struct mem_region *r = &m->region[i];
		const struct mem_region *same = find(whole, r->gpa);

		assert(same && same->hva == r->hva && same->size == r->size);
		atomic_store(&r->dirty, atomic_load(&same->dirty));
	}
}

void mem_mark_all(const struct mem *m)
{
	for (unsigned int i = 0; i < m->count; i++) {
		struct dirty *d = atomic_load(&m->region[i].dirty);

		if (d)
			dirty_mark_all(d);
	}
}

void mem_finish(struct mem *m)
{
	for (unsigned int i = 0; i < m->count; i++)
		free(atomic_load(&m->region[i].dirty));
	m->count = 0;
}

/* The first part of [gpa, gpa+len): its host address, and in *part how many
 * bytes of it lie in one region. NULL when the first byte is not RAM. */
static uint8_t *part_at(const struct mem *m, uint64_t gpa, uint64_t len,
			uint64_t *part)
{
	const struct mem_region *r = find(m, gpa);

	if (!r || gpa - r->gpa >= r->size)
		return NULL;
	*part = min_u64(len, r->size - (gpa - r->gpa));
	return r->hva + (gpa - r->gpa);
}

bool mem_is_ram(const struct mem *m, uint64_t gpa, uint64_t len)
{
	uint64_t part = 0;

	for (; len; gpa += part, len -= part)
		if (!part_at(m, gpa, len, &part))
			return false;
	return true;
}

int mem_read(const struct mem *m, void *dst, uint64_t gpa, uint64_t len)
{
	uint8_t *to = dst;
	uint64_t part = 0;

	if (!mem_is_ram(m, gpa, len))
		return -EFAULT;
	for (; len; gpa += part, to += part, len -= part) {
		const uint8_t *from = part_at(m, gpa, len, &part);

		memcpy(to, from, part);
	}
	__asm__ volatile("" ::: "memory");
	return 0;
}

int mem_write(const struct mem *m, uint64_t gpa, const void *src, uint64_t len)
{
	const uint8_t *from = src;
	uint64_t part = 0;

	if (!mem_is_ram(m, gpa, len))
		return -EFAULT;
	for (; len; gpa += part, from += part, len -= part) {
		uint8_t *to = part_at(m, gpa, len, &part);

		memcpy(to, from, part);
		mem_mark(m, to, part);
	}
	__asm__ volatile("" ::: "memory");
	return 0;
}

int mem_fill(const struct mem *m, uint64_t gpa, uint8_t byte, uint64_t len)
{
	uint64_t part = 0;

	if (!mem_is_ram(m, gpa, len))
		return -EFAULT;
	for (; len; gpa += part, len -= part) {
		uint8_t *to = part_at(m, gpa, len, &part);

		memset(to, byte, part);
		mem_mark(m, to, part);
	}
	return 0;
}

uint64_t mem_total(const struct mem *m)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < m->count; i++)
		total += m->region[i].size;
	return total;
}
