/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A command in a VM of its own: what it needs of the machine, its three
 * streams, and how it ended. The guest's init (firmware/init/) is the other
 * side; they talk over ports of the VM's socket device.
 *
 * Threads: command_dial() and the callback on the VM's loop; a thread for each
 * stream; everything else on the user's.
 */
#ifndef VIREO_COMMAND_COMMAND_H
#define VIREO_COMMAND_COMMAND_H

#include "board/config.h"
#include "base/loop.h"
#include "command/archive.h"

struct command;

/* What became of it. */
struct command_end {
	int status;          /* to exit with */
	const char *verdict; /* "exited", "killed", "out-of-memory",
			      * "not-found", "not-executable", "guest-error" */
	const char *detail;  /* "" or a sentence */
};

struct command_host {
	int in, out, err; /* not owned, duplicated; -1: nothing there */
	struct loop *loop;
	/* Once, when the command has ended and all it wrote is out. */
	void (*ended)(void *ctx, const struct command_end *end);
	void *ctx;
};

/* Adds to @cfg what the command in it needs. */
int command_create(struct command **out, struct config *cfg,
		   const struct command_host *host, struct err *err);
/* NULL is accepted. The VM does not run any more. */
void command_destroy(struct command *c);
const struct archive *command_initramfs(const struct command *c);
/* For struct vsock_dial. */
int command_dial(void *command, uint32_t port);
/* Was a status told? */
bool command_has_ended(struct command *c);
/* A signal for the command, or the size of its terminal. Any thread. */
void command_signal(struct command *c, int number);
void command_resize(struct command *c, unsigned int cols, unsigned int rows);
/* When the command has written something last, by the monotonic clock; 0:
 * never. Any thread. */
uint64_t command_output_ns(struct command *c);
/* Microseconds by the guest's clock: its init began, the command started. 0:
 * not yet. */
uint64_t command_began_us(struct command *c);
uint64_t command_started_us(struct command *c);

#endif
