// SPDX-License-Identifier: BSD-3-Clause
#include "fake_file_io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/file_io.h"
#include "base/num.h"

#define MAX 20000u

static struct {
	pthread_mutex_t lock;
	struct fake_change change[MAX];
	unsigned int count;
	bool on;
	dev_t dev;
	ino_t base;
	unsigned int fail_at;
	unsigned int fail_times;
	int fail_code;
} io = { .lock = PTHREAD_MUTEX_INITIALIZER };

void fake_file_start(const char *base)
{
	struct stat st;
	int r = stat(base, &st);

	assert(r == 0);
	(void)r;
	fake_file_stop();
	io.dev = st.st_dev;
	io.base = st.st_ino;
	io.on = true;
}

void fake_file_stop(void)
{
	for (unsigned int i = 0; i < io.count; i++)
		free(io.change[i].bytes);
	io.count = 0;
	io.on = false;
	io.fail_times = 0;
}

void fake_file_pause(bool on)
{
	io.on = !on;
}

unsigned int fake_file_count(void)
{
	unsigned int n;

	pthread_mutex_lock(&io.lock);
	n = io.count;
	pthread_mutex_unlock(&io.lock);
	return n;
}

const struct fake_change *fake_file_change(unsigned int i)
{
	return &io.change[i];
}

void fake_file_fail(unsigned int n, int code, unsigned int times)
{
	io.fail_at = n;
	io.fail_code = code;
	io.fail_times = times;
}

/* 0 and logged, or the failure that was asked for. */
static int change(int fd, bool sync, uint64_t off, const void *bytes,
		  uint64_t len)
{
	struct fake_change *c;
	struct stat st;
	int r = 0;

	if (!io.on || fstat(fd, &st) < 0)
		return 0;
	assert(sync || st.st_dev != io.dev || st.st_ino != io.base);
	pthread_mutex_lock(&io.lock);
	assert(io.count < MAX);
	if (io.fail_times && io.count >= io.fail_at) {
		io.fail_times--;
		r = io.fail_code;
	} else {
		c = &io.change[io.count++];
		*c = (struct fake_change){ .sync = sync, .off = off,
					   .len = len };
		if (len) {
			c->bytes = calloc(1, len);
			assert(c->bytes);
		}
		if (bytes)
			memcpy(c->bytes, bytes, len);
	}
	pthread_mutex_unlock(&io.lock);
	return r;
}

/* ---- what a crash leaves ---- */

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void put(int fd, const struct fake_change *c, bool synced,
		uint64_t *seed)
{
	for (uint64_t at = 0; at < c->len;) {
		uint64_t n = min_u64(512 - (c->off + at) % 512, c->len - at);
		bool there = synced || !*seed ||
			     (*seed != 1 && next_random(seed) % 2);
		ssize_t r = there ? pwrite(fd, c->bytes + at, n,
					   (off_t)(c->off + at)) :
				    (ssize_t)n;

		assert(r == (ssize_t)n);
		(void)r;
		at += n;
	}
}

void fake_file_crash(const char *path, uint64_t size, unsigned int count,
		     uint64_t seed)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	unsigned int last = 0;
	int r;

	assert(fd >= 0);
	r = ftruncate(fd, (off_t)size);
	assert(r == 0);
	(void)r;
	for (unsigned int i = 0; i < count; i++)
		if (io.change[i].sync)
			last = i;
	for (unsigned int i = 0; i < count; i++)
		put(fd, &io.change[i], i < last, &seed);
	close(fd);
}

/* ---- file_io.h ---- */

void file_iov_advance(struct iovec **iov, int *count, size_t done)
{
	while (*count && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (*count) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

int file_read(int fd, void *buf, size_t len, uint64_t off)
{
	ssize_t n = pread(fd, buf, len, (off_t)off);

	return n == (ssize_t)len ? 0 : -EIO;
}

int file_write(int fd, const void *buf, size_t len, uint64_t off)
{
	int r = change(fd, false, off, buf, len);

	if (r < 0)
		return r;
	return pwrite(fd, buf, len, (off_t)off) == (ssize_t)len ? 0 : -EIO;
}

int file_readv(int fd, struct iovec *iov, int count, uint64_t off)
{
	for (int i = 0; i < count; i++) {
		int r = file_read(fd, iov[i].iov_base, iov[i].iov_len, off);

		if (r < 0)
			return r;
		off += iov[i].iov_len;
	}
	return 0;
}

int file_writev(int fd, struct iovec *iov, int count, uint64_t off,
		bool stable)
{
	for (int i = 0; i < count; i++) {
		int r = file_write(fd, iov[i].iov_base, iov[i].iov_len, off);

		if (r < 0)
			return r;
		off += iov[i].iov_len;
	}
	return stable ? file_sync(fd) : 0;
}

int file_try_readv(int fd, const struct iovec *iov, int count, uint64_t off,
		   uint64_t len)
{
	return -EOPNOTSUPP;
}

int file_sync(int fd)
{
	return change(fd, true, 0, NULL, 0);
}

static int zero(int fd, uint64_t off, uint64_t len)
{
	int r = change(fd, false, off, NULL, len);

	if (r < 0)
		return r;
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)off, (off_t)len) < 0 ? -errno : 0;
}

int file_punch(int fd, uint64_t off, uint64_t len)
{
	return zero(fd, off, len);
}

int file_zero(int fd, uint64_t off, uint64_t len, bool unmap)
{
	return zero(fd, off, len);
}

int file_zero_iov(struct iovec *iov, int cap, uint64_t len, uint64_t *bytes)
{
	*bytes = 0;
	return 0;
}
