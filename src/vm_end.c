// SPDX-License-Identifier: BSD-3-Clause
/*
 * How a VM's end comes about: who may ask for it, what it is called, and what
 * the console, the devices and the clock have to say. See vm.c for what happens
 * then. Any thread, as each function says.
 */
#include "vm.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"

#define PANIC_GRACE_NS (2000 * VM_NS_PER_MS) /* for lines after the panic */

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
	case VIREO_COMMAND:
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
		[VIREO_COMMAND] = "command",
	};

	return words[reason];
}

/* The request that waits is a reset after which the VM goes on. */
bool vm_will_restart(const struct vireo_vm *vm)
{
	return vm->requested && vm->end.reason == VIREO_RESET &&
	       vm->cfg->restart;
}

static void set_end(struct vireo_vm *vm, enum vireo_reason reason, int status,
		    const char *detail)
{
	/* A panicked kernel resets, halts, or is in the middle of its last
	 * words when the time is over: the panic is the reason, and what the
	 * console said of it stays. */
	if (vm->panicked &&
	    (reason == VIREO_RESET || reason == VIREO_TRIPLE_FAULT ||
	     reason == VIREO_POWER_OFF || reason == VIREO_DEADLINE)) {
		reason = VIREO_PANIC;
		detail = "";
	}
	vm->requested = true;
	vm->end.reason = reason;
	vm->end.status = status;
	vm->end.exit_code = vm_exit_code(reason, status);
	snprintf(vm->end.verdict, sizeof(vm->end.verdict), "%s",
		 vm_verdict(reason));
	/* Nobody has told what became of the command. */
	if (vm->cfg->command.args.count &&
	    (reason == VIREO_POWER_OFF || reason == VIREO_RESET))
		vm->end.exit_code = 116;
	if (*detail || reason != VIREO_PANIC)
		snprintf(vm->end.detail, sizeof(vm->end.detail), "%s", detail);
}

/* A reset that leads to a restart can still become an end, but not by what
 * the guest does after it: Linux tries one way to reset after the other. */
static bool may_request(const struct vireo_vm *vm, enum vireo_reason reason)
{
	if (!vm->requested)
		return true;
	return vm_will_restart(vm) &&
	       (reason == VIREO_STOPPED || reason == VIREO_DEADLINE);
}

/* The command's end is known, but what it wrote is not out yet: that will be
 * the VM's end, whatever the guest does meanwhile. */
static bool is_early(struct vireo_vm *vm, enum vireo_reason reason)
{
	return vm->command &&
	       (reason == VIREO_POWER_OFF || reason == VIREO_RESET) &&
	       session_has_ended(command_session(vm->command));
}

void vm_request_end(struct vireo_vm *vm, enum vireo_reason reason, int status,
		    const char *detail)
{
	pthread_mutex_lock(&vm->lock);
	if (may_request(vm, reason) && !is_early(vm, reason))
		set_end(vm, reason, status, detail);
	pthread_mutex_unlock(&vm->lock);
	fd_event_signal(vm->work_fd);
}

void vm_on_command_end(void *ctx, const struct command_end *end)
{
	struct vireo_vm *vm = ctx;

	pthread_mutex_lock(&vm->lock);
	if (may_request(vm, VIREO_COMMAND)) {
		set_end(vm, VIREO_COMMAND, end->status, end->detail);
		snprintf(vm->end.verdict, sizeof(vm->end.verdict), "%s",
			 end->verdict);
	}
	pthread_mutex_unlock(&vm->lock);
	fd_event_signal(vm->work_fd);
}

void vm_on_vcpu_end(void *ctx, enum vireo_reason reason, const char *detail)
{
	vm_request_end(ctx, reason, 0, detail);
}

void vm_on_machine_event(void *ctx, enum machine_event event, uint32_t data)
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

void vm_on_console_event(void *ctx, enum console_event event,
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

void vm_on_mark(void *ctx, uint8_t n)
{
	struct vireo_vm *vm = ctx;

	pthread_mutex_lock(&vm->lock);
	if (n == 1) /* our init's mark counts more than the kernel's line */
		vm->user_space_ns = clock_mono_ns();
	pthread_mutex_unlock(&vm->lock);
}

void vm_on_output(void *ctx, const uint8_t *bytes, size_t len)
{
	struct vireo_vm *vm = ctx;

	if (vm->cfg->idle_timeout_ms)
		__atomic_store_n(&vm->output_ns, clock_mono_ns(),
				 __ATOMIC_RELAXED);
	pthread_mutex_lock(&vm->watch_lock);
	console_watch_feed(&vm->watch, bytes, len);
	pthread_mutex_unlock(&vm->watch_lock);
}

void vm_on_panic_grace(void *ctx, uint32_t events)
{
	vm_request_end(ctx, VIREO_PANIC, 0, "");
}
