// SPDX-License-Identifier: BSD-3-Clause
/* bzImage, and the choice of a loader in boot_parse(). */
#include "fuzz.h"

#include <string.h>

/* The name of a format leads back to it. */
static void check_name(enum boot_format format)
{
	enum boot_format again = BOOT_FORMAT_AUTO;

	must(boot_format_parse(&again, boot_format_name(format)) == 0);
	must(again == format);
	must(boot_format_parse(&again, "") != 0);
}

static void check_same(const struct boot_image *a, const struct boot_image *b)
{
	must(a->format == b->format && a->entry == b->entry);
	must(a->entry_gpa == b->entry_gpa && a->count == b->count);
	must(!memcmp(a->segment, b->segment, sizeof(a->segment)));
	must(a->alignment == b->alignment && a->init_size == b->init_size);
	must(a->initrd_max == b->initrd_max);
	must(a->cmdline_max == b->cmdline_max);
	must(a->setup_size == b->setup_size);
	must(a->payload_offset == b->payload_offset);
	must(a->payload_size == b->payload_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int f = BOOT_FORMAT_AUTO; f <= BOOT_FORMAT_FLAT; f++) {
		struct boot_image image, again;
		struct err err = { 0 };
		int r;

		r = boot_parse(&image, data, size, (enum boot_format)f, &err);
		check_image(r, &image, size, &err);
		check_name(image.format);
		must(r != 0 || f == BOOT_FORMAT_AUTO ||
		     image.format == (enum boot_format)f);
		must(r != 0 || f != BOOT_FORMAT_AUTO ||
		     image.format != BOOT_FORMAT_FLAT);
		if (r != 0)
			continue;
		/* pure: the same again, by its own format */
		must(boot_parse(&again, data, size, image.format, NULL) == 0);
		check_same(&image, &again);
	}
	return 0;
}
