// SPDX-License-Identifier: BSD-3-Clause
/*
 * Writes as fast as it can: numbered lines of 64 bytes, so that a lost one
 * shows. "bytes=N" on the command line: how many (1 MiB).
 */
#include "guest.h"

const char guest_name[] = "flood";

#define LINE 64
#define DIGITS 8

static char line[LINE + 1];

static void number(uint32_t v)
{
	for (unsigned int i = DIGITS; i--; v >>= 4)
		line[i] = "0123456789abcdef"[v & 15];
}

void guest_main(void)
{
	uint32_t lines = (uint32_t)(guest_number("bytes", 1 << 20) / LINE);

	for (unsigned int i = DIGITS; i < LINE - 1; i++)
		line[i] = '.';
	line[LINE - 1] = '\n';
	for (uint32_t n = 0; n < lines; n++) {
		number(n);
		guest_puts(line);
	}
	guest_pass();
}
