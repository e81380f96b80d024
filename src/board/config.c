// SPDX-License-Identifier: BSD-3-Clause
/*
 * The configuration's parsers: each takes the text of one key, checks form
 * and range, and stores a typed value. Opens nothing. Any thread.
 */
#include "board/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/words.h"
#include "board/keys.h"
#include "board/parse.h"

#define MEMORY_MIN MIB
#define MEMORY_MAX (UINT64_C(1) << 46)

static void init_command(struct config_command *c)
{
	const size_t texts = offsetof(struct config_command, dir);

	c->args.count = 0;
	c->args.len = 0;
	c->env.count = 0;
	c->env.len = 0;
	memset((char *)c + texts, 0,
	       offsetof(struct config_command, volume) - texts);
}

/* As config_copy(): what is not used is not touched. */
void config_init(struct config *cfg)
{
	memset(cfg, 0, offsetof(struct config, initrd));
	memset(cfg->console, 0, sizeof(cfg->console[0])); /* there by itself */
	init_command(&cfg->command);
	cfg->memory = 256 * MIB;
	cfg->cpus = 1;
	cfg->log_level = LOG_LEVEL_WARN;
}

static const char *key_name_at(size_t index)
{
	return key_at(index)->pub.name;
}

static int unknown_key(const char *key, struct err *err)
{
	size_t count = 0;
	int near;

	while (key_at(count))
		count++;
	near = words_nearest(key, key_name_at, count);
	if (near >= 0)
		return err_set_key(err, -EINVAL, key,
				   "unknown key \"%s\" (did you mean \"%s\"?)",
				   key, key_name_at((size_t)near));
	return err_set_key(err, -EINVAL, key,
			   "unknown key \"%s\" (vireo run --help lists them)",
			   key);
}

static void copy_texts(struct config_texts *to, const struct config_texts *from)
{
	to->count = from->count;
	to->len = from->len;
	memcpy(to->bytes, from->bytes, from->len);
}

/* Pages that nobody has written to take no memory. */
void config_copy(struct config *to, const struct config *from)
{
	const size_t texts = offsetof(struct config_command, dir);

	memcpy(to, from, offsetof(struct config, initrd));
	memcpy(to->initrd, from->initrd,
	       from->initrds * sizeof(to->initrd[0]));
	memcpy(to->console, from->console,
	       config_console_count(from) * sizeof(to->console[0]));
	memcpy(to->disk, from->disk, from->disks * sizeof(to->disk[0]));
	memcpy(to->net, from->net, from->nets * sizeof(to->net[0]));
	memcpy(to->share, from->share, from->shares * sizeof(to->share[0]));
	copy_texts(&to->command.args, &from->command.args);
	copy_texts(&to->command.env, &from->command.env);
	memcpy((char *)&to->command + texts, (const char *)&from->command +
	       texts, offsetof(struct config_command, volume) - texts);
	memcpy(to->command.volume, from->command.volume,
	       from->command.volumes * sizeof(*to->command.volume));
}

int config_set(struct config *cfg, const char *key, const char *value,
	       struct err *err)
{
	const struct key *k = key_find(key);
	struct err why = { 0 };

	if (!k)
		return unknown_key(key, err);
	if (k->parse(cfg, value, &why) == 0)
		return 0;
	return err_set_key(err, -EINVAL, key, "%s: %s", key, why.text);
}

bool config_has_root(const struct config *cfg)
{
	return cfg->command.args.count || cfg->command.init[0];
}

bool config_has_virtio(const struct config *cfg)
{
	return cfg->disks || cfg->nets || cfg->shares || cfg->rng ||
	       cfg->balloon || cfg->vsock[0] || cfg->console[0].virtio ||
	       cfg->consoles > 1 || config_has_root(cfg);
}

int config_check(const struct config *cfg, struct err *err)
{
	if (cfg->command.init[0] && cfg->command.args.count)
		return err_set_key(err, -EINVAL, "init",
				   "init: not with a command (leave one of "
				   "the two out)");
	if (!cfg->kernel[0] && !config_has_root(cfg))
		return err_set_key(err, -EINVAL, "kernel",
				   "no kernel given (add --kernel FILE)");
	if (cfg->restart && cfg->command.args.count)
		return err_set_key(err, -EINVAL, "on-reboot",
				   "on-reboot: a command runs once (leave "
				   "restart out)");
	if (cfg->pit && cfg->irqchip == KVM_IRQ_SPLIT)
		return err_set_key(err, -EINVAL, "pit",
				   "pit: not with irqchip=split (leave one of the "
				   "two out)");
	return 0;
}

