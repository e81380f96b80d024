// SPDX-License-Identifier: BSD-3-Clause
/*
 * "vireo run": a VM from its options to its exit status. The main thread waits
 * for three things: the VM's end, signals, and keys on the terminal.
 */
#include "cli/cli.h"
#include "cli/input.h"
#include "cli/kernels.h"
#include "cli/matrix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "control/control.h"

#define GRACE_MS 10000 /* from the power button to the end */

/* One run. */
struct run {
	struct opts opts;
	struct vireo_vm *vm;
	struct control *control; /* NULL: there is no socket */
	FILE *log;    /* NULL: stderr */
	int signals;  /* signalfd */
	bool terminal; /* its keys go through us */
	struct terminal_filter filter;
	struct keys keys; /* for the guest's input pipe */
	struct evidence evidence;
	bool passed;       /* a signal, to the command */
	bool pressed;      /* the power button, by a signal */
	uint64_t press_ms; /* when */
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- before the start ---- */

static void on_log(void *ctx, int level, const char *line)
{
	const struct run *run = ctx;

	if (run->log)
		fprintf(run->log, "vireo: %s\n", line);
	else
		message("%s", line);
}

static bool set_log(struct run *run)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	const char *word = vireo_config_get(run->opts.cfg, "log-level", 0);
	int level = VIREO_LOG_WARN;

	for (int i = 0; i < 4; i++)
		if (word && !strcmp(word, names[i]))
			level = i;
	if (run->opts.log_path) {
		run->log = fopen(run->opts.log_path, "ae");
		if (!run->log) {
			message("%s: %s", run->opts.log_path, strerror(errno));
			return false;
		}
		setvbuf(run->log, NULL, _IOLBF, 0);
	}
	vireo_config_set_log(run->opts.cfg, (enum vireo_log_level)level, on_log,
			     run);
	return true;
}

/* The signals we handle arrive by descriptor. */
static bool open_signals(struct run *run)
{
	static const int ours[] = { SIGTERM, SIGINT,  SIGHUP,	SIGQUIT,
				    SIGTSTP, SIGCONT, SIGWINCH, 0 };

	signal(SIGXFSZ, SIG_IGN); /* EFBIG is an answer */
	run->signals = input_signals(ours, false);
	return run->signals >= 0;
}

/* Is standard input and output one of the consoles? */
static bool console_is_stdio(const struct run *run)
{
	const char *word;

	for (size_t i = 0;
	     (word = vireo_config_get(run->opts.cfg, "console", i)); i++)
		if (!strncmp(word, "stdio", 5) && (!word[5] || word[5] == ','))
			return true;
	return false;
}

/* A flag has more than one word for "true". */
static bool is_on(const struct run *run, const char *key)
{
	const char *word = vireo_config_get(run->opts.cfg, key, 0);

	return word && (!strcmp(word, "true") || !strcmp(word, "on") ||
			!strcmp(word, "yes"));
}

static bool console_streams(struct opts *opts, int in)
{
	struct vireo_error err;

	if (vireo_config_set_fd(opts->cfg, "console-in", in, &err) == 0 &&
	    vireo_config_set_fd(opts->cfg, "console-out", STDOUT_FILENO,
				&err) == 0)
		return true;
	message_error(&err);
	return false;
}

static bool has_command(const struct run *run)
{
	return vireo_config_get(run->opts.cfg, "command", 0);
}

/* With a terminal on both sides the keys go through us, so that Ctrl-A works
 * (not with a command: its keys are its own); otherwise the guest reads
 * standard input itself. */
static bool connect_streams(struct run *run)
{
	bool tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	int fds[2] = { STDIN_FILENO, -1 };
	bool ok;

	if (!has_command(run) && !console_is_stdio(run))
		return true;
	if (has_command(run))
		tty = tty && is_on(run, "tty");
	if (tty && pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		message("pipe: %s", strerror(errno));
		return false;
	}
	ok = has_command(run) ? command_streams(&run->opts, fds[0])
			      : console_streams(&run->opts, fds[0]);
	if (tty) {
		close(fds[0]);
		run->keys.to = fds[1];
		run->keys.filter = has_command(run) ? NULL : &run->filter;
		run->terminal = true;
	}
	return ok;
}

/* ---- while it runs ---- */

/* The first time asks the guest, the second time does not. */
static void ask_to_end(struct run *run)
{
	if (run->pressed || vireo_power_button(run->vm) < 0) {
		vireo_stop(run->vm);
		return;
	}
	run->pressed = true;
	run->press_ms = now_ms();
}

