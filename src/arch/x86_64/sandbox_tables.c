// SPDX-License-Identifier: BSD-3-Clause
/*
 * A sandbox's system area: page tables, descriptors, stubs. Intel SDM volume 3:
 * 4.5 paging, 7.7 TSS, 6.14 IDT; volume 1, 19.5.2 I/O bitmap.
 *
 * Accessed and dirty are set everywhere from the start, so that the CPU never
 * writes to a page table.
 */
#include "arch/arch_sandbox.h"

#include <errno.h>
#include <string.h>

#include "arch/x86_64/sandbox_map.h"
#include "base/endian.h"
#include "base/num.h"

#define PAGE       ARCH_SANDBOX_PAGE
#define PAGE_LARGE (2 * MIB)
#define LEVELS     4

#define PTE_PRESENT (UINT64_C(1) << 0)
#define PTE_WRITE   (UINT64_C(1) << 1)
#define PTE_USER    (UINT64_C(1) << 2)
#define PTE_USED    (UINT64_C(3) << 5) /* accessed, dirty */
#define PTE_LARGE   (UINT64_C(1) << 7)
#define PTE_NX      (UINT64_C(1) << 63)
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)

/* In the order of the struct of firmware/lib/sandbox/sandbox.h. */
#define INFO_VERSION 1

struct tables {
	const struct mem *mem;
	uint64_t root;
	uint64_t next; /* a page that is not used yet; they hold zeros */
};

/* Root, three for the gate, three for the high half; one per GiB, one for each
 * 2 MiB at worst. */
uint64_t arch_sandbox_system_size(uint64_t memory)
{
	uint64_t tables = 1 + 3 + 3 + memory / GIB + 1 +
			  memory / PAGE_LARGE + 1;

	return MAP_TABLES + tables * PAGE;
}

static int put(const struct tables *t, uint64_t table, unsigned int i,
	       uint64_t entry)
{
	const le64 v = le64_put(entry);

	return mem_write(t->mem, table + i * 8, &v, sizeof(v));
}

/* The table that @table's entry @i leads to, made when there is none. */
static int descend(struct tables *t, uint64_t table, unsigned int i,
		   uint64_t *next)
{
	le64 old;
	int r = mem_read(t->mem, &old, table + i * 8, sizeof(old));

	*next = le64_get(old) & PTE_ADDRESS;
	if (r < 0 || *next)
		return r;
	*next = t->next;
	t->next += PAGE;
	/* The rights are those of the last level. */
	return put(t, table, i,
		   *next | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_USED);
}

static int map_one(struct tables *t, uint64_t va, uint64_t entry, bool large)
{
	uint64_t table = t->root;
	int last = large ? 1 : 0;
	int r = 0;

	for (int level = LEVELS - 1; level > last && !r; level--)
		r = descend(t, table, va >> (12 + 9 * level) & 511, &table);
	return r ? r : put(t, table, va >> (12 + 9 * last) & 511, entry);
}

/* [va, va+size) is [gpa, gpa+size), with large pages where they fit. */
static int map(struct tables *t, uint64_t va, uint64_t gpa, uint64_t size,
	       uint64_t rights)
{
	int r = 0;

	for (uint64_t at = 0, step; at < size && !r; at += step) {
		bool large = !((va + at) % PAGE_LARGE) &&
			     !((gpa + at) % PAGE_LARGE) &&
			     size - at >= PAGE_LARGE;

		step = large ? PAGE_LARGE : PAGE;
		r = map_one(t, va + at,
			    (gpa + at) | rights | PTE_PRESENT | PTE_USED |
				    (large ? PTE_LARGE : 0),
			    large);
	}
	return r;
}

/* One of our own pages, for the privileged side only. */
static int map_system(struct tables *t, uint64_t offset, uint64_t rights)
{
	return map(t, MAP_HIGH + offset, ARCH_SANDBOX_SYSTEM + offset, PAGE,
		   rights);
}

static int write_page_tables(const struct mem *mem,
			     const struct arch_sandbox_area *area,
			     unsigned int count)
{
	const uint64_t root = ARCH_SANDBOX_SYSTEM + MAP_TABLES;
	struct tables t = { mem, root, root + PAGE };
	int r = map(&t, ARCH_SANDBOX_SYSTEM, ARCH_SANDBOX_SYSTEM, PAGE,
		    PTE_USER);

	for (unsigned int i = 0; i < count && !r; i++)
		r = map(&t, area[i].start, area[i].start, area[i].size,
			PTE_USER | (area[i].write ? PTE_WRITE : 0) |
				(area[i].exec ? 0 : PTE_NX));
	if (!r)
		r = map_system(&t, MAP_GDT, PTE_NX);
	if (!r)
		r = map_system(&t, MAP_TSS, PTE_NX);
	if (!r)
		r = map_system(&t, MAP_IDT, PTE_NX);
	if (!r)
		r = map_system(&t, MAP_STUBS, 0);
	return r ? r : map_system(&t, MAP_STACK, PTE_NX | PTE_WRITE);
}

