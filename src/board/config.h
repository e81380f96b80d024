/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a machine shall be, as typed values: the checked form of the key/value
 * configuration. Plain data; nothing here opens anything.
 */
#ifndef VIREO_BOARD_CONFIG_H
#define VIREO_BOARD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "board/config_files.h"
#include "boot/boot.h"
#include "kvm/kvm.h"
#include "mem/ram.h"

#define CONFIG_MAX_INITRDS  16
#define CONFIG_MAX_FEATURES 64
#define CONFIG_CMDLINE_MAX  4096
#define CONFIG_NAME_MAX     64
#define CONFIG_CPUS_MAX     1024
#define CONFIG_MAX_PINS     64
#define CONFIG_PIN_MAX      1023 /* the highest host CPU */

#define CONFIG_MAX_CONSOLES     16
#define CONFIG_CONSOLE_NAME_MAX 63

enum config_console_kind {
	CONSOLE_STDIO,
	CONSOLE_NONE,
	CONSOLE_FILE,
	CONSOLE_PTY,
	CONSOLE_SOCKET,
	CONSOLE_LOG, /* only read along: for a panic and its last words */
};

struct config_console {
	enum config_console_kind kind;
	bool virtio; /* or the serial port, which only the first can be */
	char name[CONFIG_CONSOLE_NAME_MAX + 1]; /* "": a terminal (hvcN) */
	char path[CONFIG_PATH_MAX]; /* file, socket, a pty's link; or "" */
};

/* How virtio devices are attached. */
enum config_transport { TRANSPORT_PCI, TRANSPORT_MMIO };

#define CONFIG_MAX_DISKS    16
#define CONFIG_MAX_NETS     8
#define CONFIG_MAX_FORWARDS 16

struct config_disk {
	char path[CONFIG_PATH_MAX];
	char overlay[CONFIG_PATH_MAX]; /* "": none; "tmp": a throwaway one */
	bool read_only;
	bool direct;
	bool threads; /* engine=threads */
	unsigned int queues;
	char serial[24]; /* "": diskN */
	uint64_t bytes_per_s; /* 0: no limit */
	uint64_t ops_per_s;   /* 0: no limit */
};

enum config_net_kind {
	CONFIG_NET_USER,
	CONFIG_NET_PASST,
	CONFIG_NET_TAP,
	CONFIG_NET_CONNECT, /* stream socket */
	CONFIG_NET_LISTEN,
	CONFIG_NET_DGRAM, /* where=peer, listen=own address */
};

/* What a command's guest makes of a network; IPv4. */
struct config_ip {
	char address[20]; /* "dhcp", "none", "ADDRESS/BITS"; "": by the kind */
	char gateway[16]; /* "": none */
	char dns[16];
};

struct config_net {
	enum config_net_kind kind;
	char where[128];  /* tap name or socket address */
	char local[128];  /* datagram: our own address */
	int fd;           /* tap or socket, -1: none */
	uint8_t mac[6];
	bool mac_given;
	unsigned int mtu; /* 0: the backend's default */
	unsigned int queues;
	struct config_ip ip;
	bool restricted;
	bool host_loopback;
	unsigned int forwards;
	char forward[CONFIG_MAX_FORWARDS][64];
	uint64_t bytes_per_s;
	uint64_t ops_per_s;
};

/* --cpu +name or -name */
struct config_feature {
	char name[24];
	bool on;
};

struct config {
	char kernel[CONFIG_PATH_MAX]; /* "": none given */
	enum boot_format format;
	bool unpack;
	unsigned int initrds;
	char cmdline[CONFIG_CMDLINE_MAX]; /* the user's words, joined */
	bool cmdline_only;

	uint64_t memory; /* bytes, a multiple of 4 KiB */
	enum ram_backing backing;
	unsigned int cpus;
	unsigned int features;
	struct config_feature feature[CONFIG_MAX_FEATURES];
	enum kvm_irq_mode irqchip;
	bool pit;

	unsigned int consoles; /* 0: console[0] is there, stdio at a serial */
	bool testdev;

	enum config_transport transport;
	unsigned int disks;
	unsigned int nets;
	unsigned int shares;
	bool rng;
	bool balloon;
	char vsock[108]; /* socket path; "": none */
	uint64_t cid;

	uint64_t timeout_ms;      /* 0: none */
	uint64_t idle_timeout_ms; /* 0: none */
	uint64_t cpu_time_ms;     /* of all vCPUs; 0: no limit */
	uint64_t exit_rate;       /* per second; 0: no limit */
	unsigned int pins;        /* 0: vCPUs run anywhere */
	uint16_t pin[CONFIG_MAX_PINS]; /* host CPUs */
	bool restart;             /* on-reboot=restart */
	bool stats;
	char name[CONFIG_NAME_MAX];
	enum log_level log_level;

	char vmcore[CONFIG_PATH_MAX];  /* "": none */
	char symbols[CONFIG_PATH_MAX]; /* "": the kernel's own */
	char gdb[116]; /* "tcp:PORT", "unix:PATH"; "": none */
	bool gdb_wait; /* the guest waits for a debugger */

	/* Large, and seldom used: config_copy() leaves out what is not. */
	char initrd[CONFIG_MAX_INITRDS][CONFIG_PATH_MAX];
	struct config_console console[CONFIG_MAX_CONSOLES];
	struct config_disk disk[CONFIG_MAX_DISKS];
	struct config_net net[CONFIG_MAX_NETS];
	struct config_share share[CONFIG_MAX_SHARES];
	struct config_command command;
};

/* The defaults. */
void config_init(struct config *cfg);
/* What is used of @from; the rest of @to stays whatever it is. */
void config_copy(struct config *to, const struct config *from);

/*
 * Sets one key from its text: form and range are checked, nothing is opened. A
 * repeatable key adds. -EINVAL with the key, the reason and the accepted range;
 * an unknown key is answered with the nearest known one.
 */
int config_set(struct config *cfg, const char *key, const char *value,
	       struct err *err);

/* At least one: the first is the guest's main console. */
static inline unsigned int config_console_count(const struct config *cfg)
{
	return cfg->consoles ? cfg->consoles : 1;
}

/* A tree of the host's is the guest's root: for a command, or an init. */
bool config_has_root(const struct config *cfg);
/* Does the machine have any virtio device? Without one it has no bus for them
 * either. */
bool config_has_virtio(const struct config *cfg);

/* Checks what only the whole can show (a kernel is there, the keys fit
 * together). Nothing is opened. */
int config_check(const struct config *cfg, struct err *err);

#endif
