// SPDX-License-Identifier: BSD-3-Clause
/*
 * The words after "vireo run". Options that are keys of the configuration go
 * there as text; the few of the program itself are in own_opts.c. GNU style:
 * --name value, --name=value, -n value, -nvalue; "--" ends the options.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX (1 << 20)
#define REPEAT_MAX 1000u
#define JOBS_MAX   64u

static const struct vireo_key *option_of_letter(char letter)
{
	const struct vireo_key *o;

	for (size_t i = 0; (o = option_at(i)); i++)
		if (o->letter == letter)
			return o;
	return NULL;
}

/* ---- the program's own options ---- */

static bool read_all(int fd, char *buf, size_t cap, size_t *len)
{
	ssize_t n;

	*len = 0;
	do {
		n = read(fd, buf + *len, cap - *len);
		if (n > 0)
			*len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n == 0;
}

static bool read_config(struct opts *opts, const char *path)
{
	bool std = !strcmp(path, "-");
	int fd = std ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char *text = malloc(CONFIG_MAX + 1);
	struct vireo_error err;
	bool ok = false;
	size_t len;

	if (fd < 0 || !text || !read_all(fd, text, CONFIG_MAX + 1, &len))
		message("%s: %s", path, strerror(errno));
	else if (vireo_config_parse(opts->cfg, text, len, &err) < 0)
		message("%s: %s", path, err.text);
	else
		ok = true;
	if (!std && fd >= 0)
		close(fd);
	free(text);
	return ok;
}

static bool use_kvm_fd(struct opts *opts, const char *word)
{
	struct vireo_error err;
	char *end;
	long fd = strtol(word, &end, 10);

	if (end == word || *end || fd < 0 || fd > 1 << 20) {
		message("--kvm-fd: \"%s\" is not a descriptor number", word);
		return false;
	}
	if (vireo_config_set_fd(opts->cfg, "kvm", (int)fd, &err) < 0) {
		message_error(&err);
		return false;
	}
	return true;
}

static bool set_form(struct opts *opts, const char *word)
{
	static const char *const forms[] = { "json", "junit", "tap" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (!strcmp(word, forms[i]))
			opts->report_form = forms[i];
	if (opts->report_form)
		return true;
	message("--report-format: \"%s\" is not json, junit or tap", word);
	return false;
}

static bool add_word(struct opt_words *list, const char *name,
		     const char *word)
{
	if (list->count < OPT_WORDS_MAX) {
		list->word[list->count++] = word;
		return true;
	}
	message("--%s: more than %d", name, OPT_WORDS_MAX);
	return false;
}

static bool set_count(unsigned int *count, const char *name, const char *word,
		      unsigned int max)
{
	char *end;
	long n = strtol(word, &end, 10);

	if (end == word || *end || n < 1 || n > (long)max) {
		message("--%s: \"%s\" is not a number from 1 to %u", name,
			word, max);
		return false;
	}
	*count = (unsigned int)n;
	return true;
}

static bool set_own(struct opts *opts, const char *name, const char *value)
{
	if (!strcmp(name, "config"))
		return true; /* has been read before the others */
	if (!strcmp(name, "kvm-fd"))
		return use_kvm_fd(opts, value);
	if (!strcmp(name, "show"))
		return add_word(&opts->show, name, value);
	if (!strcmp(name, "publish"))
		return add_word(&opts->publish, name, value);
	if (!strcmp(name, "repeat"))
		return set_count(&opts->repeat, name, value, REPEAT_MAX);
	if (!strcmp(name, "jobs"))
		return set_count(&opts->jobs, name, value, JOBS_MAX);
	if (!strcmp(name, "print-config"))
		opts->print_config = true;
	else if (!strcmp(name, "quiet"))
		opts->quiet = true;
	else if (!strcmp(name, "log"))
		opts->log_path = value;
	else if (!strcmp(name, "report"))
		opts->report_path = value;
	else if (!strcmp(name, "report-format"))
		return set_form(opts, value);
	return true;
}

static bool set(struct opts *opts, const struct vireo_key *o, const char *value)
{
	struct vireo_error err;

	if (option_is_own(o))
		return set_own(opts, o->name, value);
	if (vireo_config_set(opts->cfg, o->name, value, &err) == 0)
		return strcmp(o->name, "kernel") ||
		       add_word(&opts->kernels, o->name, value);
	message("--%s", err.text);
	return false;
}

/* ---- words ---- */

/* The words that are still to come. */
struct words {
	int left;
	char **next;
};

static char *next_word(struct words *w)
{
	if (!w->left)
		return NULL;
	w->left--;
	return *w->next++;
}

/* Asks the library for the name nearest to an unknown one. */
static bool unknown(struct opts *opts, const char *name)
{
	struct vireo_error err;

	if (vireo_config_set(opts->cfg, name, "", &err) < 0 && err.text[0])
		message("--%s: %s", name, err.text);
	return false;
}

static bool help_word(struct opts *opts, struct words *w, const char *value)
{
	opts->help = true;
	opts->help_topic = value;
	if (!value && w->left && w->next[0][0] != '-')
		opts->help_topic = next_word(w);
	else if (!value && w->left && !strncmp(w->next[0], "--", 2) &&
		 w->next[0][2])
		opts->help_topic = next_word(w) + 2;
	return true;
}

static bool apply(struct opts *opts, const struct vireo_key *o,
		  const char *value, struct words *w)
{
	if (!strcmp(o->name, "help"))
		return help_word(opts, w, value);
	if (!o->arg && value && option_is_own(o)) {
		message("--%s: takes no value", o->name);
		return false;
	}
	if (!o->arg)
		return set(opts, o, value ? value : "true");
	if (!value)
		value = next_word(w);
	if (!value) {
		message("--%s: wants a value (--%s %s)", o->name, o->name,
			o->arg);
		return false;
	}
	return set(opts, o, value);
}

static bool long_option(struct opts *opts, const char *word, struct words *w)
{
	const char *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);
	const struct vireo_key *o;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)len, word);
	o = option_find(name);
	return o ? apply(opts, o, eq ? eq + 1 : NULL, w) : unknown(opts, name);
}

