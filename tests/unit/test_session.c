// SPDX-License-Identifier: BSD-3-Clause
/* src/command/session.c: a command's connections; the test is the guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "command/session.h"

struct fixture {
	struct loop *loop;
	struct session *session;
	int out;   /* what the command writes arrives here */
	int guest[4]; /* the guest's ends */
	int started, ended; /* eventfds */
	struct command_end end;
	char detail[700];
};

static void on_started(void *ctx)
{
	struct fixture *f = ctx;

	fd_event_signal(f->started);
}

static void on_ended(void *ctx, const struct command_end *end)
{
	struct fixture *f = ctx;

	f->end = *end;
	snprintf(f->detail, sizeof(f->detail), "%s", end->detail);
	fd_event_signal(f->ended);
}

static void begin(struct fixture *f, bool ends_with_words)
{
	struct session_host host = { .in = -1, .err = -1, .loop = f->loop,
				     .started = on_started, .ended = on_ended,
				     .ctx = f,
				     .ends_with_words = ends_with_words };
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	f->out = fds[0];
	host.out = fds[1];
	assert_int_equal(session_create(&f->session, &host, NULL), 0);
	close(fds[1]);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->out = -1;
	for (int i = 0; i < 4; i++)
		f->guest[i] = -1;
	f->started = fd_event_create();
	f->ended = fd_event_create();
	return loop_create(&f->loop, NULL);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	session_destroy(f->session);
	loop_destroy(f->loop);
	for (int i = 0; i < 4; i++)
		fd_close(&f->guest[i]);
	fd_close(&f->out);
	fd_close(&f->started);
	fd_close(&f->ended);
	free(f);
	return 0;
}

/* The guest connects: to words it blocks, as a test wants it. */
static void dial(struct fixture *f, unsigned int which)
{
	f->guest[which] = session_dial(f->session, which);
	assert_true(f->guest[which] >= 0);
	fcntl(f->guest[which], F_SETFL, 0);
}

static void says(struct fixture *f, const char *text)
{
	assert_int_equal(fd_write_full(f->guest[0], text, strlen(text)), 0);
}

static void hears(struct fixture *f, const char *text)
{
	char got[512];
	size_t len = strlen(text);

	assert_true(len < sizeof(got));
	assert_int_equal(fd_read_full(f->guest[0], got, len), 0);
	got[len] = '\0';
	assert_string_equal(got, text);
}

static bool happens(int event, int ms)
{
	struct pollfd p = { event, POLLIN, 0 };

	return poll(&p, 1, ms) == 1;
}

static void ends_with(struct fixture *f, int status, const char *verdict)
{
	assert_true(happens(f->ended, 60000));
	fd_event_drain(f->ended);
	assert_int_equal(f->end.status, status);
	assert_string_equal(f->end.verdict, verdict);
}

static void a_command_tells_its_start_and_its_end(void **state)
{
	struct fixture *f = *state;

	begin(f, false);
	dial(f, 0);
	says(f, "began 5\nstarted 9\n");
	assert_true(happens(f->started, 60000));
	assert_int_equal(session_began_us(f->session), 5);
	assert_int_equal(session_started_us(f->session), 9);
	assert_false(session_has_ended(f->session));
	says(f, "exited 7\n");
	ends_with(f, 7, "exited");
	assert_true(session_has_ended(f->session));
}

static void the_first_end_counts(void **state)
{
	struct fixture *f = *state;

	begin(f, false);
	dial(f, 0);
	says(f, "out-of-memory 9\nkilled 9\nexited 0\n");
	ends_with(f, 137, "out-of-memory");
}

static void a_failure_has_a_reason(void **state)
{
	struct fixture *f = *state;

	begin(f, false);
	dial(f, 0);
	says(f, "failed 127 2 nothing here\n");
	ends_with(f, 127, "not-found");
	assert_string_equal(f->detail,
			    "nothing here: No such file or directory");
}

static void the_end_waits_for_what_was_written(void **state)
{
	struct fixture *f = *state;
	char got[4];

	begin(f, false);
	dial(f, 0);
	dial(f, 2);
	says(f, "exited 0\n");
	assert_false(happens(f->ended, 100));
	assert_int_equal(fd_write_full(f->guest[2], "last", 4), 0);
	assert_int_equal(fd_read_full(f->out, got, 4), 0);
	assert_memory_equal(got, "last", 4);
	fd_close(&f->guest[2]);
	ends_with(f, 0, "exited");
	assert_true(session_output_ns(f->session) > 0);
}

