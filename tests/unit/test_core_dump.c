// SPDX-License-Identifier: BSD-3-Clause
/* src/core_dump.c: a file that is read back as its readers do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/fd.h"
#include "base/num.h"
#include "core_dump.h"
#include "kernel_ram.h"

struct dump {
	struct kernel_ram k;
	struct arch_kernel_map map;
	struct vmcoreinfo info;
	struct arch_state state[2];
	struct core_dump core;
	char dir[32];
	char path[48];
	uint8_t *file; /* what was written */
	size_t len;
};

static int set_up(void **state)
{
	struct dump *d = calloc(1, sizeof(*d));

	*state = d;
	kernel_ram_init(&d->k, 4);
	d->core = (struct core_dump){ &d->k.mem, &d->k.ram, d->state, 2,
				      &d->map, &d->info };
	strcpy(d->dir, "/tmp/vireo-core-XXXXXX");
	if (!mkdtemp(d->dir))
		return -1;
	snprintf(d->path, sizeof(d->path), "%s/core", d->dir);
	return 0;
}

static int tear_down(void **state)
{
	struct dump *d = *state;

	unlink(d->path);
	kernel_ram_finish(&d->k);
	rmdir(d->dir);
	free(d->file);
	free(d);
	return 0;
}

static unsigned int files_in(const char *dir)
{
	DIR *list = opendir(dir);
	unsigned int n = 0;

	while (readdir(list))
		n++;
	closedir(list);
	return n - 2;
}

