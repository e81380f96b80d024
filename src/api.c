// SPDX-License-Identifier: BSD-3-Clause
/*
 * The public functions: they check arguments, translate errors, and call down.
 * No logic of their own.
 */
#include "api.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/num.h"
#include "base/thread.h"
#include "board/keys.h"
#include "check.h"
#include "vm_postmortem.h"

/* From the inner error to the public one; returns the public code. */
int api_fail(struct vireo_error *out, int code, const struct err *err)
{
	if (out) {
		out->code = code;
		snprintf(out->key, sizeof(out->key), "%s", err->key);
		snprintf(out->text, sizeof(out->text), "%s", err->text);
	}
	return code;
}

int api_fail_text(struct vireo_error *out, int code, const char *text)
{
	struct err err = { 0 };

	err_set(&err, -EINVAL, "%s", text);
	return api_fail(out, code, &err);
}

int api_code(int error)
{
	switch (error) {
	case -EINVAL:
		return VIREO_EINVAL;
	case -ENOEXEC:
		return VIREO_EIMAGE;
	case -EBUSY:
		return VIREO_ESTATE;
	case -ETIMEDOUT:
		return VIREO_ETIME;
	default:
		return VIREO_EHOST;
	}
}

int api_check_vm(const struct vireo_vm *vm)
{
	if (!vm)
		return VIREO_EINVAL;
	return vm->process == getpid() ? 0 : VIREO_ESTATE;
}

int api_take_vm(const struct vireo_vm *vm, struct vireo_error *err)
{
	int r = api_check_vm(vm);

	return r ? api_fail_text(err, r, vm ? "the VM is a parent process'"
					    : "an argument is NULL")
		 : 0;
}

#define CALLED_BACK "not in a callback of this VM"

const char *vireo_version(void)
{
	return VIREO_VERSION;
}

const char *vireo_feature_at(size_t index)
{
	static const char *const features[] = {
		"x86-64", "command", "share", "layer", "gdb", "sandbox",
		"devices", "virtio-devices", "dirty-pages", "core",
	};

	return index < ARRAY_SIZE(features) ? features[index] : NULL;
}

const struct vireo_key *vireo_key_at(size_t index)
{
	const struct key *key = key_at(index);

	return key ? &key->pub : NULL;
}

/* ---- life ---- */

/* What goes wrong while a VM is built is the host's doing, whatever number it
 * has, unless a key is to blame. */
static int create_code(int error, const struct err *why)
{
	if (error == -EINVAL && why->key[0])
		return VIREO_EINVAL;
	return error == -ENOEXEC ? VIREO_EIMAGE : VIREO_EHOST;
}

int vireo_create(struct vireo_vm **out, const struct vireo_config *cfg,
		 struct vireo_error *err)
{
	struct err why = { 0 };
	struct thread_hush hush;
	struct vm_fds given;
	int r;

	if (!out || !cfg)
		return api_fail_text(err, VIREO_EINVAL, "an argument is NULL");
	*out = NULL;
	given = cfg->fds;
	given.extras = cfg->extras;
	thread_hush(&hush);
	r = config_check(&cfg->typed, &why);
	if (!r)
		r = vm_create(out, &cfg->typed, &cfg->log, &given, &why);
	thread_unhush(&hush);
	return r < 0 ? api_fail(err, create_code(r, &why), &why) : 0;
}

int vireo_start(struct vireo_vm *vm, struct vireo_error *err)
{
	struct err why = { 0 };
	int r = api_take_vm(vm, err);

	if (r < 0)
		return r;
	if (vm_is_own_thread(vm))
		return api_fail_text(err, VIREO_ESTATE, CALLED_BACK);
	r = vm_start(vm, &why);
	return r < 0 ? api_fail(err, api_code(r), &why) : 0;
}

int vireo_wait(struct vireo_vm *vm, int timeout_ms, struct vireo_end *end)
{
	int r = api_check_vm(vm);

	if (r < 0)
		return r;
	if (timeout_ms && vm_is_own_thread(vm))
		return VIREO_ESTATE;
	r = vm_wait(vm, timeout_ms, end);
	return r < 0 ? api_code(r) : 0;
}

int vireo_vcpu_run(struct vireo_vm *vm, unsigned int cpu)
{
	struct thread_hush hush;
	sigset_t kick, old;
	int r = api_check_vm(vm);

	if (r < 0)
		return r;
	if (cpu >= vm->cfg->cpus)
		return VIREO_EINVAL;
	if (!vm->seat || vm_is_own_thread(vm) || vm_has_ended(vm))
		return VIREO_ESTATE;
	thread_hush(&hush);
	/* Let through by KVM_RUN alone. */
	sigemptyset(&kick);
	sigaddset(&kick, kvm_kick_signal());
	pthread_sigmask(SIG_BLOCK, &kick, &old);
	r = seat_sit(&vm->seat[cpu]);
	kvm_consume_kick();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	thread_unhush(&hush);
	return r < 0 ? api_code(r) : 0;
}

int vireo_event_fd(const struct vireo_vm *vm)
{
	int r = api_check_vm(vm);

	return r < 0 ? r : vm->event_fd;
}

int vireo_power_button(struct vireo_vm *vm)
{
	int r = api_check_vm(vm);

	if (r < 0)
		return r;
	return vm_power_button(vm) < 0 ? VIREO_ESTATE : 0;
}

