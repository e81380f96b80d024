// SPDX-License-Identifier: BSD-3-Clause
/*
 * arch_probe(): can a stock kernel run here? Some hosts (KVM without VMX or
 * SVM) run a guest's kernel mode in the instruction emulator, which is slow
 * and refuses instructions that every kernel uses. Each probe is a handful of
 * machine code in a VM of its own vCPU; a refusal shows as an internal error.
 *
 * Runs on the caller's thread; a probe's loop is sized by what the one before
 * it took, so nothing here can hang for long.
 */
#include "arch/arch.h"
#include "arch/arch_debug.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/layout.h"
#include "base/clock.h"
#include "base/endian.h"
#include "base/num.h"
#include "kvm/kvm.h"
#include "mem/mem.h"
#include "mem/ram.h"

#define PROBE_RAM   (2 * MIB)
#define PROBE_CODE  0x1000
#define PROBE_DATA  0x2000 /* zeros, aligned for xrstor */
#define PROBE_STACK 0x4000
#define PROBE_PML4  0x5000
#define PROBE_PDPT  0x6000
#define PROBE_PD    0x7000

#define PTE_USER_RW  7u /* present, writable, user */
#define PTE_HUGE     (1u << 7)
#define CR0_PROBE    0x80000033u /* PG NE ET MP PE */
#define CR4_PROBE    0x00040620u /* OSXSAVE OSXMMEXCPT OSFXSR PAE */
#define EFER_LONG    0x500u      /* LMA LME */
#define RFLAGS_IOPL3 0x3002u

#define LOOP_FIRST 2000u     /* rounds; two instructions each */
#define LOOP_MOST  40000000u
#define LOOP_NS    3000000u  /* long enough to measure */

/* RDI points to PROBE_DATA; each ends by writing a port: out 0xf4, al; hlt. */
static const uint8_t insn_int3[] = { 0xcc, 0xe6, 0xf4, 0xf4 };
/* in al, dx */
static const uint8_t insn_in[] = { 0xec, 0xe6, 0xf4, 0xf4 };
static const uint8_t insn_xrstor[] = { 0x31, 0xc0, 0x31, 0xd2, 0x0f, 0xae,
				       0x2f, 0xe6, 0xf4, 0xf4 };
static const uint8_t insn_cmpxchg16b[] = { 0x48, 0x0f, 0xc7, 0x0f,
					   0xe6, 0xf4, 0xf4 };
/* mov [rdi], eax; out 0xf4, al; hlt */
static const uint8_t insn_store[] = { 0x89, 0x07, 0xe6, 0xf4, 0xf4 };
/* mov ecx, N; 1: dec ecx; jnz 1b; out 0xf4, al; hlt */
static const uint8_t insn_loop[] = { 0xb9, 0, 0, 0, 0, 0xff, 0xc9,
				     0x75, 0xfc, 0xe6, 0xf4, 0xf4 };

static const struct {
	const char *name;
	const uint8_t *code;
	size_t len;
} insns[] = {
	{ "int3", insn_int3, sizeof(insn_int3) },
	{ "xrstor", insn_xrstor, sizeof(insn_xrstor) },
	{ "cmpxchg16b", insn_cmpxchg16b, sizeof(insn_cmpxchg16b) },
};

/* One VM with one vCPU, used for all probes. */
struct bench {
	struct kvm_vm vm;
	struct ram ram;
	struct mem mem;
	struct kvm_vcpu vcpu;
	struct kvm_sregs reset; /* the vCPU's state after creation */
};

static int write_tables(const struct mem *mem)
{
	const le64 pml4 = le64_put(PROBE_PDPT | PTE_USER_RW);
	const le64 pdpt = le64_put(PROBE_PD | PTE_USER_RW);
	const le64 pd = le64_put(PTE_USER_RW | PTE_HUGE);
	int r = mem_write(mem, PROBE_PML4, &pml4, sizeof(pml4));

	if (!r)
		r = mem_write(mem, PROBE_PDPT, &pdpt, sizeof(pdpt));
	return r ? r : mem_write(mem, PROBE_PD, &pd, sizeof(pd));
}

static int set_cpuid(struct bench *b, const struct kvm *kvm)
{
	struct kvm_cpuid2 *cpuid;
	int r = kvm_supported_cpuid(kvm, &cpuid);

	if (!r) {
		r = kvm_vcpu_set_cpuid(&b->vcpu, cpuid);
		free(cpuid);
	}
	return r;
}

static int bench_init(struct bench *b, const struct kvm *kvm, struct err *err)
{
	int r;

	memset(b, 0, sizeof(*b));
	b->vm.fd = -1;
	b->vcpu.fd = -1;
	b->ram.fd = -1;
	r = kvm_vm_create(&b->vm, kvm, err);
	if (!r)
		r = ram_create(&b->ram, PROBE_RAM, RAM_PRIVATE, err);
	if (!r)
		r = mem_add(&b->mem, 0, PROBE_RAM, b->ram.hva);
	if (!r)
		r = kvm_vm_add_ram(&b->vm, 0, PROBE_RAM, b->ram.hva, false,
				   err);
	if (!r)
		r = kvm_vm_create_irqchip(&b->vm, KVM_IRQ_AUTO, false,
					  LAYOUT_TSS, LAYOUT_IDENTITY_MAP, err);
	if (!r)
		r = kvm_vcpu_create(&b->vcpu, &b->vm, 0, err);
	if (!r)
		r = set_cpuid(b, kvm);
	if (!r)
		r = kvm_vcpu_get_sregs(&b->vcpu, &b->reset);
	return r ? r : write_tables(&b->mem);
}

static void bench_finish(struct bench *b)
{
	kvm_vcpu_destroy(&b->vcpu);
	kvm_vm_destroy(&b->vm);
	ram_destroy(&b->ram);
}

