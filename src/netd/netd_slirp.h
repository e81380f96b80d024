/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What drives libslirp: its configuration, timers and poll set. Frames of the
 * guest go in by netd_slirp_input(), frames for it come out by a callback. A
 * round is netd_slirp_wait(), then netd_slirp_handle(). One thread.
 */
#ifndef VIREO_NETD_NETD_SLIRP_H
#define VIREO_NETD_NETD_SLIRP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/forward.h"

#define NETD_MTU_MIN 1280u /* what IPv6 asks for */
#define NETD_MTU_MAX 65521u

struct netd_slirp;

struct netd_slirp_config {
	size_t mtu;      /* between the two above */
	const char *dns; /* the name server that the guest is told of, IPv4;
			  * NULL: one that passes on to the host's */
	bool loopback;   /* the guest reaches the host's loopback */
	bool restricted; /* the guest reaches nobody; forwards still work */
	/* Takes a frame for the guest; it is the callee's only until it
	 * returns. */
	void (*send)(const void *frame, size_t len, void *ctx);
	void *ctx;
};

/* *out is for netd_slirp_destroy(); @cfg is not kept. 0, or a negative errno
 * and a sentence. */
int netd_slirp_create(struct netd_slirp **out,
		      const struct netd_slirp_config *cfg, struct err *err);
/* Listens on the host. 0, or a negative errno and a sentence. */
int netd_slirp_forward(struct netd_slirp *n, const struct forward *f,
		       struct err *err);
/* A frame that the guest sent. It may be changed, see netd_check.h. */
void netd_slirp_input(struct netd_slirp *n, uint8_t *frame, size_t len);
/* Waits for a socket, a timer or @fd, at most @timeout_ms (UINT32_MAX: for
 * ever). Is @fd readable, or has it failed? -1: there is none. */
bool netd_slirp_wait(struct netd_slirp *n, int fd, uint32_t timeout_ms);
/* Does what netd_slirp_wait() found to do. */
void netd_slirp_handle(struct netd_slirp *n);
/* Closes every socket. @n may be NULL. */
void netd_slirp_destroy(struct netd_slirp *n);

#endif
