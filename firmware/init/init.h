/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's first process in a command VM. It finds what it is to do in
 * /vireo.conf of its initramfs: records "key=value", each ended by a zero byte,
 * in the order in which they are to be done.
 *
 *	module=PATH       a kernel module in the initramfs
 *	root=TAG          the share that is the root; read-only below, with a
 *	                  throwaway layer above
 *	image=SERIAL TYPE in its place a virtio disk, and its file system
 *	volume=TAG DIR    a share, mounted at DIR
 *	net=INTERFACE...  see net.c
 *	hostname=NAME
 *	init=PATH         who takes over then, in place of a command
 *	arg...            see run.c: uid, gid, group, dir, env, arg, tty
 *
 * It talks to the host over sockets (AF_VSOCK, host 2): the first port is for
 * words, the others are the command's streams. Further commands are asked for
 * by words, and have four ports each: see further.c. Our own ports are such as
 * the privileged may have only: the host hears nobody else.
 */
#ifndef VIREO_INIT_INIT_H
#define VIREO_INIT_INIT_H

#include "sys.h"

#define CONF_MAX (256u * 1024u)

/* The first of four ports of command N, 0 being the one in /vireo.conf. */
#define PORTS(n) (0x76690000u + 4 * (n))

#define PORT_WORDS  0u /* lines of text, both ways */
#define PORT_STDIN  1u
#define PORT_STDOUT 2u
#define PORT_STDERR 3u

struct conf {
	char bytes[CONF_MAX];
	size_t len;
};

/* The record after @at (NULL: the first) with @key; its value, or NULL. */
const char *conf_next(const struct conf *conf, const char *key,
		      const char *at);
/* The only one, or "". */
const char *conf_get(const struct conf *conf, const char *key);

/* mounts.c: 0, or -errno with *what naming the step. */
int mount_basics(const char **what);
int load_modules(const struct conf *conf, const char **what);
int mount_root(const struct conf *conf, const char **what);
int mount_volumes(const struct conf *conf, const char **what);

/* net.c: the same. */
int start_network(const struct conf *conf, const char **what);

/* host.c: a connection to the host, or -errno. */
int host_connect(unsigned int port);
/* A line for the host: WORD NUMBER. */
void host_tell(int words, const char *word, uint64_t number);
/* What went wrong, with the status that vireo is to end with. */
void host_complain(int words, int status, const char *what, int error);

/* run.c: runs command @number and tells how it ended. */
void run_command(const struct conf *conf, uint32_t number, int words);
/* Becomes the guest's own first process; -errno when it cannot. */
int run_init(const struct conf *conf);

/* further.c: begins command @number, in a process of its own. */
void begin_further(uint32_t number);

#endif
