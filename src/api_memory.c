// SPDX-License-Identifier: BSD-3-Clause
/* The public functions for guest memory. As api.c. */
#include <errno.h>
#include <stdlib.h>

#include "api.h"
#include "base/crc32c.h"
#include "base/num.h"
#include "vm_build.h"

#define CHUNK 4096u /* of a checksum */

/* Locks the machine's memory; VIREO_ESTATE: there is none. */
static int begin(struct vireo_vm *vm)
{
	int r = api_check_vm(vm);

	if (r < 0)
		return r;
	return vm_take_machine(vm) ? 0 : VIREO_ESTATE;
}

static int end(struct vireo_vm *vm, int r)
{
	vm_give_machine(vm);
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

/* ---- dirty pages ---- */

int vireo_memory_track(struct vireo_vm *vm)
{
	int r = api_check_vm(vm);

	if (r < 0)
		return r;
	r = VIREO_ESTATE;
	if (vm_is_own_thread(vm))
		return VIREO_ESTATE;
	pthread_mutex_lock(&vm->board_lock);
	if (vm->board.ram.hva) {
		r = board_track(&vm->board) < 0 ? VIREO_EHOST : 0;
		vm->tracked = r == 0;
	}
	pthread_mutex_unlock(&vm->board_lock);
	return r;
}

struct run {
	uint64_t gpa;
	uint64_t size;
};

struct runs {
	size_t count, room;
	struct run *run; /* owned */
};

static int add_page(struct runs *runs, uint64_t gpa)
{
	struct run *last = runs->count ? &runs->run[runs->count - 1] : NULL;

	if (last && last->gpa + last->size == gpa) {
		last->size += DIRTY_PAGE;
		return 0;
	}
	if (runs->count == runs->room) {
		size_t room = runs->room ? 2 * runs->room : 64;
		struct run *more = realloc(runs->run, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		runs->run = more;
		runs->room = room;
	}
	runs->run[runs->count++] = (struct run){ gpa, DIRTY_PAGE };
	return 0;
}

/* What KVM and we have noted of a region. */
static int add_region(struct runs *runs, struct vireo_vm *vm,
		      const struct mem_region *region)
{
	struct dirty *ours = atomic_load(&region->dirty);
	uint64_t words = dirty_words(region->size / DIRTY_PAGE);
	uint64_t *bits = calloc(words, sizeof(*bits));
	int r = !bits ? -ENOMEM : !ours ? -EBUSY :
		kvm_vm_get_dirty(&vm->board.kvm, region->gpa, bits);

	for (uint64_t i = 0; i < words && !r; i++) {
		uint64_t word = bits[i] | dirty_take(ours, i);

		if (vm->all_dirty)
			word = UINT64_MAX;
		for (unsigned int b = 0; b < 64 && word >> b && !r; b++) {
			uint64_t page = 64 * i + b;

			if (word >> b & 1 && page < ours->pages)
				r = add_page(runs, region->gpa +
						   page * DIRTY_PAGE);
		}
	}
	free(bits);
	return r;
}

int vireo_memory_dirty(struct vireo_vm *vm,
		       void (*fn)(void *ctx, uint64_t gpa, uint64_t length),
		       void *ctx)
{
	struct runs runs = { 0 };
	int r = fn ? api_check_vm(vm) : VIREO_EINVAL;

	if (r < 0)
		return r;
	if (vm_is_own_thread(vm))
		return VIREO_ESTATE;
	pthread_mutex_lock(&vm->board_lock);
	if (!vm->tracked || !vm->board.ram.hva)
		r = -EBUSY;
	for (unsigned int i = 0; i < vm->board.mem.count && !r; i++)
		r = add_region(&runs, vm, &vm->board.mem.region[i]);
	for (unsigned int i = 0; i < vm->board.lent.count && !r; i++)
		r = add_region(&runs, vm, &vm->board.lent.region[i]);
	if (!r)
		vm->all_dirty = false;
	else if (r != -EBUSY)
		vm->all_dirty = true; /* what was taken is not told */
	pthread_mutex_unlock(&vm->board_lock);
	for (size_t i = 0; i < runs.count && !r; i++)
		fn(ctx, runs.run[i].gpa, runs.run[i].size);
	free(runs.run);
	return r < 0 ? api_code(r) : 0;
}
