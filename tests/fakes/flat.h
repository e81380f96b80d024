/* SPDX-License-Identifier: BSD-3-Clause */
/* What a process holds: for tests that do something thousands of times and
 * must hold no more afterwards. Wants cmocka. */
#ifndef VIREO_FAKE_FLAT_H
#define VIREO_FAKE_FLAT_H

#include <stddef.h>

struct flat {
	unsigned int fds;
	unsigned int threads;
	size_t heap; /* bytes in use; 0 under a sanitizer */
};

struct flat flat_now(void);
/* Nothing has grown since @before. What another thread is about to close has
 * some seconds for it. */
void flat_check(const struct flat *before);

#endif
