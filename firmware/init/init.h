/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's first process in a command VM. It is in an initramfs; or, when
 * the kernel has mounted the root's share by itself, in a folder of that share
 * that the host's file server has for it alone. It finds what it is to do in
 * vireo.conf there: records "key=value", each ended by a zero byte, in the
 * order in which they are to be done.
 *
 *	module=LENGTH NAME  a kernel module; after the records and an empty one
 *	                  are the bytes of all of them, in this order
 *	root=TAG          the share that is the root; read-only below, with a
 *	                  throwaway layer above
 *	layer=server      the share is such a layer itself: none is made here
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
#define FOLDER   ".vireo" /* in the share */

/* The first of four ports of command N, 0 being the one in /vireo.conf. */
#define PORTS(n) (0x76690000u + 4 * (n))

#define PORT_WORDS  0u /* lines of text, both ways */
#define PORT_STDIN  1u
#define PORT_STDOUT 2u
#define PORT_STDERR 3u

struct conf {
	char bytes[CONF_MAX];
	size_t len;
	bool direct; /* the root is the share, and there is no initramfs */
	uint8_t *modules; /* what is after the records; NULL: nothing more */
	size_t modules_len;
};

/* The record after @at (NULL: the first) with @key; its value, or NULL. */
const char *conf_next(const struct conf *conf, const char *key,
		      const char *at);
/* The only one, or "". */
const char *conf_get(const struct conf *conf, const char *key);

/* conf.c: reads init's own. -errno. */
int conf_read(struct conf *conf);
/* Those that there are loaded, and their bytes gone: 0 or -errno. */
int load_modules(struct conf *conf, const char **what);

/* mounts.c: 0, or -errno with *what naming the step. Without an initramfs:
 * things are from then on as with one, and the share is at /below. */
int leave_share(const char **what);
int mount_basics(const char **what);
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
