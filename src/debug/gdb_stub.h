/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What gdb asks, and what it is answered, about a machine that it reaches
 * through the functions below. Bytes go in, bytes come out; no descriptors and
 * no threads, and nothing of a VM. The other side may be anybody: it gets an
 * error for what makes no sense, and nothing worse can come of it.
 *
 * gdb's threads are the machine's CPUs, from 1 on. One client at a time; all of
 * the machine stands still, or all of it that gdb wants runs.
 */
#ifndef VIREO_DEBUG_GDB_STUB_H
#define VIREO_DEBUG_GDB_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GDB_ALL_CPUS (-1)

enum gdb_break { GDB_SOFTWARE, GDB_HARDWARE, GDB_WRITE, GDB_READ, GDB_ACCESS };

/* Why the machine stopped by itself. */
struct gdb_stop {
	unsigned int cpu;
	bool stepped; /* the other fields mean nothing */
	enum gdb_break kind;
	uint64_t va;
};

/* The machine. Functions that return int: 0 or -errno; -ENOTSUP: it cannot be
 * done here at all. But stop() they want a machine that stands still. */
struct gdb_target_ops {
	unsigned int (*cpus)(void *ctx);
	/* "running", "halted", ... */
	const char *(*activity)(void *ctx, unsigned int cpu);

	/* The description of its registers; as arch_gdb_describe(). */
	size_t (*describe)(char *to, size_t cap);
	/* Bytes of register @n; 0: there is none. */
	unsigned int (*reg_size)(unsigned int n);
	/* All of them, one after the other. */
	int (*get_regs)(void *ctx, unsigned int cpu, uint8_t *to);
	int (*set_regs)(void *ctx, unsigned int cpu, const uint8_t *from);
	int (*set_pc)(void *ctx, unsigned int cpu, uint64_t va);

	/* How many bytes were read, written; as the CPU sees them. */
	size_t (*read)(void *ctx, unsigned int cpu, uint64_t va, uint8_t *to,
		       size_t len);
	size_t (*write)(void *ctx, unsigned int cpu, uint64_t va,
			const uint8_t *from, size_t len);

	int (*break_add)(void *ctx, unsigned int cpu, enum gdb_break kind,
			 uint64_t va, unsigned int len);
	int (*break_remove)(void *ctx, unsigned int cpu, enum gdb_break kind,
			    uint64_t va, unsigned int len);

	int (*stop)(void *ctx);
	/* One CPU goes on, or does one instruction; or GDB_ALL_CPUS. @others:
	 * they go on beside it. */
	int (*run)(void *ctx, int cpu, bool step, bool others);
	/* What stopped it, when something is to be told: 0 or -EAGAIN. */
	int (*take_stop)(void *ctx, struct gdb_stop *stop);
	/* The debugger goes: no breakpoint is left, and it goes on. */
	void (*detach)(void *ctx);
	/* Ends the machine. */
	void (*kill)(void *ctx);
};

struct gdb_stub;

/* @ops and @ctx outlive it. 0 or -ENOMEM. */
int gdb_stub_create(struct gdb_stub **out, const struct gdb_target_ops *ops,
		    void *ctx);
void gdb_stub_destroy(struct gdb_stub *stub);

/* A client is there: the machine is stopped. */
void gdb_stub_attach(struct gdb_stub *stub);
/* It is gone, in whatever way. Also when it has said so itself. */
void gdb_stub_detach(struct gdb_stub *stub);

/* Bytes of the client's: how many were looked at. It stops when there is
 * something to be sent first. */
size_t gdb_stub_input(struct gdb_stub *stub, const uint8_t *bytes, size_t len);
/* What is to be sent, until it has been; *len 0: nothing. */
const char *gdb_stub_output(struct gdb_stub *stub, size_t *len);
void gdb_stub_sent(struct gdb_stub *stub, size_t len);

/* The client has said goodbye: when all is sent, close. */
bool gdb_stub_is_done(const struct gdb_stub *stub);
/* It waits for the machine to stop. */
bool gdb_stub_is_running(const struct gdb_stub *stub);

/* The machine may have stopped: the client is told when it has. */
void gdb_stub_look(struct gdb_stub *stub);
/* The machine has ended, with this status. */
void gdb_stub_end(struct gdb_stub *stub, int status);

#endif
