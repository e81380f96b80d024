/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A board: guest RAM, two buses, devices and interrupt wires, put together as
 * a config says. It has no threads and no vCPUs; vm.c gives it both.
 *
 * Life: board_init(), then the arch's steps add RAM, irqchip and devices, then
 * board_finish(). Everything in it is fixed before the first vCPU runs.
 */
#ifndef VIREO_BOARD_BOARD_H
#define VIREO_BOARD_BOARD_H

#include "backends/char.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own_file.h"
#include "board/config.h"
#include "board/extras.h"
#include "devices/bus.h"
#include "devices/device.h"
#include "kvm/kvm.h"
#include "mem/mem.h"
#include "mem/ram.h"

#define BOARD_MAX_DEVICES 64
#define BOARD_PINS        24
#define BOARD_MSI_GSIS    960 /* GSIs that can carry an MSI */

struct board;
struct ioapic_route;
struct virtio;

/* One interrupt pin of the board. */
struct board_wire {
	struct board *board;
	uint32_t gsi;
	int edge_fd; /* owned; an irqfd that pulses the pin, or -1 */
};

struct board_msi_set;

/* Pages of the guest's that were written. */
struct board_dirty {
	unsigned int regions;
	struct {
		uint64_t gpa;
		uint64_t pages;
	} region[MEM_MAX_REGIONS]; /* by address */
	uint64_t *bits; /* owned; of each region, in whole words */
};

/* Memory of the embedder's that was mapped for it. */
struct board_map {
	void *hva;
	uint64_t size; /* 0: it is not ours to unmap */
};

struct board {
	/* given, not owned */
	const struct config *cfg;
	const struct extras *extras; /* may be NULL */
	unsigned int machine; /* which of the VM's it is, from 1 */
	const struct log *log;
	struct machine_signal signal;
	struct char_dev *const *console; /* of each of cfg's consoles */
	uint16_t cols; /* the size of the terminal that is one of them */
	uint16_t rows; /* 0: not known */
	struct loop *loop;
	struct loop *const *custom_loop; /* of each of the extras' devices */
	const uint8_t *initramfs; /* one more, in memory; may be NULL */
	size_t initramfs_len;
	struct own_files own; /* for the share that shall have them */
	/* See vsock.h; may be NULL. */
	int (*dial)(void *ctx, uint32_t port, uint32_t guest_port);
	void *dial_ctx;
	void (*mark)(void *ctx, uint8_t n); /* a boot mark by the guest */
	void *mark_ctx;

	/* owned */
	struct kvm_vm kvm;
	struct kvm_cpuid2 *cpuid; /* what KVM supports here, after the masks */
	struct ram ram;
	/* each of these is a part of the next one */
	struct mem mem;      /* the RAM: what devices and loaders reach */
	struct mem writable; /* by the embedder: that, and what he lends */
	struct mem readable; /* and what he lends that is read-only */
	struct board_map map[EXTRAS_MAX];
	struct bus pio;
	struct bus mmio;
	unsigned int devices;
	struct device *device[BOARD_MAX_DEVICES];
	struct loop *share_loop[CONFIG_MAX_SHARES]; /* of each; may be NULL */
	unsigned int mmio_devices; /* attached by transport=mmio */
	unsigned int ids;
	char id[BOARD_MAX_DEVICES][16]; /* names of numbered devices */
	struct board_wire wire[BOARD_PINS];
	struct board_msi_set *msi; /* of all devices */

	pthread_mutex_t route_lock; /* guards kvm's routes, gsi_used, msi */
	uint64_t gsi_used[BOARD_MSI_GSIS / 64];

	/* among the devices, those that others talk to; NULL when absent */
	struct device *pm;
	struct device *ioapic; /* split irqchip only */
	struct device *pci;    /* the host bridge; transport=pci only */
	struct virtio *terminal; /* the virtio console that stdio goes to */
	struct virtio *custom[EXTRAS_MAX]; /* as the extras' */
};

/* Creates the KVM VM and empty buses. The given fields above are set by the
 * caller before; everything else is zero. */
int board_init(struct board *board, const struct kvm *kvm, struct err *err);

/* Undoes it, devices in reverse order. Accepts a zeroed or half-built board. */
void board_finish(struct board *board);

/* The board takes the device over. -ENOSPC, and the device is destroyed. */
int board_add_device(struct board *board, struct device *dev);

/* The host memory for guest RAM; and, once arch has laid its regions out in
 * board->mem, making them known to KVM and the embedder. */
int board_create_ram(struct board *board, struct err *err);
int board_register_ram(struct board *board, struct err *err);

/* Notes from here on which pages are written, by the guest and by us; @all: as
 * if each had been already. -ENOMEM, -errno. */
int board_track(struct board *board, bool all);
/* Takes the notes: of what was written since then, or the last time. -EBUSY:
 * there are none; -ENOMEM; -errno: all pages are noted from here on. */
int board_take_dirty(struct board *board, struct board_dirty *out);
/* Calls @fn for each run of pages, by address, and frees what was taken. The
 * board may be gone. */
void board_tell_dirty(struct board_dirty *dirty,
		      void (*fn)(void *ctx, uint64_t gpa, uint64_t length),
		      void *ctx);

/* The line to interrupt pin @gsi, < BOARD_PINS (wire.c). */
struct irq board_irq(struct board *board, uint32_t gsi);
/* The same pin driven by edges: level 1 is a pulse, 0 does nothing. */
struct irq board_irq_edge(struct board *board, uint32_t gsi);

/* @vectors message-signalled interrupts for one device; they live as long as
 * the board (board_msi.c). -ENOMEM. */
int board_add_msi(struct board *board, unsigned int vectors, struct msi *out);
void board_free_msi(struct board *board);
struct doorbell board_doorbell(struct board *board);

/*
 * The virtio devices of the config, each handed to @attach, which connects it
 * to the machine and owns it from then on, after a failure too.
 */
typedef int (*board_attach_fn)(struct board *board, struct virtio *v,
			       struct err *err);
int board_add_virtio(struct board *board, board_attach_fn attach,
		     struct err *err);

/* The embedder's memory, after the RAM; and his devices but for virtio, after
 * the machine's own (board_extras.c). Errors name what is to blame. */
typedef bool (*board_free_fn)(const struct board *board, uint64_t gpa,
			      uint64_t size);
typedef bool (*board_line_free_fn)(const struct board *board,
				   unsigned int line);
int board_map_extras(struct board *board, board_free_fn is_free,
		     struct err *err);
void board_unmap_extras(struct board *board);
int board_add_extras(struct board *board, board_free_fn is_free,
		     board_free_fn port_is_free,
		     board_line_free_fn line_is_free, struct err *err);
/* Is there a descriptor of his whose signals are edges on this line? */
bool board_has_irq_fd(const struct board *board, unsigned int line);

/* For the IOAPIC of a split irqchip (wire.c). */
int board_msi(void *ctx, uint64_t addr, uint32_t data);
void board_route_changed(void *ctx, unsigned int pin,
			 const struct ioapic_route *route);

#endif
