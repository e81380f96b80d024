// SPDX-License-Identifier: BSD-3-Clause
/* src/control/: a VM over fake_kvm, its socket, and who connects there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "control/client.h"
#include "control/control.h"
#include "control/requests.h"
#include "control/runtime.h"
#include "one_vm.h"

struct fixture {
	struct one_vm *host;
	char path[64]; /* of all VMs */
	struct vireo_config *cfg;
	struct control *control;
	pthread_t thread; /* the program's main loop */
	int quit;         /* eventfd */
	int base;
	struct vireo_error err;
};

static void *loop(void *arg)
{
	struct fixture *f = arg;
	struct pollfd set[] = { { f->quit, POLLIN, 0 },
				{ control_fd(f->control), POLLIN, 0 } };

	while (poll(set, 2, -1) >= 0 && !set[0].revents)
		if (set[1].revents)
			control_serve(f->control, f->host->vm);
	return NULL;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (one_vm_set_up((void **)&f->host) < 0 ||
	    vireo_config_create(&f->cfg) < 0)
		return -1;
	one_vm_create(f->host);
	vireo_config_set(f->cfg, "kernel", "/boot/vm\"linuz", NULL);
	vireo_config_set(f->cfg, "command", "make", NULL);
	vireo_config_set(f->cfg, "command", "a test", NULL);
	snprintf(f->path, sizeof(f->path), "/tmp/vireo-ct-XXXXXX");
	f->quit = fd_event_create();
	if (!mkdtemp(f->path) ||
	    control_open(&f->control, f->path, "one", f->cfg, &f->err) < 0)
		return -1;
	f->base = runtime_base(f->path, false);
	return pthread_create(&f->thread, NULL, loop, f);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	fd_event_signal(f->quit);
	pthread_join(f->thread, NULL);
	control_close(&f->control);
	assert_null(f->control);
	fd_close(&f->base);
	fd_close(&f->quit);
	assert_int_equal(rmdir(f->path), 0);
	vireo_config_destroy(&f->cfg);
	one_vm_tear_down((void **)&f->host);
	free(f);
	return 0;
}

/* Sends it, says that nothing more comes, and reads to the end. */
static void talk(struct fixture *f, const char *text, size_t len, char *answer,
		 size_t cap)
{
	int fd = runtime_connect(f->base, "one", 10000);
	size_t got = 0;
	ssize_t n;

	assert_true(fd >= 0);
	(void)send(fd, text, len, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	while ((n = fd_read(fd, answer + got, cap - 1 - got)) > 0)
		got += (size_t)n;
	answer[got] = '\0';
	close(fd);
}

static void answers(struct fixture *f, const char *text, const char *status,
		    const char *body)
{
	char answer[4096];

	talk(f, text, strlen(text), answer, sizeof(answer));
	if (strncmp(answer, status, strlen(status)) || !strstr(answer, body))
		fail_msg("%s: %s", text, answer);
}

static void a_vm_tells_what_it_is(void **state)
{
	struct fixture *f = *state;

	answers(f, "GET /vireo/v1/vm HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n",
		"\"kernel\": \"/boot/vm\\\"linuz\"");
	answers(f, "GET /vireo/v1/vm HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n",
		"\"state\": \"created\"");
}

static void C04_what_it_does_not_know_is_refused(void **state)
{
	struct fixture *f = *state;

	answers(f, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ", "error");
	answers(f, "GET /vireo/v1/stop HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ",
		"error");
	answers(f, "GET /vireo/v1/vm\r\n\r\n", "HTTP/1.1 400 ", "error");
	answers(f, "GET /vireo/v1/vm HTTP/1.1\r\n\r\nmore", "HTTP/1.1 400 ",
		"error");
	answers(f, "GET /vireo/v1/vm HTTP/3.0\r\n\r\n", "HTTP/1.1 501 ",
		"error");
	answers(f,
		"POST /vireo/v1/exec HTTP/1.1\r\nContent-Length: 2000000\r\n",
		"HTTP/1.1 413 ", "error");
	answers(f,
		"POST /vireo/v1/stop HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]",
		"HTTP/1.1 400 ", "one JSON object");
	answers(f,
		"POST /vireo/v1/exec HTTP/1.1\r\nContent-Length: 9\r\n\r\n"
		"{\"x\": \"\"}",
		"HTTP/1.1 400 ", "unknown member");
	answers(f,
		"POST /vireo/v1/exec HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 400 ", "error");
}

static void C08_a_vm_without_a_command_runs_no_other(void **state)
{
	struct fixture *f = *state;

	answers(f,
		"POST /vireo/v1/exec HTTP/1.1\r\nContent-Length: 18\r\n\r\n"
		"{\"words\":[\"true\"]}",
		"HTTP/1.1 409 ", "does not run a command");
}

static void C04_half_a_request_has_no_answer(void **state)
{
	static const char text[] = "POST /vireo/v1/stop HTTP/1.1\r\n"
				   "Content-Length: 4\r\n\r\n{}";
	struct fixture *f = *state;
	char answer[64];

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		talk(f, text, len, answer, sizeof(answer));
		assert_string_equal(answer, "");
	}
}

static void noise_ends_a_connection(void **state)
{
	static char noise[100000];
	struct fixture *f = *state;
	char answer[4096];

	memset(noise, 'x', sizeof(noise));
	talk(f, noise, sizeof(noise), answer, sizeof(answer));
	memset(noise, '\n', sizeof(noise));
	talk(f, noise, sizeof(noise), answer, sizeof(answer));
	answers(f, "GET /vireo/v1/vm HTTP/1.1\r\n\r\n", "HTTP/1.1 200 ", "");
}

static void C05_so_many_may_say_nothing(void **state)
{
	struct fixture *f = *state;
	char answer[512] = "";
	int fd[40];

	for (int i = 0; i < 40; i++) {
		fd[i] = runtime_connect(f->base, "one", 10000);
		assert_true(fd[i] >= 0);
	}
	assert_true(fd_read(fd[39], answer, sizeof(answer) - 1) > 0);
	assert_int_equal(strncmp(answer, "HTTP/1.1 503 ", 13), 0);
	for (int i = 0; i < 40; i++)
		close(fd[i]);
	do
		talk(f, "GET /vireo/v1/vm HTTP/1.1\r\n\r\n", 29, answer,
		     sizeof(answer));
	while (!strncmp(answer, "HTTP/1.1 503 ", 13));
	assert_int_equal(strncmp(answer, "HTTP/1.1 200 ", 13), 0);
}

/* What one is told when so many run; and nothing is left of those that were
 * refused. */
static void exec_among(unsigned int others, char *answer, size_t cap)
{
	_Atomic unsigned int execs = others;
	const struct service s = { .execs = &execs };
	char none[] = "";
	const struct exchange x = { .bytes = none };
	int pair[2];
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    pair), 0);
	request_exec(&s, &x, pair[0]);
	close(pair[0]);
	n = fd_read(pair[1], answer, cap - 1);
	assert_true(n > 0);
	answer[n] = '\0';
	close(pair[1]);
	assert_int_equal(atomic_load(&execs), others);
}

