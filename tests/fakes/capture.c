// SPDX-License-Identifier: BSD-3-Clause
/* See capture.h. */
#include "capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void capture_begin(struct capture *c)
{
	fflush(stdout);
	fflush(stderr);
	for (int fd = 1; fd <= 2; fd++) {
		c->saved[fd] = dup(fd);
		c->file[fd] = memfd_create("capture", MFD_CLOEXEC);
		if (c->saved[fd] < 0 || dup2(c->file[fd], fd) < 0)
			abort();
	}
}

static void take(struct capture *c, int fd, char *text)
{
	ssize_t n = pread(c->file[fd], text, CAPTURE_SIZE - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	if (dup2(c->saved[fd], fd) < 0)
		abort();
	close(c->saved[fd]);
	close(c->file[fd]);
}

void capture_end(struct capture *c)
{
	fflush(stdout);
	fflush(stderr);
	take(c, 1, c->out);
	take(c, 2, c->err);
}
