/* SPDX-License-Identifier: BSD-3-Clause */
/* An input as a program of steps, and a clock that goes when it says so. */
#ifndef VIREO_FUZZ_FUZZ_PROGRAM_H
#define VIREO_FUZZ_FUZZ_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t fuzz_now_ns; /* by the monotonic clock */

/* Takes the place of the C library's. The sanitizers and libFuzzer ask for
 * other clocks, which are real. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (id != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = (time_t)(fuzz_now_ns / 1000000000u);
	ts->tv_nsec = (long)(fuzz_now_ns % 1000000000u);
	return 0;
}

/* Numbers from the input, zeroes at its end. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

static uint32_t take(struct fuzz_input *in, unsigned int bytes)
{
	uint32_t v = 0;

	while (bytes--) {
		v = v << 8 | (in->left ? *in->at : 0);
		in->at += !!in->left;
		in->left -= !!in->left;
	}
	return v;
}

#endif
