// SPDX-License-Identifier: BSD-3-Clause
/* "vireo stop": ends VMs, and waits until they have. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "control/client.h"

static void help(void)
{
	puts("vireo stop [--force] NAME...\n"
	     "\n"
	     "Asks the VM to end: a command gets SIGTERM, a guest sees its\n"
	     "power button pressed; after 10 seconds it is ended. --force ends\n"
	     "it at once. Returns when it has ended.");
}

int cmd_stop(int argc, char **argv)
{
	bool force = argc > 1 && !strcmp(argv[1], "--force");
	int status = 0, first = force ? 2 : 1;
	char directory[512];

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		help();
		return 0;
	}
	if (argc > first && argv[first][0] == '-') {
		message("stop: \"%s\": unknown option (--force)", argv[first]);
		return EXIT_USAGE;
	}
	if (argc <= first) {
		message("stop: wants the name of a VM (vireo ps)");
		return EXIT_USAGE;
	}
	if (!vms_directory(directory, sizeof(directory)))
		return EXIT_USAGE;
	for (int i = first; i < argc; i++) {
		struct vireo_error err;

		if (control_stop(directory, argv[i], force, &err) == 0)
			continue;
		message("stop: %s", err.text);
		status = EXIT_USAGE;
	}
	return status;
}
