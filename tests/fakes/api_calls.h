/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every function of include/vireo.h, for tests that go through all of them:
 * called with arguments that are right, or with any of its pointers NULL.
 * api_header.h tells whether one is missing.
 */
#ifndef VIREO_FAKE_API_CALLS_H
#define VIREO_FAKE_API_CALLS_H

#include "vireo.h"

#define API_CALLS_GPA 0x9000u /* a page of RAM that they use */

/* What the functions are called with; what a test does not have is NULL. */
struct api_things {
	struct vireo_config *cfg;
	struct vireo_vm *vm;
	struct vireo_exec *exec;
	struct vireo_request *request;
	struct vireo_sandbox *sandbox;
	struct vireo_error err;
	/* what they have made; the caller destroys it */
	struct vireo_config *new_cfg;
	struct vireo_vm *new_vm;
	struct vireo_exec *new_exec;
	struct vireo_sandbox *new_sandbox;
	char *json;
};

struct api_call {
	const char *name; /* "vireo_wait" */
	/* Bit n of @null: pointer number n is NULL, from 0. What it returns: a
	 * code; or 0 for a descriptor, a pointer, true, and for nothing at
	 * all, and VIREO_EINVAL for NULL, false and 0. */
	int (*call)(struct api_things *t, unsigned int null);
	/* A letter for each pointer: what comes of it when that is NULL. E:
	 * VIREO_EINVAL; e: the error, which nobody wants then; -: nothing. */
	const char *pointers;
};

/* The @index-th of them, or NULL. */
const struct api_call *api_call_at(size_t index);

#endif
