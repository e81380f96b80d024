// SPDX-License-Identifier: BSD-3-Clause
/* Bytes between descriptors, by a thread that can be ended anywhere. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "command/relay.h"

struct both {
	struct relay relay;
	int in;  /* our end of what it reads */
	int out; /* our end of what it writes */
	int done;
};

static void begin(struct both *b)
{
	int in[2], out[2];

	memset(b, 0, sizeof(*b));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in),
			 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	b->in = in[0];
	b->out = out[0];
	b->done = fd_event_create();
	assert_int_equal(relay_start(&b->relay, in[1], out[1], b->done), 0);
}

static void end(struct both *b)
{
	relay_finish(&b->relay);
	fd_close(&b->in);
	fd_close(&b->out);
	fd_close(&b->done);
}

static void wait_done(struct both *b)
{
	struct pollfd p = { b->done, POLLIN, 0 };

	assert_int_equal(poll(&p, 1, 60000), 1);
	assert_true(b->relay.done);
}

static void bytes_and_the_end_come_through(void **state)
{
	static uint8_t sent[30000], got[30000];
	struct both b;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 31);
	begin(&b);
	assert_int_equal(fd_write_full(b.in, sent, sizeof(sent)), 0);
	assert_int_equal(fd_read_full(b.out, got, sizeof(got)), 0);
	assert_memory_equal(got, sent, sizeof(sent));
	fd_close(&b.in);
	assert_int_equal(fd_read(b.out, got, 1), 0);
	wait_done(&b);
	assert_int_equal(b.relay.bytes, sizeof(sent));
	assert_int_equal(b.relay.error, 0);
	end(&b);
}

static void a_reader_that_goes_ends_it(void **state)
{
	struct both b;
	char byte;

	begin(&b);
	fd_close(&b.out);
	assert_int_equal(fd_write_full(b.in, "x", 1), 0);
	wait_done(&b);
	assert_int_equal(b.relay.error, -EPIPE);
	/* and the writer is told */
	assert_int_equal(fd_read(b.in, &byte, 1), 0);
	end(&b);
}

/* Its pipe is full, its socket too: finishing does not wait for anybody. */
static void it_can_be_ended_while_nobody_reads(void **state)
{
	static const uint8_t zeroes[65536];
	struct both b;
	struct pollfd p;

	begin(&b);
	fcntl(b.in, F_SETFL, O_NONBLOCK);
	p = (struct pollfd){ b.in, POLLOUT, 0 };
	while (poll(&p, 1, 500) > 0)
		if (write(b.in, zeroes, sizeof(zeroes)) < 0)
			break;
	end(&b);
}

static void it_can_be_ended_before_anything_comes(void **state)
{
	struct both b;

	begin(&b);
	end(&b);
	relay_finish(&b.relay); /* again */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_and_the_end_come_through),
		cmocka_unit_test(a_reader_that_goes_ends_it),
		cmocka_unit_test(it_can_be_ended_while_nobody_reads),
		cmocka_unit_test(it_can_be_ended_before_anything_comes),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
