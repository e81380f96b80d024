// SPDX-License-Identifier: BSD-3-Clause
/*
 * A VM's states and transitions. Threads:
 *
 *   the caller's   create, start, wait, stop, destroy
 *   io             the event loop: console input, timers, and supervise()
 *   vcpuN          the guest, and the devices it touches
 *
 * How a VM ends: anybody calls vm_request_end(); the io thread wakes in
 * supervise(), stops and joins the vCPUs, and then either builds the board
 * anew (a reset with on-reboot=restart) or publishes the end. So when
 * vireo_wait() returns, no vCPU runs any more.
 *
 * vm_build() is the list of steps that make a machine. Read it first.
 */
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "devices/acpi_pm.h"

#define NS_PER_MS      UINT64_C(1000000)
#define PANIC_GRACE_NS (2000 * NS_PER_MS) /* for the lines after the panic */
#define FLUSH_MS       2000 /* console output at the end */

int vm_exit_code(enum vireo_reason reason, int status)
{
	switch (reason) {
	case VIREO_POWER_OFF:
	case VIREO_RESET:
		return 0;
	case VIREO_PANIC:
		return 117;
	case VIREO_TRIPLE_FAULT:
		return 118;
	case VIREO_KVM_ERROR:
		return 119;
	case VIREO_HOST_ERROR:
		return 120;
	case VIREO_STOPPED:
		return 123;
	case VIREO_DEADLINE:
		return 124;
	case VIREO_DEBUG_EXIT:
		return status;
	}
	return 125;
}

const char *vm_verdict(enum vireo_reason reason)
{
	static const char *const words[] = {
		[VIREO_POWER_OFF] = "power-off",
		[VIREO_RESET] = "reset",
		[VIREO_PANIC] = "panic",
		[VIREO_TRIPLE_FAULT] = "triple-fault",
		[VIREO_KVM_ERROR] = "kvm-error",
		[VIREO_HOST_ERROR] = "host-error",
		[VIREO_STOPPED] = "stopped",
		[VIREO_DEADLINE] = "deadline",
		[VIREO_DEBUG_EXIT] = "debug-exit",
	};

	return words[reason];
}

/* ---- ending ---- */

/* The request that waits is a reset after which the VM goes on. */
static bool will_restart(const struct vireo_vm *vm)
{
	return vm->requested && vm->end.reason == VIREO_RESET &&
	       vm->cfg->restart;
}

static void set_end(struct vireo_vm *vm, enum vireo_reason reason, int status,
		    const char *detail)
{
	/* A panicked kernel resets or halts: the panic is the reason, and what
	 * the console said of it stays. */
	if (vm->panicked &&
	    (reason == VIREO_RESET || reason == VIREO_TRIPLE_FAULT ||
	     reason == VIREO_POWER_OFF)) {
		reason = VIREO_PANIC;
		detail = "";
	}
	vm->requested = true;
	vm->end.reason = reason;
	vm->end.status = status;
	vm->end.exit_code = vm_exit_code(reason, status);
	snprintf(vm->end.verdict, sizeof(vm->end.verdict), "%s",
		 vm_verdict(reason));
	if (*detail || reason != VIREO_PANIC)
		snprintf(vm->end.detail, sizeof(vm->end.detail), "%s", detail);
}

/* A reset that leads to a restart can still become an end, but not by what
 * the guest does after it: Linux tries one way to reset after the other. */
static bool may_request(const struct vireo_vm *vm, enum vireo_reason reason)
{
	if (!vm->requested)
		return true;
	return will_restart(vm) &&
	       (reason == VIREO_STOPPED || reason == VIREO_DEADLINE);
}

void vm_request_end(struct vireo_vm *vm, enum vireo_reason reason, int status,
		    const char *detail)
{
	pthread_mutex_lock(&vm->lock);
	if (may_request(vm, reason))
		set_end(vm, reason, status, detail);
	pthread_mutex_unlock(&vm->lock);
	fd_event_signal(vm->work_fd);
}

static void on_vcpu_end(void *ctx, enum vireo_reason reason, const char *detail)
{
	vm_request_end(ctx, reason, 0, detail);
}

static void on_machine_event(void *ctx, enum machine_event event, uint32_t data)
{
	struct vireo_vm *vm = ctx;

	switch (event) {
	case MACHINE_POWER_OFF:
		vm_request_end(vm, VIREO_POWER_OFF, 0, "");
		break;
	case MACHINE_RESET:
		vm_request_end(vm, VIREO_RESET, 0, "");
		break;
	case MACHINE_PANIC:
		vm_request_end(vm, VIREO_PANIC, 0, "reported by pvpanic");
		break;
	case MACHINE_DEBUG_EXIT:
		vm_request_end(vm, VIREO_DEBUG_EXIT, (int)data, "");
		break;
	}
}