static void C05_commands_leave_room_for_who_ends_them(void **state)
{
	char answer[512];

	exec_among(SERVICE_EXECS - 1, answer, sizeof(answer));
	assert_int_equal(strncmp(answer, "HTTP/1.1 400 ", 13), 0);
	exec_among(SERVICE_EXECS, answer, sizeof(answer));
	assert_int_equal(strncmp(answer, "HTTP/1.1 503 ", 13), 0);
	assert_non_null(strstr(answer, "24 commands run in it already"));
}

/* More than there is room for, or none that is one. */
static void C10_descriptors_nobody_wants_are_closed(void **state)
{
	struct fixture *f = *state;
	unsigned int before = one_vm_open_fds();
	int fds[8];
	union {
		char bytes[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (char[]){ "GET / HTTP/1.1\r\n\r\n" }, 18 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fd = runtime_connect(f->base, "one", 10000);
	char answer[512];

	for (int i = 0; i < 8; i++)
		fds[i] = f->quit;
	memset(&control, 0, sizeof(control));
	control.align = (struct cmsghdr){ CMSG_LEN(sizeof(fds)), SOL_SOCKET,
					  SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
	assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), 18);
	assert_true(fd_read(fd, answer, sizeof(answer)) > 0);
	while (fd_read(fd, answer, sizeof(answer)) > 0)
		;
	close(fd);
	assert_int_equal(one_vm_open_fds(), before);
}

static void look(void *ctx, const struct control_vm *vm)
{
	struct control_vm *found = ctx;

	*found = *vm;
}

static void what_runs_is_listed(void **state)
{
	struct fixture *f = *state;
	struct control_vm vm = { 0 };

	control_list(f->path, look, &vm);
	assert_string_equal(vm.name, "one");
	assert_string_equal(vm.state, "created");
	assert_string_equal(vm.kernel, "/boot/vm\"linuz");
	assert_string_equal(vm.command, "make a test");
	assert_int_equal(vm.pid, getpid());
	assert_true(vm.since > 1600000000);
	vm.name[0] = '\0';
	control_list("/nowhere/at/all", look, &vm);
	assert_string_equal(vm.name, "");
}

static void a_name_nobody_has_is_told(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(control_stop(f->path, "on", false, &f->err),
			 VIREO_EINVAL);
	assert_non_null(strstr(f->err.text, "\"on\" (running: one)"));
	assert_int_equal(control_stop("/nowhere", "x", false, &f->err),
			 VIREO_EINVAL);
	assert_non_null(strstr(f->err.text, "none runs"));
	assert_int_equal(control_stop(f->path, "../one", false, &f->err),
			 VIREO_EINVAL);
}

static void a_stop_ends_the_vm(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(vireo_start(f->host->vm, &f->err), 0);
	answers(f, "GET /vireo/v1/vm HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n",
		"\"state\": \"running\"");
	answers(f,
		"POST /vireo/v1/stop HTTP/1.1\r\nContent-Length: 15\r\n\r\n"
		"{\"force\": true}",
		"HTTP/1.1 202 ", "{}");
	assert_int_equal(vireo_wait(f->host->vm, 5000, &f->host->end), 0);
	assert_int_equal(f->host->end.reason, VIREO_STOPPED);
}

static void a_guest_that_does_not_listen_is_ended_at_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(vireo_start(f->host->vm, &f->err), 0);
	answers(f, "POST /vireo/v1/stop HTTP/1.1\r\n\r\n", "HTTP/1.1 202 ",
		"{}");
	assert_int_equal(vireo_wait(f->host->vm, 5000, &f->host->end), 0);
	assert_int_equal(f->host->end.reason, VIREO_STOPPED);
}

