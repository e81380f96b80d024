// SPDX-License-Identifier: BSD-3-Clause
/*
 * See console.h and console_parts.h. Here: the device, and the bytes of its
 * ports. Nothing waits in here: the loop's thread serves other devices too.
 */
#include "devices/virtio/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "devices/virtio/console_parts.h"

#define PIECE          4096
#define OUTPUT_AT_ONCE 65536 /* of one port, before others get their turn */
#define EMERGENCY_RATE 65536 /* bytes per second */

/* A driver without control messages does not say when it has its terminal, and
 * Linux forgets what comes before that, be it input or the size. Both wait
 * until it has been quiet for a while (it prints its log first), ten seconds at
 * most; and the size is told more than once. */
#define QUIET_NS    UINT64_C(250000000)
#define QUIET_LOOKS 40
#define TELL_TIMES  3
#define TELL_NS     UINT64_C(2000000000)

/* ---- a port's bytes ---- */

static struct console_port *port_of(struct console *con, unsigned int queue)
{
	return &con->port[queue < 2 ? 0 : queue / 2 - 1];
}

/* Is there anybody for input? */
static bool listens(const struct console_port *p)
{
	return virtio_has(&p->con->v, CONSOLE_F_MULTIPORT) ? p->guest_open
							   : p->con->settled;
}

static bool on_input(struct virtio *v, unsigned int n, struct chain *c)
{
	struct console *con = console_of(v);
	struct console_port *p = port_of(con, n);
	uint32_t len = 0;

	if (!c->in_len || c->out_len) {
		con->ignored++;
		queue_push(&v->queue[n].ring, c, 0);
		return true;
	}
	for (unsigned int i = 0; i < c->in_count; i++) {
		size_t got = char_read(p->chr, c->iov[i].iov_base,
				       c->iov[i].iov_len);

		len += (uint32_t)got;
		if (got < c->iov[i].iov_len)
			break;
	}
	if (len)
		queue_push(&v->queue[n].ring, c, len);
	return len;
}

void console_input(struct console_port *p)
{
	if (listens(p))
		virtio_service(&p->con->v, console_rx_queue(p), VIRTIO_BUDGET,
			       on_input);
}

/* Passes on as much of the chain as the backend takes, from p->taken on; what
 * is left waits in the guest's queue. */
static bool on_output(struct virtio *v, unsigned int n, struct chain *c)
{
	struct console *con = console_of(v);
	struct console_port *p = port_of(con, n);
	uint64_t end = min_u64(c->out_len, p->taken + OUTPUT_AT_ONCE);
	uint8_t piece[PIECE];

	con->talked = true;
	if (c->in_len) {
		con->ignored++;
		end = p->taken = c->out_len;
	}
	while (p->taken < end) {
		size_t len = min_u64(end - p->taken, sizeof(piece));
		size_t got;

		chain_read(c, p->taken, piece, len);
		got = char_offer(p->chr, piece, len);
		p->taken += got;
		if (got < len)
			return false; /* writable() comes */
	}
	if (p->taken < c->out_len) {
		virtio_notify(v, n);
		return false;
	}
	p->taken = 0;
	queue_push(&v->queue[n].ring, c, 0);
	return true;
}

static void output(struct console_port *p)
{
	virtio_service(&p->con->v, console_rx_queue(p) + 1, VIRTIO_BUDGET,
		       on_output);
}

static void on_readable(void *ctx)
{
	struct console_port *p = ctx;

	pthread_mutex_lock(&p->con->lock);
	if (p->con->running)
		console_input(p);
	pthread_mutex_unlock(&p->con->lock);
}

static void on_writable(void *ctx)
{
	struct console_port *p = ctx;

	pthread_mutex_lock(&p->con->lock);
	if (p->con->running)
		output(p);
	pthread_mutex_unlock(&p->con->lock);
}

/* ---- the device ---- */

/* True: the size is to be told now. */
static bool settle(struct console *con)
{
	bool quiet = !con->talked;

	con->talked = false;
	if (!con->settled && !quiet && ++con->looks < QUIET_LOOKS) {
		loop_arm(con->timer, QUIET_NS);
		return false;
	}
	if (!con->settled) {
		con->settled = true;
		console_input(&con->port[0]);
	}
	if (!con->tell)
		return false;
	if (--con->tell)
		loop_arm(con->timer, TELL_NS);
	return true;
}

static void on_timer(void *ctx, uint32_t events)
{
	struct console *con = ctx;
	bool news = false;

	pthread_mutex_lock(&con->lock);
	if (con->running && virtio_has(&con->v, CONSOLE_F_MULTIPORT))
		console_ctrl_send(con);
	else if (con->running)
		news = settle(con);
	pthread_mutex_unlock(&con->lock);
	if (news)
		virtio_config_changed(&con->v);
}

