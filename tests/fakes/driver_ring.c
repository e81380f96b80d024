// SPDX-License-Identifier: BSD-3-Clause
/* See driver_ring.h. What both formats share, and the split format; the
 * packed one is in driver_packed.c. */
#include "driver_ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "driver_ring_priv.h"

#define PAGE 4096

void driver_ram_init(struct driver_ram *ram)
{
	void *bytes = NULL;
	int r = posix_memalign(&bytes, PAGE, DRIVER_RAM_SIZE);

	assert(r == 0);
	memset(bytes, 0, DRIVER_RAM_SIZE);
	memset(ram, 0, sizeof(*ram));
	ram->bytes = bytes;
	ram->next = DRIVER_RAM_GPA;
	r = mem_add(&ram->mem, DRIVER_RAM_GPA, DRIVER_RAM_SIZE, ram->bytes);
	assert(r == 0);
}

void driver_ram_finish(struct driver_ram *ram)
{
	free(ram->bytes);
	memset(ram, 0, sizeof(*ram));
}

uint64_t driver_ram_alloc(struct driver_ram *ram, uint64_t len, uint64_t align)
{
	uint64_t gpa = (ram->next + align - 1) / align * align;

	assert(gpa - DRIVER_RAM_GPA <= DRIVER_RAM_SIZE);
	assert(len <= DRIVER_RAM_SIZE - (gpa - DRIVER_RAM_GPA));
	ram->next = gpa + len;
	return gpa;
}

void driver_ram_clear(struct driver_ram *ram)
{
	ram->next = DRIVER_RAM_GPA;
}

void *driver_ram_at(const struct driver_ram *ram, uint64_t gpa, uint64_t len)
{
	void *p = mem_ptr(&ram->mem, gpa, len);

	assert(p);
	return p;
}

/* ---- both formats ---- */

void driver_ring_init(struct driver_ring *r, struct driver_ram *ram,
		      uint16_t size, const struct queue_features *features)
{
	bool packed = features->packed;
	uint64_t driver = packed ? 4 : 6 + 2 * (uint64_t)size;
	uint64_t device = packed ? 4 : 6 + 8 * (uint64_t)size;

	assert(size);
	memset(r, 0, sizeof(*r));
	r->ram = ram;
	r->features = *features;
	r->size = size;
	r->params = (struct queue_params){
		.size = size,
		.desc = driver_ram_alloc(ram, 16 * (uint64_t)size, 16),
		.driver = driver_ram_alloc(ram, driver, 4),
		.device = driver_ram_alloc(ram, device, 4),
	};
	r->free_list = calloc(size, sizeof(*r->free_list));
	r->posted = calloc(size, sizeof(*r->posted));
	assert(r->free_list && r->posted);
	driver_ring_reset(r);
}

void driver_ring_finish(struct driver_ring *r)
{
	free(r->free_list);
	free(r->posted);
	memset(r, 0, sizeof(*r));
}

void driver_ring_reset(struct driver_ring *r)
{
	const struct driver_ram *ram = r->ram;
	bool packed = r->features.packed;
	size_t driver = packed ? 4 : 6 + 2 * (size_t)r->size;
	size_t device = packed ? 4 : 6 + 8 * (size_t)r->size;

	memset(driver_ram_at(ram, r->params.desc, 16 * (size_t)r->size), 0,
	       16 * (size_t)r->size);
	memset(driver_ram_at(ram, r->params.driver, driver), 0, driver);
	memset(driver_ram_at(ram, r->params.device, device), 0, device);
	memset(r->posted, 0, r->size * sizeof(*r->posted));
	r->avail = r->used = r->kicked = 0;
	r->avail_wrap = r->used_wrap = r->kicked_wrap = true;
	r->free_first = 0;
	r->free_count = r->free_descs = r->size;
	for (uint16_t i = 0; i < r->size; i++)
		r->free_list[i] = i;
}

uint16_t driver_take_free(struct driver_ring *r)
{
	uint16_t i = r->free_list[r->free_first];

	assert(r->free_count);
	r->free_first = (uint16_t)((r->free_first + 1) % r->size);
	r->free_count--;
	return i;
}

static void give_free(struct driver_ring *r, uint16_t i)
{
	assert(r->free_count < r->size);
	r->free_list[(r->free_first + r->free_count) % r->size] = i;
	r->free_count++;
}

