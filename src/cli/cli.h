/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The program: the library's first customer. It sees include/vireo.h and
 * nothing else of the project. Only files in this folder print or exit.
 */
#ifndef VIREO_CLI_CLI_H
#define VIREO_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vireo.h"

struct control;

#define EXIT_USAGE 125 /* vireo could not start; nothing was run */

/* ---- subcommands; each returns the exit status ---- */

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_disk(int argc, char **argv);
int cmd_kernel(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_completion(int argc, char **argv);
int cmd_options(int argc, char **argv);

/* ---- messages (message.c) ---- */

/* "vireo: TEXT" on stderr, one line, right on a raw terminal too, and harmless
 * whoever has chosen the words. */
void message(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The error as a message; returns EXIT_USAGE. */
int message_error(const struct vireo_error *err);

/* ---- options (opts.c, own_opts.c) ---- */

#define OPT_WORDS_MAX 16

/* The values of an option that may be repeated. */
struct opt_words {
	const char *word[OPT_WORDS_MAX];
	size_t count;
};

/* How one of several runs ended. */
struct outcome {
	const char *kernel;  /* as it was given, or "" */
	unsigned int number; /* from 1 */
	unsigned int round;  /* from 1 */
	int part_fd; /* where it writes its part of the report; -1: nowhere */
	char *part;  /* what it wrote, or NULL; not for the run itself */
	double seconds;
	struct vireo_end end; /* reason 0: it has not told */
};

/* What only the program knows; everything else goes into the config. */
struct opts {
	struct vireo_config *cfg; /* owned */
	bool print_config;
	bool quiet;
	bool help;
	const char *help_topic; /* an option's name, or NULL */
	const char *log_path;
	const char *report_path; /* NULL: none */
	const char *report_form; /* NULL: json */
	struct opt_words show;    /* paths that are not hidden */
	struct opt_words publish; /* ports */
	char **command; /* what follows "--", or NULL */
	struct opt_words kernels;
	unsigned int repeat; /* 0: not given */
	unsigned int jobs;   /* 0: not given */
	struct outcome *outcome; /* where one of several runs tells its end */
};

/* One option of the program itself, in the same shape as a key. */
const struct vireo_key *cli_option_at(size_t index);
bool option_is_own(const struct vireo_key *o);

/* Any option by its position: the keys first, then the program's own. */
const struct vireo_key *option_at(size_t index);
const struct vireo_key *option_find(const char *name);

/* Parses everything after "run". False: a message has been printed. The
 * caller calls opts_finish() in either case. */
bool opts_parse(struct opts *opts, int argc, char **argv);
void opts_finish(struct opts *opts);

/* ---- what a VM leaves behind (evidence.c) ---- */

struct evidence_lines {
	size_t count;
	char **line; /* owned, and each of them */
};

struct evidence_figure {
	bool time; /* microseconds; or a number of exits */
	char name[32];
	uint64_t value;
};

struct evidence_register {
	unsigned int cpu;
	const char *name; /* the library's */
	uint64_t value;
};

/* Zero-initialised. */
struct evidence {
	struct evidence_lines console;
	struct evidence_lines trace;
	size_t registers;
	struct evidence_register *reg; /* owned */
	size_t figures;
	struct evidence_figure *figure; /* owned */
};

/* What will be wanted, of a VM that has ended. Without memory there is less of
 * it. */
void evidence_take(struct evidence *ev, struct vireo_vm *vm,
		   const struct opts *opts, const struct vireo_end *end);
void evidence_finish(struct evidence *ev);
/* On stderr what a person wants to know of a guest that went wrong: what its
 * vCPUs were doing when the time was over, and the last lines of a console that
 * was not on the terminal anyway. */
void evidence_tell(const struct evidence *ev, const struct opts *opts,
		   const struct vireo_end *end);
/* Members of the report's object, an element of its case, lines of its block:
 * for report.c. */
void evidence_json(FILE *f, const struct evidence *ev);
void evidence_junit(FILE *f, const struct evidence *ev);
void evidence_tap(FILE *f, const struct evidence *ev);

/* ---- reports (report.c) ---- */

/* When one is wanted; one of several runs tells its outcome instead. @evidence
 * may be NULL. False: a message has been printed. */
bool report_write(const struct opts *opts, const struct vireo_end *end,
		  double seconds, const struct evidence *evidence);
/* One of them all, when one is wanted. False: as above. */
bool report_write_runs(const struct opts *opts, const struct outcome *runs,
		       size_t count);
/* A string of JSON with its quotes; text inside of an element. */
void report_json_text(FILE *f, const char *s);
void report_xml_text(FILE *f, const char *s);

/* ---- VMs that run (vms.c) ---- */

/* Where their control sockets are; false: @cap is too small. */
bool vms_directory(char *path, size_t cap);
/* That of a run: before it @started when it has a name, else after, and then
 * there may be none. False: a message has been printed. */
bool vms_open(struct control **out, const struct opts *opts, bool started);

/* ---- commands (run_command.c) ---- */

/* The words after "--", and what a command has from its caller where the user
 * says nothing else. False: a message has been printed. */
bool command_options(struct opts *opts);
/* The folder of --out, when it does not exist, as build tools do. */
bool command_make_out(const struct opts *opts);
/* Standard output and error are the command's, and @in is what it reads. */
bool command_streams(struct opts *opts, int in);

/* ---- help (help.c) ---- */

void help_program(void);
void help_run(void);
/* All about one option; "all": what help_run() leaves out, a line each. */
bool help_option(const char *name);

/* ---- the terminal (terminal.c) ---- */

/* What a key sequence asks for. */
enum terminal_key { TERMINAL_NONE, TERMINAL_QUIT, TERMINAL_HELP,
		    TERMINAL_POWER };

struct terminal_filter {
	bool escaped; /* the last byte was Ctrl-A */
};

/* Copies input bytes that are for the guest from @in to @out (same size) and
 * returns their number; *key is the last command among them. */
size_t terminal_filter(struct terminal_filter *filter, const char *in,
		       size_t len, char *out, enum terminal_key *key);

/* Raw mode on and off; off is also done when a signal ends the process. Both
 * may be called at any time and repeatedly. */
bool terminal_raw(void);
void terminal_restore(void);
/* After a stop: raw again if it was, whatever the shell did meanwhile. */
void terminal_continue(void);
bool terminal_is_raw(void);

#endif
