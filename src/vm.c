// SPDX-License-Identifier: BSD-3-Clause
/*
 * A VM's states and transitions. Threads:
 *
 *   the caller's   create, start, wait, pause, stop, destroy
 *   io             the event loop: console input, timers, and supervise();
 *                  and one more for each virtio device of the embedder's
 *   vcpuN          the guest, and the devices it touches
 *
 * How a VM ends: anybody calls vm_request_end(); the io thread wakes in
 * supervise(), stops and joins the vCPUs, and then either builds the board
 * anew (a reset with on-reboot=restart) or publishes the end. So when
 * vireo_wait() returns, no vCPU runs any more. vm_end.c has the askers.
 *
 * vm_build() in vm_build.c is the list of steps that make a machine. Read it
 * first.
 */
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "command/find_kernel.h"
#include "devices/acpi_pm.h"
#include "vm_build.h"
#include "vm_postmortem.h"

/* ---- vCPUs ---- */

static void stop_vcpus(struct vireo_vm *vm)
{
	vm_cancel_consoles(vm, true);
	pthread_mutex_lock(&vm->board_lock);
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		vcpu_kick(&vm->vcpu[i]);
	for (unsigned int i = 0; i < vm->cfg->cpus; i++) {
		vcpu_join(&vm->vcpu[i]);
		stats_merge(&vm->total, &vm->vcpu[i].stats);
	}
	pthread_mutex_unlock(&vm->board_lock);
	vm_cancel_consoles(vm, false);
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

/* The embedder's threads leave. */
static void close_seats(struct vireo_vm *vm)
{
	for (unsigned int i = 0; vm->seat && i < vm->cfg->cpus; i++)
		seat_close(&vm->seat[i]);
}

static void publish_end(struct vireo_vm *vm)
{
	vm_debug_end(vm); /* or the core would show breakpoints */
	vm_write_core(vm, vm->end.reason); /* which does not change any more */
	if (vm->command)
		command_vm_ended(vm->command);
	pthread_mutex_lock(&vm->lock);
	vm->state = VM_ENDED;
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
	fd_event_signal(vm->event_fd);
	close_seats(vm);
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
	if (!r) {
		vm_debug_rebuilt(vm);
		r = start_vcpus(vm, &err);
	}
	pthread_mutex_unlock(&vm->board_lock);
	if (r < 0)
		vm_request_end(vm, VIREO_HOST_ERROR, 0, err.text);
}

/* When the last vCPU had left the guest; its thread's end and what was done for
 * it is not the guest's time. */
static uint64_t end_of_run(const struct vireo_vm *vm)
{
	return vm->total.left_ns ? vm->total.left_ns : clock_mono_ns();
}

static void supervise(void *ctx, uint32_t events)
{
	struct vireo_vm *vm = ctx;
	bool again, stop, never;

	fd_event_drain(vm->work_fd);
	pthread_mutex_lock(&vm->lock);
	stop = vm->requested && vm->state == VM_RUNNING;
	never = vm->requested && vm->state == VM_BUILT; /* see set_running() */
	pthread_mutex_unlock(&vm->lock);
	if (never)
		close_seats(vm);
	if (!stop) {
		vm_call_vcpus(vm);
		return;
	}
	stop_vcpus(vm);
	pthread_mutex_lock(&vm->lock);
	again = vm_will_restart(vm);
	vm->ended_ns = again ? 0 : end_of_run(vm);
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

static int open_loops(struct vireo_vm *vm, struct err *err)
{
	unsigned int customs = vm->extras ? vm->extras->virtios : 0;
	int r = loop_create(&vm->loop, err);

	for (unsigned int i = 0; i < customs && !r; i++)
		r = loop_create(&vm->custom_loop[i], err);
	return r;
}

static int open_events(struct vireo_vm *vm, struct err *err)
{
	int r;

	vm->event_fd = fd_event_create();
	vm->work_fd = fd_event_create();
	if (vm->event_fd < 0 || vm->work_fd < 0)
		return err_set(err, -EMFILE, "no more file descriptors");
	r = open_loops(vm, err);
	if (r < 0)
		return r;
	r = loop_add(&vm->work, vm->loop, vm->work_fd, EPOLLIN, supervise, vm);
	if (!r)
		r = loop_add_timer(&vm->deadline, vm->loop, vm_on_deadline, vm);
	if (!r)
		r = loop_add_timer(&vm->idle, vm->loop, vm_on_idle, vm);
	if (!r)
		r = loop_add_timer(&vm->cpu_time, vm->loop, vm_on_cpu_time,
				   vm);
	if (!r)
		r = loop_add_timer(&vm->panic_grace, vm->loop,
				   vm_on_panic_grace, vm);
	return r < 0 ? err_set(err, r, "event loop: %s", strerror(-r)) : 0;
}

/* May add to the configuration. */
static int open_command(struct vireo_vm *vm, const struct vm_fds *fds,
			struct err *err)
{
	const struct command_host host = {
		.in = fds->command_in, .out = fds->command_out,
		.err = fds->command_err, .loop = vm->loop,
		.ended = vm_on_command_end, .ctx = vm,
	};

	if (!config_has_root(vm->cfg))
		return 0;
	return command_create(&vm->command, vm->cfg, &host, err);
}

static int check_pins(const struct config *cfg, bool own_threads,
		      struct err *err)
{
	cpu_set_t set;

	if (cfg->pins && own_threads)
		return err_set_key(err, -EINVAL, "pin",
				   "pin: the vCPUs run on threads of the "
				   "program's own (pin these)");
	if (cfg->pins && sched_getaffinity(0, sizeof(set), &set) < 0)
		return err_set_key(err, -errno, "pin", "pin: %s",
				   strerror(errno));
	for (unsigned int i = 0; i < cfg->pins; i++)
		if (!CPU_ISSET(cfg->pin[i], &set))
			return err_set_key(err, -EINVAL, "pin",
					   "pin: host CPU %u is not there, or "
					   "not for this process (see "
					   "taskset -pc $$)", cfg->pin[i]);
	return 0;
}

static int init(struct vireo_vm *vm, const struct vm_fds *fds, struct err *err)
{
	bool own_threads = vm->extras && vm->extras->own_threads;
	int r = check_pins(vm->cfg, own_threads, err);

	if (!r)
		r = kvm_open(&vm->kvm, fds->kvm, err);

	if (!r)
		r = open_events(vm, err);
	if (!r)
		r = find_given_kernel(vm->cfg, err);
	if (!r)
		r = open_command(vm, fds, err);
	if (!r)
		r = vm_check_core(vm, err);
	if (!r)
		r = vm_open_consoles(vm, fds, err);
	if (!r && vm_debug_init(vm) < 0)
		r = err_set(err, -EMFILE, "no more file descriptors");
	if (!r)
		r = vm_gdb_open(vm, err);
	if (!r && stats_init(&vm->total, vm->cfg->stats) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	if (r < 0)
		return r;
	console_watch_init(&vm->watch,
			   (struct console_sink){ vm_on_console_event, vm });
	vm->host = (struct vcpu_host){ &vm->board, vm_on_vcpu_end, vm,
				       &vm->gate, vm_on_vcpu_debug };
	vm->vcpu = calloc(vm->cfg->cpus, sizeof(*vm->vcpu));
	if (own_threads)
		vm->seat = calloc(vm->cfg->cpus, sizeof(*vm->seat));
	for (unsigned int i = 0; vm->seat && i < vm->cfg->cpus; i++)
		seat_init(&vm->seat[i]);
	vm->host.seat = vm->seat;
	if (!vm->vcpu || (own_threads && !vm->seat))
		return err_set(err, -ENOMEM, "out of memory");
	return vm_build(vm, err);
}

/* Waits are measured on the clock that nobody sets. */
void vm_init_condition(pthread_cond_t *cond)
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
	vm->process = getpid();
	vm->event_fd = -1;
	vm->work_fd = -1;
	vm->kvm.fd = -1;
	vm->debug.hit_fd = -1;
	vm->log = *log;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->board_lock, NULL);
	vm_init_machine_lock(vm);
	pthread_mutex_init(&vm->watch_lock, NULL);
	vm_init_condition(&vm->changed);
	gate_init(&vm->gate);
	vm->cfg = calloc(1, sizeof(*vm->cfg));
	if (vm->cfg) {
		config_copy(vm->cfg, cfg);
		r = extras_copy(&vm->extras, fds->extras);
		r = r < 0 ? err_set(err, r, "devices: %s", strerror(-r)) :
			    init(vm, fds, err);
	} else {
		r = err_set(err, -ENOMEM, "out of memory");
	}
	if (r < 0) {
		vm_destroy(vm);
		return r;
	}
	vm_keep_consoles(vm);
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
	vm_arm_limits(vm);
	r = vm_gdb_start(vm, err);
	if (!r)
		r = start_vcpus(vm, err);
	pthread_mutex_unlock(&vm->board_lock);
	if (r < 0)
		vm_request_end(vm, VIREO_HOST_ERROR, 0,
			       err ? err->text : "cannot start a vCPU thread");
	return r;
}

void vm_deadline_after(struct timespec *ts, int timeout_ms)
{
	clock_gettime(CLOCK_MONOTONIC, ts);
	ts->tv_sec += timeout_ms / 1000;
	ts->tv_nsec += timeout_ms % 1000 * (long)VM_NS_PER_MS;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
}

/* Lock held. */
static void leave_wait(struct vireo_vm *vm)
{
	if (--vm->waiters == 0)
		pthread_cond_broadcast(&vm->changed);
}

void vm_enter_wait(struct vireo_vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->waiters++;
	pthread_mutex_unlock(&vm->lock);
}

void vm_leave_wait(struct vireo_vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	leave_wait(vm);
	pthread_mutex_unlock(&vm->lock);
}

int vm_wait(struct vireo_vm *vm, int timeout_ms, struct vireo_end *end)
{
	struct timespec until;
	int r = 0;

	if (timeout_ms >= 0)
		vm_deadline_after(&until, timeout_ms);
	pthread_mutex_lock(&vm->lock);
	vm->waiters++;
	if (vm->state == VM_BUILT)
		r = -EBUSY;
	while (!r && vm->state != VM_ENDED)
		r = timeout_ms < 0
			    ? pthread_cond_wait(&vm->changed, &vm->lock)
			    : -pthread_cond_timedwait(&vm->changed, &vm->lock,
						      &until);
	if (!r && end)
		*end = vm->end;
	leave_wait(vm);
	pthread_mutex_unlock(&vm->lock);
	return r;
}

int vm_power_button(struct vireo_vm *vm)
{
	bool pressed = false;

	if (!vm_take_machine(vm))
		return -EAGAIN;
	if (vm->board.pm)
		pressed = acpi_pm_press(vm->board.pm);
	vm_give_machine(vm);
	return pressed ? 0 : -EAGAIN;
}

bool vm_is_own_thread(struct vireo_vm *vm)
{
	for (unsigned int i = 0; i < EXTRAS_MAX && vm->custom_loop[i]; i++)
		if (loop_is_own_thread(vm->custom_loop[i]))
			return true;
	return loop_is_own_thread(vm->loop) || gate_has_me(&vm->gate);
}

/* Ends a running VM and waits for that. */
static void stop_and_wait(struct vireo_vm *vm)
{
	if (!vm_is_running(vm))
		return;
	vm_request_end(vm, VIREO_STOPPED, 0, "");
	vm_wait(vm, -1, NULL);
}

/* The VM has ended: they do not take long. */
static void let_waiters_out(struct vireo_vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	while (vm->waiters)
		pthread_cond_wait(&vm->changed, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
}

void vm_destroy(struct vireo_vm *vm)
{
	if (!vm)
		return;
	stop_and_wait(vm);
	let_waiters_out(vm);
	if (vm->cfg)
		close_seats(vm);
	vm_gdb_close(vm);
	loop_remove(vm->panic_grace);
	loop_remove(vm->cpu_time);
	loop_remove(vm->idle);
	loop_remove(vm->deadline);
	loop_remove(vm->work);
	if (vm->cfg)
		vm_unbuild(vm);
	command_destroy(vm->command);
	vm_close_consoles(vm);
	for (unsigned int i = 0; i < EXTRAS_MAX; i++)
		loop_destroy(vm->custom_loop[i]);
	loop_destroy(vm->loop);
	stats_finish(&vm->total);
	for (unsigned int i = 0; vm->seat && i < vm->cfg->cpus; i++)
		seat_finish(&vm->seat[i]);
	free(vm->seat);
	free(vm->vcpu);
	vm_debug_finish(vm);
	kvm_close(&vm->kvm);
	fd_close(&vm->work_fd);
	fd_close(&vm->event_fd);
	gate_finish(&vm->gate);
	pthread_cond_destroy(&vm->changed);
	pthread_mutex_destroy(&vm->watch_lock);
	pthread_rwlock_destroy(&vm->machine_lock);
	pthread_mutex_destroy(&vm->board_lock);
	pthread_mutex_destroy(&vm->lock);
	extras_destroy(vm->extras);
	free(vm->cfg);
	free(vm);
}