/* "-m512M", "-m 512M", "-q" */
static bool short_option(struct opts *opts, const char *word, struct words *w)
{
	const struct vireo_key *o = option_of_letter(word[0]);

	if (!o) {
		message("-%c: unknown option (vireo run --help lists them)",
			word[0]);
		return false;
	}
	if (o->arg || !word[1])
		return apply(opts, o, word[1] ? word + 1 : NULL, w);
	return apply(opts, o, NULL, w) && short_option(opts, word + 1, w);
}

/* A directory that is no kernel's build tree. */
static bool is_mere_folder(const char *path)
{
	char image[4096];
	struct stat st;

	snprintf(image, sizeof(image), "%s/arch/x86/boot/bzImage", path);
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	       access(image, F_OK) < 0;
}

/* Of a system, for command VMs? */
static bool is_root(const char *path)
{
	static const char *const parts[] = { "bin", "usr" };
	char part[4096];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(part, sizeof(part), "%s/%s", path, parts[i]);
		if (access(part, X_OK) == 0)
			return true;
	}
	return false;
}

/* A bare word is the image: a kernel file, a build tree, a name, or a root. */
static bool image(struct opts *opts, const char *word)
{
	struct vireo_error err;

	if (vireo_config_get(opts->cfg, "kernel", 0)) {
		message("\"%s\": only one image can be booted (options come "
			"before \"--\")",
			word);
		return false;
	}
	if (is_mere_folder(word) && !is_root(word)) {
		message("%s: is a directory, but not a kernel's build tree or "
			"a root (no bin, no usr)", word);
		return false;
	}
	if (vireo_config_set(opts->cfg,
			     is_mere_folder(word) ? "rootfs" : "kernel", word,
			     &err) == 0)
		return true;
	message_error(&err);
	return false;
}

/* True when the word after this one is its value. */
static bool takes_next(const char *word)
{
	const struct vireo_key *o = NULL;

	if (!strncmp(word, "--", 2)) {
		o = option_find(word + 2); /* "name=value" is no name */
		return o && o->arg;
	}
	if (word[0] != '-')
		return false;
	while (*++word && !(o && o->arg))
		o = option_of_letter(*word);
	return o && o->arg && !*word;
}

/* -p makes a network of its own. */
static bool publish(struct opts *opts)
{
	char net[1024] = "user";
	size_t len = strlen(net);
	struct vireo_error err;

	if (!opts->publish.count)
		return true;
	if (vireo_config_is_set(opts->cfg, "net")) {
		message("-p: not beside --net (say --net user,forward=%s)",
			opts->publish.word[0]);
		return false;
	}
	for (size_t i = 0; i < opts->publish.count && len < sizeof(net); i++)
		len += (size_t)snprintf(net + len, sizeof(net) - len,
					",forward=%s", opts->publish.word[i]);
	if (vireo_config_set(opts->cfg, "net", net, &err) == 0)
		return true;
	message("-p: %s", err.text);
	return false;
}

/* --config is read first, wherever it stands among the options. */
static bool read_configs(struct opts *opts, int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++) {
		const char *word = argv[i];
		const char *path = NULL;

		if (!strncmp(word, "--config=", 9))
			path = word + 9;
		else if (takes_next(word) && ++i < argc &&
			 !strcmp(word, "--config"))
			path = argv[i];
		if (path && !read_config(opts, path))
			return false;
	}
	return true;
}

bool opts_parse(struct opts *opts, int argc, char **argv)
{
	struct words w = { argc, argv };
	const char *word;

	memset(opts, 0, sizeof(*opts));
	if (vireo_config_create(&opts->cfg) < 0) {
		message("out of memory");
		return false;
	}
	if (!read_configs(opts, argc, argv))
		return false;
	while ((word = next_word(&w))) {
		bool ok;

		if (!strcmp(word, "--")) {
			opts->command = w.next;
			break;
		}
		if (!strncmp(word, "--", 2))
			ok = long_option(opts, word + 2, &w);
		else if (word[0] == '-' && word[1])
			ok = short_option(opts, word + 1, &w);
		else
			ok = image(opts, word);
		if (!ok || opts->help)
			return ok;
	}
	return publish(opts);
}

void opts_finish(struct opts *opts)
{
	vireo_config_destroy(&opts->cfg);
}
