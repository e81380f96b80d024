/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one table of configuration keys. The command line, the JSON file, the
 * manual and the completions are made from its public half; config_set() uses
 * its parsers.
 */
#ifndef VIREO_BOARD_KEYS_H
#define VIREO_BOARD_KEYS_H

#include "board/config.h"
#include "vireo.h"

struct key {
	struct vireo_key pub;
	/* Checks @value and stores it. Returns 0 or -EINVAL with a reason that
	 * does not repeat the key. */
	int (*parse)(struct config *cfg, const char *value, struct err *err);
};

/* NULL past the end. */
const struct key *key_at(size_t index);
const struct key *key_find(const char *name);

/* The parsers (config*.c). */
int config_parse_kernel(struct config *c, const char *v, struct err *e);
int config_parse_initrd(struct config *c, const char *v, struct err *e);
int config_parse_cmdline(struct config *c, const char *v, struct err *e);
int config_parse_cmdline_only(struct config *c, const char *v, struct err *e);
int config_parse_unpack(struct config *c, const char *v, struct err *e);
int config_parse_memory(struct config *c, const char *v, struct err *e);
int config_parse_cpus(struct config *c, const char *v, struct err *e);
int config_parse_cpu(struct config *c, const char *v, struct err *e);
int config_parse_irqchip(struct config *c, const char *v, struct err *e);
int config_parse_pit(struct config *c, const char *v, struct err *e);
int config_parse_console(struct config *c, const char *v, struct err *e);
int config_parse_testdev(struct config *c, const char *v, struct err *e);
int config_parse_transport(struct config *c, const char *v, struct err *e);
int config_parse_disk(struct config *c, const char *v, struct err *e);
int config_parse_net(struct config *c, const char *v, struct err *e);
int config_parse_rng(struct config *c, const char *v, struct err *e);
int config_parse_balloon(struct config *c, const char *v, struct err *e);
int config_parse_share(struct config *c, const char *v, struct err *e);
/* Items of shares and volumes. */
int config_parse_owners(enum config_owners *out, const char *v, struct err *e);
int config_parse_locks(bool *host, const char *v, struct err *e);
int config_parse_command(struct config *c, const char *v, struct err *e);
int config_parse_env(struct config *c, const char *v, struct err *e);
int config_parse_workdir(struct config *c, const char *v, struct err *e);
int config_parse_user(struct config *c, const char *v, struct err *e);
int config_parse_tty(struct config *c, const char *v, struct err *e);
int config_parse_rootfs(struct config *c, const char *v, struct err *e);
int config_parse_volume(struct config *c, const char *v, struct err *e);
int config_parse_cache(struct config *c, const char *v, struct err *e);
int config_parse_init(struct config *c, const char *v, struct err *e);
int config_parse_initramfs(struct config *c, const char *v, struct err *e);
int config_parse_layer(struct config *c, const char *v, struct err *e);
int config_parse_out(struct config *c, const char *v, struct err *e);
int config_parse_hide(struct config *c, const char *v, struct err *e);
int config_parse_vsock(struct config *c, const char *v, struct err *e);
int config_parse_timeout(struct config *c, const char *v, struct err *e);
int config_parse_idle_timeout(struct config *c, const char *v, struct err *e);
int config_parse_pin(struct config *c, const char *v, struct err *e);
int config_parse_cpu_time(struct config *c, const char *v, struct err *e);
int config_parse_exit_rate(struct config *c, const char *v, struct err *e);
int config_parse_on_reboot(struct config *c, const char *v, struct err *e);
int config_parse_name(struct config *c, const char *v, struct err *e);
int config_parse_vmcore(struct config *c, const char *v, struct err *e);
int config_parse_symbols(struct config *c, const char *v, struct err *e);
int config_parse_gdb(struct config *c, const char *v, struct err *e);
int config_parse_stats(struct config *c, const char *v, struct err *e);
int config_parse_log_level(struct config *c, const char *v, struct err *e);

#endif
