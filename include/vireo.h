/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libvireo: a virtual machine as a C object.
 *
 *   struct vireo_config *cfg = NULL;
 *   struct vireo_vm *vm = NULL;
 *   struct vireo_end end;
 *   struct vireo_error err;
 *
 *   if (vireo_config_create(&cfg) == 0 &&
 *       vireo_config_set(cfg, "kernel", "vmlinuz", &err) == 0 &&
 *       vireo_config_set(cfg, "memory", "256M", &err) == 0 &&
 *       vireo_create(&vm, cfg, &err) == 0 &&
 *       vireo_start(vm, &err) == 0)
 *           vireo_wait(vm, -1, &end);
 *   vireo_destroy(&vm);
 *   vireo_config_destroy(&cfg);
 *
 * Rules that hold for every function here:
 * - 0 (or what the function says) on success, a negative VIREO_E... on failure.
 *   A function that takes a `struct vireo_error *` (NULL is allowed) fills it
 *   on failure, and only then.
 * - Nothing exits, prints, installs a signal handler or changes the process.
 * - There is no global state: any number of VMs, from any threads. Calls on
 *   one VM may come from several threads; calls on one config may not.
 * - Functions named destroy take the address of the caller's pointer, accept
 *   NULL there, and set it to NULL.
 * - Threads that a VM starts block all signals except those of their own faults
 *   (SIGSEGV, SIGBUS, ...). SIGRTMAX - 1 kicks a vCPU out of the guest; it is
 *   let through there only, and never left pending.
 * - A VM belongs to the process that made it. In a child of fork() functions
 *   that take one say VIREO_ESTATE, or do nothing; vireo_destroy() sets the
 *   pointer to NULL and leaves the rest to the child's end. What the child has
 *   inherited of descriptors is closed by exec.
 */
#ifndef VIREO_H
#define VIREO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header; vireo_version() tells that of the library. */
#define VIREO_VERSION_MAJOR 0
#define VIREO_VERSION_MINOR 1
#define VIREO_VERSION_PATCH 0
#define VIREO_VERSION       "0.1.0"

#if defined(__GNUC__)
#define VIREO_API __attribute__((visibility("default")))
#else
#define VIREO_API
#endif

/* ---- errors ---- */

/* Why a call has failed. */
enum vireo_code {
	VIREO_EINVAL = -1, /* a configuration value or argument is wrong */
	VIREO_EIMAGE = -2, /* a kernel or initrd cannot be loaded */
	VIREO_EHOST = -3,  /* the host lacks something: KVM, memory, a file */
	VIREO_ESTATE = -4, /* not possible in the VM's present state */
	VIREO_ETIME = -5,  /* the time given to a wait is over */
	VIREO_ETRAP = -6,  /* a sandbox's guest was stopped by a trap */
};

/* What a call has to say of its failure. */
struct vireo_error {
	int code;       /* one of enum vireo_code */
	char key[32];   /* the configuration key to blame, or "" */
	char text[400]; /* "WHAT: WHY (REMEDY)", one line */
};

/* The version of the library that runs, "0.1.0". Always answers. */
VIREO_API const char *vireo_version(void);

/* What this library has, by name, in no order: "x86-64", "command", "gdb", ...;
 * NULL past the last. */
VIREO_API const char *vireo_feature_at(size_t index);

/* ---- configuration: keys and values, as text ---- */

struct vireo_config;

/* One key of the configuration. The command line's options, the JSON file,
 * the manual and the completions all come from this table. */
struct vireo_key {
	const char *name;    /* "memory" */
	const char *arg;     /* "SIZE"; NULL: a flag, its value is "true" */
	const char *value;   /* the default, or NULL */
	const char *summary; /* half a line */
	const char *help;    /* a paragraph */
	const char *example; /* "--memory 512M" */
	char letter;         /* 'm', or 0 */
	bool repeatable;     /* values add up instead of replacing */
	bool advanced;       /* not in the short help */
};

/* The keys, in the order a person wants to read them; NULL past the last. */
VIREO_API const struct vireo_key *vireo_key_at(size_t index);

/* One without values, for the caller to destroy; VIREO_EHOST: out of memory,
 * and *out is NULL. */
VIREO_API int vireo_config_create(struct vireo_config **out);
/* VMs that were made from it go on. */
VIREO_API void vireo_config_destroy(struct vireo_config **cfg);

/*
 * Sets one key. The value is checked (form and range), nothing is opened. A
 * repeatable key adds a value, any other replaces it. The strings are copied.
 * VIREO_EINVAL: the error names the nearest known key, or the accepted range.
 */
VIREO_API int vireo_config_set(struct vireo_config *cfg, const char *key,
			       const char *value, struct vireo_error *err);

/* The @index-th value of a key as text; the default counts when nothing was
 * set; NULL when there is none. Owned by @cfg, valid until the next change. */
VIREO_API const char *vireo_config_get(const struct vireo_config *cfg,
				       const char *key, size_t index);

/* Has a value been given? False for a key that is not known. */
VIREO_API bool vireo_config_is_set(const struct vireo_config *cfg,
				   const char *key);

/* Sets keys from a JSON object: strings, numbers, booleans, and arrays of
 * strings for repeatable keys. At most 1 MiB. On failure @cfg is unchanged. */
VIREO_API int vireo_config_parse(struct vireo_config *cfg, const char *json,
				 size_t len, struct vireo_error *err);

/* The keys that were set, as JSON that vireo_config_parse() accepts; malloc'd,
 * the caller frees it. */
VIREO_API int vireo_config_print(const struct vireo_config *cfg, char **json);

/* Descriptors in place of paths, duplicated at once: the caller keeps its own.
 * "kvm": an open /dev/kvm. "console-in", "console-out": what console=stdio
 * stands for, whichever console that is; "command-in", "command-out",
 * "command-err": the streams of key "command". Without them the guest reads an
 * end of input, and its output is dropped. */
VIREO_API int vireo_config_set_fd(struct vireo_config *cfg, const char *name,
				  int fd, struct vireo_error *err);

