// SPDX-License-Identifier: BSD-3-Clause
/* src/cli/matrix.c and matrix_plan.c: several runs, each a process. What a run
 * does here is said by the name of its kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture.h"
#include "cli/matrix.h"
#include "run_line.h"

struct fixture {
	struct run_line run;
	int pipe[2]; /* from run to run */
	sigset_t mask;
	struct capture io;
	char text[8192]; /* of a report */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f || pipe2(f->pipe, O_CLOEXEC) < 0)
		return -1;
	return sigprocmask(SIG_SETMASK, NULL, &f->mask);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	sigprocmask(SIG_SETMASK, &f->mask, NULL);
	run_line_finish(&f->run);
	close(f->pipe[0]);
	close(f->pipe[1]);
	free(f);
	return 0;
}

/* ---- a run ---- */

static int tell(struct fixture *f, enum vireo_reason reason, int status,
		const char *verdict)
{
	struct vireo_end end = { .reason = reason, .status = status,
				 .exit_code = status };

	snprintf(end.verdict, sizeof(end.verdict), "%s", verdict);
	snprintf(end.detail, sizeof(end.detail), "told by %d", getpid());
	return report_write(&f->run.opts, &end, 0.5, NULL) ? status : 99;
}

static int await_signal(struct fixture *f, int number)
{
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, number);
	sigwait(&set, &got);
	return tell(f, VIREO_STOPPED, 123, "stopped");
}

static void say(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		_exit(1);
}

static char hear(struct fixture *f)
{
	char c = '-';

	return read(f->pipe[0], &c, 1) == 1 ? c : '?';
}

static int one(void *ctx)
{
	struct fixture *f = ctx;
	const char *kernel = vireo_config_get(f->run.opts.cfg, "kernel", 0);
	char c;

	if (!strcmp(kernel, "seven"))
		return tell(f, VIREO_COMMAND, 7, "exited");
	if (!strcmp(kernel, "dies"))
		raise(SIGKILL);
	if (!strcmp(kernel, "refuses"))
		return 125;
	if (!strcmp(kernel, "silent"))
		return 3;
	if (!strcmp(kernel, "unwritable")) {
		tell(f, VIREO_COMMAND, 0, "exited");
		return 125;
	}
	if (!strcmp(kernel, "reads"))
		return tell(f, VIREO_COMMAND,
			    read(STDIN_FILENO, &c, 1) == 0 ? 0 : 1, "exited");
	if (!strcmp(kernel, "slow"))
		c = hear(f);
	if (!strcmp(kernel, "fast"))
		say(f->pipe[1], "f");
	if (!strcmp(kernel, "signals"))
		kill(getppid(), SIGTERM);
	if (!strcmp(kernel, "signals"))
		return await_signal(f, SIGTERM);
	if (!strcmp(kernel, "orphan")) {
		say(f->pipe[1], "b");
		await_signal(f, SIGQUIT);
		say(f->pipe[1], "q");
	}
	say(STDOUT_FILENO, kernel);
	say(STDERR_FILENO, "-");
	return tell(f, VIREO_COMMAND, 0, "exited");
}

static int run(struct fixture *f, const char *line)
{
	int status;

	run_line_take(&f->run, line);
	capture_begin(&f->io);
	status = matrix_run(&f->run.opts, one, f);
	capture_end(&f->io);
	return status;
}

static void must_say(const struct fixture *f, const char *part)
{
	if (!strstr(f->io.err, part))
		fail_msg("no \"%s\" in: %s", part, f->io.err);
}

/* ---- which runs ---- */

static void one_kernel_once_is_no_matrix(void **state)
{
	struct fixture *f = *state;

	run_line_take(&f->run, "-k|a|--jobs|4|--|true");
	assert_false(matrix_wanted(&f->run.opts));
	run_line_take(&f->run, "--repeat|1|--|true");
	assert_false(matrix_wanted(&f->run.opts));
	run_line_take(&f->run, "-k|a|--kernel=b|--|true");
	assert_true(matrix_wanted(&f->run.opts));
	run_line_take(&f->run, "--repeat|2|--|true");
	assert_true(matrix_wanted(&f->run.opts));
}

static void every_kernel_has_its_turn_in_each_round(void **state)
{
	static const char *const kernels[] = { "a", "b", "c", "a", "b", "c" };
	struct fixture *f = *state;

	run_line_take(&f->run, "-ka|-kb|-kc|--repeat|2|--|true");
	assert_int_equal(matrix_count(&f->run.opts), 6);
	for (unsigned int i = 0; i < 6; i++) {
		assert_string_equal(matrix_kernel(&f->run.opts, i), kernels[i]);
		assert_int_equal(matrix_round(&f->run.opts, i), i / 3 + 1);
	}
	run_line_take(&f->run, "--repeat|3|--|true");
	assert_int_equal(matrix_count(&f->run.opts), 3);
	assert_string_equal(matrix_kernel(&f->run.opts, 2), "");
	assert_int_equal(matrix_round(&f->run.opts, 2), 3);
}

