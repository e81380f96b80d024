// SPDX-License-Identifier: BSD-3-Clause
/* src/vm.c: states, and what building one leaves behind when it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "one_vm.h"

static bool readable(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, wait_ms) == 1;
}

/* ---- states ---- */

static void C08_wait_before_start_is_refused(void **state)
{
	struct one_vm *f = *state;

	one_vm_create(f);
	assert_int_equal(vm_wait(f->vm, 0, &f->end), -EBUSY);
	assert_int_equal(vm_wait(f->vm, -1, &f->end), -EBUSY);
	assert_false(readable(f->vm->event_fd, 0));
}

static void C08_second_start_is_refused(void **state)
{
	struct one_vm *f = *state;
	struct err err = { 0 };

	one_vm_power_off(0);
	one_vm_run(f);
	assert_int_equal(vm_start(f->vm, &err), -EBUSY);
	assert_true(strlen(err.text) > 10);
	assert_int_equal(vm_wait(f->vm, 0, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_POWER_OFF);
}

static void C08_start_of_a_running_vm_is_refused(void **state)
{
	struct one_vm *f = *state;
	struct err err = { 0 };

	one_vm_create(f);
	assert_int_equal(vm_start(f->vm, &err), 0);
	assert_int_equal(vm_start(f->vm, &err), -EBUSY);
	assert_int_equal(vm_wait(f->vm, 0, NULL), -ETIMEDOUT);
}

static void C08_stop_before_start_keeps_it_from_starting(void **state)
{
	struct one_vm *f = *state;
	struct err err = { 0 };

	one_vm_create(f);
	vm_request_end(f->vm, VIREO_STOPPED, 0, "");
	assert_int_equal(vm_start(f->vm, &err), -EBUSY);
	assert_int_equal(vm_wait(f->vm, 0, &f->end), -EBUSY);
	assert_int_equal(fake.vcpu[0].runs, 0);
}

static void vm_wait_ends_when_its_time_is_over(void **state)
{
	struct one_vm *f = *state;
	uint64_t start = clock_mono_ms();
	struct err err;

	one_vm_create(f);
	assert_int_equal(vm_start(f->vm, &err), 0);
	assert_int_equal(vm_wait(f->vm, 50, &f->end), -ETIMEDOUT);
	assert_true(clock_mono_ms() - start >= 50);
	assert_int_equal(f->end.reason, 0);
}

static void vm_event_fd_is_readable_from_the_end_on(void **state)
{
	struct one_vm *f = *state;
	struct err err;

	one_vm_create(f);
	assert_int_equal(vm_start(f->vm, &err), 0);
	assert_false(readable(f->vm->event_fd, 20));
	vm_request_end(f->vm, VIREO_STOPPED, 0, "");
	assert_true(readable(f->vm->event_fd, 5000));
	assert_int_equal(vm_wait(f->vm, 0, &f->end), 0);
	assert_int_equal(vm_wait(f->vm, -1, NULL), 0);
	assert_int_equal(f->end.exit_code, 123);
	assert_true(readable(f->vm->event_fd, 0));
}

static void vm_destroy_in_any_state_returns(void **state)
{
	struct one_vm *f = *state;
	uint64_t start = clock_mono_ms();
	struct err err;

	vm_destroy(NULL);
	one_vm_create(f);
	vm_destroy(f->vm);
	f->cfg.cpus = 2;
	one_vm_create(f);
	assert_int_equal(vm_start(f->vm, &err), 0);
	vm_destroy(f->vm); /* running */
	one_vm_create(f);
	vm_request_end(f->vm, VIREO_STOPPED, 0, "");
	vm_destroy(f->vm);
	f->vm = NULL;
	assert_true(clock_mono_ms() - start < 3000);
}

static void vm_power_button_is_refused_while_nobody_listens(void **state)
{
	struct one_vm *f = *state;

	one_vm_create(f);
	assert_int_equal(vm_power_button(f->vm), -EAGAIN);
}

/* ---- building ---- */

static size_t place_of(unsigned long request)
{
	for (size_t i = 0; i < fake.calls; i++)
		if (fake.call[i] == request)
			return i;
	fail_msg("request %#lx was not made", request);
	return 0;
}

static void vm_ram_comes_before_the_irqchip_and_vcpus_last(void **state)
{
	struct one_vm *f = *state;

	f->cfg.cpus = 2;
	f->cfg.irqchip = KVM_IRQ_FULL;
	one_vm_create(f);
	assert_true(place_of(KVM_CREATE_VM) <
		    place_of(KVM_SET_USER_MEMORY_REGION));
	assert_true(place_of(KVM_SET_USER_MEMORY_REGION) <
		    place_of(KVM_CREATE_IRQCHIP));
	assert_true(place_of(KVM_CREATE_IRQCHIP) < place_of(KVM_CREATE_VCPU));
	assert_int_equal(fake_kvm_count(KVM_CREATE_VCPU), 2);
	assert_int_equal(fake_kvm_count(KVM_CREATE_PIT2), 0);
	assert_int_equal(fake.slots, 1);
	assert_int_equal(fake.slot[0].guest_phys_addr, 0);
	assert_int_equal(fake.slot[0].memory_size, MIB);
	assert_true(fake.slot[0].userspace_addr ==
		    (uintptr_t)f->vm->board.ram.hva);
	assert_int_equal(f->vm->board.ram.hva[0x7c00], 0xf4);
}

static void vm_split_irqchip_has_no_routes_until_the_guest_asks(void **state)
{
	struct one_vm *f = *state;

	f->cfg.irqchip = KVM_IRQ_SPLIT;
	one_vm_create(f);
	assert_int_equal(fake_kvm_count(KVM_CREATE_IRQCHIP), 0);
	assert_int_equal(fake_kvm_count(KVM_ENABLE_CAP), 1);
	assert_int_equal(fake.routes, 0);
}

static void vm_irqchip_is_split_unless_that_cannot_be(void **state)
{
	static const struct {
		bool pit;
		int missing;
		unsigned int full;
	} rows[] = {
		{ false, -1, 0 },
		{ true, -1, 1 },
		{ false, KVM_CAP_SPLIT_IRQCHIP, 1 },
		{ false, KVM_CAP_SIGNAL_MSI, 1 },
	};
	struct one_vm *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned int before = fake_kvm_count(KVM_CREATE_IRQCHIP);

		f->cfg.pit = rows[i].pit;
		fake.missing[0] = rows[i].missing;
		one_vm_create(f);
		assert_int_equal(fake_kvm_count(KVM_CREATE_IRQCHIP) - before,
				 rows[i].full);
		vm_destroy(f->vm);
		f->vm = NULL;
	}
}

