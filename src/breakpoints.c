// SPDX-License-Identifier: BSD-3-Clause
/* See breakpoints.h. */
#include "breakpoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

void breakpoints_finish(struct breakpoints *b)
{
	free(b->list);
	*b = (struct breakpoints){ 0 };
}

/* A byte in RAM? */
static bool is_soft(const struct breakpoints *b, const struct breakpoint *p)
{
	return p->kind == VIREO_BREAK_SOFTWARE ||
	       (b->planted && p->kind == VIREO_BREAK_HARDWARE);
}

static uint8_t insn_of(const struct breakpoints *b)
{
	return b->insn ? b->insn : ARCH_BREAK_INSN;
}

static struct breakpoint *find(struct breakpoints *b, enum vireo_break kind,
			       uint64_t va, unsigned int len)
{
	for (unsigned int i = 0; i < b->count; i++) {
		struct breakpoint *p = &b->list[i];

		if (p->kind == kind && p->va == va && p->len == len)
			return p;
	}
	return NULL;
}

/* Another one whose byte is in RAM at @gpa: a page may have several
 * addresses. */
static const struct breakpoint *find_byte(const struct breakpoints *b,
					  uint64_t gpa,
					  const struct breakpoint *but)
{
	for (unsigned int i = 0; i < b->count; i++) {
		const struct breakpoint *p = &b->list[i];

		if (p != but && is_soft(b, p) && p->there && p->gpa == gpa)
			return p;
	}
	return NULL;
}

const struct breakpoint *breakpoints_at(const struct breakpoints *b,
					uint64_t gpa)
{
	return b->lifted && gpa == b->lifted_gpa ? NULL :
						   find_byte(b, gpa, NULL);
}

/* ---- adding and removing ---- */

static bool is_possible(enum vireo_break kind, uint64_t va, unsigned int len)
{
	switch (kind) {
	case VIREO_BREAK_SOFTWARE:
	case VIREO_BREAK_HARDWARE:
		return len == 1;
	case VIREO_WATCH_WRITE:
	case VIREO_WATCH_ACCESS:
		return is_pow2(len) && len <= 8 && va % len == 0;
	}
	return false;
}

/* Bytes in RAM are limited by us, the others by the CPU. */
static int check(const struct breakpoints *b, enum vireo_break kind,
		 uint64_t va, unsigned int len)
{
	const struct breakpoint new = { .kind = kind };
	bool soft = is_soft(b, &new);
	unsigned int n = 0;

	if (!is_possible(kind, va, len))
		return -EINVAL;
	for (unsigned int i = 0; i < b->count; i++)
		n += is_soft(b, &b->list[i]) == soft;
	return n < (soft ? BREAKPOINTS_MAX : ARCH_BREAK_MAX) ? 0 : -ENOSPC;
}

static int plant(struct breakpoints *b, const struct mem *mem,
		 struct breakpoint *p)
{
	const struct breakpoint *other = find_byte(b, p->gpa, p);
	const uint8_t insn = insn_of(b);

	if (other)
		p->was = other->was;
	else if (mem_read(mem, &p->was, p->gpa, 1) < 0 ||
		 mem_write(mem, p->gpa, &insn, 1) < 0)
		return -EFAULT;
	p->there = true;
	return 0;
}

/* Gives the guest its byte back, unless it has written another one. */
static void pull(struct breakpoints *b, const struct mem *mem,
		 struct breakpoint *p)
{
	uint8_t now;

	if (!p->there || find_byte(b, p->gpa, p))
		return;
	if (mem_read(mem, &now, p->gpa, 1) == 0 && now == insn_of(b))
		mem_write(mem, p->gpa, &p->was, 1);
	p->there = false;
}

