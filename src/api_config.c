// SPDX-License-Identifier: BSD-3-Clause
/* The public functions for configurations. As api.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/num.h"
#include "board/keys.h"

static const struct {
	const char *name;
	size_t offset;
} fd_names[] = {
	{ "kvm", offsetof(struct vm_fds, kvm) },
	{ "console-in", offsetof(struct vm_fds, console_in) },
	{ "console-out", offsetof(struct vm_fds, console_out) },
	{ "command-in", offsetof(struct vm_fds, command_in) },
	{ "command-out", offsetof(struct vm_fds, command_out) },
	{ "command-err", offsetof(struct vm_fds, command_err) },
};

int vireo_config_create(struct vireo_config **out)
{
	struct vireo_config *cfg;

	if (!out)
		return VIREO_EINVAL;
	cfg = calloc(1, sizeof(*cfg));
	*out = cfg;
	if (!cfg)
		return VIREO_EHOST;
	config_init(&cfg->typed);
	cfg->fds = (struct vm_fds){ -1, -1, -1, -1, -1, -1, NULL };
	return 0;
}

static void drop_settings(struct vireo_config *cfg)
{
	for (size_t i = 0; i < cfg->count; i++)
		free(cfg->setting[i].value);
	free(cfg->setting);
	cfg->setting = NULL;
	cfg->count = 0;
}

void vireo_config_destroy(struct vireo_config **cfg)
{
	if (!cfg || !*cfg)
		return;
	drop_settings(*cfg);
	fd_close(&(*cfg)->fds.kvm);
	fd_close(&(*cfg)->fds.console_in);
	fd_close(&(*cfg)->fds.console_out);
	fd_close(&(*cfg)->fds.command_in);
	fd_close(&(*cfg)->fds.command_out);
	fd_close(&(*cfg)->fds.command_err);
	extras_destroy((*cfg)->extras);
	free(*cfg);
	*cfg = NULL;
}

static struct setting *find_setting(const struct vireo_config *cfg,
				    const struct key *key)
{
	for (size_t i = 0; i < cfg->count; i++)
		if (cfg->setting[i].key == key)
			return &cfg->setting[i];
	return NULL;
}

/* Keeps the text beside the typed value. */
static int remember(struct vireo_config *cfg, const struct key *key,
		    const char *value)
{
	struct setting *old = find_setting(cfg, key);
	struct setting *all = cfg->setting;
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	if (old && !key->pub.repeatable) {
		free(old->value);
		old->value = copy;
		return 0;
	}
	all = realloc(all, (cfg->count + 1) * sizeof(*all));
	if (!all) {
		free(copy);
		return -ENOMEM;
	}
	cfg->setting = all;
	all[cfg->count++] = (struct setting){ key, copy };
	return 0;
}

static int set_one(struct vireo_config *cfg, const char *key, const char *value,
		   struct err *err)
{
	/* A parser that fails half way must not leave its half behind. */
	struct config *trial = malloc(sizeof(*trial));
	int r;

	if (!trial)
		return err_set(err, -ENOMEM, "out of memory");
	config_copy(trial, &cfg->typed);
	r = config_set(trial, key, value, err);
	if (!r && remember(cfg, key_find(key), value) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	if (!r)
		config_copy(&cfg->typed, trial);
	free(trial);
	return r;
}

int vireo_config_set(struct vireo_config *cfg, const char *key,
		     const char *value, struct vireo_error *err)
{
	struct err why = { 0 };
	int r;

	if (!cfg || !key || !value)
		return api_fail_text(err, VIREO_EINVAL, "an argument is NULL");
	r = set_one(cfg, key, value, &why);
	return r < 0 ? api_fail(err, api_code(r), &why) : 0;
}

const char *vireo_config_get(const struct vireo_config *cfg, const char *key,
			     size_t index)
{
	const struct key *k = key ? key_find(key) : NULL;
	size_t seen = 0;

	if (!cfg || !k)
		return NULL;
	for (size_t i = 0; i < cfg->count; i++)
		if (cfg->setting[i].key == k && seen++ == index)
			return cfg->setting[i].value;
	return seen == 0 && index == 0 ? k->pub.value : NULL;
}

bool vireo_config_is_set(const struct vireo_config *cfg, const char *key)
{
	const struct key *k = key ? key_find(key) : NULL;

	return cfg && k && find_setting(cfg, k);
}

struct members {
	struct vireo_config *cfg;
	const struct key *last;
};

/* The values of a list come one after the other, under the same key; the same
 * key again in another place has been refused by json_walk(). */
static int set_member(void *ctx, const char *key, const char *value,
		      struct err *err)
{
	struct members *m = ctx;
	const struct key *k = key_find(key);

