// SPDX-License-Identifier: BSD-3-Clause
/* See file_io.h. */
#include "backends/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include "base/num.h"

#define ZERO_PIECES 256 /* 1 MiB in one call */

static const uint8_t zeroes[FILE_ZEROES];

void file_iov_advance(struct iovec **iov, int *count, size_t done)
{
	while (*count && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		(*iov)->iov_len = 0;
		(*iov)++;
		(*count)--;
	}
	if (*count) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

int file_iov_after(struct iovec *to, const struct iovec *iov, int count,
		   uint64_t done)
{
	int n = 0;

	for (int i = 0; i < count; i++) {
		size_t skip = (size_t)min_u64(done, iov[i].iov_len);

		to[n].iov_base = (uint8_t *)iov[i].iov_base + skip;
		to[n].iov_len = iov[i].iov_len - skip;
		n += to[n].iov_len > 0;
		done -= skip;
	}
	return n;
}

int file_readv(int fd, struct iovec *iov, int count, uint64_t off)
{
	file_iov_advance(&iov, &count, 0);
	while (count) {
		ssize_t n = preadv(fd, iov, count, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO; /* somebody has cut the file */
		off += (uint64_t)n;
		file_iov_advance(&iov, &count, (size_t)n);
	}
	return 0;
}

int file_writev(int fd, struct iovec *iov, int count, uint64_t off,
		bool stable)
{
	file_iov_advance(&iov, &count, 0);
	while (count) {
		ssize_t n = pwritev2(fd, iov, count, (off_t)off,
				     stable ? RWF_DSYNC : 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		off += (uint64_t)n;
		file_iov_advance(&iov, &count, (size_t)n);
	}
	return 0;
}

int file_read(int fd, void *buf, size_t len, uint64_t off)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };

	return file_readv(fd, &iov, 1, off);
}

int file_write(int fd, const void *buf, size_t len, uint64_t off)
{
	const uint8_t *p = buf;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
		off += (uint64_t)n;
	}
	return 0;
}

int file_try_readv(int fd, const struct iovec *iov, int count, uint64_t off,
		   uint64_t len)
{
	ssize_t n = preadv2(fd, iov, count, (off_t)off, RWF_NOWAIT);

	if (n >= 0)
		return (uint64_t)n == len ? 0 : -EAGAIN;
	return errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS ?
	       -EOPNOTSUPP : -EAGAIN;
}

int file_sync(int fd)
{
	int r;

	do
		r = fdatasync(fd);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int allocate(int fd, int mode, uint64_t off, uint64_t len)
{
	int r;

	do
		r = fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)off,
			      (off_t)len);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return 0;
	return errno == ENOSYS ? -EOPNOTSUPP : -errno;
}

int file_punch(int fd, uint64_t off, uint64_t len)
{
	return allocate(fd, FALLOC_FL_PUNCH_HOLE, off, len);
}

int file_zero_iov(struct iovec *iov, int cap, uint64_t len, uint64_t *bytes)
{
	int n = 0;

	*bytes = 0;
	for (; n < cap && *bytes < len; n++) {
		/* Only ever written from, which the type cannot say. */
		union {
			const uint8_t *from;
			void *base;
		} u = { .from = zeroes };

		iov[n].iov_base = u.base;
		iov[n].iov_len = min_u64(len - *bytes, FILE_ZEROES);
		*bytes += iov[n].iov_len;
	}
	return n;
}

static int write_zeroes(int fd, uint64_t off, uint64_t len)
{
	struct iovec iov[ZERO_PIECES];

	while (len) {
		uint64_t bytes;
		int n = file_zero_iov(iov, ZERO_PIECES, len, &bytes);
		int r = file_writev(fd, iov, n, off, false);

		if (r < 0)
			return r;
		off += bytes;
		len -= bytes;
	}
	return 0;
}

int file_zero(int fd, uint64_t off, uint64_t len, bool unmap)
{
	int r = unmap ? file_punch(fd, off, len) : -EOPNOTSUPP;

	if (r == -EOPNOTSUPP)
		r = allocate(fd, FALLOC_FL_ZERO_RANGE, off, len);
	return r == -EOPNOTSUPP ? write_zeroes(fd, off, len) : r;
}
