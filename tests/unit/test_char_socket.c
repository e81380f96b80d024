// SPDX-License-Identifier: BSD-3-Clause
/* backends/char_socket.c: one client after the other; and offers, which never
 * wait (char.h), for descriptors as well. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "char_bench.h"

#include "base/clock.h"
#include "base/fd.h"

struct stage {
	struct bench *b;
	char dir[40];
	char path[64];
};

static void on_readable(void *ctx)
{
	struct bench *b = ctx;

	__atomic_add_fetch(&b->told, 1, __ATOMIC_SEQ_CST);
}

static void on_writable(void *ctx)
{
	struct bench *b = ctx;

	__atomic_add_fetch(&b->inside, 1, __ATOMIC_SEQ_CST);
}

static int make(struct stage *t, struct char_dev **out, const char *path,
		struct err *err)
{
	const struct char_config cfg = { .in_fd = -1, .out_fd = -1,
					 .kind = CHAR_SOCKET, .path = path };

	return char_create(out, &cfg, t->b->loop, &t->b->log, err);
}

static int setup(void **state)
{
	struct stage *t = calloc(1, sizeof(*t));
	void *b;

	*state = t;
	if (char_bench_setup(&b) < 0)
		return -1;
	t->b = b;
	strcpy(t->dir, "/tmp/vireo-char-XXXXXX");
	if (!mkdtemp(t->dir))
		return -1;
	snprintf(t->path, sizeof(t->path), "%s/console", t->dir);
	if (make(t, &t->b->chr, t->path, NULL) < 0)
		return -1;
	char_listen(t->b->chr, (struct char_listener){ on_readable, t->b,
						       on_writable });
	return 0;
}

static int teardown(void **state)
{
	struct stage *t = *state;
	void *b = t->b;
	struct stat st;
	bool left;

	char_bench_teardown(&b);
	left = lstat(t->path, &st) == 0;
	unlink(t->path);
	rmdir(t->dir);
	free(t);
	return left ? -1 : 0;
}

static int dial(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void expect_output(struct bench *b, int fd)
{
	uint64_t end = clock_mono_ms() + PATIENCE;
	char buf[64];

	do {
		say(b, "knock\n");
		assert_true(clock_mono_ms() < end);
	} while (!hear(fd, buf, sizeof(buf), 20));
	assert_memory_equal(buf, "knock\n", 6);
	while (hear(fd, buf, sizeof(buf), 50))
		;
}

static void expect_bytes(struct bench *b, const char *text)
{
	uint64_t end = clock_mono_ms() + PATIENCE;
	size_t len = strlen(text);
	uint8_t buf[64];
	size_t got = 0;

	while (got < len) {
		got += char_read(b->chr, buf + got, len - got);
		nap(1);
		assert_true(clock_mono_ms() < end);
	}
	assert_memory_equal(buf, text, len);
}

static void client_reads_and_writes(void **state)
{
	struct stage *t = *state;
	int fd = dial(t->path);

	assert_string_equal(char_path(t->b->chr), t->path);
	expect_output(t->b, fd);
	fd_write_full(fd, "input", 5);
	expect_bytes(t->b, "input");
	assert_true(load(&t->b->told) > 0);
	close(fd);
}

static void nobody_there_means_output_is_dropped_and_counted(void **state)
{
	struct stage *t = *state;

	say(t->b, "lost\n");
	assert_int_equal(char_dropped(t->b->chr), 5);
}

static void clients_follow_each_other(void **state)
{
	struct stage *t = *state;

	for (unsigned int i = 0; i < 20; i++) {
		int fd = dial(t->path);

		expect_output(t->b, fd);
		close(fd);
	}
}

static void second_client_waits_for_the_first_to_leave(void **state)
{
	struct stage *t = *state;
	int one = dial(t->path);
	int two;
	char buf[16];

	expect_output(t->b, one);
	two = dial(t->path);
	say(t->b, "first\n");
	assert_int_equal(hear(one, buf, sizeof(buf), 1000), 6);
	assert_int_equal(hear(two, buf, sizeof(buf), 50), 0);
	close(one);
	expect_output(t->b, two);
	close(two);
}

static void input_sent_just_before_the_end_is_read(void **state)
{
	struct stage *t = *state;
	int fd = dial(t->path);

	fd_write_full(fd, "last words", 10);
	close(fd);
	expect_bytes(t->b, "last words");
}

static void half_closed_client_still_reads(void **state)
{
	struct stage *t = *state;
	int fd = dial(t->path);

	expect_output(t->b, fd);
	shutdown(fd, SHUT_WR);
	nap(50);
	expect_output(t->b, fd);
	close(fd);
}

static void client_that_reads_nothing_and_leaves_frees_the_writer(void **state)
{
	struct stage *t = *state;
	int fd = dial(t->path);
	pthread_t thread;
	uint64_t start;

	expect_output(t->b, fd);
	t->b->target = 2000000;
	assert_int_equal(pthread_create(&thread, NULL, writer, t->b), 0);
	nap(100);
	start = clock_mono_ms();
	close(fd);
	pthread_join(thread, NULL);
	assert_true(clock_mono_ms() - start < 5000);
}

static void destroying_while_clients_come_and_go_is_safe(void **state)
{
	struct stage *t = *state;

	for (unsigned int i = 0; i < 50; i++) {
		int one = dial(t->path);
		int two = dial(t->path);

		if (i % 3)
			nap(i % 4);
		if (i % 2)
			close(one);
		char_destroy(t->b->chr, 0);
		t->b->chr = NULL;
		assert_int_equal(make(t, &t->b->chr, t->path, NULL), 0);
		if (!(i % 2))
			close(one);
		close(two);
	}
}

static void bad_paths_are_refused_with_a_sentence(void **state)
{
	struct stage *t = *state;
	char file[64];
	char link[64];
	char path[200];
	const char *const bad[] = { "", path, t->path, t->dir, file, link,
				    "/nonexistent/folder/console" };

	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	snprintf(file, sizeof(file), "%s/file", t->dir);
	snprintf(link, sizeof(link), "%s/link", t->dir);
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(symlink("nowhere", link), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };
		struct char_dev *chr = t->b->chr;

		assert_true(make(t, &chr, bad[i], &err) < 0);
		assert_null(chr);
		assert_true(strlen(err.text) > 10);
	}
	assert_int_equal(unlink(file), 0);
	assert_int_equal(unlink(link), 0);
}

static void socket_file_left_by_a_crash_is_replaced(void **state)
{
	struct stage *t = *state;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct char_dev *chr;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/old", t->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
	assert_int_equal(make(t, &chr, at.sun_path, NULL), 0);
	fd = dial(at.sun_path);
	close(fd);
	char_destroy(chr, 0);
}

/* ---- offers ---- */

