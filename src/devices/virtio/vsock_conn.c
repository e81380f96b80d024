// SPDX-License-Identifier: BSD-3-Clause
/*
 * See vsock_parts.h. Connections: where they are found, what they owe the
 * guest, and the bytes between their sockets and the guest's buffers.
 *
 * What the guest sends goes straight from its memory into the socket. What the
 * socket does not take is held in a ring, and the guest's credit is the room
 * in it, so a reader that stalls stops its writer and nobody else. What the
 * host sends stays in the socket until the guest has credit and a buffer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "backends/unix_sock.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "devices/virtio/vsock_parts.h"

#define HEADER       sizeof(struct vsock_header)
#define LINGER_MS    60000u
#define SHUTDOWN_MS  30000u
#define PACKET_MAX   65536u
#define NS_PER_MS    UINT64_C(1000000)

static uint16_t number(const struct vsock_conn *c)
{
	return (uint16_t)(c - c->vs->conn);
}

void vsock_conns_init(struct vsock *vs)
{
	vs->first = VSOCK_NONE;
	vs->last = VSOCK_NONE;
	vs->free = 0;
	for (uint16_t i = 0; i < VSOCK_MAX_CONNS; i++) {
		vs->key[i] = VSOCK_NONE;
		vs->conn[i].vs = vs;
		vs->conn[i].fd = -1;
		vs->conn[i].next = (uint16_t)(i + 1);
	}
	vs->conn[VSOCK_MAX_CONNS - 1].next = VSOCK_NONE;
}

/* ---- names ---- */

static uint16_t *chain_of(struct vsock *vs, uint32_t host_port,
			  uint32_t guest_port)
{
	uint32_t h = host_port * 0x9e3779b1u + guest_port * 0x85ebca6bu;

	return &vs->key[h >> 22]; /* 10 bits */
}

_Static_assert(VSOCK_MAX_CONNS == 1u << 10, "the hash has 10 bits");

void vsock_conn_name(struct vsock_conn *c, uint32_t host_port,
		     uint32_t guest_port)
{
	uint16_t *at = chain_of(c->vs, host_port, guest_port);

	c->named = true;
	c->host_port = host_port;
	c->guest_port = guest_port;
	c->next_key = *at;
	*at = number(c);
}

static void unname(struct vsock_conn *c)
{
	struct vsock *vs = c->vs;
	uint16_t *at = chain_of(vs, c->host_port, c->guest_port);

	if (!c->named)
		return;
	c->named = false;
	while (*at != number(c))
		at = &vs->conn[*at].next_key;
	*at = c->next_key;
}

struct vsock_conn *vsock_conn_find(struct vsock *vs, uint32_t host_port,
				   uint32_t guest_port)
{
	uint16_t at = *chain_of(vs, host_port, guest_port);

	for (; at != VSOCK_NONE; at = vs->conn[at].next_key)
		if (vs->conn[at].host_port == host_port &&
		    vs->conn[at].guest_port == guest_port)
			return &vs->conn[at];
	return NULL;
}

/* ---- what is owed ---- */

void vsock_owe(struct vsock_conn *c, uint32_t what)
{
	struct vsock *vs = c->vs;

	c->owes |= what;
	if (!c->owes || c->listed)
		return;
	c->listed = true;
	c->next = VSOCK_NONE;
	c->prev = vs->last;
	if (vs->last == VSOCK_NONE)
		vs->first = number(c);
	else
		vs->conn[vs->last].next = number(c);
	vs->last = number(c);
}

static void unlist(struct vsock_conn *c)
{
	struct vsock *vs = c->vs;

	if (!c->listed)
		return;
	c->listed = false;
	if (c->prev == VSOCK_NONE)
		vs->first = c->next;
	else
		vs->conn[c->prev].next = c->next;
	if (c->next == VSOCK_NONE)
		vs->last = c->prev;
	else
		vs->conn[c->next].prev = c->prev;
}

struct vsock_conn *vsock_conn_next(struct vsock *vs)
{
	struct vsock_conn *c;

	if (vs->first == VSOCK_NONE)
		return NULL;
	c = &vs->conn[vs->first];
	unlist(c);
	return c;
}

/* ---- deadlines ---- */

void vsock_timer_by(struct vsock *vs, uint64_t ms)
{
	uint64_t now = clock_mono_ms();

	if (vs->timer_ms && vs->timer_ms <= ms)
		return;
	vs->timer_ms = ms;
	loop_arm(vs->timer, ms > now ? (ms - now) * NS_PER_MS : 1);
}

void vsock_conn_deadline(struct vsock_conn *c, uint32_t ms)
{
	c->deadline_ms = ms ? clock_mono_ms() + ms : 0;
	if (ms)
		vsock_timer_by(c->vs, c->deadline_ms);
}

/* ---- the socket's life ---- */

static void close_socket(struct vsock_conn *c)
{
	loop_remove(c->source);
	c->source = NULL;
	fd_hang_up(&c->fd);
	c->events = 0;
	c->held_len = 0;
	free(c->held);
	c->held = NULL;
}