/* How much there is to tell. */
enum vireo_log_level {
	VIREO_LOG_ERROR, /* something does not work */
	VIREO_LOG_WARN,  /* something may not be as it was meant; the default */
	VIREO_LOG_INFO,  /* what was decided */
	VIREO_LOG_DEBUG, /* what only we want to know */
};

/* @fn gets each log line up to @level, from any thread of the VM, without a
 * newline; its level is one of enum vireo_log_level. It must not call into the
 * VM, and never comes after vireo_destroy(). Key "log-level" is for programs
 * that pass it on: the library goes by @level. */
VIREO_API void vireo_config_set_log(struct vireo_config *cfg,
				    enum vireo_log_level level,
				    void (*fn)(void *ctx, int level,
					       const char *line),
				    void *ctx);

/* ---- a VM's life ---- */

struct vireo_vm;

/* Why a VM has ended. */
enum vireo_reason {
	VIREO_POWER_OFF = 1, /* ACPI S5 */
	VIREO_RESET,         /* the guest asked for a reset, on-reboot=exit */
	VIREO_PANIC,         /* pvpanic, or the panic line on the console */
	VIREO_TRIPLE_FAULT, /* the CPU could not go on */
	VIREO_KVM_ERROR,  /* KVM could not run the guest */
	VIREO_HOST_ERROR, /* a host resource failed while running */
	VIREO_STOPPED,    /* vireo_stop() */
	VIREO_DEADLINE,   /* key "timeout" */
	VIREO_DEBUG_EXIT, /* --testdev: the debug-exit port */
	VIREO_COMMAND,    /* key "command": it has ended, or cannot run */
};

/* How a VM, or a command, has ended. */
struct vireo_end {
	enum vireo_reason reason; /* the first one */
	int status;        /* DEBUG_EXIT, COMMAND: 0-255; else 0 */
	int exit_code;     /* what `vireo run` ends with, see vireo-run(1) */
	char verdict[16];  /* "power-off", "panic", ... */
	char detail[1024]; /* one or more lines with the data, or "" */
};

/*
 * Builds the VM: opens KVM, maps memory, makes the devices, loads the kernel.
 * @cfg is copied and may be changed or destroyed afterwards. On failure *out
 * is NULL and nothing is left open.
 */
VIREO_API int vireo_create(struct vireo_vm **out,
			   const struct vireo_config *cfg,
			   struct vireo_error *err);

/* Lets the vCPUs run. Once per VM; VIREO_ESTATE otherwise. */
VIREO_API int vireo_start(struct vireo_vm *vm, struct vireo_error *err);

/* The vCPUs of VMs of this configuration run on threads of the caller's: each
 * vCPU waits for one that calls vireo_vcpu_run(). Where these threads run is
 * the caller's to say: with key "pin" vireo_create() says VIREO_EINVAL. */
VIREO_API int vireo_config_own_threads(struct vireo_config *cfg,
				       struct vireo_error *err);

/* Runs vCPU @cpu on the calling thread until the VM has ended, over resets of
 * the machine; before vireo_start() it waits, until a vireo_stop() that comes
 * first. Callbacks of devices run on it, with their rules. Meanwhile SIGPIPE,
 * SIGXFSZ and SIGRTMAX - 1 are blocked for this thread, and while it is in the
 * guest all other signals wait. 0; VIREO_EINVAL: no such vCPU; VIREO_ESTATE:
 * the VM has threads itself, or has ended or been stopped, or another thread
 * runs this vCPU. The thread is out before vireo_destroy() returns. */
VIREO_API int vireo_vcpu_run(struct vireo_vm *vm, unsigned int cpu);

/* Waits until the VM has ended, at most @timeout_ms (-1: for ever, 0: only
 * looks). 0 and *end filled, or VIREO_ETIME; VIREO_ESTATE before the start. */
VIREO_API int vireo_wait(struct vireo_vm *vm, int timeout_ms,
			 struct vireo_end *end);

/* A descriptor that polls readable once the VM has ended; owned by the VM. Do
 * not read it. By then its consoles have written what their readers had room
 * for; vireo_destroy() writes the rest, and waits for a reader up to 2 s, and
 * an eighth of a second for each console but the first. */
VIREO_API int vireo_event_fd(const struct vireo_vm *vm);

/* Presses the ACPI power button: the guest is asked to shut down. VIREO_ESTATE
 * when it does not listen (yet, or at all). */
VIREO_API int vireo_power_button(struct vireo_vm *vm);

/* A signal for the guest's command, as kill(2) to its process group; it is lost
 * when the command has not started. VIREO_ESTATE: there is no command. */
VIREO_API int vireo_command_signal(struct vireo_vm *vm, int number);

/* The terminal behind console=stdio has this size now, or already before the
 * start; a virtio console tells the guest, a serial port cannot. Any number of
 * times, from any thread. VIREO_EINVAL: more than 65535. */
VIREO_API int vireo_console_resize(struct vireo_vm *vm, unsigned int cols,
				   unsigned int rows);

/* Lets somebody look in at the main console beside its own reader, and type:
 * @fd is a stream socket, duplicated; what it does not take at once is lost to
 * it. -1: nobody from here on. VIREO_ESTATE: somebody does already. */
VIREO_API int vireo_console_visit(struct vireo_vm *vm, int fd);

/* Where to connect to the @index-th console: the path of a pseudo-terminal (or
 * of the link to it), or of a socket. NULL: it is neither, or there is no such
 * console. Owned by @vm, valid until vireo_destroy(). */
VIREO_API const char *vireo_console_path(const struct vireo_vm *vm,
					 size_t index);

/*
 * Makes the guest stand still: on return every vCPU is out of it, and stays out
 * until vireo_resume(). Calling it again is no error, and does not count: one
 * vireo_resume() is enough. From any thread but those that run a vCPU. It waits
 * for what a vCPU is doing on the host: a console whose reader is stuck may
 * hold it up for 10 s.
 *
 * Only the guest's instructions stand still. Devices finish what they have been
 * given, and keep what arrives for the guest; its clocks go on, and so do keys
 * "timeout" and "idle-timeout": the time may be over in a pause. vireo_stop(),
 * vireo_destroy() and an end that was under way end a paused VM as any other; a
 * reset that was under way leaves it paused before its first instruction.
 *
 * VIREO_ESTATE: it has not been started, or has ended; or the caller is a
 * vCPU's thread.
 */
