// SPDX-License-Identifier: BSD-3-Clause
/*
 * See trace.h. Kernels have no frame pointers these days: each word on the
 * stack that points behind a call instruction in the kernel's code may be a
 * return address, and some are left over from calls that have returned. Hence
 * "perhaps".
 */
#include "trace.h"

#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"

#define FRAMES_MAX 16
#define STACK_SIZE (16 * KIB) /* and aligned so, in Linux on 64 bits */
#define STEP       512
#define NAME_SIZE  (SYMBOL_NAME_MAX + 32)

/* "do_idle+0x1f5", or the address alone. */
static void name_of(const struct trace *t, uint64_t va, char name[NAME_SIZE])
{
	const char *symbol;
	uint64_t offset;

	symbol = symbols_find(t->symbols, va - t->slide, &offset);
	if (symbol)
		snprintf(name, NAME_SIZE, "%s+%#llx", symbol,
			 (unsigned long long)offset);
	else
		snprintf(name, NAME_SIZE, "%#llx", (unsigned long long)va);
}

static void say(const struct trace *t, const char *left, const char *text)
{
	char line[NAME_SIZE + 64];

	snprintf(line, sizeof(line), "%-8s%s", left, text);
	t->line(t->ctx, line);
}

static void tell_state(const struct trace *t, unsigned int id,
		       const struct arch_state *s)
{
	char name[NAME_SIZE];
	char left[16];
	char text[NAME_SIZE + 48];

	name_of(t, s->pc, name);
	snprintf(left, sizeof(left), "vcpu%u", id);
	snprintf(text, sizeof(text), "%s: %s",
		 s->user ? "in a program" : "in the kernel", name);
	say(t, left, text);
	snprintf(text, sizeof(text),
		 "rip %#llx rsp %#llx rflags %#llx cr3 %#llx",
		 (unsigned long long)arch_state_register(s, "rip"),
		 (unsigned long long)arch_state_register(s, "rsp"),
		 (unsigned long long)arch_state_register(s, "rflags"),
		 (unsigned long long)arch_state_register(s, "cr3"));
	say(t, "", text);
}

/* The same function, or the same address where there is no name. */
static bool is_same_place(const struct trace *t, uint64_t a, uint64_t b)
{
	uint64_t offset;
	const char *symbol = symbols_find(t->symbols, a - t->slide, &offset);

	return a == b ||
	       (symbol && symbol == symbols_find(t->symbols, b - t->slide,
						 &offset));
}

/* How often each place was seen, in the order in which they were. */
static void tell_samples(const struct trace *t, const uint64_t *pc,
			 unsigned int count)
{
	const char *left = "seen";

	for (unsigned int i = 0; i < count; i++) {
		char name[NAME_SIZE];
		char text[NAME_SIZE + 32];
		unsigned int before = 0, times = 0;

		for (unsigned int j = 0; j < count; j++) {
			bool same = is_same_place(t, pc[i], pc[j]);

			before += same && j < i;
			times += same;
		}
		if (before)
			continue;
		name_of(t, pc[i], name);
		name[strcspn(name, "+")] = '\0'; /* anywhere in it */
		snprintf(text, sizeof(text), "%u of %u times at %s", times,
			 count, name);
		say(t, left, text);
		left = "";
	}
}

static bool is_code(const struct trace *t, uint64_t va)
{
	return va >= t->map->text_va &&
	       va - t->map->text_va < t->map->text_size;
}

static void tell_stack(const struct trace *t, const struct arch_state *s)
{
	uint64_t at = align_down(s->sp, 8);
	uint64_t left = STACK_SIZE - at % STACK_SIZE;
	unsigned int frames = 0;
	uint8_t words[STEP];

	while (left && frames < FRAMES_MAX) {
		uint64_t n = min_u64(min_u64(left, STEP), STEP - at % STEP);

		if (arch_state_read(s, t->mem, words, at, n) < 0)
			return;
		for (uint64_t i = 0; i < n && frames < FRAMES_MAX; i += 8) {
			uint64_t va = le64_at(words + i);
			char name[NAME_SIZE];

			if (!is_code(t, va) ||
			    !arch_state_is_return(s, t->mem, va))
				continue;
			name_of(t, va, name);
			say(t, frames ? "" : "perhaps", name);
			frames++;
		}
		at += n;
		left -= n;
	}
}

void trace_vcpu(const struct trace *t, unsigned int id,
		const struct arch_state *state, const uint64_t *pc,
		unsigned int count)
{
	tell_state(t, id, state);
	tell_samples(t, pc, count);
	if (!state->user)
		tell_stack(t, state);
}
