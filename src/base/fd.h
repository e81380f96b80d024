/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * File descriptors: the one place that loops over EINTR and short transfers.
 * All descriptors are close-on-exec. Any thread.
 */
#ifndef VIREO_BASE_FD_H
#define VIREO_BASE_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* A copy above the standard streams, or -1 and errno. */
int fd_copy(int fd);
/* What has just opened @fd, or failed (-1 and errno), gets it above those of
 * the standard streams: where an embedder has closed these, anybody's message
 * would go into it. It is not kept otherwise; again -1 and errno. */
int fd_above(int fd);
/* The same for what has just made a pair of them, or not, and said @r. */
int fd_pair_above(int r, int fd[2]);

/* Closes *fd when it is >= 0 and sets it to -1. */
void fd_close(int *fd);
/* The same for a socket of our own: its peer sees the end, and its port is
 * free, even when a child of the embedder's has a copy of it. */
void fd_hang_up(int *fd);

/* All of @len, or -errno; fd_read_full() answers -ENODATA at an early end. */
int fd_read_full(int fd, void *buf, size_t len);
int fd_write_full(int fd, const void *buf, size_t len);
int fd_pread_full(int fd, void *buf, size_t len, uint64_t off);

/* One read() that ignores EINTR: bytes, 0 at the end, or -errno. */
ssize_t fd_read(int fd, void *buf, size_t len);

/*
 * Reads a whole regular file into malloc'd memory that the caller frees.
 * Refuses, with a sentence, what is not a regular file (never blocks on a
 * FIFO or a device), what is empty, and what is larger than @max. The file is
 * read, not mapped: a file truncated meanwhile is -ENODATA, never SIGBUS.
 */
int fd_read_file(uint8_t **out, size_t *len, const char *path, size_t max,
		 struct err *err);

/* A new file in the directory @dir that has no name, so that nothing is left of
 * it; or -errno. */
int fd_open_nameless(const char *dir);

/* A non-blocking eventfd, or -errno. */
int fd_event_create(void);
/* Adds one; a saturated counter is not an error. */
void fd_event_signal(int fd);
/* Empties the counter. */
void fd_event_drain(int fd);

#endif
