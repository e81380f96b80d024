/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A command in a VM of its own: what it needs of the machine, its three
 * streams, and how it ended; and further ones beside it. The guest's init
 * (firmware/init/) is the other side; they talk over ports of the VM's socket
 * device.
 *
 * Threads: command_dial(), command_vm_ended() and the callback on the VM's
 * loop; everything else on the user's.
 */
#ifndef VIREO_COMMAND_COMMAND_H
#define VIREO_COMMAND_COMMAND_H

#include "board/config.h"
#include "base/loop.h"
#include "base/own_file.h"
#include "command/archive.h"
#include "command/exec.h"
#include "command/session.h"

struct command;

struct command_host {
	int in, out, err; /* not owned, duplicated; -1: nothing there */
	struct loop *loop;
	/* Once, when the command has ended and all it wrote is out. */
	void (*ended)(void *ctx, const struct command_end *end);
	void *ctx;
};

/* Adds to @cfg what the command in it needs, and keeps a pointer to it. */
int command_create(struct command **out, struct config *cfg,
		   const struct command_host *host, struct err *err);
/* NULL is accepted. The VM does not run any more, and no further command is
 * left. */
void command_destroy(struct command *c);
/* Empty when the kernel needs none; then the root's share has these. */
const struct archive *command_initramfs(const struct command *c);
struct own_files command_own_files(const struct command *c);
/* For struct vsock_dial. -EACCES: not from a port that only root may have in
 * the guest. */
int command_dial(void *command, uint32_t port, uint32_t guest_port);
/* The VM has ended, and with it what ran beside the first command. */
void command_vm_ended(struct command *c);
/* The first command. */
struct session *command_session(struct command *c);
struct execs *command_execs(struct command *c);

#endif
