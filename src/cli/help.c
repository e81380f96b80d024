// SPDX-License-Identifier: BSD-3-Clause
/*
 * Texts made from the option table: help on the screen, completions for the
 * shells, and the options' part of the manual.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 78
#define COLUMN 22 /* where summaries start */

void help_program(void)
{
	puts("vireo: virtual machines on Linux KVM\n"
	     "\n"
	     "  vireo run [OPTIONS] KERNEL   boot a VM\n"
	     "  vireo run -- COMMAND         run it in a throwaway VM\n"
	     "  vireo ps                     what runs\n"
	     "  vireo exec NAME -- COMMAND   a further command in a VM\n"
	     "  vireo console NAME           look in at a VM's console\n"
	     "  vireo stop NAME              end a VM\n"
	     "  vireo check                  what this host's KVM can do\n"
	     "  vireo disk check|info FILE   what is in an overlay file\n"
	     "  vireo kernel list|fetch      kernels from the distribution\n"
	     "  vireo completion SHELL       completions for bash, zsh, fish\n"
	     "  vireo version\n"
	     "\n"
	     "vireo run --help lists the options.");
}

static void print_option(const struct vireo_key *o)
{
	char left[64];
	char letter[5] = "    ";
	const char *arg = o->arg ? "..." : ""; /* a choice: see its help */

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	if (o->arg && !strchr(o->arg, '|'))
		arg = o->arg;
	snprintf(left, sizeof(left), "%s--%s%s%.*s", letter, o->name,
		 o->arg ? " " : "", (int)strcspn(arg, ",["), arg);
	printf("%-*s %s\n", COLUMN, left, o->summary);
}

/* The options that everybody wants to know, or the rest. */
static void print_options(bool advanced)
{
	const struct vireo_key *o;

	for (size_t i = 0; (o = option_at(i)); i++)
		if (o->advanced == advanced)
			print_option(o);
}

void help_run(void)
{
	puts("vireo run [OPTIONS] [IMAGE] [-- COMMAND [ARG...]]\n");
	print_options(false);
	puts("\nvireo run --help all lists the others, --help NAME explains "
	     "one.");
}

/* Wraps a paragraph at blanks. */
static void print_wrapped(const char *text)
{
	size_t used = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (used && used + len + 1 > WIDTH) {
			putchar('\n');
			used = 0;
		}
		if (used) {
			putchar(' ');
			used++;
		}
		fwrite(text, 1, len, stdout);
		used += len;
		text += len;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void print_heading(const struct vireo_key *o)
{
	printf("--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
	if (o->letter)
		printf(", -%c", o->letter);
	if (o->repeatable)
		printf(" (may be repeated)");
	if (o->value && o->arg)
		printf(" (default: %s)", o->value);
	putchar('\n');
}

bool help_option(const char *name)
{
	const struct vireo_key *o = option_find(name);

	if (!strcmp(name, "all")) {
		print_options(true);
		return true;
	}
	if (!o) {
		message("--%s: unknown option (vireo run --help lists them)",
			name);
		return false;
	}
	print_heading(o);
	printf("  %s\n\n", o->summary);
	print_wrapped(o->help);
	printf("\nexample: vireo run %s\n", o->example);
	return true;
}

/* ---- for other programs ---- */

static void complete_bash(void)
{
	const struct vireo_key *o;

	printf("_vireo() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]}\n"
	       "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W 'run ps exec console stop check disk kernel completion version' "
	       "-- \"$cur\"))\n"
	       "\telif [[ $cur == -* ]]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W '");
	for (size_t i = 0; (o = option_at(i)); i++)
		printf("%s--%s", i ? " " : "", o->name);
	printf("' -- \"$cur\"))\n"
	       "\telse\n"
	       "\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
	       "\tfi\n"
	       "}\n"
	       "complete -o filenames -F _vireo vireo\n");
}

/* A summary inside single quotes and square brackets. */
static void put_plain(const char *text)
{
	for (; *text; text++)
		putchar(*text == '\'' || *text == '[' || *text == ']' ||
					*text == ':'
				? ' '
				: *text);
}

static void complete_zsh(void)
{
	const struct vireo_key *o;

	printf("#compdef vireo\n_arguments \\\n"
	       "\t'1:command:(run ps exec console stop check disk kernel completion version)' \\\n");
	for (size_t i = 0; (o = option_at(i)); i++) {
		printf("\t'--%s%s[", o->name, o->arg ? "=" : "");
		put_plain(o->summary);
		printf("]%s' \\\n", o->arg ? ":value:_files" : "");
	}
	printf("\t'*:file:_files'\n");
}

static void complete_fish(void)
{
	const struct vireo_key *o;

	printf("complete -c vireo -n __fish_use_subcommand -a "
	       "'run ps exec console stop check disk kernel completion version'\n");
	for (size_t i = 0; (o = option_at(i)); i++) {
		printf("complete -c vireo -l %s", o->name);
		if (o->letter)
			printf(" -s %c", o->letter);
		printf("%s -d '", o->arg ? " -r" : "");
		put_plain(o->summary);
		printf("'\n");
	}
}

int cmd_completion(int argc, char **argv)
{
	const char *shell = argc > 1 ? argv[1] : "";

	if (!strcmp(shell, "bash"))
		complete_bash();
	else if (!strcmp(shell, "zsh"))
		complete_zsh();
	else if (!strcmp(shell, "fish"))
		complete_fish();
	else {
		message("completion: wants bash, zsh or fish");
		return EXIT_USAGE;
	}
	return 0;
}

/* scdoc(5) treats these as markup. */
static void put_scdoc(const char *text)
{
	for (; *text; text++) {
		if (strchr("*_\\[]#<>", *text))
			putchar('\\');
		putchar(*text);
	}
}

/* The OPTIONS section of vireo-run(1), as scdoc source. */
int cmd_options(int argc, char **argv)
{
	const struct vireo_key *o;

	for (size_t i = 0; (o = option_at(i)); i++) {
		printf("*--%s*", o->name);
		if (o->letter)
			printf(", *-%c*", o->letter);
		if (o->arg) {
			printf(" ");
			put_scdoc(o->arg);
		}
		printf("\n\t");
		put_scdoc(o->summary);
		if (o->value && o->arg)
			printf(" (default: %s)", o->value);
		printf(".\n\n\t");
		put_scdoc(o->help);
		printf("\n\n\tExample: ");
		put_scdoc(o->example);
		printf("\n\n");
	}
	return 0;
}
