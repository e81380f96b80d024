/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vireo-netd's end of the stream to the VMM: frames after their length in 4
 * bytes, big endian. Blocking writes: a guest that takes nothing stops the
 * whole program, which loses nothing. One thread.
 */
#ifndef VIREO_NETD_NETD_LINK_H
#define VIREO_NETD_NETD_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_FRAME_MAX 65553u /* 65535, Ethernet's header, a VLAN tag */
#define LINK_BUFFER    (256u << 10)

struct link {
	int fd;
	bool gone;
	size_t in_start;
	size_t in_end;
	size_t out_end;
	uint8_t in[LINK_BUFFER];
	uint8_t out[LINK_BUFFER];
};

/* Sends a frame, or keeps it for link_flush(). Too large a one is dropped. */
void link_send(struct link *link, const void *frame, size_t len);
void link_flush(struct link *link);
/* One read, without waiting. */
void link_fill(struct link *link);
/* The next whole frame; it is the caller's until link_fill(). NULL: none. A
 * length that no frame has means that the peer is gone. */
uint8_t *link_next(struct link *link, size_t *len);

#endif