/* A panic line was seen: note it, and give the kernel time for the rest. */
static void note_panic(struct vireo_vm *vm, const char *line)
{
	bool first;

	pthread_mutex_lock(&vm->lock);
	first = !vm->panicked && !vm->requested;
	vm->panicked = true;
	if (first)
		snprintf(vm->end.detail, sizeof(vm->end.detail),
			 "seen on the console: %s", line);
	pthread_mutex_unlock(&vm->lock);
	if (first)
		loop_arm(vm->panic_grace, PANIC_GRACE_NS);
}

static void on_console_event(void *ctx, enum console_event event,
			     const char *line)
{
	struct vireo_vm *vm = ctx;

	switch (event) {
	case CONSOLE_PANIC:
		note_panic(vm, line);
		break;
	case CONSOLE_PANIC_END:
		if (vm->panicked)
			vm_request_end(vm, VIREO_PANIC, 0, "");
		break;
	case CONSOLE_USER_SPACE:
		pthread_mutex_lock(&vm->lock);
		if (!vm->user_space_ns)
			vm->user_space_ns = clock_mono_ns();
		pthread_mutex_unlock(&vm->lock);
		break;
	}
}

static void on_mark(void *ctx, uint8_t n)
{
	struct vireo_vm *vm = ctx;

	pthread_mutex_lock(&vm->lock);
	if (n == 1) /* our init's mark counts more than the kernel's line */
		vm->user_space_ns = clock_mono_ns();
	pthread_mutex_unlock(&vm->lock);
}

static void on_output(void *ctx, const uint8_t *bytes, size_t len)
{
	struct vireo_vm *vm = ctx;

	if (vm->cfg->idle_timeout_ms)
		__atomic_store_n(&vm->output_ns, clock_mono_ns(),
				 __ATOMIC_RELAXED);
	console_watch_feed(&vm->watch, bytes, len);
}

/* ---- timers ---- */

static void on_panic_grace(void *ctx, uint32_t events)
{
	vm_request_end(ctx, VIREO_PANIC, 0, "");
}

static void on_deadline(void *ctx, uint32_t events)
{
	vm_request_end(ctx, VIREO_DEADLINE, 0, "the time is over (--timeout)");
}

static void on_idle(void *ctx, uint32_t events)
{
	struct vireo_vm *vm = ctx;
	uint64_t limit = vm->cfg->idle_timeout_ms * NS_PER_MS;
	uint64_t last = __atomic_load_n(&vm->output_ns, __ATOMIC_RELAXED);
	uint64_t quiet = clock_mono_ns() - last;

	if (quiet >= limit)
		vm_request_end(vm, VIREO_DEADLINE, 0,
			       "no console output for too long "
			       "(--idle-timeout)");
	else
		loop_arm(vm->idle, limit - quiet);
}

/* ---- building ---- */

static int vm_build(struct vireo_vm *vm, struct err *err)
{
	struct board *b = &vm->board;
	int r;

	b->cfg = vm->cfg;
	b->log = &vm->log;
	b->console = vm->console;
	b->signal = (struct machine_signal){ on_machine_event, vm };
	b->mark = on_mark;
	b->mark_ctx = vm;

	r = board_init(b, &vm->kvm, err);
	if (!r)
		r = board_create_ram(b, err);
	if (!r)
		r = arch_ram_layout(b, err);
	if (!r) /* before the irqchip: see kvm.h */
		r = board_register_ram(b, err);
	if (!r)
		r = arch_create_irqchip(b, err);
	if (!r)
		r = arch_add_devices(b, err);
	if (!r)
		r = arch_describe(b, err);
	if (!r)
		r = arch_load(b, &vm->entry, err);
	for (unsigned int i = 0; i < vm->cfg->cpus && !r; i++)
		r = vcpu_init(&vm->vcpu[i], &vm->host, i,
			      i ? NULL : &vm->entry, err);
	return r;
}

static void vm_unbuild(struct vireo_vm *vm)
{
	for (unsigned int i = 0; i < vm->cfg->cpus && vm->vcpu; i++)
		vcpu_finish(&vm->vcpu[i]);
	board_finish(&vm->board);
}

/* ---- vCPUs ---- */

static void stop_vcpus(struct vireo_vm *vm)
{
	char_cancel(vm->console);
	pthread_mutex_lock(&vm->board_lock);
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		vcpu_kick(&vm->vcpu[i]);
	for (unsigned int i = 0; i < vm->cfg->cpus; i++) {
		vcpu_join(&vm->vcpu[i]);
		stats_merge(&vm->total, &vm->vcpu[i].stats);
	}
	pthread_mutex_unlock(&vm->board_lock);
	char_resume(vm->console);
}

