// SPDX-License-Identifier: BSD-3-Clause
/* The public functions for guest memory. As api.c. */
#include <pthread.h>

#include "api.h"
#include "base/crc32c.h"
#include "base/num.h"

#define CHUNK 4096u /* of a checksum */

/* Locks the machine's memory; VIREO_ESTATE: there is none. */
static int begin(struct vireo_vm *vm)
{
	if (!vm)
		return VIREO_EINVAL;
	if (pthread_rwlock_rdlock(&vm->machine_lock))
		return VIREO_ESTATE; /* it is being built, by this thread */
	if (vm->board.ram.hva)
		return 0;
	pthread_rwlock_unlock(&vm->machine_lock);
	return VIREO_ESTATE;
}

static int end(struct vireo_vm *vm, int r)
{
	pthread_rwlock_unlock(&vm->machine_lock);
	return r < 0 ? VIREO_EINVAL : 0;
}

/* Puts the regions of @mem among the @n that are there, by address. */
static unsigned int add_regions(struct vireo_region *all, unsigned int n,
				const struct mem *mem, bool read_only,
				bool lent)
{
	for (unsigned int i = 0; i < mem->count; i++) {
		const struct mem_region *r = &mem->region[i];
		unsigned int at = n++;

		for (; at && all[at - 1].gpa > r->gpa; at--)
			all[at] = all[at - 1];
		all[at] = (struct vireo_region){ r->gpa, r->size, read_only,
						 lent };
	}
	return n;
}

int vireo_memory_region(struct vireo_vm *vm, size_t index,
			struct vireo_region *region)
{
	struct vireo_region all[3 * MEM_MAX_REGIONS];
	int r = region ? begin(vm) : VIREO_EINVAL;
	unsigned int n;

	if (r < 0)
		return r;
	n = add_regions(all, 0, &vm->board.mem, false, false);
	n = add_regions(all, n, &vm->board.lent, false, true);
	n = add_regions(all, n, &vm->board.lent_read_only, true, true);
	if (index < n)
		*region = all[index];
	return end(vm, index < n ? 0 : -1);
}

int vireo_memory_read(struct vireo_vm *vm, uint64_t gpa, void *buf, size_t len)
{
	int r = buf || !len ? begin(vm) : VIREO_EINVAL;

	if (r < 0)
		return r;
	r = mem_read(&vm->board.mem, buf, gpa, len);
	if (r < 0)
		r = mem_read(&vm->board.lent, buf, gpa, len);
	if (r < 0)
		r = mem_read(&vm->board.lent_read_only, buf, gpa, len);
	return end(vm, r);
}

int vireo_memory_write(struct vireo_vm *vm, uint64_t gpa, const void *buf,
		       size_t len)
{
	int r = buf || !len ? begin(vm) : VIREO_EINVAL;

	if (r < 0)
		return r;
	r = mem_write(&vm->board.mem, gpa, buf, len);
	if (r < 0)
		r = mem_write(&vm->board.lent, gpa, buf, len);
	return end(vm, r);
}

int vireo_memory_fill(struct vireo_vm *vm, uint64_t gpa, uint8_t byte,
		      uint64_t len)
{
	int r = begin(vm);

	if (r < 0)
		return r;
	r = mem_fill(&vm->board.mem, gpa, byte, len);
	if (r < 0)
		r = mem_fill(&vm->board.lent, gpa, byte, len);
	return end(vm, r);
}

int vireo_memory_checksum(struct vireo_vm *vm, uint64_t gpa, uint64_t len,
			  uint32_t *sum)
{
	uint8_t chunk[CHUNK];
	uint32_t crc = 0;

	if (!sum)
		return VIREO_EINVAL;
	while (len) {
		size_t part = (size_t)min_u64(len, sizeof(chunk));
		int r = vireo_memory_read(vm, gpa, chunk, part);

		if (r < 0)
			return r;
		crc = crc32c(crc, chunk, part);
		gpa += part;
		len -= part;
	}
	*sum = crc;
	return 0;
}