VIREO_API int vireo_pause(struct vireo_vm *vm);

/* Lets the guest go on, unless a debugger (key "gdb") wants it to stand still,
 * too: then it goes on when the debugger lets it, and what the debugger has
 * begun, as a step, goes on where the pause has interrupted it. Without one a
 * step is forgotten, and what was watched and touched, and not told
 * (vireo_hit_wait()), keeps the guest paused until then. Not having been paused
 * is no error. VIREO_ESTATE as above. */
VIREO_API int vireo_resume(struct vireo_vm *vm);

/* Ends the VM now, whatever the guest does. Returns at once; vireo_wait()
 * tells when it has ended. The first end reason wins. Before vireo_start() it
 * keeps the VM from starting: then there is no end to wait for, and who is in
 * vireo_vcpu_run() comes out. */
VIREO_API void vireo_stop(struct vireo_vm *vm);

/* Stops the VM when it runs, joins its threads and frees everything. It lets
 * those out first who are in vireo_wait(), vireo_hit_wait() or
 * vireo_vcpu_run(); no other function of this VM may be under way, or come
 * later, but those that take a request. */
VIREO_API void vireo_destroy(struct vireo_vm **vm);

/* ---- guest memory ---- */

/*
 * Addresses are guest-physical, sizes in bytes. The guest, its devices and
 * these functions use the same memory at once: who needs a consistent view
 * pauses the VM. From vireo_create() on, by any thread, in callbacks too. A
 * range may go over pieces of memory that touch, whosever they are.
 * VIREO_EINVAL: a byte of the range is no memory, and nothing was copied;
 * VIREO_ESTATE: the machine is being built anew, or could not be.
 *
 *   uint32_t answer;
 *
 *   if (vireo_memory_read(vm, 0x1000, &answer, sizeof(answer)) == 0)
 *           printf("%u\n", answer);
 */

/* A piece of guest memory. */
struct vireo_region {
	uint64_t gpa;   /* where it begins */
	uint64_t size;  /* bytes */
	bool read_only; /* for the guest */
	bool lent;      /* by vireo_config_map_memory() */
};

/* The @index-th region, by address; VIREO_EINVAL past the last. */
VIREO_API int vireo_memory_region(struct vireo_vm *vm, size_t index,
				  struct vireo_region *region);
VIREO_API int vireo_memory_read(struct vireo_vm *vm, uint64_t gpa, void *buf,
				size_t len);
/* Memory that is read-only for the guest is so here: VIREO_EINVAL. */
VIREO_API int vireo_memory_write(struct vireo_vm *vm, uint64_t gpa,
				 const void *buf, size_t len);
VIREO_API int vireo_memory_fill(struct vireo_vm *vm, uint64_t gpa,
				uint8_t byte, uint64_t len);
/* A CRC-32C, to tell whether memory has changed: it finds accidents,
 * not a guest that wants to deceive. VIREO_ESTATE, too: the machine was built
 * anew meanwhile. */
VIREO_API int vireo_memory_checksum(struct vireo_vm *vm, uint64_t gpa,
				    uint64_t len, uint32_t *sum);

/* Notes from here on which pages are written, by the guest, its devices and
 * these functions; it costs the guest a fault for each page and listing. From
 * vireo_create() on. VIREO_ESTATE: the machine is gone, or in a callback. */
VIREO_API int vireo_memory_track(struct vireo_vm *vm);

/* Calls @fn for each run of pages, of 4096 bytes, that were written since the
 * last call or since vireo_memory_track(), by address; whose notes are gone
 * then. A page is listed when its bytes are there: what a device is about to
 * write comes in a later list. After a reset of the machine all pages are
 * listed once. One thread at a time. VIREO_ESTATE: nothing is noted. */
VIREO_API int vireo_memory_dirty(struct vireo_vm *vm,
				 void (*fn)(void *ctx, uint64_t gpa,
					    uint64_t length),
				 void *ctx);

/* Where the guest's RAM comes from, of as many bytes as key "memory" says: a
 * memfd, or a function. */
struct vireo_ram {
	size_t size; /* sizeof(struct vireo_ram) */
	int fd;      /* a memfd with F_SEAL_SHRINK, duplicated; or -1 */
	/* Memory that is zeroed and aligned to @align (a power of two), for
	 * each machine: also after a reset. NULL: there is none. Both functions
	 * are called by vireo_create(), vireo_destroy() and at a reset, as
	 * callbacks of devices are. */
	void *(*alloc)(void *ctx, size_t size, size_t align);
	/* It is not used any more. */
	void (*free)(void *ctx, void *memory, size_t size);
	void *ctx; /* for the functions */
};

/* What a memfd holds the guest finds, below what is loaded into it; after a
 * reset it is zeroed. It may be mapped elsewhere, too: memory is then shared
 * with the guest, which may change it at any time. VIREO_EINVAL: neither, or
 * both; VIREO_EHOST. Too small a memfd is seen by vireo_create(). */
VIREO_API int vireo_config_set_ram(struct vireo_config *cfg,
				   const struct vireo_ram *ram,
				   struct vireo_error *err);

/* Whose memory it is: @fd (from @offset on) or, with @fd -1, at @addr in this
 * process, where it has to stay until the VM is destroyed. */
struct vireo_memory_map {
	size_t size;     /* sizeof(struct vireo_memory_map) */
	uint64_t gpa;    /* where the guest has it */
	uint64_t length; /* bytes */
	int fd;          /* a memfd with F_SEAL_SHRINK; duplicated */
	uint64_t offset; /* in the file */
	void *addr;      /* without a file */
	bool read_only; /* what the guest writes there is lost */
};

/*
 * Lends memory to the guest, beside its RAM: it is not told where, and virtio
 * devices do not reach it. All numbers are multiples of 4096. It lies at 4 GiB
 * or higher and above the RAM, or within [0xe0200000, 0xfeb00000). At most 16.
 * Where it cannot be is seen by vireo_create(). VIREO_EINVAL: a number is
 * wrong, or the file too short, or may be shortened.
 */
