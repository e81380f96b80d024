// SPDX-License-Identifier: BSD-3-Clause
/*
 * Bare sandboxes against bare ioctls, in one process and in turn: a call with 1
 * KiB in and 1 KiB out against an exit from CPL 3 and back; a reset after 64
 * written pages against reading KVM's dirty log and copying 64 pages.
 *
 * sandbox PROGRAM: firmware/sandbox.elf. A line for each: name, bare ns, vireo
 * ns; medians.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vireo.h"

#define SIZE   (16u << 20) /* the sandbox's default */
#define CODE   0x10000
#define DATA   0x200000
#define TABLES 0x1000
#define PAGES  64
#define ROUNDS 400
#define CALLS  10 /* in a round */

struct bare {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	uint8_t *ram;
	uint8_t *fresh;
	uint64_t log[SIZE / 4096 / 64];
};

static int check(int r, const char *what)
{
	if (r >= 0)
		return r;
	perror(what);
	exit(125);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* 1: out %al, $0xe0; then 64 pages written; jmp 1b */
static const uint8_t code[] = {
	0xe6, 0xe0, 0xb9, PAGES, 0, 0, 0, 0xbf, 0, 0, 0x20, 0,
	0xc6, 0x07, 0x01, 0x81, 0xc7, 0, 0x10, 0, 0, 0xff, 0xc9, 0x75, 0xf3,
	0xeb, 0xe5,
};
/* 1: out %al, $0xe0; jmp 1b */
static const uint8_t code_exit[] = { 0xe6, 0xe0, 0xeb, 0xfc };

static void write_tables(uint8_t *ram)
{
	uint64_t *table = (uint64_t *)(ram + TABLES);

	table[0] = (TABLES + 0x1000) | 0x67;
	table[512] = (TABLES + 0x2000) | 0x67;
	for (uint64_t i = 0; i < SIZE >> 21; i++)
		table[1024 + i] = i << 21 | 0xe7;
}

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.selector = selector, .limit = 0xffffffff, .type = type,
		.present = 1, .dpl = 3, .s = 1, .g = 1, .l = type == 11,
		.db = type != 11,
	};
}

