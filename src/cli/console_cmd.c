// SPDX-License-Identifier: BSD-3-Clause
/* "vireo console": a VM's main console, from another terminal. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/input.h"
#include "control/client.h"

/* All of it; false: nobody reads any more. */
static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static bool copy_output(int connection)
{
	char bytes[4096];
	ssize_t n = recv(connection, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	return n && write_all(STDOUT_FILENO, bytes, (size_t)n);
}

/* False: the user leaves. */
static bool heed_key(enum terminal_key key)
{
	if (key == TERMINAL_HELP)
		fputs("\r\nCtrl-A x  leave\r\n"
		      "Ctrl-A a  send Ctrl-A to the guest\r\n"
		      "Ctrl-A h  this help\r\n",
		      stderr);
	return key != TERMINAL_QUIT;
}

/* Keys that the guest does not take wait, here and in the connection. */
static void converse(int connection)
{
	struct terminal_filter filter = { 0 };
	struct keys keys = { .to = connection };
	bool goes_on = true;

	if (terminal_is_raw())
		keys.filter = &filter;
	fcntl(connection, F_SETFL, O_NONBLOCK);
	while (goes_on) {
		struct pollfd set[3] = { { connection, POLLIN, 0 } };

		keys_poll(&keys, &set[1], &set[2]);
		if (poll(set, 3, -1) < 0 && errno != EINTR)
			return;
		if (set[0].revents)
			goes_on = copy_output(connection);
		if (goes_on && set[2].revents)
			keys_send(&keys);
		if (goes_on && set[1].revents)
			goes_on = heed_key(keys_read(&keys));
	}
}

int cmd_console(int argc, char **argv)
{
	struct vireo_error err;
	char directory[512];
	int connection;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		puts("vireo console NAME\n\n"
		     "The main console of a VM, from now on, beside its own\n"
		     "reader; what is typed goes there. Ctrl-A x leaves.");
		return 0;
	}
	if (argc != 2 || argv[1][0] == '-') {
		message("console: wants the name of a VM (vireo ps)");
		return EXIT_USAGE;
	}
	if (!vms_directory(directory, sizeof(directory)))
		return EXIT_USAGE;
	connection = control_console(directory, argv[1], &err);
	if (connection < 0) {
		message("console: %s", err.text);
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !terminal_raw())
		message("the terminal: %s", strerror(errno));
	converse(connection);
	terminal_restore();
	close(connection);
	return 0;
}
