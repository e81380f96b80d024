/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole VM of 1 MiB over fake_kvm: for the tests of src/vm.c and src/api.c.
 * Its kernel is a flat image of one byte. Wants fake_kvm.c beside it.
 */
#ifndef VIREO_FAKE_ONE_VM_H
#define VIREO_FAKE_ONE_VM_H

#include "fake_kvm.h"
#include "vm.h"

struct one_vm {
	char kernel[64]; /* path of the image */
	struct config cfg;
	struct log log;
	struct vm_fds fds; /* kvm is ours; the others -1 */
	struct vireo_vm *vm; /* destroyed by the tear-down */
	struct vireo_end end;
};

/* For cmocka; *state becomes a struct one_vm without a VM. */
int one_vm_set_up(void **state);
int one_vm_tear_down(void **state);

/* Builds the VM; the test fails when that fails. */
void one_vm_create(struct one_vm *f);

/* Builds and starts it, waits for its end (10 s at most), fills f->end. */
void one_vm_run(struct one_vm *f);

/* What a guest does on vCPU @cpu. */
void one_vm_reset(unsigned int cpu);
void one_vm_power_off(unsigned int cpu);

/* Descriptors of this process, without those of standard streams. */
unsigned int one_vm_open_fds(void);

#define VM_TEST(name) \
	cmocka_unit_test_setup_teardown(name, one_vm_set_up, one_vm_tear_down)

#endif
