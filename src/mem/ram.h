/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host memory behind guest RAM: one mapping per VM, aligned to 2 MiB so
 * that huge pages fit. Never inherited by fork, never part of a core dump.
 */
#ifndef VIREO_MEM_RAM_H
#define VIREO_MEM_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum ram_backing {
	RAM_PRIVATE, /* anonymous; transparent huge pages are asked for */
	RAM_MEMFD,   /* a memfd sealed against shrinking; can be shared */
	RAM_HUGETLB, /* 2 MiB pages from the host's pool, reserved at once */
	RAM_LENT,    /* by somebody who allocates it */
};

/* Whose memory it is when it is not made here. */
struct ram_source {
	int fd; /* a memfd sealed against shrinking, large enough; or -1: */
	void *(*alloc)(void *ctx, size_t size, size_t align); /* zeroed */
	void (*free)(void *ctx, void *memory, size_t size);
	void *ctx;
};

struct ram {
	enum ram_backing backing;
	int fd;        /* owned; -1 for RAM_PRIVATE */
	uint64_t size; /* bytes */
	uint8_t *hva;  /* owned */
	void *map;     /* the whole reservation, for munmap */
	uint64_t map_size;
	struct ram_source from; /* RAM_LENT */
};

/* @size: bytes, a multiple of 4 KiB (2 MiB for RAM_HUGETLB). The pages are
 * zero and not touched yet. -ENOMEM with the reason and a remedy. */
int ram_create(struct ram *ram, uint64_t size, enum ram_backing backing,
	       struct err *err);
/* The same with memory of somebody else's: @from->fd is duplicated, what is
 * allocated is freed by ram_destroy(). @zero: what a memfd holds is not wanted.
 * -EINVAL: the memfd is too small, or may shrink. */
int ram_adopt(struct ram *ram, uint64_t size, const struct ram_source *from,
	      bool zero, struct err *err);
/* Gives the pages of [hva, hva+len), a part of the RAM, back to the host; they
 * read as zeros afterwards. Whole pages only (2 MiB for RAM_HUGETLB): the bytes
 * given back, or -errno. Any thread. */
int64_t ram_discard(const struct ram *ram, void *hva, uint64_t len);

/* The guest does not run any more, and its RAM may be read: what a balloon gave
 * back to the pool of huge pages reads as zeros from here on, without being
 * taken from there again, which could fail by a signal. Other kinds have no
 * such holes. -ENOMEM: it must not be read. */
int ram_freeze(const struct ram *ram);

/* The first page from @hva on, a place in the RAM, that may hold other bytes
 * than zeros; the RAM's end when there is none. To read what is skipped would
 * take memory. */
const uint8_t *ram_next_data(const struct ram *ram, const uint8_t *hva);

/* Bytes of it that the host holds in memory now; 0 when it cannot tell. */
uint64_t ram_resident(const struct ram *ram);

/* Accepts a zeroed or destroyed object. */
void ram_destroy(struct ram *ram);

#endif
