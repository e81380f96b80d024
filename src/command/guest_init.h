/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's init (firmware/init/), as the bytes of its program. */
#ifndef VIREO_COMMAND_GUEST_INIT_H
#define VIREO_COMMAND_GUEST_INIT_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t guest_init[];
extern const size_t guest_init_size;

#endif
