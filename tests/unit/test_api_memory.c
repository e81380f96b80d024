// SPDX-License-Identifier: BSD-3-Clause
/* src/api_memory.c, and memory that is lent: over fake_kvm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
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

static void a_range_crosses_pieces_that_touch(void **state)
{
	struct api_case *f = *state;
	uint8_t *mine = aligned_alloc(4096, 3 * 4096);
	struct vireo_memory_map m = { .size = sizeof(m), .length = 4096,
				      .fd = -1 };
	char text[8192];
	uint32_t a, b;

	memset(mine, 'a', 3 * 4096);
	for (unsigned int i = 0; i < 3; i++) {
		m.gpa = ABOVE + 4096 * i;
		m.addr = mine + 4096 * (2 - i);
		m.read_only = i == 2;
		lend(f, &m);
	}
	api_case_create(f);
	assert_int_equal(vireo_memory_write(f->vm, ABOVE + 4094, "4567", 4), 0);
	assert_memory_equal(mine + 2 * 4096 + 4094, "45", 2);
	assert_memory_equal(mine + 4096, "67aa", 4);
	assert_int_equal(vireo_memory_write(f->vm, ABOVE + 8190, "bbb", 3),
			 VIREO_EINVAL); /* the last is read-only */
	assert_int_equal(vireo_memory_fill(f->vm, ABOVE + 4096, 'b', 4097),
			 VIREO_EINVAL);
	assert_int_equal(vireo_memory_read(f->vm, ABOVE + 4094, text, 8192), 0);
	assert_memory_equal(text, "4567aa", 6);
	assert_memory_equal(text + 4096, "aaaa", 4);
	assert_int_equal(vireo_memory_checksum(f->vm, ABOVE + 1, 3 * 4096 - 1,
					       &a), 0);
	mine[4095] = 'c'; /* the last of all */
	assert_int_equal(vireo_memory_checksum(f->vm, ABOVE + 1, 3 * 4096 - 1,
					       &b), 0);
	assert_int_not_equal(a, b);
	assert_int_equal(vireo_memory_checksum(f->vm, ABOVE + 1, 3 * 4096, &b),
			 VIREO_EINVAL);
	vireo_destroy(&f->vm);
	free(mine);
}

static void sixteen_pieces_can_be_lent_but_not_one_over_another(void **state)
{
	struct api_case *f = *state;
	void *mine = aligned_alloc(4096, 4096);
	struct vireo_memory_map m = { .size = sizeof(m), .length = 4096,
				      .fd = -1, .addr = mine };

	for (unsigned int i = 0; i < 15; i++) {
		m.gpa = ABOVE + 4096 * i;
		lend(f, &m);
	}
	api_case_create(f);
	assert_int_equal(fake.slots, 16);
	vireo_destroy(&f->vm);
	m.gpa = ABOVE;
	m.read_only = true;
	lend(f, &m);
	assert_int_equal(vireo_create(&f->vm, f->cfg, &f->err), VIREO_EINVAL);
	assert_string_equal(f->err.key, "memory-map");
	assert_int_equal(vireo_config_map_memory(f->cfg, &m, &f->err),
			 VIREO_EINVAL); /* the seventeenth */
	free(mine);
}

