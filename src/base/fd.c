// SPDX-License-Identifier: BSD-3-Clause
/* See fd.h. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int fd_copy(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	/* The limit is as low as that. */
	if (copy < 0 && errno == EINVAL)
		errno = EMFILE;
	return copy;
}

int fd_above(int fd)
{
	int error;
	int copy;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	copy = fd_copy(fd);
	error = errno;
	close(fd);
	errno = error;
	return copy;
}

void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void fd_hang_up(int *fd)
{
	if (*fd >= 0)
		shutdown(*fd, SHUT_RDWR);
	fd_close(fd);
}

int fd_pair_above(int r, int fd[2])
{
	int error;

	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++)
		fd[i] = fd_above(fd[i]);
	if (fd[0] >= 0 && fd[1] >= 0)
		return 0;
	error = errno;
	fd_close(&fd[0]);
	fd_close(&fd[1]);
	errno = error;
	return -1;
}

ssize_t fd_read(int fd, void *buf, size_t len)
{
	ssize_t n;

	do
		n = read(fd, buf, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int fd_read_full(int fd, void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = fd_read(fd, (char *)buf + done, len - done);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -ENODATA;
		done += (size_t)n;
	}
	return 0;
}

int fd_pread_full(int fd, void *buf, size_t len, uint64_t off)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, (char *)buf + done, len - done,
				  (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		done += (size_t)n;
	}
	return 0;
}

int fd_write_full(int fd, const void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, (const char *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

/* Opens without blocking and without following it into a device. */
static int open_regular(int *out, size_t *size, const char *path, size_t max,
			struct err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r = -EINVAL;

	if (fd < 0)
		return err_set_path(err, -errno, path);
	if (fstat(fd, &st) < 0)
		r = err_set(err, -errno, "%s: %s", path, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		err_set(err, r, "%s: is a directory, not a file", path);
	else if (!S_ISREG(st.st_mode))
		err_set(err, r, "%s: not a regular file", path);
	else if (st.st_size == 0)
		err_set(err, r, "%s: the file is empty", path);
	else if ((uint64_t)st.st_size > max)
		err_set(err, r, "%s: %lld bytes, more than the limit of %zu",
			path, (long long)st.st_size, max);
	else
		r = 0;
	if (r < 0) {
		close(fd);
		return r;
	}
	*out = fd;
	*size = (size_t)st.st_size;
	return 0;
}

int fd_read_file(uint8_t **out, size_t *len, const char *path, size_t max,
		 struct err *err)
{
	uint8_t *buf;
	size_t size = 0;
	int fd = -1;
	int r;

	*out = NULL;
	*len = 0;
	r = open_regular(&fd, &size, path, max, err);
	if (r < 0)
		return r;
	buf = malloc(size);
	r = buf ? fd_pread_full(fd, buf, size, 0) : -ENOMEM;
	close(fd);
	if (r < 0) {
		free(buf);
		return err_set(err, r, "%s: %s", path,
			       r == -ENODATA ? "truncated while being read"
					     : strerror(-r));
	}
	*out = buf;
	*len = size;
	return 0;
}

int fd_open_nameless(const char *dir)
{
	int fd = fd_above(open(dir, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC,
			       0600));
	char *path;

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd < 0 ? -errno : fd;
	if (asprintf(&path, "%s/vireo-XXXXXX", dir) < 0)
		return -ENOMEM;
	fd = fd_above(mkostemp(path, O_CLOEXEC));
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd < 0 ? -errno : fd;
}

int fd_event_create(void)
{
	int fd = fd_above(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

	return fd < 0 ? -errno : fd;
}

void fd_event_signal(int fd)
{
	const uint64_t one = 1;
	ssize_t n;

	do
		n = write(fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

void fd_event_drain(int fd)
{
	uint64_t count;

	fd_read(fd, &count, sizeof(count));
}