/* Called with the board lock held. */
static int start_vcpus(struct vireo_vm *vm, struct err *err)
{
	int r = 0;

	for (unsigned int i = 0; i < vm->cfg->cpus && !r; i++)
		r = vcpu_start(&vm->vcpu[i], err);
	return r;
}

/* ---- supervising, on the io thread ---- */

static void publish_end(struct vireo_vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->ended_ns = clock_mono_ns();
	vm->state = VM_ENDED;
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
	fd_event_signal(vm->event_fd);
}

/* A reset: the same config, a fresh machine. A failure becomes the VM's end,
 * which supervise() finds when it is called next. */
static void restart(struct vireo_vm *vm)
{
	struct err err = { 0 };
	int r;

	pthread_mutex_lock(&vm->board_lock);
	vm_unbuild(vm);
	r = vm_build(vm, &err);
	if (!r)
		r = start_vcpus(vm, &err);
	pthread_mutex_unlock(&vm->board_lock);
	if (r < 0)
		vm_request_end(vm, VIREO_HOST_ERROR, 0, err.text);
}

static void supervise(void *ctx, uint32_t events)
{
	struct vireo_vm *vm = ctx;
	bool again;
	bool stop;

	fd_event_drain(vm->work_fd);
	pthread_mutex_lock(&vm->lock);
	stop = vm->requested && vm->state == VM_RUNNING;
	pthread_mutex_unlock(&vm->lock);
	if (!stop)
		return;
	stop_vcpus(vm);
	pthread_mutex_lock(&vm->lock);
	again = will_restart(vm);
	if (again) { /* from here on a new request is a new end */
		vm->requested = false;
		vm->panicked = false;
		vm->restarts++;
	}
	pthread_mutex_unlock(&vm->lock);
	if (again)
		restart(vm);
	else
		publish_end(vm);
}

/* ---- the life of a VM ---- */

static int open_console(struct vireo_vm *vm, const struct vm_fds *fds,
			struct err *err)
{
	struct char_config cfg = {
		.in_fd = -1,
		.out_fd = -1,
		.tap = { on_output, vm },
	};
	int file = -1;
	int r;

	if (vm->cfg->console == CONSOLE_STDIO) {
		cfg.in_fd = fds->console_in;
		cfg.out_fd = fds->console_out;
	} else if (vm->cfg->console == CONSOLE_FILE) {
		file = open(vm->cfg->console_path,
			    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
				    O_NOCTTY | O_NONBLOCK,
			    0666);
		if (file < 0)
			return err_set_key(err, -errno, "console", "%s: %s",
					   vm->cfg->console_path,
					   strerror(errno));
		cfg.out_fd = file;
	}
	r = char_create(&vm->console, &cfg, vm->loop, &vm->log, err);
	fd_close(&file);
	return r;
}

static int open_events(struct vireo_vm *vm, struct err *err)
{
	int r;

	vm->event_fd = fd_event_create();
	vm->work_fd = fd_event_create();
	if (vm->event_fd < 0 || vm->work_fd < 0)
		return err_set(err, -EMFILE, "no more file descriptors");
	r = loop_create(&vm->loop, err);
	if (r < 0)
		return r;
	r = loop_add(&vm->work, vm->loop, vm->work_fd, EPOLLIN, supervise, vm);
	if (!r)
		r = loop_add_timer(&vm->deadline, vm->loop, on_deadline, vm);
	if (!r)
		r = loop_add_timer(&vm->idle, vm->loop, on_idle, vm);
	if (!r)
		r = loop_add_timer(&vm->panic_grace, vm->loop, on_panic_grace,
				   vm);
	return r < 0 ? err_set(err, r, "event loop: %s", strerror(-r)) : 0;
}