static void a_device_inside_lent_memory_is_refused(void **state)
{
	struct api_case *f = *state;
	void *mine = aligned_alloc(4096, 4096);
	const struct vireo_memory_map m = { .size = sizeof(m), .gpa = ABOVE,
					    .length = 4096, .fd = -1,
					    .addr = mine };
	const struct vireo_device d = { .size = sizeof(d), .name = "inside",
					.base = ABOVE + 8, .length = 8 };

	lend(f, &m);
	assert_int_equal(vireo_config_add_device(f->cfg, &d, &f->err), 0);
	assert_int_equal(vireo_create(&f->vm, f->cfg, &f->err), VIREO_EINVAL);
	assert_string_equal(f->err.key, "inside");
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
	m.fd = memfd_create("lent", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(m.fd, 4096), 0);
	assert_int_equal(fcntl(m.fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	m.gpa = 0x2000;
	lend(f, &m);
	assert_int_equal(vireo_create(&f->vm, f->cfg, &f->err), VIREO_EINVAL);
	close(m.fd);
	m.fd = -1;
	m.gpa = 0x1001;
	assert_int_equal(vireo_config_map_memory(f->cfg, &m, &f->err),
			 VIREO_EINVAL);
	m.gpa = ABOVE;
	m.addr = NULL;
	assert_int_equal(vireo_config_map_memory(f->cfg, &m, &f->err),
			 VIREO_EINVAL);
	free(mine);
}

/* ---- checksums over a reset ---- */

struct summer {
	struct vireo_vm *vm;
	pthread_barrier_t begun;
	atomic_bool over;
	uint32_t first;
	uint32_t other[2];
	unsigned int others; /* that were not the first one; up to 2 */
	int trouble;
};

static void note_sum(struct summer *s, uint32_t sum)
{
	if (sum == s->first || (s->others && sum == s->other[0]))
		return;
	if (s->others < 2)
		s->other[s->others++] = sum;
}

static void *sum_up(void *arg)
{
	struct summer *s = arg;

	pthread_barrier_wait(&s->begun);
	while (!atomic_load(&s->over)) {
		uint32_t sum;
		int r = vireo_memory_checksum(s->vm, 0, 0x100000, &sum);

		if (!r)
			note_sum(s, sum);
		else if (r != VIREO_ESTATE)
			s->trouble = r;
	}
	return NULL;
}

static void a_checksum_is_of_one_machine(void **state)
{
	struct api_case *f = *state;
	struct summer s = { 0 };
	pthread_t thread;
	uint32_t last;

	assert_int_equal(vireo_config_set(f->cfg, "on-reboot", "restart", NULL),
			 0);
	one_vm_reset(0);
	fake.boot = 2;
	one_vm_power_off(0);
	api_case_create(f);
	s.vm = f->vm;
	assert_int_equal(vireo_memory_fill(f->vm, 0x10000, 0xff, 0xf0000), 0);
	assert_int_equal(vireo_memory_checksum(f->vm, 0, 0x100000, &s.first),
			 0);
	pthread_barrier_init(&s.begun, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, sum_up, &s), 0);
	pthread_barrier_wait(&s.begun);
	assert_int_equal(vireo_start(f->vm, &f->err), 0);
	assert_int_equal(vireo_wait(f->vm, 10000, &f->end), 0);
	atomic_store(&s.over, true);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&s.begun);
	assert_int_equal(vireo_memory_checksum(f->vm, 0, 0x100000, &last), 0);
	assert_int_not_equal(last, s.first);
	note_sum(&s, last);
	assert_int_equal(s.others, 1);
	assert_int_equal(s.trouble, 0);
}

/* ---- RAM of the caller's ---- */