/* The guest's terminal is as large as ours. */
static void tell_size(struct run *run)
{
	struct winsize size;

	if (run->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		vireo_console_resize(run->vm, size.ws_col, size.ws_row);
}

static void on_stop_signal(struct run *run)
{
	bool was_raw = terminal_is_raw();

	terminal_restore();
	raise(SIGSTOP);
	if (was_raw)
		terminal_raw();
}

/* The first is the command's business. */
static bool pass_signal(struct run *run, int number)
{
	if (run->passed || vireo_command_signal(run->vm, number) < 0)
		return false;
	run->passed = true;
	return true;
}

static void on_signal(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT:
		case SIGHUP:
			if (!pass_signal(run, (int)info.ssi_signo))
				ask_to_end(run);
			break;
		case SIGQUIT:
			vireo_stop(run->vm);
			break;
		case SIGTSTP:
			on_stop_signal(run);
			break;
		case SIGCONT:
			terminal_continue();
			tell_size(run);
			break;
		default: /* SIGWINCH */
			tell_size(run);
			break;
		}
	}
}

static void on_key(struct run *run, enum terminal_key key)
{
	switch (key) {
	case TERMINAL_QUIT:
		vireo_stop(run->vm);
		break;
	case TERMINAL_POWER:
		ask_to_end(run);
		break;
	case TERMINAL_HELP:
		fputs("\r\nCtrl-A x  end the VM\r\n"
		      "Ctrl-A p  press the power button\r\n"
		      "Ctrl-A a  send Ctrl-A to the guest\r\n"
		      "Ctrl-A h  this help\r\n",
		      stderr);
		break;
	case TERMINAL_NONE:
		break;
	}
}

static int grace_left(const struct run *run)
{
	uint64_t gone;

	if (!run->pressed)
		return -1;
	gone = now_ms() - run->press_ms;
	return gone < GRACE_MS ? (int)(GRACE_MS - gone) : 0;
}

/* True when the VM has ended. */
static bool wait_once(struct run *run)
{
	struct pollfd fds[5] = {
		{ vireo_event_fd(run->vm), POLLIN, 0 },
		{ run->signals, POLLIN, 0 },
		{ run->control ? control_fd(run->control) : -1, POLLIN, 0 },
	};
	int timeout = grace_left(run);

	keys_poll(&run->keys, &fds[3], &fds[4]);
	if (poll(fds, 5, timeout) < 0 && errno != EINTR)
		return true;
	if (fds[1].revents)
		on_signal(run);
	if (fds[2].revents)
		control_serve(run->control, run->vm);
	if (fds[4].revents)
		keys_send(&run->keys);
	if (fds[3].revents)
		on_key(run, keys_read(&run->keys));
	if (keys_are_done(&run->keys))
		keys_close(&run->keys); /* the terminal is gone */
	if (timeout == 0)
		vireo_stop(run->vm);
	return fds[0].revents & POLLIN;
}

/* ---- after the end ---- */

static void tell_end(const struct vireo_end *end)
{
	static const char *const what[] = {
		[VIREO_PANIC] = "guest kernel panic",
		[VIREO_TRIPLE_FAULT] = "guest triple fault",
		[VIREO_KVM_ERROR] = "KVM could not run the guest",
		[VIREO_HOST_ERROR] = "a host resource failed",
		[VIREO_STOPPED] = "the VM was stopped",
		[VIREO_DEADLINE] = "deadline",
	};

	if (end->reason == VIREO_COMMAND && *end->detail)
		message("%s", end->detail);
	if (end->exit_code == 116 && end->reason != VIREO_COMMAND)
		message("the guest ended before the command told its status");
	if ((size_t)end->reason >= sizeof(what) / sizeof(what[0]) ||
	    !what[end->reason])
		return;
	if (end->reason == VIREO_KVM_ERROR)
		message("%s (vireo check tells what this host can run): %s",
			what[end->reason], end->detail);
	else
		message("%s%s%s", what[end->reason], *end->detail ? ": " : "",
			end->detail);
}

/* Where figures go; their group is a heading. */
struct figures {
	FILE *out;
	const char *group; /* of the last one */
};

static void print_stat(void *ctx, const struct vireo_stat *stat)
{
	struct figures *f = ctx;

	if (!f->group || strcmp(f->group, stat->group))
		fprintf(f->out, "%s\n", stat->group);
	f->group = stat->group;
	fprintf(f->out, "  %-24s %12llu %s\n", stat->name,
		(unsigned long long)stat->value, stat->unit);
}

/* What the process needed, guest pages included: VmHWM of proc(5). (What
 * getrusage() tells includes the program that started us.) */
static void print_process(struct figures *f)
{
	struct vireo_stat row = { "process", "peak resident memory", 0, "KiB" };
	FILE *file = fopen("/proc/self/status", "re");
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmHWM:", 6))
			row.value = strtoull(line + 6, NULL, 10);
	if (file)
		fclose(file);
	if (row.value)
		print_stat(f, &row);
}

