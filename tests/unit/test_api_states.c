// SPDX-License-Identifier: BSD-3-Clause
/*
 * Every function that takes a VM, in every state of it, from callbacks, and in
 * a child of fork() (L04, L05, X13): what it says, and that the VM is none the
 * worse for it. Over fake_kvm; wants the header's path.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api_calls.h"
#include "api_case.h"
#include "api_header.h"

#define PLACE 0xe0300000u
#define WAIT  10000

static const char *header_path;

enum state {
	MADE,	    /* not started */
	CALLED_OFF, /* not started, and stopped */
	RUNNING,
	PAUSED,
	ENDED,
	ON_VCPU,   /* running; in a callback of a device */
	ON_IO,	   /* its machine is being built anew; in a callback */
	INHERITED, /* running; in a child of fork() */
	STATES,
};

/* A letter for each state: 0, it works, or does nothing without a word; S, T,
 * I: VIREO_ESTATE, VIREO_ETIME, VIREO_EINVAL. */
static const struct {
	const char *name;
	const char *says;
} rows[] = {
	{ "vireo_start",           "0SSSSSSS" },
	{ "vireo_vcpu_run",        "SSSSSSSS" },
	{ "vireo_wait",            "SSTT0TTS" },
	{ "vireo_event_fd",        "0000000S" },
	{ "vireo_power_button",    "SSSSSSSS" },
	{ "vireo_command_signal",  "SSSSSSSS" },
	{ "vireo_console_resize",  "00000SSS" },
	{ "vireo_console_visit",   "0000000S" },
	{ "vireo_console_path",    "0000000I" },
	{ "vireo_pause",           "SS00SSSS" },
	{ "vireo_resume",          "SS00SSSS" },
	{ "vireo_stop",            "00000000" },
	{ "vireo_destroy",         "00000000" },
	{ "vireo_memory_region",   "000000SS" },
	{ "vireo_memory_read",     "000000SS" },
	{ "vireo_memory_write",    "000000SS" },
	{ "vireo_memory_fill",     "000000SS" },
	{ "vireo_memory_checksum", "000000SS" },
	{ "vireo_memory_track",    "00000SSS" },
	{ "vireo_memory_dirty",    "SSSSSSSS" },
	{ "vireo_irq_set",         "000000SS" },
	{ "vireo_virtio_set_config", "0000000S" },
	{ "vireo_exec",            "SSSSSSSS" },
	{ "vireo_console_tail",    "00000000" },
	{ "vireo_stats",           "00000000" },
	{ "vireo_registers",       "00000000" },
	{ "vireo_trace",           "00000000" },
	{ "vireo_vcpu_get_regs",   "SSS00SSS" },
	{ "vireo_vcpu_set_regs",   "SSS0SSSS" },
	{ "vireo_vcpu_get_fpu",    "SSS00SSS" },
	{ "vireo_vcpu_set_fpu",    "SSS0SSSS" },
	{ "vireo_vcpu_get_msr",    "SSS00SSS" },
	{ "vireo_vcpu_set_msr",    "SSS0SSSS" },
	{ "vireo_vcpu_translate",  "SSS00SSS" },
	{ "vireo_break_add",       "SSS0SSSS" },
	{ "vireo_break_remove",    "SSSISSSS" },
	{ "vireo_vcpu_step",       "SSS0SSSS" },
	{ "vireo_hit_wait",        "SSTTSSSS" },
	{ "vireo_hit_fd",          "0000000S" },
};

struct fixture {
	struct api_case a;
	struct api_things t;
	const struct api_call *call; /* for a callback */
	int result;
	sem_t called;
};

/* ---- callbacks ---- */

static bool destroys(const struct api_call *c)
{
	return !strcmp(c->name, "vireo_destroy");
}

/* vireo_destroy() is called on the VM itself. */
static int aimed_call(struct fixture *f, const struct api_call *c)
{
	f->t.new_vm = destroys(c) ? f->t.vm : NULL;
	return c->call(&f->t, 0);
}

static void call_back(struct fixture *f)
{
	f->result = aimed_call(f, f->call);
	if (destroys(f->call) && f->t.new_vm != f->t.vm)
		f->result = 1;
	sem_post(&f->called);
}

static void on_write(void *ctx, uint64_t off, unsigned int len, uint64_t value)
{
	struct fixture *f = ctx;

	if (f->call)
		call_back(f);
}