static void each_run_has_names_and_a_folder_of_its_own(void **state)
{
	struct fixture *f = *state;

	run_line_take(&f->run, "-ka|-kb|--name|vm|--out|/tmp/x|--vmcore|core|"
		      "--|true");
	assert_true(matrix_settle(&f->run.opts, 1));
	assert_string_equal(vireo_config_get(f->run.opts.cfg, "kernel", 0),
			    "b");
	assert_string_equal(vireo_config_get(f->run.opts.cfg, "name", 0),
			    "vm-2");
	assert_string_equal(vireo_config_get(f->run.opts.cfg, "out", 0),
			    "/tmp/x/2");
	assert_string_equal(vireo_config_get(f->run.opts.cfg, "vmcore", 0),
			    "core-2");
	run_line_take(&f->run, "--repeat|2|--|true");
	assert_true(matrix_settle(&f->run.opts, 0));
	assert_false(vireo_config_is_set(f->run.opts.cfg, "name"));
	assert_false(vireo_config_is_set(f->run.opts.cfg, "out"));
}

static bool check(struct fixture *f, const char *options_line)
{
	bool ok;

	run_line_take(&f->run, options_line);
	capture_begin(&f->io);
	ok = matrix_check(&f->run.opts);
	capture_end(&f->io);
	assert_true(ok == !f->io.err[0]);
	return ok;
}

static void what_runs_would_take_from_each_other_is_refused(void **state)
{
	static const char *const refused[] = {
		"--disk|a.img", "--disk|a.img,overlay=a.ovl",
		"--disk|a.img,ro|--disk|b.img,direct", "--vsock|/tmp/s",
		"--console|pty=/tmp/p", "--console|socket=/tmp/s",
		"--console|stdio|--console|socket=/tmp/s,name=a",
		"--net|tap=vm0", "--net|listen=unix:/tmp/n",
		"--net|user,forward=8080:80", "--console|file=/tmp/f",
	};
	static const char *const taken[] = {
		"--disk|a.img,ro", "--disk|a.img,overlay=tmp", "--net|user",
		"--console|none", "--console|pty", "--name|vm",
	};
	struct fixture *f = *state;
	char line[128];

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		snprintf(line, sizeof(line), "--repeat|2|--jobs|2|%s|--|true",
			 refused[i]);
		if (check(f, line))
			fail_msg("%s is taken", refused[i]);
	}
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
		snprintf(line, sizeof(line), "--repeat|2|--jobs|2|%s|--|true",
			 taken[i]);
		if (!check(f, line))
			fail_msg("%s: %s", taken[i], f->io.err);
	}
}

static void in_turn_they_may_have_all_but_one_file(void **state)
{
	struct fixture *f = *state;

	assert_true(check(f, "--repeat|2|--disk|a.img|--vsock|/tmp/s|--|true"));
	assert_true(check(f, "--repeat|2|--net|tap=vm0|--|true"));
	assert_false(check(f, "--repeat|2|--console|file=f|--|true"));
	must_say(f, "vireo: --console file=f: ");
}

static void several_kernels_and_long_names_have_their_limits(void **state)
{
	struct fixture *f = *state;

	assert_false(check(f, "-ka|-kb"));
	must_say(f, "for a command");
	assert_true(check(f, "-ka|--repeat|2")); /* a VM may be repeated */
	assert_false(check(f, "--repeat|10|--name|"
			      "1234567890123456789012345678901234567890123456"
			      "789012345678901|--|true"));
	must_say(f, "too long");
	assert_true(check(f, "--repeat|10|--name|"
			     "12345678901234567890123456789012345678901234567"
			     "8901234567890|--|true"));
}

/* ---- running them ---- */

static void all_well_is_0_and_a_table(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "-ka|-kbc|--repeat|2|--|true"), 0);
	assert_string_equal(f->io.out, "abcabc");
	must_say(f, "vireo: run 1 of 4: a\n");
	must_say(f, "vireo: run 4 of 4: bc\n");
	must_say(f, " run  kernel  verdict        status   seconds\n"
		    "   1  a       exited              0     0.500\n");
	must_say(f, "vireo: 4 of 4 passed\n");
}