/* Never waits for more than the loop reports; an error is an end. */
static uint32_t wanted(const struct vsock_conn *c)
{
	uint32_t events = 0;

	if (c->state == VSOCK_HELLO)
		return EPOLLIN;
	if (c->state == VSOCK_REQUESTED)
		return EPOLLERR; /* and a hang-up */
	if (c->held_len)
		events |= EPOLLOUT;
	if (c->state != VSOCK_OPEN)
		return events;
	if (c->host_shut == VSOCK_NO_SEND)
		return events | EPOLLERR;
	if (!(c->host_shut & VSOCK_NO_SEND) && !(c->owes & OWES_DATA) &&
	    !c->blocked && !(c->guest_shut & VSOCK_NO_RECEIVE))
		events |= EPOLLIN;
	return events;
}

void vsock_conn_poll(struct vsock_conn *c)
{
	uint32_t events = c->source ? wanted(c) : c->events;

	if (events == c->events)
		return;
	c->events = events;
	loop_set_events(c->source, events);
}

static void on_open(struct vsock_conn *c, uint32_t events);

static void on_socket(void *ctx, uint32_t events)
{
	struct vsock_conn *c = ctx;
	struct vsock *vs = c->vs;

	pthread_mutex_lock(&vs->lock);
	if (!vs->running) {
		c->events = 0;
		loop_set_events(c->source, 0);
	} else if (c->state == VSOCK_HELLO) {
		vsock_hello(c);
	} else if (c->state == VSOCK_REQUESTED) {
		vsock_conn_reset(c);
	} else {
		on_open(c, events);
	}
	if (vs->running) {
		vsock_pump(vs);
		vsock_conn_poll(c);
	}
	pthread_mutex_unlock(&vs->lock);
}

struct vsock_conn *vsock_conn_open(struct vsock *vs, enum vsock_state state,
				   int fd)
{
	struct vsock_conn *c;

	if (vs->free == VSOCK_NONE) {
		fd_close(&fd);
		return NULL;
	}
	c = &vs->conn[vs->free];
	vs->free = c->next;
	*c = (struct vsock_conn){ .vs = vs, .state = state, .fd = fd };
	vs->used++;
	c->held = malloc(VSOCK_HELD);
	if (c->held && loop_add(&c->source, vs->v.loop, fd, 0, on_socket, c) ==
			       0)
		return c;
	vsock_conn_free(c);
	return NULL;
}

void vsock_conn_free(struct vsock_conn *c)
{
	struct vsock *vs = c->vs;

	close_socket(c);
	unlist(c);
	unname(c);
	c->state = VSOCK_FREE;
	c->owes = 0;
	c->deadline_ms = 0;
	c->next = vs->free;
	vs->free = number(c);
	vs->used--;
}

void vsock_conn_reset(struct vsock_conn *c)
{
	if (!c->named) {
		vsock_conn_free(c);
		return;
	}
	close_socket(c);
	c->state = VSOCK_RESET;
	c->deadline_ms = 0;
	c->owes = 0;
	vsock_owe(c, OWES_RESET);
}

void vsock_conn_linger(struct vsock_conn *c)
{
	if (!c->held_len) {
		vsock_conn_free(c);
		return;
	}
	unlist(c);
	unname(c);
	c->state = VSOCK_LINGER;
	c->owes = 0;
	vsock_conn_deadline(c, LINGER_MS);
	vsock_conn_poll(c);
}

void vsock_conn_free_all(struct vsock *vs)
{
	for (unsigned int i = 0; i < VSOCK_MAX_CONNS && vs->used; i++)
		if (vs->conn[i].state != VSOCK_FREE)
			vsock_conn_free(&vs->conn[i]);
}

/* ---- credit ---- */

uint32_t vsock_conn_credit(const struct vsock_conn *c)
{
	uint32_t on_the_way = c->sent - c->guest_forwarded;

	return c->guest_alloc > on_the_way ? c->guest_alloc - on_the_way : 0;
}

/* Packets of several threads of the guest may overtake each other: an old
 * counter is no fault. One that is ahead of what was sent is. */
bool vsock_conn_credited(struct vsock_conn *c, uint32_t alloc,
			 uint32_t forwarded)
{
	uint32_t step = forwarded - c->guest_forwarded;

	if (step <= c->sent - c->guest_forwarded) {
		c->guest_forwarded = forwarded;
		c->guest_alloc = alloc;
	} else if (step < UINT32_C(1) << 31) {
		return false;
	}
	if (c->blocked && vsock_conn_credit(c)) {
		c->blocked = false;
		c->asked = false;
		if (!(c->host_shut & VSOCK_NO_SEND) &&
		    !(c->guest_shut & VSOCK_NO_RECEIVE))
			vsock_owe(c, OWES_DATA);
	}
	return true;
}

static void passed_on(struct vsock_conn *c, uint32_t n)
{
	c->forwarded += n;
	if (c->state == VSOCK_OPEN && c->forwarded - c->told >= VSOCK_HELD / 2)
		vsock_owe(c, OWES_CREDIT);
}

/* ---- guest to host ---- */

