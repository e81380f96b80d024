/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One vCPU on a board of 1 MiB with one device, over fake_kvm: for the tests
 * of src/vcpu.c. Wants fake_kvm.c beside it.
 */
#ifndef VIREO_FAKE_ONE_VCPU_H
#define VIREO_FAKE_ONE_VCPU_H

#include "fake_kvm.h"
#include "vcpu.h"

#define PORT 0x80       /* four ports are the probe's */
#define PAGE 0xd0000000 /* and 16 bytes of memory space */

/* A device that keeps what was written and answers with 1, 2, ... 8. */
struct probe {
	struct device dev;
	unsigned int reads;
	unsigned int writes;
	uint64_t value[128];
};

struct one_vcpu {
	struct config cfg;
	struct kvm kvm;
	int fd;
	struct board board;
	struct probe probe;
	struct gate gate;
	struct vcpu_host host;
	struct vcpu vcpu;
	/* how it ended; written by the vCPU's thread */
	unsigned int ends;
	enum vireo_reason reason;
	char detail[1024];
	char thread[16];
};

/* For cmocka; *state becomes a struct one_vcpu. */
int one_vcpu_set_up(void **state);
int one_vcpu_tear_down(void **state);

/* Plays the script to its end, or to the vCPU's. */
void one_vcpu_play(struct one_vcpu *f);

/* Plays a script of this one step, with kvm_run all zero before. */
void one_vcpu_play_step(struct one_vcpu *f, const struct fake_step *step);

#define VCPU_TEST(name)                                           \
	cmocka_unit_test_setup_teardown(name, one_vcpu_set_up,    \
					one_vcpu_tear_down)

#endif