static void the_first_failure_is_the_status(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "-ka|-kseven|-krefuses|--|true"), 7);
	must_say(f, "seven    exited              7");
	must_say(f, "refuses  not-started       125");
	must_say(f, "vireo: 1 of 3 passed\n");
	assert_int_equal(run(f, "-krefuses|-kseven|--|true"), 125);
	assert_int_equal(run(f, "-kunwritable|-ka|--|true"), 125);
}

static void a_run_that_dies_without_a_word_is_lost(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "-kdies|-ksilent|-ka|--|true"), 120);
	must_say(f, "dies    lost              120");
	must_say(f, "silent  lost              120");
	must_say(f, "vireo: 1 of 3 passed\n");
}

static void quiet_is_quiet(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "-q|-kseven|-kseven|--|true"), 7);
	assert_string_equal(f->io.err, "");
	assert_int_equal(run(f, "-q|-ka|-kb|--jobs|2|--|true"), 0);
	assert_string_equal(f->io.out, "ab");
	assert_string_equal(f->io.err, "--");
}

/* The first reads what the second writes: it would wait for ever otherwise. */
static void runs_at_a_time_are_shown_in_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "-kslow|-kfast|--jobs|2|--|true"), 0);
	assert_string_equal(f->io.out, "slowfast");
	must_say(f, "vireo: run 1 of 2: slow\n-vireo: run 2 of 2: fast\n-");
}

static void more_runs_than_jobs_all_have_their_turn(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "-ka|-kb|--repeat|150|--jobs|7|--|true"), 0);
	assert_int_equal(strlen(f->io.out), 300);
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(f->io.out[i], "ab"[i % 2]);
	must_say(f, "vireo: 300 of 300 passed\n");
}

static void no_run_reads_input(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "-kreads|--repeat|2|--|true"), 0);
}

static void a_signal_goes_to_what_runs_and_nothing_follows(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "-ka|-ksignals|-kb|--|true"), 123);
	assert_string_equal(f->io.out, "a");
	must_say(f, "signals  stopped           123");
	must_say(f, "b        not-run           123");
	must_say(f, "vireo: 1 of 3 passed\n");
}

static void a_run_does_not_outlive_us(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run(f, "-korphan|--repeat|2|--|true"));
	assert_int_equal(hear(f), 'b');
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(hear(f), 'q');
}

static void out_has_a_folder_for_each_run(void **state)
{
	struct fixture *f = *state;
	char dir[] = "/tmp/vireo-matrix-XXXXXX";
	char line[128];
	struct stat st;

	assert_non_null(mkdtemp(dir));
	rmdir(dir);
	snprintf(line, sizeof(line), "--out|%s|--repeat|2|-ka|--|true", dir);
	assert_int_equal(run(f, line), 0);
	assert_int_equal(stat(dir, &st), 0);
	rmdir(dir);
}

static void one_report_has_them_all(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/vireo-matrix-XXXXXX";
	int fd = mkstemp(path);
	char line[128];
	ssize_t n;

	assert_true(fd >= 0);
	snprintf(line, sizeof(line),
		 "--report|%s|-ka|-kdies|-kunwritable|--jobs|3|--|true", path);
	assert_int_equal(run(f, line), 120);
	n = read(fd, f->text, sizeof(f->text) - 1);
	close(fd);
	unlink(path);
	assert_true(n > 0);
	assert_non_null(strstr(f->text, "\"passed\": 1, \"failed\": 2"));
	assert_non_null(strstr(f->text, "\"detail\": \"told by "));
	assert_non_null(strstr(f->text, "\"exit_code\": 125"));
	assert_non_null(strstr(f->text, "\"verdict\": \"lost\""));
	assert_non_null(strstr(f->text, "was ended by signal 9"));
	snprintf(line, sizeof(line), "--report|/nowhere/r|-ka|-kb|--|true");
	assert_int_equal(run(f, line), 125);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_kernel_once_is_no_matrix),
		T(every_kernel_has_its_turn_in_each_round),
		T(each_run_has_names_and_a_folder_of_its_own),
		T(what_runs_would_take_from_each_other_is_refused),
		T(in_turn_they_may_have_all_but_one_file),
		T(several_kernels_and_long_names_have_their_limits),
		T(all_well_is_0_and_a_table),
		T(the_first_failure_is_the_status),
		T(a_run_that_dies_without_a_word_is_lost),
		T(quiet_is_quiet),
		T(runs_at_a_time_are_shown_in_order),
		T(more_runs_than_jobs_all_have_their_turn),
		T(no_run_reads_input),
		T(a_signal_goes_to_what_runs_and_nothing_follows),
		T(a_run_does_not_outlive_us),
		T(out_has_a_folder_for_each_run),
		T(one_report_has_them_all),
	};

	return cmocka_run_group_tests_name("matrix", tests, NULL, NULL);
}
