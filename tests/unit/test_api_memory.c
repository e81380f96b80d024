// SPDX-License-Identifier: BSD-3-Clause
/* src/api_memory.c, and memory that is lent: over fake_kvm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api_case.h"

#define PLACE 0xe0200000u
#define ABOVE UINT64_C(0x200000000)

static int set_up(void **state)
{
	struct api_case *f = calloc(1, sizeof(*f));

	*state = f;
	return api_case_set_up(f);
}

static int tear_down(void **state)
{
	api_case_tear_down(*state);
	free(*state);
	return 0;
}

static void guest_memory_is_read_and_written_with_bounds(void **state)
{
	struct api_case *f = *state;
	char text[6] = "";
	uint32_t a, b;

	api_case_create(f);
	assert_int_equal(vireo_memory_write(f->vm, 0xffffb, "hello", 5), 0);
	assert_int_equal(vireo_memory_read(f->vm, 0xffffb, text, 5), 0);
	assert_string_equal(text, "hello");
	assert_int_equal(vireo_memory_write(f->vm, 0xffffc, "xxxxx", 5),
			 VIREO_EINVAL);
	assert_int_equal(vireo_memory_read(f->vm, 0xffffb, text, 5), 0);
	assert_string_equal(text, "hello");
	assert_int_equal(vireo_memory_read(f->vm, UINT64_MAX, text, 2),
			 VIREO_EINVAL);
	assert_int_equal(vireo_memory_read(f->vm, 0, NULL, 2), VIREO_EINVAL);
	assert_int_equal(vireo_memory_read(NULL, 0, text, 2), VIREO_EINVAL);
	assert_int_equal(vireo_memory_checksum(f->vm, 0, 0x100000, &a), 0);
	assert_int_equal(vireo_memory_fill(f->vm, 0x9000, 0xff, 1), 0);
	assert_int_equal(vireo_memory_checksum(f->vm, 0, 0x100000, &b), 0);
	assert_int_not_equal(a, b);
	assert_int_equal(vireo_memory_fill(f->vm, 0x9000, 0, 1), 0);
	assert_int_equal(vireo_memory_checksum(f->vm, 0, 0x100000, &b), 0);
	assert_int_equal(a, b);
	assert_int_equal(vireo_memory_checksum(f->vm, 0, 0x100001, &b),
			 VIREO_EINVAL);
	assert_int_equal(vireo_memory_checksum(f->vm, 0, 1, NULL),
			 VIREO_EINVAL);
}

static void lend(struct api_case *f, const struct vireo_memory_map *m)
{
	if (vireo_config_map_memory(f->cfg, m, &f->err) != 0)
		fail_msg("%s", f->err.text);
}

static void a_callers_memory_becomes_the_guests(void **state)
{
	struct api_case *f = *state;
	void *mine = aligned_alloc(4096, 8192);
	int fd = memfd_create("lent", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct vireo_memory_map m = { .size = sizeof(m), .gpa = ABOVE,
				      .length = 8192, .fd = -1, .addr = mine };
	struct vireo_region r;
	char text[4];

	memcpy((char *)memset(mine, 0, 8192) + 4096, "mine", 4);
	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(pwrite(fd, "file", 4, 4096), 4);
	lend(f, &m);
	m.gpa = PLACE;
	m.length = 4096;
	m.fd = fd;
	m.offset = 4096;
	m.read_only = true;
	assert_int_equal(vireo_config_map_memory(f->cfg, &m, &f->err),
			 VIREO_EINVAL); /* it may be shortened */
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	m.length = 8192;
	assert_int_equal(vireo_config_map_memory(f->cfg, &m, &f->err),
			 VIREO_EINVAL); /* it is shorter */
	m.length = 4096;
	lend(f, &m);
	close(fd);
	api_case_create(f);
	assert_int_equal(fake.slots, 3);
	assert_int_equal(fake.slot[1].flags, 0);
	assert_int_equal(fake.slot[1].userspace_addr, (uintptr_t)mine);
	assert_int_equal(fake.slot[2].flags, KVM_MEM_READONLY);
	assert_int_equal(fake.slot[2].guest_phys_addr, PLACE);
	assert_int_equal(vireo_memory_read(f->vm, ABOVE + 4096, text, 4), 0);
	assert_memory_equal(text, "mine", 4);
	assert_int_equal(vireo_memory_read(f->vm, PLACE, text, 4), 0);
	assert_memory_equal(text, "file", 4);
	assert_int_equal(vireo_memory_write(f->vm, PLACE, text, 4),
			 VIREO_EINVAL);
	assert_int_equal(vireo_memory_write(f->vm, ABOVE, text, 4), 0);
	assert_memory_equal(mine, "file", 4);
	assert_int_equal(vireo_memory_region(f->vm, 0, &r), 0);
	assert_true(r.gpa == 0 && !r.lent && !r.read_only);
	assert_int_equal(vireo_memory_region(f->vm, 1, &r), 0);
	assert_true(r.gpa == PLACE && r.lent && r.read_only);
	assert_int_equal(vireo_memory_region(f->vm, 2, &r), 0);
	assert_true(r.gpa == ABOVE && r.size == 8192 && !r.read_only);
	assert_int_equal(vireo_memory_region(f->vm, 3, &r), VIREO_EINVAL);
	vireo_destroy(&f->vm);
	free(mine);
}

static void memory_where_something_is_is_refused(void **state)
{
	struct api_case *f = *state;
	void *mine = aligned_alloc(4096, 4096);
	struct vireo_memory_map m = { .size = sizeof(m), .gpa = 0x1000,
				      .length = 4096, .fd = -1, .addr = mine };

	lend(f, &m);
	assert_int_equal(vireo_create(&f->vm, f->cfg, &f->err), VIREO_EINVAL);
	assert_string_equal(f->err.key, "memory-map");
	m.gpa = 0x1001;
	assert_int_equal(vireo_config_map_memory(f->cfg, &m, &f->err),
			 VIREO_EINVAL);
	m.gpa = ABOVE;
	m.addr = NULL;
	assert_int_equal(vireo_config_map_memory(f->cfg, &m, &f->err),
			 VIREO_EINVAL);
	free(mine);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(guest_memory_is_read_and_written_with_bounds),
		T(a_callers_memory_becomes_the_guests),
		T(memory_where_something_is_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
