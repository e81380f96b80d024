// SPDX-License-Identifier: BSD-3-Clause
/* src/api_device.c, and what the board makes of it: over fake_kvm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/num.h"
#include "api_case.h"

#define PLACE	 0xe0200000u
#define CALLS_AT 0x8000u
#define PORT	 0x510
#define VIRTIO_MMIO 0xfeb00000u

struct fixture {
	struct api_case a;
	/* what the callbacks saw */
	uint64_t off, value;
	unsigned int len, reads, writes, resets;
	struct vireo_hypercall call;
	int code[6];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	return api_case_set_up(&f->a);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	api_case_tear_down(&f->a);
	free(f);
	return 0;
}

/* ---- devices ---- */

static uint64_t on_read(void *ctx, uint64_t off, unsigned int len)
{
	struct fixture *f = ctx;

	f->reads++;
	f->off = off;
	f->len = len;
	return UINT64_C(0x1122334455667788);
}

static void on_write(void *ctx, uint64_t off, unsigned int len, uint64_t value)
{
	struct fixture *f = ctx;

	f->writes++;
	f->off = off;
	f->len = len;
	f->value = value;
}

static void on_reset(void *ctx)
{
	((struct fixture *)ctx)->resets++;
}

static struct vireo_device device(struct fixture *f)
{
	return (struct vireo_device){
		.size = sizeof(struct vireo_device), .name = "mine",
		.base = PLACE, .length = 4096, .read = on_read,
		.write = on_write, .reset = on_reset, .ctx = f,
	};
}

static void add(struct fixture *f, const struct vireo_device *d)
{
	if (vireo_config_add_device(f->a.cfg, d, &f->a.err) != 0)
		fail_msg("%s", f->a.err.text);
}

static void registers_of_a_callers_device_are_its_callbacks(void **state)
{
	struct fixture *f = *state;
	struct vireo_device d = device(f);
	const uint8_t bytes[4] = { 1, 2, 3, 4 };
	uint8_t got[4] = { 0 };

	add(f, &d);
	d.name = "ports"; /* copied: the first keeps its own */
	d.port = true;
	d.base = PORT;
	d.length = 4;
	add(f, &d);
	fake_mmio(0, PLACE + 8, 4, NULL, got);
	fake_mmio(0, PLACE + 16, 4, bytes, NULL);
	fake_out(0, PORT + 2, 2, 0xabcd);
	one_vm_power_off(0);
	api_case_run(&f->a);
	assert_int_equal(f->a.end.reason, VIREO_POWER_OFF);
	assert_memory_equal(got, ((uint8_t[]){ 0x88, 0x77, 0x66, 0x55 }), 4);
	assert_int_equal(f->reads, 1);
	assert_int_equal(f->writes, 2);
	assert_int_equal(f->off, 2);
	assert_int_equal(f->len, 2);
	assert_int_equal(f->value, 0xabcd);
	assert_int_equal(f->resets, 2);
}

static void a_device_without_callbacks_reads_ones(void **state)
{
	struct fixture *f = *state;
	struct vireo_device d = device(f);
	uint8_t got[4] = { 0 };

	d.read = NULL;
	d.write = NULL;
	d.reset = NULL;
	add(f, &d);
	fake_mmio(0, PLACE, 4, NULL, got);
	fake_mmio(0, PLACE, 4, got, NULL);
	one_vm_power_off(0);
	api_case_run(&f->a);
	assert_memory_equal(got, ((uint8_t[]){ 255, 255, 255, 255 }), 4);
}

static void a_reset_of_the_machine_is_told(void **state)
{
	struct fixture *f = *state;
	struct vireo_device d = device(f);

	add(f, &d);
	assert_int_equal(vireo_config_set(f->a.cfg, "on-reboot", "restart",
					  NULL), 0);
	one_vm_reset(0);
	fake.boot = 2;
	fake_mmio(0, PLACE, 4, (uint8_t[]){ 9, 0, 0, 0 }, NULL);
	one_vm_power_off(0);
	api_case_run(&f->a);
	assert_int_equal(f->resets, 2);
	assert_int_equal(f->value, 9);
}

