/* SPDX-License-Identifier: BSD-3-Clause */
/* A port forward from the host into a guest, as people write it. Pure. */
#ifndef VIREO_BASE_FORWARD_H
#define VIREO_BASE_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct forward {
	bool udp;
	char address[16]; /* the host's, IPv4; 127.0.0.1 if none was given */
	uint16_t host_port;
	uint16_t guest_port;
};

/* "[tcp:|udp:][ADDRESS:]HOST:GUEST", e.g. "8080:80". -EINVAL and a sentence. */
int forward_parse(struct forward *out, const char *text, struct err *err);

#endif