/* The first one is told in vireo_create(). */
static void on_reset(void *ctx)
{
	struct fixture *f = ctx;

	if (f->a.vm && f->call)
		call_back(f);
}

static void on_request(void *ctx, struct vireo_request *request)
{
}

/* ---- a VM in a state ---- */

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	sem_init(&f->called, 0, 0);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	sem_destroy(&f->called);
	free(f);
	return 0;
}

static void add_devices(struct fixture *f, enum state state)
{
	const struct vireo_device device = {
		.size = sizeof(device), .name = "mine", .base = PLACE,
		.length = 4096, .write = state == ON_VCPU ? on_write : NULL,
		.reset = state == ON_IO ? on_reset : NULL, .ctx = f,
	};
	const struct vireo_virtio virtio = {
		.size = sizeof(virtio), .name = "first", .type = 42,
		.queues = 1, .config = "abcd", .config_size = 4,
		.request = on_request,
	};

	assert_int_equal(vireo_config_add_device(f->a.cfg, &device, NULL), 0);
	assert_int_equal(vireo_config_add_virtio(f->a.cfg, &virtio, NULL), 0);
	assert_int_equal(vireo_config_set(f->a.cfg, "on-reboot", "restart",
					  NULL), 0);
}

/* What it does to get there; then it waits until it is kicked. */
static void write_guest(enum state state)
{
	if (state == ON_VCPU)
		fake_mmio(0, PLACE, 4, (const uint8_t *)"abcd", NULL);
	if (state == ON_IO)
		one_vm_reset(0);
}

static void make(struct fixture *f, const struct api_call *c, enum state state)
{
	struct vm_debug *d;

	memset(&f->a, 0, sizeof(f->a));
	memset(&f->t, 0, sizeof(f->t));
	assert_int_equal(api_case_set_up(&f->a), 0);
	add_devices(f, state);
	if (!strcmp(c->name, "vireo_console_path"))
		assert_int_equal(vireo_config_set(f->a.cfg, "console", "pty",
						  NULL), 0);
	write_guest(state);
	api_case_create(&f->a);
	/* Looking for it would take another VM of the fake's. */
	d = &f->a.vm->debug;
	memset(d->probed, true, sizeof(d->probed));
	memset(d->works, true, sizeof(d->works));
	f->t.vm = f->a.vm;
	if (state == CALLED_OFF)
		vireo_stop(f->a.vm);
	if (state >= RUNNING)
		assert_int_equal(vireo_start(f->a.vm, &f->a.err), 0);
	if (state == PAUSED)
		assert_int_equal(vireo_pause(f->a.vm), 0);
	if (state == ENDED) {
		vireo_stop(f->a.vm);
		assert_int_equal(vireo_wait(f->a.vm, WAIT, NULL), 0);
	}
}

/* ---- a call in it ---- */

static int call_in_child(struct fixture *f, const struct api_call *c)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		alarm(10); /* it waits for threads that are not there */
		status = aimed_call(f, c);
		_exit(destroys(c) && f->t.new_vm ? 1 : 100 + status);
	}
	assert_true(pid > 0);
	while (waitpid(pid, &status, 0) < 0)
		;
	if (!WIFEXITED(status))
		fail_msg("%s: signal %d in a child of fork()", c->name,
			 WTERMSIG(status));
	return WEXITSTATUS(status) - 100;
}

static int call(struct fixture *f, const struct api_call *c, enum state state)
{
	int r;

	switch (state) {
	case ON_VCPU:
	case ON_IO:
		while (sem_wait(&f->called) < 0)
			;
		return f->result;
	case INHERITED:
		return call_in_child(f, c);
	default:
		r = aimed_call(f, c);
		if (destroys(c))
			f->a.vm = f->t.new_vm;
		return r;
	}
}

/* It can be used on, and ends. */
static void check_and_end(struct fixture *f, const char *name)
{
	struct vireo_end end = { 0 };
	uint8_t byte;
	int r;

	if (!f->a.vm)
		return;
	r = vireo_memory_read(f->a.vm, 0, &byte, 1);
	if (r != 0 && r != VIREO_ESTATE) /* or it is being built */
		fail_msg("%s: the VM's memory is gone: %d", name, r);
	vireo_stop(f->a.vm);
	r = vireo_wait(f->a.vm, WAIT, &end);
	if (r != VIREO_ESTATE && (r != 0 || end.reason != VIREO_STOPPED))
		fail_msg("%s: %d, the VM has ended by %s", name, r,
			 end.verdict);
	vireo_destroy(&f->a.vm);
	assert_null(f->a.vm);
}

