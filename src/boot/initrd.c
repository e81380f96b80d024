// SPDX-License-Identifier: BSD-3-Clause
/* See initrd.h. Knows nothing of guest memory and of what is in an archive. */
#include "boot/initrd.h"

#include <errno.h>

#include "base/num.h"

int initrd_layout(uint64_t *size, struct initrd_part *part, unsigned int count,
		  struct err *err)
{
	uint64_t end = 0;

	for (unsigned int i = 0; i < count; i++) {
		if (!part[i].len)
			return err_set(err, -EINVAL,
				       "initrd %u of %u is empty", i + 1,
				       count);
		part[i].offset = align_up(end, INITRD_ALIGN);
		if (part[i].offset < end ||
		    !add_u64(part[i].offset, part[i].len, &end))
			return err_set(err, -EOVERFLOW,
				       "the initrds together are too large");
	}
	*size = end;
	return 0;
}

int initrd_write(const struct initrd_part *part, unsigned int count,
		 initrd_write_fn write, void *ctx)
{
	static const uint8_t zeros[INITRD_ALIGN];
	uint64_t end = 0;

	for (unsigned int i = 0; i < count; i++) {
		size_t gap = part[i].offset - end;
		int r = gap ? write(ctx, end, zeros, gap) : 0;

		if (r == 0)
			r = write(ctx, part[i].offset, part[i].bytes,
				  part[i].len);
		if (r < 0)
			return r;
		end = part[i].offset + part[i].len;
	}
	return 0;
}