VIREO_API int vireo_config_map_memory(struct vireo_config *cfg,
				      const struct vireo_memory_map *map,
				      struct vireo_error *err);

/* ---- the caller's own devices ---- */

/*
 * They are added to a configuration, and every machine that is made of it has
 * them; strings and structs are copied, descriptors duplicated. At most 16 of
 * each kind. Form and range are checked at once (VIREO_EINVAL, with the name of
 * the device as the error's key), that there is room for them by
 * vireo_create().
 *
 * Callbacks run on threads of the VM. They may call vireo_memory_...(),
 * vireo_irq_set(), vireo_virtio_set_config(), vireo_request_...(),
 * vireo_power_button() and vireo_stop(); functions that wait for the VM refuse
 * there (VIREO_ESTATE), and vireo_destroy() does nothing. One that blocks keeps
 * its vCPU, or its device's queues, waiting: the VM ends without the latter,
 * and is destroyed, or reset, when it has come back. None comes after
 * vireo_destroy(), and none may end by longjmp() or an exception.
 *
 * A lock of yours that callbacks take may be held around these same functions,
 * but for vireo_memory_track() and _dirty(). Around those and the others it may
 * not: they wait for the VM, and the VM for the callback.
 */

/* A window of registers. Accesses are of 1, 2, 4 or 8 bytes within it, and
 * never two at once for one device: on the thread of the vCPU. */
struct vireo_device {
	size_t size;      /* sizeof(struct vireo_device) */
	const char *name; /* 1 to 31 bytes, in messages */
	bool port;        /* I/O ports, else memory: the places where memory
			   * can be lent */
	uint64_t base;   /* of the window */
	uint64_t length; /* bytes */
	/* NULL: reads give all ones. */
	uint64_t (*read)(void *ctx, uint64_t off, unsigned int len);
	/* NULL: writes are lost. */
	void (*write)(void *ctx, uint64_t off, unsigned int len,
		      uint64_t value);
	/* The machine is new: in vireo_create(), and at each of its resets. May
	 * be NULL. */
	void (*reset)(void *ctx);
	void *ctx; /* for the callbacks */
};

/*
 * Adds a window of registers.
 *
 *   struct vireo_device counter = {
 *           .size = sizeof(counter), .name = "counter",
 *           .base = 0xe0200000, .length = 4096,
 *           .read = count, .ctx = &n,
 *   };
 *   vireo_config_add_device(cfg, &counter, &err);
 */
VIREO_API int vireo_config_add_device(struct vireo_config *cfg,
				      const struct vireo_device *device,
				      struct vireo_error *err);

/* A write by the guest that becomes a signal of an eventfd, without leaving the
 * kernel; no device sees it. It is where a device of the caller's can be, also
 * inside of one. */
struct vireo_doorbell {
	size_t size; /* sizeof(struct vireo_doorbell) */
	int fd;      /* duplicated */
	bool port;   /* an I/O port, else memory */
	uint64_t addr;   /* of the write */
	uint32_t length; /* of the write: 1, 2, 4, 8; 0: any */
	bool has_match;  /* only writes of the value below */
	uint64_t match;  /* that value */
};

/* Adds one. */
VIREO_API int vireo_config_add_doorbell(struct vireo_config *cfg,
					const struct vireo_doorbell *doorbell,
					struct vireo_error *err);

/* Each signal of the eventfd @fd (duplicated) is an edge on interrupt @line,
 * without a system call of the VM's. Lines that can be free are 3, 5 to 7, 10
 * to 12, 14, 15 and 20 to 23 (and 16 to 19 without PCI devices). */
VIREO_API int vireo_config_add_irq_fd(struct vireo_config *cfg,
				      unsigned int line, int fd,
				      struct vireo_error *err);

/* The level of an interrupt line that no device of the machine's and no
 * descriptor has; 0 in a machine that is new. Any thread. VIREO_EINVAL: it is
 * not yours; VIREO_ESTATE: the machine is being built anew, or could not be. */
VIREO_API int vireo_irq_set(struct vireo_vm *vm, unsigned int line,
			    bool level);

/* A call of the guest's: it lies in its RAM, below 4 GiB and aligned to 8, in
 * little endian; the guest writes its address, four bytes, to the channel's
 * port. The port reads 0x6f726976. */
struct vireo_hypercall {
	uint64_t number; /* as you and the guest agree */
	uint64_t arg[6]; /* likewise */
	uint64_t result; /* for the guest; 0 before */
};

/* @fn gets a copy of each call, on the vCPU's thread, and fills its result. One
 * channel; setting it again replaces it. @port: four from there on, up to
 * 0xfffc. */
VIREO_API int
vireo_config_set_hypercall(struct vireo_config *cfg, uint16_t port,
			   void (*fn)(void *ctx, struct vireo_hypercall *call),
			   void *ctx, struct vireo_error *err);

/* ---- the caller's own virtio devices ---- */

struct vireo_request;

/* A virtio device: what it is, and who answers for it. */
struct vireo_virtio {
	size_t size;       /* sizeof(struct vireo_virtio) */
	const char *name;  /* 1 to 31 bytes, in messages */
	unsigned int type; /* 1 to 63; virtio 1.2, 5 */
	uint64_t features; /* the type's own, bits 0 to 23 and 50 to 63 */
	unsigned int queues;     /* 1 to 64 */
	unsigned int queue_size; /* a power of two up to 1024; 0: 256 */
	const void *config;      /* the configuration space at first */
	size_t config_size;      /* at most 1024 */
	/* The driver writes there; nothing is stored unless you do. NULL. */
	void (*config_write)(void *ctx, uint32_t off, unsigned int len,
			     uint64_t value);
	/* The driver is there, having chosen these features. NULL. */
	void (*ready)(void *ctx, uint64_t features);
	/* A request, to be given back by vireo_request_done(): in here or
	 * whenever it is done, by any thread. Runs on a thread of the
	 * device's own. */
	void (*request)(void *ctx, struct vireo_request *request);
	/* The driver has reset the device, or the machine is a new one (in
	 * vireo_create(), too): requests that are out are void. NULL. */
	void (*reset)(void *ctx);
	void *ctx; /* for the callbacks */
};

