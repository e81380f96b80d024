/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stub at a socket: a thread named "gdb" that serves one client at a time and
 * waits for what the machine does. At "tcp:PORT" only programs of this machine
 * reach it, of any user; at "unix:PATH" those that may open the socket.
 *
 * Pages in a browser reach a port, too, and speak HTTP: the machine is touched
 * when a client's first bytes are those of a debugger, and not before.
 */
#ifndef VIREO_DEBUG_GDB_SERVER_H
#define VIREO_DEBUG_GDB_SERVER_H

#include "base/err.h"
#include "base/log.h"
#include "debug/gdb_stub.h"

struct gdb_server;

struct gdb_machine {
	const struct gdb_target_ops *ops;
	void *ctx;
	const struct log *log;
	int stop_fd; /* readable when ops->take_stop() has something */
	int end_fd;  /* readable when the machine has ended; both borrowed */
	/* Asked then: what gdb is told. */
	int (*status)(void *ctx);
};

/* Listens; nobody is served before the start. -EINVAL, -EADDRINUSE, ... */
int gdb_server_create(struct gdb_server **out, const char *address,
		      const struct gdb_machine *machine, struct err *err);
int gdb_server_start(struct gdb_server *server, struct err *err);
/* A client is gone then as if it had hung up. NULL is accepted. */
void gdb_server_destroy(struct gdb_server *server);

#endif
