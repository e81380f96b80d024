// SPDX-License-Identifier: BSD-3-Clause
/* Multiboot images, with load addresses and as ELF. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct boot_image image;
	struct err err = { 0 };
	int r = boot_parse_multiboot(&image, data, size, &err);

	check_image(r, &image, size, &err);
	must(r != 0 || image.format == BOOT_FORMAT_MULTIBOOT);
	return 0;
}
