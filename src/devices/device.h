/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device is. A device knows its registers, an interrupt line, a
 * backend and a log; it knows neither its address nor KVM nor the board.
 *
 * Locks: the bus takes dev->lock around ops->read and ops->write. A device's
 * own event callbacks (from its backend) take it themselves. Raising an
 * interrupt under the lock is allowed; calling another device is not.
 */
#ifndef VIREO_DEVICES_DEVICE_H
#define VIREO_DEVICES_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* An interrupt line. Level 1 asserts, 0 releases. May be called from any
 * thread and under any device lock. A NULL set means "not connected". */
struct irq {
	void (*set)(void *ctx, int level);
	void *ctx;
};

static inline void irq_set(const struct irq *irq, int level)
{
	if (irq->set)
		irq->set(irq->ctx, level);
}

/*
 * Doorbells without an exit: guest writes of @len bytes to @addr (an address on
 * the MMIO bus) become signals of the eventfd @fd; @match: only this value,
 * NULL: any. @on false undoes it, with the same arguments. 0 or -errno; then,
 * and where set is NULL, the writes arrive as ordinary accesses. Any thread.
 */
struct doorbell {
	int (*set)(void *ctx, int fd, uint64_t addr, uint32_t len,
		   const uint64_t *match, bool on);
	void *ctx;
};

/*
 * A device's message-signalled interrupts, numbered from 0. route() says what
 * message @vector stands for from now on; -ENOSPC when the machine has no more.
 * signal() sends it; any thread, any device lock, never blocks. unroute() frees
 * the vector's place in the machine.
 */
struct msi {
	int (*route)(void *ctx, unsigned int vector, uint64_t addr,
		     uint32_t data);
	void (*unroute)(void *ctx, unsigned int vector);
	void (*signal)(void *ctx, unsigned int vector);
	void *ctx;
};

/* What a device can ask of the machine it sits in. */
enum machine_event {
	MACHINE_POWER_OFF, /* ACPI S5 */
	MACHINE_RESET,     /* i8042, ACPI reset register, 0xcf9 */
	MACHINE_PANIC,     /* pvpanic; data: the bits that the guest wrote */
	MACHINE_DEBUG_EXIT, /* --testdev; data: the exit status, 0-255 */
};

/* Any thread, any lock held; returns at once, the VM ends afterwards. The
 * first event wins. */
struct machine_signal {
	void (*raise)(void *ctx, enum machine_event event, uint32_t data);
	void *ctx;
};

static inline void machine_raise(const struct machine_signal *signal,
				 enum machine_event event, uint32_t data)
{
	if (signal->raise)
		signal->raise(signal->ctx, event, data);
}

struct device;
struct snap;

struct device_ops {
	const char *name; /* "serial"; also of its node in a snapshot */
	/* Registers, by value: the access lies wholly inside the window and
	 * @len is 1, 2, 4 or 8. Called with dev->lock held. */
	uint64_t (*read)(struct device *dev, unsigned int window, uint64_t off,
			 unsigned int len);
	void (*write)(struct device *dev, unsigned int window, uint64_t off,
		      unsigned int len, uint64_t value);
	/* Between these two nothing of the device runs by itself, and no I/O
	 * is in flight. Pausing twice is nothing. NULL: it never does. Called
	 * with dev->lock held. */
	void (*pause)(struct device *dev);
	void (*resume)(struct device *dev);
	/* Its state, in a node called `name`: 0 or the error of @s. Loading is
	 * for a device that was created in the same way. NULL: there is none.
	 * Called with dev->lock held. */
	int (*snapshot)(struct device *dev, struct snap *s);
	/* Frees the device; nobody else uses it any more. */
	void (*destroy)(struct device *dev);
};

/* The first member of every device's own struct. */
struct device {
	const struct device_ops *ops;
	const char *id;       /* "serial0"; a string that outlives the device */
	pthread_mutex_t lock; /* guards every field of the derived struct */
};

/* device_finish() undoes device_init(); neither frees @dev itself. */
void device_init(struct device *dev, const struct device_ops *ops,
		 const char *id);
void device_finish(struct device *dev);

/* Call the function of that name, if there is one, with the lock held. */
void device_pause(struct device *dev);
void device_resume(struct device *dev);
int device_snapshot(struct device *dev, struct snap *s);

/* Calls ops->destroy; NULL is accepted. */
void device_destroy(struct device *dev);

#endif
