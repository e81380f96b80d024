// SPDX-License-Identifier: BSD-3-Clause
/* src/debug/gdb_server.c: clients that come, wait, and go in any way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backends/unix_sock.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "debug/gdb_server.h"
#include "fake_target.h"

#define WAIT_MS 10000

/* The fake machine, between threads. */
struct fixture {
	pthread_mutex_t lock; /* guards the machine */
	struct fake_target target;
	struct gdb_target_ops ops;
	struct gdb_machine machine;
	struct gdb_server *server;
	char path[64];
	char address[80];
	int stop_fd;
	int end_fd;
};

static int locked_stop(void *ctx)
{
	struct fixture *f = ctx;
	int r;

	pthread_mutex_lock(&f->lock);
	r = fake_target_ops.stop(&f->target);
	pthread_mutex_unlock(&f->lock);
	return r;
}

static int locked_run(void *ctx, int cpu, bool step, bool others)
{
	struct fixture *f = ctx;
	int r;

	pthread_mutex_lock(&f->lock);
	r = fake_target_ops.run(&f->target, cpu, step, others);
	pthread_mutex_unlock(&f->lock);
	return r;
}

static int locked_take_stop(void *ctx, struct gdb_stop *stop)
{
	struct fixture *f = ctx;
	int r;

	pthread_mutex_lock(&f->lock);
	r = fake_target_ops.take_stop(&f->target, stop);
	fd_event_drain(f->stop_fd);
	pthread_mutex_unlock(&f->lock);
	return r;
}

static void locked_detach(void *ctx)
{
	struct fixture *f = ctx;

	pthread_mutex_lock(&f->lock);
	fake_target_ops.detach(&f->target);
	pthread_mutex_unlock(&f->lock);
}

static int get_regs(void *ctx, unsigned int cpu, uint8_t *to)
{
	struct fixture *f = ctx;
	int r;

	pthread_mutex_lock(&f->lock);
	r = fake_target_ops.get_regs(&f->target, cpu, to);
	pthread_mutex_unlock(&f->lock);
	return r;
}

static void kill_it(void *ctx)
{
	struct fixture *f = ctx;

	pthread_mutex_lock(&f->lock);
	fake_target_ops.kill(&f->target);
	pthread_mutex_unlock(&f->lock);
}

static unsigned int get_cpus(void *ctx)
{
	return TARGET_CPUS;
}

static int get_status(void *ctx)
{
	return 42;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	pthread_mutex_init(&f->lock, NULL);
	fake_target_init(&f->target);
	f->ops = fake_target_ops;
	f->ops.stop = locked_stop;
	f->ops.run = locked_run;
	f->ops.take_stop = locked_take_stop;
	f->ops.detach = locked_detach;
	f->ops.get_regs = get_regs;
	f->ops.cpus = get_cpus;
	f->ops.kill = kill_it;
	f->stop_fd = fd_event_create();
	f->end_fd = fd_event_create();
	f->machine = (struct gdb_machine){ .ops = &f->ops, .ctx = f,
					   .stop_fd = f->stop_fd,
					   .end_fd = f->end_fd,
					   .status = get_status };
	snprintf(f->path, sizeof(f->path), "/tmp/vireo-gdb-%d", getpid());
	snprintf(f->address, sizeof(f->address), "unix:%s", f->path);
	return 0;
}

/* 0: as many as there may be. */
static void limit_descriptors(rlim_t n)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = n ? n : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	limit_descriptors(0);
	gdb_server_destroy(f->server);
	fd_close(&f->stop_fd);
	fd_close(&f->end_fd);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

static void start(struct fixture *f)
{
	assert_int_equal(gdb_server_create(&f->server, f->address, &f->machine,
					   NULL), 0);
	assert_int_equal(gdb_server_start(f->server, NULL), 0);
}

