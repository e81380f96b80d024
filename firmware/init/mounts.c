// SPDX-License-Identifier: BSD-3-Clause
/* The file systems of the guest, from the initramfs to the command's root. */
#include "init.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>

static int make_dir(const char *path)
{
	long r = SYS3(mkdirat, AT_CWD, path, 0755);

	return r == -EEXIST ? 0 : (int)r;
}

static int mount(const char *what, const char *where, const char *type,
		 unsigned long flags, const char *options)
{
	return (int)SYS5(mount, what, where, type, flags, options);
}

static const struct {
	const char *where;
	const char *type;
	unsigned long flags;
	const char *options;
} basics[] = {
	{ "/dev", "devtmpfs", MS_NOSUID, "mode=755" },
	{ "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "" },
	{ "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "" },
	{ "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755" },
	{ "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
	  "gid=5,mode=620,ptmxmode=666" },
	{ "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777" },
};

/* The tree may be without any folder to mount something on, so it becomes part
 * of one in memory. */
int leave_share(const char **what)
{
	int r;

	*what = "/" FOLDER;
	r = mount("tmpfs", "/" FOLDER, "tmpfs", MS_NODEV, "mode=755");
	if (!r)
		r = (int)SYS1(chdir, "/" FOLDER);
	if (!r)
		r = make_dir("below");
	return r ? r : (int)SYS2(pivot_root, ".", "below");
}

int mount_basics(const char **what)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(basics) / sizeof(basics[0]) && !r; i++) {
		*what = basics[i].where;
		r = make_dir(basics[i].where);
		if (!r)
			r = mount(basics[i].type, basics[i].where,
				  basics[i].type, basics[i].flags,
				  basics[i].options);
	}
	return r;
}

/* Our own folder is none of the command's: for overlayfs a device 0:0 above
 * is nothing below. */
static int mount_overlay(bool direct)
{
	int r = mount("tmpfs", "/layer", "tmpfs", MS_NODEV, "mode=755");

	if (!r)
		r = make_dir("/layer/upper");
	if (!r)
		r = make_dir("/layer/work");
	if (!r && direct)
		r = (int)SYS4(mknodat, AT_CWD, "/layer/upper/" FOLDER, S_IFCHR,
			      0);
	if (!r)
		r = mount("root", "/root", "overlay", 0,
			  "lowerdir=/below,upperdir=/layer/upper,"
			  "workdir=/layer/work,xino=off");
	return r;
}

/* The basics move along. */
static int move_basics(void)
{
	static const char *const dirs[][2] = {
		{ "/dev", "/root/dev" }, { "/proc", "/root/proc" },
		{ "/sys", "/root/sys" }, { "/run", "/root/run" },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && !r; i++) {
		r = make_dir(dirs[i][1]);
		if (!r)
			r = mount(dirs[i][0], dirs[i][1], "", MS_MOVE, "");
	}
	return r;
}

static int enter_root(void)
{
	int r = (int)SYS1(chdir, "/root");

	if (!r)
		r = mount("/root", "/", "", MS_MOVE, "");
	if (!r)
		r = (int)SYS1(chroot, ".");
	return r ? r : (int)SYS1(chdir, "/");
}

/* By its serial number, which the host gave it: "/dev/vda", ... */
static bool find_disk(char *path, size_t cap, const char *serial, size_t len)
{
	char file[] = "/sys/block/vd?/serial", found[32];

	for (char letter = 'a'; letter <= 'z'; letter++) {
		file[sizeof("/sys/block/vd") - 1] = letter;
		if (read_file(file, found, sizeof(found)) < (long)len ||
		    memcmp(found, serial, len))
			continue;
		*path = '\0';
		put_text(path, cap, "/dev/vd?");
		path[sizeof("/dev/vd") - 1] = letter;
		return true;
	}
	return false;
}

/* "SERIAL TYPE" */
static int mount_image(const char *image)
{
	char path[16];
	size_t n = 0;

	while (image[n] && image[n] != ' ')
		n++;
	if (!image[n] || !find_disk(path, sizeof(path), image, n))
		return -ENODEV;
	return mount(path, "/below", image + n + 1, MS_RDONLY, "");
}

/* An image or a share, with a layer above it. */
static int mount_below(const struct conf *conf, const char **what)
{
	const char *image = conf_get(conf, "image");
	int r = make_dir("/below");

	if (!r)
		r = make_dir("/layer");
	if (!r && !conf->direct)
		r = *image ? mount_image(image) :
			     mount(conf_get(conf, "root"), "/below", "virtiofs",
				   MS_RDONLY, "");
	if (r)
		return r;
	*what = "the layer above the root";
	return mount_overlay(conf->direct);
}

/* It may be there already, as the kernel has mounted it. */
static int mount_layer(const struct conf *conf)
{
	int r;

	if (!conf->direct)
		return mount(conf_get(conf, "root"), "/root", "virtiofs", 0,
			     "");
	r = mount("", "/below", "", MS_REMOUNT, "");
	if (!r)
		r = mount("/below", "/root", "", MS_MOVE, "");
	if (!r)
		r = (int)SYS3(unlinkat, AT_CWD, "/root/" FOLDER, AT_REMOVEDIR);
	return r;
}

int mount_root(const struct conf *conf, const char **what)
{
	int r = make_dir("/root");

	*what = "the root";
	if (!r && *conf_get(conf, "layer"))
		r = mount_layer(conf);
	else if (!r)
		r = mount_below(conf, what);
	if (!r) {
		*what = "/dev, /proc, /sys and /run";
		r = move_basics();
	}
	if (!r) {
		*what = "the root";
		r = enter_root();
	}
	return r;
}

static int make_dirs(const char *path)
{
	char part[4096];
	size_t n = 0;
	int r = 0;

	while (path[n] && n + 1 < sizeof(part) && !r) {
		part[n] = path[n];
		n++;
		part[n] = '\0';
		if (path[n] == '/' || !path[n])
			r = make_dir(part);
	}
	return r;
}

int mount_volumes(const struct conf *conf, const char **what)
{
	const char *v = NULL;
	int r = 0;

	while (!r && (v = conf_next(conf, "volume", v))) {
		char tag[64] = "";
		size_t n = 0;

		while (v[n] && v[n] != ' ' && n + 1 < sizeof(tag)) {
			tag[n] = v[n];
			n++;
		}
		*what = v + n + 1;
		r = make_dirs(*what);
		if (!r)
			r = mount(tag, *what, "virtiofs",
				  MS_NODEV | MS_NOSUID, "");
	}
	return r;
}
