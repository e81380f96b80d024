// SPDX-License-Identifier: BSD-3-Clause
/*
 * See console_parts.h. Control messages. What the driver is owed is a set of
 * bits per port, so a driver that asks again and again, or takes nothing, costs
 * no memory.
 */
#include <string.h>

#include "devices/virtio/console_parts.h"

struct message {
	struct console_control head;
	uint8_t tail[CONSOLE_NAME_MAX];
	uint32_t len;
};

static void owe_first(struct console_port *p)
{
	p->owes |= OWES_OPEN;
	if (p->console)
		p->owes |= OWES_CONSOLE;
	if (p->name[0])
		p->owes |= OWES_NAME;
	if (!p->number && p->con->cols)
		p->owes |= OWES_RESIZE;
}

static void device_ready(struct console *con, bool ok)
{
	for (unsigned int i = 0; i < con->ports; i++) {
		con->port[i].owes = ok ? OWES_ADD : 0;
		con->port[i].ready = false;
		con->port[i].guest_open = false;
	}
}

static void port_ready(struct console_port *p, bool ok)
{
	p->ready = ok;
	p->owes &= OWES_ADD;
	if (ok)
		owe_first(p);
}

/* False: it means nothing. */
static bool message(struct console *con, const struct console_control *m)
{
	uint32_t id = le32_get(m->id);
	uint16_t value = le16_get(m->value);
	uint16_t event = le16_get(m->event);

	if (event == CONSOLE_DEVICE_READY) {
		device_ready(con, value == 1);
		return true;
	}
	if (id >= con->ports)
		return false;
	if (event == CONSOLE_PORT_READY) {
		port_ready(&con->port[id], value == 1);
		return true;
	}
	if (event != CONSOLE_PORT_OPEN || !con->port[id].ready)
		return false;
	con->port[id].guest_open = value == 1;
	console_input(&con->port[id]);
	return true;
}

static bool on_message(struct virtio *v, unsigned int n, struct chain *c)
{
	struct console *con = console_of(v);
	struct console_control m;

	if (c->in_len || !chain_read(c, 0, &m, sizeof(m)) || !message(con, &m))
		con->ignored++;
	queue_push(&v->queue[n].ring, c, 0);
	return true;
}

void console_ctrl_receive(struct console *con)
{
	virtio_service(&con->v, CONSOLE_CTRL_TX, VIRTIO_BUDGET, on_message);
}

/* ---- to the driver ---- */

static struct console_port *owing(struct console *con)
{
	for (unsigned int i = 0; i < con->ports; i++)
		if (con->port[i].owes)
			return &con->port[i];
	return NULL;
}

static uint8_t fill(const struct console_port *p, struct message *m)
{
	static const struct {
		uint8_t owes;
		uint8_t event;
	} order[] = {
		{ OWES_ADD, CONSOLE_DEVICE_ADD },
		{ OWES_CONSOLE, CONSOLE_CONSOLE_PORT },
		{ OWES_NAME, CONSOLE_PORT_NAME },
		{ OWES_OPEN, CONSOLE_PORT_OPEN },
		{ OWES_RESIZE, CONSOLE_RESIZE },
	};
	unsigned int i = 0;

	while (!(p->owes & order[i].owes))
		i++;
	m->head.id = le32_put(p->number);
	m->head.event = le16_put(order[i].event);
	m->head.value = le16_put(1);
	m->len = sizeof(m->head);
	if (order[i].owes == OWES_NAME) {
		memcpy(m->tail, p->name, strlen(p->name));
		m->len += (uint32_t)strlen(p->name);
	} else if (order[i].owes == OWES_RESIZE) {
		const le16 size[] = { le16_put(p->con->cols),
				      le16_put(p->con->rows) };

		memcpy(m->tail, size, sizeof(size));
		m->len += sizeof(size);
	}
	return order[i].owes;
}

static bool on_room(struct virtio *v, unsigned int n, struct chain *c)
{
	struct console *con = console_of(v);
	struct console_port *p = owing(con);
	struct message m;
	uint32_t len = 0;
	uint8_t owes;

	if (!p)
		return false;
	owes = fill(p, &m);
	if (!c->out_len && c->in_len >= m.len) {
		chain_write(c, 0, &m.head, sizeof(m.head));
		chain_write(c, sizeof(m.head), m.tail,
			    m.len - sizeof(m.head));
		p->owes &= (uint8_t)~owes;
		len = m.len;
	} else {
		con->ignored++;
	}
	queue_push(&v->queue[n].ring, c, len);
	return true;
}

void console_ctrl_send(struct console *con)
{
	if (!virtio_has(&con->v, CONSOLE_F_SIZE))
		con->port[0].owes &= (uint8_t)~OWES_RESIZE;
	if (virtio_has(&con->v, CONSOLE_F_MULTIPORT) && owing(con))
		virtio_service(&con->v, CONSOLE_CTRL_RX, VIRTIO_BUDGET,
			       on_room);
}
