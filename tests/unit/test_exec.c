// SPDX-License-Identifier: BSD-3-Clause
/* src/command/exec.c: further commands in a VM, with the test as the guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "board/keys.h"
#include "command/command.h"
#include "command/exec.h"
#include "command/recipe.h"

struct fixture {
	struct config *cfg;
	struct loop *loop;
	struct session *first;
	struct execs all;
	int words; /* of the first command, the guest's end */
	int ended; /* eventfd */
	int status;
	char verdict[32];
};

static void ignore_end(void *ctx, const struct command_end *end)
{
}

static void on_ended(void *ctx, const struct command_end *end)
{
	struct fixture *f = ctx;

	f->status = end->status;
	snprintf(f->verdict, sizeof(f->verdict), "%s", end->verdict);
	fd_event_signal(f->ended);
}

static void set(struct fixture *f, const char *key, const char *value)
{
	assert_int_equal(config_set(f->cfg, key, value, NULL), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct session_host host = { .in = -1, .out = -1, .err = -1,
				     .ended = ignore_end };

	*state = f;
	f->cfg = calloc(1, sizeof(*f->cfg));
	config_init(f->cfg);
	f->ended = fd_event_create();
	if (loop_create(&f->loop, NULL) < 0)
		return -1;
	host.loop = f->loop;
	if (session_create(&f->first, &host, NULL) < 0)
		return -1;
	execs_init(&f->all, f->cfg, f->loop, f->first);
	f->words = session_dial(f->first, 0);
	return f->words < 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	session_destroy(f->first);
	execs_finish(&f->all);
	loop_destroy(f->loop);
	fd_close(&f->words);
	fd_close(&f->ended);
	free(f->cfg);
	free(f);
	return 0;
}

static const char *const plain[] = { "true", NULL };

static struct exec *begin(struct fixture *f, struct exec_order *order, int r)
{
	struct err err = { 0 };
	struct exec *x;

	order->in = order->out = order->err = -1;
	order->ended = on_ended;
	order->ctx = f;
	assert_int_equal(exec_create(&x, &f->all, order, &err), r);
	assert_true(!x == (r < 0));
	assert_true(r == 0 || err.text[0]);
	return x;
}

static bool happens(int fd, int ms)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, ms) == 1;
}

static void hears(int fd, const char *text, size_t len)
{
	char got[512];

	assert_true(len < sizeof(got));
	for (size_t at = 0; at < len;) {
		ssize_t n;

		assert_true(happens(fd, 60000));
		n = fd_read(fd, got + at, len - at);
		assert_true(n > 0);
		at += (size_t)n;
	}
	assert_memory_equal(got, text, len);
}

static void a_command_waits_for_the_first_one(void **state)
{
	struct exec_order order = { .words = plain };
	struct fixture *f = *state;
	struct exec *x = begin(f, &order, 0);
	struct exec *y;

	assert_false(happens(f->words, 100));
	execs_ready(&f->all);
	hears(f->words, "exec 1\n", 7);
	y = begin(f, &order, 0);
	hears(f->words, "exec 2\n", 7);
	exec_destroy(x);
	exec_destroy(y);
}

static void the_guest_is_told_what_it_is(void **state)
{
	static const char *const words[] = { "a", "", "b c", NULL };
	static const char *const env[] = { "X=new", "Z=", NULL };
	static const uint32_t uid = 7, gid = 8;
	struct exec_order order = { .words = words, .env = env, .dir = "/d",
				    .uid = &uid, .gid = &gid, .tty = true };
	static const char text[] = "order 70\n"
		"arg=a\0arg=\0arg=b c\0env=XY=1\0env=X=new\0env=Z=\0"
		"dir=/d\0uid=7\0gid=8\0tty=1";
	struct fixture *f = *state;
	struct exec *x;
	int fd;

	set(f, "env", "X=old");
	set(f, "env", "XY=1");
	x = begin(f, &order, 0);
	fd = execs_dial(&f->all, 1, 0);
	hears(fd, text, sizeof(text));
	close(fd);
	exec_destroy(x);
}