static void L04_devices_that_cannot_be_are_refused(void **state)
{
	struct fixture *f = *state;
	struct vireo_device d;
	const struct {
		const char *name;
		bool port;
		uint64_t base, length;
	} bad[] = {
		{ "", false, PLACE, 1 },
		{ NULL, false, PLACE, 1 },
		{ "a name of more than thirty-one bytes", false, PLACE, 1 },
		{ "none", false, PLACE, 0 },
		{ "wraps", false, UINT64_MAX, 2 },
		{ "ports", true, 0xffff, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		d = device(f);
		d.name = bad[i].name;
		d.port = bad[i].port;
		d.base = bad[i].base;
		d.length = bad[i].length;
		assert_int_equal(vireo_config_add_device(f->a.cfg, &d,
							 &f->a.err),
				 VIREO_EINVAL);
		assert_true(strlen(f->a.err.text) > 10);
	}
	d = device(f);
	d.size--;
	assert_int_equal(vireo_config_add_device(f->a.cfg, &d, &f->a.err),
			 VIREO_EINVAL);
	d.size++;
	assert_int_equal(vireo_config_add_device(NULL, &d, NULL),
			 VIREO_EINVAL);
	assert_int_equal(vireo_config_add_device(f->a.cfg, NULL, NULL),
			 VIREO_EINVAL);
	for (int i = 0; i < 16; i++)
		add(f, &d);
	assert_int_equal(vireo_config_add_device(f->a.cfg, &d, &f->a.err),
			 VIREO_EINVAL);
	assert_string_equal(f->a.err.key, "device");
}

static void places_that_are_taken_are_refused_by_create(void **state)
{
	struct fixture *f = *state;
	const struct {
		bool port;
		uint64_t base, length;
	} bad[] = {
		{ true, 0x3f0, 16 },	       /* the serial port */
		{ false, 0x1000, 4096 },       /* RAM */
		{ false, 0xc0001000, 4096 },   /* PCI's window */
		{ false, 0xfec00000, 4096 },   /* the I/O APIC */
		{ false, 0xfeaff000, 8192 },   /* half of it virtio-mmio's */
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vireo_device d;

		tear_down(state);
		set_up(state);
		f = *state;
		d = device(f);
		d.port = bad[i].port;
		d.base = bad[i].base;
		d.length = bad[i].length;
		add(f, &d);
		assert_int_equal(vireo_create(&f->a.vm, f->a.cfg, &f->a.err),
				 VIREO_EINVAL);
		assert_null(f->a.vm);
		assert_string_equal(f->a.err.key, "mine");
		assert_non_null(strstr(f->a.err.text, "taken"));
	}
}

/* ---- callbacks that call ---- */

static void on_call_back(void *ctx, uint64_t off, unsigned int len,
			 uint64_t value)
{
	struct fixture *f = ctx;
	struct vireo_vm *vm = f->a.vm;

	f->code[0] = vireo_start(f->a.vm, NULL);
	f->code[1] = vireo_wait(f->a.vm, -1, NULL);
	f->code[2] = vireo_console_resize(f->a.vm, 80, 25);
	f->code[3] = vireo_memory_write(f->a.vm, 0x9000, "hello", 5);
	f->code[4] = vireo_irq_set(f->a.vm, 5, true);
	vireo_destroy(&vm);
	assert_ptr_equal(vm, f->a.vm);
	vireo_stats(f->a.vm, NULL, NULL);
	f->code[5] = vireo_power_button(f->a.vm);
	vireo_stop(f->a.vm);
}

static void L05_callbacks_may_call_and_what_waits_refuses(void **state)
{
	struct fixture *f = *state;
	struct vireo_device d = device(f);
	char text[5];

	d.write = on_call_back;
	add(f, &d);
	fake_mmio(0, PLACE, 4, (uint8_t[4]){ 0 }, NULL);
	api_case_run(&f->a);
	assert_int_equal(f->a.end.reason, VIREO_STOPPED);
	assert_int_equal(f->code[0], VIREO_ESTATE);
	assert_int_equal(f->code[1], VIREO_ESTATE);
	assert_int_equal(f->code[2], VIREO_ESTATE);
	assert_int_equal(f->code[3], 0);
	assert_int_equal(f->code[4], 0);
	assert_int_equal(f->code[5], VIREO_ESTATE); /* nobody listens yet */
	assert_int_equal(vireo_memory_read(f->a.vm, 0x9000, text, 5), 0);
	assert_memory_equal(text, "hello", 5);
}

static void on_reset_call(void *ctx)
{
	struct fixture *f = ctx;
	uint8_t byte;

	f->resets++;
	if (!f->a.vm)
		return;
	f->code[0] = vireo_memory_read(f->a.vm, 0, &byte, 1);
	f->code[1] = vireo_irq_set(f->a.vm, 5, true);
	f->code[2] = vireo_wait(f->a.vm, 1, NULL);
	f->code[3] = vireo_power_button(f->a.vm);
}

static void L05_a_machine_that_is_being_built_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct vireo_device d = device(f);

	d.reset = on_reset_call;
	add(f, &d);
	assert_int_equal(vireo_config_set(f->a.cfg, "on-reboot", "restart",
					  NULL), 0);
	one_vm_reset(0);
	fake.boot = 2;
	one_vm_power_off(0);
	api_case_run(&f->a);
	assert_int_equal(f->resets, 2);
	for (int i = 0; i < 4; i++)
		assert_int_equal(f->code[i], VIREO_ESTATE);
}