	if (k && k == m->last && !k->pub.repeatable)
		return err_set_key(err, -EINVAL, key,
				   "%s: wants one value, not a list", key);
	m->last = k;
	return set_one(m->cfg, key, value, err);
}

/* A copy of the values, without descriptors. */
static struct vireo_config *copy_values(const struct vireo_config *from)
{
	struct vireo_config *to;

	if (vireo_config_create(&to) < 0)
		return NULL;
	config_copy(&to->typed, &from->typed);
	for (size_t i = 0; i < from->count; i++) {
		struct setting *all = realloc(to->setting,
					      (i + 1) * sizeof(*all));

		if (all)
			to->setting = all;
		if (!all || !(all[i].value = strdup(from->setting[i].value))) {
			vireo_config_destroy(&to);
			return NULL;
		}
		all[i].key = from->setting[i].key;
		to->count = i + 1;
	}
	return to;
}

int vireo_config_parse(struct vireo_config *cfg, const char *json, size_t len,
		       struct vireo_error *err)
{
	struct members members = { 0 };
	struct vireo_config *trial;
	struct err why = { 0 };
	int r;

	if (!cfg || !json)
		return api_fail_text(err, VIREO_EINVAL, "an argument is NULL");
	trial = copy_values(cfg);
	if (!trial)
		return api_fail_text(err, VIREO_EHOST, "out of memory");
	members.cfg = trial;
	r = json_walk(json, len, set_member, &members, &why);
	if (!r) {
		drop_settings(cfg);
		config_copy(&cfg->typed, &trial->typed);
		cfg->setting = trial->setting;
		cfg->count = trial->count;
		trial->setting = NULL;
		trial->count = 0;
	}
	vireo_config_destroy(&trial);
	return r < 0 ? api_fail(err, api_code(r), &why) : 0;
}

int vireo_config_print(const struct vireo_config *cfg, char **json)
{
	struct json_object *object;
	int r;

	if (!cfg || !json)
		return VIREO_EINVAL;
	object = json_object_create();
	r = object ? 0 : -ENOMEM;
	for (size_t i = 0; i < cfg->count && !r; i++) {
		const struct setting *s = &cfg->setting[i];

		r = json_object_add(object, s->key->pub.name, s->value,
				    s->key->pub.repeatable);
	}
	*json = json_object_finish(object);
	if (*json && !r)
		return 0;
	free(*json);
	*json = NULL;
	return VIREO_EHOST;
}

int vireo_config_set_fd(struct vireo_config *cfg, const char *name, int fd,
			struct vireo_error *err)
{
	struct err why = { 0 };

	if (!cfg || !name)
		return api_fail_text(err, VIREO_EINVAL, "an argument is NULL");
	for (size_t i = 0; i < ARRAY_SIZE(fd_names); i++) {
		int copy;

		if (strcmp(name, fd_names[i].name))
			continue;
		copy = fd_copy(fd);
		if (copy < 0) {
			int code = errno == EBADF ? VIREO_EINVAL : VIREO_EHOST;

			err_set_key(&why, -errno, name, "%s: descriptor %d: %s",
				    name, fd, strerror(errno));
			return api_fail(err, code, &why);
		}
		int *slot = (int *)(void *)((char *)&cfg->fds +
					    fd_names[i].offset);
		fd_close(slot);
		*slot = copy;
		return 0;
	}
	return api_fail_text(err, VIREO_EINVAL,
			 "no such descriptor (kvm, console-in, console-out, command-in, command-out, command-err)");
}

void vireo_config_set_log(struct vireo_config *cfg, enum vireo_log_level level,
			  void (*fn)(void *ctx, int level, const char *line),
			  void *ctx)
{
	/* The two enums have the same values: checked below. */
	_Static_assert((int)VIREO_LOG_DEBUG == (int)LOG_LEVEL_DEBUG, "levels");
	if (cfg)
		cfg->log = (struct log){ (enum log_level)level, fn, ctx };
}
