// SPDX-License-Identifier: BSD-3-Clause
/* Where VMs that run are found, and the socket of a run of ours. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/control.h"

bool vms_directory(char *path, size_t cap)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int len;

	if (geteuid() == 0)
		len = snprintf(path, cap, "/run/vireo");
	else if (runtime && runtime[0] == '/')
		len = snprintf(path, cap, "%s/vireo", runtime);
	else
		len = snprintf(path, cap, "/tmp/vireo-%u",
			       (unsigned int)geteuid());
	return len > 0 && (size_t)len < cap;
}

/* Who gives no name does not ask for one: a host without room for a socket
 * runs VMs as well. */
bool vms_open(struct control **out, const struct opts *opts, bool started)
{
	const char *name = vireo_config_get(opts->cfg, "name", 0);
	struct vireo_error err = { .text = "XDG_RUNTIME_DIR is too long" };
	char path[512];

	if (!name != started)
		return true;
	if (vms_directory(path, sizeof(path)) &&
	    control_open(out, path, name, opts->cfg, &err) == 0)
		return true;
	if (name)
		message("--name: %s", err.text);
	return !name;
}
