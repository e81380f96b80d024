// SPDX-License-Identifier: BSD-3-Clause
/* See recipe.h, and firmware/init/init.h for what /vireo.conf says. */
#include "command/recipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/direct_root.h"
#include "command/exec.h"
#include "command/find_kernel.h"
#include "command/guest_net.h"
#include "command/module_cache.h"
#include "command/modules.h"
#include "command/root_image.h"

#define ROOT_TAG   "vireo.root"
#define CONF_MAX   (256u * 1024u) /* as in firmware/init/init.h */

/* What the guest makes anew: the host's own are none of its business. */
static const char *const never_seen[] = { "proc", "sys", "dev", "run" };

struct conf {
	char *bytes;
	size_t len;
	bool full;
};

static void add(struct conf *conf, const char *key, const char *value)
{
	size_t key_len = strlen(key), len = strlen(value);

	/* The guest's init has room for less than that. */
	if (key_len + len + 2 >= CONF_MAX - conf->len) {
		conf->full = true;
		return;
	}
	memcpy(conf->bytes + conf->len, key, key_len);
	conf->len += key_len;
	conf->bytes[conf->len++] = '=';
	memcpy(conf->bytes + conf->len, value, len + 1);
	conf->len += len + 1;
}

static void add_number(struct conf *conf, const char *key, uint32_t n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	add(conf, key, text);
}

static void add_texts(struct conf *conf, const char *key,
		      const struct config_texts *t)
{
	for (size_t at = 0; at < t->len; at += strlen(t->bytes + at) + 1)
		add(conf, key, t->bytes + at);
}

/* ---- shares ---- */

static struct config_share *new_share(struct config *cfg, const char *path,
				      const char *tag, struct err *err)
{
	struct config_share *s;

	if (cfg->shares == CONFIG_MAX_SHARES) {
		err_set_key(err, -EINVAL, "volume",
			    "more than %d shares and volumes together",
			    CONFIG_MAX_SHARES - 1);
		return NULL;
	}
	s = &cfg->share[cfg->shares++];
	memset(s, 0, sizeof(*s));
	memcpy(s->path, path, strlen(path) + 1); /* of the same size */
	memcpy(s->tag, tag, strlen(tag) + 1);
	return s;
}

/* There is room for these and all of the command's. */
static void hide(struct config_share *s, const char *path)
{
	memcpy(s->hide[s->hidden++], path, strlen(path) + 1);
}

/* What is written to it meanwhile, as when its journal is played, is thrown
 * away. */
static int attach_root(struct config *cfg, struct conf *conf, const char *type,
		       struct err *err)
{
	const struct config_command *c = &cfg->command;
	struct config_disk *d = &cfg->disk[cfg->disks];
	char what[64];

	if (c->hidden)
		return err_set_key(err, -EINVAL, "hide",
				   "a root that is an image has no names yet");
	if (c->layer == LAYER_SERVER)
		return err_set_key(err, -EINVAL, "layer",
				   "a root that is an image has it in the guest");
	if (cfg->disks == CONFIG_MAX_DISKS)
		return err_set_key(err, -EINVAL, "rootfs",
				   "more than %d disks with the root's",
				   CONFIG_MAX_DISKS);
	*d = (struct config_disk){ .queues = 1, .overlay = "tmp",
				   .serial = ROOT_TAG };
	memcpy(d->path, c->rootfs, sizeof(d->path));
	cfg->disks++;
	snprintf(what, sizeof(what), "%s %s", ROOT_TAG, type);
	add(conf, "image", what);
	return 0;
}

static int share_root(struct config *cfg, struct conf *conf, bool direct,
		      struct err *err)
{
	const struct config_command *c = &cfg->command;
	struct config_share *s = new_share(cfg, *c->rootfs ? c->rootfs : "/",
					   ROOT_TAG, err);

	if (!s)
		return -EINVAL;
	s->read_only = true;
	s->cache = CACHE_ALWAYS;
	s->whole = true;
	s->own_files = direct;
	for (size_t i = 0; i < sizeof(never_seen) / sizeof(*never_seen); i++)
		hide(s, never_seen[i]);
	for (unsigned int i = 0; i < c->hidden; i++)
		hide(s, c->hide[i]);
	add(conf, "root", ROOT_TAG);
	return 0;
}