static int dial(struct fixture *f)
{
	int fd, r;

	while ((r = unix_connect(&fd, f->path)) == -EAGAIN)
		usleep(500); /* many are waiting */
	assert_int_equal(r, 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
}

/* Exactly this comes next; NULL: the end. */
static void hear(int fd, const char *wants)
{
	size_t len = wants ? strlen(wants) : 1;
	char got[128];

	for (size_t n = 0; n < len;) {
		struct pollfd p = { fd, POLLIN, 0 };
		ssize_t r;

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		r = read(fd, got + n, len - n);
		if (r <= 0 && !wants)
			return;
		assert_true(r > 0);
		n += (size_t)r;
	}
	assert_memory_equal(got, wants, len);
}

static bool is_stopped(struct fixture *f)
{
	bool stopped;

	pthread_mutex_lock(&f->lock);
	stopped = f->target.stopped;
	pthread_mutex_unlock(&f->lock);
	return stopped;
}

static void await(struct fixture *f, bool stopped)
{
	while (is_stopped(f) != stopped)
		usleep(500);
}

static void client_talks_to_the_machine(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f);
	fd = dial(f);
	say(fd, "+$p1#a1");
	hear(fd, "+$08090a0b#f4");
	say(fd, "+$c#6");
	say(fd, "3");
	hear(fd, "+");
	await(f, false);
	pthread_mutex_lock(&f->lock);
	f->target.has_stop = true;
	f->target.stop = (struct gdb_stop){ 1, true, 0, 0 };
	pthread_mutex_unlock(&f->lock);
	fd_event_signal(f->stop_fd);
	hear(fd, "$T05thread:2;#d8");
	say(fd, "+$c#63");
	hear(fd, "+");
	say(fd, "\x03");
	hear(fd, "$T02thread:2;#d5");
	close(fd);
	await(f, false);
	assert_int_equal(f->target.detached, 1);
}

static void C05_second_client_is_turned_away(void **state)
{
	struct fixture *f = *state;
	int first, second;

	start(f);
	first = dial(f);
	say(first, "$p1#a1");
	hear(first, "+$08090a0b#f4");
	second = dial(f);
	hear(second, NULL);
	close(second);
	say(first, "+$D#44");
	hear(first, "+$OK#9a");
	hear(first, NULL);
	await(f, false);
	close(first);
	first = dial(f); /* it is free again */
	say(first, "$p1#a1");
	hear(first, "+$08090a0b#f4");
	close(first);
}

static void client_that_says_nothing_sensible_harms_nobody(void **state)
{
	struct fixture *f = *state;
	char noise[4096];

	start(f);
	for (int round = 0; round < 20; round++) {
		int fd = dial(f);

		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = "$#\x03+-vgm,;:0}"[rand() % 14];
		send(fd, noise, sizeof(noise), MSG_NOSIGNAL | MSG_DONTWAIT);
		close(fd); /* without having read */
	}
	await(f, false);
}

/* The machine has noticed nothing of those who were here. */
static void assert_untouched(struct fixture *f)
{
	pthread_mutex_lock(&f->lock);
	assert_false(f->target.stopped);
	assert_false(f->target.ended);
	assert_int_equal(f->target.detached, 0);
	assert_int_equal(f->target.runs, 0);
	pthread_mutex_unlock(&f->lock);
}

static void page_in_a_browser_is_no_debugger(void **state)
{
	static const char *const requests[] = {
		"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n$k#6b",
		"\r\n$k#6b",
		"GET /$k#6b HTTP/1.1\r\n\r\n",
		/* methods that a page chooses where it may */
		"$k#6b / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"+$k#6b / HTTP/1.1\r\n",
		"-$k#6b\n",
	};
	struct fixture *f = *state;
	int fd;

	start(f);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		fd = dial(f);
		say(fd, requests[i]);
		hear(fd, NULL);
		close(fd);
	}
	assert_untouched(f);
	fd = dial(f); /* a real one */
	say(fd, "+$p1#a1");
	hear(fd, "+$08090a0b#f4");
	close(fd);
}

static void C05_client_that_says_nothing_leaves_the_machine_alone(void **state)
{
	struct fixture *f = *state;
	int silent, fd;

	start(f);
	for (int i = 0; i < 20; i++)
		close(dial(f));
	silent = dial(f);
	fd = dial(f); /* is not kept out by it */
	hear(silent, NULL);
	assert_untouched(f);
	say(fd, "+");
	await(f, true);
	say(fd, "$p1#a1");
	hear(fd, "+$08090a0b#f4");
	close(fd);
	close(silent);
}

/* What was not sent, and that it had said goodbye, is no business of the next
 * one's. */
static void next_client_hears_nothing_of_the_last_one(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f);
	fd = dial(f);
	say(fd, "+$D#44");
	hear(fd, "+$OK#9a");
	hear(fd, NULL);
	close(fd);
	fd = dial(f);
	usleep(10000);
	fd_event_signal(f->end_fd);
	hear(fd, NULL);
	close(fd);
}

