/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC-32C (Castagnoli; RFC 3720, B.4): finds damage, not malice. Any thread. */
#ifndef VIREO_BASE_CRC32C_H
#define VIREO_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* @crc: 0, or the value of the bytes before. */
uint32_t crc32c(uint32_t crc, const uint8_t *bytes, size_t len);

#endif
