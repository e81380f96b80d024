// SPDX-License-Identifier: BSD-3-Clause
/* See regs.h. Intel SDM volume 3: 3.4.5 descriptors, 4.5 paging, 9.8.5 long
 * mode. */
#include "arch/x86_64/regs.h"

#include <string.h>

#include "arch/x86_64/layout.h"
#include "base/endian.h"
#include "base/num.h"

#define CR0_PE   (1u << 0)
#define CR0_ET   (1u << 4)
#define CR0_PG   (1u << 31)
#define CR4_PAE  (1u << 5)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)

#define PTE_PRESENT 1u
#define PTE_WRITE   2u
#define PTE_HUGE    (1u << 7)

#define MULTIBOOT_MAGIC 0x2badb002u
#define RFLAGS_RESERVED 2u

/* Selectors of the Linux boot protocol: __BOOT_CS and __BOOT_DS. */
#define SEL_CODE 0x10
#define SEL_DATA 0x18
#define SEL_TSS  0x20

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code64)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = 0xffffffff,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = code64,
		.db = !code64,
	};
}

static struct kvm_segment task_segment(void)
{
	return (struct kvm_segment){
		.selector = SEL_TSS,
		.limit = 0x67,
		.type = 11, /* busy TSS */
		.present = 1,
	};
}

/* The 8-byte descriptor of a flat segment (SDM 3.4.5). */
static uint64_t descriptor(const struct kvm_segment *s)
{
	uint64_t limit = s->g ? s->limit >> 12 : s->limit;
	uint64_t access = s->type | (uint64_t)s->s << 4 |
			  (uint64_t)s->present << 7;
	uint64_t flags = (uint64_t)s->l << 1 | (uint64_t)s->db << 2 |
			 (uint64_t)s->g << 3;

	return (limit & 0xffff) | access << 40 | (limit >> 16) << 48 |
	       flags << 52;
}

static int write_gdt(const struct mem *mem, bool code64)
{
	const struct kvm_segment code = segment(SEL_CODE, 11, code64);
	const struct kvm_segment data = segment(SEL_DATA, 3, false);
	const struct kvm_segment tss = task_segment();
	le64 gdt[6] = { 0 };

	gdt[SEL_CODE / 8] = le64_put(descriptor(&code));
	gdt[SEL_DATA / 8] = le64_put(descriptor(&data));
	gdt[SEL_TSS / 8] = le64_put(descriptor(&tss));
	return mem_write(mem, LAYOUT_GDT, gdt, sizeof(gdt));
}

/* One page of 512 entries: entry i is @first + i * @step. */
static int write_table(const struct mem *mem, uint64_t gpa, uint64_t first,
		       uint64_t step, unsigned int count)
{
	le64 table[512] = { 0 };

	for (unsigned int i = 0; i < count; i++)
		table[i] = le64_put(first + i * step);
	return mem_write(mem, gpa, table, sizeof(table));
}

/* The first 4 GiB, mapped one to one by 2 MiB pages. */
static int write_page_tables(const struct mem *mem)
{
	const uint64_t link = PTE_PRESENT | PTE_WRITE;
	int r = write_table(mem, LAYOUT_PML4, LAYOUT_PDPT | link, 0, 1);

	if (!r)
		r = write_table(mem, LAYOUT_PDPT, LAYOUT_PD | link, 4096, 4);
	for (unsigned int i = 0; i < 4 && !r; i++)
		r = write_table(mem, LAYOUT_PD + i * 4096,
				i * GIB | link | PTE_HUGE, 2 * MIB, 512);
	return r;
}

int regs_write_tables(const struct mem *mem, enum boot_entry kind)
{
	int r;

	if (kind == BOOT_ENTRY_REAL)
		return 0;
	r = write_gdt(mem, kind == BOOT_ENTRY_LINUX64);
	if (!r && kind == BOOT_ENTRY_LINUX64)
		r = write_page_tables(mem);
	return r;
}

static void flat_segments(struct kvm_sregs *sregs, bool code64)
{
	sregs->cs = segment(SEL_CODE, 11, code64);
	sregs->ds = segment(SEL_DATA, 3, false);
	sregs->es = sregs->ds;
	sregs->fs = sregs->ds;
	sregs->gs = sregs->ds;
	sregs->ss = sregs->ds;
	sregs->tr = task_segment();
	sregs->gdt.base = LAYOUT_GDT;
	sregs->gdt.limit = 6 * 8 - 1;
	sregs->cr0 = CR0_PE | CR0_ET;
}

static void real_segments(struct kvm_sregs *sregs)
{
	struct kvm_segment *const all[] = { &sregs->cs, &sregs->ds, &sregs->es,
					    &sregs->fs, &sregs->gs,
					    &sregs->ss };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i]->base = 0;
		all[i]->selector = 0;
	}
}

void regs_for_entry(struct kvm_regs *regs, struct kvm_sregs *sregs,
		    const struct arch_entry *entry)
{
	memset(regs, 0, sizeof(*regs));
	regs->rflags = RFLAGS_RESERVED;
	regs->rip = entry->pc;
	switch (entry->kind) {
	case BOOT_ENTRY_LINUX64:
		flat_segments(sregs, true);
		sregs->cr0 |= CR0_PG;
		sregs->cr3 = LAYOUT_PML4;
		sregs->cr4 |= CR4_PAE;
		sregs->efer |= EFER_LME | EFER_LMA;
		regs->rsi = entry->arg;
		regs->rsp = LAYOUT_BOOT_STACK;
		break;
	case BOOT_ENTRY_PVH:
		flat_segments(sregs, false);
		regs->rbx = entry->arg;
		break;
	case BOOT_ENTRY_MULTIBOOT:
		flat_segments(sregs, false);
		regs->rax = MULTIBOOT_MAGIC;
		regs->rbx = entry->arg;
		break;
	case BOOT_ENTRY_REAL:
		real_segments(sregs);
		regs->rsp = LAYOUT_FLAT;
		break;
	}
}