/* ---- a process that has no more descriptors ---- */

static uint64_t cpu_ms(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1000000;
}

static void client_that_cannot_be_taken_is_waited_for(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct fixture *f = *state;
	uint64_t before;
	int fd, next;

	start(f);
	memcpy(at.sun_path, f->path, sizeof(f->path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	next = dup(fd); /* the lowest one that is free */
	close(next);
	limit_descriptors((rlim_t)next);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	say(fd, "+$p1#a1");
	before = cpu_ms();
	usleep(300000);
	assert_true(cpu_ms() - before < 100); /* it does not spin */
	limit_descriptors(0);
	hear(fd, "+$08090a0b#f4");
	close(fd);
}

/* poll() takes no more than the limit. */
static void machine_goes_on_when_the_server_cannot(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f);
	fd = dial(f);
	say(fd, "+");
	await(f, true);
	limit_descriptors(4);
	say(fd, "+");
	hear(fd, NULL);
	limit_descriptors(0);
	await(f, false);
	assert_int_equal(f->target.detached, 1);
	close(fd);
}

/* It floods, and never reads: the server waits for it, and no longer than the
 * machine lives. */
static void C05_client_that_does_not_read_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f);
	fd = dial(f);
	for (int i = 0; i < 1000000; i++)
		if (send(fd, "$g#67", 5, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	await(f, true);
	fd_event_signal(f->end_fd);
	gdb_server_destroy(f->server);
	f->server = NULL;
	close(fd);
}

static void end_of_the_machine_ends_the_conversation(void **state)
{
	struct fixture *f = *state;
	int fd, late;

	start(f);
	fd = dial(f);
	say(fd, "$c#63");
	hear(fd, "+");
	fd_event_signal(f->end_fd);
	hear(fd, "$W2a#ea");
	hear(fd, NULL);
	close(fd);
	assert_true(unix_connect(&late, f->path) < 0);
	gdb_server_destroy(f->server);
	f->server = NULL;
	assert_int_equal(access(f->path, F_OK), -1);
}

static void C06_addresses_that_cannot_be_are_refused(void **state)
{
	struct fixture *f = *state;
	struct gdb_server *other;
	struct err err = { 0 };

	assert_int_equal(gdb_server_create(&f->server, "pipe:x", &f->machine,
					   &err), -EINVAL);
	assert_int_equal(gdb_server_create(&f->server, "unix:/no/such/place",
					   &f->machine, &err), -ENOENT);
	assert_null(f->server);
	assert_int_equal(gdb_server_create(&f->server, f->address, &f->machine,
					   &err), 0);
	assert_int_equal(gdb_server_create(&other, f->address, &f->machine,
					   &err), -EADDRINUSE);
	assert_null(other);
}

static void port_is_for_this_machine_only(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct fixture *f = *state;
	struct err err = { 0 };
	socklen_t len = sizeof(at);
	struct gdb_server *other;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	getsockname(fd, (struct sockaddr *)&at, &len); /* one that is free */
	close(fd);
	snprintf(f->address, sizeof(f->address), "tcp:%u", ntohs(at.sin_port));
	start(f);
	assert_int_equal(gdb_server_create(&other, f->address, &f->machine,
					   &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "127.0.0.1"));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	say(fd, "$p1#a1");
	hear(fd, "+$08090a0b#f4");
	close(fd);
	at.sin_addr.s_addr = htonl(0x7f000002); /* another one of its own */
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), -1);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(client_talks_to_the_machine),
		TEST(C05_second_client_is_turned_away),
		TEST(client_that_says_nothing_sensible_harms_nobody),
		TEST(page_in_a_browser_is_no_debugger),
		TEST(C05_client_that_says_nothing_leaves_the_machine_alone),
		TEST(next_client_hears_nothing_of_the_last_one),
		TEST(client_that_cannot_be_taken_is_waited_for),
		TEST(machine_goes_on_when_the_server_cannot),
		TEST(C05_client_that_does_not_read_is_not_waited_for),
		TEST(end_of_the_machine_ends_the_conversation),
		TEST(C06_addresses_that_cannot_be_are_refused),
		TEST(port_is_for_this_machine_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
