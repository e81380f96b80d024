// SPDX-License-Identifier: BSD-3-Clause
/* See char_bench.h. */
#include "char_bench.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"

void nap(unsigned int ms)
{
	poll(NULL, 0, (int)ms);
}

int load(const int *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

void store(int *p, int v)
{
	__atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

void wait_for(const int *p, int v)
{
	uint64_t end = clock_mono_ms() + PATIENCE;

	while (load(p) < v) {
		assert_true(clock_mono_ms() < end);
		nap(1);
	}
}

static void note(void *ctx, int level, const char *line)
{
	struct bench *b = ctx;

	__atomic_add_fetch(&b->lines, 1, __ATOMIC_SEQ_CST);
}

int char_bench_setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	*state = b;
	b->fd[0] = -1;
	b->fd[1] = -1;
	b->log = (struct log){ LOG_LEVEL_WARN, note, b };
	return loop_create(&b->loop, NULL);
}

int char_bench_teardown(void **state)
{
	struct bench *b = *state;

	char_destroy(b->chr, 0);
	char_out_destroy(b->out, 0);
	loop_destroy(b->loop);
	fd_close(&b->fd[0]);
	fd_close(&b->fd[1]);
	free(b);
	return 0;
}

void open_pair(struct bench *b, enum kind kind)
{
	struct termios raw;
	int master;
	int slave;

	if (kind == PIPE) {
		assert_int_equal(pipe(b->fd), 0);
		return;
	}
	if (kind == SOCKET) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b->fd), 0);
		return;
	}
	master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	b->fd[0] = kind == TERMINAL ? master : slave;
	b->fd[1] = kind == TERMINAL ? slave : master;
}

static void tap(void *ctx, const uint8_t *bytes, size_t len)
{
	((struct bench *)ctx)->tapped += len;
}

void create(struct bench *b, int in, int out)
{
	const struct char_config cfg = { in, out, { tap, b } };

	assert_int_equal(char_create(&b->chr, &cfg, b->loop, &b->log, NULL), 0);
}

void create_out(struct bench *b, unsigned int give_up_ms)
{
	assert_int_equal(char_out_create(&b->out, b->fd[1],
					 (struct char_tap){ NULL, NULL },
					 give_up_ms, b->loop, &b->log, NULL),
			 0);
}

void say(struct bench *b, const char *text)
{
	char_write(b->chr, (const uint8_t *)text, strlen(text));
}

size_t hear(int fd, void *buf, size_t cap, unsigned int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = 0;

	if (poll(&p, 1, (int)ms) > 0)
		n = fd_read(fd, buf, cap);
	return n > 0 ? (size_t)n : 0;
}

uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

void write_pattern(struct bench *b, size_t from, size_t len)
{
	uint8_t buf[1000];

	for (size_t done = 0; done < len;) {
		size_t n = min_u64(1 + (from + done) % 997, len - done);

		for (size_t i = 0; i < n; i++)
			buf[i] = pattern(from + done + i);
		if (b->chr)
			char_write(b->chr, buf, n);
		else
			char_out_write(b->out, buf, n);
		done += n;
	}
}

void *writer(void *ctx)
{
	struct bench *b = ctx;

	write_pattern(b, 0, b->target);
	return NULL;
}

void hear_pattern(int fd, size_t at, size_t len, unsigned int pause_ms)
{
	uint8_t buf[3000];
	size_t end = at + len;

	while (at < end) {
		size_t n = hear(fd, buf, min_u64(sizeof(buf), end - at),
				PATIENCE);

		assert_true(n > 0);
		for (size_t i = 0; i < n; i++)
			if (buf[i] != pattern(at + i))
				fail_msg("byte %zu is wrong", at + i);
		at += n;
		if (pause_ms)
			nap(pause_ms);
	}
}
