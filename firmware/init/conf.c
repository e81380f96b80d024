// SPDX-License-Identifier: BSD-3-Clause
/* What init is to do, and the kernel modules that it takes: one file. */
#include "init.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>

#define FILE_NAME "/vireo.conf"

const char *conf_next(const struct conf *c, const char *key, const char *at)
{
	const char *end = c->bytes + c->len;
	size_t len = strlen(key);

	at = at ? at + strlen(at) + 1 : c->bytes;
	for (; at < end; at += strlen(at) + 1)
		if (starts_with(at, key) && at[len] == '=')
			return at + len + 1;
	return NULL;
}

const char *conf_get(const struct conf *c, const char *key)
{
	const char *value = conf_next(c, key, NULL);

	return value ? value : "";
}

/* From the share in as few requests as can be: past the page cache, which asks
 * for a part at a time. */
static int open_conf(struct conf *c)
{
	int fd = open_file("/" FOLDER FILE_NAME, O_RDONLY | O_DIRECT, 0);

	c->direct = fd >= 0;
	return c->direct ? fd : open_file(FILE_NAME, O_RDONLY, 0);
}

static int read_all(int fd, uint8_t *to, size_t len)
{
	while (len) {
		long n = SYS3(read, fd, to, len);

		if (n <= 0)
			return n ? (int)n : -EIO;
		to += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Up to the empty record. */
static int take_records(struct conf *c)
{
	size_t n = 0;

	while (n < c->modules_len && c->modules[n])
		while (n < c->modules_len && c->modules[n++])
			;
	if (n >= c->modules_len || n >= sizeof(c->bytes))
		return -EBADMSG;
	memcpy(c->bytes, c->modules, n);
	c->len = n;
	return 0;
}

int conf_read(struct conf *c)
{
	int fd = open_conf(c);
	long r = fd < 0 ? fd : SYS3(lseek, fd, 0, SEEK_END);
	size_t len = (size_t)r;

	if (r >= 0)
		r = SYS3(lseek, fd, 0, SEEK_SET);
	if (r >= 0)
		r = SYS(mmap, NULL, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (r >= 0) {
		c->modules = (uint8_t *)r;
		c->modules_len = len;
		r = read_all(fd, c->modules, len);
	}
	close_fd(&fd);
	return r < 0 ? (int)r : take_records(c);
}

/* What is there already, or built in, is no trouble. */
int load_modules(struct conf *c, const char **what)
{
	size_t at = c->len + 1;
	int r = 0;

	for (const char *m = NULL; !r && (m = conf_next(c, "module", m));) {
		size_t len = number(m);

		*what = m;
		if (len > c->modules_len - at)
			return -EBADMSG;
		r = (int)SYS3(init_module, c->modules + at, len, "");
		if (r == -EEXIST || r == -ENODEV)
			r = 0;
		at += len;
	}
	SYS2(munmap, c->modules, c->modules_len);
	c->modules = NULL;
	return r;
}