static void set_regs(struct bare *b)
{
	const struct kvm_regs regs = { .rip = CODE, .rsp = 0x9000,
				       .rflags = 0x3002 };
	struct kvm_sregs s;

	check(ioctl(b->vcpu, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
	s.cs = flat(0x23, 11);
	s.ss = s.ds = s.es = s.fs = s.gs = flat(0x1b, 3);
	s.cr0 = 0x80010033;
	s.cr3 = TABLES;
	s.cr4 = 0x620;
	s.efer = 0xd00;
	check(ioctl(b->vcpu, KVM_SET_SREGS, &s), "KVM_SET_SREGS");
	check(ioctl(b->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void set_cpuid(struct bare *b)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + 128 * sizeof(cpuid->entries[0]));

	cpuid->nent = 128;
	check(ioctl(b->kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "CPUID");
	check(ioctl(b->vcpu, KVM_SET_CPUID2, cpuid), "CPUID");
	free(cpuid);
}

static void bare_init(struct bare *b, const uint8_t *program, size_t len)
{
	struct kvm_userspace_memory_region region = {
		.flags = KVM_MEM_LOG_DIRTY_PAGES,
		.memory_size = SIZE,
	};
	uint64_t identity = 0xfeffc000;

	b->kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	b->vm = check(ioctl(b->kvm, KVM_CREATE_VM, 0UL), "KVM_CREATE_VM");
	b->ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	b->fresh = malloc(PAGES * 4096);
	if (b->ram == MAP_FAILED || !b->fresh)
		exit(125);
	memset(b->fresh, 0, PAGES * 4096);
	madvise(b->ram, SIZE, MADV_NOHUGEPAGE);
	write_tables(b->ram);
	memcpy(b->ram + CODE, program, len);
	region.userspace_addr = (uint64_t)(uintptr_t)b->ram;
	check(ioctl(b->vm, KVM_SET_USER_MEMORY_REGION, &region), "RAM");
	check(ioctl(b->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity), "identity");
	check(ioctl(b->vm, KVM_SET_TSS_ADDR, 0xfeffd000UL), "TSS");
	b->vcpu = check(ioctl(b->vm, KVM_CREATE_VCPU, 0UL), "KVM_CREATE_VCPU");
	b->run = mmap(NULL, (size_t)ioctl(b->kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
		      PROT_READ | PROT_WRITE, MAP_SHARED, b->vcpu, 0);
	if (b->run == MAP_FAILED)
		exit(125);
	set_cpuid(b);
	set_regs(b);
}

static void bare_run(struct bare *b)
{
	check(ioctl(b->vcpu, KVM_RUN, 0), "KVM_RUN");
	if (b->run->exit_reason != KVM_EXIT_IO)
		exit(119);
}

/* The log, and what it says; the pages that count are those of DATA. */
static void bare_reset(struct bare *b)
{
	struct kvm_dirty_log log = { .dirty_bitmap = b->log };
	int copied = 0;

	check(ioctl(b->vm, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
	for (size_t page = DATA / 4096; page < DATA / 4096 + PAGES; page++) {
		if (!(b->log[page / 64] >> page % 64 & 1))
			continue;
		memcpy(b->ram + page * 4096,
		       b->fresh + (page - DATA / 4096) * 4096, 4096);
		copied++;
	}
	if (copied != PAGES)
		exit(119);
}

static void call(struct vireo_sandbox *sb, const char *function,
		 uint64_t timeout_us)
{
	static uint64_t in[128] = { PAGES }, out[128];
	struct vireo_error err;
	struct vireo_sandbox_call c = {
		.size = sizeof(c), .function = function, .in = in,
		.in_len = sizeof(in), .out = out, .out_cap = sizeof(out),
		.timeout_us = timeout_us,
	};

	if (vireo_sandbox_call(sb, &c, NULL, &err) != 0) {
		fprintf(stderr, "%s: %s\n", function, err.text);
		exit(125);
	}
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t median(uint64_t *sample)
{
	qsort(sample, ROUNDS, sizeof(*sample), compare);
	return sample[ROUNDS / 2];
}

static void bench_call(struct vireo_sandbox *sb, struct bare *b,
		       const char *name, uint64_t timeout_us)
{
	static uint64_t bare[ROUNDS], ours[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start = now_ns(), middle;

		for (int k = 0; k < CALLS; k++)
			bare_run(b);
		middle = now_ns();
		for (int k = 0; k < CALLS; k++)
			call(sb, "echo", timeout_us);
		bare[i] = (middle - start) / CALLS;
		ours[i] = (now_ns() - middle) / CALLS;
	}
	printf("%s %llu %llu\n", name, (unsigned long long)median(bare),
	       (unsigned long long)median(ours));
}

static void bench_reset(struct vireo_sandbox *sb, struct bare *b)
{
	static uint64_t bare[ROUNDS], ours[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start;

		bare_run(b);
		start = now_ns();
		bare_reset(b);
		bare[i] = now_ns() - start;
		call(sb, "dirty", 0);
		start = now_ns();
		if (vireo_sandbox_reset(sb, NULL) != 0)
			exit(125);
		ours[i] = now_ns() - start;
	}
	printf("reset %llu %llu\n", (unsigned long long)median(bare),
	       (unsigned long long)median(ours));
}

int main(int argc, char **argv)
{
	struct vireo_sandbox_options options = { .size = sizeof(options) };
	static struct bare round_trip, dirty;
	struct vireo_sandbox *sb;
	struct vireo_error err;

	if (argc < 2)
		return 125;
	options.path = argv[1];
	bare_init(&round_trip, code_exit, sizeof(code_exit));
	bare_init(&dirty, code, sizeof(code));
	if (vireo_sandbox_create(&sb, &options, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return 125;
	}
	bare_run(&dirty); /* the first exit is before the pages */
	bench_call(sb, &round_trip, "call", 0);
	bench_call(sb, &round_trip, "call-deadline", 1000000);
	bench_reset(sb, &dirty);
	vireo_sandbox_destroy(&sb);
	return 0;
}
