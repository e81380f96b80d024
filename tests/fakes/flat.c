// SPDX-License-Identifier: BSD-3-Clause
#include "flat.h"

#include <dirent.h>
#include <malloc.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* Lists and buffers that grow once. A leak of 16 bytes in each of thousands of
 * rounds is more. */
#define SLACK (32u * 1024)

static unsigned int entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

struct flat flat_now(void)
{
	struct flat f = { .fds = entries("/proc/self/fd"),
			  .threads = entries("/proc/self/task") };

	f.heap = mallinfo2().uordblks;
	return f;
}

void flat_check(const struct flat *before)
{
	struct flat now = flat_now();

	/* Threads end, and loops free what was removed, in their own time. */
	for (int i = 0; i < 200 && (now.fds > before->fds ||
				    now.threads > before->threads ||
				    now.heap > before->heap + SLACK); i++) {
		poll(NULL, 0, 25);
		now = flat_now();
	}
	assert_true(now.fds <= before->fds);
	assert_true(now.threads <= before->threads);
	if (now.heap > before->heap + SLACK)
		print_message("heap: %zu bytes, then %zu\n", before->heap,
			      now.heap);
	assert_true(now.heap <= before->heap + SLACK);
}
