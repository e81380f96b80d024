// SPDX-License-Identifier: BSD-3-Clause
/* src/vm_console.c: what a VM's consoles make on the host, and what is left of
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/num.h"
#include "devices/virtio/virtio.h"
#include "one_vm.h"

/* A directory for one test; the names below are in it. */
struct place {
	char dir[32];
	char text[128];
};

static void enter(struct place *p)
{
	strcpy(p->dir, "/tmp/vireo-console-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
}

static void leave(struct place *p)
{
	assert_int_equal(rmdir(p->dir), 0); /* nothing is in it */
}

/* "file=" and "name" become "file=DIR/name". */
static const char *at(struct place *p, const char *kind, const char *name)
{
	snprintf(p->text, sizeof(p->text), "%s%s/%s", kind, p->dir, name);
	return p->text;
}

static bool exists(struct place *p, const char *name)
{
	struct stat st;

	return lstat(at(p, "", name), &st) == 0;
}

static void add(struct one_vm *f, const char *value)
{
	struct err err = { 0 };

	if (config_set(&f->cfg, "console", value, &err) < 0)
		fail_msg("%s", err.text);
}

static void not_created(struct one_vm *f, const char *word)
{
	struct err err = { 0 };

	assert_true(vm_create(&f->vm, &f->cfg, &f->log, &f->fds, &err) < 0);
	assert_null(f->vm);
	assert_string_equal(err.key, "console");
	assert_null(strchr(err.text, '\n'));
	if (!strstr(err.text, word) || !strchr(err.text, '('))
		fail_msg("\"%s\" is not in \"%s\"", word, err.text);
	f->cfg.consoles = 0;
}

static void refused(struct one_vm *f, const char *word)
{
	unsigned int fds = one_vm_open_fds();

	not_created(f, word);
	assert_int_equal(one_vm_open_fds(), fds);
}

static void console_paths_that_cannot_be_are_refused(void **state)
{
	static const char *const kinds[] = { "file=", "socket=", "pty=" };
	struct one_vm *f = *state;
	struct place p;

	enter(&p);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		add(f, "none");
		add(f, at(&p, kinds[i], "missing/x"));
		refused(f, "check the path");
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		add(f, at(&p, kinds[i], ""));
		refused(f, i ? "another path" : "path of a file");
	}
	leave(&p);
}

static void console_failure_leaves_nothing_of_the_others(void **state)
{
	struct one_vm *f = *state;
	struct place p;

	enter(&p);
	add(f, at(&p, "file=", "log"));
	add(f, at(&p, "socket=", "socket"));
	add(f, at(&p, "pty=", "link"));
	add(f, at(&p, "socket=", "missing/x"));
	refused(f, "check the path");
	leave(&p);
}

static void console_file_that_was_there_stays(void **state)
{
	struct one_vm *f = *state;
	struct place p;

	enter(&p);
	assert_int_equal(close(open(at(&p, "", "log"), O_CREAT | O_WRONLY,
				    0600)),
			 0);
	add(f, at(&p, "file=", "log"));
	add(f, at(&p, "socket=", "missing/x"));
	refused(f, "check the path");
	assert_int_equal(unlink(at(&p, "", "log")), 0);
	leave(&p);
}

static void console_socket_in_use_is_refused(void **state)
{
	struct one_vm *f = *state;
	struct one_vm *other;
	struct place p;

	enter(&p);
	add(f, at(&p, "socket=", "socket"));
	one_vm_create(f);
	assert_true(exists(&p, "socket"));
	other = calloc(1, sizeof(*other));
	*other = *f;
	other->vm = NULL;
	not_created(other, "something else is there");
	assert_true(exists(&p, "socket"));
	vm_destroy(f->vm);
	f->vm = NULL;
	free(other);
	leave(&p);
}

static void console_paths_are_told_and_go_with_the_vm(void **state)
{
	struct one_vm *f = *state;
	struct place p;

	enter(&p);
	add(f, "pty");
	add(f, at(&p, "pty=", "link"));
	add(f, at(&p, "socket=", "socket"));
	add(f, "none,name=x");
	one_vm_create(f);
	assert_non_null(strstr(vm_console_path(f->vm, 0), "/dev/"));
	assert_string_equal(vm_console_path(f->vm, 1), at(&p, "", "link"));
	assert_string_equal(vm_console_path(f->vm, 2), at(&p, "", "socket"));
	assert_null(vm_console_path(f->vm, 3));
	assert_null(vm_console_path(f->vm, 4));
	assert_null(vm_console_path(f->vm, SIZE_MAX));
	assert_true(exists(&p, "link"));
	vm_destroy(f->vm);
	f->vm = NULL;
	leave(&p);
}