/* ---- keys ---- */

static int kernel_item(struct config *c, const char *key, const char *value,
		       struct err *e)
{
	if (strcmp(key, "format"))
		return err_set(e, -EINVAL, "unknown item \"%s\" (format=...)",
			       key);
	if (boot_format_parse(&c->format, value) < 0)
		return err_set(e, -EINVAL,
			       "format \"%s\" is not one of auto, bzimage, "
			       "pvh, linux, multiboot, flat",
			       value);
	return 0;
}

int config_parse_kernel(struct config *c, const char *v, struct err *e)
{
	int r;

	c->format = BOOT_FORMAT_AUTO;
	r = parse_list(c, v, c->kernel, sizeof(c->kernel), kernel_item, e);
	if (!r && !c->kernel[0])
		return err_set(e, -EINVAL, "names no file");
	return r;
}

int config_parse_initrd(struct config *c, const char *v, struct err *e)
{
	int r;

	if (c->initrds == CONFIG_MAX_INITRDS)
		return err_set(e, -EINVAL, "more than %d", CONFIG_MAX_INITRDS);
	r = parse_text(c->initrd[c->initrds], sizeof(c->initrd[0]), v,
		       "the path", e);
	if (!r)
		c->initrds++;
	return r;
}

int config_parse_cmdline(struct config *c, const char *v, struct err *e)
{
	size_t used = strlen(c->cmdline);
	size_t room = sizeof(c->cmdline) - used - (used ? 1 : 0);

	for (const char *p = v; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			return err_set(e, -EINVAL,
				       "holds a byte that is not printable "
				       "ASCII (0x%02x)",
				       (unsigned char)*p);
	if (strlen(v) >= room)
		return err_set(e, -EINVAL, "longer than %zu bytes in all",
			       sizeof(c->cmdline) - 1);
	snprintf(c->cmdline + used, sizeof(c->cmdline) - used, "%s%s",
		 used ? " " : "", v);
	return 0;
}

int config_parse_cmdline_only(struct config *c, const char *v, struct err *e)
{
	return parse_bool(&c->cmdline_only, v, e);
}

int config_parse_unpack(struct config *c, const char *v, struct err *e)
{
	return parse_bool(&c->unpack, v, e);
}

static int memory_item(struct config *c, const char *key, const char *value,
		       struct err *e)
{
	static const char *const words[] = { "private", "memfd", "hugetlb" };
	int choice = 0;
	int r;

	if (strcmp(key, "backing"))
		return err_set(e, -EINVAL, "unknown item \"%s\" (backing=...)",
			       key);
	r = parse_choice(&choice, value, words, 3, e);
	if (!r)
		c->backing = (enum ram_backing)choice;
	return r;
}

int config_parse_memory(struct config *c, const char *v, struct err *e)
{
	char size[64];
	uint64_t bytes;
	int r;

	c->backing = RAM_PRIVATE;
	r = parse_list(c, v, size, sizeof(size), memory_item, e);
	if (r < 0)
		return r;
	if (num_parse_size(&bytes, size) < 0 || bytes < MEMORY_MIN ||
	    bytes > MEMORY_MAX)
		return err_set(e, -EINVAL,
			       "\"%s\" is not a size from 1M to 64T (such as "
			       "512M or 2G)",
			       size);
	c->memory = align_up(bytes, c->backing == RAM_HUGETLB ? 2 * MIB : 4096);
	return 0;
}

int config_parse_cpus(struct config *c, const char *v, struct err *e)
{
	uint64_t n;

	if (num_parse_u64(&n, v) < 0 || n < 1 || n > CONFIG_CPUS_MAX)
		return err_set(e, -EINVAL,
			       "\"%s\" is not a number from 1 to %d", v,
			       CONFIG_CPUS_MAX);
	c->cpus = (unsigned int)n;
	return 0;
}

static int cpu_item(struct config *c, const char *key, const char *value,
		    struct err *e)
{
	struct config_feature *f = &c->feature[c->features];

	if ((key[0] != '+' && key[0] != '-') || *value)
		return err_set(e, -EINVAL,
			       "\"%s\" is neither +FEATURE nor -FEATURE", key);
	if (c->features == CONFIG_MAX_FEATURES)
		return err_set(e, -EINVAL, "more than %d features",
			       CONFIG_MAX_FEATURES);
	if (!key[1] || strlen(key + 1) >= sizeof(f->name))
		return err_set(e, -EINVAL, "no CPU feature has the name \"%s\"",
			       key + 1);
	memcpy(f->name, key + 1, strlen(key));
	f->on = key[0] == '+';
	c->features++;
	return 0;
}

int config_parse_cpu(struct config *c, const char *v, struct err *e)
{
	char model[16];
	int r;

	c->features = 0;
	r = parse_list(c, v, model, sizeof(model), cpu_item, e);
	if (!r && strcmp(model, "host"))
		return err_set(e, -EINVAL,
			       "\"%s\" is not a CPU model (the only one is "
			       "host)",
			       model);
	return r;
}

int config_parse_irqchip(struct config *c, const char *v, struct err *e)
{
	static const char *const words[] = { "auto", "full", "split" };
	int choice = 0;
	int r = parse_choice(&choice, v, words, 3, e);

	if (!r)
		c->irqchip = (enum kvm_irq_mode)choice;
	return r;
}

int config_parse_pit(struct config *c, const char *v, struct err *e)
{
	return parse_bool(&c->pit, v, e);
}

int config_parse_testdev(struct config *c, const char *v, struct err *e)
{
	return parse_bool(&c->testdev, v, e);
}

int config_parse_timeout(struct config *c, const char *v, struct err *e)
{
	return parse_ms(&c->timeout_ms, v, e);
}

int config_parse_idle_timeout(struct config *c, const char *v, struct err *e)
{
	return parse_ms(&c->idle_timeout_ms, v, e);
}

/* One CPU, or FIRST-LAST; cut at its end. */
static int add_pins(struct config *c, char *word, struct err *e)
{
	char *dash = strchr(word, '-');
	uint64_t first, last;
	int r;

	if (dash)
		*dash++ = '\0';
	r = parse_number(&first, word, 0, CONFIG_PIN_MAX, e);
	if (!r)
		r = parse_number(&last, dash ? dash : word, first,
				 CONFIG_PIN_MAX, e);
	for (uint64_t n = first; !r && n <= last; n++) {
		if (c->pins == CONFIG_MAX_PINS)
			return err_set(e, -EINVAL, "more than %d CPUs",
				       CONFIG_MAX_PINS);
		c->pin[c->pins++] = (uint16_t)n;
	}
	return r;
}

int config_parse_pin(struct config *c, const char *v, struct err *e)
{
	char text[512];
	char *rest = text;
	char *word;
	int r = parse_text(text, sizeof(text), v, "list of CPUs", e);

	c->pins = 0;
	while (!r && (word = strsep(&rest, ",")))
		r = add_pins(c, word, e);
	return r;
}

int config_parse_cpu_time(struct config *c, const char *v, struct err *e)
{
	return parse_ms(&c->cpu_time_ms, v, e);
}

int config_parse_exit_rate(struct config *c, const char *v, struct err *e)
{
	return parse_number(&c->exit_rate, v, 1, UINT32_MAX, e);
}

int config_parse_on_reboot(struct config *c, const char *v, struct err *e)
{
	static const char *const words[] = { "exit", "restart" };
	int choice = 0;
	int r = parse_choice(&choice, v, words, 2, e);

	if (!r)
		c->restart = choice == 1;
	return r;
}

static bool name_byte(char c, bool first)
{
	bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9');

	return word || (!first && (c == '.' || c == '_' || c == '-'));
}

int config_parse_name(struct config *c, const char *v, struct err *e)
{
	for (const char *p = v; *p; p++)
		if (!name_byte(*p, p == v))
			return err_set(e, -EINVAL,
				       "\"%s\": only letters, digits, '.', "
				       "'_' and '-', starting with a letter or "
				       "digit",
				       v);
	return parse_text(c->name, sizeof(c->name), v, "the name", e);
}

int config_parse_vmcore(struct config *c, const char *v, struct err *e)
{
	return parse_text(c->vmcore, sizeof(c->vmcore), v, "the path", e);
}

int config_parse_symbols(struct config *c, const char *v, struct err *e)
{
	return parse_text(c->symbols, sizeof(c->symbols), v, "the path", e);
}

int config_parse_stats(struct config *c, const char *v, struct err *e)
{
	return parse_bool(&c->stats, v, e);
}

int config_parse_log_level(struct config *c, const char *v, struct err *e)
{
	static const char *const words[] = { "error", "warn", "info", "debug" };
	int choice = 0;
	int r = parse_choice(&choice, v, words, 4, e);

	if (!r)
		c->log_level = (enum log_level)choice;
	return r;
}