static void assert_not_created(struct one_vm *f, const char *key)
{
	unsigned int before = one_vm_open_fds();
	struct vireo_vm *vm = (struct vireo_vm *)f;
	struct err err = { 0 };

	assert_true(vm_create(&vm, &f->cfg, &f->log, &f->fds, &err) < 0);
	assert_null(vm);
	assert_true(strlen(err.text) > 10);
	assert_string_equal(err.key, key);
	if (one_vm_open_fds() != before)
		fail_msg("left open after: %s", err.text);
}

static void R03_every_kvm_call_that_fails_is_reported_and_undone(void **state)
{
	static const unsigned long requests[] = {
		KVM_GET_API_VERSION,	    KVM_CREATE_VM,
		KVM_SET_USER_MEMORY_REGION, KVM_SET_IDENTITY_MAP_ADDR,
		KVM_SET_TSS_ADDR,	    KVM_CREATE_IRQCHIP,
		KVM_GET_SUPPORTED_CPUID,    KVM_CREATE_VCPU,
		KVM_SET_CPUID2,		    KVM_SET_LAPIC,
		KVM_SET_REGS,
	};
	struct one_vm *f = *state;

	f->cfg.irqchip = KVM_IRQ_FULL;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		fake.fail_request = requests[i];
		fake.fail_times = 1;
		fake.fail_error = ENOMEM;
		assert_not_created(f, "");
		assert_int_equal(fake.fail_times, 0);
	}
	/* The second vCPU: the first is taken down again. */
	f->cfg.cpus = 2;
	fake.fail_request = KVM_CREATE_VCPU;
	fake.fail_skip = 1;
	fake.fail_times = 1;
	fake.fail_error = EEXIST;
	assert_not_created(f, "");
}

static void R03_interrupted_vm_creation_is_tried_again(void **state)
{
	struct one_vm *f = *state;

	fake.fail_request = KVM_CREATE_VM;
	fake.fail_times = 3;
	fake.fail_error = EINTR;
	one_vm_create(f);
	assert_int_equal(fake_kvm_count(KVM_CREATE_VM), 4);
	fake.fail_times = 1000; /* but not for ever */
	assert_not_created(f, "");
}

static void R02_missing_capabilities_of_an_option_name_its_key(void **state)
{
	struct one_vm *f = *state;

	f->cfg.irqchip = KVM_IRQ_SPLIT;
	fake.missing[0] = KVM_CAP_SIGNAL_MSI;
	assert_not_created(f, "irqchip");
	fake.missing[0] = -1;
	fake.fail_request = KVM_ENABLE_CAP;
	fake.fail_times = 1;
	fake.fail_error = EINVAL;
	assert_not_created(f, "irqchip");
	f->cfg.irqchip = KVM_IRQ_FULL;
	f->cfg.pit = true;
	fake.fail_request = KVM_CREATE_PIT2;
	fake.fail_times = 1;
	assert_not_created(f, "pit");
}

