/* SPDX-License-Identifier: BSD-3-Clause */
/* The command's streams, for run.c. */
#ifndef VIREO_INIT_RUN_H
#define VIREO_INIT_RUN_H

#include "init.h"

#define STREAM_BUFFER 65536u

/* Bytes on their way from one descriptor to another; neither blocks. */
struct stream {
	int from; /* -1: at its end */
	int to;   /* -1: nobody takes them any more */
	uint32_t start, end;
	uint8_t buf[STREAM_BUFFER];
};

struct pump {
	uint32_t number; /* of the command */
	int words; /* -1: the host has closed it */
	int children; /* a signalfd */
	int terminal; /* the pseudo-terminal's master; -1 */
	struct stream in, out, err;
	char line[128]; /* of the host's words, unfinished */
	size_t line_len;
	int early; /* a signal that came before the child; 0: none */
};

/* Connects to the host; @fds are the command's three. 0 or -errno. */
int pump_open(struct pump *p, bool tty, int fds[3]);
/* Heeds what the host has said before there is a child. */
void pump_listen(struct pump *p);
/* Copies until @child has ended and what it wrote is with the host. */
void pump_run(struct pump *p, int child, int *status);
/* Nothing more comes: tells the host, and waits until it closes. */
void pump_rest(struct pump *p);

#endif