static int write_gate(const struct mem *mem,
		      const struct arch_sandbox_info *info)
{
	/* out %al, $PORT_RETURN; ud2: there is nothing to come back to */
	static const uint8_t code[] = { 0xe6, PORT_RETURN, 0x0f, 0x0b };
	const le64 words[] = {
		le64_put(INFO_VERSION),
		le64_put(info->heap),
		le64_put(info->heap_size),
		le64_put(info->buffer_size),
	};
	int r = mem_write(mem, ARCH_SANDBOX_SYSTEM + MAP_GATE, code,
			  sizeof(code));

	return r ? r
		 : mem_write(mem, ARCH_SANDBOX_SYSTEM + MAP_GATE_INFO, words,
			     sizeof(words));
}

/* What the CPU loads by itself: code for the stubs, with the accessed bit set
 * (SDM 3.4.5), and the TSS. There is nothing that the guest could load: no far
 * jump leads anywhere, and no MOV SS puts off a debug exception until we are
 * out of the guest, or on the privileged side with the guest's stack. */
static int write_gdt(const struct mem *mem)
{
	const uint64_t tss = MAP_HIGH + MAP_TSS;
	le64 gdt[(GDT_LIMIT + 1) / 8];

	memset(gdt, 0, sizeof(gdt));
	gdt[SEL_KERNEL_CODE / 8] = le64_put(0x00af9b000000ffff); /* 64 bits */
	gdt[SEL_TASK / 8] = le64_put(TSS_LIMIT | (tss & 0xffffff) << 16 |
				     UINT64_C(0x8b) << 40 |
				     (tss >> 24 & 0xff) << 56);
	gdt[SEL_TASK / 8 + 1] = le64_put(tss >> 32);
	return mem_write(mem, ARCH_SANDBOX_SYSTEM + MAP_GDT, gdt, sizeof(gdt));
}

/* The stack of the stubs, and two open ports. */
static int write_tss(const struct mem *mem)
{
	const le64 rsp0 = le64_put(MAP_HIGH + MAP_STACK_TOP);
	const le16 bitmap = le16_put(TSS_SIZE);
	uint8_t tss[TSS_LIMIT + 1] = { 0 };

	memcpy(tss + 4, &rsp0, sizeof(rsp0));
	memcpy(tss + 102, &bitmap, sizeof(bitmap));
	memset(tss + TSS_SIZE, 0xff, sizeof(tss) - TSS_SIZE);
	tss[TSS_SIZE + PORT_RETURN / 8] &= (uint8_t)~(1u << PORT_RETURN % 8);
	tss[TSS_SIZE + PORT_CALL / 8] &= (uint8_t)~(1u << PORT_CALL % 8);
	return mem_write(mem, ARCH_SANDBOX_SYSTEM + MAP_TSS, tss, sizeof(tss));
}

/* Interrupt gates; only int3 may be raised by an INT instruction of its own,
 * any other is #GP. */
static int write_vectors(const struct mem *mem)
{
	/* out %al, $PORT_STUB; hlt: nobody lets it go on */
	static const uint8_t code[] = { 0xe6, PORT_STUB, 0xf4 };
	uint8_t stubs[(MAP_VECTORS + 1) * MAP_STUB_SIZE] = { 0 };
	le64 idt[2 * MAP_VECTORS];
	int r;

	for (unsigned int i = 0; i <= MAP_VECTORS; i++)
		memcpy(stubs + i * MAP_STUB_SIZE, code, sizeof(code));
	for (unsigned int i = 0; i < MAP_VECTORS; i++) {
		uint64_t to = MAP_HIGH + MAP_STUBS + i * MAP_STUB_SIZE;
		uint64_t access = i == 3 ? 0xee : 0x8e;

		idt[2 * i] = le64_put((to & 0xffff) | SEL_KERNEL_CODE << 16 |
				      access << 40 | (to >> 16 & 0xffff) << 48);
		idt[2 * i + 1] = le64_put(to >> 32);
	}
	r = mem_write(mem, ARCH_SANDBOX_SYSTEM + MAP_IDT, idt, sizeof(idt));
	return r ? r
		 : mem_write(mem, ARCH_SANDBOX_SYSTEM + MAP_STUBS, stubs,
			     sizeof(stubs));
}

int arch_sandbox_write(const struct mem *mem,
		       const struct arch_sandbox_area *area, unsigned int count,
		       const struct arch_sandbox_info *info)
{
	int r = write_page_tables(mem, area, count);

	if (!r)
		r = write_gate(mem, info);
	if (!r)
		r = write_gdt(mem);
	if (!r)
		r = write_tss(mem);
	return r ? r : write_vectors(mem);
}

uint64_t arch_sandbox_gate(void)
{
	return ARCH_SANDBOX_SYSTEM + MAP_GATE;
}