static struct kvm_segment flat(uint16_t selector, uint8_t type, uint8_t cpl)
{
	return (struct kvm_segment){
		.selector = selector | cpl,
		.limit = 0xffffffff,
		.type = type,
		.present = 1,
		.dpl = cpl,
		.s = 1,
		.g = 1,
		.l = type == 11,
		.db = type != 11,
	};
}

/* Long mode at privilege @cpl, interrupts off, at PROBE_CODE. */
static int set_state(struct bench *b, uint8_t cpl)
{
	struct kvm_sregs sregs = b->reset;
	const struct kvm_regs regs = {
		.rip = PROBE_CODE,
		.rsp = PROBE_STACK,
		.rdi = PROBE_DATA,
		.rflags = RFLAGS_IOPL3,
	};
	int r;

	sregs.cs = flat(0x10, 11, cpl);
	sregs.ss = flat(0x18, 3, cpl);
	sregs.ds = sregs.ss;
	sregs.es = sregs.ss;
	sregs.cr0 = CR0_PROBE;
	sregs.cr3 = PROBE_PML4;
	sregs.cr4 = CR4_PROBE;
	sregs.efer = EFER_LONG;
	r = kvm_vcpu_set_sregs(&b->vcpu, &sregs);
	return r ? r : kvm_vcpu_set_regs(&b->vcpu, &regs);
}

/* Runs @code; the exit reason, or -errno. */
static int run(struct bench *b, const uint8_t *code, size_t len, uint8_t cpl)
{
	int r = mem_write(&b->mem, PROBE_CODE, code, len);

	if (!r)
		r = set_state(b, cpl);
	while (!r) {
		r = kvm_vcpu_run(&b->vcpu);
		if (r == -EINTR || r == -EAGAIN)
			r = 0;
		else
			break;
	}
	return r ? r : (int)b->vcpu.run->exit_reason;
}

/* Thousand instructions a second of an empty loop; 0: it does not run. */
static uint64_t measure(struct bench *b, uint8_t cpl)
{
	uint8_t code[sizeof(insn_loop)];
	uint64_t rounds = LOOP_FIRST;

	memcpy(code, insn_loop, sizeof(code));
	for (;;) {
		le32 n = le32_put((uint32_t)rounds);
		uint64_t start = clock_mono_ns();
		uint64_t took;

		memcpy(code + 1, &n, sizeof(n));
		if (run(b, code, sizeof(code), cpl) != KVM_EXIT_IO)
			return 0;
		took = max_u64(clock_mono_ns() - start, 1);
		if (took >= LOOP_NS || rounds >= LOOP_MOST)
			return rounds * 2 * 1000000 / took;
		rounds = min_u64(rounds * 4, LOOP_MOST);
	}
}

int arch_probe(const struct kvm *kvm, struct arch_probe *probe, struct err *err)
{
	struct bench b;
	int r = bench_init(&b, kvm, err);

	memset(probe, 0, sizeof(*probe));
	if (!r) {
		probe->user_kips = measure(&b, 3);
		probe->kernel_kips = measure(&b, 0);
	}
	/* A shutdown means: the instruction was executed, and trapped into
	 * the interrupt table that this guest does not have. */
	for (size_t i = 0; i < ARRAY_SIZE(insns) && !r; i++) {
		int reason = run(&b, insns[i].code, insns[i].len, 0);

		probe->insn[i].name = insns[i].name;
		probe->insn[i].ok = reason == KVM_EXIT_IO ||
				    reason == KVM_EXIT_SHUTDOWN;
		probe->count++;
		if (reason == KVM_EXIT_SHUTDOWN) { /* the vCPU is spent */
			bench_finish(&b);
			r = bench_init(&b, kvm, err);
		}
	}
	bench_finish(&b);
	return r < 0 ? err_set(err, r, "the probe guest does not run: %s",
			       strerror(-r))
		     : 0;
}

/* A breakpoint in software that KVM does not know is one, too: see
 * arch_vcpu_stop(). */
int arch_probe_break(const struct kvm *kvm, enum vireo_break kind)
{
	struct arch_debug debug = {
		.count = 1,
		.hw = { { kind, PROBE_DATA, 4 } },
	};
	const uint8_t *code = insn_store;
	size_t len = sizeof(insn_store);
	struct bench b;
	int r;

	if (kind == VIREO_BREAK_SOFTWARE) {
		debug = (struct arch_debug){ .soft = true };
		code = insn_int3;
		len = sizeof(insn_int3);
	} else if (kind == VIREO_BREAK_HARDWARE) { /* the second one */
		debug.hw[0] = (struct arch_break){ kind, PROBE_CODE + 2, 1 };
	}
	r = bench_init(&b, kvm, NULL);
	if (!r) /* 0, when KVM refuses, is no exit that counts below */
		r = arch_vcpu_set_debug(&b.vcpu, &debug) < 0 ?
			    0 : run(&b, code, len, 0);
	bench_finish(&b);
	if (r < 0)
		return r;
	return r == KVM_EXIT_DEBUG ||
	       (debug.soft && r == KVM_EXIT_INTERNAL_ERROR);
}

int arch_probe_break_insn(const struct kvm *kvm)
{
	struct arch_state state;
	struct bench b;
	bool stops;
	int r = bench_init(&b, kvm, NULL);

	if (!r)
		r = run(&b, insn_in, sizeof(insn_in), 0);
	stops = r == KVM_EXIT_IO && arch_vcpu_may_stop(&b.vcpu) &&
		arch_vcpu_state(&state, &b.vcpu) == 0 &&
		state.pc == PROBE_CODE;
	bench_finish(&b);
	return r < 0 ? r : stops ? insn_in[0] : 0;
}
