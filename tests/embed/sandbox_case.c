// SPDX-License-Identifier: BSD-3-Clause
/* See sandbox_case.h. */
#include "sandbox_case.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *program;

void case_begin(int argc, char **argv)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		perror("skipped: /dev/kvm");
		exit(SKIPPED);
	}
	close(fd);
	if (argc != 2)
		exit(2);
	program = argv[1];
}

const char *case_program(void)
{
	return program;
}

static struct vireo_sandbox *create(const struct vireo_sandbox_options *options)
{
	struct vireo_sandbox *sb = NULL;
	struct vireo_error err = { 0 };

	if (vireo_sandbox_create(&sb, options, &err) != 0)
		fail_msg("%s", err.text);
	return sb;
}

struct vireo_sandbox *case_create(uint64_t memory)
{
	return create(&(struct vireo_sandbox_options){
		.size = sizeof(struct vireo_sandbox_options),
		.path = program,
		.memory = memory,
	});
}

struct vireo_sandbox *case_create_flat(const uint8_t *code, size_t len)
{
	return create(&(struct vireo_sandbox_options){
		.size = sizeof(struct vireo_sandbox_options),
		.image = code,
		.image_len = len,
		.flat = true,
		.memory = 4096 * 100,
		.buffer = 4096,
		.stack = 4096,
	});
}

int case_call(struct vireo_sandbox *sb, const char *function, const void *in,
	      size_t in_len, void *out, size_t cap, size_t *len,
	      struct vireo_sandbox_trap *trap)
{
	struct vireo_sandbox_call call = {
		.size = sizeof(call),
		.function = function,
		.in = in,
		.in_len = in_len,
		.out = out,
		.out_cap = cap,
		.timeout_us = TIMEOUT,
		.out_len = 12345,
	};
	struct vireo_error err = { 0 };
	int r = vireo_sandbox_call(sb, &call, trap, &err);

	assert_int_equal(err.code, r);
	if (r)
		assert_true(strlen(err.text) > 5);
	if (len)
		*len = call.out_len;
	return r;
}

void case_do(struct vireo_sandbox *sb, const char *function, uint64_t word)
{
	struct vireo_sandbox_trap trap;
	uint64_t out[512];

	if (case_call(sb, function, &word, sizeof(word), out, sizeof(out), NULL,
		      &trap) != 0)
		fail_msg("%s: %s", function, trap.text);
}

uint64_t case_word(struct vireo_sandbox *sb, const char *function, size_t index)
{
	struct vireo_sandbox_trap trap;
	uint64_t out[512];
	size_t len;

	if (case_call(sb, function, NULL, 0, out, sizeof(out), &len, &trap) !=
	    0)
		fail_msg("%s: %s", function, trap.text);
	assert_true(index < len / sizeof(out[0]));
	return out[index];
}

void case_trap(struct vireo_sandbox *sb, const char *function, uint64_t word,
	       struct vireo_sandbox_trap *trap)
{
	uint64_t out[512];
	size_t len;

	assert_int_equal(case_call(sb, function, &word, sizeof(word), out,
				   sizeof(out), &len, trap),
			 VIREO_ETRAP);
	assert_int_equal(len, 0);
	assert_int_not_equal(trap->reason, 0);
	assert_null(strchr(trap->text, '\n'));
	case_reset(sb);
}

void case_reset(struct vireo_sandbox *sb)
{
	struct vireo_error err = { 0 };

	if (vireo_sandbox_reset(sb, &err) != 0)
		fail_msg("%s", err.text);
}

void case_no_kick(const sigset_t *before)
{
	sigset_t set;

	memset(&set, 0, sizeof(set));
	sigpending(&set);
	assert_false(sigismember(&set, SIGRTMAX - 1));
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	assert_memory_equal(&set, before, sizeof(set));
}