static int init(struct vireo_vm *vm, const struct vm_fds *fds, struct err *err)
{
	int r = kvm_open(&vm->kvm, fds->kvm, err);

	if (!r)
		r = open_events(vm, err);
	if (!r)
		r = open_console(vm, fds, err);
	if (!r && stats_init(&vm->total, vm->cfg->stats) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	if (r < 0)
		return r;
	console_watch_init(&vm->watch,
			   (struct console_sink){ on_console_event, vm });
	vm->host = (struct vcpu_host){ &vm->board, on_vcpu_end, vm };
	vm->vcpu = calloc(vm->cfg->cpus, sizeof(*vm->vcpu));
	if (!vm->vcpu)
		return err_set(err, -ENOMEM, "out of memory");
	return vm_build(vm, err);
}

/* Waits are measured on the clock that nobody sets. */
static void init_condition(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

int vm_create(struct vireo_vm **out, const struct config *cfg,
	      const struct log *log, const struct vm_fds *fds, struct err *err)
{
	struct vireo_vm *vm = calloc(1, sizeof(*vm));
	int r;

	*out = NULL;
	if (!vm)
		return err_set(err, -ENOMEM, "out of memory");
	vm->created_ns = clock_mono_ns();
	vm->event_fd = -1;
	vm->work_fd = -1;
	vm->kvm.fd = -1;
	vm->log = *log;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->board_lock, NULL);
	init_condition(&vm->changed);
	vm->cfg = malloc(sizeof(*vm->cfg));
	if (vm->cfg) {
		*vm->cfg = *cfg;
		r = init(vm, fds, err);
	} else {
		r = err_set(err, -ENOMEM, "out of memory");
	}
	if (r < 0) {
		vm_destroy(vm);
		return r;
	}
	*out = vm;
	return 0;
}

/* The VM runs from here on, unless it has been started or stopped before. */
static int set_running(struct vireo_vm *vm, struct err *err)
{
	int r = 0;

	pthread_mutex_lock(&vm->lock);
	if (vm->state != VM_BUILT || vm->requested) {
		r = err_set(err, -EBUSY, "the VM has been %s before",
			    vm->state != VM_BUILT ? "started" : "stopped");
	} else {
		vm->started_ns = clock_mono_ns();
		__atomic_store_n(&vm->output_ns, vm->started_ns,
				 __ATOMIC_RELAXED);
		vm->state = VM_RUNNING;
	}
	pthread_mutex_unlock(&vm->lock);
	return r;
}

int vm_start(struct vireo_vm *vm, struct err *err)
{
	int r;

	/* Held until the threads are there: a stop that comes in between must
	 * find them, or they would outlive the VM's end. */
	pthread_mutex_lock(&vm->board_lock);
	r = set_running(vm, err);
	if (r < 0) {
		pthread_mutex_unlock(&vm->board_lock);
		return r;
	}
	if (vm->cfg->timeout_ms)
		loop_arm(vm->deadline, vm->cfg->timeout_ms * NS_PER_MS);
	if (vm->cfg->idle_timeout_ms)
		loop_arm(vm->idle, vm->cfg->idle_timeout_ms * NS_PER_MS);
	r = start_vcpus(vm, err);
	pthread_mutex_unlock(&vm->board_lock);
	if (r < 0)
		vm_request_end(vm, VIREO_HOST_ERROR, 0,
			       err ? err->text : "cannot start a vCPU thread");
	return r;
}

static void deadline_after(struct timespec *ts, int timeout_ms)
{
	clock_gettime(CLOCK_MONOTONIC, ts);
	ts->tv_sec += timeout_ms / 1000;
	ts->tv_nsec += timeout_ms % 1000 * (long)NS_PER_MS;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
}

int vm_wait(struct vireo_vm *vm, int timeout_ms, struct vireo_end *end)
{
	struct timespec until;
	int r = 0;

	if (timeout_ms >= 0)
		deadline_after(&until, timeout_ms);
	pthread_mutex_lock(&vm->lock);
	if (vm->state == VM_BUILT)
		r = -EBUSY;
	while (!r && vm->state != VM_ENDED)
		r = timeout_ms < 0
			    ? pthread_cond_wait(&vm->changed, &vm->lock)
			    : -pthread_cond_timedwait(&vm->changed, &vm->lock,
						      &until);
	if (!r && end)
		*end = vm->end;
	pthread_mutex_unlock(&vm->lock);
	return r;
}

int vm_power_button(struct vireo_vm *vm)
{
	bool pressed = false;

	pthread_mutex_lock(&vm->board_lock);
	if (vm->board.pm)
		pressed = acpi_pm_press(vm->board.pm);
	pthread_mutex_unlock(&vm->board_lock);
	return pressed ? 0 : -EAGAIN;
}

/* Ends a running VM and waits for that. */
static void stop_and_wait(struct vireo_vm *vm)
{
	bool running;

	pthread_mutex_lock(&vm->lock);
	running = vm->state == VM_RUNNING;
	pthread_mutex_unlock(&vm->lock);
	if (!running)
		return;
	vm_request_end(vm, VIREO_STOPPED, 0, "");
	vm_wait(vm, -1, NULL);
}

void vm_destroy(struct vireo_vm *vm)
{
	if (!vm)
		return;
	stop_and_wait(vm);
	loop_remove(vm->panic_grace);
	loop_remove(vm->idle);
	loop_remove(vm->deadline);
	loop_remove(vm->work);
	if (vm->cfg)
		vm_unbuild(vm);
	char_destroy(vm->console, FLUSH_MS);
	loop_destroy(vm->loop);
	stats_finish(&vm->total);
	free(vm->vcpu);
	kvm_close(&vm->kvm);
	fd_close(&vm->work_fd);
	fd_close(&vm->event_fd);
	pthread_cond_destroy(&vm->changed);
	pthread_mutex_destroy(&vm->board_lock);
	pthread_mutex_destroy(&vm->lock);
	free(vm->cfg);
	free(vm);
}
