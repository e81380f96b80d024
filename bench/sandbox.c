// SPDX-License-Identifier: BSD-3-Clause
/*
 * Bare sandboxes against bare ioctls, in one process and in turn: a call with 1
 * KiB in and 1 KiB out against an exit from CPL 3 and back; a reset after 64
 * written pages against reading KVM's dirty log and copying 64 pages.
 *
 * sandbox PROGRAM: firmware/sandbox.elf. A line for each: name, bare us, vireo
 * us; medians.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "bare.h"
#include "vireo.h"

#define SIZE   (16u << 20) /* the sandbox's default */
#define CODE   0x10000
#define DATA   0x200000
#define TABLES 0x1000
#define PAGES  64
#define ROUNDS 400
#define CALLS  10 /* in a round */

struct dirty {
	struct bare vm;
	uint8_t *fresh;
	uint64_t log[SIZE / 4096 / 64];
};

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

static void set_user_mode(struct bare *b)
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

/* KVM notes what is written. */
static void create(struct bare *b, const uint8_t *program, size_t len)
{
	bare_open(b, SIZE, KVM_MEM_LOG_DIRTY_PAGES, BARE_NONE);
	madvise(b->ram, SIZE, MADV_NOHUGEPAGE);
	write_tables(b->ram);
	memcpy(b->ram + CODE, program, len);
	bare_add_vcpu(b);
	set_user_mode(b);
}

/* The log, and what it says; the pages that count are those of DATA. */
static void bare_reset(struct dirty *d)
{
	struct kvm_dirty_log log = { .dirty_bitmap = d->log };
	int copied = 0;

	check(ioctl(d->vm.vm, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
	for (size_t page = DATA / 4096; page < DATA / 4096 + PAGES; page++) {
		if (!(d->log[page / 64] >> page % 64 & 1))
			continue;
		memcpy(d->vm.ram + page * 4096,
		       d->fresh + (page - DATA / 4096) * 4096, 4096);
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

static void show(const char *name, double *bare, double *ours)
{
	printf("%s %.3f %.3f\n", name, part_of(bare, ROUNDS, 0.5),
	       part_of(ours, ROUNDS, 0.5));
}

static void bench_call(struct vireo_sandbox *sb, struct bare *b,
		       const char *name, uint64_t timeout_us)
{
	static double bare[ROUNDS], ours[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start = now_ns(), middle;

		for (int k = 0; k < CALLS; k++)
			bare_run(b);
		middle = now_ns();
		for (int k = 0; k < CALLS; k++)
			call(sb, "echo", timeout_us);
		bare[i] = (double)(middle - start) / 1e3 / CALLS;
		ours[i] = (double)(now_ns() - middle) / 1e3 / CALLS;
	}
	show(name, bare, ours);
}

static void bench_reset(struct vireo_sandbox *sb, struct dirty *d)
{
	static double bare[ROUNDS], ours[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start;

		bare_run(&d->vm);
		start = now_ns();
		bare_reset(d);
		bare[i] = (double)(now_ns() - start) / 1e3;
		call(sb, "dirty", 0);
		start = now_ns();
		if (vireo_sandbox_reset(sb, NULL) != 0)
			exit(125);
		ours[i] = (double)(now_ns() - start) / 1e3;
	}
	show("reset", bare, ours);
}

int main(int argc, char **argv)
{
	struct vireo_sandbox_options options = { .size = sizeof(options) };
	static struct bare round_trip;
	static struct dirty dirty;
	struct vireo_sandbox *sb;
	struct vireo_error err;

	if (argc < 2)
		return 125;
	options.path = argv[1];
	create(&round_trip, code_exit, sizeof(code_exit));
	create(&dirty.vm, code, sizeof(code));
	dirty.fresh = malloc(PAGES * 4096);
	check(dirty.fresh ? 0 : -1, "memory");
	memset(dirty.fresh, 0, PAGES * 4096);
	if (vireo_sandbox_create(&sb, &options, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return 125;
	}
	bare_run(&dirty.vm); /* the first exit is before the pages */
	bench_call(sb, &round_trip, "call", 0);
	bench_call(sb, &round_trip, "call-deadline", 1000000);
	bench_reset(sb, &dirty);
	vireo_sandbox_destroy(&sb);
	return 0;
}
