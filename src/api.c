// SPDX-License-Identifier: BSD-3-Clause
/*
 * The public functions: they check arguments, translate errors, and call down.
 * No logic of their own.
 */
#include "vireo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/num.h"
#include "board/keys.h"
#include "check.h"
#include "vm.h"

/* One value as it was set, in order. */
struct setting {
	const struct key *key;
	char *value; /* owned */
};

struct vireo_config {
	struct config typed;
	size_t count;
	struct setting *setting; /* owned */
	struct vm_fds fds;       /* owned, -1: not given */
	struct log log;
};

static const struct {
	const char *name;
	size_t offset;
} fd_names[] = {
	{ "kvm", offsetof(struct vm_fds, kvm) },
	{ "console-in", offsetof(struct vm_fds, console_in) },
	{ "console-out", offsetof(struct vm_fds, console_out) },
	{ "command-in", offsetof(struct vm_fds, command_in) },
	{ "command-out", offsetof(struct vm_fds, command_out) },
	{ "command-err", offsetof(struct vm_fds, command_err) },
};

/* From the inner error to the public one; returns the public code. */
static int fail(struct vireo_error *out, int code, const struct err *err)
{
	if (out) {
		out->code = code;
		snprintf(out->key, sizeof(out->key), "%s", err->key);
		snprintf(out->text, sizeof(out->text), "%s", err->text);
	}
	return code;
}

static int fail_text(struct vireo_error *out, int code, const char *text)
{
	struct err err = { 0 };

	err_set(&err, -EINVAL, "%s", text);
	return fail(out, code, &err);
}

static int code_of(int error)
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

const char *vireo_version(void)
{
	return VIREO_VERSION;
}

const struct vireo_key *vireo_key_at(size_t index)
{
	const struct key *key = key_at(index);

	return key ? &key->pub : NULL;
}

/* ---- configuration ---- */

int vireo_config_create(struct vireo_config **out)
{
	struct vireo_config *cfg = calloc(1, sizeof(*cfg));

	*out = cfg;
	if (!cfg)
		return VIREO_EHOST;
	config_init(&cfg->typed);
	cfg->fds = (struct vm_fds){ -1, -1, -1, -1, -1, -1 };
	return 0;
}

static void drop_settings(struct vireo_config *cfg)
{
	for (size_t i = 0; i < cfg->count; i++)
		free(cfg->setting[i].value);
	free(cfg->setting);
	cfg->setting = NULL;
	cfg->count = 0;
}

void vireo_config_destroy(struct vireo_config **cfg)
{
	if (!cfg || !*cfg)
		return;
	drop_settings(*cfg);
	fd_close(&(*cfg)->fds.kvm);
	fd_close(&(*cfg)->fds.console_in);
	fd_close(&(*cfg)->fds.console_out);
	fd_close(&(*cfg)->fds.command_in);
	fd_close(&(*cfg)->fds.command_out);
	fd_close(&(*cfg)->fds.command_err);
	free(*cfg);
	*cfg = NULL;
}

static struct setting *find_setting(const struct vireo_config *cfg,
				    const struct key *key)
{
	for (size_t i = 0; i < cfg->count; i++)
		if (cfg->setting[i].key == key)
			return &cfg->setting[i];
	return NULL;
}

/* Keeps the text beside the typed value. */
static int remember(struct vireo_config *cfg, const struct key *key,
		    const char *value)
{
	struct setting *old = find_setting(cfg, key);
	struct setting *all = cfg->setting;
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	if (old && !key->pub.repeatable) {
		free(old->value);
		old->value = copy;
		return 0;
	}
	all = realloc(all, (cfg->count + 1) * sizeof(*all));
	if (!all) {
		free(copy);
		return -ENOMEM;
	}
	cfg->setting = all;
	all[cfg->count++] = (struct setting){ key, copy };
	return 0;
}

static int set_one(struct vireo_config *cfg, const char *key, const char *value,
		   struct err *err)
{
	/* A parser that fails half way must not leave its half behind. */
	struct config *trial = malloc(sizeof(*trial));
	int r;

