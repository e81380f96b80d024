// SPDX-License-Identifier: BSD-3-Clause
/* src/vmcoreinfo.c: a kernel's note about itself, in RAM that may hold anything
 * else that looks like it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/endian.h"
#include "base/num.h"
#include "kernel_ram.h"
#include "vmcoreinfo.h"

#define TEXT                                                             \
	"OSRELEASE=6.12.9-cloud-amd64\nPAGESIZE=4096\n"                  \
	"SYMBOL(_stext)=ffffffff9e000000\nKERNELOFFSET=1d000000\n"       \
	"SYMBOL(bad)=12z4\nSYMBOL(none)=\n"

struct place {
	struct kernel_ram k;
	struct vmcoreinfo info;
	struct arch_kernel_map map; /* of no kernel, at first */
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	*state = p;
	kernel_ram_init(&p->k, 4);
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	kernel_ram_finish(&p->k);
	free(p);
	return 0;
}

static bool find(struct place *p)
{
	return vmcoreinfo_find(&p->info, &p->k.mem, &p->k.ram, &p->map);
}

static void put(struct place *p, uint64_t gpa, const void *bytes, size_t len)
{
	assert_int_equal(mem_write(&p->k.mem, gpa, bytes, len), 0);
}

/* As a note of a core file. */
static void put_note(struct place *p, uint64_t gpa, const char *text)
{
	const le32 head[] = { le32_put(11), le32_put((uint32_t)strlen(text)),
			      le32_put(0) };

	put(p, gpa, head, sizeof(head));
	put(p, gpa + 12, "VMCOREINFO", 11);
	put(p, gpa + 24, text, strlen(text) + 1);
}

static void text_is_found_at_the_beginning_of_a_page(void **state)
{
	struct place *p = *state;
	char value[64];

	assert_false(find(p));
	put(p, 0x5000, TEXT, sizeof(TEXT));
	assert_true(find(p));
	assert_string_equal(p->info.text, TEXT);
	assert_int_equal(p->info.len, sizeof(TEXT) - 1);
	assert_true(vmcoreinfo_get(&p->info, "OSRELEASE", value, 64));
	assert_string_equal(value, "6.12.9-cloud-amd64");
}

static void note_is_found_in_the_last_page(void **state)
{
	struct place *p = *state;

	put_note(p, RAM_SIZE - 4096, TEXT);
	assert_true(find(p));
	assert_string_equal(p->info.text, TEXT);
}

static void values_are_whole_and_fit(void **state)
{
	struct place *p = *state;
	uint64_t address;
	char value[8];

	put(p, 0, TEXT, sizeof(TEXT));
	assert_true(find(p));
	assert_false(vmcoreinfo_get(&p->info, "OSRELEASE", value, 8));
	assert_false(vmcoreinfo_get(&p->info, "OSREL", value, 8));
	assert_false(vmcoreinfo_get(&p->info, "4096", value, 8));
	assert_true(vmcoreinfo_symbol(&p->info, "_stext", &address));
	assert_int_equal(address, UINT64_C(0xffffffff9e000000));
	assert_false(vmcoreinfo_symbol(&p->info, "bad", &address));
	assert_false(vmcoreinfo_symbol(&p->info, "none", &address));
	assert_false(vmcoreinfo_symbol(&p->info, "absent", &address));
}

static void G09_what_only_looks_like_it_is_passed_over(void **state)
{
	static const char *const fakes[] = {
		"OSRELEASE=", "OSRELEASE=x", "OSRELEASE=x\n",
		"OSRELEASE=x\nPAGESIZE=4096\n",
		"OSRELEASE=x\nPAGESIZE=4096\nSYMBOL(_stext)=zz\n",
		"OSRELEASE=x\nPAGESIZE=4096\nSYMBOL(_stext)=ff", /* no end */
		"OSRELEASE=\x1b[2J\nPAGESIZE=4096\nSYMBOL(_stext)=1\n",
		" OSRELEASE=x\nPAGESIZE=4096\nSYMBOL(_stext)=1\n",
	};
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(fakes); i++) {
		put(p, i * 8192, fakes[i], strlen(fakes[i]) + 1);
		put_note(p, i * 8192 + 4096, fakes[i]);
	}
	put(p, 0x100000 + 1, TEXT, sizeof(TEXT)); /* not at its beginning */
	assert_false(find(p));
	assert_int_equal(p->info.len, 0);
	put(p, 0x200000, TEXT, sizeof(TEXT));
	assert_true(find(p));
}

/* A program's pages come first. */
static void G09_what_a_program_has_planted_is_passed_over(void **state)
{
	static const char *const planted[] = {
		"OSRELEASE=x\nPAGESIZE=4096\nSYMBOL(_stext)=ffffffff81000000\n",
		"OSRELEASE=x\nPAGESIZE=4096\nSYMBOL(_stext)=ffffffff9dffffff\n",
		"OSRELEASE=x\nPAGESIZE=4096\nSYMBOL(_stext)=ffffffffa0000000\n",
		"OSRELEASE=x\nPAGESIZE=4096\nSYMBOL(_stext)=0\n",
	};
	struct place *p = *state;

	p->map.text_va = UINT64_C(0xffffffff9e000000);
	p->map.text_size = 32 * MIB;
	for (size_t i = 0; i < ARRAY_SIZE(planted); i++)
		put(p, i * 4096, planted[i], strlen(planted[i]) + 1);
	assert_false(find(p));
	assert_int_equal(p->info.len, 0);
	put_note(p, RAM_SIZE - 4096, TEXT);
	assert_true(find(p));
	assert_string_equal(p->info.text, TEXT);
}

/* A page without an end; what follows the last line is not of it. */
static void G09_text_ends_with_its_page(void **state)
{
	struct place *p = *state;
	char page[4096];

	memset(page, 'A', sizeof(page));
	memcpy(page, TEXT, sizeof(TEXT) - 1);
	put(p, RAM_SIZE - 4096, page, sizeof(page));
	assert_true(find(p));
	assert_string_equal(p->info.text, TEXT);
	memset(page + sizeof(TEXT) - 1, '\n', 4096 - sizeof(TEXT) + 1);
	put(p, RAM_SIZE - 4096, page, sizeof(page));
	assert_true(find(p));
	assert_int_equal(p->info.len, 4096);
}

static void memory_that_can_be_shared_is_searched_too(void **state)
{
	struct place *p = *state;
	struct err err;

	ram_destroy(&p->k.ram);
	memset(&p->k.mem, 0, sizeof(p->k.mem));
	assert_int_equal(ram_create(&p->k.ram, RAM_SIZE, RAM_MEMFD, &err), 0);
	assert_int_equal(mem_add(&p->k.mem, 0, RAM_SIZE, p->k.ram.hva), 0);
	assert_false(find(p));
	assert_int_equal(ram_resident(&p->k.ram), 0);
	put_note(p, 0x300000, TEXT);
	assert_true(find(p));
	assert_int_equal(ram_resident(&p->k.ram), 4096);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(text_is_found_at_the_beginning_of_a_page),
		T(note_is_found_in_the_last_page),
		T(values_are_whole_and_fit),
		T(G09_what_only_looks_like_it_is_passed_over),
		T(G09_what_a_program_has_planted_is_passed_over),
		T(G09_text_ends_with_its_page),
		T(memory_that_can_be_shared_is_searched_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
