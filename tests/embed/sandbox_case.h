/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of bare sandboxes share: a sandbox with the program of
 * firmware/guests/sandbox.c, and short ways to call its functions. */
#ifndef VIREO_SANDBOX_CASE_H
#define VIREO_SANDBOX_CASE_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vireo.h"

#define BUFFER    (1u << 20)
#define SKIPPED   77
#define TIMEOUT   5000000u /* us; a test that needs it has failed */

/* The program's path, from the command line; 77 without KVM. */
void case_begin(int argc, char **argv);
const char *case_program(void);

/* With the program, and these bytes of memory (0: the default). */
struct vireo_sandbox *case_create(uint64_t memory);

/* With plain code in place of the program. */
struct vireo_sandbox *case_create_flat(const uint8_t *code, size_t len);

/* What vireo_sandbox_call() returns; the answer goes to @out, which has room
 * for @cap bytes, its length to *len. */
int case_call(struct vireo_sandbox *sb, const char *function, const void *in,
	      size_t in_len, void *out, size_t cap, size_t *len,
	      struct vireo_sandbox_trap *trap);

/* The same without an answer: it must go well. */
void case_do(struct vireo_sandbox *sb, const char *function, uint64_t word);

/* It must answer with words; the @index-th of them. */
uint64_t case_word(struct vireo_sandbox *sb, const char *function,
		   size_t index);

/* It must be stopped, with @word as its input; a reset follows. */
void case_trap(struct vireo_sandbox *sb, const char *function, uint64_t word,
	       struct vireo_sandbox_trap *trap);
void case_reset(struct vireo_sandbox *sb);

/* No kick waits for this thread, and its mask is as it was @before, which was
 * zeroed first. */
void case_no_kick(const sigset_t *before);

/* Of the places that the program tells, see there. */
enum place { PLACE_IN, PLACE_OUT, PLACE_HEAP, PLACE_HEAP_SIZE, PLACE_BUFFER,
	     PLACE_STACK, PLACE_CONSTANT, PLACE_CODE, PLACE_KERNEL,
	     PLACE_GATE };

#endif
