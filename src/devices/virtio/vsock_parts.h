/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between vsock.c (the device), vsock_packet.c (packets), vsock_conn.c
 * (connections and their sockets) and vsock_host.c (how they begin); for nobody
 * else.
 *
 * Everything is guarded by vs->lock. Callbacks of the loop take it and look at
 * vs->running first: while that is false (stopped, paused) they only quiet
 * their source, so that connections can be closed by the thread that stopped
 * the device, without the lock.
 */
#ifndef VIREO_DEVICES_VIRTIO_VSOCK_PARTS_H
#define VIREO_DEVICES_VIRTIO_VSOCK_PARTS_H

#include <pthread.h>

#include "base/num.h"
#include "devices/virtio/vsock.h"
#include "devices/virtio/vsock_wire.h"

#define VSOCK_MAX_CONNS 1024u
#define VSOCK_HELD      65536u /* bytes held for a slow reader on the host */
#define VSOCK_STRAYS    256u   /* resets for what is no connection */
#define VSOCK_NONE      UINT16_MAX

/* The host ends of connections that began on the host. */
#define VSOCK_PORT_FIRST (UINT32_C(1) << 30)
#define VSOCK_PORT_LAST  (UINT32_MAX - 1)

enum vsock_state {
	VSOCK_FREE,
	VSOCK_HELLO,     /* a host program has connected; "CONNECT" is due */
	VSOCK_REQUESTED, /* the guest's answer is due */
	VSOCK_OPEN,
	VSOCK_RESET,  /* only the reset for the guest is left */
	VSOCK_LINGER, /* gone for the guest; the host still reads */
};

/* What a connection owes the guest. */
#define OWES_RESET    1u
#define OWES_REQUEST  2u
#define OWES_RESPONSE 4u
#define OWES_CREDIT   8u  /* tells ours */
#define OWES_ASK      16u /* asks for the guest's */
#define OWES_DATA     32u /* the socket may have some */
#define OWES_SHUTDOWN 64u

struct vsock_conn {
	struct vsock *vs;
	enum vsock_state state;
	bool named; /* the guest knows of it, by these ports */
	uint32_t host_port;
	uint32_t guest_port;
	uint32_t owes;
	bool listed;       /* in the list of those who owe something */
	uint16_t next;     /* there, or in the list of free ones */
	uint16_t prev;     /* there */
	uint16_t next_key; /* with the same hash */
	uint64_t deadline_ms; /* 0: none */

	int fd;                     /* owned; -1: closed */
	struct loop_source *source; /* NULL: closed */
	uint32_t events;            /* what it waits for */
	char line[32];              /* the start of "CONNECT PORT\n" */
	uint8_t line_len;

	/* from the guest; counters are free-running */
	uint8_t *held; /* owned, a ring of VSOCK_HELD bytes */
	uint32_t head;
	uint32_t held_len;
	uint32_t received;
	uint32_t forwarded;
	uint32_t told; /* of forwarded */
	uint32_t guest_shut;
	bool host_shut_wr; /* the guest's end has been passed on */

	/* to the guest */
	uint32_t sent;
	uint32_t guest_alloc;
	uint32_t guest_forwarded;
	uint32_t host_shut;
	bool blocked; /* no credit: the socket is not read */
	bool asked;
};

struct vsock_stray {
	uint32_t host_port;
	uint32_t guest_port;
	uint16_t type;
};

struct vsock {
	struct virtio v;
	uint64_t cid;
	uint32_t request_ms;
	char path[VSOCK_PATH_MAX + 1]; /* "": none */
	struct vsock_dial dial;
	bool bound; /* path is ours to remove */
	int listen_fd;
	struct loop_source *listener;
	struct loop_source *timer;

	pthread_mutex_t lock; /* guards every field below */
	bool running;
	bool listening;      /* the listener is polled */
	uint64_t accept_ms;  /* not before; 0: at once */
	uint64_t timer_ms;   /* when the timer fires; 0: it does not */
	uint32_t next_port;  /* of the host's end */
	bool reset_event;    /* the driver is owed TRANSPORT_RESET */
	uint64_t silent_ms;  /* until then, or its answer; 0: no silence */
	bool tx_waits;       /* for room in strays */
	struct vsock_counts counts;
	unsigned int stray_first;
	unsigned int strays;
	struct vsock_stray stray[VSOCK_STRAYS];
	uint16_t first; /* of those who owe something */
	uint16_t last;
	uint16_t free; /* first free connection */
	unsigned int used;
	uint16_t key[VSOCK_MAX_CONNS]; /* hash to first connection */
	struct vsock_conn conn[VSOCK_MAX_CONNS];
};

static inline struct vsock *vsock_of(struct virtio *v)
{
	return container_of(v, struct vsock, v);
}

/* ---- vsock_conn.c ---- */

void vsock_conns_init(struct vsock *vs);
/* A connection around @fd, which it owns; NULL: no room, @fd is closed. */
struct vsock_conn *vsock_conn_open(struct vsock *vs, enum vsock_state state,
				   int fd);
/* Gives it its ports; nobody else has them. */
void vsock_conn_name(struct vsock_conn *c, uint32_t host_port,
		     uint32_t guest_port);
struct vsock_conn *vsock_conn_find(struct vsock *vs, uint32_t host_port,
				   uint32_t guest_port);
/* Gone at once. */
void vsock_conn_free(struct vsock_conn *c);
/* Gone at once; the guest is told when there is a buffer for it. */
void vsock_conn_reset(struct vsock_conn *c);
/* Gone for the guest, which knows; what it has sent still goes out. */
void vsock_conn_linger(struct vsock_conn *c);
void vsock_conn_free_all(struct vsock *vs);

void vsock_owe(struct vsock_conn *c, uint32_t what);
/* The first that owes something, not in the list any more; or NULL. */
struct vsock_conn *vsock_conn_next(struct vsock *vs);
void vsock_conn_deadline(struct vsock_conn *c, uint32_t ms);
/* The timer fires at @ms at the latest. */
void vsock_timer_by(struct vsock *vs, uint64_t ms);

/* Bytes the guest has room for. */
uint32_t vsock_conn_credit(const struct vsock_conn *c);
/* The credit in the guest's packet; false: it cannot be true. */
bool vsock_conn_credited(struct vsock_conn *c, uint32_t alloc,
			 uint32_t forwarded);
/* Takes @len bytes behind the header; false: more than it had credit for. */
bool vsock_conn_take(struct vsock_conn *c, const struct chain *chain,
		     uint32_t len);
/* Passes the guest's end on when everything before it is. */
void vsock_conn_settle(struct vsock_conn *c);
/* Reads for the guest: bytes; 0: nothing now, or its end. */
uint32_t vsock_conn_fill(struct vsock_conn *c, const struct chain *chain);
/* Polls for what the connection waits for now. */
void vsock_conn_poll(struct vsock_conn *c);

/* ---- vsock_host.c ---- */

void vsock_on_listener(void *vsock, uint32_t events);
void vsock_listen(struct vsock *vs, bool on);
/* "CONNECT" has become readable. */
void vsock_hello(struct vsock_conn *c);
/* The guest has accepted. */
void vsock_accepted(struct vsock_conn *c);
/* The guest connects: the new connection, or NULL. */
struct vsock_conn *vsock_connect(struct vsock *vs, uint32_t host_port,
				 uint32_t guest_port);

/* ---- vsock_packet.c ---- */

/* Sends the guest what is owed. */
void vsock_pump(struct vsock *vs);
/* Takes the guest's packets. */
void vsock_receive(struct vsock *vs);

#endif