static void the_order_comes_before_any_word(void **state)
{
	struct fixture *f = *state;

	begin(f, false);
	session_order(f->session, strdup("order 3\nabc"), 11);
	session_resize(f->session, 80, 24);
	session_signal(f->session, 15); /* nobody is there yet: kept */
	dial(f, 0);
	session_signal(f->session, 2);
	hears(f, "order 3\nabcsize 80 24\nsignal 15\nsignal 2\n");
	session_resize(f->session, 100, 30);
	hears(f, "size 100 30\n");
}

static void an_order_may_be_more_than_fits(void **state)
{
	const size_t len = 3u << 20;
	struct fixture *f = *state;
	char *order = malloc(len), *got = malloc(len);

	for (size_t i = 0; i < len; i++)
		order[i] = (char)(i * 7 + i / 256);
	memcpy(got, order, len);
	begin(f, false);
	session_order(f->session, order, len);
	session_resize(f->session, 1, 2);
	dial(f, 0);
	session_signal(f->session, 1); /* would stand in its middle */
	order = malloc(len);
	assert_int_equal(fd_read_full(f->guest[0], order, len), 0);
	assert_memory_equal(order, got, len);
	hears(f, "size 1 2\n");
	free(order);
	free(got);
}

static void a_guest_may_say_anything(void **state)
{
	static char noise[200000];
	struct fixture *f = *state;

	memset(noise, 'x', sizeof(noise) - 1);
	begin(f, false);
	dial(f, 0);
	says(f, noise);
	says(f, "\n\n \n exited\nexit 3\nfailed\x01\n\xff\xff 9\n");
	says(f, "exited 99999999999999999999\n");
	assert_true(happens(f->ended, 60000));
	fd_event_drain(f->ended);
	assert_true(f->end.status >= 0 && f->end.status <= 255);
}

static void a_port_takes_one_connection(void **state)
{
	struct fixture *f = *state;

	begin(f, false);
	dial(f, 0);
	dial(f, 1);
	assert_int_equal(session_dial(f->session, 0), -ECONNREFUSED);
	assert_int_equal(session_dial(f->session, 1), -ECONNREFUSED);
}

static void words_may_end_without_an_end(void **state)
{
	struct fixture *f = *state;

	begin(f, false);
	dial(f, 0);
	says(f, "started 1\n");
	fd_close(&f->guest[0]);
	assert_false(happens(f->ended, 100));
}

static void where_words_are_all_their_end_is_the_end(void **state)
{
	struct fixture *f = *state;

	begin(f, true);
	dial(f, 0);
	says(f, "started 1\n");
	fd_close(&f->guest[0]);
	ends_with(f, 125, "guest-error");
}

static void it_is_given_up_once(void **state)
{
	struct fixture *f = *state;

	begin(f, false);
	session_give_up(f->session, 116, "vm-ended", "why");
	ends_with(f, 116, "vm-ended");
	session_give_up(f->session, 125, "guest-error", "again");
	assert_false(happens(f->ended, 0));
	dial(f, 0);
	says(f, "exited 0\n");
	assert_false(happens(f->ended, 100));
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* What it wrote before is not with us, and never will be. */
static void a_status_without_its_output_is_no_status(void **state)
{
	struct fixture *f = *state;

	begin(f, false);
	dial(f, 0);
	dial(f, 2);
	says(f, "exited 0\n");
	while (!session_has_ended(f->session))
		usleep(1000);
	session_give_up(f->session, 116, "vm-ended", "why");
	ends_with(f, 116, "vm-ended");
}

static void output_that_nobody_could_take_is_no_success(void **state)
{
	struct fixture *f = *state;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct session_host host = { .in = -1, .out = full, .err = -1,
				     .loop = f->loop, .ended = on_ended,
				     .ctx = f };

	assert_true(full >= 0);
	assert_int_equal(session_create(&f->session, &host, NULL), 0);
	close(full);
	dial(f, 0);
	dial(f, 2);
	assert_int_equal(write(f->guest[2], "text", 4), 4);
	says(f, "exited 0\n");
	ends_with(f, 120, "host-error");
	assert_non_null(strstr(f->detail, "standard output: No space"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_command_tells_its_start_and_its_end),
		T(the_first_end_counts),
		T(a_failure_has_a_reason),
		T(the_end_waits_for_what_was_written),
		T(the_order_comes_before_any_word),
		T(an_order_may_be_more_than_fits),
		T(a_guest_may_say_anything),
		T(a_port_takes_one_connection),
		T(words_may_end_without_an_end),
		T(where_words_are_all_their_end_is_the_end),
		T(it_is_given_up_once),
		T(a_status_without_its_output_is_no_status),
		T(output_that_nobody_could_take_is_no_success),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
