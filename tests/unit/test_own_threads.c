// SPDX-License-Identifier: BSD-3-Clause
/* src/seat.c and vireo_vcpu_run(): vCPUs on threads of the embedder's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api_case.h"

#define PLACE 0xe0200000u

struct runner {
	struct vireo_vm *vm;
	unsigned int cpu;
	int result;
	pthread_t thread;
};

static int set_up(void **state)
{
	struct api_case *f = calloc(1, sizeof(*f));

	*state = f;
	return api_case_set_up(f) ||
	       vireo_config_own_threads(f->cfg, &f->err);
}

static int tear_down(void **state)
{
	api_case_tear_down(*state);
	free(*state);
	return 0;
}

static void *run(void *arg)
{
	struct runner *r = arg;

	r->result = vireo_vcpu_run(r->vm, r->cpu);
	return NULL;
}

static void begin(struct api_case *f, struct runner *r, unsigned int cpu)
{
	*r = (struct runner){ .vm = f->vm, .cpu = cpu, .result = 99 };
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
}

/* The thread is in the library, and waits for the start. */
static void wait_taken(struct vireo_vm *vm)
{
	bool taken;

	do {
		usleep(1000);
		pthread_mutex_lock(&vm->seat[0].lock);
		taken = vm->seat[0].taken;
		pthread_mutex_unlock(&vm->seat[0].lock);
	} while (!taken);
}

static void start(struct api_case *f)
{
	assert_int_equal(vireo_start(f->vm, &f->err), 0);
}

static void finish(struct api_case *f, enum vireo_reason reason)
{
	assert_int_equal(vireo_wait(f->vm, 10000, &f->end), 0);
	assert_int_equal(f->end.reason, reason);
}

static void two_vcpus_run_on_two_threads(void **state)
{
	struct api_case *f = *state;
	struct runner r[2];

	assert_int_equal(vireo_config_set(f->cfg, "cpus", "2", NULL), 0);
	fake_out(0, 0x80, 1, 0);
	one_vm_power_off(1);
	api_case_create(f);
	begin(f, &r[0], 0); /* it waits for the start */
	start(f);
	begin(f, &r[1], 1); /* and this one comes late */
	finish(f, VIREO_POWER_OFF);
	for (int i = 0; i < 2; i++)
		pthread_join(r[i].thread, NULL);
	/* The first may have come when all was over. */
	assert_true(r[0].result == 0 || r[0].result == VIREO_ESTATE);
	assert_int_equal(r[1].result, 0);
	assert_true(fake.vcpu[1].runs > 0); /* the other may have been late */
	assert_int_equal(vireo_vcpu_run(f->vm, 0), VIREO_ESTATE);
}

static void a_thread_stays_over_a_reset(void **state)
{
	struct api_case *f = *state;
	struct runner r;

	assert_int_equal(vireo_config_set(f->cfg, "on-reboot", "restart", NULL),
			 0);
	one_vm_reset(0);
	fake.boot = 2;
	one_vm_power_off(0);
	api_case_create(f);
	start(f);
	begin(f, &r, 0);
	finish(f, VIREO_POWER_OFF);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.result, 0);
	assert_int_equal(fake.vms, 2);
}

static void a_vm_that_nobody_runs_can_be_stopped(void **state)
{
	struct api_case *f = *state;

	api_case_create(f);
	start(f);
	vireo_stop(f->vm);
	finish(f, VIREO_STOPPED);
	assert_int_equal(fake.vcpu[0].runs, 0);
	assert_int_equal(vireo_vcpu_run(f->vm, 0), VIREO_ESTATE);
}

static void a_thread_that_waits_leaves_when_the_vm_goes(void **state)
{
	struct api_case *f = *state;
	struct runner r;

	api_case_create(f);
	begin(f, &r, 0);
	wait_taken(f->vm);
	vireo_destroy(&f->vm);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.result, 0);
}

static void C08_a_thread_that_waits_leaves_when_nothing_will_start(void **state)
{
	struct api_case *f = *state;
	struct runner r;

	api_case_create(f);
	begin(f, &r, 0);
	wait_taken(f->vm);
	vireo_stop(f->vm);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.result, 0);
	assert_int_equal(vireo_vcpu_run(f->vm, 0), VIREO_ESTATE);
	assert_int_equal(vireo_start(f->vm, &f->err), VIREO_ESTATE);
	assert_int_equal(vireo_wait(f->vm, 0, NULL), VIREO_ESTATE);
}

static void a_thread_in_the_guest_is_called_out(void **state)
{
	struct api_case *f = *state;
	struct runner r;

	assert_int_equal(vireo_config_set(f->cfg, "timeout", "100ms", NULL), 0);
	api_case_create(f);
	begin(f, &r, 0);
	wait_taken(f->vm);
	start(f);
	finish(f, VIREO_DEADLINE);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.result, 0);
}

struct seen {
	struct vireo_vm *vm;
	pthread_t thread;
	int code;
};

static void on_write(void *ctx, uint64_t off, unsigned int len, uint64_t value)
{
	struct seen *s = ctx;

	s->thread = pthread_self();
	s->code = vireo_vcpu_run(s->vm, 0);
}