/* ---- a virtio device ---- */

static void no_request(void *ctx, struct vireo_request *request)
{
	vireo_request_done(request, 0);
}

static void on_virtio_reset(void *ctx)
{
	struct fixture *f = ctx;

	f->resets++;
	if (f->a.vm)
		f->code[0] = vireo_virtio_set_config(f->a.vm, 0, 1, "B", 1);
}

static void a_configuration_space_stays_over_a_reset(void **state)
{
	struct fixture *f = *state;
	const struct vireo_virtio v = {
		.size = sizeof(v), .name = "mine", .type = 42, .queues = 1,
		.config = "abcd", .config_size = 4, .request = no_request,
		.reset = on_virtio_reset, .ctx = f,
	};
	uint8_t first[4] = { 0 }, second[4] = { 0 };

	assert_int_equal(vireo_config_add_virtio(f->a.cfg, &v, NULL), 0);
	assert_int_equal(vireo_config_set(f->a.cfg, "transport", "mmio", NULL),
			 0);
	assert_int_equal(vireo_config_set(f->a.cfg, "on-reboot", "restart",
					  NULL), 0);
	fake_mmio(0, VIRTIO_MMIO + 0x100, 4, NULL, first);
	one_vm_reset(0);
	fake.boot = 2;
	fake_mmio(0, VIRTIO_MMIO + 0x100, 4, NULL, second);
	one_vm_power_off(0);
	api_case_create(&f->a);
	f->code[0] = 99;
	assert_int_equal(vireo_virtio_set_config(f->a.vm, 0, 0, "A", 1), 0);
	assert_int_equal(vireo_virtio_set_config(f->a.vm, 0, 3, "xx", 2),
			 VIREO_EINVAL);
	assert_int_equal(vireo_virtio_set_config(f->a.vm, 1, 0, "x", 1),
			 VIREO_EINVAL);
	assert_int_equal(vireo_start(f->a.vm, &f->a.err), 0);
	assert_int_equal(vireo_wait(f->a.vm, 10000, &f->a.end), 0);
	assert_int_equal(f->a.end.reason, VIREO_POWER_OFF);
	assert_int_equal(f->code[0], 0);
	assert_memory_equal(first, "Abcd", 4);
	assert_memory_equal(second, "ABcd", 4);
}

