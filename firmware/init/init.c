// SPDX-License-Identifier: BSD-3-Clause
/* See init.h. */
#include "init.h"

#include <linux/errno.h>
#include <linux/reboot.h>

static struct conf conf;

/* Without a connection there is only the console. */
static void say(const char *what, int error)
{
	char line[256] = "vireo init: ";

	put_text(line, sizeof(line), what);
	put_text(line, sizeof(line), ": error ");
	put_number(line, sizeof(line), (uint64_t)-error);
	put_text(line, sizeof(line), "\n");
	write_all(1, line, strlen(line));
}

static void set_name(void)
{
	const char *name = conf_get(&conf, "hostname");

	if (*name)
		SYS2(sethostname, name, strlen(name));
}

static int prepare(const char **what, int *words)
{
	int r = conf.direct ? leave_share(what) : 0;

	if (!r)
		r = mount_basics(what);
	if (!r)
		r = load_modules(&conf, what);
	if (r)
		return r;
	*what = "the host";
	*words = host_connect(PORTS(0) + PORT_WORDS);
	if (*words < 0)
		return *words;
	set_name();
	r = mount_root(&conf, what);
	if (!r)
		r = mount_volumes(&conf, what);
	return r ? r : start_network(&conf, what);
}

/* The host ends the VM. */
static void fail(int words, int status, const char *what, int error)
{
	host_complain(words, status, what, error);
	SYS3(poll, NULL, 0, 10000);
}

static void run(int words)
{
	const char *init = conf_get(&conf, "init");
	int r;

	if (!*init) {
		run_command(&conf, 0, words);
		return;
	}
	r = run_init(&conf);
	fail(words, r == -ENOENT ? 127 : 126, init, r);
}

void init_main(void);

void init_main(void)
{
	uint64_t start = now_us();
	const char *what = "vireo.conf";
	int words = -1;
	int r = conf_read(&conf);

	if (!r)
		r = prepare(&what, &words);
	if (words >= 0)
		host_tell(words, "began", start);
	if (r < 0 && words >= 0) {
		fail(words, 125, what, r);
	} else if (r < 0) {
		say(what, r);
	} else {
		run(words);
	}
	SYS0(sync);
	SYS4(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
	     LINUX_REBOOT_CMD_POWER_OFF, 0);
	for (;;)
		SYS0(pause);
}