static void callbacks_run_there_and_mask_and_rules_are_kept(void **state)
{
	struct api_case *f = *state;
	struct seen seen = { 0 };
	const struct vireo_device d = {
		.size = sizeof(d), .name = "mine", .base = PLACE,
		.length = 4096, .write = on_write, .ctx = &seen,
	};
	sigset_t mask;

	assert_int_equal(vireo_config_add_device(f->cfg, &d, &f->err), 0);
	fake_mmio(0, PLACE, 4, (uint8_t[4]){ 0 }, NULL);
	one_vm_power_off(0);
	api_case_create(f);
	seen.vm = f->vm;
	start(f);
	assert_int_equal(vireo_vcpu_run(f->vm, 0), 0);
	finish(f, VIREO_POWER_OFF);
	assert_true(pthread_equal(seen.thread, pthread_self()));
	assert_int_equal(seen.code, VIREO_ESTATE);
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	assert_false(sigismember(&mask, SIGRTMAX - 1));
}

static void to_pin_the_callers_threads_is_his(void **state)
{
	struct api_case *f = *state;

	assert_int_equal(vireo_config_set(f->cfg, "pin", "0", NULL), 0);
	assert_int_equal(vireo_create(&f->vm, f->cfg, &f->err), VIREO_EINVAL);
	assert_string_equal(f->err.key, "pin");
}

/* ---- readers that are gone ---- */

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	signals++;
}

struct broken {
	int fd; /* of a pipe without a reader */
	unsigned int writes;
};

static void write_in_vain(struct broken *b)
{
	assert_int_equal(write(b->fd, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	b->writes++;
}

static void on_broken_write(void *ctx, uint64_t off, unsigned int len,
			    uint64_t value)
{
	write_in_vain(ctx);
}

static void *allocate(void *ctx, size_t size, size_t align)
{
	void *memory;

	return posix_memalign(&memory, align, size) ? NULL :
						      memset(memory, 0, size);
}

static void release(void *ctx, void *memory, size_t size)
{
	write_in_vain(ctx);
	free(memory);
}

/* The callbacks stand for a console: its reader would have to leave between a
 * poll() and a write(). */
static void DC07_a_reader_that_is_gone_sends_no_signal(void **state)
{
	struct api_case *f = *state;
	struct broken b = { -1, 0 };
	const struct vireo_device d = {
		.size = sizeof(d), .name = "mine", .base = PLACE,
		.length = 4096, .write = on_broken_write, .ctx = &b,
	};
	const struct vireo_ram ram = { .size = sizeof(ram), .fd = -1,
				       .alloc = allocate, .free = release,
				       .ctx = &b };
	const struct sigaction count = { .sa_handler = on_signal };
	struct sigaction old;
	sigset_t mask;
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	close(pair[0]);
	b.fd = pair[1];
	signals = 0;
	sigaction(SIGPIPE, &count, &old);
	assert_int_equal(vireo_config_add_device(f->cfg, &d, &f->err), 0);
	assert_int_equal(vireo_config_set_ram(f->cfg, &ram, &f->err), 0);
	fake_mmio(0, PLACE, 4, (uint8_t[4]){ 0 }, NULL);
	one_vm_power_off(0);
	api_case_create(f);
	start(f);
	assert_int_equal(vireo_vcpu_run(f->vm, 0), 0);
	finish(f, VIREO_POWER_OFF);
	assert_int_equal(b.writes, 1);
	vireo_destroy(&f->vm);
	assert_int_equal(b.writes, 2);
	assert_int_equal(signals, 0);
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	assert_false(sigismember(&mask, SIGPIPE));
	/* What was there before is not taken away. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	raise(SIGPIPE);
	fake.boot = 2;
	one_vm_power_off(0);
	api_case_create(f);
	start(f);
	assert_int_equal(vireo_vcpu_run(f->vm, 0), 0);
	vireo_destroy(&f->vm);
	assert_int_equal(signals, 0);
	pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
	assert_int_equal(signals, 1);
	sigaction(SIGPIPE, &old, NULL);
	close(b.fd);
}

static void L04_vcpus_that_cannot_be_run_are_refused(void **state)
{
	struct api_case *f = *state;
	struct runner r;

	assert_int_equal(vireo_vcpu_run(NULL, 0), VIREO_EINVAL);
	assert_int_equal(vireo_config_own_threads(NULL, NULL), VIREO_EINVAL);
	api_case_create(f);
	assert_int_equal(vireo_vcpu_run(f->vm, 1), VIREO_EINVAL);
	start(f);
	begin(f, &r, 0);
	while (!__atomic_load_n(&fake.vcpu[0].runs, __ATOMIC_RELAXED))
		usleep(1000);
	assert_int_equal(vireo_vcpu_run(f->vm, 0), VIREO_ESTATE);
	vireo_stop(f->vm);
	finish(f, VIREO_STOPPED);
	pthread_join(r.thread, NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(two_vcpus_run_on_two_threads),
		T(a_thread_stays_over_a_reset),
		T(a_vm_that_nobody_runs_can_be_stopped),
		T(a_thread_that_waits_leaves_when_the_vm_goes),
		T(C08_a_thread_that_waits_leaves_when_nothing_will_start),
		T(a_thread_in_the_guest_is_called_out),
		T(callbacks_run_there_and_mask_and_rules_are_kept),
		T(to_pin_the_callers_threads_is_his),
		T(DC07_a_reader_that_is_gone_sends_no_signal),
		T(L04_vcpus_that_cannot_be_run_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
