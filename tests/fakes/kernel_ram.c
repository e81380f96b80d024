// SPDX-License-Identifier: BSD-3-Clause
/* See kernel_ram.h. */
#include "kernel_ram.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"

#define PRESENT 1
#define IS_PAGE 0x80
#define ADDRESS UINT64_C(0x000ffffffffff000)

void kernel_ram_init(struct kernel_ram *k, unsigned int levels)
{
	struct err err;

	memset(k, 0, sizeof(*k));
	if (ram_create(&k->ram, RAM_SIZE, RAM_PRIVATE, &err) < 0 ||
	    mem_add(&k->mem, 0, RAM_SIZE, k->ram.hva) < 0)
		abort();
	k->next = TABLES + 4096;
	k->state.root = TABLES | 0x18; /* bits that do not count */
	k->state.levels = levels;
}

void kernel_ram_finish(struct kernel_ram *k)
{
	ram_destroy(&k->ram);
}

void kernel_ram_write_u64(struct kernel_ram *k, uint64_t gpa, uint64_t value)
{
	le64 v = le64_put(value);

	if (mem_write(&k->mem, gpa, &v, sizeof(v)) < 0)
		abort();
}

static uint64_t read_u64(struct kernel_ram *k, uint64_t gpa)
{
	le64 v;

	if (mem_read(&k->mem, &v, gpa, sizeof(v)) < 0)
		abort();
	return le64_get(v);
}

void kernel_ram_map(struct kernel_ram *k, uint64_t va, uint64_t gpa)
{
	uint64_t table = TABLES;

	for (unsigned int level = k->state.levels; level > 2; level--) {
		uint64_t at = table + 8 * (va >> (12 + 9 * (level - 1)) & 511);

		if (!read_u64(k, at)) {
			kernel_ram_write_u64(k, at, k->next | PRESENT);
			k->next += 4096;
		}
		table = read_u64(k, at) & ADDRESS;
	}
	kernel_ram_write_u64(k, table + 8 * (va >> 21 & 511),
			     gpa | PRESENT | IS_PAGE);
}

void kernel_ram_map_kernel(struct kernel_ram *k)
{
	for (uint64_t at = 0; at < TEXT_SIZE; at += LARGE)
		kernel_ram_map(k, TEXT_VA + at, TEXT_GPA + at);
	for (uint64_t at = 0; at < RAM_SIZE; at += LARGE)
		kernel_ram_map(k, DIRECT_VA + at, at);
}

void kernel_ram_write(struct kernel_ram *k, uint64_t va, const void *bytes,
		      size_t len)
{
	if (mem_write(&k->mem, va - TEXT_VA + TEXT_GPA, bytes, len) < 0)
		abort();
}