static int share_volume(struct config *cfg, struct conf *conf, const char *tag,
			const struct config_volume *v, struct err *err)
{
	char where[sizeof(v->guest) + 64];
	struct config_share *s = new_share(cfg, v->host, tag, err);

	if (!s)
		return -EINVAL;
	if (access(v->host, X_OK) < 0) {
		err_set_path(err, -errno, v->host);
		err_blame(err, "volume");
		return err_wrap(err, "volume");
	}
	s->read_only = v->read_only;
	s->owners = v->owners;
	s->host_locks = v->host_locks;
	snprintf(where, sizeof(where), "%s %s", tag, v->guest);
	add(conf, "volume", where);
	return 0;
}

static int share_volumes(struct config *cfg, struct conf *conf, struct err *err)
{
	const struct config_command *c = &cfg->command;
	struct config_volume out = { .guest = "/out" };
	int r = 0;

	for (unsigned int i = 0; i < c->volumes && r == 0; i++) {
		char tag[24];

		snprintf(tag, sizeof(tag), "vireo.volume%u", i);
		r = share_volume(cfg, conf, tag, &c->volume[i], err);
	}
	if (r < 0 || !*c->out)
		return r;
	memcpy(out.host, c->out, sizeof(out.host));
	return share_volume(cfg, conf, "vireo.out", &out, err);
}

/* ---- the files of init ---- */

/* @type: of the root, an image's, or NULL. @m is to be finished. */
static int find_drivers(struct modules *m, const struct config *cfg,
			const char *dir, const char *type, struct err *err)
{
	const char *names[9] = {
		cfg->transport == TRANSPORT_PCI ? "virtio_pci" : "virtio_mmio",
		"virtiofs", "vmw_vsock_virtio_transport",
	};
	size_t count = 3;
	int r;

	*m = (struct modules){ 0 };
	if (!*dir)
		return 0;
	if (cfg->command.layer != LAYER_SERVER)
		names[count++] = "overlay";
	if (cfg->nets || cfg->disks || cfg->rng) {
		names[count++] = "virtio_net";
		names[count++] = "virtio_blk";
		names[count++] = "virtio-rng";
	}
	if (type) {
		names[count++] = "crc32c_generic"; /* its work's, unasked */
		names[count++] = type;
	}
	r = module_cache_find(m, cfg->command.cache, dir, names, count, err);
	return r < 0 ? err_wrap(err, "kernel modules") : 0;
}

static void describe_modules(struct conf *conf, const struct modules *m)
{
	for (size_t i = 0; i < m->count; i++) {
		char line[96];

		snprintf(line, sizeof(line), "%zu %s", m->list[i].len,
			 m->list[i].name);
		add(conf, "module", line);
	}
}

/* Is the guest's kernel known to have no overlayfs? */
static bool lacks_overlay(const struct modules *m, const char *dir)
{
	for (size_t i = 0; i < m->count; i++)
		if (!strcmp(m->list[i].name, "overlay"))
			return false;
	return *dir && modules_built_in(dir, "overlay") == 0;
}

/* The root's share is a layer, where that is wanted or the guest has none. */
static void choose_layer(struct config *cfg, struct conf *conf,
			 const struct modules *m, const char *dir)
{
	const enum config_layer wanted = cfg->command.layer;
	struct config_share *s = cfg->share;

	if (wanted == LAYER_GUEST ||
	    (wanted == LAYER_AUTO && !lacks_overlay(m, dir)))
		return;
	for (; s < cfg->share + cfg->shares; s++) {
		if (strcmp(s->tag, ROOT_TAG))
			continue;
		s->layer = true;
		s->read_only = false;
		s->writeback = true;
		add(conf, "layer", "server");
	}
}

static void describe_networks(struct conf *conf, const struct config *cfg)
{
	char line[GUEST_NET_LINE];

	for (unsigned int i = 0; i < cfg->nets; i++)
		if (guest_net_line(line, &cfg->net[i], i))
			add(conf, "net", line);
}

static void describe(struct conf *conf, const struct config *cfg)
{
	const struct config_command *c = &cfg->command;

	add(conf, "hostname", *cfg->name ? cfg->name : "vireo");
	describe_networks(conf, cfg);
	if (*c->init)
		add(conf, "init", c->init);
	add_texts(conf, "arg", &c->args);
	add_texts(conf, "env", &c->env);
	add(conf, "dir", c->dir);
	add_number(conf, "uid", c->uid);
	add_number(conf, "gid", c->gid);
	if (c->tty)
		add(conf, "tty", "1");
}

/* A share that the kernel mounts, or an image, or a share for init. */
static int add_root(const char **type, bool direct, struct config *cfg,
		    struct conf *conf, struct err *err)
{
	const char *root = cfg->command.rootfs;
	int r;

