/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What comes to the program while it waits: signals by a descriptor, and keys
 * for somebody who takes them as he likes.
 */
#ifndef VIREO_CLI_INPUT_H
#define VIREO_CLI_INPUT_H

#include <poll.h>

#include "cli/cli.h"

/* A signalfd for those of @signals (up to a 0) that are not ignored: under
 * nohup, or in a background job, they stay so. They are blocked; SIGPIPE is
 * ignored. -1: a message has been printed. */
int input_signals(const int *signals, bool blocks);

/* Keys that were read and not taken yet. When there is no room for more, none
 * are read. */
struct keys {
	int to; /* owned, does not block; -1: there are no keys */
	struct terminal_filter *filter; /* some are ours; NULL: none */
	bool ended; /* no more come */
	bool gone;  /* nobody takes them any more */
	char held[512];
	size_t len;
};

/* Fills in what poll() is to wait for: more of them, and to be rid of some. */
void keys_poll(const struct keys *k, struct pollfd *more, struct pollfd *rid);
/* Reads once, and passes on what is taken; what the last of ours asks for. */
enum terminal_key keys_read(struct keys *k);
void keys_send(struct keys *k);
/* All that will ever be are out. */
bool keys_are_done(const struct keys *k);
void keys_close(struct keys *k);

#endif