int vireo_command_signal(struct vireo_vm *vm, int number)
{
	int r = api_check_vm(vm);

	if (r < 0)
		return r;
	if (number < 1 || number > 64)
		return VIREO_EINVAL;
	/* An init of the guest's own does not hear us. */
	if (!vm->command || !vm->cfg->command.args.count)
		return VIREO_ESTATE;
	session_signal(command_session(vm->command), number);
	return 0;
}

int vireo_console_resize(struct vireo_vm *vm, unsigned int cols,
			 unsigned int rows)
{
	int r = api_check_vm(vm);

	if (r < 0)
		return r;
	if (cols > UINT16_MAX || rows > UINT16_MAX)
		return VIREO_EINVAL;
	if (vm_is_own_thread(vm))
		return VIREO_ESTATE;
	vm_console_resize(vm, (uint16_t)cols, (uint16_t)rows);
	return 0;
}

int vireo_console_visit(struct vireo_vm *vm, int fd)
{
	int r = api_check_vm(vm);

	if (r < 0)
		return r;
	r = vm_console_visit(vm, fd);
	return r < 0 ? api_code(r) : 0;
}

const char *vireo_console_path(const struct vireo_vm *vm, size_t index)
{
	return api_check_vm(vm) < 0 ? NULL : vm_console_path(vm, index);
}

void vireo_stop(struct vireo_vm *vm)
{
	if (api_check_vm(vm) == 0)
		vm_request_end(vm, VIREO_STOPPED, 0, "");
}

void vireo_destroy(struct vireo_vm **vm)
{
	struct thread_hush hush;

	if (!vm || !*vm)
		return;
	/* A child has what its parent's threads had in their hands, and none of
	 * these threads: there is nothing that could be taken apart. */
	if (api_check_vm(*vm) == 0) {
		if (vm_is_own_thread(*vm))
			return;
		thread_hush(&hush);
		vm_destroy(*vm);
		thread_unhush(&hush);
	}
	*vm = NULL;
}

/* ---- figures ---- */

static void time_row(void (*fn)(void *ctx, const struct vireo_stat *stat),
		     void *ctx, const char *name, uint64_t from, uint64_t to)
{
	const struct vireo_stat row = { "time", name, (to - from) / 1000,
					"us" };

	if (from && to >= from)
		fn(ctx, &row);
}

/* Times and counts of the VM itself. */
static void vm_rows(struct vireo_vm *vm,
		    void (*fn)(void *ctx, const struct vireo_stat *stat),
		    void *ctx)
{
	struct vireo_stat row = { "vm", "restarts", 0, "" };
	uint64_t user_space;
	uint64_t started;
	uint64_t ended;

	pthread_mutex_lock(&vm->lock);
	started = vm->started_ns;
	ended = vm->ended_ns;
	user_space = vm->user_space_ns;
	row.value = vm->restarts;
	pthread_mutex_unlock(&vm->lock);
	time_row(fn, ctx, "create", vm->created_ns, started);
	time_row(fn, ctx, "first exit", vm->created_ns,
		 vm->total.first_exit_ns);
	time_row(fn, ctx, "user space", vm->created_ns, user_space);
	if (vm->command) {
		struct session *s = command_session(vm->command);

		time_row(fn, ctx, "guest init", session_began_us(s) * 1000,
			 session_started_us(s) * 1000);
	}
	time_row(fn, ctx, "run", started, ended);
	fn(ctx, &row);
	/* The console's lock comes before the VM's: a line may be a panic. */
	row.name = "console bytes dropped";
	row.value = vm_console_dropped(vm);
	fn(ctx, &row);
}

void vireo_stats(struct vireo_vm *vm,
		 void (*fn)(void *ctx, const struct vireo_stat *stat),
		 void *ctx)
{
	struct vireo_stat row = { "memory", "guest pages touched", 0, "KiB" };

	if (api_check_vm(vm) < 0 || !fn || vm_is_own_thread(vm))
		return;
	pthread_mutex_lock(&vm->board_lock);
	vm_rows(vm, fn, ctx);
	row.value = vm_touched(vm) / 1024;
	fn(ctx, &row);
	stats_report(&vm->total, fn, ctx);
	pthread_mutex_unlock(&vm->board_lock);
}

void vireo_console_tail(struct vireo_vm *vm,
			void (*fn)(void *ctx, const char *line), void *ctx)
{
	if (api_check_vm(vm) == 0 && fn)
		vm_console_tail(vm, fn, ctx);
}

void vireo_registers(struct vireo_vm *vm,
		     void (*fn)(void *ctx, unsigned int cpu, const char *name,
				uint64_t value),
		     void *ctx)
{
	if (api_check_vm(vm) == 0 && fn && !vm_is_own_thread(vm))
		vm_registers(vm, fn, ctx);
}

void vireo_trace(struct vireo_vm *vm, void (*fn)(void *ctx, const char *line),
		 void *ctx)
{
	if (api_check_vm(vm) == 0 && fn && !vm_is_own_thread(vm))
		vm_trace(vm, fn, ctx);
}

int vireo_check(const struct vireo_config *cfg,
		void (*fn)(void *ctx, const struct vireo_check_row *row),
		void *ctx)
{
	if (!fn)
		return VIREO_EINVAL;
	return check_run(cfg ? cfg->fds.kvm : -1, fn, ctx);
}
