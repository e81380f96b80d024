// SPDX-License-Identifier: BSD-3-Clause
/* The options of the program itself, in a table as the library's keys are, and
 * any option by its place or name. What they do is in opts.c. */
#include "cli/cli.h"

#include <string.h>

static const struct vireo_key own[] = {
	{ .name = "config",
	  .arg = "FILE",
	  .summary = "read keys from a JSON file first",
	  .help = "One JSON object; its keys are the names of the options "
		  "without dashes. Options on the command line come after it "
		  "and replace its values; those that may be repeated add "
		  "to them. \"-\" reads standard input.",
	  .example = "--config vm.json --memory 1G" },
	{ .name = "print-config",
	  .summary = "print the resulting configuration as JSON and end",
	  .help = "Nothing is run. The output can be read back with --config.",
	  .example = "--memory 1G --print-config > vm.json",
	  .advanced = true },
	{ .name = "kvm-fd",
	  .arg = "N",
	  .summary = "use this open descriptor instead of /dev/kvm",
	  .help = "For users who may not open /dev/kvm themselves.",
	  .example = "--kvm-fd 3 3<>/dev/kvm",
	  .advanced = true },
	{ .name = "log",
	  .arg = "FILE",
	  .summary = "write log lines to a file instead of stderr",
	  .help = "The file is appended to.",
	  .example = "--log vireo.log --log-level debug",
	  .advanced = true },
	{ .name = "report",
	  .arg = "FILE",
	  .summary = "write how the run ended to a file, for programs",
	  .help = "Verdict, exit code, status, signal, detail, command, "
		  "kernel, seconds, exits, times and the console's last lines, "
		  "whatever the end was; registers of a guest that went "
		  "wrong.",
	  .example = "--report report.json -- make test",
	  .advanced = true },
	{ .name = "report-format",
	  .arg = "json|junit|tap",
	  .summary = "the form of --report (default: json)",
	  .help = "junit and tap have one test for each run: the command.",
	  .example = "--report-format junit",
	  .advanced = true },
	{ .name = "publish",
	  .arg = "[ADDRESS:]HOST:GUEST",
	  .summary = "a port of the guest's on this machine",
	  .help = "The short form of --net user,forward=...; 127.0.0.1 where "
		  "no address is given.",
	  .example = "-p 8080:80 -- python3 -m http.server 80",
	  .letter = 'p',
	  .repeatable = true,
	  .advanced = true },
	{ .name = "interactive",
	  .summary = "accepted for podman users; standard input is always open",
	  .help = "Without effect.",
	  .example = "-i",
	  .letter = 'i',
	  .advanced = true },
	{ .name = "show",
	  .arg = "PATH",
	  .summary = "what a command sees that is hidden without a word",
	  .help = "Of the credential directories of one's home (~/.ssh, "
		  "~/.aws, ...) those at PATH or below it.",
	  .example = "--show ~/.netrc -- git push",
	  .repeatable = true,
	  .advanced = true },
	{ .name = "repeat",
	  .arg = "N",
	  .summary = "run it so many times, on each kernel",
	  .help = "Each run is a VM of its own that reads no input. A table "
		  "on stderr and --report tell how each of them ended; the "
		  "exit status is 0 when all of them did well, otherwise that "
		  "of the first that did not. --name and --out get the number "
		  "of the run: NAME-1, DIR/1.",
	  .example = "--repeat 20 -- make check",
	  .advanced = true },
	{ .name = "jobs",
	  .arg = "N",
	  .summary = "of several runs, so many at a time (default: 1)",
	  .help = "For several --kernel and --repeat. What a run says is kept "
		  "and shown when it has ended, in order. What two runs "
		  "cannot use at a time is refused.",
	  .example = "--jobs 4 --repeat 20 -- make check",
	  .advanced = true },
	{ .name = "quiet",
	  .summary = "say nothing on stderr about how the guest ended",
	  .help = "The exit status tells it. Errors that keep the VM from "
		  "starting are still printed.",
	  .example = "-q",
	  .letter = 'q' },
	{ .name = "rm",
	  .summary = "accepted for podman users; a VM leaves nothing behind",
	  .help = "Without effect.",
	  .example = "--rm",
	  .advanced = true },
	{ .name = "help",
	  .arg = "[OPTION]",
	  .summary = "this text, or all about one option",
	  .help = "Without a word: the options on a screen; all: the others. "
		  "With a name: that option with an example.",
	  .example = "--help memory",
	  .letter = 'h' },
};

const struct vireo_key *cli_option_at(size_t index)
{
	return index < sizeof(own) / sizeof(own[0]) ? &own[index] : NULL;
}

bool option_is_own(const struct vireo_key *o)
{
	return o >= own && o < own + sizeof(own) / sizeof(own[0]);
}

const struct vireo_key *option_at(size_t index)
{
	size_t keys = 0;

	while (vireo_key_at(keys))
		keys++;
	return index < keys ? vireo_key_at(index) : cli_option_at(index - keys);
}

const struct vireo_key *option_find(const char *name)
{
	const struct vireo_key *o;

	for (size_t i = 0; (o = option_at(i)); i++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}
