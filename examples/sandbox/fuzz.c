// SPDX-License-Identifier: BSD-3-Clause
/*
 * A fuzzer's loop: a function of a sandboxed program gets one input after the
 * other, each in the same fresh state, until one of them stops it.
 *
 *   cc -o fuzz fuzz.c $(pkg-config --cflags --libs libvireo)
 *   ./fuzz plugin.elf parse 100000
 */
#include <stdio.h>
#include <stdlib.h>
#include <vireo.h>

#define INPUT 64

/* Any generator will do; this one is xorshift64. */
static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static size_t mutate(unsigned char *input, uint64_t *state)
{
	size_t len = 1 + next(state) % INPUT;

	for (int i = 0; i < 4; i++)
		input[next(state) % len] = (unsigned char)next(state);
	if (next(state) % 4)
		input[0] = 'L'; /* as if it had found out */
	return len;
}

/* 1: the input stopped it; 0: it did not, and all is as before. */
static int try(struct vireo_sandbox *sb, const char *function,
	       const unsigned char *input, size_t len)
{
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = function,
					   .in = input, .in_len = len,
					   .timeout_us = 100000 };
	struct vireo_sandbox_trap trap;
	struct vireo_error err;
	int r = vireo_sandbox_call(sb, &call, &trap, &err);

	if (r == VIREO_ETRAP)
		printf("%s: %zu bytes, first %#x %#x\n", trap.text, len,
		       input[0], input[1]);
	else if (r != 0)
		fprintf(stderr, "%s\n", err.text);
	return r != 0 || vireo_sandbox_reset(sb, NULL) != 0;
}

int main(int argc, char **argv)
{
	struct vireo_sandbox_options options = { .size = sizeof(options),
						 .memory = 1 << 20,
						 .buffer = 4096 };
	unsigned char input[INPUT] = { 0 };
	uint64_t state = 88172645463325252u;
	struct vireo_sandbox *sb;
	struct vireo_error err;
	unsigned long tries = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	unsigned long i;

	if (!tries) {
		fprintf(stderr, "usage: %s PROGRAM FUNCTION TRIES\n", argv[0]);
		return 2;
	}
	options.path = argv[1];
	if (vireo_sandbox_create(&sb, &options, &err) != 0) {
		fprintf(stderr, "%s: %s\n", argv[1], err.text);
		return 1;
	}
	for (i = 0; i < tries; i++) {
		size_t len = mutate(input, &state);

		if (try(sb, argv[2], input, len))
			break;
	}
	printf("%lu inputs\n", i < tries ? i + 1 : tries);
	vireo_sandbox_destroy(&sb);
	return i < tries ? 1 : 0;
}
