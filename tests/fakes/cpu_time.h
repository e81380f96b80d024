/* SPDX-License-Identifier: BSD-3-Clause */
/* How long a thread has computed: what a busy machine does not change much. */
#ifndef VIREO_TESTS_CPU_TIME_H
#define VIREO_TESTS_CPU_TIME_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of the calling thread's processor time. */
static inline uint64_t cpu_time_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

#endif