/* The figures as text; malloc'd. NULL: none are wanted. */
static char *take_figures(struct run *run)
{
	char *text = NULL;
	size_t len;
	struct figures f = { 0 };

	if (is_on(run, "stats"))
		f.out = open_memstream(&text, &len);
	if (!f.out)
		return NULL;
	vireo_stats(run->vm, print_stat, &f);
	print_process(&f);
	fclose(f.out);
	return text;
}

/* The VM goes first, and with it the last bytes of its console: what we say of
 * the guest comes after what it said. */
static int finish_run(struct run *run, const struct vireo_end *end)
{
	char *figures = take_figures(run);

	control_hang_up(run->control);
	vireo_destroy(&run->vm);
	control_close(&run->control);
	terminal_restore();
	if (!run->opts.quiet) {
		tell_end(end);
		evidence_tell(&run->evidence, &run->opts, end);
	}
	if (figures)
		fputs(figures, stderr);
	free(figures);
	return end->exit_code;
}

/* A guest that does not begin looks like one that hangs. gdb wants ":PORT" or a
 * path. */
static void tell_gdb(const struct run *run)
{
	const char *word = vireo_config_get(run->opts.cfg, "gdb", 0);
	const char *at = word ? strchr(word, ':') : NULL;
	const char *item = at ? strrchr(at, ',') : NULL;

	if (!item || strcmp(item, ",wait") != 0)
		return;
	if (!strncmp(word, "unix:", 5))
		at++;
	message("the guest waits for gdb: target remote %.*s",
		(int)(item - at), at);
}

/* A terminal's path is news to the user, unless there is a link to it. */
static void tell_paths(const struct run *run)
{
	const char *word;

	for (size_t i = 0;
	     (word = vireo_config_get(run->opts.cfg, "console", i)); i++) {
		const char *path = vireo_console_path(run->vm, i);

		if (path && !strncmp(word, "pty", 3) && word[3] != '=')
			message("console %s is at %s", word, path);
	}
}

static int run_vm(struct run *run)
{
	struct vireo_error err;
	struct vireo_end end;
	uint64_t start_ms = now_ms();

	if (!vms_open(&run->control, &run->opts, false))
		return EXIT_USAGE;
	if (vireo_create(&run->vm, run->opts.cfg, &err) < 0)
		return message_error(&err);
	if (!run->opts.quiet) {
		tell_paths(run);
		tell_gdb(run);
	}
	tell_size(run);
	if (run->terminal && !terminal_raw()) {
		message("the terminal: %s", strerror(errno));
		return EXIT_USAGE;
	}
	if (vireo_start(run->vm, &err) < 0)
		return message_error(&err);
	vms_open(&run->control, &run->opts, true);
	while (!wait_once(run))
		;
	if (vireo_wait(run->vm, -1, &end) < 0)
		return EXIT_USAGE;
	evidence_take(&run->evidence, run->vm, &run->opts, &end);
	if (!report_write(&run->opts, &end,
			  (double)(now_ms() - start_ms) / 1000,
			  &run->evidence))
		end.exit_code = EXIT_USAGE;
	return finish_run(run, &end);
}

static int print_config(const struct run *run)
{
	char *json;

	if (vireo_config_print(run->opts.cfg, &json) < 0) {
		message("out of memory");
		return EXIT_USAGE;
	}
	puts(json);
	free(json);
	return 0;
}

/* One VM, when all about it is said. */
static int run_once(void *ctx)
{
	struct run *run = ctx;
	int status = EXIT_USAGE;

	if (kernel_cache_option(&run->opts) &&
	    command_make_out(&run->opts) && set_log(run) &&
	    open_signals(run) && connect_streams(run))
		status = run_vm(run);
	control_hang_up(run->control);
	vireo_destroy(&run->vm);
	control_close(&run->control);
	terminal_restore();
	evidence_finish(&run->evidence);
	return status;
}

static int prepare_and_run(struct run *run)
{
	if (run->opts.help) {
		if (!run->opts.help_topic)
			help_run();
		else if (!help_option(run->opts.help_topic))
			return EXIT_USAGE;
		return 0;
	}
	if (!command_options(&run->opts))
		return EXIT_USAGE;
	if (run->opts.print_config)
		return print_config(run);
	if (matrix_wanted(&run->opts))
		return matrix_run(&run->opts, run_once, run);
	return run_once(run);
}

int cmd_run(int argc, char **argv)
{
	struct run run = { .signals = -1, .keys.to = -1 };
	int status = EXIT_USAGE;

	if (opts_parse(&run.opts, argc - 1, argv + 1))
		status = prepare_and_run(&run);
	if (run.log)
		fclose(run.log);
	opts_finish(&run.opts);
	return status;
}
