// SPDX-License-Identifier: BSD-3-Clause
/* src/mem/ram.c: the mapping behind guest RAM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"
#include "mem/ram.h"

/* The VmFlags of the mapping that starts at @addr. */
static void vm_flags(const void *addr, char *flags, size_t cap)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long long want = (uintptr_t)addr;
	bool here = false;
	char line[512];

	assert_non_null(f);
	flags[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		unsigned long long start;
		unsigned long long end;

		if (sscanf(line, "%llx-%llx ", &start, &end) == 2)
			here = start == want;
		else if (here && !strncmp(line, "VmFlags:", 8))
			snprintf(flags, cap, "%s", line + 8);
	}
	fclose(f);
}

static void check_mapping(enum ram_backing backing)
{
	struct ram ram;
	struct err err = { 0 };
	char flags[512];

	assert_int_equal(ram_create(&ram, 4 * MIB, backing, &err), 0);
	assert_int_equal((uintptr_t)ram.hva % (2 * MIB), 0);
	assert_int_equal(ram.size, 4 * MIB);
	assert_int_equal(ram.hva[0], 0);
	assert_int_equal(ram.hva[4 * MIB - 1], 0);
	ram.hva[4 * MIB - 1] = 1;
	/* Not inherited by fork, not in a core dump (R20). */
	vm_flags(ram.hva, flags, sizeof(flags));
	assert_non_null(strstr(flags, " dc"));
	assert_non_null(strstr(flags, " dd"));
	ram_destroy(&ram);
	ram_destroy(&ram);
}

static void R20_private_ram_is_aligned_zero_and_not_dumped(void **state)
{
	check_mapping(RAM_PRIVATE);
}

static void R20_memfd_ram_is_aligned_zero_and_not_dumped(void **state)
{
	check_mapping(RAM_MEMFD);
}

static void R11_memfd_ram_cannot_be_shrunk_under_the_guest(void **state)
{
	struct ram ram;
	struct err err;

	assert_int_equal(ram_create(&ram, 4 * MIB, RAM_MEMFD, &err), 0);
	assert_true(ram.fd >= 0);
	assert_true(fcntl(ram.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(ftruncate(ram.fd, 4096), -1);
	assert_int_equal(errno, EPERM);
	ram_destroy(&ram);
	assert_int_equal(ram.fd, -1);
}

static void B12_ram_that_no_host_has_is_refused_with_the_key(void **state)
{
	static const uint64_t sizes[] = {
		UINT64_MAX,
		UINT64_MAX - 4095,
		UINT64_C(1) << 63,
		(UINT64_C(1) << 63) - 4096,
		UINT64_C(1) << 62,
		UINT64_C(1) << 47,
	};
	struct ram ram;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (int b = RAM_PRIVATE; b <= RAM_MEMFD; b++) {
			struct err err = { 0 };

			assert_true(ram_create(&ram, sizes[i],
					       (enum ram_backing)b,
					       &err) < 0);
			assert_string_equal(err.key, "memory");
			assert_null(ram.hva);
			assert_null(ram.map);
			assert_int_equal(ram.fd, -1);
		}
	}
}

static void ram_destroy_of_a_zeroed_object_closes_nothing(void **state)
{
	struct ram ram = { 0 };

	ram_destroy(&ram);
	assert_true(fcntl(0, F_GETFD) >= 0 || errno == EBADF);
	assert_null(ram.hva);
}

static void ram_without_huge_pages_is_refused_with_a_remedy(void **state)
{
	struct err err = { 0 };
	struct ram ram;

	/* More huge pages than any host has reserved. */
	assert_true(ram_create(&ram, UINT64_C(1) << 46, RAM_HUGETLB, &err) < 0);
	assert_string_equal(err.key, "memory");
	assert_null(ram.hva);
}

static void check_discard(enum ram_backing backing)
{
	struct ram ram;
	uint8_t *p;

	assert_int_equal(ram_create(&ram, 4 * MIB, backing, NULL), 0);
	p = ram.hva;
	memset(p, 0x77, MIB);
	assert_true(ram_resident(&ram) >= MIB);
	/* only the whole pages inside of the range */
	assert_int_equal(ram_discard(&ram, p + 1, 8191), 4096);
	assert_int_equal(p[4095], 0x77);
	assert_int_equal(p[4096], 0);
	assert_int_equal(p[8191], 0);
	assert_int_equal(p[8192], 0x77);
	assert_int_equal(ram_discard(&ram, p + 1, 4096), 0);
	assert_int_equal(ram_discard(&ram, p, 0), 0);
	assert_int_equal(p[1], 0x77);
	assert_int_equal(ram_discard(&ram, p, 4 * MIB), 4 * MIB);
	assert_true(ram_resident(&ram) == 0);
	assert_int_equal(p[1], 0);
	ram_destroy(&ram);
}

/* What a ring that is ballooned away becomes. */
static void Q28_discarded_pages_leave_the_host_and_read_as_zeroes(void **state)
{
	check_discard(RAM_PRIVATE);
	check_discard(RAM_MEMFD);
}

static long free_huge_pages(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/"
			"free_hugepages", "re");
	long n = 0;

	if (f && fscanf(f, "%ld", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

/* Needs three of the host's: vm.nr_hugepages. */
static void what_went_back_to_the_pool_is_read_without_it(void **state)
{
	const uint64_t page = 2 * MIB;
	struct ram ram;
	uint8_t *p, *other;
	long left;

	if (free_huge_pages() < 3)
		skip();
	assert_int_equal(ram_create(&ram, 3 * page, RAM_HUGETLB, NULL), 0);
	p = ram.hva;
	p[0] = 1;
	p[page + 5] = 2;
	assert_int_equal(ram_discard(&ram, p + page, 2 * page), 2 * page);
	other = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, ram.fd,
		     (off_t)(2 * page));
	assert_true(other != MAP_FAILED);
	other[page - 1] = 3;
	left = free_huge_pages();
	assert_int_equal(ram_freeze(&ram), 0);
	assert_ptr_equal(ram_next_data(&ram, p), p);
	assert_ptr_equal(ram_next_data(&ram, p + 4096), p + 4096);
	assert_ptr_equal(ram_next_data(&ram, p + page), p + 2 * page);
	for (uint64_t i = 0; i < page; i += 4096)
		assert_int_equal(p[page + i], 0);
	assert_int_equal(p[page + 5], 0);
	assert_int_equal(free_huge_pages(), left);
	assert_int_equal(p[0], 1);
	assert_int_equal(p[3 * page - 1], 3);
	assert_int_equal(munmap(other, page), 0);
	ram_destroy(&ram);
	assert_true(free_huge_pages() > left);
}

/* Others have no such holes, and stay as they are. */
static void freezing_other_memory_changes_nothing(void **state)
{
	static const enum ram_backing kinds[] = { RAM_PRIVATE, RAM_MEMFD };
	struct ram ram;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(ram_create(&ram, 4 * MIB, kinds[i], NULL), 0);
		ram.hva[7] = 7;
		assert_int_equal(ram_freeze(&ram), 0);
		assert_int_equal(ram.hva[7], 7);
		assert_true(ram_resident(&ram) < 4 * MIB);
		ram_destroy(&ram);
	}
}

/* ---- memory of somebody else's ---- */

/* The number that the next descriptor gets. */
static int next_fd(int fd)
{
	int next = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	assert_true(next >= 0);
	close(next);
	return next;
}

static void a_memfd_that_does_not_do_leaves_nothing_open(void **state)
{
	static const struct {
		off_t size;
		int seals;
		bool zero;
		int result;
	} rows[] = {
		{ 4 * MIB - 4096, F_SEAL_SHRINK, false, -EINVAL },
		{ 4 * MIB, 0, false, -EINVAL },
		/* it can neither be emptied nor mapped */
		{ 4 * MIB, F_SEAL_SHRINK | F_SEAL_WRITE, true, -EPERM },
		{ 4 * MIB, F_SEAL_SHRINK | F_SEAL_WRITE, false, -EPERM },
	};
	struct ram ram;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ram_source from = {
			.fd = memfd_create("ram", MFD_ALLOW_SEALING),
		};
		struct err err = { 0 };
		int next = next_fd(from.fd);

		assert_int_equal(ftruncate(from.fd, rows[i].size), 0);
		assert_int_equal(fcntl(from.fd, F_ADD_SEALS, rows[i].seals), 0);
		assert_int_equal(ram_adopt(&ram, 4 * MIB, &from, rows[i].zero,
					   &err), rows[i].result);
		assert_string_equal(err.key, "memory");
		assert_int_equal(ram.fd, -1);
		assert_null(ram.hva);
		assert_int_equal(next_fd(from.fd), next);
		close(from.fd);
	}
}

