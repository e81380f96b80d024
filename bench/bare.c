// SPDX-License-Identifier: BSD-3-Clause
/* See bare.h. */
#include "bare.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CPUID_LEAVES 128

int check(int r, const char *what)
{
	if (r >= 0)
		return r;
	perror(what);
	exit(125);
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double part_of(double *v, size_t n, double part)
{
	qsort(v, n, sizeof(*v), compare);
	return v[(size_t)(part * (double)(n - 1))];
}

static void add_irqchip(int vm, enum bare_irqchip kind)
{
	const struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP,
					      .args = { 24 } };
	const struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (kind == BARE_SPLIT)
		check(ioctl(vm, KVM_ENABLE_CAP, &split), "split irqchip");
	if (kind == BARE_FULL || kind == BARE_PIT)
		check(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "irqchip");
	if (kind == BARE_PIT)
		check(ioctl(vm, KVM_CREATE_PIT2, &pit), "PIT");
}

void bare_open(struct bare *b, uint64_t size, uint32_t flags,
	       enum bare_irqchip irqchip)
{
	struct kvm_userspace_memory_region region = { .flags = flags,
						      .memory_size = size };
	uint64_t identity = 0xfeffc000;

	b->kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	b->vm = check(ioctl(b->kvm, KVM_CREATE_VM, 0UL), "KVM_CREATE_VM");
	b->size = size;
	b->ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(b->ram == MAP_FAILED ? -1 : 0, "mmap");
	region.userspace_addr = (uintptr_t)b->ram;
	check(ioctl(b->vm, KVM_SET_USER_MEMORY_REGION, &region), "RAM");
	check(ioctl(b->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity), "identity");
	check(ioctl(b->vm, KVM_SET_TSS_ADDR, 0xfeffd000UL), "TSS");
	add_irqchip(b->vm, irqchip);
}

void bare_add_vcpu(struct bare *b)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) +
		       CPUID_LEAVES * sizeof(cpuid->entries[0]));

	b->vcpu = check(ioctl(b->vm, KVM_CREATE_VCPU, 0UL), "KVM_CREATE_VCPU");
	b->run_size = (size_t)check(ioctl(b->kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
				    "KVM_GET_VCPU_MMAP_SIZE");
	b->run = mmap(NULL, b->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      b->vcpu, 0);
	check(b->run == MAP_FAILED || !cpuid ? -1 : 0, "mmap");
	cpuid->nent = CPUID_LEAVES;
	check(ioctl(b->kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "CPUID");
	check(ioctl(b->vcpu, KVM_SET_CPUID2, cpuid), "CPUID");
	free(cpuid);
}

void bare_set_real_mode(struct bare *b)
{
	struct kvm_regs regs = { .rip = BARE_LOAD, .rsp = BARE_LOAD,
				 .rflags = 2 };
	struct kvm_sregs sregs;

	check(ioctl(b->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	check(ioctl(b->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	check(ioctl(b->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

void bare_close(struct bare *b)
{
	munmap(b->run, b->run_size);
	munmap(b->ram, b->size);
	close(b->vcpu);
	close(b->vm);
	close(b->kvm);
}

void bare_run(struct bare *b)
{
	check(ioctl(b->vcpu, KVM_RUN, 0), "KVM_RUN");
	if (b->run->exit_reason != KVM_EXIT_IO)
		exit(119);
}