/* 0 and up: the device's number, for vireo_virtio_set_config(). It is attached
 * as key "transport" says. */
VIREO_API int vireo_config_add_virtio(struct vireo_config *cfg,
				      const struct vireo_virtio *device,
				      struct vireo_error *err);

/* Changes a part of the configuration space and tells the driver. It stays so
 * over resets, of the machine too; in the callback reset it is there for the
 * driver that comes. Any thread. VIREO_EINVAL: no such device, or part;
 * VIREO_ESTATE: the machine could not be built anew. */
VIREO_API int vireo_virtio_set_config(struct vireo_vm *vm, unsigned int device,
				      uint32_t off, const void *bytes,
				      uint32_t len);

/* Which queue it came by, and how many bytes of it the device may read, and
 * write. The guest's lengths: bound what you do with them. */
VIREO_API unsigned int
vireo_request_queue(const struct vireo_request *request);
VIREO_API uint64_t
vireo_request_readable(const struct vireo_request *request);
VIREO_API uint64_t
vireo_request_writable(const struct vireo_request *request);

/* Copies; a guest may change its bytes meanwhile: read once, check the copy.
 * VIREO_EINVAL: they are not all there. VIREO_ESTATE: the request is void, by a
 * reset or the VM's end; it is to be given back all the same. While 4096 of a
 * device that are void have not been, its driver's further requests come back
 * unanswered. */
VIREO_API int vireo_request_read(struct vireo_request *request, uint64_t off,
				 void *buf, size_t len);
VIREO_API int vireo_request_write(struct vireo_request *request, uint64_t off,
				  const void *buf, size_t len);

/* The request is answered by the first @written bytes of its writable part. It
 * is not yours any more. Also after vireo_destroy(). */
VIREO_API void vireo_request_done(struct vireo_request *request,
				  uint64_t written);

/* ---- further commands in a VM that runs one ---- */

struct vireo_exec;

/* Zeroes and NULL are the defaults; size is sizeof(struct vireo_exec_options).
 * Read by vireo_exec() only. */
struct vireo_exec_options {
	size_t size; /* sizeof(struct vireo_exec_options) */
	const char *const *words; /* the command and its arguments, then NULL */
	const char *const *env; /* NAME=VALUE, then NULL: over the variables of
				 * the VM's command; NULL: just these */
	const char *dir;  /* absolute; NULL: where the VM's command started */
	const char *user; /* "UID[:GID]"; NULL: as the VM's command */
	bool tty;         /* on a terminal of the guest's; in and out are it */
	bool has_in, has_out, has_err; /* the descriptors below are given */
	int in, out, err; /* duplicated at once: the caller keeps its own */
};

/*
 * Runs a command beside that of key "command". Returns at once; one for which
 * the guest is not ready yet waits, and has failed when the guest has not
 * started it after a minute. VIREO_EINVAL: an option is wrong; VIREO_ESTATE:
 * the VM has no command, or has ended; VIREO_EHOST: 64 run already, ...
 */
VIREO_API int vireo_exec(struct vireo_exec **out, struct vireo_vm *vm,
			 const struct vireo_exec_options *options,
			 struct vireo_error *err);

/* As vireo_wait() and vireo_event_fd(). The reason is always VIREO_COMMAND; the
 * verdict is "vm-ended" and the status 116 when the VM has ended first. */
VIREO_API int vireo_exec_wait(struct vireo_exec *exec, int timeout_ms,
			      struct vireo_end *end);
VIREO_API int vireo_exec_fd(const struct vireo_exec *exec);

/* As vireo_command_signal() and vireo_console_resize(). */
VIREO_API int vireo_exec_signal(struct vireo_exec *exec, int number);
VIREO_API int vireo_exec_resize(struct vireo_exec *exec, unsigned int cols,
				unsigned int rows);

/* Before vireo_destroy() of its VM. A command that still runs gets SIGHUP, and
 * its streams end. */
VIREO_API void vireo_exec_destroy(struct vireo_exec **exec);

/* ---- looking at it ---- */

/* Calls @fn for each of the last lines of the main console, the oldest first,
 * wherever the console goes: 64 lines at most, of 255 bytes at most. Whatever
 * the guest wrote, a line is printable ASCII: other bytes have become '?'.
 * Empty lines are left out. @fn must not call into the VM. */
VIREO_API void vireo_console_tail(struct vireo_vm *vm,
				  void (*fn)(void *ctx, const char *line),
				  void *ctx);

/* One figure: group "exits", name "io", value 42, unit "" or "us" or "KiB". */
struct vireo_stat {
	const char *group; /* "vm", "time", "exits", "memory", "disk", ... */
	const char *name;  /* within the group */
	uint64_t value;    /* in units of: */
	const char *unit;  /* "", "us", "KiB", ... */
};

/* Calls @fn for each figure, in a fixed order; figures are exact once the VM
 * has ended, and exits count only from then on, or from a restart. Exits per
 * port or page are counted only with key "stats". @fn must not call into the
 * VM. */
VIREO_API void vireo_stats(struct vireo_vm *vm,
			   void (*fn)(void *ctx, const struct vireo_stat *stat),
			   void *ctx);

/* Calls @fn for each register of each vCPU of a VM that has ended, in a fixed
 * order: where its guest was stopped. A name is a constant. */
VIREO_API void vireo_registers(struct vireo_vm *vm,
			       void (*fn)(void *ctx, unsigned int cpu,
					  const char *name, uint64_t value),
			       void *ctx);

/* Calls @fn for each line of a description, for a person, of what the vCPUs of
 * a VM that has ended were doing: program counter, samples of it from before a
 * deadline, and what may be return addresses on the stack; by name where the
 * kernel, or key "symbols", has one. @fn must not call into the VM. */
VIREO_API void vireo_trace(struct vireo_vm *vm,
			   void (*fn)(void *ctx, const char *line), void *ctx);

/*
 * Looks at an overlay file (--disk BASE,overlay=FILE) without changing it. @fn
 * gets its figures (group "disk"), @problem each damaged place in a sentence;
 * either may be NULL. 0: it is sound; VIREO_EIMAGE: it is damaged, or not an
 * overlay; VIREO_EHOST: it cannot be read, or a VM is using it.
 */
