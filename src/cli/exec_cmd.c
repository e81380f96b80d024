// SPDX-License-Identifier: BSD-3-Clause
/*
 * "vireo exec": a command in a VM that another vireo runs. Standard output and
 * error are passed to that process; so is standard input, unless it is a
 * terminal: its keys go through us, since only we may read them.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/input.h"
#include "control/client.h"

#define MAX_ENV 1024

struct exec {
	struct vireo_exec_options options;
	const char *env[MAX_ENV + 1];
	size_t envs;
	char term[128]; /* TERM=... */
	const char *name;
	int connection;
	int signals; /* signalfd */
	struct keys keys; /* for the command's input pipe */
	int passed; /* the last signal that was; 0: none */
	bool left;  /* by that signal again */
};

static void help(void)
{
	puts("vireo exec [-t] [-e NAME=VALUE] [-w DIR] [--user UID[:GID]] NAME "
	     "[--] COMMAND [ARG...]\n"
	     "\n"
	     "Runs COMMAND in the VM NAME, beside the one it was started for,\n"
	     "and ends with its status: 126, 127 and 128+signal as in a shell,\n"
	     "116 when the VM ended first, 125 when nothing was run.\n"
	     "\n"
	     "  -t, --tty              on a terminal (default: when there is one;\n"
	     "                         --tty=false: never)\n"
	     "  -e, --env NAME=VALUE   over the variables of the VM's command\n"
	     "  -w, --workdir DIR      default: where the VM's command started\n"
	     "      --user UID[:GID]   default: as the VM's command");
}

/* ---- options ---- */

