/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The directory of the VMs that run: one directory each, named as the VM, with
 * its control socket and a lock that its process holds. No daemon and no list:
 * what is there is the truth, and what nobody holds is what a killed process
 * left, and is removed by whoever finds it.
 *
 * A directory is made under another name (".new-...") and renamed when its
 * socket listens, so nobody sees half of one, and two cannot have one name.
 * Who removes one holds its lock. Who removes what is old (systemd-tmpfiles)
 * finds the directory locked too, by flock(2). All functions answer 0 or
 * -errno; any thread.
 */
#ifndef VIREO_CONTROL_RUNTIME_H
#define VIREO_CONTROL_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#define RUNTIME_NAME_MAX 63

/* A VM's own. */
struct runtime {
	int base;   /* not owned */
	int dir;    /* owned */
	int lock;   /* owned */
	int listen; /* owned, does not block */
	char name[RUNTIME_NAME_MAX + 1];
};

/* As key "name": letters, digits, '.', '_', '-', the first no sign. */
bool runtime_name_ok(const char *name);

/* A descriptor for the directory of all VMs, which is made when it is not there
 * and @make. -EPERM: it is somebody else's, or open to others. */
int runtime_base(const char *path, bool make);

/* @name, or a name that is free (NULL). -EEXIST: a VM that runs has it. */
int runtime_claim(struct runtime *rt, int base, const char *name);
/* Removes it; one that is all zero is fine. */
void runtime_release(struct runtime *rt);

/* Calls @fn with the name of each VM that runs, in no order; the others'
 * directories are removed. */
void runtime_list(int base, void (*fn)(void *ctx, const char *name), void *ctx);

/* A connection to the VM's control socket, which blocks for @ms at most.
 * -ENOENT: no VM of this name runs. */
int runtime_connect(int base, const char *name, unsigned int ms);

/* A descriptor with which runtime_await() waits for the VM's end; the caller
 * closes it. -ENOENT. */
int runtime_watch(int base, const char *name);
int runtime_await(int watch);

#endif
