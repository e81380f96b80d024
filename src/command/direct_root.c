// SPDX-License-Identifier: BSD-3-Clause
#include "command/direct_root.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "command/guest_files.h"
#include "command/modules.h"
#include "command/root_image.h"

/* What stands after it is for init, and no longer for the kernel. */
static bool ends_early(const char *cmdline)
{
	const char *at = cmdline;

	while ((at = strstr(at, "--"))) {
		if ((at == cmdline || at[-1] == ' ') &&
		    (!at[2] || at[2] == ' '))
			return true;
		at += 2;
	}
	return false;
}

/* One of the host's own would be hidden. */
static bool has_folder(const char *root)
{
	char path[CONFIG_PATH_MAX + sizeof(GUEST_FOLDER) + 1];
	struct stat st;

	snprintf(path, sizeof(path), "%s/" GUEST_FOLDER, root);
	return lstat(path, &st) == 0;
}

/* What is in the way, and the remedy; NULL: nothing. */
static const char *obstacle(const struct config *cfg)
{
	if (root_image_is_one(cfg->command.rootfs))
		return "the root is an image (give a folder)";
	if (cfg->transport != TRANSPORT_PCI)
		return "kernels find their root on PCI only (leave out transport)";
	if (cfg->initrds)
		return "there is an initrd (leave it out)";
	if (cfg->cmdline_only || ends_early(cfg->cmdline))
		return "the kernel's command line takes no more words "
		       "(leave out cmdline-only, and --)";
	if (has_folder(cfg->command.rootfs))
		return "the root has a file /" GUEST_FOLDER " (rename it)";
	return NULL;
}

static const char *missing_driver(const char *modules, bool *known)
{
	int pci = modules_built_in(modules, "virtio_pci");
	int fs = modules_built_in(modules, "virtiofs");

	*known = pci >= 0 && fs >= 0;
	if (!*known || (pci && fs))
		return NULL;
	return "virtio_pci and virtiofs are not both built into this kernel "
	       "(use another, as debian:6.12-cloud)";
}

int direct_root(bool *direct, const struct config *cfg, const char *modules,
		struct err *err)
{
	const bool never = cfg->command.initramfs == INITRAMFS_NEVER;
	const char *why;
	bool known = true;

	*direct = false;
	if (cfg->command.initramfs == INITRAMFS_ALWAYS)
		return 0;
	why = obstacle(cfg);
	if (!why)
		why = missing_driver(modules, &known);
	*direct = !why && (known || never);
	if (!why || !never)
		return 0;
	return err_set_key(err, -EINVAL, "initramfs",
			   "initramfs: not without one: %s", why);
}
