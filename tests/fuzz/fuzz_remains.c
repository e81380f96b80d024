// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a guest leaves in its RAM for those who look for the reason of its end:
 * page tables, VMCOREINFO, kallsyms, a stack. The input is a program of steps
 * that write there; the first one may be a kernel in good order, of which the
 * rest makes something else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"
#include "fuzz.h"
#include "kallsyms.h"
#include "kernel_ram.h"
#include "trace.h"
#include "vmcoreinfo.h"

#define PAGES     (RAM_SIZE / 4096)
#define INFO_GPA  UINT64_C(0x3000)
#define LINES_MAX (2 + 16 + 8)

struct input {
	const uint8_t *at;
	size_t left;
};

static uint64_t take(struct input *in, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes--) {
		v = v << 8 | (in->left ? *in->at : 0);
		in->at += !!in->left;
		in->left -= !!in->left;
	}
	return v;
}

static void check_text(const char *text)
{
	for (; *text; text++)
		must(*text >= ' ' && *text <= '~');
}

static void put_bytes(struct kernel_ram *k, struct input *in)
{
	uint64_t gpa = take(in, 3) % RAM_SIZE;
	uint64_t len = min_u64(take(in, 1), min_u64(in->left, RAM_SIZE - gpa));

	must(mem_write(&k->mem, gpa, in->at, len) == 0);
	in->at += len;
	in->left -= len;
}

static void put_entry(struct kernel_ram *k, struct input *in)
{
	uint64_t gpa = take(in, 2) % PAGES * 4096 + take(in, 2) % 512 * 8;

	kernel_ram_write_u64(k, gpa, take(in, 3) << 12 | take(in, 1));
}

/* The tables' places, in the text that says them. */
static void put_info(struct kernel_ram *k, struct input *in)
{
	static const char *const names[] = {
		"_stext", "kallsyms_num_syms", "kallsyms_names",
		"kallsyms_token_table", "kallsyms_token_index",
		"kallsyms_offsets", "kallsyms_relative_base",
	};
	char text[1024];
	size_t len = (size_t)snprintf(text, sizeof(text),
				      "OSRELEASE=6.1\nPAGESIZE=4096\n");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "SYMBOL(%s)=%llx\n",
			names[i],
			(unsigned long long)(TEXT_VA + take(in, 3)));
	must(mem_write(&k->mem, INFO_GPA, text, len) == 0);
}

static void write_ram(struct kernel_ram *k, struct input *in)
{
	unsigned int steps = 64;

	while (in->left && steps--) {
		switch (take(in, 1) % 4) {
		case 0:
			put_bytes(k, in);
			break;
		case 1:
			put_entry(k, in);
			break;
		case 2:
			put_info(k, in);
			break;
		default:
			k->state.sp = DIRECT_VA + take(in, 3);
			k->state.pc = TEXT_VA + take(in, 3);
			break;
		}
	}
}

static void check_map(const struct arch_kernel_map *map, const struct mem *mem)
{
	must(!map->text_size ||
	     mem_is_ram(mem, map->text_gpa, map->text_size));
	must(map->text_size || !map->direct_va);
	must(map->text_size <= GIB);
}

static void check_symbols(const struct symbols *s)
{
	for (size_t i = 0; i < s->count; i++) {
		must(s->list[i].name < s->names_len);
		check_text(s->names + s->list[i].name);
		must(!i || s->list[i].address >= s->list[i - 1].address);
	}
}

static void count_line(void *ctx, const char *text)
{
	unsigned int *lines = ctx;

	check_text(text);
	must(strlen(text) < 400);
	must(++*lines <= LINES_MAX);
}

static void look(const struct kernel_ram *k)
{
	const uint64_t pc[] = { k->state.pc, k->state.sp };
	static struct vmcoreinfo info;
	struct arch_kernel_map map;
	struct symbols symbols = { 0 };
	unsigned int lines = 0;
	struct trace t = { &k->mem, &map, &symbols, 0, count_line, &lines };

	arch_kernel_map(&map, &k->mem, &k->state, 1);
	check_map(&map, &k->mem);
	must(vmcoreinfo_find(&info, &k->mem, &k->ram, &map) == (info.len > 0));
	must(strlen(info.text) == info.len && info.len <= VMCOREINFO_MAX);
	if (kallsyms_load(&symbols, &info, &map, &k->mem) < 0)
		must(!symbols.list && !symbols.names);
	check_symbols(&symbols);
	trace_vcpu(&t, 0, &k->state, pc, 2);
	symbols_finish(&symbols);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint64_t how = take(&in, 1);
	struct kernel_ram k;

	kernel_ram_init(&k, how & 1 ? 5 : 4);
	if (how & 2)
		kernel_ram_map_kernel(&k);
	if (how & 4)
		k.state.levels = 0;
	write_ram(&k, &in);
	look(&k);
	kernel_ram_finish(&k);
	return 0;
}
