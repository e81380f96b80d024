// SPDX-License-Identifier: BSD-3-Clause
/* Opening raw disks: what is refused, with which words, and what is said of
 * what is not. What opened disks do is in test_block_engines.c. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "block_bench.h"

#include "base/fd.h"
#include "base/num.h"

/* Refused with @code, and a sentence that names the path and has @words. */
static void expect_refusal(struct block_bench *t, int code, const char *words)
{
	int r = block_try(t);

	if (r != code)
		fail_msg("%d, not %d: %s", r, code, t->err.text);
	if (!strstr(t->err.text, words))
		fail_msg("\"%s\" lacks \"%s\"", t->err.text, words);
	if (t->cfg.path)
		assert_non_null(strstr(t->err.text, t->cfg.path));
	assert_string_equal(t->err.key, "disk");
}

static unsigned int open_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void I01_a_size_that_is_no_whole_sectors_is_rounded_down(void **state)
{
	struct block_bench *t = *state;

	block_image(t, 1025);
	assert_int_equal(block_try(t), 0);
	assert_int_equal(block_info(t->b)->size, 1024);
	assert_non_null(strstr(t->line, "last 1 bytes"));
	block_close(t);
	t->line[0] = '\0';
	block_image(t, 1024);
	assert_int_equal(block_try(t), 0);
	assert_null(strstr(t->line, "last"));
}

static void I01_an_empty_file_is_refused(void **state)
{
	struct block_bench *t = *state;

	block_image(t, 0);
	expect_refusal(t, -EINVAL, "truncate -s");
	block_image(t, 511);
	expect_refusal(t, -EINVAL, "truncate -s");
	block_image(t, 512);
	assert_int_equal(block_try(t), 0);
}

static void I01_a_sparse_file_of_16_TiB_less_a_page_works(void **state)
{
	struct block_bench *t = *state;
	uint64_t size = (UINT64_C(16) << 40) - 4096; /* ext4's limit */
	uint8_t buf[512];

	block_image(t, 512);
	assert_int_equal(truncate(t->path, (off_t)size), 0);
	assert_int_equal(block_try(t), 0);
	assert_int_equal(block_info(t->b)->size, size);
	memset(buf, 7, sizeof(buf));
	assert_int_equal(block_write_at(t, size - 512, buf, 512), 0);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(block_read_at(t, size - 512, buf, 512), 0);
	assert_int_equal(buf[511], 7);
}