static const struct option long_options[] = {
	{ "tty", optional_argument, NULL, 't' },
	{ "env", required_argument, NULL, 'e' },
	{ "workdir", required_argument, NULL, 'w' },
	{ "user", required_argument, NULL, 'u' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static bool add_env(struct exec *x, const char *variable)
{
	if (x->envs == MAX_ENV) {
		message("exec: more than %d variables", MAX_ENV);
		return false;
	}
	x->env[x->envs++] = variable;
	return true;
}

static bool set_option(struct exec *x, int option, char **argv)
{
	switch (option) {
	case 't':
		x->options.tty = !optarg || strcmp(optarg, "false");
		return true;
	case 'i': /* podman's: it always is */
		return true;
	case 'e':
		return add_env(x, optarg);
	case 'w':
		x->options.dir = optarg;
		return true;
	case 'u':
		x->options.user = optarg;
		return true;
	default:
		message("exec: \"%s\": unknown option, or without its value "
			"(vireo exec --help)",
			argv[optind - 1]);
		return false;
	}
}

/* A terminal on both sides is one in the guest, with its name. */
static bool parse(struct exec *x, int argc, char **argv)
{
	const char *term = getenv("TERM");
	bool given = false;
	int option;

	opterr = 0;
	x->options.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	while ((option = getopt_long(argc, argv, "+tie:w:u:h", long_options,
				     NULL)) != -1) {
		if (option == 'h') {
			help();
			return false;
		}
		if (!set_option(x, option, argv))
			return false;
	}
	x->name = optind < argc ? argv[optind++] : NULL;
	if (optind < argc && !strcmp(argv[optind], "--"))
		optind++;
	if (!x->name || optind == argc) {
		message("exec: wants NAME [--] COMMAND [ARG...] (vireo ps "
			"lists names)");
		return false;
	}
	if (argv[optind - 1] == x->name && argv[optind][0] == '-') {
		message("exec: \"%s\": options come before NAME, and \"--\" "
			"before a command that begins so",
			argv[optind]);
		return false;
	}
	x->options.words = (const char *const *)argv + optind;
	for (size_t i = 0; i < x->envs; i++)
		given = given || !strncmp(x->env[i], "TERM=", 5);
	snprintf(x->term, sizeof(x->term), "TERM=%s", term ? term : "");
	if (x->options.tty && term && !given && !add_env(x, x->term))
		return false;
	x->options.env = x->env;
	return true;
}

/* ---- while it runs ---- */

static void tell_size(const struct exec *x)
{
	struct winsize size;

	if (x->options.tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		control_exec_resize(x->connection, size.ws_col, size.ws_row);
}

/* The first of a kind is the command's, the second is for us. */
static void on_signal(struct exec *x)
{
	struct signalfd_siginfo info;

	while (read(x->signals, &info, sizeof(info)) == sizeof(info)) {
		int number = (int)info.ssi_signo;

		if (number == SIGCONT)
			terminal_continue();
		if (number == SIGCONT || number == SIGWINCH) {
			tell_size(x);
			continue;
		}
		x->left = x->left || x->passed == number;
		x->passed = number;
		control_exec_signal(x->connection, number);
	}
}

/* Until the VM's process has something to tell, or the user leaves. */
static void converse(struct exec *x)
{
	struct pollfd set[4];

	do {
		set[0] = (struct pollfd){ x->connection, POLLIN, 0 };
		set[1] = (struct pollfd){ x->signals, POLLIN, 0 };
		keys_poll(&x->keys, &set[2], &set[3]);
		if (poll(set, 4, -1) < 0 && errno != EINTR)
			return;
		if (set[1].revents)
			on_signal(x);
		if (set[3].revents)
			keys_send(&x->keys);
		if (set[2].revents)
			keys_read(&x->keys);
		if (keys_are_done(&x->keys))
			keys_close(&x->keys);
	} while (!set[0].revents && !x->left);
}

static bool open_signals(struct exec *x)
{
	static const int ours[] = { SIGTERM,  SIGINT,  SIGHUP,
				    SIGQUIT,  SIGUSR1, SIGUSR2,
				    SIGWINCH, SIGCONT, 0 };

	x->signals = input_signals(ours, false);
	return x->signals >= 0;
}

static bool connect_exec(struct exec *x)
{
	struct vireo_exec_options *o = &x->options;
	int fds[2] = { STDIN_FILENO, -1 };
	struct vireo_error err;
	char directory[512];

	if (isatty(STDIN_FILENO) && pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		message("pipe: %s", strerror(errno));
		return false;
	}
	x->keys.to = fds[1];
	o->size = sizeof(*o);
	o->has_in = o->has_out = o->has_err = true;
	o->in = fds[0];
	o->out = STDOUT_FILENO;
	o->err = STDERR_FILENO;
	if (!vms_directory(directory, sizeof(directory)))
		return false;
	x->connection = control_exec(directory, x->name, o, &err);
	if (fds[1] >= 0)
		close(fds[0]);
	if (x->connection < 0)
		message("exec: %s", err.text);
	return x->connection >= 0;
}

static int run(struct exec *x)
{
	struct vireo_end end;

	if (!open_signals(x) || !connect_exec(x))
		return EXIT_USAGE;
	tell_size(x);
	if (x->options.tty && x->keys.to >= 0)
		terminal_raw();
	converse(x);
	if (x->left)
		return 128 + x->passed;
	if (control_exec_end(x->connection, &end) < 0) {
		terminal_restore();
		message("exec: %s: the VM's process has gone", x->name);
		return 116;
	}
	terminal_restore();
	if (*end.detail)
		message("%s", end.detail);
	return end.exit_code;
}

int cmd_exec(int argc, char **argv)
{
	struct exec *x = calloc(1, sizeof(*x));
	int status = EXIT_USAGE;

	if (!x) {
		message("out of memory");
		return EXIT_USAGE;
	}
	x->connection = -1;
	x->signals = -1;
	x->keys.to = -1;
	if (parse(x, argc, argv))
		status = run(x);
	else if (argc == 2 && (!strcmp(argv[1], "--help") ||
			       !strcmp(argv[1], "-h")))
		status = 0;
	terminal_restore();
	free(x);
	return status;
}
