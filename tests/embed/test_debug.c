// SPDX-License-Identifier: BSD-3-Clause
/*
 * Breakpoints and steps on /dev/kvm: the guest of firmware/guests/spin.c, whose
 * vCPU is set to code that reads a port, again and again. Wants the guest's
 * path. Status 77 without KVM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vireo.h"

#define SKIPPED 77
#define WAIT_MS 10000
#define PORT	0xe000
#define READ	0x800000 /* where the port is read */
#define NO_IRQS 2	 /* rflags */

/* again: in al, dx; inc ebx; jmp again */
static const uint8_t code[] = { 0xec, 0xff, 0xc3, 0xeb, 0xfb };

static const char *kernel;

struct fixture {
	unsigned int reads; /* of the port; by the vCPU */
	struct vireo_vm *vm;
};

static uint64_t on_read(void *ctx, uint64_t off, unsigned int len)
{
	struct fixture *f = ctx;

	return __atomic_add_fetch(&f->reads, 1, __ATOMIC_SEQ_CST);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct vireo_device device = {
		.size = sizeof(device), .name = "port", .port = true,
		.base = PORT, .length = 1, .read = on_read, .ctx = f,
	};
	struct vireo_config *cfg = NULL;
	struct vireo_regs regs = { .size = sizeof(regs) };
	struct vireo_error err = { 0 };

	*state = f;
	if (vireo_config_create(&cfg) != 0 ||
	    vireo_config_set(cfg, "kernel", kernel, &err) != 0 ||
	    vireo_config_set(cfg, "memory", "16M", &err) != 0 ||
	    vireo_config_add_device(cfg, &device, &err) != 0 ||
	    vireo_create(&f->vm, cfg, &err) != 0 ||
	    vireo_start(f->vm, &err) != 0)
		fprintf(stderr, "%s\n", err.text);
	vireo_config_destroy(&cfg);
	if (vireo_memory_write(f->vm, READ, code, sizeof(code)) != 0 ||
	    vireo_pause(f->vm) != 0 ||
	    vireo_vcpu_get_regs(f->vm, 0, &regs) != 0)
		return -1;
	regs.rip = READ;
	regs.rdx = PORT;
	regs.rflags = NO_IRQS;
	return vireo_vcpu_set_regs(f->vm, 0, &regs);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	vireo_destroy(&f->vm);
	free(f);
	return 0;
}

static struct vireo_hit wait_hit(struct fixture *f)
{
	struct vireo_hit hit = { .size = sizeof(hit) };

	assert_int_equal(vireo_hit_wait(f->vm, WAIT_MS, &hit), 0);
	return hit;
}

static struct vireo_regs get_regs(struct fixture *f)
{
	struct vireo_regs regs = { .size = sizeof(regs) };

	assert_int_equal(vireo_vcpu_get_regs(f->vm, 0, &regs), 0);
	return regs;
}

/* 0; or 77: this host has none in software. */
static int plant(struct fixture *f)
{
	int r = vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, READ, 1);

	if (r == VIREO_EHOST)
		return SKIPPED;
	assert_int_equal(r, 0);
	return 0;
}

static void step_gets_past_a_breakpoint_at_a_read_of_a_port(void **state)
{
	struct fixture *f = *state;
	struct vireo_regs before, after;
	unsigned int reads;

	if (plant(f))
		skip();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(vireo_resume(f->vm), 0);
		assert_int_equal(wait_hit(f).va, READ);
		before = get_regs(f);
		assert_int_equal(before.rip, READ);
		reads = f->reads;
		assert_int_equal(vireo_vcpu_step(f->vm, 0), 0);
		assert_true(wait_hit(f).stepped);
		after = get_regs(f);
		assert_int_equal(after.rip, READ + 1);
		assert_int_equal(f->reads, reads + 1);
		assert_int_equal(after.rax & 0xff, f->reads & 0xff);
		assert_int_equal(after.rbx, before.rbx);
	}
}

static void steps_walk_over_a_breakpoint_again_and_again(void **state)
{
	static const uint64_t places[] = { READ, READ + 1, READ + 3 };
	struct fixture *f = *state;
	uint64_t reads;

	if (plant(f))
		skip();
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_int_equal(wait_hit(f).va, READ);
	reads = f->reads;
	for (unsigned int i = 1; i <= 30; i++) {
		assert_int_equal(vireo_vcpu_step(f->vm, 0), 0);
		assert_true(wait_hit(f).stepped);
		assert_int_equal(get_regs(f).rip, places[i % 3]);
	}
	assert_int_equal(f->reads, reads + 10);
}

static void ram_is_the_guests_again_after_the_end(void **state)
{
	struct fixture *f = *state;
	uint8_t byte = 0;

	if (plant(f))
		skip();
	vireo_stop(f->vm);
	assert_int_equal(vireo_wait(f->vm, WAIT_MS, NULL), 0);
	assert_int_equal(vireo_memory_read(f->vm, READ, &byte, 1), 0);
	assert_int_equal(byte, 0xec);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(step_gets_past_a_breakpoint_at_a_read_of_a_port),
		TEST(steps_walk_over_a_breakpoint_again_and_again),
		TEST(ram_is_the_guests_again_after_the_end),
	};
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		perror("skipped: /dev/kvm");
		return SKIPPED;
	}
	close(fd);
	if (argc != 2)
		return 2;
	kernel = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