VIREO_API int vireo_disk_check(const char *path,
			       void (*fn)(void *ctx,
					  const struct vireo_stat *stat),
			       void (*problem)(void *ctx, const char *line),
			       void *ctx, struct vireo_error *err);

/* ---- bare sandboxes: a function in a VM without a kernel ---- */

/*
 * A sandbox runs functions of a static, freestanding ELF program, or plain
 * machine code, on the unprivileged side of a VM in which there is nothing
 * else: no kernel, no devices, no interrupts. It sees its own memory, and what
 * a call hands it. Its header, sandbox.h, tells what there is; one command
 * builds it:
 *
 *   cc -O2 -o filter.elf filter.c $(pkg-config --cflags --libs vireo-sandbox)
 *
 * A function that can be called has this type; it returns the length of its
 * output, or anything else to say that there is none (VIREO_TRAP_RESULT):
 *
 *   long f(const void *in, size_t in_len, void *out, size_t out_cap);
 *
 *   struct vireo_sandbox_options options = { .size = sizeof(options),
 *                                            .path = "filter.elf" };
 *   struct vireo_sandbox_call call = { .size = sizeof(call),
 *                                      .function = "f", .timeout_us = 10000,
 *                                      .in = text, .in_len = strlen(text),
 *                                      .out = reply, .out_cap = 4096 };
 *   struct vireo_sandbox_trap trap;
 *   struct vireo_sandbox *sb;
 *
 *   if (vireo_sandbox_create(&sb, &options, &err) == 0) {
 *           if (vireo_sandbox_call(sb, &call, &trap, &err) == VIREO_ETRAP)
 *                   puts(trap.text);
 *           vireo_sandbox_destroy(&sb);
 *   }
 *
 * Threads: a call runs the guest on the caller's thread. A sandbox belongs to
 * one thread at a time, whichever; another one that comes meanwhile, and a
 * callback that calls into its own sandbox, get VIREO_ESTATE, but for
 * vireo_sandbox_stop(). Any number of sandboxes may run at once. During a call
 * SIGRTMAX - 1 is blocked (it tells a deadline or a stop), and the thread's
 * other signals are delivered as ever; a handler must not leave by longjmp(),
 * nor may a callback.
 * A child of fork() can only destroy what it has inherited.
 */
struct vireo_sandbox;

/* Zeroes and NULL are the defaults; size is sizeof(struct
 * vireo_sandbox_options). Read by vireo_sandbox_create() only. */
struct vireo_sandbox_options {
	size_t size;       /* of this struct */
	const void *image; /* the program, or NULL and its path */
	size_t image_len;  /* bytes of it, 64 MiB at most */
	const char *path;  /* its file, or NULL */
	bool flat;         /* it is plain machine code, loaded at 0x10000 */
	uint64_t memory;   /* bytes of the guest's, 1 GiB at most; 0: 16 MiB.
			    * This and the next two: whole pages of 4 KiB */
	uint64_t stack;    /* bytes of it for the stack; 0: 64 KiB */
	uint64_t buffer;   /* bytes, largest input and output; 0: 1 MiB. Twice
			    * that is taken off memory; the heap has the rest */
	uint64_t max_hypercalls; /* in one call; 0: any number */
	bool has_kvm;            /* the descriptor below is given */
	int kvm;                 /* an open /dev/kvm; duplicated at once */
};

/*
 * Makes a sandbox from a program and reads all of it; nothing runs yet. No page
 * is both writable and executable, and none is where the program has none:
 * below 64 KiB and around the stack, either, an access is a fault. On failure
 * *out is NULL and nothing is left open. VIREO_EINVAL: an option; VIREO_EIMAGE:
 * the program; VIREO_EHOST: KVM or memory.
 */
VIREO_API int
vireo_sandbox_create(struct vireo_sandbox **out,
		     const struct vireo_sandbox_options *options,
		     struct vireo_error *err);

/*
 * Lets the guest call @fn by @number, 0-63, on the thread of the call; NULL:
 * not any more. @in is a copy of what the guest passed, and @out room for an
 * answer: @fn returns its length, or a negative number, and the guest gets what
 * it returns. Both belong to the library, do not change meanwhile, and are gone
 * when @fn returns; the room holds zeros. @fn may do anything but call into its
 * sandbox, which it may stop. VIREO_EINVAL: the number; VIREO_ESTATE: during a
 * call.
 */
VIREO_API int
vireo_sandbox_register(struct vireo_sandbox *sb, unsigned int number,
		       int64_t (*fn)(void *ctx, const void *in, size_t in_len,
				     void *out, size_t out_cap),
		       void *ctx);

/* Zeroes are the defaults; size is sizeof(struct vireo_sandbox_call). in and
 * out may be one buffer. */
struct vireo_sandbox_call {
	size_t size;          /* of this struct */
	const char *function; /* NULL: where the program begins */
	const void *in;       /* NULL when in_len is 0 */
	size_t in_len;        /* bytes; at most the option buffer */
	void *out;            /* NULL when out_cap is 0 */
	size_t out_cap;       /* bytes; of more than the option buffer, that */
	uint64_t timeout_us;  /* the call may take so long; 0: for ever */
	size_t out_len;       /* the answer: bytes that are in out; 0 on
			       * failure */
};

/* What has stopped a guest. */
enum vireo_trap_reason {
	VIREO_TRAP_FAULT = 1, /* an exception: vector, error_code, address */
	VIREO_TRAP_SYSCALL,   /* a system call: there is no kernel */
	VIREO_TRAP_DEADLINE,  /* timeout_us are over */
	VIREO_TRAP_HYPERCALL, /* number is not registered, or a buffer, at
			       * address, is not the guest's, or too large */
	VIREO_TRAP_LIMIT,     /* more than max_hypercalls */
	VIREO_TRAP_RESULT,    /* it returned value, more than out_cap */
	VIREO_TRAP_MACHINE,   /* KVM cannot run this guest any further */
	VIREO_TRAP_STOPPED,   /* vireo_sandbox_stop() */
};