void driver_note(struct driver_ring *r, uint16_t head, uint16_t descs,
		 const struct driver_buf *bufs, unsigned int count)
{
	struct driver_posted *p = &r->posted[head];

	assert(!p->descs);
	p->descs = descs;
	p->writable = 0;
	for (unsigned int i = 0; i < count; i++) {
		assert(!i || bufs[i].writable >= bufs[i - 1].writable);
		if (bufs[i].writable)
			p->writable += bufs[i].len;
	}
}

void driver_finished(struct driver_ring *r, const struct driver_done *done)
{
	struct driver_posted *p;

	assert(done->head < r->size);
	p = &r->posted[done->head];
	assert(p->descs);
	assert(done->len <= p->writable);
	p->descs = 0;
}

uint64_t driver_fill_table(struct driver_ring *r, uint16_t head,
			   const struct driver_buf *bufs, unsigned int count)
{
	uint64_t each = DRIVER_TABLE_MAX * 16, gpa;

	assert(count <= DRIVER_TABLE_MAX);
	if (!r->tables)
		r->tables = driver_ram_alloc(r->ram, each * r->size, 16);
	gpa = r->tables + each * head;
	for (unsigned int i = 0; i < count; i++) {
		bool more = !r->features.packed && i + 1 < count;

		driver_raw_table(r, gpa, i, (struct driver_desc){
			.addr = bufs[i].gpa, .len = bufs[i].len,
			.flags = (uint16_t)((more ? DRIVER_F_NEXT : 0) |
				(bufs[i].writable ? DRIVER_F_WRITE : 0)),
			.next = (uint16_t)(more ? i + 1 : 0) });
	}
	return gpa;
}

unsigned int driver_outstanding(const struct driver_ring *r)
{
	unsigned int n = 0;

	for (uint16_t i = 0; i < r->size; i++)
		n += r->posted[i].descs != 0;
	return n;
}

/* ---- split ---- */

static uint16_t *word(const struct driver_ring *r, uint64_t gpa)
{
	return driver_ram_at(r->ram, gpa, 2);
}

static uint64_t used_event_gpa(const struct driver_ring *r)
{
	return r->params.driver + 4 + 2 * (uint64_t)r->size;
}

static uint64_t avail_event_gpa(const struct driver_ring *r)
{
	return r->params.device + 4 + 8 * (uint64_t)r->size;
}

static int split_post(struct driver_ring *r, const struct driver_buf *bufs,
		      unsigned int count)
{
	uint16_t head, i;

	if (!count || count > r->free_count)
		return -1;
	head = i = driver_take_free(r);
	for (unsigned int k = 0; k < count; k++) {
		bool more = k + 1 < count;
		uint16_t next = more ? driver_take_free(r) : 0;

		driver_raw_desc(r, i, (struct driver_desc){
			.addr = bufs[k].gpa, .len = bufs[k].len,
			.flags = (uint16_t)((more ? DRIVER_F_NEXT : 0) |
				(bufs[k].writable ? DRIVER_F_WRITE : 0)),
			.next = next });
		r->posted[i].next = next;
		i = next;
	}
	driver_note(r, head, (uint16_t)count, bufs, count);
	driver_raw_avail(r, head);
	return head;
}

static int split_post_indirect(struct driver_ring *r,
			       const struct driver_buf *bufs,
			       unsigned int count)
{
	uint16_t head;

	if (!r->free_count)
		return -1;
	head = driver_take_free(r);
	driver_raw_desc(r, head, (struct driver_desc){
		.addr = driver_fill_table(r, head, bufs, count),
		.len = 16 * count, .flags = DRIVER_F_INDIRECT });
	driver_note(r, head, 1, bufs, count);
	driver_raw_avail(r, head);
	return head;
}

static bool split_collect(struct driver_ring *r, struct driver_done *done)
{
	uint64_t elem = r->params.device + 4 + 8 * (r->used % r->size);
	uint16_t i, descs;
	uint32_t *p;

	if (driver_raw_used_idx(r) == r->used)
		return false;
	p = driver_ram_at(r->ram, elem, 8);
	assert(p[0] < r->size);
	*done = (struct driver_done){ (uint16_t)p[0], p[1] };
	r->used++;
	i = done->head;
	descs = r->posted[i].descs;
	driver_finished(r, done);
	for (; descs; descs--, i = r->posted[i].next)
		give_free(r, i);
	return true;
}