static void DC01_offers_stop_at_64_kib_and_go_on_when_read(void **state)
{
	struct stage *t = *state;
	struct bench *b = t->b;
	uint8_t piece[1000];
	size_t at = 0;
	size_t n;

	char_destroy(b->chr, 0);
	open_pair(b, PIPE);
	create(b, -1, b->fd[1]);
	char_listen(b->chr, (struct char_listener){ on_readable, b,
						    on_writable });
	do {
		for (size_t i = 0; i < sizeof(piece); i++)
			piece[i] = pattern(at + i);
		n = char_offer(b->chr, piece, sizeof(piece));
		at += n;
	} while (n == sizeof(piece));
	assert_in_range(at, 65536, 65536 + 65536 + 4096);
	assert_int_equal(b->tapped, at);
	assert_int_equal(load(&b->inside), 0);
	hear_pattern(b->fd[0], 0, at - 1000, 0);
	wait_for(&b->inside, 1);
	assert_int_equal(char_dropped(b->chr), 0);
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = pattern(at + i);
	assert_int_equal(char_offer(b->chr, piece, sizeof(piece)),
			 sizeof(piece));
	hear_pattern(b->fd[0], at - 1000, 2000, 0);
}

static void DC01_reader_that_reads_nothing_is_given_up(void **state)
{
	struct stage *t = *state;
	struct bench *b = t->b;
	uint8_t piece[4096] = { 0 };

	open_pair(b, PIPE);
	create_out(b, 200);
	char_out_listen(b->out, (struct char_listener){ on_readable, b,
							on_writable });
	while (char_out_offer(b->out, piece, sizeof(piece)) == sizeof(piece))
		;
	assert_int_equal(char_out_dropped(b->out), 0);
	wait_for(&b->inside, 1); /* nobody has read: it is given up */
	assert_int_equal(char_out_offer(b->out, piece, sizeof(piece)),
			 sizeof(piece));
	assert_int_equal(char_out_dropped(b->out), sizeof(piece));
	assert_true(load(&b->lines) >= 1);
}

/* The loop's thread is held up until it is let go. */
struct hold_up {
	int fd;
	int inside; /* atomic */
	int go;     /* atomic */
};

static void on_hold_up(void *ctx, uint32_t events)
{
	struct hold_up *h = ctx;

	fd_event_drain(h->fd);
	__atomic_store_n(&h->inside, 1, __ATOMIC_SEQ_CST);
	while (!load(&h->go))
		usleep(1000);
}

static void DC01_room_made_by_another_writer_is_told(void **state)
{
	struct stage *t = *state;
	struct bench *b = t->b;
	struct hold_up h = { .fd = fd_event_create() };
	struct loop_source *source;
	uint8_t piece[4096] = { 0 };
	ssize_t n, got;

	open_pair(b, PIPE);
	fcntl(b->fd[0], F_SETFL, O_NONBLOCK);
	create_out(b, 60000);
	char_out_listen(b->out, (struct char_listener){ on_readable, b,
							on_writable });
	assert_int_equal(loop_add(&source, b->loop, h.fd, EPOLLIN, on_hold_up,
				  &h), 0);
	while (char_out_offer(b->out, piece, sizeof(piece)) == sizeof(piece))
		;
	fd_event_signal(h.fd);
	wait_for(&h.inside, 1);
	/* Somebody else writes, and so empties what was held. */
	do {
		for (got = 0; (n = read(b->fd[0], piece, sizeof(piece))) > 0;)
			got += n;
		char_out_write(b->out, piece, 1);
	} while (got > 1);
	assert_int_equal(load(&b->inside), 0);
	__atomic_store_n(&h.go, 1, __ATOMIC_SEQ_CST);
	wait_for(&b->inside, 1);
	loop_remove(source);
	fd_close(&h.fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(client_reads_and_writes),
		T(nobody_there_means_output_is_dropped_and_counted),
		T(clients_follow_each_other),
		T(second_client_waits_for_the_first_to_leave),
		T(input_sent_just_before_the_end_is_read),
		T(half_closed_client_still_reads),
		T(client_that_reads_nothing_and_leaves_frees_the_writer),
		T(destroying_while_clients_come_and_go_is_safe),
		T(bad_paths_are_refused_with_a_sentence),
		T(socket_file_left_by_a_crash_is_replaced),
		T(DC01_offers_stop_at_64_kib_and_go_on_when_read),
		T(DC01_reader_that_reads_nothing_is_given_up),
		T(DC01_room_made_by_another_writer_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
