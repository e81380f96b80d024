/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locks that the processes of a guest have on the host's files, against those
 * of everybody else there: other programs, other guests, and each other. They
 * are advisory, as all locks of files are. Whose a lock is, the guest says; all
 * of them are of this share, so it can only harm its own.
 *
 * Threads: as share.h. Nothing here waits.
 */
#ifndef VIREO_BACKENDS_SHARE_LOCK_H
#define VIREO_BACKENDS_SHARE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct share;

struct share_lock {
	uint64_t handle; /* an open file's */
	uint64_t owner;  /* the guest's number for who has it */
	bool whole;      /* as flock(2), which knows nothing of the others */
	int type;        /* F_RDLCK, F_WRLCK; F_UNLCK: gives it back */
	uint64_t start, end; /* the last byte; INT64_MAX: all there will be */
	bool waits; /* it will be tried again when it cannot be had */
};

/* -EAGAIN: somebody else has one that is in the way. -ENOLCK: too many. */
int share_lock(struct share *s, const struct share_lock *l);
/* One that waited does not any more. */
void share_lock_give_up(struct share *s, const struct share_lock *l);
/* What is in the way of *l, which is not whole: its type and place. Nothing:
 * F_UNLCK. */
int share_lock_test(struct share *s, struct share_lock *l);
/* An owner has closed the file: its locks there are no more. */
void share_lock_drop(struct share *s, uint64_t handle, uint64_t owner,
		     bool whole);

#endif
