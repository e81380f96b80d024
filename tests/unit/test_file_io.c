// SPDX-License-Identifier: BSD-3-Clause
/* Transfers that the host cuts short or interrupts. The system calls are
 * replaced by ones that follow a script. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/file_io.h"
#include "base/num.h"

#define LEN 10000u

static struct {
	const int *next; /* bytes of each call, or -errno */
	uint8_t file[2 * LEN];
	int flags;
} script;

/* Answers like the host: so many bytes, or a failure. */
static ssize_t answer(const struct iovec *iov, int count, off_t off, int read)
{
	ssize_t done = 0;
	int n = *script.next++;

	if (n < 0) {
		errno = -n;
		return -1;
	}
	for (int i = 0; i < count && n; i++) {
		size_t len = min_u64(iov[i].iov_len, (uint64_t)n);
		uint8_t *at = script.file + off + done;

		if (read)
			memcpy(iov[i].iov_base, at, len);
		else
			memcpy(at, iov[i].iov_base, len);
		done += (ssize_t)len;
		n -= (int)len;
	}
	return done;
}

ssize_t preadv(int fd, const struct iovec *iov, int count, off_t off)
{
	return answer(iov, count, off, 1);
}

ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t off,
		 int flags)
{
	script.flags = flags;
	return answer(iov, count, off, 0);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	struct iovec iov = { .iov_len = len };

	memcpy(&iov.iov_base, &buf, sizeof(buf));
	return answer(&iov, 1, off, 0);
}

int fdatasync(int fd)
{
	int n = *script.next++;

	errno = -n;
	return n < 0 ? -1 : 0;
}

/* Three pieces of @bytes; one of them is empty. */
static void split(struct iovec *iov, uint8_t *bytes)
{
	iov[0] = (struct iovec){ bytes, 100 };
	iov[1] = (struct iovec){ bytes + 100, 0 };
	iov[2] = (struct iovec){ bytes + 100, LEN - 100 };
}

static const int scripts[][8] = {
	{ LEN },
	{ 1, LEN - 1 },
	{ 99, 1, LEN - 100 },
	{ 100, LEN - 100 },
	{ -EINTR, 101, -EINTR, -EINTR, 4000, LEN - 4101 },
};

static void DB10_what_is_cut_short_or_interrupted_goes_on(void **state)
{
	static uint8_t bytes[LEN];
	struct iovec iov[3];

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		for (unsigned int k = 0; k < LEN; k++)
			script.file[500 + k] = (uint8_t)(k * 13 + i);
		memset(bytes, 0, LEN);
		split(iov, bytes);
		script.next = scripts[i];
		assert_int_equal(file_readv(3, iov, 3, 500), 0);
		assert_memory_equal(bytes, script.file + 500, LEN);

		memset(script.file, 0, sizeof(script.file));
		split(iov, bytes);
		script.next = scripts[i];
		assert_int_equal(file_writev(3, iov, 3, 700, i % 2), 0);
		assert_memory_equal(bytes, script.file + 700, LEN);
		assert_int_equal(script.flags, i % 2 ? RWF_DSYNC : 0);

		memset(script.file, 0, sizeof(script.file));
		script.next = scripts[i];
		assert_int_equal(file_write(3, bytes, LEN, 900), 0);
		assert_memory_equal(bytes, script.file + 900, LEN);
	}
}

static void DB10_failures_are_passed_on_and_an_end_is_one(void **state)
{
	static const int failures[][3] = {
		{ 50, -EIO }, { -ENOSPC }, { 200, -EAGAIN }, { -EFAULT },
		{ 300, 0 }, /* nothing more: the file ends here */
	};
	static const int codes[] = { -EIO, -ENOSPC, -EAGAIN, -EFAULT, -EIO };
	static uint8_t bytes[LEN];
	struct iovec iov[3];

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		split(iov, bytes);
		script.next = failures[i];
		assert_int_equal(file_readv(3, iov, 3, 0), codes[i]);
		split(iov, bytes);
		script.next = failures[i];
		assert_int_equal(file_writev(3, iov, 3, 0, false), codes[i]);
		script.next = failures[i];
		assert_int_equal(file_write(3, bytes, LEN, 0), codes[i]);
	}
}

static void DB09_a_sync_is_repeated_only_when_it_was_interrupted(void **state)
{
	static const int interrupted[] = { -EINTR, -EINTR, 0 };
	static const int failed[] = { -EIO, 0 };

	script.next = interrupted;
	assert_int_equal(file_sync(3), 0);
	script.next = failed;
	assert_int_equal(file_sync(3), -EIO);
	assert_ptr_equal(script.next, failed + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(DB10_what_is_cut_short_or_interrupted_goes_on),
		cmocka_unit_test(DB10_failures_are_passed_on_and_an_end_is_one),
		cmocka_unit_test(
			DB09_a_sync_is_repeated_only_when_it_was_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