static void ram_can_be_a_memfd_of_the_callers(void **state)
{
	struct api_case *f = *state;
	int fd = memfd_create("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const struct vireo_ram ram = { .size = sizeof(ram), .fd = fd };
	char text[5] = "";
	unsigned int open;

	assert_int_equal(ftruncate(fd, 0x80000), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(vireo_config_set_ram(f->cfg, &ram, &f->err), 0);
	open = one_vm_open_fds();
	assert_int_equal(vireo_create(&f->vm, f->cfg, &f->err), VIREO_EINVAL);
	assert_string_equal(f->err.key, "memory"); /* too small */
	assert_int_equal(one_vm_open_fds(), open);
	assert_int_equal(ftruncate(fd, 0x100000), 0);
	assert_int_equal(pwrite(fd, "mine", 4, 0x20000), 4);
	assert_int_equal(vireo_config_set(f->cfg, "on-reboot", "restart", NULL),
			 0);
	fake.boot = 2; /* the first one has failed */
	one_vm_reset(0);
	fake.boot = 3;
	one_vm_power_off(0);
	api_case_create(f);
	assert_int_equal(vireo_memory_read(f->vm, 0x20000, text, 4), 0);
	assert_string_equal(text, "mine");
	assert_int_equal(vireo_memory_write(f->vm, 0x20000, "ours", 4), 0);
	assert_int_equal(pread(fd, text, 4, 0x20000), 4);
	assert_string_equal(text, "ours");
	assert_int_equal(vireo_start(f->vm, &f->err), 0);
	assert_int_equal(vireo_wait(f->vm, 10000, &f->end), 0);
	assert_int_equal(pread(fd, text, 4, 0x20000), 4);
	assert_memory_equal(text, "\0\0\0\0", 4); /* the reset */
	close(fd);
}

struct heap {
	unsigned int allocated, freed;
	size_t size;
	bool none;
};

static void *allocate(void *ctx, size_t size, size_t align)
{
	struct heap *h = ctx;
	void *p = h->none ? NULL : aligned_alloc(align, size);

	if (!p)
		return NULL;
	h->allocated++;
	h->size = size;
	return memset(p, 0, size);
}

static void release(void *ctx, void *memory, size_t size)
{
	struct heap *h = ctx;

	assert_int_equal(size, h->size);
	h->freed++;
	free(memory);
}

static void ram_can_be_allocated_by_the_caller(void **state)
{
	struct api_case *f = *state;
	struct heap heap = { 0 };
	struct vireo_ram ram = { .size = sizeof(ram), .fd = -1,
				 .alloc = allocate, .free = release,
				 .ctx = &heap };

	assert_int_equal(vireo_config_set(f->cfg, "memory", "2M", NULL), 0);
	ram.free = NULL;
	assert_int_equal(vireo_config_set_ram(f->cfg, &ram, &f->err),
			 VIREO_EINVAL);
	ram.free = release;
	assert_int_equal(vireo_config_set_ram(f->cfg, &ram, &f->err), 0);
	heap.none = true;
	assert_int_equal(vireo_create(&f->vm, f->cfg, &f->err), VIREO_EHOST);
	heap.none = false;
	assert_int_equal(vireo_config_set(f->cfg, "on-reboot", "restart", NULL),
			 0);
	fake.boot = 2; /* the first one has failed */
	one_vm_reset(0);
	fake.boot = 3;
	one_vm_power_off(0);
	api_case_run(f);
	assert_int_equal(heap.size, 0x200000);
	assert_int_equal(heap.allocated, 2);
	assert_int_equal(heap.freed, 1);
	vireo_destroy(&f->vm);
	assert_int_equal(heap.freed, 2);
}

/* ---- dirty pages ---- */

struct listed {
	unsigned int runs;
	struct {
		uint64_t gpa, length;
	} run[8];
};

static void note_run(void *ctx, uint64_t gpa, uint64_t length)
{
	struct listed *l = ctx;

	assert_true(l->runs < 8);
	l->run[l->runs].gpa = gpa;
	l->run[l->runs++].length = length;
}

static struct listed list(struct api_case *f)
{
	struct listed l = { 0 };

	assert_int_equal(vireo_memory_dirty(f->vm, note_run, &l), 0);
	return l;
}

static void pages_that_are_written_are_listed_once(void **state)
{
	struct api_case *f = *state;
	struct listed l;

	api_case_create(f);
	assert_int_equal(vireo_memory_dirty(f->vm, note_run, &l), VIREO_ESTATE);
	assert_int_equal(vireo_memory_track(f->vm), 0);
	assert_int_equal(fake.slots, 2); /* told again, with the flag */
	assert_int_equal(fake.slot[1].slot, 0);
	assert_int_equal(fake.slot[1].flags, KVM_MEM_LOG_DIRTY_PAGES);
	assert_int_equal(list(f).runs, 0);
	fake.dirty[0] = 1u << 3 | 1u << 4; /* the guest's */
	vireo_memory_write(f->vm, 0x5fff, "ab", 2);
	vireo_memory_fill(f->vm, 0x20000, 1, 0x1001);
	vireo_memory_read(f->vm, 0x30000, &l, 8);
	l = list(f);
	assert_int_equal(l.runs, 2);
	assert_int_equal(l.run[0].gpa, 0x3000);
	assert_int_equal(l.run[0].length, 0x4000);
	assert_int_equal(l.run[1].gpa, 0x20000);
	assert_int_equal(l.run[1].length, 0x2000);
	assert_int_equal(list(f).runs, 0);
	assert_int_equal(vireo_memory_track(f->vm), 0); /* once more: nothing */
	assert_int_equal(list(f).runs, 0);
	assert_int_equal(vireo_memory_dirty(f->vm, NULL, NULL), VIREO_EINVAL);
	assert_int_equal(vireo_memory_track(NULL), VIREO_EINVAL);
}

static void lent_pages_are_listed_too(void **state)
{
	struct api_case *f = *state;
	void *mine = aligned_alloc(4096, 8192);
	struct vireo_memory_map m = { .size = sizeof(m), .gpa = ABOVE,
				      .length = 8192, .fd = -1, .addr = mine };
	struct listed l;

	lend(f, &m);
	api_case_create(f);
	assert_int_equal(vireo_memory_track(f->vm), 0);
	fake.dirty[1] = 2;
	l = list(f);
	assert_int_equal(l.runs, 1);
	assert_int_equal(l.run[0].gpa, ABOVE + 4096);
	vireo_destroy(&f->vm);
	free(mine);
}

static void a_reset_makes_all_pages_dirty(void **state)
{
	struct api_case *f = *state;
	struct listed l;

	assert_int_equal(vireo_config_set(f->cfg, "on-reboot", "restart", NULL),
			 0);
	one_vm_reset(0);
	fake.boot = 2;
	one_vm_power_off(0);
	api_case_create(f);
	assert_int_equal(vireo_memory_track(f->vm), 0);
	assert_int_equal(vireo_start(f->vm, &f->err), 0);
	assert_int_equal(vireo_wait(f->vm, 10000, &f->end), 0);
	l = list(f);
	assert_int_equal(l.runs, 1);
	assert_int_equal(l.run[0].gpa, 0);
	assert_int_equal(l.run[0].length, 0x100000);
	assert_int_equal(list(f).runs, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(guest_memory_is_read_and_written_with_bounds),
		T(a_callers_memory_becomes_the_guests),
		T(a_range_crosses_pieces_that_touch),
		T(sixteen_pieces_can_be_lent_but_not_one_over_another),
		T(a_device_inside_lent_memory_is_refused),
		T(memory_where_something_is_is_refused),
		T(a_checksum_is_of_one_machine),
		T(ram_can_be_a_memfd_of_the_callers),
		T(ram_can_be_allocated_by_the_caller),
		T(pages_that_are_written_are_listed_once),
		T(lent_pages_are_listed_too),
		T(a_reset_makes_all_pages_dirty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
