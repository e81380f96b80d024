/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of exits. Written by one vCPU thread with relaxed atomic stores, so
 * that another thread may look at any time; merged into the VM's sum when the
 * vCPU has been joined.
 */
#ifndef VIREO_STATS_H
#define VIREO_STATS_H

#include <stdint.h>

#include "vireo.h"

#define STATS_EXITS 40 /* KVM_EXIT_... reasons; the last is "all others" */
#define STATS_PORTS 65536
#define STATS_PAGES 32 /* MMIO pages told apart */

struct stats_page {
	uint64_t page; /* address / 4096 */
	uint64_t count;
};

struct stats {
	uint64_t exits[STATS_EXITS];
	uint64_t first_exit_ns; /* monotonic; 0: none yet */
	uint64_t left_ns;	/* monotonic; out of the guest for good */
	uint64_t cpu_ns;	/* of a thread that has ended */
	uint64_t *port;         /* owned, STATS_PORTS; NULL: not wanted */
	struct stats_page page[STATS_PAGES];
};

/* @detail: count per port and page too. -ENOMEM. */
int stats_init(struct stats *s, bool detail);
void stats_finish(struct stats *s);

static inline void stats_add(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static inline void stats_exit(struct stats *s, uint32_t reason)
{
	stats_add(&s->exits[reason < STATS_EXITS ? reason : STATS_EXITS - 1]);
}

static inline void stats_port(struct stats *s, uint16_t port)
{
	if (s->port)
		stats_add(&s->port[port]);
}

void stats_mmio(struct stats *s, uint64_t addr);

/* Adds @from to @to (both initialised alike). */
void stats_merge(struct stats *to, const struct stats *from);

/* Calls @fn for the groups "exits", "pio" and "mmio". */
void stats_report(const struct stats *s,
		  void (*fn)(void *ctx, const struct vireo_stat *stat),
		  void *ctx);

#endif
