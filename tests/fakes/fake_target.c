// SPDX-License-Identifier: BSD-3-Clause
/* See fake_target.h. */
#include "fake_target.h"

#include <errno.h>
#include <string.h>

static const unsigned int sizes[] = { 8, 4, 10, 16 };

void fake_target_init(struct fake_target *t)
{
	memset(t, 0, sizeof(*t));
	t->cpus = TARGET_CPUS;
	for (unsigned int cpu = 0; cpu < TARGET_CPUS; cpu++)
		for (unsigned int i = 0; i < TARGET_REGS; i++)
			t->regs[cpu][i] = (uint8_t)(16 * cpu + i);
	for (unsigned int i = 0; i < TARGET_SIZE; i++)
		t->memory[i] = (uint8_t)i;
}

/* Most is for a machine that stands still. */
static int may(const struct fake_target *t)
{
	return t->fail ? t->fail : t->stopped && !t->ended ? 0 : -EBUSY;
}

static unsigned int cpus(void *ctx)
{
	return ((struct fake_target *)ctx)->cpus;
}

static const char *activity(void *ctx, unsigned int cpu)
{
	return cpu ? "halted" : "running";
}

static size_t describe(char *to, size_t cap)
{
	static const char text[] = "<target>}#$*</target>";

	if (sizeof(text) <= cap)
		memcpy(to, text, sizeof(text));
	return sizeof(text) - 1;
}

static unsigned int reg_size(unsigned int n)
{
	return n < sizeof(sizes) / sizeof(sizes[0]) ? sizes[n] : 0;
}

static int get_regs(void *ctx, unsigned int cpu, uint8_t *to)
{
	struct fake_target *t = ctx;
	int r = may(t);

	if (!r)
		memcpy(to, t->regs[cpu], TARGET_REGS);
	return r;
}

static int set_regs(void *ctx, unsigned int cpu, const uint8_t *from)
{
	struct fake_target *t = ctx;
	int r = may(t);

	if (!r)
		memcpy(t->regs[cpu], from, TARGET_REGS);
	return r;
}

static int set_pc(void *ctx, unsigned int cpu, uint64_t va)
{
	struct fake_target *t = ctx;
	int r = may(t);

	if (!r)
		memcpy(t->regs[cpu], &va, sizeof(va));
	return r;
}

/* How many of @len bytes at @va there are. */
static size_t there(const struct fake_target *t, uint64_t va, size_t len)
{
	uint64_t at = va - TARGET_BASE;

	if (may(t) < 0 || at >= TARGET_SIZE)
		return 0;
	return len < TARGET_SIZE - at ? len : TARGET_SIZE - (size_t)at;
}

static size_t read_memory(void *ctx, unsigned int cpu, uint64_t va,
			  uint8_t *to, size_t len)
{
	struct fake_target *t = ctx;
	size_t n = there(t, va, len);

	if (n)
		memcpy(to, t->memory + (va - TARGET_BASE), n);
	return n;
}

static size_t write_memory(void *ctx, unsigned int cpu, uint64_t va,
			   const uint8_t *from, size_t len)
{
	struct fake_target *t = ctx;
	size_t n = there(t, va, len);

	if (n)
		memcpy(t->memory + (va - TARGET_BASE), from, n);
	return n;
}

static int break_add(void *ctx, unsigned int cpu, enum gdb_break kind,
		     uint64_t va, unsigned int len)
{
	struct fake_target *t = ctx;
	int r = may(t);

	if (kind == GDB_READ)
		return -ENOTSUP;
	t->breaks += r == 0;
	return r;
}

static int break_remove(void *ctx, unsigned int cpu, enum gdb_break kind,
			uint64_t va, unsigned int len)
{
	struct fake_target *t = ctx;
	int r = may(t);

	if (!r && !t->breaks)
		return -ENOENT;
	t->breaks -= r == 0;
	return r;
}

static int stop(void *ctx)
{
	struct fake_target *t = ctx;

	t->stopped = true;
	return t->fail ? t->fail : t->ended ? -EBUSY : 0;
}

static int run(void *ctx, int cpu, bool step, bool others)
{
	struct fake_target *t = ctx;
	int r = may(t);

	if (r < 0)
		return r;
	t->stopped = false;
	t->run_cpu = cpu;
	t->step = step;
	t->others = others;
	t->runs++;
	return 0;
}

static int take_stop(void *ctx, struct gdb_stop *out)
{
	struct fake_target *t = ctx;

	if (!t->has_stop)
		return -EAGAIN;
	t->has_stop = false;
	t->stopped = true;
	*out = t->stop;
	return 0;
}

static void detach(void *ctx)
{
	struct fake_target *t = ctx;

	t->breaks = 0;
	t->has_stop = false;
	t->stopped = false;
	t->detached++;
}

static void end(void *ctx)
{
	((struct fake_target *)ctx)->ended = true;
}

const struct gdb_target_ops fake_target_ops = {
	.cpus = cpus,
	.activity = activity,
	.describe = describe,
	.reg_size = reg_size,
	.get_regs = get_regs,
	.set_regs = set_regs,
	.set_pc = set_pc,
	.read = read_memory,
	.write = write_memory,
	.break_add = break_add,
	.break_remove = break_remove,
	.stop = stop,
	.run = run,
	.take_stop = take_stop,
	.detach = detach,
	.kill = end,
};
