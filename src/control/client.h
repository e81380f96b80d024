/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The other end of control sockets: what runs, and what can be asked of it. All
 * answers are bounded in size and time, whoever listens there. One thread.
 */
#ifndef VIREO_CONTROL_CLIENT_H
#define VIREO_CONTROL_CLIENT_H

#include "vireo.h"

/* A VM as it tells of itself. */
struct control_vm {
	char name[64];
	char state[16]; /* "created", "running", "ended"; "silent": does not
			 * answer */
	int64_t pid;    /* 0: not known */
	int64_t since;  /* seconds since 1970; 0: not known */
	char kernel[256];
	char command[512]; /* its words, with blanks between them */
	const char *json;  /* the whole answer; valid in the callback */
};

/* Calls @fn for each VM that runs below @directory, by name; what killed ones
 * have left is removed. */
void control_list(const char *directory,
		  void (*fn)(void *ctx, const struct control_vm *vm),
		  void *ctx);

/* Asks the VM to end, or ends it (@force), and returns when it has.
 * VIREO_EINVAL: no VM has the name, and the error tells which do. */
int control_stop(const char *directory, const char *name, bool force,
		 struct vireo_error *err);

/* As vireo_exec(), in a VM of another process: a connection, which the caller
 * closes, or VIREO_E... Three descriptors are given. */
int control_exec(const char *directory, const char *name,
		 const struct vireo_exec_options *options,
		 struct vireo_error *err);
void control_exec_signal(int connection, int number);
void control_exec_resize(int connection, unsigned int cols,
			 unsigned int rows);
/* When it is readable: 0 and *end, or VIREO_EHOST: the VM's process is gone. */
int control_exec_end(int connection, struct vireo_end *end);

/* The main console of the VM from now on: a connection that is its bytes, and
 * ends with the VM; the caller closes it. Or VIREO_E... */
int control_console(const char *directory, const char *name,
		    struct vireo_error *err);

#endif
