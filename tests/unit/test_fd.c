// SPDX-License-Identifier: BSD-3-Clause
/* src/base/fd.c: whole transfers, regular files, eventfds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

static char dir[64];

static int make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/vireo-fd-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	return rmdir(dir);
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static const char *make_file(const char *name, const void *bytes, size_t len)
{
	const char *path = path_of(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
	return path;
}

static void assert_not_read(const char *path, size_t max, const char *word)
{
	uint8_t *bytes = (uint8_t *)dir;
	struct err err = { 0 };
	uint64_t start = clock_mono_ms();
	size_t len = 99;

	assert_true(fd_read_file(&bytes, &len, path, max, &err) < 0);
	assert_null(bytes);
	assert_int_equal(len, 0);
	if (!strstr(err.text, word) || !strstr(err.text, path))
		fail_msg("\"%s\"", err.text);
	assert_true(clock_mono_ms() - start < 10000); /* never blocks */
}

static void B01_what_is_no_file_is_refused_without_blocking(
	void **state)
{
	const char *fifo = path_of("fifo");

	assert_not_read(path_of("none"), 100, "No such file or directory (");
	assert_not_read(dir, 100, "is a directory");
	assert_not_read("/dev/zero", 100, "not a regular file");
	assert_not_read("/dev/null", 100, "not a regular file");
	fifo = path_of("fifo");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_not_read(fifo, 100, "not a regular file");
	unlink(fifo);
}

static void B01_empty_file_is_refused(void **state)
{
	const char *path = make_file("empty", "", 0);

	assert_not_read(path, 100, "empty");
	unlink(path);
}

static void fd_file_larger_than_the_limit_is_refused(void **state)
{
	const char *path = make_file("big", "12345", 5);

	assert_not_read(path, 4, "limit of 4");
	unlink(path);
}

static void fd_file_of_1_byte_and_of_just_the_limit_is_read(void **state)
{
	const char *path = make_file("small", "x", 1);
	struct err err;
	uint8_t *bytes;
	size_t len;

	assert_int_equal(fd_read_file(&bytes, &len, path, 1, &err), 0);
	assert_int_equal(len, 1);
	assert_int_equal(bytes[0], 'x');
	free(bytes);
	unlink(path);
}

static void C11_path_longer_than_the_system_takes_is_refused(void **state)
{
	char path[8192];
	struct err err = { 0 };
	uint8_t *bytes;
	size_t len;

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(fd_read_file(&bytes, &len, path, 1, &err),
			 -ENAMETOOLONG);
	assert_null(bytes);
}

static void fd_read_full_says_when_the_end_comes_early(void **state)
{
	char buf[8];
	int p[2];

	assert_int_equal(pipe(p), 0);
	assert_int_equal(fd_write_full(p[1], "abcde", 5), 0);
	close(p[1]);
	assert_int_equal(fd_read_full(p[0], buf, 3), 0);
	assert_memory_equal(buf, "abc", 3);
	assert_int_equal(fd_read_full(p[0], buf, 3), -ENODATA);
	assert_int_equal(fd_read(p[0], buf, 3), 0);
	close(p[0]);
	assert_int_equal(fd_read_full(p[0], buf, 1), -EBADF);
	assert_int_equal(fd_write_full(p[0], buf, 1), -EBADF);
	assert_int_equal(fd_read_full(-1, buf, 0), 0);
}

static void B13_pread_past_the_end_of_a_shrunk_file_is_an_error(void **state)
{
	const char *path = make_file("shrunk", "abcdef", 6);
	int fd = open(path, O_RDWR);
	char buf[8];

	assert_int_equal(fd_pread_full(fd, buf, 6, 0), 0);
	assert_int_equal(ftruncate(fd, 3), 0);
	assert_int_equal(fd_pread_full(fd, buf, 6, 0), -ENODATA);
	assert_int_equal(fd_pread_full(fd, buf, 1, 100), -ENODATA);
	assert_int_equal(fd_pread_full(fd, buf, 3, 0), 0);
	assert_memory_equal(buf, "abc", 3);
	close(fd);
	unlink(path);
}

static void on_signal(int sig)
{
}

struct feeder {
	int fd;
	pthread_t reader;
};

/* Interrupts the reader again and again, then feeds it byte by byte. */
static void *feed(void *arg)
{
	const struct feeder *f = arg;

	for (int i = 0; i < 20; i++) {
		pthread_kill(f->reader, SIGUSR1);
		usleep(1000);
		if (write(f->fd, &"0123456789"[i % 10], 1) != 1)
			break;
	}
	return NULL;
}

