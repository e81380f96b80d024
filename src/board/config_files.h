/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of a configuration that are about the host's files: shares, and
 * commands, which run on a copy of them. See config.h, which includes this.
 */
#ifndef VIREO_BOARD_CONFIG_FILES_H
#define VIREO_BOARD_CONFIG_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH_MAX   4096
#define CONFIG_MAX_SHARES 8
#define CONFIG_MAX_HIDDEN 32

/* How long a guest believes what it knows of a share: as in fs.h. */
enum config_cache { CACHE_AUTO, CACHE_NONE, CACHE_ALWAYS };
/* Where owners and modes are kept: as in share.h. */
enum config_owners { OWNERS_AUTO, OWNERS_HOST, OWNERS_STORED };

struct config_share {
	char path[CONFIG_PATH_MAX];
	char tag[37];
	bool read_only;
	enum config_owners owners;
	bool host_locks; /* locks are against the host's programs too */
	enum config_cache cache;
	bool writeback;
	bool own_files; /* vireo's own are in it, see board.h */
	bool whole; /* other file systems below it look like parts of it */
	bool layer; /* what the guest changes is thrown away: see layer.h */
	unsigned int hidden;
	char hide[CONFIG_MAX_HIDDEN][256]; /* below path */
};

#define CONFIG_TEXTS_MAX   (64u << 10)
#define CONFIG_MAX_VOLUMES (CONFIG_MAX_SHARES - 1)

/* Texts, each with its zero byte, one after another. */
struct config_texts {
	unsigned int count;
	size_t len;
	char bytes[CONFIG_TEXTS_MAX];
};

/* A directory of the host's for a command, and where it is there. */
struct config_volume {
	char host[CONFIG_PATH_MAX];
	char guest[1024];
	bool read_only;
	enum config_owners owners;
	bool host_locks;
};

/* Does the kernel of a command VM get one? */
enum config_initramfs { INITRAMFS_AUTO, INITRAMFS_ALWAYS, INITRAMFS_NEVER };

/* Where what a command changes of its root is kept until it is thrown away. */
enum config_layer {
	LAYER_AUTO,
	LAYER_GUEST,  /* in the guest's memory, by its overlayfs */
	LAYER_SERVER, /* by us, which a root that is an image cannot have */
};

/* What a command VM runs, and as whom. */
struct config_command {
	struct config_texts args; /* none: there is no command */
	struct config_texts env;  /* NAME=VALUE */
	char dir[CONFIG_PATH_MAX]; /* "": / */
	uint32_t uid;
	uint32_t gid;
	bool tty;
	char init[256]; /* the guest's own first process; "": ours */
	char rootfs[CONFIG_PATH_MAX]; /* "": / */
	enum config_initramfs initramfs;
	enum config_layer layer;
	char out[CONFIG_PATH_MAX];    /* at /out; "": none */
	char cache[1024]; /* modules/..., kernels/...; "": nowhere */
	unsigned int hidden;
	char hide[CONFIG_MAX_HIDDEN - 4][256]; /* below rootfs */
	unsigned int volumes;
	struct config_volume volume[CONFIG_MAX_VOLUMES];
};

#endif