static void serve(struct console *con, unsigned int n)
{
	bool multiport = virtio_has(&con->v, CONSOLE_F_MULTIPORT);

	if (n > 1 && !multiport)
		return;
	if (n == CONSOLE_CTRL_TX)
		console_ctrl_receive(con);
	else if (n != CONSOLE_CTRL_RX && n % 2)
		output(port_of(con, n));
	else if (n != CONSOLE_CTRL_RX)
		console_input(port_of(con, n));
	console_ctrl_send(con);
}

static void console_kick(struct virtio *v, unsigned int n)
{
	struct console *con = console_of(v);

	pthread_mutex_lock(&con->lock);
	if (con->running)
		serve(con, n);
	pthread_mutex_unlock(&con->lock);
}

static int console_start(struct virtio *v)
{
	struct console *con = console_of(v);

	pthread_mutex_lock(&con->lock);
	con->running = true;
	con->looks = 0;
	con->talked = false;
	con->tell = con->cols && virtio_has(v, CONSOLE_F_SIZE) ? TELL_TIMES : 0;
	loop_arm(con->timer, con->settled ? 1 : QUIET_NS);
	pthread_mutex_unlock(&con->lock);
	return 0;
}

static void console_stop(struct virtio *v)
{
	struct console *con = console_of(v);

	pthread_mutex_lock(&con->lock);
	con->running = false;
	pthread_mutex_unlock(&con->lock);
}

static void console_stop_queue(struct virtio *v, unsigned int n)
{
	struct console *con = console_of(v);

	pthread_mutex_lock(&con->lock);
	if (n % 2 && n != CONSOLE_CTRL_TX)
		port_of(con, n)->taken = 0;
	pthread_mutex_unlock(&con->lock);
}

static void console_reset(struct virtio *v)
{
	struct console *con = console_of(v);

	pthread_mutex_lock(&con->lock);
	con->settled = false;
	for (unsigned int i = 0; i < con->ports; i++) {
		struct console_port *p = &con->port[i];

		p->owes = 0;
		p->ready = false;
		p->guest_open = false;
		p->taken = 0;
	}
	pthread_mutex_unlock(&con->lock);
}

void console_resize(struct virtio *v, uint16_t cols, uint16_t rows)
{
	struct console *con = console_of(v);
	bool changed;

	pthread_mutex_lock(&con->lock);
	changed = cols != con->cols || rows != con->rows;
	pthread_mutex_unlock(&con->lock);
	if (!changed)
		return;
	virtio_config_begin(v);
	pthread_mutex_lock(&con->lock);
	con->cols = cols;
	con->rows = rows;
	if (con->port[0].ready && con->port[0].console)
		con->port[0].owes |= OWES_RESIZE;
	if (con->running && virtio_has(v, CONSOLE_F_SIZE)) {
		con->tell = TELL_TIMES;
		/* else the look that comes tells it */
		if (con->settled || virtio_has(v, CONSOLE_F_MULTIPORT))
			loop_arm(con->timer, 1);
	}
	pthread_mutex_unlock(&con->lock);
	virtio_config_end(v, false);
}

uint64_t console_ignored(struct virtio *v)
{
	struct console *con = console_of(v);
	uint64_t n;

	pthread_mutex_lock(&con->lock);
	n = con->ignored;
	pthread_mutex_unlock(&con->lock);
	return n;
}

/* ---- configuration (5.3.4) ---- */

static uint64_t console_config_read(struct virtio *v, uint32_t off,
				    unsigned int len)
{
	struct console *con = console_of(v);
	uint8_t now[CONSOLE_CONFIG_SIZE] = { 0 };
	const le32 ports = le32_put(con->ports);
	uint64_t value = 0;
	le16 cols, rows;

	pthread_mutex_lock(&con->lock);
	cols = le16_put(con->cols);
	rows = le16_put(con->rows);
	pthread_mutex_unlock(&con->lock);
	memcpy(now, &cols, sizeof(cols));
	memcpy(now + 2, &rows, sizeof(rows));
	memcpy(now + 4, &ports, sizeof(ports));
	while (len--)
		value = value << 8 | now[off + len];
	return value;
}

/* An emergency write works at any time, also before the driver has begun. It
 * does not wait for a reader: the vCPU holds the transport's lock. */
static void console_config_write(struct virtio *v, uint32_t off,
				 unsigned int len, uint64_t value)
{
	struct console *con = console_of(v);
	const uint8_t byte = (uint8_t)value;

	if (off != CONSOLE_EMERG_WR || !con->port[0].console)
		return;
	pthread_mutex_lock(&con->lock);
	if (rate_take(&con->emergency, 1, clock_mono_ns()) ||
	    !char_offer(con->port[0].chr, &byte, 1))
		con->ignored++;
	pthread_mutex_unlock(&con->lock);
}

/* ---- life ---- */

static void snap_port(struct console_port *p, struct snap *s)
{
	char name[16];

	snprintf(name, sizeof(name), "port%u", p->number);
	snap_begin(s, name, 1);
	snap_u8(s, "owes", &p->owes);
	snap_bool(s, "ready", &p->ready);
	snap_bool(s, "guest-open", &p->guest_open);
	snap_u64(s, "taken", &p->taken);
	if (p->owes & ~OWES_ALL)
		snap_reject(s, "owes", "unknown messages");
	snap_end(s);
}

