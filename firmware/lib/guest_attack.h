/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables of attacks on one device. Each is an entry of the catalogue of hostile
 * inputs: it is carried out on a freshly started device, then the device has to
 * work (after a reset where breaking is allowed), another one too, and the line
 * "ID ok" is written.
 */
#ifndef FIRMWARE_GUEST_ATTACK_H
#define FIRMWARE_GUEST_ATTACK_H

#include "guest_dev.h"

enum attack_end {
	LIVES,  /* the device goes on without a reset */
	BREAKS, /* NEEDS_RESET and a configuration interrupt */
	ENDS,   /* whatever it is: a reset follows */
};

struct attack {
	const char *id;    /* "Q01" */
	void (*run)(void); /* judges the outcome; guest_fail() if it is bad */
	enum attack_end end;
	uint16_t size;     /* of the queue */
	uint64_t features;
};

struct victim {
	struct vio *dev;
	void (*start)(uint64_t features, uint16_t size);
	void (*works)(const char *id); /* or guest_fail() */
	void (*other)(const char *id); /* another device */
};

void attack_all(const struct victim *v, const struct attack *table,
		unsigned int count);
/* What attack_all() does between BREAKS and the next try, for attacks that
 * break the device several times: it has to be broken, and is started. */
void attack_broken(const struct victim *v);

/* The usual victim: a disk, with a source of entropy beside it. */
extern struct disk target;
extern struct entropy witness;
extern const struct victim target_victim;

void attack_disk(const struct attack *table, unsigned int count);

/* The entry that is being carried out. */
extern const struct attack *attack_now;

/* Idle, so that who spins on the host meanwhile is seen by the clock. Only
 * with "nap" on the command line, for it takes its time. */
void attack_nap(unsigned int ms);

/* The second CPU calls @step again and again, until racer_stop() returns. At
 * most 14 times; the VM needs two CPUs. */
void racer_start(void (*step)(void));
void racer_stop(void);

#define ATTACKS(table) (table), sizeof(table) / sizeof((table)[0])

#endif
