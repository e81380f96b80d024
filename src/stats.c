// SPDX-License-Identifier: BSD-3-Clause
/* See stats.h. */
#include "stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kvm/kvm.h"

#define PAGE_SHIFT 12

int stats_init(struct stats *s, bool detail)
{
	memset(s, 0, sizeof(*s));
	if (detail)
		s->port = calloc(STATS_PORTS, sizeof(*s->port));
	return detail && !s->port ? -ENOMEM : 0;
}

void stats_finish(struct stats *s)
{
	free(s->port);
	s->port = NULL;
}

/* The counter of a page; the last one takes what does not fit. */
static struct stats_page *page_of(struct stats *s, uint64_t page)
{
	unsigned int i = 0;

	while (i < STATS_PAGES - 1 && s->page[i].count &&
	       s->page[i].page != page)
		i++;
	if (!s->page[i].count)
		s->page[i].page = page;
	return &s->page[i];
}

void stats_mmio(struct stats *s, uint64_t addr)
{
	if (s->port)
		stats_add(&page_of(s, addr >> PAGE_SHIFT)->count);
}

void stats_merge(struct stats *to, const struct stats *from)
{
	for (int i = 0; i < STATS_EXITS; i++)
		to->exits[i] += from->exits[i];
	to->cpu_ns += from->cpu_ns;
	if (from->first_exit_ns &&
	    (!to->first_exit_ns || from->first_exit_ns < to->first_exit_ns))
		to->first_exit_ns = from->first_exit_ns;
	if (from->left_ns > to->left_ns)
		to->left_ns = from->left_ns;
	for (int i = 0; i < STATS_PORTS && to->port && from->port; i++)
		if (from->port[i]) /* untouched pages stay untouched */
			to->port[i] += from->port[i];
	for (int i = 0; i < STATS_PAGES; i++)
		if (from->page[i].count)
			page_of(to, from->page[i].page)->count +=
				from->page[i].count;
}

void stats_report(const struct stats *s,
		  void (*fn)(void *ctx, const struct vireo_stat *stat),
		  void *ctx)
{
	struct vireo_stat row = { .group = "exits", .unit = "" };
	char name[32];

	for (uint32_t i = 0; i < STATS_EXITS; i++) {
		row.name = kvm_exit_name(i);
		row.value = s->exits[i];
		if (row.value)
			fn(ctx, &row);
	}
	row.name = name;
	row.group = "pio";
	for (int i = 0; i < STATS_PORTS && s->port; i++) {
		snprintf(name, sizeof(name), "port %#x", (unsigned int)i);
		row.value = s->port[i];
		if (row.value)
			fn(ctx, &row);
	}
	row.group = "mmio";
	for (int i = 0; i < STATS_PAGES; i++) {
		snprintf(name, sizeof(name), "page %#llx",
			 (unsigned long long)s->page[i].page << PAGE_SHIFT);
		row.value = s->page[i].count;
		if (row.value)
			fn(ctx, &row);
	}
}