static void I02_what_is_no_disk_is_refused(void **state)
{
	struct block_bench *t = *state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char path[96];
	int fd;

	t->cfg.path = t->dir;
	expect_refusal(t, -EISDIR, "directory");
	t->cfg.path = path;
	snprintf(path, sizeof(path), "%s/fifo", t->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refusal(t, -EINVAL, "pipe");
	snprintf(path, sizeof(path), "%s/sock", t->dir);
	memcpy(addr.sun_path, path, sizeof(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	expect_refusal(t, -EINVAL, "socket");
	fd_close(&fd);
	t->cfg.path = "/dev/null";
	expect_refusal(t, -EINVAL, "character device");
	t->cfg.path = "/proc/version";
	t->cfg.read_only = true;
	expect_refusal(t, -EINVAL, "made up by the kernel");
	t->cfg.path = "/nonexistent/disk.img";
	expect_refusal(t, -ENOENT, "check the path");
}

static void pause_after(int fd)
{
	if (write(fd, "", 1) == 1)
		pause();
}

/* A child that holds the image's lock until it is ended. */
static pid_t somebody_else(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(path, O_RDWR);

		if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0)
			pause_after(ready[1]);
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void I03_a_file_of_another_process_names_that_process(void **state)
{
	struct block_bench *t = *state;
	char who[32];
	pid_t pid;

	block_image(t, 4096);
	pid = somebody_else(t->path);
	snprintf(who, sizeof(who), "process %d; end that first", (int)pid);
	expect_refusal(t, -EBUSY, who);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	block_open(t, RAW_THREADS);
	block_close(t);
}

static void I03_a_file_in_use_is_refused_and_its_user_named(void **state)
{
	const char *pid = "this process already; name it once";
	struct block_bench *t = *state;
	struct block_bench other = *t;

	block_image(t, 4096);
	assert_int_equal(block_try(t), 0);
	expect_refusal(&other, -EBUSY, pid);
	other.cfg.read_only = true;
	expect_refusal(&other, -EBUSY, "writes to it");
	other.cfg.unlocked = true;
	assert_int_equal(block_try(&other), 0);
	block_close(&other);
	block_close(t);

	t->cfg.read_only = true;
	other.cfg.unlocked = false;
	assert_int_equal(block_try(t), 0);
	assert_int_equal(block_try(&other), 0);
	block_close(&other);
	other.cfg.read_only = false;
	expect_refusal(&other, -EBUSY, pid);
}

static void I03_a_lock_ends_with_its_disk_whichever_engine(void **state)
{
	struct block_bench *t = *state;

	block_image(t, 4096);
	for (unsigned int i = 0; i < 40; i++) {
		block_open(t, i % 2 ? RAW_URING : RAW_THREADS);
		block_close(t);
	}
}

static void I04_contents_are_never_probed(void **state)
{
	struct block_bench *t = *state;
	static const uint8_t qcow2[512] = { 'Q', 'F', 'I', 0xfb, 0, 0, 0, 3 };
	uint8_t buf[512];

	block_image(t, 4096);
	block_open(t, RAW_THREADS);
	assert_int_equal(block_write_at(t, 0, buf, 512), 0);
	memcpy(buf, qcow2, 512);
	assert_int_equal(block_write_at(t, 0, buf, 512), 0);
	block_close(t);
	block_open(t, RAW_THREADS);
	assert_int_equal(block_info(t->b)->size, 4096);
	memset(buf, 0, 512);
	assert_int_equal(block_read_at(t, 0, buf, 512), 0);
	assert_memory_equal(buf, qcow2, 512);
}

static void I10_the_file_that_was_opened_stays(void **state)
{
	struct block_bench *t = *state;
	uint8_t buf[512];
	char moved[96];
	size_t len;
	uint8_t *bytes;

	snprintf(moved, sizeof(moved), "%s/moved", t->dir);
	for (enum block_kind kind = 0; kind < DIRECT_THREADS; kind++) {
		block_image(t, 4096);
		block_open(t, kind);
		assert_int_equal(rename(t->path, moved), 0);
		block_image(t, 512); /* another in its place */
		memset(buf, 0x77, sizeof(buf));
		assert_int_equal(block_write_at(t, 1024, buf, 512), 0);
		block_close(t);
		bytes = block_slurp(moved, &len);
		assert_int_equal(len, 4096);
		assert_int_equal(bytes[1024], 0x77);
		free(bytes);
	}
}

/* In a child: limits and signals are the process's. */
static int in_child(int (*fn)(struct block_bench *t), struct block_bench *t)
{
	int status = -1;
	pid_t pid;

	/* it makes a loop of its own; sanitizers want no threads here */
	loop_destroy(t->loop);
	t->loop = NULL;
	pid = fork();
	if (pid == 0)
		_exit(fn(t));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* 0 when a file of somebody else's is refused for writing, and opened with
 * ro. */
static int open_as_nobody(struct block_bench *t)
{
	if (geteuid() == 0 && seteuid(65534) < 0)
		return 2;
	if (loop_create(&t->loop, NULL) < 0)
		return 3;
	if (block_try(t) != -EACCES || !strstr(t->err.text, "with ro"))
		return 4;
	t->cfg.read_only = true;
	return block_try(t) == 0 ? 0 : 5;
}

static void I03_a_file_that_cannot_be_written_is_refused(void **state)
{
	struct block_bench *t = *state;

	block_image(t, 512);
	assert_int_equal(chmod(t->dir, 0755), 0);
	assert_int_equal(chmod(t->path, 0444), 0);
	assert_int_equal(in_child(open_as_nobody, t), 0);
}

/* 0 when a write past the limit of file sizes fails and the process lives. */
static int write_past_limit(struct block_bench *t)
{
	const struct rlimit limit = { 4096, 4096 };
	uint8_t buf[512] = { 0 };
	struct iovec iov = { buf, 512 };
	int result = 1;
	struct block_req req = { .op = BLOCK_WRITE, .off = 8192, .len = 512,
				 .iov = &iov, .iovcnt = 1, .done = block_done,
				 .ctx = &result };

	setrlimit(RLIMIT_FSIZE, &limit);
	if (loop_create(&t->loop, NULL) < 0)
		return 2;
	t->cfg.engine = BLOCK_ENGINE_THREADS;
	if (block_try(t) < 0)
		return 3;
	if (truncate(t->path, 512) < 0)
		return 4;
	block_submit(t->b, &req);
	block_drain(t->b);
	return result == -EFBIG ? 0 : 5;
}

static void I11_a_write_past_the_file_size_limit_fails(void **state)
{
	struct block_bench *t = *state;

	block_image(t, 16384);
	assert_int_equal(in_child(write_past_limit, t), 0);
}

/* 0 when a disk works where no thread can be started. */
static int without_threads(struct block_bench *t)
{
	const struct rlimit limit = { 0, 0 };
	uint8_t buf[512] = { 7 };

	if (loop_create(&t->loop, NULL) < 0)
		return 2;
	t->cfg.engine = BLOCK_ENGINE_THREADS;
	if (block_try(t) < 0)
		return 3;
	setrlimit(RLIMIT_NPROC, &limit);
	if (setresuid(65534, 65534, 65534) < 0)
		return 4;
	if (block_write_at(t, 512, buf, 512) ||
	    block_op(t, BLOCK_FLUSH, 0, 0, NULL, 0))
		return 5;
	buf[0] = 0;
	return block_read_at(t, 512, buf, 512) == 0 && buf[0] == 7 ? 0 : 6;
}

static void a_disk_works_where_no_thread_can_be_started(void **state)
{
	struct block_bench *t = *state;

	if (geteuid() != 0)
		skip(); /* others' processes count against the limit */
	block_image(t, 4096);
	assert_int_equal(in_child(without_threads, t), 0);
}

static void descriptors_work_as_paths_do(void **state)
{
	struct block_bench *t = *state;
	uint8_t buf[512];

	block_image(t, 4096);
	t->cfg.path = NULL;
	t->cfg.fd = open(t->path, O_RDWR | O_CLOEXEC);
	assert_int_equal(block_try(t), 0);
	memset(buf, 3, sizeof(buf));
	assert_int_equal(block_write_at(t, 512, buf, 512), 0);
	assert_int_equal(block_read_at(t, 512, buf, 512), 0);
	assert_int_equal(buf[1], 3);
	block_close(t);
	assert_true(fcntl(t->cfg.fd, F_GETFD) >= 0); /* still the caller's */

	t->cfg.direct = true;
	assert_int_equal(block_try(t), 0);
	assert_int_equal(block_read_at(t, 512, buf, 512), 0);
	assert_int_equal(buf[1], 3);
	block_close(t);
	t->cfg.direct = false;

	/* O_NONBLOCK is not ours to change, and io_uring minds it */
	fcntl(t->cfg.fd, F_SETFL, O_NONBLOCK);
	t->cfg.engine = BLOCK_ENGINE_URING;
	assert_int_equal(block_try(t), 0);
	assert_string_equal(block_engine_name(t->b), "threads");
	assert_int_equal(block_read_at(t, 512, buf, 512), 0);
	block_close(t);
	assert_true(fcntl(t->cfg.fd, F_GETFL) & O_NONBLOCK);
	fd_close(&t->cfg.fd);
}

static void descriptors_that_do_not_fit_are_refused(void **state)
{
	struct block_bench *t = *state;
	int pipes[2];

	block_image(t, 4096);
	t->cfg.path = NULL;
	t->cfg.fd = 250;
	expect_refusal(t, -EBADF, "not an open descriptor");
	t->cfg.fd = open(t->path, O_RDONLY | O_CLOEXEC);
	expect_refusal(t, -EACCES, "ro");
	t->cfg.read_only = true;
	assert_int_equal(block_try(t), 0);
	block_close(t);
	fd_close(&t->cfg.fd);
	t->cfg.fd = open(t->path, O_WRONLY | O_CLOEXEC);
	expect_refusal(t, -EACCES, "fd ");
	fd_close(&t->cfg.fd);
	t->cfg.fd = open(t->path, O_PATH | O_CLOEXEC);
	expect_refusal(t, -EACCES, "fd ");
	fd_close(&t->cfg.fd);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	t->cfg.fd = pipes[0];
	expect_refusal(t, -EINVAL, "pipe");
	fd_close(&pipes[0]);
	fd_close(&pipes[1]);
}

static void refusals_and_closing_leave_no_descriptor(void **state)
{
	struct block_bench *t = *state;
	unsigned int before;

	block_image(t, 4096);
	block_open(t, RAW_URING); /* what the library keeps, it keeps now */
	block_close(t);
	before = open_fds();
	for (enum block_kind kind = 0; kind < BLOCK_KINDS; kind++) {
		block_open(t, kind);
		block_close(t);
		assert_int_equal(open_fds(), before);
	}
	t->cfg.overlay = NULL;
	t->cfg.overlay_tmp = NULL;
	block_image(t, 0);
	for (unsigned int direct = 0; direct < 2; direct++) {
		t->cfg.direct = direct;
		assert_true(block_try(t) < 0);
		assert_int_equal(open_fds(), before);
	}
}

static void the_host_may_make_a_disk_larger(void **state)
{
	struct block_bench *t = *state;

	block_image(t, 4096);
	assert_int_equal(block_try(t), 0);
	assert_false(block_refresh(t->b));
	assert_int_equal(truncate(t->path, 8192 + 5), 0);
	assert_true(block_refresh(t->b));
	assert_int_equal(block_info(t->b)->size, 8192);
	assert_int_equal(truncate(t->path, 0), 0);
	assert_false(block_refresh(t->b)); /* no disk has no size */
}

static void discarding_gives_the_space_back(void **state)
{
	struct block_bench *t = *state;
	struct stat before;
	struct stat after;

	for (enum block_kind kind = 0; kind < OVERLAY; kind++) {
		block_image(t, MIB);
		block_open(t, kind);
		assert_int_equal(block_op(t, BLOCK_FLUSH, 0, 0, NULL, 0), 0);
		assert_int_equal(stat(t->path, &before), 0);
		assert_int_equal(block_op(t, BLOCK_DISCARD, 0, 0, NULL,
					  MIB / 2), 0);
		assert_int_equal(stat(t->path, &after), 0);
		assert_in_range(after.st_blocks, 0, before.st_blocks - 1000);
		assert_int_equal(block_op(t, BLOCK_WRITE_ZEROES, BLOCK_UNMAP,
					  MIB / 2, NULL, MIB / 2), 0);
		assert_int_equal(stat(t->path, &after), 0);
		assert_in_range(after.st_blocks, 0, 16);
		block_close(t);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, block_bench_setup, \
						block_bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(I01_a_size_that_is_no_whole_sectors_is_rounded_down),
		TEST(I01_an_empty_file_is_refused),
		TEST(I01_a_sparse_file_of_16_TiB_less_a_page_works),
		TEST(I02_what_is_no_disk_is_refused),
		TEST(I03_a_file_that_cannot_be_written_is_refused),
		TEST(I03_a_file_in_use_is_refused_and_its_user_named),
		TEST(I03_a_file_of_another_process_names_that_process),
		TEST(I03_a_lock_ends_with_its_disk_whichever_engine),
		TEST(I04_contents_are_never_probed),
		TEST(I10_the_file_that_was_opened_stays),
		TEST(I11_a_write_past_the_file_size_limit_fails),
		TEST(a_disk_works_where_no_thread_can_be_started),
		TEST(descriptors_work_as_paths_do),
		TEST(descriptors_that_do_not_fit_are_refused),
		TEST(refusals_and_closing_leave_no_descriptor),
		TEST(the_host_may_make_a_disk_larger),
		TEST(discarding_gives_the_space_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