/* By what and where a guest was stopped; members that mean nothing are 0. */
struct vireo_sandbox_trap {
	enum vireo_trap_reason reason; /* which of the next ones count */
	unsigned int vector; /* FAULT: 0 division, 6 invalid instruction, 13
			      * protection, 14 page fault, ... */
	uint64_t error_code; /* FAULT: as the CPU gives it */
	uint64_t address;    /* a page fault: what could not be accessed;
			      * HYPERCALL: a buffer's address */
	uint64_t number;     /* HYPERCALL */
	uint64_t value;      /* RESULT */
	uint64_t rip, rsp, rflags; /* registers, where it was stopped */
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp; /* likewise */
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15; /* likewise */
	char text[200]; /* a line, "page fault: write to 0x8, at f+0x12" */
};

/*
 * Calls a function: copies the input in, runs the guest on this thread until
 * the function returns, copies the output out. Memory and floating-point state
 * stay as the call leaves them: the next call finds them, unless a
 * vireo_sandbox_reset() comes first.
 *
 * 0, and call->out_len; VIREO_ETRAP: the guest was stopped, *trap (NULL is
 * allowed) says by what and where, and the sandbox needs a reset; else *trap is
 * zeroed. VIREO_EINVAL:
 * no such function, or too much input; VIREO_ESTATE: it is in a call, or needs
 * a reset, or is a parent process'; VIREO_EHOST: KVM failed, or there are no
 * more timers.
 */
VIREO_API int vireo_sandbox_call(struct vireo_sandbox *sb,
				 struct vireo_sandbox_call *call,
				 struct vireo_sandbox_trap *trap,
				 struct vireo_error *err);

/*
 * Ends the call that is under way in another thread, whatever the guest does,
 * by VIREO_TRAP_STOPPED; a callback returns first. Any thread, and callbacks,
 * but not signal handlers. 0; the call may have come to its own end meanwhile.
 * VIREO_ESTATE: the guest does not run (yet), or in a child process. As any
 * function, not once vireo_sandbox_destroy() has been called.
 */
VIREO_API int vireo_sandbox_stop(struct vireo_sandbox *sb);

/*
 * Takes memory and registers back to what they were before the first call; only
 * pages that were written are copied. What is registered stays. VIREO_ESTATE:
 * during a call, or in a child process; VIREO_EHOST: KVM failed, and the
 * sandbox can only be destroyed.
 */
VIREO_API int vireo_sandbox_reset(struct vireo_sandbox *sb,
				  struct vireo_error *err);

/* The guest's memory, [address, address + len) of its addresses, into @buf: to
 * look at it after a trap. VIREO_EINVAL: it is not all the guest's;
 * VIREO_ESTATE: during a call, or in a child process. */
VIREO_API int vireo_sandbox_read(struct vireo_sandbox *sb, uint64_t address,
				 void *buf, size_t len);

/* Frees it, and sets *sb to NULL. By then no other thread is in
 * vireo_sandbox_stop(), or comes to it: a watchdog has been told, or joined.
 * 0; VIREO_ESTATE, and nothing happens: during a call. NULL is allowed. */
VIREO_API int vireo_sandbox_destroy(struct vireo_sandbox **sb);

/* ---- looking into a guest that stands still (x86-64) ---- */

/*
 * The functions below want a VM that is paused: by vireo_pause(), or because
 * something was hit. From any thread. They fail with VIREO_EINVAL: an argument
 * is NULL, there is no such vCPU, or the struct is smaller than that of 0.1;
 * VIREO_ESTATE: the VM is not paused; VIREO_EHOST: KVM refuses. Of a VM that
 * has ended, after it was started, what can be read can still be read.
 *
 *   struct vireo_regs regs = { .size = sizeof(regs) };
 *
 *   if (vireo_pause(vm) == 0 && vireo_vcpu_get_regs(vm, 0, &regs) == 0)
 *           printf("%#llx\n", (unsigned long long)regs.rip);
 *   vireo_resume(vm);
 */

/* A segment register, with what the CPU keeps of its descriptor. */
struct vireo_segment {
	uint64_t base;     /* where it begins */
	uint32_t limit;    /* in bytes */
	uint16_t selector; /* what the guest has loaded */
	uint16_t access; /* bits 40 to 55 of a descriptor, without the limit's:
			  * type, S, DPL, P, and from bit 12 on AVL, L, D, G */
};

/* The registers of a vCPU; size is sizeof(struct vireo_regs), from the
 * caller. */
struct vireo_regs {
	size_t size; /* of this struct */
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp; /* general */
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;	 /* likewise */
	uint64_t rip, rflags; /* where it stands */
	struct vireo_segment cs, ds, es, fs, gs, ss, tr, ldt; /* segments */
	uint64_t gdt_base, idt_base;   /* tables */
	uint16_t gdt_limit, idt_limit; /* their last byte */
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, apic_base; /* control */
};

/* As FXSAVE knows them; size is sizeof(struct vireo_fpu), from the caller. */
struct vireo_fpu {
	size_t size;	   /* of this struct */
	uint8_t st[8][16]; /* ST(0) first; 10 bytes count, the lowest first */
	uint8_t xmm[16][16];	/* the lowest byte first */
	uint16_t fcw, fsw, fop; /* control, status, last opcode */
	uint8_t ftw; /* a bit for each register that is in use */
	uint64_t fip, fdp; /* the last instruction, and its operand */
	uint32_t mxcsr;	   /* control and status of SSE */
};

/* Fills what is in *regs, after its size. */
VIREO_API int vireo_vcpu_get_regs(struct vireo_vm *vm, unsigned int cpu,
				  struct vireo_regs *regs);
/* All of them: change what vireo_vcpu_get_regs() gave. What a CPU cannot be in
 * is refused by KVM (VIREO_EHOST); some of it may have been set then. */
VIREO_API int vireo_vcpu_set_regs(struct vireo_vm *vm, unsigned int cpu,
				  const struct vireo_regs *regs);
/* Likewise, of the floating-point unit. */
VIREO_API int vireo_vcpu_get_fpu(struct vireo_vm *vm, unsigned int cpu,
				 struct vireo_fpu *fpu);
VIREO_API int vireo_vcpu_set_fpu(struct vireo_vm *vm, unsigned int cpu,
				 const struct vireo_fpu *fpu);
