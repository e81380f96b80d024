// SPDX-License-Identifier: BSD-3-Clause
/*
 * What an x86-64 vCPU was doing, for reports about a guest that went wrong: its
 * registers, as names and as a core file has them, and where its kernel lies.
 */
#include "arch/arch.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "arch/x86_64/walk.h"
#include "base/endian.h"
#include "base/num.h"
#include "kvm/kvm.h"

#define CR0_PE   (UINT64_C(1) << 0)
#define CR0_PG   (UINT64_C(1) << 31)
#define CR4_LA57 (UINT64_C(1) << 12)
#define EFER_LMA (UINT64_C(1) << 10)
#define NOT_WALKED 1u /* paging of 32 bits */

static void put(struct arch_state *s, const char *name, uint64_t value)
{
	s->reg[s->registers++] = (struct arch_register){ name, value };
}

static void put_regs(struct arch_state *s, const struct kvm_regs *r)
{
	const struct arch_register list[] = {
		{ "rip", r->rip }, { "rsp", r->rsp }, { "rflags", r->rflags },
		{ "rax", r->rax }, { "rbx", r->rbx }, { "rcx", r->rcx },
		{ "rdx", r->rdx }, { "rsi", r->rsi }, { "rdi", r->rdi },
		{ "rbp", r->rbp }, { "r8", r->r8 },   { "r9", r->r9 },
		{ "r10", r->r10 }, { "r11", r->r11 }, { "r12", r->r12 },
		{ "r13", r->r13 }, { "r14", r->r14 }, { "r15", r->r15 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		put(s, list[i].name, list[i].value);
}

static void put_sregs(struct arch_state *s, const struct kvm_sregs *r)
{
	const struct arch_register list[] = {
		{ "cr0", r->cr0 },          { "cr2", r->cr2 },
		{ "cr3", r->cr3 },          { "cr4", r->cr4 },
		{ "efer", r->efer },        { "cs", r->cs.selector },
		{ "ss", r->ss.selector },   { "ds", r->ds.selector },
		{ "es", r->es.selector },   { "fs", r->fs.selector },
		{ "gs", r->gs.selector },   { "fs_base", r->fs.base },
		{ "gs_base", r->gs.base },
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		put(s, list[i].name, list[i].value);
}

int arch_vcpu_state(struct arch_state *s, struct kvm_vcpu *vcpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	int r = kvm_vcpu_get_regs(vcpu, &regs);

	memset(s, 0, sizeof(*s));
	if (!r)
		r = kvm_vcpu_get_sregs(vcpu, &sregs);
	if (r < 0)
		return r;
	s->pc = sregs.cs.base + regs.rip;
	s->sp = sregs.ss.base + regs.rsp;
	s->user = sregs.cr0 & CR0_PE && sregs.ss.dpl == 3;
	s->root = sregs.cr3;
	if (sregs.cr0 & CR0_PG)
		s->levels = sregs.efer & EFER_LMA
				    ? (sregs.cr4 & CR4_LA57 ? 5 : 4)
				    : NOT_WALKED;
	put_regs(s, &regs);
	put_sregs(s, &sregs);
	return 0;
}

uint64_t arch_state_register(const struct arch_state *s, const char *name)
{
	for (unsigned int i = 0; i < s->registers; i++)
		if (!strcmp(s->reg[i].name, name))
			return s->reg[i].value;
	return 0;
}

/* ---- for a core file ---- */

/* struct elf_prstatus of x86-64, and struct user_regs_struct inside of it. */
#define PRSTATUS_PID 32
#define PRSTATUS_REG 112

uint16_t arch_elf_machine(void)
{
	return EM_X86_64;
}

void arch_state_prstatus(uint8_t out[ARCH_PRSTATUS],
			 const struct arch_state *s, unsigned int id)
{
	static const char *const order[] = {
		"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9",
		"r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax", "rip",
		"cs", "rflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es",
		"fs", "gs",
	};
	le32 pid = le32_put(id + 1); /* 0 would be no thread to gdb */

	_Static_assert(PRSTATUS_REG + 8 * ARRAY_SIZE(order) <= ARCH_PRSTATUS,
		       "the registers fit");
	memset(out, 0, ARCH_PRSTATUS);
	memcpy(out + PRSTATUS_PID, &pid, sizeof(pid));
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		le64 v = le64_put(arch_state_register(s, order[i]));

		memcpy(out + PRSTATUS_REG + 8 * i, &v, sizeof(v));
	}
}

/* ---- addresses ---- */

int arch_state_translate(const struct arch_state *s, const struct mem *mem,
			 uint64_t va, uint64_t *gpa, uint64_t *len)
{
	const struct walk walk = { mem, s->root, s->levels };

	if (s->levels == NOT_WALKED)
		return -ENOTSUP;
	if (s->levels)
		return walk_address(&walk, va, gpa, len);
	*gpa = va;
	*len = mem_is_ram(mem, va, 1) ? 4096 - va % 4096 : 0;
	return *len ? 0 : -EFAULT;
}

int arch_state_read(const struct arch_state *s, const struct mem *mem,
		    void *dst, uint64_t va, uint64_t len)
{
	uint8_t *to = dst;

	while (len) {
		uint64_t gpa, part;
		int r = arch_state_translate(s, mem, va, &gpa, &part);

		if (r < 0)
			return r;
		part = min_u64(part, len);
		if (mem_read(mem, to, gpa, part) < 0)
			return -EFAULT;
		to += part;
		va += part;
		len -= part;
	}
	return 0;
}

/* E8 and a distance; FF /2 with a register (41 before it: r8 to r15), or with
 * an address relative to the program counter (Intel SDM, volume 2, CALL). */
bool arch_state_is_return(const struct arch_state *s, const struct mem *mem,
			  uint64_t va)
{
	uint8_t code[6]; /* what comes before @va */

	if (arch_state_read(s, mem, code, va - sizeof(code), sizeof(code)) < 0)
		return false;
	return code[1] == 0xe8 || (code[0] == 0xff && code[1] == 0x15) ||
	       (code[4] == 0xff && (code[5] & 0xf8) == 0xd0);
}
