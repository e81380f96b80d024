// SPDX-License-Identifier: BSD-3-Clause
/*
 * L02: the user network's program in a process that has no standard streams.
 * It gets a pipe and a socket as its descriptors 2 and 3: none of ours may be
 * in their way. The path of vireo-netd is the argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "net_bench.h"

static const char *netd;

static void L02_it_starts_where_there_are_no_standard_streams(void **state)
{
	const struct net_user_config cfg = { .program = netd };
	struct net_bench *b = *state;
	struct err err = { 0 };
	bool kept = true;
	int saved[3];
	int r;

	fflush(NULL);
	for (int fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
		close(fd);
	}
	r = net_user_create(&b->net, &cfg, b->loop, &b->log, &err);
	for (int fd = 0; fd < 3; fd++) {
		kept = kept && fcntl(fd, F_GETFD) < 0;
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
	if (r < 0)
		fail_msg("%s", err.text);
	assert_true(kept);
	net_bench_start(b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			L02_it_starts_where_there_are_no_standard_streams,
			net_bench_setup, net_bench_teardown),
	};

	if (argc != 2)
		return 1;
	netd = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
