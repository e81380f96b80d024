/* SPDX-License-Identifier: BSD-3-Clause */
/* A small DHCP client (RFC 2131): one lease, for the life of the VM. */
#ifndef VIREO_INIT_DHCP_H
#define VIREO_INIT_DHCP_H

#include <stdint.h>

/* As the network has them; 0: none was given. */
struct lease {
	uint32_t address;
	uint32_t mask;
	uint32_t gateway;
	uint32_t nameserver;
};

/* Asks on an interface that is up and has no address; 10 s at most. 0, or
 * -errno: -ETIMEDOUT when nobody answers. */
int dhcp_ask(const char *interface, struct lease *lease);

#endif