static void write_and_read(struct dump *d)
{
	struct err err = { 0 };

	if (core_dump_write(d->path, &d->core, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(files_in(d->dir), 1);
	assert_int_equal(fd_read_file(&d->file, &d->len, d->path, 64 * MIB,
				      &err), 0);
}

static const Elf64_Phdr *part(const struct dump *d, unsigned int i)
{
	const Elf64_Ehdr *eh = (const void *)d->file;
	const Elf64_Phdr *p = (const void *)(d->file + eh->e_phoff);

	assert_true(i < eh->e_phnum);
	assert_true(range_ok(p[i].p_offset, p[i].p_filesz, d->len));
	return &p[i];
}

/* The file's byte behind a virtual address. */
static const uint8_t *at_va(const struct dump *d, uint64_t va)
{
	const Elf64_Ehdr *eh = (const void *)d->file;

	for (unsigned int i = 1; i < eh->e_phnum; i++) {
		const Elf64_Phdr *p = part(d, i);

		if (va - p->p_vaddr < p->p_filesz)
			return d->file + p->p_offset + (va - p->p_vaddr);
	}
	fail_msg("nothing at %#llx", (unsigned long long)va);
	return NULL;
}

static void file_is_an_elf_core(void **state)
{
	struct dump *d = *state;
	const Elf64_Ehdr *eh;

	write_and_read(d);
	eh = (const void *)d->file;
	assert_memory_equal(eh->e_ident, "\177ELF\2\1\1", 7);
	assert_int_equal(eh->e_type, ET_CORE);
	assert_int_equal(eh->e_machine, EM_X86_64);
	assert_int_equal(eh->e_phnum, 2);
	assert_int_equal(part(d, 0)->p_type, PT_NOTE);
	assert_int_equal(part(d, 1)->p_type, PT_LOAD);
	assert_int_equal(part(d, 1)->p_paddr, 0);
	assert_int_equal(part(d, 1)->p_vaddr, 0); /* it is no Linux */
	assert_int_equal(part(d, 1)->p_filesz, RAM_SIZE);
}

static void note(const struct dump *d, size_t *at, const char *name,
		 uint32_t type, const uint8_t **desc, size_t *len)
{
	const Elf64_Phdr *p = part(d, 0);
	const uint8_t *n = d->file + p->p_offset + *at;

	assert_true(*at < p->p_filesz);
	assert_int_equal(le32_at(n), strlen(name) + 1);
	*len = le32_at(n + 4);
	assert_int_equal(le32_at(n + 8), type);
	assert_string_equal((const char *)n + 12, name);
	*at += 12 + align_up(strlen(name) + 1, 4);
	*desc = d->file + p->p_offset + *at;
	*at += align_up(*len, 4);
	assert_true(*at <= p->p_filesz);
}

/* Where struct elf_prstatus has them. */
static void notes_are_registers_and_vmcoreinfo(void **state)
{
	struct dump *d = *state;
	const uint8_t *desc;
	size_t at = 0, len;

	d->state[1].registers = 3;
	d->state[1].reg[0] = (struct arch_register){ "rip", 0x1122334455 };
	d->state[1].reg[1] = (struct arch_register){ "r15", 15 };
	d->state[1].reg[2] = (struct arch_register){ "gs", 0x28 };
	d->info.len = 17;
	strcpy(d->info.text, "OSRELEASE=6.12.9\n");
	write_and_read(d);
	note(d, &at, "CORE", NT_PRSTATUS, &desc, &len);
	assert_int_equal(len, 336);
	assert_int_equal(le32_at(desc + 32), 1);
	note(d, &at, "CORE", NT_PRSTATUS, &desc, &len);
	assert_int_equal(le32_at(desc + 32), 2);
	assert_int_equal(le64_at(desc + 112), 15);
	assert_int_equal(le64_at(desc + 112 + 16 * 8), 0x1122334455);
	assert_int_equal(le64_at(desc + 112 + 26 * 8), 0x28);
	note(d, &at, "VMCOREINFO", 0, &desc, &len);
	assert_int_equal(len, 17);
	assert_memory_equal(desc, "OSRELEASE=6.12.9\n", 17);
	assert_int_equal(at, part(d, 0)->p_filesz);
}

static void memory_is_where_the_kernel_sees_it(void **state)
{
	struct dump *d = *state;

	kernel_ram_map_kernel(&d->k);
	kernel_ram_write(&d->k, TEXT_VA + 0x123, "linux", 5);
	assert_true(arch_kernel_map(&d->map, &d->k.mem, &d->k.state, 1));
	write_and_read(d);
	assert_int_equal(part(d, 1)->p_paddr, TEXT_GPA);
	assert_int_equal(part(d, 1)->p_memsz, TEXT_SIZE);
	assert_memory_equal(at_va(d, TEXT_VA + 0x123), "linux", 5);
	assert_memory_equal(at_va(d, DIRECT_VA + TEXT_GPA + 0x123), "linux",
			    5);
	assert_ptr_equal(at_va(d, TEXT_VA), at_va(d, DIRECT_VA + TEXT_GPA));
}

static void regions_keep_their_addresses(void **state)
{
	struct dump *d = *state;

	memset(&d->k.mem, 0, sizeof(d->k.mem));
	assert_int_equal(mem_add(&d->k.mem, 0, LARGE, d->k.ram.hva), 0);
	assert_int_equal(mem_add(&d->k.mem, 4 * GIB, LARGE,
				 d->k.ram.hva + LARGE), 0);
	memcpy(d->k.ram.hva + 2 * LARGE - 3, "end", 3);
	d->map.direct_va = DIRECT_VA;
	write_and_read(d);
	assert_int_equal(part(d, 2)->p_paddr, 4 * GIB);
	assert_memory_equal(at_va(d, DIRECT_VA + 4 * GIB + LARGE - 3), "end",
			    3);
}

static void pages_of_zeros_take_no_room(void **state)
{
	struct dump *d = *state;
	struct stat st;

	memset(d->k.ram.hva + 3 * 4096, 1, 2 * 4096);
	d->k.ram.hva[RAM_SIZE - 4096] = 1;
	write_and_read(d);
	assert_int_equal(stat(d->path, &st), 0);
	assert_true(st.st_size > (off_t)RAM_SIZE);
	assert_true(st.st_blocks * 512 <= 8 * 4096);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_memory_equal(at_va(d, 0), d->k.ram.hva, RAM_SIZE);
}

static void shared_memory_is_not_touched_where_it_is_empty(void **state)
{
	struct dump *d = *state;
	struct err err;

	ram_destroy(&d->k.ram);
	memset(&d->k.mem, 0, sizeof(d->k.mem));
	assert_int_equal(ram_create(&d->k.ram, RAM_SIZE, RAM_MEMFD, &err), 0);
	assert_int_equal(mem_add(&d->k.mem, 0, RAM_SIZE, d->k.ram.hva), 0);
	d->k.ram.hva[5 * LARGE + 1] = 7;
	write_and_read(d);
	assert_int_equal(*at_va(d, 5 * LARGE + 1), 7);
	/* The page itself, and those of the same chunk. */
	assert_true(ram_resident(&d->k.ram) <= 256 * KIB);
}

static void earlier_core_is_replaced(void **state)
{
	struct dump *d = *state;
	FILE *f = fopen(d->path, "we");

	assert_non_null(f);
	fputs("old", f);
	fclose(f);
	write_and_read(d);
	assert_memory_equal(d->file, "\177ELF", 4);
}

static void refused(struct dump *d, const char *path, int code)
{
	struct err err = { 0 };

	assert_int_equal(core_dump_check(path, &err), code);
	assert_int_equal(core_dump_write(path, &d->core, &err), code);
	assert_non_null(strstr(err.text, path));
	assert_null(strchr(err.text, '\n'));
}

static void what_is_no_file_is_not_replaced(void **state)
{
	struct dump *d = *state;

	refused(d, "/dev/null", -EINVAL);
	refused(d, d->dir, -EINVAL);
	refused(d, "/nowhere/core", -ENOENT);
	assert_int_equal(mkfifo(d->path, 0600), 0);
	refused(d, d->path, -EINVAL);
	assert_int_equal(unlink(d->path), 0);
	assert_int_equal(symlink("/nowhere/core", d->path), 0);
	refused(d, d->path, -EINVAL);
}

static void core_without_room_leaves_nothing(void **state)
{
	struct dump *d = *state;
	struct rlimit before, small;
	struct err err = { 0 };
	int r;

	d->k.ram.hva[RAM_SIZE - 1] = 1;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ 64 * KIB, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	r = core_dump_write(d->path, &d->core, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(r, -EFBIG);
	assert_non_null(strstr(err.text, "File too large"));
	assert_int_equal(files_in(d->dir), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(file_is_an_elf_core),
		T(notes_are_registers_and_vmcoreinfo),
		T(memory_is_where_the_kernel_sees_it),
		T(regions_keep_their_addresses),
		T(pages_of_zeros_take_no_room),
		T(shared_memory_is_not_touched_where_it_is_empty),
		T(earlier_core_is_replaced),
		T(what_is_no_file_is_not_replaced),
		T(core_without_room_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
