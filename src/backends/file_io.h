/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What block backends do to host files: whole transfers at a place, syncing,
 * giving space back. The one place that knows short counts and EINTR for them.
 * Any thread; descriptors are not owned.
 */
#ifndef VIREO_BACKENDS_FILE_IO_H
#define VIREO_BACKENDS_FILE_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define FILE_ZEROES 4096 /* of the page below */

/* All the bytes of @iov, which is advanced in place, or -errno; reading past
 * the end of the file is -EIO. @stable: on the medium on return. */
int file_readv(int fd, struct iovec *iov, int count, uint64_t off);
int file_writev(int fd, struct iovec *iov, int count, uint64_t off,
		bool stable);
/* One buffer. */
int file_read(int fd, void *buf, size_t len, uint64_t off);
int file_write(int fd, const void *buf, size_t len, uint64_t off);

/* All @len bytes, if that is possible without waiting: 0, or -EAGAIN, or
 * -EOPNOTSUPP when this file never allows it. */
int file_try_readv(int fd, const struct iovec *iov, int count, uint64_t off,
		   uint64_t len);

/* Completed writes are on the medium. */
int file_sync(int fd);

/* Gives the space of a range back, where the host can; it then reads as
 * zeroes. -EOPNOTSUPP: it cannot. */
int file_punch(int fd, uint64_t off, uint64_t len);
/* Makes a range zero; writes zeroes when there is no better way. @unmap: its
 * space may be given back. */
int file_zero(int fd, uint64_t off, uint64_t len, bool unmap);

/* Drops the first @done bytes of *iov. */
void file_iov_advance(struct iovec **iov, int *count, size_t done);
/* In @to, of at least @count pieces: @iov without its first @done bytes and
 * without empty pieces. How many those are. */
int file_iov_after(struct iovec *to, const struct iovec *iov, int count,
		   uint64_t done);
/* Fills @iov (of @cap pieces) with zeroes to write: at most @len bytes; how
 * many pieces that are, and their bytes. */
int file_zero_iov(struct iovec *iov, int cap, uint64_t len, uint64_t *bytes);

#endif
