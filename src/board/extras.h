/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an embedder adds to a machine beside its configuration: devices,
 * doorbells, interrupt descriptors, memory, a hypercall channel. A config
 * collects them, a VM has a copy; descriptors are duplicated each time.
 */
#ifndef VIREO_BOARD_EXTRAS_H
#define VIREO_BOARD_EXTRAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "board/hypercall.h"
#include "devices/virtio/custom.h"
#include "devices/window.h"
#include "mem/ram.h"

#define EXTRAS_MAX	16 /* of each kind */
#define EXTRAS_NAME_MAX 31

struct extra_device {
	char name[EXTRAS_NAME_MAX + 1];
	bool port; /* else memory */
	uint64_t base;
	uint64_t size;
	struct window_ops ops;
};

struct extra_virtio {
	char name[EXTRAS_NAME_MAX + 1];
	struct custom_virtio_config cfg; /* owns its desk, in a VM's copy */
	uint8_t space[CUSTOM_VIRTIO_CONFIG_MAX];
	uint32_t space_size;
};

struct extra_doorbell {
	int fd; /* owned */
	bool port;
	uint64_t addr;
	uint32_t len; /* 0: any */
	bool has_match;
	uint64_t match;
};

struct extra_irq {
	int fd; /* owned */
	unsigned int line;
};

struct extra_memory {
	int fd; /* owned; -1: at @addr of this process */
	uint64_t off;
	void *addr; /* not owned */
	uint64_t gpa;
	uint64_t size;
	bool read_only;
};

struct extras {
	bool own_threads; /* of the embedder's, for the vCPUs */
	bool has_ram;
	struct ram_source ram; /* owns its fd */
	unsigned int devices, virtios, doorbells, irqs, memories;
	struct extra_device device[EXTRAS_MAX];
	struct extra_virtio virtio[EXTRAS_MAX];
	struct extra_doorbell doorbell[EXTRAS_MAX];
	struct extra_irq irq[EXTRAS_MAX];
	struct extra_memory memory[EXTRAS_MAX];
	bool has_hypercall;
	uint16_t hypercall_port;
	struct hypercall_sink hypercall;
};

/* Each checks form and range, and copies: 0 (virtio: its number), -EINVAL,
 * -EMFILE, -ENOSPC (more than EXTRAS_MAX), with the name of what is to blame as
 * the error's key. */
int extras_add_device(struct extras *x, const struct extra_device *d,
		      struct err *err);
int extras_add_virtio(struct extras *x, const struct extra_virtio *v,
		      struct err *err);
int extras_add_doorbell(struct extras *x, const struct extra_doorbell *d,
			struct err *err);
int extras_add_irq(struct extras *x, const struct extra_irq *i,
		   struct err *err);
int extras_add_memory(struct extras *x, const struct extra_memory *m,
		      struct err *err);
/* These replace what was given before. */
int extras_set_hypercall(struct extras *x, uint16_t port,
			 struct hypercall_sink sink, struct err *err);
int extras_set_ram(struct extras *x, const struct ram_source *ram,
		   struct err *err);

/* *out becomes a copy, malloc'd; NULL when @x is, or has nothing. -ENOMEM,
 * -EMFILE. */
int extras_copy(struct extras **out, const struct extras *x);
/* NULL is accepted. */
void extras_destroy(struct extras *x);

#endif
