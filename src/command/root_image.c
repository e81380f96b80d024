// SPDX-License-Identifier: BSD-3-Clause
#include "command/root_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"

/* Where each says what it is: linux/magic.h, and each one's documentation. */
static const struct {
	const char *type;
	uint64_t at;
	const char *magic;
	size_t len;
} known[] = {
	{ "ext4", 0x438, "\x53\xef", 2 }, /* ext2 and ext3 too */
	{ "xfs", 0, "XFSB", 4 },
	{ "btrfs", 0x10040, "_BHRfS_M", 8 },
	{ "squashfs", 0, "hsqs", 4 },
	{ "erofs", 0x400, "\xe2\xe1\xf5\xe0", 4 },
};

bool root_image_is_one(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 &&
	       (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

static const char *find_type(int fd)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (fd_pread_full(fd, bytes, known[i].len, known[i].at) == 0 &&
		    !memcmp(bytes, known[i].magic, known[i].len))
			return known[i].type;
	return NULL;
}

int root_image_type(const char **type, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return err_set_path(err, -errno, path);
	*type = find_type(fd);
	close(fd);
	if (*type)
		return 0;
	return err_set(err, -EINVAL,
		       "%s: holds no ext4, xfs, btrfs, squashfs or erofs "
		       "(a partition of a disk needs a device of its own)",
		       path);
}
