// SPDX-License-Identifier: BSD-3-Clause
/*
 * Commands beside the first one. Each has a process of init's own, which knows
 * one command as init does: it connects to the host, reads there what it is to
 * do ("order LENGTH", then records as in /vireo.conf), and runs it.
 */
#include "init.h"

#include <linux/errno.h>
#include <linux/signal.h>

static struct conf conf;

static bool read_exactly(int fd, char *buf, size_t len)
{
	while (len) {
		long n = SYS3(read, fd, buf, len);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return false;
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

/* Byte by byte: what follows the line is no line. */
static bool read_order(int words)
{
	char line[32];
	size_t n = 0;

	do
		if (n + 1 == sizeof(line) || !read_exactly(words, line + n, 1))
			return false;
	while (line[n++] != '\n');
	line[n] = '\0';
	if (!starts_with(line, "order "))
		return false;
	conf.len = number(line + 6);
	return conf.len < sizeof(conf.bytes) &&
	       read_exactly(words, conf.bytes, conf.len);
}

/* What init has open is not ours: a stream that two have does not end. */
static void close_all(void)
{
	if (SYS3(close_range, 3, ~0u, 0) == -ENOSYS)
		for (int fd = 3; fd < 1024; fd++)
			SYS1(close, fd);
}

void begin_further(uint32_t number)
{
	int words;

	if (SYS5(clone, SIGCHLD, 0, 0, 0, 0) != 0)
		return; /* the host has patience, and an end to it */
	close_all();
	words = host_connect(PORTS(number) + PORT_WORDS);
	if (words >= 0 && read_order(words))
		run_command(&conf, number, words);
	SYS1(exit_group, 0);
}
