/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes between one of the program's own descriptors and a guest's stream, by a
 * thread: either side may be slow, none is made non-blocking that others share.
 */
#ifndef VIREO_COMMAND_RELAY_H
#define VIREO_COMMAND_RELAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RELAY_BUFFER 65536u

struct relay {
	int from;      /* owned */
	int to;        /* owned */
	int cancel_fd; /* owned eventfd */
	int done_fd;   /* not owned; told at the end; -1 */
	bool started;
	pthread_t thread;
	_Atomic bool done;
	_Atomic uint64_t bytes;
	_Atomic uint64_t last_ns; /* when some went out */
	int error; /* of the last write; after done */
	uint8_t buf[RELAY_BUFFER];
};

/* Copies until @from ends, or @to takes no more, then closes both; takes them
 * over, after a failure too. With @done_fd @from is the guest's side, else @to
 * is: a socket of our own. 0 or -errno. */
int relay_start(struct relay *r, int from, int to, int done_fd);
/* Ends it now, wherever it is. A relay that is all zero but started is fine. */
void relay_finish(struct relay *r);

#endif
