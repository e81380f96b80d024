// SPDX-License-Identifier: BSD-3-Clause
/* The parser of the key "share". As config.c: nothing is opened. Any thread. */
#include <errno.h>
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

int config_parse_owners(enum config_owners *out, const char *v, struct err *e)
{
	static const char *const words[] = { "auto", "host", "stored" };
	int choice = 0;
	int r = parse_choice(&choice, v, words, 3, e);

	if (!r)
		*out = (enum config_owners)choice;
	return r;
}

int config_parse_locks(bool *host, const char *v, struct err *e)
{
	static const char *const words[] = { "guest", "host" };
	int choice = 0;
	int r = parse_choice(&choice, v, words, 2, e);

	if (!r)
		*host = choice == 1;
	return r;
}

static int add_hidden(struct config_share *s, const char *v, struct err *e)
{
	int r;

	if (s->hidden == CONFIG_MAX_HIDDEN)
		return err_set(e, -EINVAL, "more than %d times hide",
			       CONFIG_MAX_HIDDEN);
	r = parse_hidden(s->hide[s->hidden], sizeof(s->hide[0]), v, e);
	s->hidden += r == 0;
	return r;
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
	if (!strcmp(key, "owner"))
		return config_parse_owners(&s->owners, value, e);
	if (!strcmp(key, "locks"))
		return config_parse_locks(&s->host_locks, value, e);
	if (!strcmp(key, "ro"))
		return parse_flag(&s->read_only, value, e);
	if (!strcmp(key, "writeback"))
		return parse_flag(&s->writeback, value, e);
	return err_set(e, -EINVAL,
		       "unknown item \"%s\" (tag, ro, cache, owner, locks, "
		       "writeback, hide)",
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