	if (!trial)
		return err_set(err, -ENOMEM, "out of memory");
	config_copy(trial, &cfg->typed);
	r = config_set(trial, key, value, err);
	if (!r && remember(cfg, key_find(key), value) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	if (!r)
		config_copy(&cfg->typed, trial);
	free(trial);
	return r;
}

int vireo_config_set(struct vireo_config *cfg, const char *key,
		     const char *value, struct vireo_error *err)
{
	struct err why = { 0 };
	int r;

	if (!cfg || !key || !value)
		return fail_text(err, VIREO_EINVAL, "an argument is NULL");
	r = set_one(cfg, key, value, &why);
	return r < 0 ? fail(err, code_of(r), &why) : 0;
}

const char *vireo_config_get(const struct vireo_config *cfg, const char *key,
			     size_t index)
{
	const struct key *k = key ? key_find(key) : NULL;
	size_t seen = 0;

	if (!cfg || !k)
		return NULL;
	for (size_t i = 0; i < cfg->count; i++)
		if (cfg->setting[i].key == k && seen++ == index)
			return cfg->setting[i].value;
	return seen == 0 && index == 0 ? k->pub.value : NULL;
}

bool vireo_config_is_set(const struct vireo_config *cfg, const char *key)
{
	const struct key *k = key ? key_find(key) : NULL;

	return cfg && k && find_setting(cfg, k);
}

struct members {
	struct vireo_config *cfg;
	const struct key *last;
};

/* The values of a list come one after the other, under the same key; the same
 * key again in another place has been refused by json_walk(). */
static int set_member(void *ctx, const char *key, const char *value,
		      struct err *err)
{
	struct members *m = ctx;
	const struct key *k = key_find(key);

	if (k && k == m->last && !k->pub.repeatable)
		return err_set_key(err, -EINVAL, key,
				   "%s: wants one value, not a list", key);
	m->last = k;
	return set_one(m->cfg, key, value, err);
}

/* A copy of the values, without descriptors. */
static struct vireo_config *copy_values(const struct vireo_config *from)
{
	struct vireo_config *to;

	if (vireo_config_create(&to) < 0)
		return NULL;
	config_copy(&to->typed, &from->typed);
	for (size_t i = 0; i < from->count; i++) {
		struct setting *all = realloc(to->setting,
					      (i + 1) * sizeof(*all));

		if (all)
			to->setting = all;
		if (!all || !(all[i].value = strdup(from->setting[i].value))) {
			vireo_config_destroy(&to);
			return NULL;
		}
		all[i].key = from->setting[i].key;
		to->count = i + 1;
	}
	return to;
}

int vireo_config_parse(struct vireo_config *cfg, const char *json, size_t len,
		       struct vireo_error *err)
{
	struct members members = { 0 };
	struct vireo_config *trial;
	struct err why = { 0 };
	int r;

	if (!cfg || !json)
		return fail_text(err, VIREO_EINVAL, "an argument is NULL");
	trial = copy_values(cfg);
	if (!trial)
		return fail_text(err, VIREO_EHOST, "out of memory");
	members.cfg = trial;
	r = json_walk(json, len, set_member, &members, &why);
	if (!r) {
		drop_settings(cfg);
		config_copy(&cfg->typed, &trial->typed);
		cfg->setting = trial->setting;
		cfg->count = trial->count;
		trial->setting = NULL;
		trial->count = 0;
	}
	vireo_config_destroy(&trial);
	return r < 0 ? fail(err, code_of(r), &why) : 0;
}

int vireo_config_print(const struct vireo_config *cfg, char **json)
{
	struct json_object *object;
	int r;

	if (!cfg || !json)
		return VIREO_EINVAL;
	object = json_object_create();
	r = object ? 0 : -ENOMEM;
	for (size_t i = 0; i < cfg->count && !r; i++) {
		const struct setting *s = &cfg->setting[i];

		r = json_object_add(object, s->key->pub.name, s->value,
				    s->key->pub.repeatable);
	}
	*json = json_object_finish(object);
	if (*json && !r)
		return 0;
	free(*json);
	*json = NULL;
	return VIREO_EHOST;
}

int vireo_config_set_fd(struct vireo_config *cfg, const char *name, int fd,
			struct vireo_error *err)
{
	struct err why = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(fd_names) && cfg && name; i++) {
		int copy;

