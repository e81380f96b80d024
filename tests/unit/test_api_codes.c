// SPDX-License-Identifier: BSD-3-Clause
/* Whose fault it is when a caller's device, memory or command cannot be: the
 * code of a refusal, and the name it blames. Over fake_kvm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api_case.h"
#include "base/num.h"

#define PLACE	  0xe0200000u
#define LENT	  0xe0300000u
#define VIRTIO_AT 0xfeb00000u /* of the first virtio-mmio device */
#define PORT	  0x510
#define LINE	  10
#define FEW	  100 /* descriptors */

struct fixture {
	struct api_case a;
	int event; /* eventfd */
	int memfd; /* of a page, with the seal */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->event = eventfd(0, EFD_CLOEXEC);
	f->memfd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ftruncate(f->memfd, 4096) < 0 ||
	    fcntl(f->memfd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return -1;
	return api_case_set_up(&f->a);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	api_case_tear_down(&f->a);
	close(f->event);
	close(f->memfd);
	free(f);
	return 0;
}

static void renew(void **state, struct fixture **f)
{
	tear_down(state);
	assert_int_equal(set_up(state), 0);
	*f = *state;
}

static void create_says(struct fixture *f, int code, const char *key)
{
	f->a.err = (struct vireo_error){ 0 };
	assert_int_equal(vireo_create(&f->a.vm, f->a.cfg, &f->a.err), code);
	assert_int_equal(f->a.err.code, code);
	assert_string_equal(f->a.err.key, key);
}

static int add_bell(struct fixture *f, const struct vireo_doorbell *like)
{
	struct vireo_doorbell d = *like;

	d.size = sizeof(d);
	d.fd = f->event;
	return vireo_config_add_doorbell(f->a.cfg, &d, &f->a.err);
}

static void on_call(void *ctx, struct vireo_hypercall *call)
{
}

static int set_channel(struct fixture *f, uint16_t port)
{
	return vireo_config_set_hypercall(f->a.cfg, port, on_call, f,
					  &f->a.err);
}

/* ---- descriptors ---- */

static int give_fd(struct fixture *f, int fd)
{
	return vireo_config_set_fd(f->a.cfg, "console-out", fd, &f->a.err);
}

static int give_irq(struct fixture *f, int fd)
{
	return vireo_config_add_irq_fd(f->a.cfg, LINE, fd, &f->a.err);
}

static int give_doorbell(struct fixture *f, int fd)
{
	const struct vireo_doorbell d = { .size = sizeof(d), .fd = fd,
					  .addr = PLACE, .length = 4 };

	return vireo_config_add_doorbell(f->a.cfg, &d, &f->a.err);
}

static int give_memory(struct fixture *f, int fd)
{
	const struct vireo_memory_map m = { .size = sizeof(m), .gpa = LENT,
					    .length = 4096, .fd = fd };

	return vireo_config_map_memory(f->a.cfg, &m, &f->a.err);
}

static int give_ram(struct fixture *f, int fd)
{
	const struct vireo_ram r = { .size = sizeof(r), .fd = fd };

	return vireo_config_set_ram(f->a.cfg, &r, &f->a.err);
}

static const struct {
	int (*give)(struct fixture *f, int fd);
	const char *key;
	bool sealed; /* it wants a memfd */
} takers[] = {
	{ give_fd, "console-out", false },
	{ give_irq, "irq", false },
	{ give_doorbell, "doorbell", false },
	{ give_memory, "memory-map", true },
	{ give_ram, "memory", true },
};

static void L07_a_program_without_descriptors_hears_so(void **state)
{
	struct fixture *f = *state;
	int taken[FEW], code[ARRAY_SIZE(takers)];
	struct rlimit old, few;
	unsigned int n = 0;

	getrlimit(RLIMIT_NOFILE, &old);
	few = (struct rlimit){ FEW, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (n < FEW && (taken[n] = dup(f->event)) >= 0)
		n++;
	for (size_t i = 0; i < ARRAY_SIZE(takers); i++)
		code[i] = takers[i].give(f, takers[i].sealed ? f->memfd :
							       f->event);
	while (n)
		close(taken[--n]);
	setrlimit(RLIMIT_NOFILE, &old);
	for (size_t i = 0; i < ARRAY_SIZE(takers); i++)
		assert_int_equal(code[i], VIREO_EHOST);
}

static void a_descriptor_that_is_none_is_the_callers(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
		assert_int_equal(takers[i].give(f, 9999), VIREO_EINVAL);
		assert_string_equal(f->a.err.key, takers[i].key);
		assert_non_null(strstr(f->a.err.text, "Bad file descriptor"));
	}
}

static void what_kvm_has_already_is_the_callers(void **state)
{
	struct fixture *f = *state;
	const struct vireo_doorbell bell = { .addr = PLACE, .length = 4 };
	const struct {
		unsigned long request;
		int error;
		int code;
		const char *key;
	} rows[] = {
		{ KVM_IOEVENTFD, EEXIST, VIREO_EINVAL, "doorbell" },
		{ KVM_IOEVENTFD, EINVAL, VIREO_EINVAL, "doorbell" },
		{ KVM_IOEVENTFD, ENOMEM, VIREO_EHOST, "doorbell" },
		{ KVM_IRQFD, EBUSY, VIREO_EINVAL, "irq" },
		{ KVM_IRQFD, ENOMEM, VIREO_EHOST, "irq" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		renew(state, &f);
		assert_int_equal(add_bell(f, &bell), 0);
		assert_int_equal(give_irq(f, f->event), 0);
		fake.fail_request = rows[i].request;
		fake.fail_times = 1;
		fake.fail_error = rows[i].error;
		create_says(f, rows[i].code, rows[i].key);
	}
}

/* ---- what cannot work ---- */

static void L04_doorbells_that_could_never_ring_are_refused(void **state)
{
	struct fixture *f = *state;
	const struct vireo_doorbell bad[] = {
		{ .port = true, .addr = 0x10000 },
		{ .port = true, .addr = 0xffff, .length = 2 },
		{ .port = true, .addr = UINT64_MAX },
		{ .addr = UINT64_MAX - 2, .length = 4 },
		{ .addr = PLACE, .length = 1, .has_match = true,
		  .match = 0x100 },
		{ .addr = PLACE, .length = 4, .has_match = true,
		  .match = UINT64_MAX },
	};
	const struct vireo_doorbell good[] = {
		{ .port = true, .addr = 0xffff },
		{ .addr = PLACE, .length = 1, .has_match = true,
		  .match = 0xff },
		{ .addr = PLACE, .length = 8, .has_match = true,
		  .match = UINT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(add_bell(f, &bad[i]), VIREO_EINVAL);
		assert_string_equal(f->a.err.key, "doorbell");
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(add_bell(f, &good[i]), 0);
	api_case_create(&f->a);
}

/* In memory nothing comes to KVM, and a register of the machine's would not
 * come to its device. */
static void L04_doorbells_are_not_over_what_is_there(void **state)
{
	struct fixture *f;
	const struct vireo_doorbell bad[] = {
		{ .addr = 0x1000, .length = 4 },	   /* RAM */
		{ .addr = LENT + 4092, .length = 4 },	   /* lent memory */
		{ .addr = VIRTIO_AT + 0x50, .length = 4 }, /* a notify */
		{ .addr = 0xfec00000, .length = 4 },	   /* the I/O APIC */
		{ .port = true, .addr = 0x64 },		   /* the i8042 */
		{ .port = true, .addr = 0x3f7, .length = 2 },
		{ .port = true, .addr = PORT, .length = 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		renew(state, &f);
		assert_int_equal(give_memory(f, f->memfd), 0);
		assert_int_equal(set_channel(f, PORT), 0);
		assert_int_equal(add_bell(f, &bad[i]), 0);
		create_says(f, VIREO_EINVAL, "doorbell");
		assert_non_null(strstr(f->a.err.text, "taken"));
	}
}

/* The kernel's own PICs and timer, where they are. */
static void L04_ports_of_the_kernels_are_taken(void **state)
{
	static const uint16_t ports[] = { 0x21, 0xa0, 0x4d1, 0x40, 0x61 };
	struct fixture *f;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(ports); i++) {
		uint16_t port = ports[i / 2];
		const struct vireo_device d = {
			.size = sizeof(d), .name = "mine", .port = true,
			.base = port, .length = 1,
		};

		renew(state, &f);
		assert_int_equal(vireo_config_add_device(f->a.cfg, &d, NULL),
				 0);
		vireo_config_set(f->a.cfg, i % 2 ? "pit" : "irqchip",
				 i % 2 ? "true" : "split", NULL);
		if (i % 2)
			create_says(f, VIREO_EINVAL, "mine");
		else
			api_case_create(&f->a);
	}
	renew(state, &f);
	assert_int_equal(vireo_config_set(f->a.cfg, "pit", "true", NULL), 0);
	assert_int_equal(add_bell(f, &(struct vireo_doorbell){
		.port = true, .addr = 0x43, .length = 1 }), 0);
	create_says(f, VIREO_EINVAL, "doorbell");
	renew(state, &f);
	assert_int_equal(vireo_config_set(f->a.cfg, "pit", "true", NULL), 0);
	assert_int_equal(set_channel(f, 0x1e), 0);
	create_says(f, VIREO_EINVAL, "hypercall");
}

static void doorbells_can_be_in_a_device_of_the_callers(void **state)
{
	struct fixture *f = *state;
	struct vireo_device d = { .size = sizeof(d), .name = "mine",
				  .base = PLACE, .length = 4096 };
	const struct vireo_doorbell bells[] = {
		{ .addr = PLACE + 8, .length = 4 },
		{ .port = true, .addr = PORT + 1, .length = 1 },
	};

	assert_int_equal(vireo_config_add_device(f->a.cfg, &d, NULL), 0);
	d.port = true;
	d.base = PORT;
	d.length = 4;
	assert_int_equal(vireo_config_add_device(f->a.cfg, &d, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bells); i++)
		assert_int_equal(add_bell(f, &bells[i]), 0);
	api_case_create(&f->a);
	assert_int_equal(fake_kvm_count(KVM_IOEVENTFD), 2);
}

static void L04_a_channel_has_four_ports(void **state)
{
	struct fixture *f = *state;

	for (uint32_t port = 0xfffd; port <= 0xffff; port++) {
		assert_int_equal(set_channel(f, (uint16_t)port), VIREO_EINVAL);
		assert_string_equal(f->a.err.key, "hypercall");
	}
	assert_int_equal(set_channel(f, 0xfffc), 0);
	api_case_create(&f->a);
}

/* ---- commands ---- */

/* Options are looked at before the VM's command is: here it is none. */
static void options_of_a_command_that_are_wrong_are_the_callers(void **state)
{
	struct fixture *f = *state;
	char *word = calloc(1, CONFIG_TEXTS_MAX + 1);
	const char *const words[] = { "true", NULL };
	const char *const too_long[] = { "true", word, NULL };
	const char *const wrong[] = { "X", NULL };
	const struct vireo_exec_options bad[] = {
		{ .words = too_long },
		{ .words = words, .env = too_long },
		{ .words = words, .env = wrong },
		{ .words = words, .dir = "etc" },
		{ .words = words, .user = "root" },
		{ .words = words, .has_in = true, .in = -1 },
		{ .words = words, .has_out = true, .out = -1 },
		{ .words = words, .has_err = true, .err = 9999 },
	};

	memset(word, 'w', CONFIG_TEXTS_MAX);
	api_case_create(&f->a);
	f->a.vm->command = (struct command *)f;
	f->a.vm->cfg->command.args.count = 1;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vireo_exec_options o = bad[i];
		struct vireo_exec *exec;

		o.size = sizeof(o);
		assert_int_equal(vireo_exec(&exec, f->a.vm, &o, &f->a.err),
				 VIREO_EINVAL);
		assert_null(exec);
		assert_true(strlen(f->a.err.text) > 10);
	}
	f->a.vm->command = NULL;
	free(word);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(L07_a_program_without_descriptors_hears_so),
		T(a_descriptor_that_is_none_is_the_callers),
		T(what_kvm_has_already_is_the_callers),
		T(L04_doorbells_that_could_never_ring_are_refused),
		T(L04_doorbells_are_not_over_what_is_there),
		T(L04_ports_of_the_kernels_are_taken),
		T(doorbells_can_be_in_a_device_of_the_callers),
		T(L04_a_channel_has_four_ports),
		T(options_of_a_command_that_are_wrong_are_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