static void its_console_can_be_looked_at(void **state)
{
	struct fixture *f = *state;
	char got[6];
	int fd;

	fake_print(0, "hello\n");
	fd = control_console(f->path, "one", &f->err);
	assert_true(fd >= 0);
	assert_int_equal(control_console(f->path, "one", &f->err),
			 VIREO_ESTATE);
	assert_non_null(strstr(f->err.text, "somebody has its console"));
	assert_int_equal(vireo_start(f->host->vm, &f->err), 0);
	assert_int_equal(fd_read_full(fd, got, sizeof(got)), 0);
	assert_memory_equal(got, "hello\n", 6);
	close(fd);
	do /* until it has been seen that we left */
		fd = control_console(f->path, "one", &f->err);
	while (fd == VIREO_ESTATE);
	assert_true(fd >= 0);
	close(fd);
}

static void C06_a_taken_name_is_told(void **state)
{
	struct fixture *f = *state;
	struct control *other;

	assert_int_equal(control_open(&other, f->path, "one", f->cfg, &f->err),
			 VIREO_ESTATE);
	assert_null(other);
	assert_non_null(strstr(f->err.text, "one: a VM with this name runs"));
	assert_int_equal(control_open(&other, f->path, "-", f->cfg, &f->err),
			 VIREO_EINVAL);
	assert_int_equal(control_open(&other, "/proc/x/y", NULL, f->cfg,
				      &f->err),
			 VIREO_EHOST);
	assert_int_equal(control_open(&other, f->path, NULL, f->cfg, &f->err),
			 0);
	assert_string_not_equal(control_name(other), "one");
	control_close(&other);
}

/* ---- the end of a further command, from a server that may be anybody ---- */

static int told(const char *text, size_t len, struct vireo_end *end)
{
	int pair[2];
	int r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    pair), 0);
	assert_int_equal(fd_write_full(pair[0], text, len), 0);
	close(pair[0]);
	r = control_exec_end(pair[1], end);
	close(pair[1]);
	return r;
}

static void the_end_of_a_command_is_a_line(void **state)
{
	static const char *const bad[] = {
		"",		  "\n",		     "ended\n",
		"ended 0\n",	  "ended x exited \n", "ended 256 exited \n",
		"ended -1 exited \n", "ended 0 exited", "ENDED 0 exited \n",
	};
	struct vireo_end end;
	char noise[5000];

	assert_int_equal(told("ended 7 exited \n", 16, &end), 0);
	assert_int_equal(end.exit_code, 7);
	assert_string_equal(end.verdict, "exited");
	assert_string_equal(end.detail, "");
	assert_int_equal(told("ended 127 not-found x: \x1b[no\n", 28, &end), 0);
	assert_string_equal(end.detail, "x: ?[no");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (told(bad[i], strlen(bad[i]), &end) != VIREO_EHOST)
			fail_msg("%s", bad[i]);
	memset(noise, 'x', sizeof(noise));
	assert_int_equal(told(noise, sizeof(noise), &end), VIREO_EHOST);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_vm_tells_what_it_is),
		T(C04_what_it_does_not_know_is_refused),
		T(C08_a_vm_without_a_command_runs_no_other),
		T(C04_half_a_request_has_no_answer),
		T(noise_ends_a_connection),
		T(C05_so_many_may_say_nothing),
		cmocka_unit_test(C05_commands_leave_room_for_who_ends_them),
		T(C10_descriptors_nobody_wants_are_closed),
		T(what_runs_is_listed),
		T(a_name_nobody_has_is_told),
		T(a_stop_ends_the_vm),
		T(a_guest_that_does_not_listen_is_ended_at_once),
		T(its_console_can_be_looked_at),
		T(C06_a_taken_name_is_told),
		cmocka_unit_test(the_end_of_a_command_is_a_line),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