		if (strcmp(name, fd_names[i].name))
			continue;
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (copy < 0) {
			err_set_key(&why, -errno, name, "%s: descriptor %d: %s",
				    name, fd, strerror(errno));
			return fail(err, VIREO_EINVAL, &why);
		}
		int *slot = (int *)(void *)((char *)&cfg->fds +
					    fd_names[i].offset);
		fd_close(slot);
		*slot = copy;
		return 0;
	}
	return fail_text(err, VIREO_EINVAL,
			 "no such descriptor (kvm, console-in, console-out, command-in, command-out, command-err)");
}

void vireo_config_set_log(struct vireo_config *cfg, enum vireo_log_level level,
			  void (*fn)(void *ctx, int level, const char *line),
			  void *ctx)
{
	/* The two enums have the same values: checked below. */
	_Static_assert((int)VIREO_LOG_DEBUG == (int)LOG_LEVEL_DEBUG, "levels");
	if (cfg)
		cfg->log = (struct log){ (enum log_level)level, fn, ctx };
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
	int r;

	if (!out || !cfg)
		return fail_text(err, VIREO_EINVAL, "an argument is NULL");
	*out = NULL;
	r = config_check(&cfg->typed, &why);
	if (!r)
		r = vm_create(out, &cfg->typed, &cfg->log, &cfg->fds, &why);
	return r < 0 ? fail(err, create_code(r, &why), &why) : 0;
}

int vireo_start(struct vireo_vm *vm, struct vireo_error *err)
{
	struct err why = { 0 };
	int r;

	if (!vm)
		return fail_text(err, VIREO_EINVAL, "an argument is NULL");
	r = vm_start(vm, &why);
	return r < 0 ? fail(err, code_of(r), &why) : 0;
}

int vireo_wait(struct vireo_vm *vm, int timeout_ms, struct vireo_end *end)
{
	int r = vm ? vm_wait(vm, timeout_ms, end) : -EINVAL;

	return r < 0 ? code_of(r) : 0;
}

int vireo_event_fd(const struct vireo_vm *vm)
{
	return vm ? vm->event_fd : VIREO_EINVAL;
}

int vireo_power_button(struct vireo_vm *vm)
{
	if (!vm)
		return VIREO_EINVAL;
	return vm_power_button(vm) < 0 ? VIREO_ESTATE : 0;
}

int vireo_command_signal(struct vireo_vm *vm, int number)
{
	if (!vm || number < 1 || number > 64)
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
	if (!vm || cols > UINT16_MAX || rows > UINT16_MAX)
		return VIREO_EINVAL;
	vm_console_resize(vm, (uint16_t)cols, (uint16_t)rows);
	return 0;
}

int vireo_console_visit(struct vireo_vm *vm, int fd)
{
	int r = vm ? vm_console_visit(vm, fd) : -EINVAL;

	return r < 0 ? code_of(r) : 0;
}

const char *vireo_console_path(const struct vireo_vm *vm, size_t index)
{
	return vm ? vm_console_path(vm, index) : NULL;
}

void vireo_stop(struct vireo_vm *vm)
{
	if (vm)
		vm_request_end(vm, VIREO_STOPPED, 0, "");
}

void vireo_destroy(struct vireo_vm **vm)
{
	if (!vm)
		return;
	vm_destroy(*vm);
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

	if (!vm || !fn)
		return;
	pthread_mutex_lock(&vm->board_lock);
	vm_rows(vm, fn, ctx);
	row.value = ram_resident(&vm->board.ram) / 1024;
	fn(ctx, &row);
	stats_report(&vm->total, fn, ctx);
	pthread_mutex_unlock(&vm->board_lock);
}

void vireo_console_tail(struct vireo_vm *vm,
			void (*fn)(void *ctx, const char *line), void *ctx)
{
	if (vm && fn)
		vm_console_tail(vm, fn, ctx);
}

void vireo_registers(struct vireo_vm *vm,
		     void (*fn)(void *ctx, unsigned int cpu, const char *name,
				uint64_t value),
		     void *ctx)
{
	if (vm && fn)
		vm_registers(vm, fn, ctx);
}

void vireo_trace(struct vireo_vm *vm, void (*fn)(void *ctx, const char *line),
		 void *ctx)
{
	if (vm && fn)
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
