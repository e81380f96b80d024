// SPDX-License-Identifier: BSD-3-Clause
/*
 * One x86-64 vCPU: its features and first registers, the exits that only
 * x86 has, and its state in words when something went wrong.
 */
#include "arch/arch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/regs.h"
#include "base/endian.h"
#include "base/num.h"
#include "board/board.h"
#include "devices/ioapic.h"

#define MSR_MISC_ENABLE     0x1a0
#define MISC_FAST_STRING    1u
#define MSR_MTRR_DEF_TYPE   0x2ff
#define MTRR_ON_WRITE_BACK  (1u << 11 | 6)
#define LAPIC_LVT0          0x350
#define LAPIC_LVT1          0x360
#define LVT_EXTINT          0x700
#define LVT_NMI             0x400
#define CODE_BYTES          16

static int set_cpuid(const struct board *board, struct kvm_vcpu *vcpu)
{
	size_t size = sizeof(*board->cpuid) +
		      (board->cpuid->nent + KVM_CPUID_SPARE) *
			      sizeof(board->cpuid->entries[0]);
	struct kvm_cpuid2 *copy = calloc(1, size);
	int r;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, board->cpuid,
	       sizeof(*copy) +
		       board->cpuid->nent * sizeof(copy->entries[0]));
	cpuid_set_topology(copy, vcpu->id, board->cfg->cpus);
	r = kvm_vcpu_set_cpuid(vcpu, copy);
	free(copy);
	return r;
}

/* What firmware would have left: fast strings and write-back memory. Not every
 * KVM takes every MSR, and no guest depends on these. */
static void set_msrs(const struct board *board, struct kvm_vcpu *vcpu)
{
	const struct kvm_msr_entry msrs[] = {
		{ .index = MSR_MISC_ENABLE, .data = MISC_FAST_STRING },
		{ .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ON_WRITE_BACK },
	};
	unsigned int bad;

	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		if (kvm_vcpu_set_msrs(vcpu, &msrs[i], 1, &bad) < 0)
			log_debug(board->log, "vcpu%u: KVM refuses MSR %#x",
				  vcpu->id, msrs[i].index);
}

/* Virtual wire mode: the PIC through LINT0 of the first CPU, NMI by LINT1
 * (MultiProcessor Specification 1.4, 3.6.2.2). */
static int set_lapic(struct kvm_vcpu *vcpu)
{
	struct kvm_lapic_state state;
	int r = kvm_vcpu_get_lapic(vcpu, &state);
	le32 lint0 = le32_put(LVT_EXTINT);
	le32 lint1 = le32_put(LVT_NMI);

	if (r < 0)
		return r;
	if (vcpu->id == 0)
		memcpy(&state.regs[LAPIC_LVT0], &lint0, sizeof(lint0));
	memcpy(&state.regs[LAPIC_LVT1], &lint1, sizeof(lint1));
	return kvm_vcpu_set_lapic(vcpu, &state);
}

static int set_entry(struct kvm_vcpu *vcpu, const struct arch_entry *entry)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	int r = kvm_vcpu_get_sregs(vcpu, &sregs);

	if (r < 0)
		return r;
	regs_for_entry(&regs, &sregs, entry);
	r = kvm_vcpu_set_sregs(vcpu, &sregs);
	return r ? r : kvm_vcpu_set_regs(vcpu, &regs);
}

int arch_vcpu_init(const struct board *board, struct kvm_vcpu *vcpu,
		   const struct arch_entry *entry, struct err *err)
{
	int r = set_cpuid(board, vcpu);

	if (!r) {
		set_msrs(board, vcpu);
		r = set_lapic(vcpu);
	}
	if (!r && entry)
		r = set_entry(vcpu, entry);
	return r < 0 ? err_set(err, r, "vCPU %u: KVM refuses its state: %s",
			       vcpu->id, strerror(-r))
		     : 0;
}

bool arch_vcpu_exit(struct board *board, struct kvm_vcpu *vcpu)
{
	if (vcpu->run->exit_reason != KVM_EXIT_IOAPIC_EOI || !board->ioapic)
		return false;
	ioapic_eoi(board->ioapic, vcpu->run->eoi.vector);
	return true;
}

/* The bytes at the program counter. Without the guest's page tables only a
 * one-to-one mapping can be read; Linux' own can be recognised. */
static void describe_code(const struct board *board,
			  const struct kvm_regs *regs,
			  const struct kvm_sregs *sregs, char *text, size_t cap)
{
	uint64_t gpa = sregs->cs.base + regs->rip;
	uint8_t code[CODE_BYTES];
	size_t used = 0;

	if (!mem_is_ram(&board->mem, gpa, sizeof(code)))
		return;
	mem_read(&board->mem, code, gpa, sizeof(code));
	used += (size_t)snprintf(text, cap, "\ncode ");
	for (size_t i = 0; i < sizeof(code) && used + 4 < cap; i++)
		used += (size_t)snprintf(text + used, cap - used, " %02x",
					 code[i]);
}

void arch_vcpu_describe(const struct board *board, struct kvm_vcpu *vcpu,
			char *text, size_t cap)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	size_t used;

	text[0] = '\0';
	if (kvm_vcpu_get_regs(vcpu, &regs) < 0 ||
	    kvm_vcpu_get_sregs(vcpu, &sregs) < 0)
		return;
	snprintf(text, cap,
		 "vcpu%u rip %#llx rsp %#llx rflags %#llx cpl %u\n"
		 "      cr0 %#llx cr2 %#llx cr3 %#llx cr4 %#llx efer %#llx",
		 vcpu->id, (unsigned long long)regs.rip,
		 (unsigned long long)regs.rsp, (unsigned long long)regs.rflags,
		 sregs.ss.dpl, (unsigned long long)sregs.cr0,
		 (unsigned long long)sregs.cr2, (unsigned long long)sregs.cr3,
		 (unsigned long long)sregs.cr4, (unsigned long long)sregs.efer);
	used = strlen(text);
	if (used < cap)
		describe_code(board, &regs, &sregs, text + used, cap - used);
}