/* The other end's ends: it will not send, or not receive. */
static void host_ended(struct vsock_conn *c, uint32_t how)
{
	if ((c->host_shut | how) == c->host_shut)
		return;
	c->host_shut |= how;
	if (c->state != VSOCK_OPEN)
		return;
	vsock_owe(c, OWES_SHUTDOWN);
	if (c->host_shut == VSOCK_CLOSED)
		vsock_conn_deadline(c, SHUTDOWN_MS);
}

/* Nobody will read what is held. */
static void host_deaf(struct vsock_conn *c)
{
	passed_on(c, c->held_len);
	c->held_len = 0;
	host_ended(c, VSOCK_NO_RECEIVE);
}

static void hold(struct vsock_conn *c, const struct chain *chain, uint64_t off,
		 uint32_t len)
{
	uint32_t at = (c->head + c->held_len) % VSOCK_HELD;
	uint32_t first = (uint32_t)min_u64(len, VSOCK_HELD - at);

	/* chain_read() cannot fail: the length has been checked. */
	chain_read(chain, off, c->held + at, first);
	chain_read(chain, off + first, c->held, len - first);
	c->held_len += len;
}

/* Sends @iov: bytes taken, or -errno. */
static ssize_t send_iov(int fd, struct iovec *iov, int count)
{
	const struct msghdr msg = { .msg_iov = iov,
				    .msg_iovlen = (size_t)count };
	ssize_t n;

	do
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n;
}

bool vsock_conn_take(struct vsock_conn *c, const struct chain *chain,
		     uint32_t len)
{
	struct iovec iov[QUEUE_IOV_MAX];
	ssize_t n = 0;

	if (len > VSOCK_HELD - (c->received - c->forwarded))
		return false;
	c->received += len;
	if (c->host_shut & VSOCK_NO_RECEIVE) {
		passed_on(c, len);
		return true;
	}
	if (!c->held_len) {
		int count = chain_out(chain, HEADER, len, iov, QUEUE_IOV_MAX);

		n = count > 0 ? send_iov(c->fd, iov, count) : 0;
	}
	if (n < 0) {
		passed_on(c, len);
		host_deaf(c);
	} else {
		passed_on(c, (uint32_t)n);
		hold(c, chain, HEADER + (uint32_t)n, len - (uint32_t)n);
	}
	vsock_conn_poll(c);
	return true;
}

static void flush(struct vsock_conn *c)
{
	uint32_t first = (uint32_t)min_u64(c->held_len, VSOCK_HELD - c->head);
	struct iovec iov[2] = {
		{ c->held + c->head, first },
		{ c->held, c->held_len - first },
	};
	ssize_t n = c->held_len ? send_iov(c->fd, iov, 2) : 0;

	if (n < 0) {
		host_deaf(c);
		return;
	}
	c->head = (c->head + (uint32_t)n) % VSOCK_HELD;
	c->held_len -= (uint32_t)n;
	passed_on(c, (uint32_t)n);
}

void vsock_conn_settle(struct vsock_conn *c)
{
	if (c->guest_shut & VSOCK_NO_SEND && !c->held_len &&
	    !c->host_shut_wr) {
		c->host_shut_wr = true;
		shutdown(c->fd, SHUT_WR);
	}
	vsock_conn_poll(c);
}

/* ---- host to guest ---- */

/* Data is read later, into the guest's own buffer. */
static void on_open(struct vsock_conn *c, uint32_t events)
{
	if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && c->held_len)
		flush(c);
	if (c->state == VSOCK_LINGER) {
		if (!c->held_len)
			vsock_conn_free(c);
		return;
	}
	if (c->host_shut & VSOCK_NO_SEND) {
		if (events & (EPOLLHUP | EPOLLERR))
			host_ended(c, VSOCK_CLOSED);
	} else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !c->blocked &&
		   !(c->guest_shut & VSOCK_NO_RECEIVE)) {
		vsock_owe(c, OWES_DATA);
	}
	vsock_conn_settle(c);
}

static ssize_t read_iov(int fd, const struct iovec *iov, int count)
{
	ssize_t n;

	do
		n = readv(fd, iov, count);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

uint32_t vsock_conn_fill(struct vsock_conn *c, const struct chain *chain)
{
	struct iovec iov[QUEUE_IOV_MAX];
	uint64_t room = min_u64(vsock_conn_credit(c), PACKET_MAX);
	ssize_t n;
	int count;

	if (!room) {
		c->blocked = true;
		c->owes &= ~OWES_DATA;
		c->owes |= c->asked ? 0 : OWES_ASK;
		c->asked = true;
		return 0;
	}
	room = min_u64(room, chain->in_len - HEADER);
	count = chain_in(chain, HEADER, room, iov, QUEUE_IOV_MAX);
	n = read_iov(c->fd, iov, count);
	if (n < 0 || (uint64_t)n < room)
		c->owes &= ~OWES_DATA; /* polling tells of more */
	if (n > 0)
		c->sent += (uint32_t)n;
	else if (n != -EAGAIN)
		host_ended(c, n < 0 || unix_hung_up(c->fd) ? VSOCK_CLOSED
							    : VSOCK_NO_SEND);
	return n > 0 ? (uint32_t)n : 0;
}