/* ---- interrupts and doorbells ---- */

static void lines_of_the_machine_are_not_the_callers(void **state)
{
	struct fixture *f = *state;

	api_case_create(&f->a);
	assert_int_equal(vireo_irq_set(f->a.vm, 5, true), 0);
	assert_int_equal(vireo_irq_set(f->a.vm, 5, false), 0);
	assert_int_equal(vireo_irq_set(f->a.vm, 4, true), VIREO_EINVAL);
	assert_int_equal(vireo_irq_set(f->a.vm, 9, true), VIREO_EINVAL);
	assert_int_equal(vireo_irq_set(f->a.vm, 24, true), VIREO_EINVAL);
	assert_int_equal(vireo_irq_set(NULL, 5, true), VIREO_EINVAL);
}

static void an_irqfd_takes_a_line_for_itself(void **state)
{
	struct fixture *f = *state;
	int fd = eventfd(0, EFD_CLOEXEC);

	assert_int_equal(vireo_config_add_irq_fd(f->a.cfg, 24, fd, &f->a.err),
			 VIREO_EINVAL);
	assert_int_equal(vireo_config_add_irq_fd(f->a.cfg, 10, -1, &f->a.err),
			 VIREO_EINVAL);
	assert_int_equal(vireo_config_add_irq_fd(f->a.cfg, 10, fd, NULL), 0);
	close(fd);
	api_case_create(&f->a);
	assert_int_equal(fake_kvm_count(KVM_IRQFD), 1);
	assert_int_equal(vireo_irq_set(f->a.vm, 10, true), VIREO_EINVAL);
	vireo_destroy(&f->a.vm);
	fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(vireo_config_add_irq_fd(f->a.cfg, 4, fd, NULL), 0);
	close(fd);
	assert_int_equal(vireo_create(&f->a.vm, f->a.cfg, &f->a.err),
			 VIREO_EINVAL);
	assert_string_equal(f->a.err.key, "irq");
}

static void doorbells_are_kvms(void **state)
{
	struct fixture *f = *state;
	struct vireo_doorbell d = {
		.size = sizeof(d), .fd = eventfd(0, EFD_CLOEXEC),
		.addr = PLACE, .length = 4, .has_match = true, .match = 1,
	};

	d.length = 3;
	assert_int_equal(vireo_config_add_doorbell(f->a.cfg, &d, &f->a.err),
			 VIREO_EINVAL);
	d.length = 0;
	assert_int_equal(vireo_config_add_doorbell(f->a.cfg, &d, &f->a.err),
			 VIREO_EINVAL);
	d.length = 4;
	assert_int_equal(vireo_config_add_doorbell(f->a.cfg, &d, &f->a.err), 0);
	close(d.fd);
	d.fd = -1;
	assert_int_equal(vireo_config_add_doorbell(f->a.cfg, &d, &f->a.err),
			 VIREO_EINVAL);
	api_case_create(&f->a);
	assert_int_equal(fake_kvm_count(KVM_IOEVENTFD), 1);
}

/* ---- hypercalls ---- */

static void on_hypercall(void *ctx, struct vireo_hypercall *call)
{
	struct fixture *f = ctx;

	f->call = *call;
	call->number = 99; /* not the guest's to see */
	call->result = 42;
}