static char letter(int result)
{
	switch (result) {
	case 0:
		return '0';
	case VIREO_ESTATE:
		return 'S';
	case VIREO_ETIME:
		return 'T';
	case VIREO_EINVAL:
		return 'I';
	default:
		return '?';
	}
}

static void try_one(struct fixture *f, const struct api_call *c,
		    enum state state, char expected)
{
	char got;

	f->call = c;
	make(f, c, state);
	got = letter(call(f, c, state));
	if (got != expected)
		fail_msg("%s in state %d: %c, not %c", c->name, (int)state, got,
			 expected);
	f->call = NULL;
	check_and_end(f, c->name);
	api_case_tear_down(&f->a);
}

static const struct api_call *find(const char *name)
{
	const struct api_call *c;

	for (size_t i = 0; (c = api_call_at(i)); i++)
		if (!strcmp(c->name, name))
			return c;
	fail_msg("there is no %s()", name);
	return NULL;
}

static void try_all(struct fixture *f, enum state state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(strlen(rows[i].says), STATES);
		try_one(f, find(rows[i].name), state, rows[i].says[state]);
	}
}

static void L04_every_call_has_an_answer_in_every_state(void **state)
{
	for (enum state s = MADE; s <= ENDED; s++)
		try_all(*state, s);
}

static void L05_every_call_has_an_answer_in_callbacks(void **state)
{
	try_all(*state, ON_VCPU);
	try_all(*state, ON_IO);
}

static void X13_a_child_of_fork_has_nothing_of_it(void **state)
{
	try_all(*state, INHERITED);
}

/* The table above has all that take a VM. */
static void L04_no_function_is_forgotten(void **state)
{
	struct api_header *h = calloc(1, sizeof(*h));
	const size_t known = sizeof(rows) / sizeof(rows[0]);

	api_header_read(h, header_path);
	for (size_t i = 0; i < h->count; i++) {
		const struct api_function *f = &h->function[i];
		size_t n = 0;

		while (f->has_vm && n < known && strcmp(rows[n].name, f->name))
			n++;
		if (n == known)
			fail_msg("test_api_states.c has no %s()", f->name);
	}
	free(h);
}

/* ---- two threads ---- */

struct waiter {
	struct vireo_vm *vm;
	pthread_t thread;
	struct vireo_end end;
	int result;
};

static void *wait_for_end(void *arg)
{
	struct waiter *w = arg;

	w->result = vireo_wait(w->vm, -1, &w->end);
	return NULL;
}

static void *wait_for_hit(void *arg)
{
	struct vireo_hit hit = { .size = sizeof(hit) };
	struct waiter *w = arg;

	w->result = vireo_hit_wait(w->vm, -1, &hit);
	return NULL;
}

static void wait_until_both_wait(struct vireo_vm *vm)
{
	unsigned int n = 0;

	while (n < 2) {
		pthread_mutex_lock(&vm->lock);
		n = vm->waiters;
		pthread_mutex_unlock(&vm->lock);
		usleep(100);
	}
}

/* It frees what they are in: a sanitizer sees it when they are not out. */
static void L04_destroy_lets_those_out_who_wait(void **state)
{
	struct fixture *f = *state;

	for (int round = 0; round < 20; round++) {
		struct waiter w[2] = { { 0 } };

		make(f, find("vireo_wait"), RUNNING);
		w[0].vm = w[1].vm = f->a.vm;
		assert_int_equal(pthread_create(&w[0].thread, NULL,
						wait_for_end, &w[0]), 0);
		assert_int_equal(pthread_create(&w[1].thread, NULL,
						wait_for_hit, &w[1]), 0);
		wait_until_both_wait(f->a.vm);
		vireo_destroy(&f->a.vm);
		pthread_join(w[0].thread, NULL);
		pthread_join(w[1].thread, NULL);
		assert_int_equal(w[0].result, 0);
		assert_int_equal(w[0].end.reason, VIREO_STOPPED);
		assert_int_equal(w[1].result, VIREO_ESTATE);
		api_case_tear_down(&f->a);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(L04_every_call_has_an_answer_in_every_state),
		T(L05_every_call_has_an_answer_in_callbacks),
		T(X13_a_child_of_fork_has_nothing_of_it),
		cmocka_unit_test(L04_no_function_is_forgotten),
		T(L04_destroy_lets_those_out_who_wait),
	};

	if (argc != 2)
		return 2;
	header_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