static bool split_wants_kick(struct driver_ring *r)
{
	uint16_t old = r->kicked, event;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	r->kicked = r->avail;
	if (!r->features.event_idx)
		return !(driver_raw_used_flags(r) & 1);
	event = driver_raw_avail_event(r);
	return (uint16_t)(r->avail - event - 1) < (uint16_t)(r->avail - old);
}

static bool split_set_interrupts(struct driver_ring *r, bool on)
{
	if (!r->features.event_idx)
		driver_raw_avail_flags(r, !on);
	else
		driver_raw_used_event(r, on ? r->used
					    : (uint16_t)(r->used - 1));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return on && driver_raw_used_idx(r) != r->used;
}

/* ---- the API ---- */

int driver_post(struct driver_ring *r, const struct driver_buf *bufs,
		unsigned int count)
{
	return r->features.packed ? driver_packed_post(r, bufs, count)
				  : split_post(r, bufs, count);
}

int driver_post_indirect(struct driver_ring *r, const struct driver_buf *bufs,
			 unsigned int count)
{
	assert(count && r->features.indirect);
	return r->features.packed ? driver_packed_indirect(r, bufs, count)
				  : split_post_indirect(r, bufs, count);
}

bool driver_collect(struct driver_ring *r, struct driver_done *done)
{
	if (!r->features.packed)
		return split_collect(r, done);
	if (!driver_packed_collect(r, done))
		return false;
	give_free(r, done->head);
	return true;
}

bool driver_wants_kick(struct driver_ring *r)
{
	return r->features.packed ? driver_packed_wants_kick(r)
				  : split_wants_kick(r);
}

bool driver_set_interrupts(struct driver_ring *r, bool on)
{
	return r->features.packed ? driver_packed_interrupts(r, on)
				  : split_set_interrupts(r, on);
}

/* ---- raw ---- */

/* Packed descriptors have the id before the flags. */
static struct driver_desc swapped(const struct driver_ring *r,
				  struct driver_desc d)
{
	if (!r->features.packed)
		return d;
	return (struct driver_desc){ d.addr, d.len, d.next, d.flags };
}

void driver_raw_table(struct driver_ring *r, uint64_t gpa, unsigned int i,
		      struct driver_desc d)
{
	uint8_t *p = driver_ram_at(r->ram, gpa + 16 * (uint64_t)i, 16);

	d = swapped(r, d);
	memcpy(p, &d, 16);
}

void driver_raw_desc(struct driver_ring *r, uint16_t i, struct driver_desc d)
{
	if (r->features.packed)
		driver_packed_desc(r, i, d);
	else
		driver_raw_table(r, r->params.desc, i, d);
}

struct driver_desc driver_raw_read(const struct driver_ring *r, uint16_t i)
{
	struct driver_desc d;

	memcpy(&d, driver_ram_at(r->ram, r->params.desc + 16 * (uint64_t)i,
				 16), 16);
	return swapped(r, d);
}

void driver_raw_avail(struct driver_ring *r, uint16_t head)
{
	*word(r, r->params.driver + 4 + 2 * (r->avail % r->size)) = head;
	driver_raw_avail_idx(r, ++r->avail);
}

void driver_raw_avail_idx(struct driver_ring *r, uint16_t idx)
{
	__atomic_store_n(word(r, r->params.driver + 2), idx, __ATOMIC_RELEASE);
}

uint16_t driver_raw_used_idx(const struct driver_ring *r)
{
	return __atomic_load_n(word(r, r->params.device + 2),
			       __ATOMIC_ACQUIRE);
}

void driver_raw_avail_flags(struct driver_ring *r, uint16_t flags)
{
	__atomic_store_n(word(r, r->params.driver), flags, __ATOMIC_RELAXED);
}

void driver_raw_used_event(struct driver_ring *r, uint16_t idx)
{
	__atomic_store_n(word(r, used_event_gpa(r)), idx, __ATOMIC_RELAXED);
}

uint16_t driver_raw_avail_event(const struct driver_ring *r)
{
	return __atomic_load_n(word(r, avail_event_gpa(r)), __ATOMIC_RELAXED);
}

uint16_t driver_raw_used_flags(const struct driver_ring *r)
{
	return __atomic_load_n(word(r, r->params.device), __ATOMIC_RELAXED);
}
