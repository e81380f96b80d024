// SPDX-License-Identifier: BSD-3-Clause
/* The program's front door: which subcommand. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int cmd_version(int argc, char **argv)
{
	printf("vireo %s\n", vireo_version());
	return 0;
}

static int cmd_help(int argc, char **argv)
{
	help_program();
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "run", cmd_run },
	{ "check", cmd_check },
	{ "ps", cmd_ps },
	{ "exec", cmd_exec },
	{ "console", cmd_console },
	{ "stop", cmd_stop },
	{ "disk", cmd_disk },
	{ "kernel", cmd_kernel },
	{ "completion", cmd_completion },
	{ "options", cmd_options }, /* for the manual */
	{ "version", cmd_version },
	{ "--version", cmd_version },
	{ "help", cmd_help },
	{ "--help", cmd_help },
	{ "-h", cmd_help },
};

/* Descriptors 0 to 2 are there, so that nothing we open becomes one of them
 * and gets the guest's output by accident. */
static bool standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* What was printed has arrived; an unwritable stdout is a failure. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	message("standard output: %s", strerror(errno));
	return status ? status : EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (!standard_fds()) {
		message("/dev/null: %s", strerror(errno));
		return EXIT_USAGE;
	}
	if (argc < 2) {
		help_program();
		return finish(EXIT_USAGE);
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return finish(commands[i].run(argc - 1, argv + 1));
	message("\"%s\": unknown command (run, ps, exec, console, stop, check, "
		"disk, kernel, completion, version)",
		argv[1]);
	return EXIT_USAGE;
}