static void what_is_not_said_is_as_the_first_one_has_it(void **state)
{
	struct exec_order order = { .words = plain };
	static const char text[] = "order 45\n"
		"arg=true\0env=A=b\0dir=/there\0uid=1000\0gid=100";
	struct fixture *f = *state;
	struct exec *x;
	int fd;

	set(f, "env", "A=b");
	set(f, "workdir", "/there");
	set(f, "user", "1000:100");
	set(f, "tty", "true");
	x = begin(f, &order, 0);
	fd = execs_dial(&f->all, 1, 0);
	hears(fd, text, sizeof(text));
	close(fd);
	exec_destroy(x);
}

static void it_ends_as_the_guest_says(void **state)
{
	struct exec_order order = { .words = plain };
	struct fixture *f = *state;
	struct exec *x = begin(f, &order, 0);
	int fd = execs_dial(&f->all, 1, 0);

	assert_int_equal(fd_write_full(fd, "started 1\nkilled 15\n", 20), 0);
	assert_true(happens(f->ended, 60000));
	fd_event_drain(f->ended);
	assert_int_equal(f->status, 143);
	close(fd);
	exec_destroy(x);
}

static void it_ends_with_the_vm(void **state)
{
	struct exec_order order = { .words = plain };
	struct fixture *f = *state;
	struct exec *x = begin(f, &order, 0);

	execs_end(&f->all);
	assert_true(happens(f->ended, 0));
	assert_int_equal(f->status, 116);
	assert_string_equal(f->verdict, "vm-ended");
	begin(f, &order, -EBUSY);
	exec_destroy(x);
}

static void nobody_is_there_at_other_ports(void **state)
{
	struct exec_order order = { .words = plain };
	struct fixture *f = *state;
	struct exec *x = begin(f, &order, 0);

	assert_int_equal(execs_dial(&f->all, 0, 0), -ECONNREFUSED);
	assert_int_equal(execs_dial(&f->all, 2, 0), -ECONNREFUSED);
	assert_int_equal(execs_dial(&f->all, EXEC_LAST, 3), -ECONNREFUSED);
	exec_destroy(x);
	assert_int_equal(execs_dial(&f->all, 1, 0), -ECONNREFUSED);
}

/* What an ordinary process of the guest connects to is nobody's stream: it has
 * no port below 1024. */
static void only_init_may_call(void **state)
{
	static const uint32_t ports[] = {
		SESSION_PORTS, SESSION_PORTS + 3, SESSION_PORTS + 4,
		SESSION_PORTS + 4 * EXEC_LAST + 3,
	};

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		assert_int_equal(command_dial(NULL, ports[i], 1024), -EACCES);
		assert_int_equal(command_dial(NULL, ports[i], UINT32_MAX),
				 -EACCES);
	}
	assert_int_equal(command_dial(NULL, SESSION_PORTS - 1, 1), -ENOENT);
	assert_int_equal(command_dial(NULL, ports[3] + 1, 1), -ENOENT);
}

static void only_so_many_run_at_a_time(void **state)
{
	struct exec_order order = { .words = plain };
	struct fixture *f = *state;
	struct exec *x[EXEC_MAX];

	for (int i = 0; i < EXEC_MAX; i++)
		x[i] = begin(f, &order, 0);
	begin(f, &order, -EAGAIN);
	exec_destroy(x[3]);
	x[3] = begin(f, &order, 0);
	for (int i = 0; i < EXEC_MAX; i++)
		exec_destroy(x[i]);
	assert_int_equal(f->all.count, 0);
}

static void too_much_is_refused(void **state)
{
	static char word[CONFIG_TEXTS_MAX];
	const char *words[6];
	struct exec_order order = { .words = words };
	struct fixture *f = *state;

	memset(word, 'x', sizeof(word) - 1);
	for (int i = 0; i < 5; i++)
		words[i] = word;
	words[5] = NULL;
	begin(f, &order, -EINVAL);
	assert_int_equal(f->all.count, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_command_waits_for_the_first_one),
		T(the_guest_is_told_what_it_is),
		T(what_is_not_said_is_as_the_first_one_has_it),
		T(it_ends_as_the_guest_says),
		T(it_ends_with_the_vm),
		T(nobody_is_there_at_other_ports),
		T(only_init_may_call),
		T(only_so_many_run_at_a_time),
		T(too_much_is_refused),
	};

	return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
