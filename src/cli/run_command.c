// SPDX-License-Identifier: BSD-3-Clause
/*
 * "vireo run -- COMMAND": what of its caller the command gets, where the user
 * says nothing else: folder, user, a few variables, streams. And its signals.
 */
#include "cli/cli.h"
#include "cli/matrix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Carried over; and LC_*. */
static const char *const variables[] = {
	"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TERM", "TZ",
	"SHELL",
};

/* What a person keeps to himself: interface.md. */
static const char *const hidden[] = {
	".ssh", ".gnupg", ".aws", ".config/gcloud", ".config/gh", ".netrc",
	".docker", ".kube",
};

static bool set(struct opts *opts, const char *key, const char *value)
{
	struct vireo_error err;

	if (vireo_config_set(opts->cfg, key, value, &err) == 0)
		return true;
	message_error(&err);
	return false;
}

static bool is_set(const struct opts *opts, const char *key)
{
	return vireo_config_is_set(opts->cfg, key);
}

static bool is_carried(const char *variable)
{
	if (!strncmp(variable, "LC_", 3))
		return true;
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		size_t len = strlen(variables[i]);

		if (!strncmp(variable, variables[i], len) &&
		    variable[len] == '=')
			return true;
	}
	return false;
}

/* Has the user given a value that begins as @value does? */
static bool is_given(const struct opts *opts, const char *key,
		     const char *value, size_t len)
{
	const char *given;

	for (size_t i = 0; (given = vireo_config_get(opts->cfg, key, i)); i++)
		if (!strncmp(given, value, len))
			return true;
	return false;
}

static bool carry_variables(struct opts *opts)
{
	for (char **e = environ; *e; e++)
		if (is_carried(*e) &&
		    !is_given(opts, "env", *e, strcspn(*e, "=") + 1) &&
		    !set(opts, "env", *e))
			return false;
	return true;
}

/* Is it at or below a path of --show? */
static bool is_shown(const struct opts *opts, const char *path)
{
	for (size_t i = 0; i < opts->show.count; i++) {
		const char *shown = opts->show.word[i];
		size_t len = strlen(shown);

		while (len > 1 && shown[len - 1] == '/')
			len--;
		if (!strncmp(path, shown, len) &&
		    (len == 1 || !path[len] || path[len] == '/'))
			return true;
	}
	return false;
}

static bool hide_secrets(struct opts *opts)
{
	const char *home = getenv("HOME");
	char path[512];

	if (!home || home[0] != '/' || is_set(opts, "rootfs"))
		return true;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++) {
		int len = snprintf(path, sizeof(path), "%s/%s", home,
				   hidden[i]);

		if (len < 256 && !is_shown(opts, path) &&
		    !is_given(opts, "hide", path, (size_t)len + 1) &&
		    !set(opts, "hide", path))
			return false;
	}
	return true;
}

static bool carry_folder(struct opts *opts)
{
	char dir[4096];

	if (is_set(opts, "workdir") || is_set(opts, "rootfs"))
		return true;
	return !getcwd(dir, sizeof(dir)) || set(opts, "workdir", dir);
}

static bool carry_user(struct opts *opts)
{
	char user[32];

	if (is_set(opts, "user"))
		return true;
	snprintf(user, sizeof(user), "%u:%u", (unsigned int)getuid(),
		 (unsigned int)getgid());
	return set(opts, "user", user);
}

/* As other programs' caches; without a home there is none. */
static bool use_cache(struct opts *opts)
{
	const char *base = getenv("XDG_CACHE_HOME");
	const char *more = "";
	char path[1000];

	if (!base || base[0] != '/') {
		base = getenv("HOME");
		more = "/.cache";
	}
	if (!base || base[0] != '/' || is_set(opts, "cache"))
		return true;
	if (snprintf(path, sizeof(path), "%s%s/vireo", base, more) >=
	    (int)sizeof(path))
		return true;
	return set(opts, "cache", path);
}

bool command_make_out(const struct opts *opts)
{
	const char *out = vireo_config_get(opts->cfg, "out", 0);

	if (!out || mkdir(out, 0777) == 0 || errno == EEXIST)
		return true;
	message("--out: %s: %s", out, strerror(errno));
	return false;
}

/* Without an image and a command: a shell, in a copy of what is here. */
static bool add_shell(struct opts *opts)
{
	const char *shell = getenv("SHELL");

	if (is_set(opts, "kernel") || is_set(opts, "initrd") ||
	    is_set(opts, "init") || is_set(opts, "command"))
		return true;
	if (!shell || is_set(opts, "rootfs") || access(shell, X_OK) < 0)
		shell = "/bin/sh";
	return set(opts, "command", shell);
}

/* One of several runs reads no input. */
static bool on_terminal(const struct opts *opts)
{
	return !matrix_wanted(opts) && isatty(STDIN_FILENO) &&
	       isatty(STDOUT_FILENO);
}

bool command_options(struct opts *opts)
{
	for (char **word = opts->command; word && *word; word++)
		if (!set(opts, "command", *word))
			return false;
	if (!add_shell(opts))
		return false;
	if (!is_set(opts, "command") && !is_set(opts, "init"))
		return true;
	if (!is_set(opts, "memory") && !set(opts, "memory", "1G"))
		return false;
	if (!is_set(opts, "unpack") && !set(opts, "unpack", "true"))
		return false;
	if (!use_cache(opts))
		return false;
	if (!is_set(opts, "command"))
		return hide_secrets(opts);
	if (on_terminal(opts) && !is_set(opts, "tty") &&
	    !set(opts, "tty", "true"))
		return false;
	return carry_folder(opts) && carry_user(opts) &&
	       carry_variables(opts) && hide_secrets(opts);
}

bool command_streams(struct opts *opts, int in)
{
	struct vireo_error err;

	if (vireo_config_set_fd(opts->cfg, "command-in", in, &err) == 0 &&
	    vireo_config_set_fd(opts->cfg, "command-out", STDOUT_FILENO,
				&err) == 0 &&
	    vireo_config_set_fd(opts->cfg, "command-err", STDERR_FILENO,
				&err) == 0)
		return true;
	message_error(&err);
	return false;
}