static void run_call(struct fixture *f, uint32_t at, uint32_t size)
{
	const struct vireo_hypercall call = { 7, { 1, 2, 3, 4, 5, 6 }, 8 };

	assert_int_equal(vireo_config_set_hypercall(f->a.cfg, PORT,
						    on_hypercall, f, NULL),
			 0);
	fake_out(0, PORT, size, at);
	one_vm_power_off(0);
	api_case_create(&f->a);
	assert_int_equal(vireo_memory_write(f->a.vm, CALLS_AT, &call,
					    sizeof(call)), 0);
	assert_int_equal(vireo_start(f->a.vm, &f->a.err), 0);
	assert_int_equal(vireo_wait(f->a.vm, 10000, &f->a.end), 0);
}

static void a_hypercall_is_copied_in_and_its_result_out(void **state)
{
	struct fixture *f = *state;
	struct vireo_hypercall after;

	run_call(f, CALLS_AT, 4);
	assert_int_equal(f->call.number, 7);
	assert_int_equal(f->call.arg[5], 6);
	assert_int_equal(f->call.result, 0);
	assert_int_equal(vireo_memory_read(f->a.vm, CALLS_AT, &after,
					   sizeof(after)), 0);
	assert_int_equal(after.number, 7);
	assert_int_equal(after.result, 42);
}

static void Q05_a_hypercall_outside_ram_is_none(void **state)
{
	const struct {
		uint32_t at, size;
	} bad[] = { { 0xfffff8, 4 }, { CALLS_AT + 4, 4 }, { CALLS_AT, 2 },
		    { 0xfffc8, 4 }, { 0xfffffff8, 4 } };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fixture *f = *state;

		run_call(f, bad[i].at, bad[i].size);
		assert_int_equal(f->call.number, 0);
		tear_down(state);
		set_up(state);
	}
}

static void the_channels_port_tells_that_it_is_one(void **state)
{
	struct fixture *f = *state;
	uint8_t got[4] = { 0 };

	assert_int_equal(vireo_config_set_hypercall(f->a.cfg, PORT,
						    on_hypercall, f, NULL),
			 0);
	assert_int_equal(vireo_config_set_hypercall(f->a.cfg, PORT, NULL, f,
						    NULL), VIREO_EINVAL);
	fake_in(0, PORT, 4, got);
	one_vm_power_off(0);
	api_case_run(&f->a);
	assert_memory_equal(got, "viro", 4);
}

/* ---- what is left ---- */

static void L03_nothing_of_it_is_left(void **state)
{
	struct fixture *f = *state;
	struct vireo_device d = device(f);
	int fd = eventfd(0, EFD_CLOEXEC);
	struct vireo_doorbell bell = { .size = sizeof(bell), .fd = fd,
				       .addr = PLACE, .length = 4 };
	unsigned int before;

	add(f, &d);
	assert_int_equal(vireo_config_add_irq_fd(f->a.cfg, 5, fd, NULL), 0);
	assert_int_equal(vireo_config_add_doorbell(f->a.cfg, &bell, NULL), 0);
	close(fd);
	before = one_vm_open_fds();
	for (int i = 0; i < 20; i++) {
		api_case_create(&f->a);
		vireo_destroy(&f->a.vm);
		assert_null(f->a.vm);
	}
	assert_int_equal(one_vm_open_fds(), before);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(registers_of_a_callers_device_are_its_callbacks),
		T(a_device_without_callbacks_reads_ones),
		T(a_reset_of_the_machine_is_told),
		T(L04_devices_that_cannot_be_are_refused),
		T(places_that_are_taken_are_refused_by_create),
		T(L05_callbacks_may_call_and_what_waits_refuses),
		T(L05_a_machine_that_is_being_built_is_not_there),
		T(a_configuration_space_stays_over_a_reset),
		T(lines_of_the_machine_are_not_the_callers),
		T(an_irqfd_takes_a_line_for_itself),
		T(doorbells_are_kvms),
		T(a_hypercall_is_copied_in_and_its_result_out),
		T(Q05_a_hypercall_outside_ram_is_none),
		T(the_channels_port_tells_that_it_is_one),
		T(L03_nothing_of_it_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