static void C12_more_cpus_than_kvm_allows_are_refused(void **state)
{
	struct one_vm *f = *state;

	f->cfg.cpus = FAKE_VCPUS + 1;
	assert_not_created(f, "cpus");
	f->cfg.cpus = FAKE_VCPUS;
	one_vm_create(f);
}

static void B01_kernel_that_is_no_file_is_refused_and_undone(void **state)
{
	struct one_vm *f = *state;

	snprintf(f->cfg.kernel, sizeof(f->cfg.kernel), "/dev/null");
	assert_not_created(f, "kernel");
	snprintf(f->cfg.kernel, sizeof(f->cfg.kernel), "/nowhere/vmlinuz");
	assert_not_created(f, "kernel");
	snprintf(f->cfg.kernel, sizeof(f->cfg.kernel), "/tmp");
	assert_not_created(f, "kernel");
}

static void B12_ram_the_host_has_not_is_refused_and_undone(void **state)
{
	struct one_vm *f = *state;

	f->cfg.memory = UINT64_C(1) << 46;
	f->cfg.backing = RAM_HUGETLB;
	assert_not_created(f, "memory");
	f->cfg.memory = UINT64_C(1) << 47;
	f->cfg.backing = RAM_PRIVATE;
	assert_not_created(f, "memory");
}

static void R01_descriptor_that_is_no_kvm_is_refused(void **state)
{
	struct one_vm *f = *state;
	int kvm = f->fds.kvm;

	f->fds.kvm = 987; /* not open */
	assert_not_created(f, "kvm-fd");
	f->fds.kvm = kvm;
	fake.api_version = 11;
	assert_not_created(f, "");
}

static void vm_console_file_that_cannot_be_made_names_the_key(void **state)
{
	struct one_vm *f = *state;

	assert_int_equal(config_set(&f->cfg, "console", "file=/nowhere/log",
				    NULL),
			 0);
	assert_not_created(f, "console");
}

static void vm_console_output_arrives_before_destroy_returns(void **state)
{
	struct one_vm *f = *state;
	char text[64] = "";
	int p[2];

	assert_int_equal(pipe(p), 0);
	f->fds.console_out = p[1];
	fake_print(0, "hello\r\n");
	one_vm_power_off(0);
	one_vm_run(f);
	vm_destroy(f->vm);
	f->vm = NULL;
	close(p[1]);
	assert_int_equal(read(p[0], text, sizeof(text)), 7);
	assert_string_equal(text, "hello\r\n");
	close(p[0]);
}

static void vm_counts_are_the_sum_of_all_vcpus(void **state)
{
	struct one_vm *f = *state;

	f->cfg.cpus = 2;
	f->cfg.stats = true;
	fake_out(1, 0x80, 1, 0);
	fake_out(0, 0x80, 1, 0);
	fake_print(0, "x");
	one_vm_power_off(0);
	one_vm_run(f);
	assert_int_equal(f->vm->total.port[0x3f8], 1);
	assert_in_range(f->vm->total.port[0x80], 1, 2);
	assert_true(f->vm->total.first_exit_ns >= f->vm->started_ns);
	assert_true(f->vm->ended_ns > f->vm->started_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VM_TEST(C08_wait_before_start_is_refused),
		VM_TEST(C08_second_start_is_refused),
		VM_TEST(C08_start_of_a_running_vm_is_refused),
		VM_TEST(C08_stop_before_start_keeps_it_from_starting),
		VM_TEST(vm_wait_ends_when_its_time_is_over),
		VM_TEST(vm_event_fd_is_readable_from_the_end_on),
		VM_TEST(vm_destroy_in_any_state_returns),
		VM_TEST(vm_power_button_is_refused_while_nobody_listens),
		VM_TEST(vm_ram_comes_before_the_irqchip_and_vcpus_last),
		VM_TEST(vm_split_irqchip_has_no_routes_until_the_guest_asks),
		VM_TEST(vm_irqchip_is_split_unless_that_cannot_be),
		VM_TEST(R03_every_kvm_call_that_fails_is_reported_and_undone),
		VM_TEST(R03_interrupted_vm_creation_is_tried_again),
		VM_TEST(R02_missing_capabilities_of_an_option_name_its_key),
		VM_TEST(C12_more_cpus_than_kvm_allows_are_refused),
		VM_TEST(B01_kernel_that_is_no_file_is_refused_and_undone),
		VM_TEST(B12_ram_the_host_has_not_is_refused_and_undone),
		VM_TEST(R01_descriptor_that_is_no_kvm_is_refused),
		VM_TEST(vm_console_file_that_cannot_be_made_names_the_key),
		VM_TEST(vm_console_output_arrives_before_destroy_returns),
		VM_TEST(vm_counts_are_the_sum_of_all_vcpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
