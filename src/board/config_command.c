// SPDX-License-Identifier: BSD-3-Clause
/* The parsers of the keys of command VMs. As config.c: nothing is opened. Any
 * thread. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "board/keys.h"
#include "board/parse.h"

static int add_text(struct config_texts *t, const char *v, const char *what,
		    struct err *e)
{
	size_t len = strlen(v) + 1;

	if (len > sizeof(t->bytes) - t->len)
		return err_set(e, -EINVAL, "%s: more than %zu bytes together",
			       what, sizeof(t->bytes));
	memcpy(t->bytes + t->len, v, len);
	t->len += len;
	t->count++;
	return 0;
}

static int absolute(const char *v, struct err *e)
{
	return v[0] == '/' ? 0 :
			     err_set(e, -EINVAL,
				     "\"%s\" is not an absolute path", v);
}

int config_parse_command(struct config *c, const char *v, struct err *e)
{
	if (!c->command.args.count && !*v)
		return err_set(e, -EINVAL, "the command is empty");
	return add_text(&c->command.args, v, "the command", e);
}

int config_parse_env(struct config *c, const char *v, struct err *e)
{
	const char *eq = strchr(v, '=');

	if (!eq || eq == v)
		return err_set(e, -EINVAL, "\"%s\" is not NAME=VALUE", v);
	return add_text(&c->command.env, v, "the environment", e);
}

int config_parse_workdir(struct config *c, const char *v, struct err *e)
{
	int r = absolute(v, e);

	return r < 0 ? r : parse_text(c->command.dir, sizeof(c->command.dir),
				      v, "workdir", e);
}

int config_parse_user(struct config *c, const char *v, struct err *e)
{
	const char *colon = strchr(v, ':');
	char uid[16] = "";
	uint64_t u = 0, g = 0;

	snprintf(uid, sizeof(uid), "%.*s",
		 colon ? (int)(colon - v) : (int)strlen(v), v);
	if (num_parse_u64(&u, uid) < 0 || u >= UINT32_MAX ||
	    (colon && (num_parse_u64(&g, colon + 1) < 0 || g >= UINT32_MAX)))
		return err_set(e, -EINVAL, "\"%s\" is not UID[:GID], numbers",
			       v);
	c->command.uid = (uint32_t)u;
	c->command.gid = (uint32_t)(colon ? g : u);
	return 0;
}

int config_parse_tty(struct config *c, const char *v, struct err *e)
{
	return parse_bool(&c->command.tty, v, e);
}

int config_parse_cache(struct config *c, const char *v, struct err *e)
{
	char *cache = c->command.cache;

	if (!strcmp(v, "none")) {
		*cache = '\0';
		return 0;
	}
	return parse_text(cache, sizeof(c->command.cache), v, "cache", e);
}

int config_parse_init(struct config *c, const char *v, struct err *e)
{
	int r = absolute(v, e);

	return r < 0 ? r : parse_text(c->command.init, sizeof(c->command.init),
				      v, "init", e);
}

int config_parse_rootfs(struct config *c, const char *v, struct err *e)
{
	return parse_text(c->command.rootfs, sizeof(c->command.rootfs), v,
			  "rootfs", e);
}

int config_parse_initramfs(struct config *c, const char *v, struct err *e)
{
	static const char *const words[] = { "auto", "always", "never" };
	int choice = 0;
	int r = parse_choice(&choice, v, words, 3, e);

	if (!r)
		c->command.initramfs = (enum config_initramfs)choice;
	return r;
}

int config_parse_layer(struct config *c, const char *v, struct err *e)
{
	static const char *const words[] = { "auto", "guest", "server" };
	int choice = 0;
	int r = parse_choice(&choice, v, words, 3, e);

	if (!r)
		c->command.layer = (enum config_layer)choice;
	return r;
}

int config_parse_out(struct config *c, const char *v, struct err *e)
{
	return parse_text(c->command.out, sizeof(c->command.out), v, "out", e);
}

/* Words of a volume after its paths; what is none of them belongs to a path. */
static bool is_option(const char *word)
{
	size_t len = strcspn(word, ",=");

	return (len == 2 && !memcmp(word, "ro", len)) ||
	       (len == 5 && !memcmp(word, "owner", len)) ||
	       (len == 5 && !memcmp(word, "locks", len));
}

static int volume_option(struct config_volume *new, const char *word,
			 struct err *e)
{
	if (!strcmp(word, "ro")) {
		new->read_only = true;
		return 0;
	}
	if (!strncmp(word, "owner=", 6))
		return config_parse_owners(&new->owners, word + 6, e);
	if (!strncmp(word, "locks=", 6))
		return config_parse_locks(&new->host_locks, word + 6, e);
	return err_set(e, -EINVAL, "unknown option \"%s\" (ro, owner, locks)",
		       word);
}

static int volume_options(struct config_volume *new, const char *v,
			  struct err *e)
{
	char words[64];
	char *rest = words, *word;
	int r = parse_text(words, sizeof(words), v, "options", e);

	while (r == 0 && (word = strsep(&rest, ",")))
		r = volume_option(new, word, e);
	return r;
}

/* HOST:GUEST[:OPTIONS]; the guest's part is absolute, so the first ":/"
 * divides. */
int config_parse_volume(struct config *c, const char *v, struct err *e)
{
	struct config_command *m = &c->command;
	const char *colon = strstr(v, ":/"), *last = strrchr(v, ':');
	struct config_volume *new;
	size_t host, guest;
	int r = 0;

	if (m->volumes == CONFIG_MAX_VOLUMES)
		return err_set(e, -EINVAL, "more than %d", CONFIG_MAX_VOLUMES);
	if (!colon || colon == v)
		return err_set(e, -EINVAL,
			       "\"%s\" is not HOST:GUEST[:ro] with an absolute GUEST",
			       v);
	new = &m->volume[m->volumes];
	new->read_only = false;
	new->owners = OWNERS_AUTO;
	new->host_locks = false;
	host = (size_t)(colon - v);
	guest = strlen(colon + 1);
	if (last > colon && is_option(last + 1)) {
		guest = (size_t)(last - colon) - 1;
		r = volume_options(new, last + 1, e);
	}
	if (r < 0)
		return r;
	if (host >= sizeof(new->host) || guest >= sizeof(new->guest))
		return err_set(e, -EINVAL, "a path is too long");
	memcpy(new->host, v, host);
	new->host[host] = '\0';
	memcpy(new->guest, colon + 1, guest);
	new->guest[guest] = '\0';
	m->volumes++;
	return 0;
}

int config_parse_hide(struct config *c, const char *v, struct err *e)
{
	struct config_command *m = &c->command;
	int r = absolute(v, e);

	if (r == 0 && m->hidden == ARRAY_SIZE(m->hide))
		r = err_set(e, -EINVAL, "more than %zu",
			    ARRAY_SIZE(m->hide));
	if (r == 0)
		r = parse_hidden(m->hide[m->hidden], sizeof(m->hide[0]), v, e);
	m->hidden += r == 0;
	return r;
}