	if (!root_image_is_one(root)) {
		r = share_root(cfg, conf, direct, err);
		return r < 0 || !direct ? r :
			       config_set(cfg, "cmdline",
					  DIRECT_ROOT_WORDS(ROOT_TAG,
						"/" GUEST_FOLDER "/init"),
					  err);
	}
	r = root_image_type(type, root, err);
	if (r < 0) {
		err_blame(err, "rootfs");
		return r;
	}
	return attach_root(cfg, conf, *type, err);
}

static int fill(struct guest_files *files, struct config *cfg,
		struct conf *conf, struct err *err)
{
	char dir[CONFIG_PATH_MAX];
	const char *type = NULL;
	struct modules m;
	bool direct;
	int r;

	find_modules(dir, sizeof(dir), cfg->kernel);
	r = direct_root(&direct, cfg, dir, err);
	if (r == 0)
		r = add_root(&type, direct, cfg, conf, err);
	if (r == 0)
		r = share_volumes(cfg, conf, err);
	if (r == 0)
		r = find_drivers(&m, cfg, dir, type, err);
	if (r < 0)
		return r;
	choose_layer(cfg, conf, &m, dir);
	describe_modules(conf, &m);
	describe(conf, cfg);
	guest_files_init(files, direct);
	guest_files_conf(files, conf->bytes, conf->len, &m);
	modules_finish(&m);
	if (conf->full)
		return err_set_key(err, -EINVAL, "command",
				   "the command and its environment are longer than %u KiB",
				   CONF_MAX / 1024);
	return guest_files_end(files, err);
}

/* The kernel's own lines are for its log; the command's output is the user's.
 * What was given is left as it is; and an init has its console. */
static int set_defaults(struct config *cfg, struct err *err)
{
	if (!cfg->command.args.count)
		return 0;
	if (!cfg->consoles)
		cfg->console[0].kind = CONSOLE_LOG;
	cfg->consoles = config_console_count(cfg);
	return cfg->cmdline_only ? 0 : config_set(cfg, "cmdline", "quiet", err);
}

int recipe_prepare(struct guest_files *files, struct config *cfg,
		   struct err *err)
{
	struct conf conf = { .bytes = malloc(CONF_MAX) };
	int r = 0;

	if (!conf.bytes)
		return err_set(err, -ENOMEM, "out of memory");
	if (!*cfg->kernel)
		r = find_kernel(cfg->kernel, sizeof(cfg->kernel), err);
	if (r == 0)
		r = set_defaults(cfg, err);
	if (r == 0)
		r = fill(files, cfg, &conf, err);
	free(conf.bytes);
	return r;
}

/* ---- a further command ---- */

/* Does @order have a variable of the same name as @variable? */
static bool replaces(const struct exec_order *order, const char *variable)
{
	size_t len = strcspn(variable, "=") + 1;

	for (size_t i = 0; order->env && order->env[i]; i++)
		if (!strncmp(order->env[i], variable, len))
			return true;
	return false;
}

static void add_order(struct conf *conf, const struct config_command *c,
		      const struct exec_order *order)
{
	const struct config_texts *env = &c->env;

	for (size_t i = 0; order->words[i]; i++)
		add(conf, "arg", order->words[i]);
	for (size_t at = 0; at < env->len; at += strlen(env->bytes + at) + 1)
		if (!replaces(order, env->bytes + at))
			add(conf, "env", env->bytes + at);
	for (size_t i = 0; order->env && order->env[i]; i++)
		add(conf, "env", order->env[i]);
	add(conf, "dir", order->dir ? order->dir : c->dir);
	add_number(conf, "uid", order->uid ? *order->uid : c->uid);
	add_number(conf, "gid", order->gid ? *order->gid : c->gid);
	if (order->tty)
		add(conf, "tty", "1");
}

/* Its length comes first, on a line. */
int recipe_order(char **bytes, size_t *len, const struct config *cfg,
		 const struct exec_order *order, struct err *err)
{
	struct conf conf = { .bytes = malloc(CONF_MAX) };
	char *text = malloc(CONF_MAX + 32);
	int n = 0;

	*bytes = text;
	*len = 0;
	if (conf.bytes && text) {
		add_order(&conf, &cfg->command, order);
		n = snprintf(text, 32, "order %zu\n", conf.len);
		memcpy(text + n, conf.bytes, conf.len);
		*len = (size_t)n + conf.len;
	}
	free(conf.bytes);
	if (n && !conf.full)
		return 0;
	free(text);
	*bytes = NULL;
	return n ? err_set(err, -EINVAL,
			   "the command and its environment are longer than %u KiB",
			   CONF_MAX / 1024)
		 : err_set(err, -ENOMEM, "out of memory");
}