/* The size is the host's; what is saved is what the driver has been told. */
static void snap_size(struct console *con, struct snap *s)
{
	struct console_port *p = &con->port[0];
	uint16_t cols = con->cols;
	uint16_t rows = con->rows;

	snap_u16(s, "cols", &cols);
	snap_u16(s, "rows", &rows);
	if (snap_loading(s) && (cols != con->cols || rows != con->rows) &&
	    p->ready && p->console)
		p->owes |= OWES_RESIZE;
}

static int console_snapshot(struct virtio *v, struct snap *s)
{
	struct console *con = console_of(v);
	uint32_t ports = con->ports;

	snap_u32(s, "ports", &ports);
	if (ports != con->ports)
		snap_reject(s, "ports", "differs from this device's");
	pthread_mutex_lock(&con->lock);
	snap_bool(s, "settled", &con->settled);
	for (unsigned int i = 0; i < con->ports && !snap_error(s); i++)
		snap_port(&con->port[i], s);
	if (!snap_error(s))
		snap_size(con, s);
	pthread_mutex_unlock(&con->lock);
	return snap_error(s);
}

static void console_destroy(struct virtio *v)
{
	struct console *con = console_of(v);

	for (unsigned int i = 0; i < con->ports; i++)
		if (con->port[i].chr)
			char_listen(con->port[i].chr,
				    (struct char_listener){ NULL });
	loop_remove(con->timer);
	virtio_finish(v);
	pthread_mutex_destroy(&con->lock);
	free(con);
}

static const struct virtio_ops console_ops = {
	.name = "console",
	.type = VIRTIO_CONSOLE,
	.queue_size = CONSOLE_QUEUE_SIZE,
	.config_read = console_config_read,
	.config_write = console_config_write,
	.start = console_start,
	.stop = console_stop,
	.reset = console_reset,
	.kick = console_kick,
	.stop_queue = console_stop_queue,
	.snapshot = console_snapshot,
	.destroy = console_destroy,
};

static int check(const struct console_config *cfg, struct err *err)
{
	if (!cfg->ports || cfg->ports > CONSOLE_MAX_PORTS)
		return err_set_key(err, -EINVAL, "console",
				   "%u console ports: give 1 to %d",
				   cfg->ports, CONSOLE_MAX_PORTS);
	for (unsigned int i = 0; i < cfg->ports; i++) {
		const char *name = cfg->port[i].name;

		if (name && (!*name || strlen(name) > CONSOLE_NAME_MAX))
			return err_set_key(err, -EINVAL, "console",
					   "port name '%s': give 1 to %d characters",
					   name, CONSOLE_NAME_MAX);
	}
	return 0;
}

static void init_ports(struct console *con, const struct console_config *cfg)
{
	con->ports = cfg->ports;
	for (unsigned int i = 0; i < cfg->ports; i++) {
		struct console_port *p = &con->port[i];
		const char *name = cfg->port[i].name;

		p->con = con;
		p->number = i;
		p->chr = cfg->port[i].chr;
		p->console = cfg->port[i].console;
		if (name)
			memcpy(p->name, name, strlen(name));
	}
}

int console_create(struct virtio **out, const struct console_config *cfg,
		   const struct virtio_host *host, struct err *err)
{
	const struct rate_config rate = { .bytes_per_s = EMERGENCY_RATE };
	uint64_t features = 0;
	struct console *con;
	bool multiport;
	int r = check(cfg, err);

	*out = NULL;
	if (r < 0)
		return r;
	/* A name is a control message. */
	multiport = cfg->ports > 1 || cfg->port[0].name;
	con = calloc(1, sizeof(*con));
	if (!con)
		return err_set(err, -ENOMEM, "%s: out of memory", host->id);
	features |= multiport ? CONSOLE_F_MULTIPORT : 0;
	features |= cfg->port[0].console
			    ? CONSOLE_F_SIZE | CONSOLE_F_EMERG_WRITE
			    : 0;
	pthread_mutex_init(&con->lock, NULL);
	con->cols = cfg->cols;
	con->rows = cfg->rows;
	rate_init(&con->emergency, &rate);
	virtio_init(&con->v, &console_ops, host,
		    multiport ? 2 * cfg->ports + 2 : 2, CONSOLE_CONFIG_SIZE,
		    features);
	r = loop_add_timer(&con->timer, host->loop, on_timer, con);
	if (r < 0) {
		console_destroy(&con->v);
		return err_set(err, r, "%s: %s", host->id, strerror(-r));
	}
	init_ports(con, cfg);
	for (unsigned int i = 0; i < con->ports; i++)
		char_listen(con->port[i].chr,
			    (struct char_listener){ on_readable, &con->port[i],
						    on_writable });
	*out = &con->v;
	return 0;
}
