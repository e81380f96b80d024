// SPDX-License-Identifier: BSD-3-Clause
/*
 * The host's side of a VM's consoles: a character backend each, which lives as
 * long as the VM; the devices on the board come and go with a restart. The
 * first is the main console: the VM reads along on it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "devices/virtio/console.h"
#include "vm.h"

#define FLUSH_MS 2000 /* the main console's output at the end */

/* A descriptor, or -errno; *made: the file is new. */
static int open_file(const char *path, bool *made)
{
	const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY |
			  O_NONBLOCK;
	int fd = fd_above(open(path, flags | O_EXCL, 0666));

	*made = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = fd_above(open(path, flags | O_TRUNC, 0666));
	return fd < 0 ? -errno : fd;
}

/* Names the option. */
static int blame(struct err *err, int error)
{
	if (err && strncmp(err->text, "console", strlen("console")))
		err_wrap(err, "console");
	err_blame(err, "console");
	return error;
}

static int open_console(struct vireo_vm *vm, unsigned int i,
			const struct vm_fds *fds, struct err *err)
{
	const struct config_console *c = &vm->cfg->console[i];
	struct char_config cfg = { .in_fd = -1, .out_fd = -1 };
	int file = -1;
	int r;

	if (i == 0)
		cfg.tap = (struct char_tap){ vm_on_output, vm };
	if (c->kind == CONSOLE_STDIO) {
		cfg.in_fd = fds->console_in;
		cfg.out_fd = fds->console_out;
	} else if (c->kind == CONSOLE_FILE) {
		file = open_file(c->path, &vm->new_file[i]);
		if (file < 0)
			return blame(err, err_set_path(err, file, c->path));
		cfg.out_fd = file;
	} else if (c->kind != CONSOLE_NONE && c->kind != CONSOLE_LOG) {
		cfg.kind = c->kind == CONSOLE_PTY ? CHAR_PTY : CHAR_SOCKET;
		cfg.path = *c->path ? c->path : NULL;
	}
	r = char_create(&vm->console[i], &cfg, vm->loop, &vm->log, err);
	fd_close(&file);
	return r < 0 ? blame(err, r) : 0;
}

int vm_open_consoles(struct vireo_vm *vm, const struct vm_fds *fds,
		     struct err *err)
{
	int r = 0;

	for (unsigned int i = 0; i < config_console_count(vm->cfg) && !r; i++)
		r = open_console(vm, i, fds, err);
	return r;
}

void vm_keep_consoles(struct vireo_vm *vm)
{
	memset(vm->new_file, 0, sizeof(vm->new_file));
}

/* In reverse order. A reader that takes nothing delays the end: the main
 * console's by FLUSH_MS, each other by a part of it. */
void vm_close_consoles(struct vireo_vm *vm)
{
	for (unsigned int i = CONFIG_MAX_CONSOLES; i--;) {
		char_destroy(vm->console[i], i ? FLUSH_MS / CONFIG_MAX_CONSOLES
					       : FLUSH_MS);
		vm->console[i] = NULL;
		if (vm->new_file[i])
			unlink(vm->cfg->console[i].path);
	}
}

void vm_cancel_consoles(struct vireo_vm *vm, bool on)
{
	for (unsigned int i = 0; i < config_console_count(vm->cfg); i++)
		if (on)
			char_cancel(vm->console[i]);
		else
			char_resume(vm->console[i]);
}

void vm_console_resize(struct vireo_vm *vm, uint16_t cols, uint16_t rows)
{
	pthread_mutex_lock(&vm->board_lock);
	vm->cols = cols;
	vm->rows = rows;
	if (vm->command)
		session_resize(command_session(vm->command), cols, rows);
	if (vm->board.terminal)
		console_resize(vm->board.terminal, cols, rows);
	pthread_mutex_unlock(&vm->board_lock);
}

const char *vm_console_path(const struct vireo_vm *vm, size_t index)
{
	return index < config_console_count(vm->cfg)
		       ? char_path(vm->console[index])
		       : NULL;
}

int vm_console_visit(struct vireo_vm *vm, int fd)
{
	if (fd >= 0)
		return char_attach(vm->console[0], fd);
	char_detach(vm->console[0]);
	return 0;
}

uint64_t vm_console_dropped(struct vireo_vm *vm)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < config_console_count(vm->cfg); i++)
		n += char_dropped(vm->console[i]);
	return n;
}

void vm_console_tail(struct vireo_vm *vm,
		     void (*fn)(void *ctx, const char *line), void *ctx)
{
	char (*line)[CONSOLE_WATCH_LINE] =
		malloc(CONSOLE_WATCH_LINES * sizeof(*line));
	unsigned int count;

	if (!line)
		return;
	pthread_mutex_lock(&vm->watch_lock);
	count = console_watch_count(&vm->watch);
	for (unsigned int i = 0; i < count; i++)
		snprintf(line[i], sizeof(line[i]), "%s",
			 console_watch_line(&vm->watch, i));
	pthread_mutex_unlock(&vm->watch_lock);
	for (unsigned int i = 0; i < count; i++)
		fn(ctx, line[i]);
	free(line);
}