int breakpoints_add(struct breakpoints *b, const struct mem *mem,
		    enum vireo_break kind, uint64_t va, unsigned int len,
		    uint64_t gpa)
{
	struct breakpoint *p = find(b, kind, va, len);
	struct breakpoint *list;
	int r;

	if (p && (!is_soft(b, p) || (p->there && p->gpa == gpa)))
		return 0;
	if (p) { /* lost, or the address leads elsewhere by now */
		r = breakpoints_remove(b, mem, kind, va, len);
		if (r < 0)
			return r;
	}
	r = check(b, kind, va, len);
	if (r < 0)
		return r;
	list = realloc(b->list, (b->count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	b->list = list;
	p = &list[b->count];
	*p = (struct breakpoint){ .kind = kind, .va = va, .len = len,
				  .gpa = gpa };
	if (is_soft(b, p))
		r = plant(b, mem, p);
	b->count += r == 0;
	return r;
}

int breakpoints_remove(struct breakpoints *b, const struct mem *mem,
		       enum vireo_break kind, uint64_t va, unsigned int len)
{
	struct breakpoint *p = find(b, kind, va, len);

	if (!p)
		return -ENOENT;
	if (is_soft(b, p))
		pull(b, mem, p);
	*p = b->list[--b->count];
	return 0;
}

void breakpoints_remove_all(struct breakpoints *b, const struct mem *mem)
{
	while (b->count) {
		struct breakpoint *p = &b->list[b->count - 1];

		if (is_soft(b, p))
			pull(b, mem, p);
		b->count--;
	}
}

void breakpoints_forget_ram(struct breakpoints *b)
{
	for (unsigned int i = 0; i < b->count; i++)
		b->list[i].there = false;
	b->lifted = false;
}

/* ---- for a step ---- */

bool breakpoints_lift(struct breakpoints *b, const struct mem *mem,
		      uint64_t gpa)
{
	const struct breakpoint *p = find_byte(b, gpa, NULL);

	if (!p || mem_write(mem, gpa, &p->was, 1) < 0)
		return false;
	b->lifted = true;
	b->lifted_gpa = gpa;
	return true;
}

/* The instruction may have changed the byte. */
void breakpoints_put_back(struct breakpoints *b, const struct mem *mem)
{
	const uint8_t insn = insn_of(b);
	uint8_t now;

	if (!b->lifted)
		return;
	b->lifted = false;
	if (!find_byte(b, b->lifted_gpa, NULL) ||
	    mem_read(mem, &now, b->lifted_gpa, 1) < 0 ||
	    mem_write(mem, b->lifted_gpa, &insn, 1) < 0)
		return;
	for (unsigned int i = 0; i < b->count; i++)
		if (is_soft(b, &b->list[i]) && b->list[i].there &&
		    b->list[i].gpa == b->lifted_gpa)
			b->list[i].was = now;
}

/* ---- RAM without them ---- */

void breakpoints_hide(const struct breakpoints *b, uint64_t gpa, uint8_t *bytes,
		      uint64_t len)
{
	for (unsigned int i = 0; i < b->count; i++) {
		const struct breakpoint *p = &b->list[i];
		uint64_t at = p->gpa - gpa;

		if (is_soft(b, p) && p->there && p->gpa >= gpa && at < len &&
		    bytes[at] == insn_of(b))
			bytes[at] = p->was;
	}
}

int breakpoints_write(struct breakpoints *b, const struct mem *mem,
		      uint64_t gpa, const uint8_t *bytes, uint64_t len)
{
	const uint8_t insn = insn_of(b);
	int r = mem_write(mem, gpa, bytes, len);

	for (unsigned int i = 0; i < b->count && r == 0; i++) {
		struct breakpoint *p = &b->list[i];

		if (!is_soft(b, p) || !p->there || p->gpa < gpa ||
		    p->gpa - gpa >= len)
			continue;
		p->was = bytes[p->gpa - gpa];
		r = mem_write(mem, p->gpa, &insn, 1);
	}
	return r;
}

void breakpoints_describe(const struct breakpoints *b, struct arch_debug *out)
{
	*out = (struct arch_debug){ 0 };
	for (unsigned int i = 0; i < b->count; i++) {
		const struct breakpoint *p = &b->list[i];

		if (is_soft(b, p))
			out->soft |= p->there;
		else
			out->hw[out->count++] = (struct arch_break){
				p->kind, p->va, p->len
			};
	}
}
