// SPDX-License-Identifier: BSD-3-Clause
/*
 * The parser of the key "console": where the bytes of the main console and of
 * further ports go. As config.c: nothing is opened. Any thread.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/unix_sock.h"
#include "base/num.h"
#include "base/words.h"
#include "board/keys.h"
#include "board/parse.h"

#define KINDS "stdio, pty[=LINK], file=PATH, socket=PATH, none"

struct kind {
	const char *word;
	enum config_console_kind kind;
	size_t path_max; /* 0: takes no path */
	bool alone;      /* may stand without one */
};

static const struct kind *find_kind(const char *word)
{
	static const struct kind kinds[] = {
		{ "stdio", CONSOLE_STDIO, 0, true },
		{ "none", CONSOLE_NONE, 0, true },
		{ "pty", CONSOLE_PTY, CONFIG_PATH_MAX - 1, true },
		{ "file", CONSOLE_FILE, CONFIG_PATH_MAX - 1, false },
		{ "socket", CONSOLE_SOCKET, UNIX_PATH_MAX, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(word, kinds[i].word))
			return &kinds[i];
	return NULL;
}

/* @path: NULL when there was no "=". */
static int set_kind(struct config_console *con, const char *word,
		    const char *path, struct err *e)
{
	const struct kind *kind = find_kind(word);

	if (!kind)
		return err_set(e, -EINVAL, "\"%s\" is not one of " KINDS,
			       word);
	con->kind = kind->kind;
	if (path && !kind->path_max)
		return err_set(e, -EINVAL, "%s takes no path", word);
	if (!path && !kind->alone)
		return err_set(e, -EINVAL, "%s wants a path (%s=PATH)", word,
			       word);
	return path ? parse_text(con->path, kind->path_max + 1, path,
				 "the path", e)
		    : 0;
}

static int set_name(struct config_console *con, const char *v, struct err *e)
{
	for (const char *p = v; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '/')
			return err_set(e, -EINVAL,
				       "name \"%s\": only printable ASCII, no "
				       "blank and no '/'",
				       v);
	if (*v == '.')
		return err_set(e, -EINVAL,
			       "name \"%s\": must not start with a dot", v);
	return parse_text(con->name, sizeof(con->name), v, "the name", e);
}

static int set_item(struct config_console *con, bool first, const char *key,
		    const char *value, struct err *e)
{
	static const char *const devices[] = { "serial", "virtio" };
	int choice = 0;
	int r;

	if (!strcmp(key, "name"))
		return set_name(con, value, e);
	if (strcmp(key, "device"))
		return err_set(e, -EINVAL, "unknown item \"%s\" (device, name)",
			       key);
	r = parse_choice(&choice, value, devices, 2, e);
	if (!r && !choice && !first)
		return err_set(e, -EINVAL,
			       "only the first console can be the serial port "
			       "(leave device=serial out)");
	if (!r)
		con->virtio = choice == 1;
	return r;
}

static bool same_text(const char *a, const char *b)
{
	return *a && !strcmp(a, b);
}

/* The last one beside each of the others. */
static int check_others(const struct config *c, struct err *e)
{
	const struct config_console *con = &c->console[c->consoles];

	for (unsigned int i = 0; i < c->consoles; i++) {
		const struct config_console *other = &c->console[i];

		if (con->kind == CONSOLE_STDIO && other->kind == CONSOLE_STDIO)
			return err_set(e, -EINVAL,
				       "stdio is there already (one console "
				       "can have it; take pty for another)");
		if (same_text(con->name, other->name))
			return err_set(e, -EINVAL,
				       "name \"%s\" is there already",
				       con->name);
		if (same_text(con->path, other->path))
			return err_set(e, -EINVAL,
				       "\"%s\" is there already", con->path);
	}
	return 0;
}

static int parse_items(struct config_console *con, bool first, const char *v,
		       struct err *e)
{
	char value[CONFIG_PATH_MAX];
	char key[CONFIG_PATH_MAX];
	bool bad;
	int r = 0;

	v = words_next(v, true, key, value, sizeof(key), &bad);
	if (!v && !bad)
		return err_set(e, -EINVAL, "names no kind (" KINDS ")");
	if (v)
		r = set_kind(con, *key ? key : value, *key ? value : NULL, e);
	while (v && !r && (v = words_next(v, false, key, value, sizeof(key),
					  &bad)))
		r = set_item(con, first, key, value, e);
	return bad ? err_set(e, -EINVAL, "an item is longer than %d bytes",
			     CONFIG_PATH_MAX - 1)
		   : r;
}

int config_parse_console(struct config *c, const char *v, struct err *e)
{
	struct config_console *con = &c->console[c->consoles];
	bool first = !c->consoles;
	int r;

	if (c->consoles == CONFIG_MAX_CONSOLES)
		return err_set(e, -EINVAL, "more than %d", CONFIG_MAX_CONSOLES);
	*con = (struct config_console){ .virtio = !first };
	r = parse_items(con, first, v, e);
	if (!r && first && con->name[0])
		return err_set(e, -EINVAL,
			       "the first console is the guest's main one and "
			       "has no name (give a further --console)");
	if (!r)
		r = check_others(c, e);
	if (!r)
		c->consoles++;
	return r;
}
