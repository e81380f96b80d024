// SPDX-License-Identifier: BSD-3-Clause
/* ELF files, by each way there is to enter one. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum boot_format formats[] = {
		BOOT_FORMAT_AUTO, BOOT_FORMAT_PVH, BOOT_FORMAT_LINUX,
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct boot_image image;
		struct err err = { 0 };
		int r = boot_parse_elf(&image, data, size, formats[i], &err);

		check_image(r, &image, size, &err);
		must(r != 0 || formats[i] == BOOT_FORMAT_AUTO ||
		     image.format == formats[i]);
	}
	return 0;
}
