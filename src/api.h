/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of public functions share: how an error becomes a public one,
 * and what a configuration is. Only files api*.c include this.
 */
#ifndef VIREO_API_H
#define VIREO_API_H

#include "board/config.h"
#include "vireo.h"
#include "vm.h"

/* One value as it was set, in order. */
struct setting {
	const struct key *key;
	char *value; /* owned */
};

struct vireo_config {
	struct config typed;
	size_t count;
	struct setting *setting; /* owned */
	struct vm_fds fds;       /* owned, -1: not given */
	struct log log;
	struct extras *extras; /* owned; NULL: none yet */
};

/* From the inner error to the public one, which may be NULL; the code. */
int api_fail(struct vireo_error *out, int code, const struct err *err);
int api_fail_text(struct vireo_error *out, int code, const char *text);
/* The public code of a negative errno. */
int api_code(int error);
/* 0; VIREO_EINVAL: it is NULL; VIREO_ESTATE: it is a parent process'. */
int api_check_vm(const struct vireo_vm *vm);
/* The same, with an error that may be NULL. */
int api_take_vm(const struct vireo_vm *vm, struct vireo_error *err);

#endif
