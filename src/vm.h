/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtual machine: states and transitions, and every thread it owns.
 */
#ifndef VIREO_VM_H
#define VIREO_VM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "arch/arch.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "board/board.h"
#include "command/command.h"
#include "devices/console_watch.h"
#include "kvm/kvm.h"
#include "stats.h"
#include "vcpu.h"
#include "vireo.h"
#include "vm_debug.h"

#define VM_NS_PER_MS UINT64_C(1000000)

struct gdb_server;

enum vm_state { VM_BUILT, VM_RUNNING, VM_ENDED };

/* What is given beside the configuration. Descriptors in place of paths; -1:
 * none. Borrowed until vm_create() returns. */
struct vm_fds {
	int kvm;
	int console_in;
	int console_out;
	int command_in; /* of the command, when there is one */
	int command_out;
	int command_err;
	const struct extras *extras; /* copied; NULL: none */
};

struct vireo_vm {
	/* fixed at creation; owned */
	pid_t process; /* whose VM it is: a child of fork() has a mere copy */
	struct config *cfg;
	struct extras *extras; /* NULL: none */
	struct log log;
	struct kvm kvm;
	struct loop *loop;
	/* of each virtio device of the embedder's, whose requests may take
	 * long */
	struct loop *custom_loop[EXTRAS_MAX];
	struct char_dev *console[CONFIG_MAX_CONSOLES]; /* as cfg's */
	bool new_file[CONFIG_MAX_CONSOLES]; /* until the VM is made */
	struct command *command; /* NULL: none */
	int event_fd; /* readable once ended */
	int work_fd;  /* wakes the io thread: a request waits */
	struct loop_source *work;
	struct loop_source *deadline;
	struct loop_source *idle;
	struct loop_source *cpu_time;
	struct loop_source *panic_grace;

	/* guards the board, and starting and joining of the vCPU threads,
	 * against a rebuild; never taken by a vCPU */
	pthread_mutex_t board_lock;
	struct board board;
	struct arch_entry entry;
	struct vcpu_host host;
	struct seat *seat; /* owned; of each vCPU, or NULL */
	struct vcpu *vcpu; /* owned; cfg->cpus of them */
	struct gate gate;  /* follows @wants */
	struct vm_debug debug;
	struct gdb_server *gdb; /* owned; NULL: nobody wants to debug it */
	uint16_t cols; /* of the user's terminal; 0: not known */
	uint16_t rows;

	/* held for reading by whoever looks at the machine from outside: see
	 * vm_take_machine(). Taken after the board lock; no callback runs under
	 * it */
	pthread_rwlock_t machine_lock;
	bool whole; /* there is a machine, and not half of one */

	/* guards the main console's lines; taken under the console's lock, and
	 * before the one below: a line may be a panic */
	pthread_mutex_t watch_lock;
	struct console_watch watch;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	enum vm_state state;
	bool requested; /* somebody wants the VM to end: see end */
	bool panicked;  /* a panic was seen or reported */
	struct vm_wants wants; /* what may run */
	unsigned int waiters; /* threads that are in a wait for the VM */
	struct vireo_end end;
	unsigned int samples; /* looks at the vCPUs; the io thread's */
	_Atomic uint64_t deadline_ns; /* when the time is over */
	uint64_t created_ns;
	uint64_t started_ns;
	uint64_t ended_ns;
	uint64_t user_space_ns;
	uint64_t output_ns; /* the last byte of console output */
	unsigned int restarts;
	bool tracked; /* board lock: see vireo_memory_track() */
	struct stats total;
	uint64_t touched; /* bytes of RAM, before we have read there; or 0 */
};

int vm_create(struct vireo_vm **out, const struct config *cfg,
	      const struct log *log, const struct vm_fds *fds,
	      struct err *err);
void vm_destroy(struct vireo_vm *vm);
/* -EBUSY when it has been started before. */
int vm_start(struct vireo_vm *vm, struct err *err);
/* 0, -ETIMEDOUT, or -EBUSY before the start. */
int vm_wait(struct vireo_vm *vm, int timeout_ms, struct vireo_end *end);
/* Around another wait for the VM: vm_destroy() lets it come to its end. */
void vm_enter_wait(struct vireo_vm *vm);
void vm_leave_wait(struct vireo_vm *vm);
int vm_power_button(struct vireo_vm *vm);
/* Is the caller a thread that runs the embedder's callbacks? It must not wait
 * for the VM's threads: it is one. */
bool vm_is_own_thread(struct vireo_vm *vm);
/* The first reason wins. Any thread; locks of devices may be held. */
void vm_request_end(struct vireo_vm *vm, enum vireo_reason reason, int status,
		    const char *detail);

/* The terminal behind console=stdio has this size. */
void vm_console_resize(struct vireo_vm *vm, uint16_t cols, uint16_t rows);
/* Where to connect to console @index, or NULL. */
const char *vm_console_path(const struct vireo_vm *vm, size_t index);
/* Lets somebody look in at the main console: 0, -EBUSY, -errno; -1: nobody. */
int vm_console_visit(struct vireo_vm *vm, int fd);
/* Bytes that nobody read, of all consoles. */
uint64_t vm_console_dropped(struct vireo_vm *vm);
/* Calls @fn for each of the main console's last lines, the oldest first. No
 * lock is held meanwhile. */
void vm_console_tail(struct vireo_vm *vm,
		     void (*fn)(void *ctx, const char *line), void *ctx);

/* A condition that waits by the clock that nobody sets, and a time from now on
 * it (@timeout_ms < 0: whatever). */
void vm_init_condition(pthread_cond_t *cond);
void vm_deadline_after(struct timespec *ts, int timeout_ms);

/* ---- vm_console.c, for vm.c ---- */

int vm_open_consoles(struct vireo_vm *vm, const struct vm_fds *fds,
		     struct err *err);
/* The VM is made: what vm_open_consoles() has made stays. */
void vm_keep_consoles(struct vireo_vm *vm);
void vm_close_consoles(struct vireo_vm *vm);
/* Nobody waits for a reader from here on; or again. */
void vm_cancel_consoles(struct vireo_vm *vm, bool on);

/* ---- vm_end.c, for vm.c: what devices, vCPUs, console and clock say ---- */

/* The request that waits is a reset after which the VM goes on; lock held. */
bool vm_will_restart(const struct vireo_vm *vm);
void vm_on_vcpu_end(void *ctx, enum vireo_reason reason, const char *detail);
void vm_on_machine_event(void *ctx, enum machine_event event, uint32_t data);
void vm_on_console_event(void *ctx, enum console_event event,
			 const char *line);
void vm_on_command_end(void *ctx, const struct command_end *end);
void vm_on_mark(void *ctx, uint8_t n);
void vm_on_output(void *ctx, const uint8_t *bytes, size_t len);
void vm_on_panic_grace(void *ctx, uint32_t events);

/* What `vireo run` ends with, and the word for it. */
int vm_exit_code(enum vireo_reason reason, int status);
const char *vm_verdict(enum vireo_reason reason);

/* ---- vm_limits.c: timers ---- */

void vm_on_deadline(void *ctx, uint32_t events);
void vm_on_idle(void *ctx, uint32_t events);
void vm_on_cpu_time(void *ctx, uint32_t events);
/* The VM starts now. */
void vm_arm_limits(struct vireo_vm *vm);

#endif