/* VIREO_EINVAL also when the vCPU has no such MSR. */
VIREO_API int vireo_vcpu_get_msr(struct vireo_vm *vm, unsigned int cpu,
				 uint32_t index, uint64_t *value);
VIREO_API int vireo_vcpu_set_msr(struct vireo_vm *vm, unsigned int cpu,
				 uint32_t index, uint64_t value);

/* By the page tables of the vCPU: *gpa is the guest-physical address of @va,
 * and *len (may be NULL) how many bytes from there on lie together. Whether
 * there is RAM is not said. VIREO_EINVAL: @va is not mapped. */
VIREO_API int vireo_vcpu_translate(struct vireo_vm *vm, unsigned int cpu,
				   uint64_t va, uint64_t *gpa, uint64_t *len);

/* What may stop a guest. */
enum vireo_break {
	VIREO_BREAK_SOFTWARE, /* an instruction is about to be executed */
	VIREO_BREAK_HARDWARE, /* the same; at most 4 of these together */
	VIREO_WATCH_WRITE,    /* something was written */
	VIREO_WATCH_ACCESS,   /* something was read or written */
};

/*
 * Stops the guest where vCPUs, all of them, touch guest-virtual address @va.
 * A breakpoint in software is a changed byte in the guest's RAM, which is found
 * by the page tables of @cpu; it is lost when the guest resets itself, and
 * taken away when the VM ends. It cannot be in memory that was lent. The other
 * kinds are the CPU's own, and know no page tables.
 *
 * @len: of what is watched, 1, 2, 4 or 8 bytes, @va a multiple of it; else 1.
 * Adding one again is no error. VIREO_EINVAL: as above, or @va is not mapped to
 * RAM (in software); VIREO_EHOST: no more of this kind, or it does not work on
 * this host, which is tried the first time (where KVM emulates a guest's
 * kernel, nothing can be watched); VIREO_ESTATE also with key "gdb": they are
 * the debugger's.
 */
VIREO_API int vireo_break_add(struct vireo_vm *vm, unsigned int cpu,
			      enum vireo_break kind, uint64_t va,
			      unsigned int len);
/* VIREO_EINVAL: there is no such one. */
VIREO_API int vireo_break_remove(struct vireo_vm *vm, enum vireo_break kind,
				 uint64_t va, unsigned int len);

/*
 * Lets one vCPU alone execute one instruction, also one at a breakpoint, and
 * returns at once: vireo_hit_wait() tells when it is done. Interrupts wait
 * meanwhile where KVM can make them. VIREO_ESTATE also with key "gdb".
 *
 * After a breakpoint was hit, step before vireo_resume(): the vCPU still stands
 * in front of the instruction, and would hit it again. While the end of an
 * earlier step has not been told, nothing is executed: that comes first.
 */
VIREO_API int vireo_vcpu_step(struct vireo_vm *vm, unsigned int cpu);

/* What has stopped it. */
struct vireo_hit {
	size_t size; /* sizeof(struct vireo_hit), from the caller */
	unsigned int cpu; /* which one came there */
	bool stepped; /* by vireo_vcpu_step(); the other fields mean nothing */
	enum vireo_break kind; /* of what was hit */
	uint64_t va; /* of the breakpoint, or of what was touched */
};

/*
 * Waits, at most @timeout_ms (-1: for ever, 0: only looks), until something was
 * hit or a step is done. 0, *hit is filled, and the VM is paused as by
 * vireo_pause(); VIREO_ETIME; VIREO_ESTATE: the VM has ended, or is not
 * started. Several vCPUs at a time are told one after the other.
 */
VIREO_API int vireo_hit_wait(struct vireo_vm *vm, int timeout_ms,
			     struct vireo_hit *hit);

/* Polls readable when vireo_hit_wait() has something to tell; owned by the VM.
 * Do not read it. */
VIREO_API int vireo_hit_fd(const struct vireo_vm *vm);

/* ---- kernels by name ---- */

/*
 * Key "kernel" takes the name of a distribution's kernel: "debian:6.12-cloud",
 * "debian:6.1", "debian:rt", "ubuntu:6.8", "debian:PACKAGE". Below key "cache",
 * in kernels/, there is a folder for each package, unpacked. Getting packages
 * is the program's business (vireo kernel fetch). These tell what a name means;
 * they fail with VIREO_EINVAL, or with VIREO_EHOST: there is no such package.
 */

/* Of the packages in @list, which begin its lines, the one that is meant. */
VIREO_API int vireo_kernel_choose(char *package, size_t size, const char *name,
				  const char *list, struct vireo_error *err);
/* The file of the kernel that is meant, from the packages in @folder. */
VIREO_API int vireo_kernel_find(char *path, size_t size, const char *name,
				const char *folder, struct vireo_error *err);
/* The name that means @package; VIREO_EINVAL: it is no package of a kernel. */
VIREO_API int vireo_kernel_name(char *name, size_t size, const char *package);

/* What a row of vireo_check() says. */
enum vireo_check_state {
	VIREO_CHECK_YES,  /* it is there */
	VIREO_CHECK_NO,   /* it is not */
	VIREO_CHECK_INFO, /* its detail says it all */
};

/* One row of vireo_check(). */
struct vireo_check_row {
	const char *group;            /* "kvm", "probe", "host", "verdict" */
	const char *name;             /* "in-kernel irqchip" */
	enum vireo_check_state state; /* NO matters only when required */
	bool required;                /* vireo cannot run guests without it */
	const char *detail;           /* a figure or a sentence, maybe "" */
};

/*
 * Looks at what this host's KVM can do and runs small probe guests (a second
 * at most). Of @cfg only the descriptor "kvm" counts; NULL is allowed. @fn gets
 * the rows in order; the last group is "verdict": in plain words whether vireo
 * runs here, whether stock kernels boot, and what to do if not. Returns 0 when
 * stock kernels boot here, 1 when only small guests do, VIREO_EHOST when none
 * run.
 */
VIREO_API int vireo_check(const struct vireo_config *cfg,
			  void (*fn)(void *ctx,
				     const struct vireo_check_row *row),
			  void *ctx);

#ifdef __cplusplus
}
#endif

#endif
