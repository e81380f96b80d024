/* SPDX-License-Identifier: BSD-3-Clause */
/* What a command's guest is told of its networks. Pure. */
#ifndef VIREO_COMMAND_GUEST_NET_H
#define VIREO_COMMAND_GUEST_NET_H

#include <stdbool.h>
#include <stddef.h>

#include "board/config.h"

#define GUEST_NET_LINE 96

/* The words after "net=" in the guest's /vireo.conf (firmware/init/net.c) for
 * the network that is the @index-th interface; false: it is left alone. */
bool guest_net_line(char line[GUEST_NET_LINE], const struct config_net *net,
		    unsigned int index);

#endif
