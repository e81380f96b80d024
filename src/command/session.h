/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One command in the guest, seen from the host: its three streams, its words,
 * and how it ended. The first command of a VM is session 0; what runs beside it
 * is a session too (exec.h).
 *
 * The guest connects to four ports for each. On the first it tells, a line
 * each: "began US", "started US", "exited STATUS", "killed SIGNAL" (before it
 * "out-of-memory 9"), "failed STATUS ERRNO TEXT". The end is told when a status
 * is known and both output streams are at theirs.
 *
 * Threads: session_dial(), session_give_up() and the callbacks on the VM's
 * loop; a thread for each stream; everything else on any.
 */
#ifndef VIREO_COMMAND_SESSION_H
#define VIREO_COMMAND_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"

/* The first of the ports of session N is PORTS + 4 * N, for its words; the
 * next three are its streams. As in firmware/init/init.h. */
#define SESSION_PORTS 0x76690000u
/* The guest's own port for it; those up to here take a privilege there (Linux:
 * CAP_NET_BIND_SERVICE). */
#define SESSION_CALLER_MAX 1023u

struct session;

/* What became of a command. */
struct command_end {
	int status;          /* to exit with */
	const char *verdict; /* "exited", "killed", "out-of-memory",
			      * "not-found", "not-executable", "guest-error",
			      * "host-error", "vm-ended" */
	const char *detail;  /* "" or a sentence */
};

struct session_host {
	int in, out, err; /* not owned, duplicated; -1: nothing there */
	struct loop *loop;
	/* With no lock held. It runs, or never will; may be NULL. */
	void (*started)(void *ctx);
	/* Once, when the command has ended and all it wrote is out. */
	void (*ended)(void *ctx, const struct command_end *end);
	void *ctx;
	/* The end of its words is its end, whatever they were. */
	bool ends_with_words;
};

int session_create(struct session **out, const struct session_host *host,
		   struct err *err);
/* NULL is accepted. The guest's ends are closed. */
void session_destroy(struct session *s);

/* What the guest is to read before anything else; before the first dial.
 * malloc'd, the session's from here on. */
void session_order(struct session *s, char *bytes, size_t len);

/* For struct vsock_dial: 0 is for words, 1 to 3 are the streams. */
int session_dial(struct session *s, unsigned int which);

/* A line for the guest; lost when it has not connected. */
void session_say(struct session *s, const char *line);
/* Before the guest has connected it is kept, the last of several. */
void session_signal(struct session *s, int number);
/* The size of its terminal, now and when it starts. */
void session_resize(struct session *s, unsigned int cols, unsigned int rows);

/* Ends it here and now, unless its end is known. @verdict outlives it. */
void session_give_up(struct session *s, int status, const char *verdict,
		     const char *detail);

/* Was a status told? */
bool session_has_ended(struct session *s);
/* When the command has written something last, by the monotonic clock; 0:
 * never. */
uint64_t session_output_ns(struct session *s);
/* Microseconds by the guest's clock: its init began, the command started. 0:
 * not yet. */
uint64_t session_began_us(struct session *s);
uint64_t session_started_us(struct session *s);

#endif
