/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VM by the public functions, over fake_kvm: 1 MiB, a flat image. Wants
 * one_vm.c, which see, beside it, and cmocka.
 */
#ifndef VIREO_FAKE_API_CASE_H
#define VIREO_FAKE_API_CASE_H

#include "one_vm.h"

struct api_case {
	struct one_vm *host; /* KVM, and a kernel file */
	struct vireo_config *cfg;
	struct vireo_vm *vm; /* destroyed by the tear-down */
	struct vireo_error err;
	struct vireo_end end;
};

/* 0, or the set-up has failed. */
int api_case_set_up(struct api_case *f);
void api_case_tear_down(struct api_case *f);

/* Builds the VM; the test fails when that fails. */
void api_case_create(struct api_case *f);
/* The same, starts it and waits for its end: f->end. */
void api_case_run(struct api_case *f);

#endif
