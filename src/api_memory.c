// SPDX-License-Identifier: BSD-3-Clause
/* The public functions for guest memory. As api.c. */
#include <errno.h>

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

int vireo_memory_region(struct vireo_vm *vm, size_t index,
			struct vireo_region *region)
{
	int r = region ? begin(vm) : VIREO_EINVAL;
	const struct board *b;

	if (r < 0)
		return r;
	b = &vm->board;
	if (index >= b->readable.count)
		return end(vm, -1);
	region->gpa = b->readable.region[index].gpa;
	region->size = b->readable.region[index].size;
	region->read_only = !mem_is_ram(&b->writable, region->gpa, 1);
	region->lent = !mem_is_ram(&b->mem, region->gpa, 1);
	return end(vm, 0);
}

int vireo_memory_read(struct vireo_vm *vm, uint64_t gpa, void *buf, size_t len)
{
	int r = buf || !len ? begin(vm) : VIREO_EINVAL;

	return r < 0 ? r : end(vm, mem_read(&vm->board.readable, buf, gpa,
					    len));
}

int vireo_memory_write(struct vireo_vm *vm, uint64_t gpa, const void *buf,
		       size_t len)
{
	int r = buf || !len ? begin(vm) : VIREO_EINVAL;

	return r < 0 ? r : end(vm, mem_write(&vm->board.writable, gpa, buf,
					     len));
}

int vireo_memory_fill(struct vireo_vm *vm, uint64_t gpa, uint8_t byte,
		      uint64_t len)
{
	int r = begin(vm);

	return r < 0 ? r : end(vm, mem_fill(&vm->board.writable, gpa, byte,
					    len));
}

/* Reads memory of that machine and no other. */
static int read_of(struct vireo_vm *vm, unsigned int machine, uint64_t gpa,
		   void *buf, size_t len)
{
	int r = begin(vm);

	if (r < 0)
		return r;
	if (vm->board.machine == machine)
		return end(vm, mem_read(&vm->board.readable, buf, gpa, len));
	end(vm, 0);
	return VIREO_ESTATE;
}

/* It may take seconds: between two chunks a reset has its turn. */
int vireo_memory_checksum(struct vireo_vm *vm, uint64_t gpa, uint64_t len,
			  uint32_t *sum)
{
	int r = sum ? begin(vm) : VIREO_EINVAL;
	unsigned int machine;
	uint8_t chunk[CHUNK];
	uint32_t crc = 0;

	if (r < 0)
		return r;
	machine = vm->board.machine;
	r = end(vm, mem_is_ram(&vm->board.readable, gpa, len) ? 0 : -1);
	while (len && !r) {
		size_t part = (size_t)min_u64(len, sizeof(chunk));

		r = read_of(vm, machine, gpa, chunk, part);
		if (!r)
			crc = crc32c(crc, chunk, part);
		gpa += part;
		len -= part;
	}
	if (!r)
		*sum = crc;
	return r;
}

/* ---- dirty pages ---- */

int vireo_memory_track(struct vireo_vm *vm)
{
	int r = api_check_vm(vm);

	if (r < 0)
		return r;
	if (vm_is_own_thread(vm))
		return VIREO_ESTATE;
	pthread_mutex_lock(&vm->board_lock);
	r = VIREO_ESTATE;
	if (vm->board.ram.hva) {
		r = board_track(&vm->board, false) < 0 ? VIREO_EHOST : 0;
		vm->tracked = r == 0;
	}
	pthread_mutex_unlock(&vm->board_lock);
	return r;
}

int vireo_memory_dirty(struct vireo_vm *vm,
		       void (*fn)(void *ctx, uint64_t gpa, uint64_t length),
		       void *ctx)
{
	int r = fn ? api_check_vm(vm) : VIREO_EINVAL;
	struct board_dirty dirty;

	if (r < 0)
		return r;
	if (vm_is_own_thread(vm))
		return VIREO_ESTATE;
	pthread_mutex_lock(&vm->board_lock);
	r = vm->tracked ? board_take_dirty(&vm->board, &dirty) : -EBUSY;
	pthread_mutex_unlock(&vm->board_lock);
	if (r < 0)
		return api_code(r);
	board_tell_dirty(&dirty, fn, ctx);
	return 0;
}