static int client(struct place *p)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sun.sun_path, at(p, "", "socket"));
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void console_client_stays_over_a_restart(void **state)
{
	struct one_vm *f = *state;
	char text[16] = "";
	size_t got = 0;
	struct place p;
	struct err err;
	int fd;

	enter(&p);
	add(f, at(&p, "socket=", "socket"));
	add(f, "none");
	f->cfg.restart = true;
	one_vm_create(f);
	fd = client(&p);
	usleep(200000); /* output without a client would be dropped */
	fake.boot = 1;
	fake_print(0, "one\n");
	one_vm_reset(0);
	fake.boot = 2;
	fake_print(0, "two\n");
	one_vm_power_off(0);
	assert_int_equal(vm_start(f->vm, &err), 0);
	assert_int_equal(vm_wait(f->vm, 10000, &f->end), 0);
	assert_int_equal(f->vm->restarts, 1);
	while (got < 8) {
		ssize_t n = read(fd, text + got, sizeof(text) - 1 - got);

		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_string_equal(text, "one\ntwo\n");
	close(fd);
	vm_destroy(f->vm);
	f->vm = NULL;
	leave(&p);
}

static void console_size_reaches_the_device_that_has_the_terminal(
	void **state)
{
	struct one_vm *f = *state;

	add(f, "none");
	add(f, "none");
	add(f, "stdio");
	one_vm_create(f);
	assert_non_null(f->vm->board.terminal);
	vm_console_resize(f->vm, 132, 50);
	assert_int_equal(virtio_config_read(f->vm->board.terminal, 0, 4),
			 132 | 50 << 16);
}

static void console_size_without_a_virtio_terminal_is_harmless(void **state)
{
	struct one_vm *f = *state;

	add(f, "stdio");
	add(f, "none");
	one_vm_create(f);
	vm_console_resize(f->vm, 132, 50);
	assert_null(f->vm->board.terminal);
}

/* Early output of a guest whose main console is hvc0. */
static void console_panic_before_the_driver_is_a_panic(void **state)
{
	struct one_vm *f = *state;

	add(f, "stdio,device=virtio");
	fake_print(0, "Kernel panic - not syncing: early\n");
	one_vm_reset(0);
	one_vm_run(f);
	assert_int_equal(f->end.reason, VIREO_PANIC);
}

/* The last lines, in one text. */
static void join(void *ctx, const char *line)
{
	char *text = ctx;

	strcat(text, line);
	strcat(text, "|");
}

static void console_tail_is_there_wherever_it_goes(void **state)
{
	static const char *const kinds[] = { "none", "stdio", "pty" };
	struct one_vm *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char text[256] = "";

		f->cfg.consoles = 0;
		add(f, kinds[i]);
		fake.boot = fake.vms + 1;
		fake_print(0, "one\n\x1b[2Jtwo\n");
		one_vm_power_off(0);
		one_vm_run(f);
		vireo_console_tail(f->vm, join, text);
		assert_string_equal(text, "one|?[2Jtwo|");
		vm_destroy(f->vm);
		f->vm = NULL;
	}
	vireo_console_tail(NULL, join, NULL);
}

/* Up to its last byte, whatever that is. */
static void console_output_is_there_when_the_vm_has_ended(void **state)
{
	struct one_vm *f = *state;
	char got[16] = "";
	int pair[2];

	assert_int_equal(pipe2(pair, O_NONBLOCK | O_CLOEXEC), 0);
	f->fds.console_out = pair[1];
	fake_print(0, "one\n# ");
	one_vm_power_off(0);
	one_vm_run(f);
	assert_int_equal(read(pair[0], got, sizeof(got) - 1), 6);
	assert_string_equal(got, "one\n# ");
	f->fds.console_out = -1;
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VM_TEST(console_paths_that_cannot_be_are_refused),
		VM_TEST(console_failure_leaves_nothing_of_the_others),
		VM_TEST(console_file_that_was_there_stays),
		VM_TEST(console_socket_in_use_is_refused),
		VM_TEST(console_paths_are_told_and_go_with_the_vm),
		VM_TEST(console_client_stays_over_a_restart),
		VM_TEST(console_size_reaches_the_device_that_has_the_terminal),
		VM_TEST(console_size_without_a_virtio_terminal_is_harmless),
		VM_TEST(console_panic_before_the_driver_is_a_panic),
		VM_TEST(console_tail_is_there_wherever_it_goes),
		VM_TEST(console_output_is_there_when_the_vm_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
