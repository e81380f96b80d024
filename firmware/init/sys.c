// SPDX-License-Identifier: BSD-3-Clause
#include "sys.h"

#include <linux/errno.h>
#include <linux/time.h>

void *memcpy(void *dst, const void *src, size_t len)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	while (len--)
		*d++ = *s++;
	return dst;
}

void *memset(void *dst, int byte, size_t len)
{
	uint8_t *d = dst;

	while (len--)
		*d++ = (uint8_t)byte;
	return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < len; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool same(const char *a, const char *b)
{
	size_t n = strlen(a);

	return n == strlen(b) && !memcmp(a, b, n);
}

bool starts_with(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return false;
	return true;
}

uint64_t number(const char *s)
{
	uint64_t n = 0;

	while (*s >= '0' && *s <= '9')
		n = n * 10 + (uint64_t)(*s++ - '0');
	return n;
}

void put_text(char *buf, size_t cap, const char *s)
{
	size_t at = strlen(buf);

	while (*s && at + 1 < cap)
		buf[at++] = *s++;
	buf[at] = '\0';
}

void put_number(char *buf, size_t cap, uint64_t n)
{
	char digits[21];
	size_t at = sizeof(digits);

	digits[--at] = '\0';
	do
		digits[--at] = (char)('0' + n % 10);
	while (n /= 10);
	put_text(buf, cap, digits + at);
}

uint64_t now_us(void)
{
	struct __kernel_timespec ts = { 0 };

	SYS2(clock_gettime, CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int open_file(const char *path, int flags, int mode)
{
	return (int)SYS4(openat, AT_CWD, path, flags, mode);
}

int write_all(int fd, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len) {
		long n = SYS3(write, fd, p, len);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

long read_file(const char *path, char *buf, size_t cap)
{
	int fd = open_file(path, 0, 0);
	size_t len = 0;
	long n = fd;

	while (n >= 0 && len + 1 < cap) {
		n = SYS3(read, fd, buf + len, cap - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close_fd(&fd);
	buf[len] = '\0';
	return n < 0 ? n : (long)len;
}

void close_fd(int *fd)
{
	if (*fd >= 0)
		SYS1(close, *fd);
	*fd = -1;
}
