/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of a guest's frames libslirp may see. It is older than the repairs of
 * its defects where a distribution keeps it, and a guest can use those; what
 * reaches them, and what this network does not serve, ends here. Pure.
 */
#ifndef VIREO_NETD_NETD_CHECK_H
#define VIREO_NETD_NETD_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* May it pass? Changes urgent data in @frame to plain data. */
bool netd_check(uint8_t *frame, size_t len);

#endif
