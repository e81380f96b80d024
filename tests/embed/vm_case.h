/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of VMs in this folder share: guests of a few bytes of 16-bit
 * code on /dev/kvm, and children of this process, in which a test may do what
 * it cannot undo. Where there is no KVM they are skipped.
 */
#ifndef VIREO_EMBED_VM_CASE_H
#define VIREO_EMBED_VM_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vireo.h"

#define SKIPPED 77

/* ---- in the test's own process ---- */

/* The first one is for main(), with its arguments: a sandbox's program, or
 * none; the others are a group's set-up and tear-down. */
void vm_case_begin(int argc, char **argv);
int vm_case_set_up(void **state);
int vm_case_tear_down(void **state);

/* Runs @fn in a child, in a folder of its own with the guests below: the test
 * fails with what need() said, and is skipped when skip_child() was called. */
void in_child(void (*fn)(void));

/* ---- in a child ---- */

/* Ends the child when @ok is not so: "WHAT: the error's text". */
void need(bool ok, const char *what, const struct vireo_error *err);
void skip_child(const char *why) __attribute__((noreturn));

/* The sandbox's program. */
const char *sandbox_program(void);

/* Guests: file names, for key "kernel". */
#define GUEST_ENDS   "ends,format=flat"   /* a debug exit, by port 0xf4 */
#define GUEST_SPINS  "spins,format=flat"  /* for ever */
#define GUEST_PANICS "panics,format=flat" /* as Linux does, on its console */
#define GUEST_FAULTS "faults,format=flat" /* three times at once */
#define GUEST_RESETS "resets,format=flat" /* by the keyboard's controller */
#define GUEST_OFF    "off,format=flat"    /* by ACPI */
#define GUEST_PVPANIC "pvpanic,format=flat"
#define GUEST_ASKS   "asks,format=flat" /* reads port 0xe000, then ends */

/* A configuration with these keys and values, then NULL; without KVM's
 * descriptor. It must be a good one. */
struct vireo_config *make_config(const char *const *settings);

/* vireo_create() of such a one; NULL, and *err. */
struct vireo_vm *create(const char *const *settings, struct vireo_error *err);

/* It is created, runs, and ends for that reason. */
void run_config(const struct vireo_config *cfg, enum vireo_reason reason);
void run_to_end(const char *const *settings, enum vireo_reason reason);

/* A VM with a device of each kind, that need neither /dev nor /proc, and one
 * without any; they end at once. The first wants make_disks() before. */
extern const char *const full_vm[];
extern const char *const small_vm[];
void make_disks(void);

/* /dev/kvm, and a configuration that has it. */
int open_kvm(void);
struct vireo_config *config_with_kvm(const char *const *settings, int kvm);

/* Calls a function of the sandbox's that does nothing, and destroys it. */
void call_sandbox(struct vireo_sandbox **sb);

/* Entries of a folder of /proc. */
unsigned int entries(const char *path);
/* Threads of this process, once those that were joined are not listed any
 * more: @want of them is what is hoped for. */
unsigned int threads_now(unsigned int want);

#endif