static void B14_interrupted_and_short_reads_are_continued(void **state)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct feeder f = { .reader = pthread_self() };
	struct sigaction old;
	char buf[20];
	pthread_t t;
	int p[2];

	assert_int_equal(pipe(p), 0);
	sigaction(SIGUSR1, &action, &old);
	f.fd = p[1];
	assert_int_equal(pthread_create(&t, NULL, feed, &f), 0);
	assert_int_equal(fd_read_full(p[0], buf, sizeof(buf)), 0);
	pthread_join(t, NULL);
	sigaction(SIGUSR1, &old, NULL);
	assert_memory_equal(buf, "01234567890123456789", 20);
	close(p[0]);
	close(p[1]);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void fd_event_is_readable_from_signal_to_drain(void **state)
{
	const uint64_t full = UINT64_MAX - 1;
	int fd = fd_event_create();

	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_false(readable(fd));
	fd_event_signal(fd);
	fd_event_signal(fd);
	assert_true(readable(fd));
	fd_event_drain(fd);
	assert_false(readable(fd));
	fd_event_drain(fd); /* empty: returns at once */
	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	fd_event_signal(fd); /* saturated: returns at once */
	assert_true(readable(fd));
	fd_close(&fd);
	assert_int_equal(fd, -1);
	fd_close(&fd);
	assert_int_equal(fd, -1);
}

/* Closes @fd and gets it back afterwards: what comes in between is not it. */
static void open_without(int fd)
{
	int saved = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	int pair[2];
	int made;

	close(fd);
	made = fd_above(open("/dev/null", O_RDWR | O_CLOEXEC));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(fd_pair_above(pipe2(pair, O_CLOEXEC), pair), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	if (saved >= 0)
		dup2(saved, fd);
	assert_true(made > 2 && pair[0] > 2 && pair[1] > 2);
	assert_true(fcntl(made, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(pair[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_true(readable(pair[0]));
	fd_close(&saved);
	fd_close(&made);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void L02_no_descriptor_is_a_standard_stream(void **state)
{
	int pair[2] = { -1, -1 };

	for (int fd = 0; fd < 3; fd++)
		open_without(fd);
	errno = 0;
	assert_int_equal(fd_above(open("/nowhere/at-all", O_RDONLY)), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(fd_pair_above(-1, pair), -1);
	assert_int_equal(errno, ENOENT);
}

/* Somebody has copies of all. */
static void X13_a_peer_sees_the_end_and_a_port_is_free(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int pair[2], copy[2], first, second;
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	copy[0] = dup(pair[0]);
	assert_int_equal(write(pair[0], "x", 1), 1);
	fd_hang_up(&pair[0]);
	assert_int_equal(pair[0], -1);
	assert_int_equal(read(pair[1], &byte, 1), 1);
	assert_int_equal(read(pair[1], &byte, 1), 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	first = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(first, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(first, 1), 0);
	getsockname(first, (struct sockaddr *)&at, &len);
	copy[1] = dup(first);
	fd_hang_up(&first);
	second = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(second, (struct sockaddr *)&at, len), 0);
	fd_close(&second);
	fd_close(&copy[0]);
	fd_close(&copy[1]);
	fd_close(&pair[1]);
	fd_hang_up(&pair[1]);
	assert_int_equal(pair[1], -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			B01_what_is_no_file_is_refused_without_blocking),
		cmocka_unit_test(B01_empty_file_is_refused),
		cmocka_unit_test(fd_file_larger_than_the_limit_is_refused),
		cmocka_unit_test(
			fd_file_of_1_byte_and_of_just_the_limit_is_read),
		cmocka_unit_test(
			C11_path_longer_than_the_system_takes_is_refused),
		cmocka_unit_test(fd_read_full_says_when_the_end_comes_early),
		cmocka_unit_test(
			B13_pread_past_the_end_of_a_shrunk_file_is_an_error),
		cmocka_unit_test(B14_interrupted_and_short_reads_are_continued),
		cmocka_unit_test(fd_event_is_readable_from_signal_to_drain),
		cmocka_unit_test(L02_no_descriptor_is_a_standard_stream),
		cmocka_unit_test(X13_a_peer_sees_the_end_and_a_port_is_free),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