static void a_memfd_is_duplicated_and_its_bytes_stay_or_go(void **state)
{
	struct ram_source from = {
		.fd = memfd_create("ram", MFD_ALLOW_SEALING),
	};
	int next = next_fd(from.fd);
	struct ram ram;

	assert_int_equal(ftruncate(from.fd, 4 * MIB), 0);
	assert_int_equal(fcntl(from.fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(pwrite(from.fd, "mine", 4, MIB), 4);
	assert_int_equal(ram_adopt(&ram, 4 * MIB, &from, false, NULL), 0);
	assert_int_equal(ram.fd, next);
	assert_memory_equal(ram.hva + MIB, "mine", 4);
	ram_destroy(&ram);
	assert_int_equal(next_fd(from.fd), next);
	assert_int_equal(ram_adopt(&ram, 4 * MIB, &from, true, NULL), 0);
	assert_int_equal(ram.hva[MIB], 0);
	ram_destroy(&ram);
	close(from.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			R20_private_ram_is_aligned_zero_and_not_dumped),
		cmocka_unit_test(R20_memfd_ram_is_aligned_zero_and_not_dumped),
		cmocka_unit_test(
			R11_memfd_ram_cannot_be_shrunk_under_the_guest),
		cmocka_unit_test(
			B12_ram_that_no_host_has_is_refused_with_the_key),
		cmocka_unit_test(ram_destroy_of_a_zeroed_object_closes_nothing),
		cmocka_unit_test(
			ram_without_huge_pages_is_refused_with_a_remedy),
		cmocka_unit_test(
			Q28_discarded_pages_leave_the_host_and_read_as_zeroes),
		cmocka_unit_test(what_went_back_to_the_pool_is_read_without_it),
		cmocka_unit_test(freezing_other_memory_changes_nothing),
		cmocka_unit_test(a_memfd_that_does_not_do_leaves_nothing_open),
		cmocka_unit_test(
			a_memfd_is_duplicated_and_its_bytes_stay_or_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
