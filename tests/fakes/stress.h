/* SPDX-License-Identifier: BSD-3-Clause */
/* How much longer than usual: 1, or what VIREO_STRESS says. A unit test is
 * done in seconds; scripts/test --full gives the stress tests minutes. */
#ifndef VIREO_FAKE_STRESS_H
#define VIREO_FAKE_STRESS_H

#include <stdlib.h>

static inline unsigned int stress(void)
{
	const char *text = getenv("VIREO_STRESS");
	unsigned long n = text ? strtoul(text, NULL, 10) : 1;

	return n > 0 && n < 10000 ? (unsigned int)n : 1;
}

#endif
