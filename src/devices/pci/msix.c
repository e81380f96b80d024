// SPDX-License-Identifier: BSD-3-Clause
/* See msix.h. */
#include "devices/pci/msix.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"

/* An entry's dwords */
#define ENTRY_ADDR_LOW  0
#define ENTRY_ADDR_HIGH 4
#define ENTRY_DATA      8
#define ENTRY_CONTROL   12
#define CONTROL_MASKED  1u

#define PENDING_WORDS(vectors) (((vectors) + 63) / 64)

_Static_assert(MSIX_MAX_VECTORS == 128, "two words of pending bits");

static bool is_pending(const struct msix *m, unsigned int n)
{
	return m->pending[n / 64] >> (n % 64) & 1;
}

/* A message may be sent when nothing masks it and the machine knows it. One
 * that the machine refuses stays pending; the next change tries again. */
static void sync_vector(struct msix *m, unsigned int n)
{
	struct msix_entry *e = &m->entry[n];

	if (!m->enabled || m->masked || e->masked)
		return;
	if (!e->routed || e->routed_addr != e->addr ||
	    e->routed_data != e->data) {
		bool ok = m->msi.route(m->msi.ctx, n, e->addr, e->data) == 0;

		if (e->routed && !ok)
			m->msi.unroute(m->msi.ctx, n);
		e->routed = ok;
		e->routed_addr = e->addr;
		e->routed_data = e->data;
	}
	if (e->routed && is_pending(m, n) && !m->held) {
		m->pending[n / 64] &= ~(UINT64_C(1) << (n % 64));
		m->msi.signal(m->msi.ctx, n);
	}
}

void msix_init(struct msix *m, unsigned int vectors, struct msi msi)
{
	assert(vectors <= MSIX_MAX_VECTORS);
	assert(msi.route && msi.unroute && msi.signal);
	memset(m, 0, sizeof(*m));
	m->vectors = vectors;
	m->msi = msi;
	for (unsigned int i = 0; i < vectors; i++)
		m->entry[i].masked = true;
}

static void unroute_all(struct msix *m)
{
	for (unsigned int i = 0; i < m->vectors; i++) {
		if (m->entry[i].routed)
			m->msi.unroute(m->msi.ctx, i);
		m->entry[i].routed = false;
	}
}

void msix_finish(struct msix *m)
{
	unroute_all(m);
	m->vectors = 0;
}

void msix_control(struct msix *m, bool enabled, bool masked)
{
	if (m->enabled && !enabled) {
		unroute_all(m);
		memset(m->pending, 0, sizeof(m->pending));
	}
	m->enabled = enabled;
	m->masked = masked;
	for (unsigned int i = 0; i < m->vectors; i++)
		sync_vector(m, i);
}

void msix_signal(struct msix *m, unsigned int n)
{
	const struct msix_entry *e;

	if (n >= m->vectors || !m->enabled)
		return;
	e = &m->entry[n];
	if (m->masked || e->masked || !e->routed || m->held)
		m->pending[n / 64] |= UINT64_C(1) << (n % 64);
	else
		m->msi.signal(m->msi.ctx, n);
}

/* 6.8.2: accesses are aligned dwords or qwords. */
static bool access_ok(uint64_t off, unsigned int len, uint64_t size)
{
	return (len == 4 || len == 8) && off % len == 0 &&
	       range_ok(off, len, size);
}

static uint32_t read_dword(const struct msix *m, uint64_t off)
{
	const struct msix_entry *e = &m->entry[off / MSIX_ENTRY_SIZE];

	switch (off % MSIX_ENTRY_SIZE) {
	case ENTRY_ADDR_LOW:
		return (uint32_t)e->addr;
	case ENTRY_ADDR_HIGH:
		return (uint32_t)(e->addr >> 32);
	case ENTRY_DATA:
		return e->data;
	default:
		return e->masked ? CONTROL_MASKED : 0;
	}
}

static void write_dword(struct msix *m, uint64_t off, uint32_t value)
{
	struct msix_entry *e = &m->entry[off / MSIX_ENTRY_SIZE];

	switch (off % MSIX_ENTRY_SIZE) {
	case ENTRY_ADDR_LOW:
		e->addr = (e->addr & ~UINT64_C(0xffffffff)) | (value & ~3u);
		break;
	case ENTRY_ADDR_HIGH:
		e->addr = (uint32_t)e->addr | (uint64_t)value << 32;
		break;
	case ENTRY_DATA:
		e->data = value;
		break;
	default:
		e->masked = value & CONTROL_MASKED;
		break;
	}
}

uint64_t msix_read_table(const struct msix *m, uint64_t off, unsigned int len)
{
	if (!access_ok(off, len, (uint64_t)m->vectors * MSIX_ENTRY_SIZE))
		return 0;
	if (len == 4)
		return read_dword(m, off);
	return read_dword(m, off) | (uint64_t)read_dword(m, off + 4) << 32;
}

void msix_write_table(struct msix *m, uint64_t off, unsigned int len,
		      uint64_t value)
{
	if (!access_ok(off, len, (uint64_t)m->vectors * MSIX_ENTRY_SIZE))
		return;
	write_dword(m, off, (uint32_t)value);
	if (len == 8)
		write_dword(m, off + 4, (uint32_t)(value >> 32));
	sync_vector(m, (unsigned int)(off / MSIX_ENTRY_SIZE));
}

uint64_t msix_read_pending(const struct msix *m, uint64_t off, unsigned int len)
{
	uint64_t word;

	if (!access_ok(off, len, PENDING_WORDS((uint64_t)m->vectors) * 8))
		return 0;
	word = m->pending[off / 8];
	if (len == 8)
		return word;
	return (uint32_t)(word >> (off % 8 * 8));
}

/* One list of fields for both directions. */
static void snapshot_entry(struct msix_entry *e, unsigned int n, struct snap *s)
{
	char name[24];

	snprintf(name, sizeof(name), "vector-%u", n);
	snap_begin(s, name, 1);
	snap_u64(s, "address", &e->addr);
	snap_u32(s, "data", &e->data);
	snap_bool(s, "masked", &e->masked);
	snap_end(s);
	if (snap_loading(s))
		e->addr &= ~UINT64_C(3);
}

static void check_pending(const struct msix *m, struct snap *s)
{
	for (unsigned int i = m->vectors; i < MSIX_MAX_VECTORS; i++)
		if (is_pending(m, i))
			snap_reject(s, "pending", "no such vector");
}

int msix_snapshot(struct msix *m, struct snap *s)
{
	snap_begin(s, "msix", 1);
	for (unsigned int i = 0; i < m->vectors; i++)
		snapshot_entry(&m->entry[i], i, s);
	snap_u64(s, "pending-0", &m->pending[0]);
	snap_u64(s, "pending-1", &m->pending[1]);
	snap_end(s);
	if (!snap_loading(s))
		return snap_error(s);
	check_pending(m, s);
	if (snap_error(s)) {
		memset(m->pending, 0, sizeof(m->pending));
		return snap_error(s);
	}
	m->held = true;
	for (unsigned int i = 0; i < m->vectors; i++)
		sync_vector(m, i);
	return 0;
}

void msix_resume(struct msix *m)
{
	m->held = false;
	for (unsigned int i = 0; i < m->vectors; i++)
		sync_vector(m, i);
}
