// SPDX-License-Identifier: BSD-3-Clause
/* The parser of the key "share". As config.c: nothing is opened. Any thread. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "board/keys.h"
#include "board/parse.h"

static int parse_cache(struct config_share *s, const char *v, struct err *e)
{
	static const char *const words[] = { "auto", "none", "always" };
	int choice = 0;
	int r = parse_choice(&choice, v, words, 3, e);

	if (!r)
		s->cache = (enum config_cache)choice;
	return r;
}

/* One that ends in them would hide nothing. */
static bool has_dots(const char *path)
{
	size_t len;

	for (; *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if ((len == 1 || len == 2) && strspn(path, ".") >= len)
			return true;
	}
	return false;
}

/* A path from the root of the tree: how one begins and ends is the same. */
static int add_hidden(struct config_share *s, const char *v, struct err *e)
{
	char *path = s->hide[s->hidden < CONFIG_MAX_HIDDEN ? s->hidden : 0];
	size_t len;

	if (s->hidden == CONFIG_MAX_HIDDEN)
		return err_set(e, -EINVAL, "more than %d times hide",
			       CONFIG_MAX_HIDDEN);
	if (has_dots(v))
		return err_set(e, -EINVAL,
			       "hide takes a path without \".\" and \"..\"");
	v += strspn(v, "/");
	len = strlen(v);
	while (len && v[len - 1] == '/')
		len--;
	if (!len || len >= sizeof(s->hide[0]))
		return err_set(e, -EINVAL,
			       "hide takes a path of 1 to %zu bytes",
			       sizeof(s->hide[0]) - 1);
	memcpy(path, v, len);
	path[len] = '\0';
	s->hidden++;
	return 0;
}

static int share_item(struct config *c, const char *key, const char *value,
		      struct err *e)
{
	struct config_share *s = &c->share[c->shares];

	if (!strcmp(key, "tag"))
		return parse_text(s->tag, sizeof(s->tag), value, key, e);
	if (!strcmp(key, "cache"))
		return parse_cache(s, value, e);
	if (!strcmp(key, "hide"))
		return add_hidden(s, value, e);
	if (!strcmp(key, "ro"))
		return parse_flag(&s->read_only, value, e);
	if (!strcmp(key, "writeback"))
		return parse_flag(&s->writeback, value, e);
	return err_set(e, -EINVAL,
		       "unknown item \"%s\" (tag, ro, cache, writeback, hide)",
		       key);
}

static bool tag_taken(const struct config *c, const char *tag)
{
	for (unsigned int i = 0; i < c->shares; i++)
		if (!strcmp(c->share[i].tag, tag))
			return true;
	return false;
}

int config_parse_share(struct config *c, const char *v, struct err *e)
{
	struct config_share *s = &c->share[c->shares];
	int r;

	if (c->shares == CONFIG_MAX_SHARES)
		return err_set(e, -EINVAL, "more than %d", CONFIG_MAX_SHARES);
	memset(s, 0, sizeof(*s));
	r = parse_list(c, v, s->path, sizeof(s->path), share_item, e);
	if (r < 0)
		return r;
	if (!s->path[0])
		return err_set(e, -EINVAL, "names no directory");
	if (!s->tag[0])
		return err_set(e, -EINVAL,
			       "has no tag; add tag=NAME, which the guest "
			       "mounts it by");
	if (tag_taken(c, s->tag))
		return err_set(e, -EINVAL, "the tag \"%s\" is another's",
			       s->tag);
	c->shares++;
	return 0;
}
