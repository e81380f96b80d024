/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A rate limit in bytes and operations per second: two token buckets, each
 * kept as the time at which it is full of debt no more. A request that is
 * larger than the bucket passes when the bucket is not empty, and the next one
 * waits the longer. Pure computation; the caller brings the time. One thread.
 */
#ifndef VIREO_BACKENDS_RATE_H
#define VIREO_BACKENDS_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate_config {
	uint64_t bytes_per_s; /* 0: no limit */
	uint64_t ops_per_s;   /* 0: no limit */
	uint32_t burst_ms;    /* idle time that is made up for; 0: 100 */
};

struct rate {
	struct rate_config cfg;
	uint64_t burst_ns;
	uint64_t bytes_ns; /* when the bytes taken so far are paid for */
	uint64_t ops_ns;
};

void rate_init(struct rate *r, const struct rate_config *cfg);
bool rate_limited(const struct rate *r);
/* One operation of @bytes at @now_ns (monotonic): 0 when it may pass, and it
 * is counted; else how many ns to wait before asking again. */
uint64_t rate_take(struct rate *r, uint64_t bytes, uint64_t now_ns);

#endif
