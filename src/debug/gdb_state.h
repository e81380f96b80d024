/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of a stub, for the files gdb_*.c. */
#ifndef VIREO_DEBUG_GDB_STATE_H
#define VIREO_DEBUG_GDB_STATE_H

#include <errno.h>

#include "debug/gdb_packet.h"
#include "debug/gdb_stub.h"

#define GDB_REGS_MAX     1024 /* bytes, of all registers */
#define GDB_DESCRIPTION  8192
#define GDB_SIGNAL_INT   2
#define GDB_SIGNAL_TRAP  5
#define GDB_TRANSFER_MAX ((GDB_BODY_MAX - 8) / 2)

struct gdb_stub {
	const struct gdb_target_ops *ops;
	void *ctx;
	bool attached;
	bool no_ack;
	bool running; /* an answer is due when it stops */
	bool done;    /* no client any more, or not for long */
	bool says_swbreak; /* what the client understands */
	bool says_hwbreak;
	unsigned int cpu; /* of "g", "m", ...: what H has chosen */
	unsigned int run_cpu; /* of "c" and "s" */
	bool run_all;         /* no certain one was chosen for these */
	int signal;           /* how it stopped last ... */
	bool why_known;       /* ... and why */
	struct gdb_stop why;
	size_t sent;
	size_t pending; /* bytes of @packet; it is kept for once more */
	char packet[GDB_PACKET_MAX + 1]; /* "+" before it */
	size_t description_len;
	char description[GDB_DESCRIPTION];
	struct gdb_in in;
	struct gdb_out out;
	uint8_t bytes[GDB_BODY_MAX]; /* of memory, registers */
};

/* Each answers the packet in stub->in.body into stub->out; @p: what follows
 * its first letter. */
void gdb_answer_query(struct gdb_stub *stub, const char *p);
void gdb_answer_v(struct gdb_stub *stub, const char *p);
void gdb_answer_go(struct gdb_stub *stub, char letter, const char *p);
void gdb_answer_why(struct gdb_stub *stub);

/* "OK", or "Enn". -ENOTSUP: nothing, which says that. */
void gdb_answer_result(struct gdb_stub *stub, int r);

/* A thread: "1"; -1 and 0, where they may be, are GDB_ALL_CPUS. */
bool gdb_take_thread(const struct gdb_stub *stub, const char **at, int *cpu);

#endif
