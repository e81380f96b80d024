// SPDX-License-Identifier: BSD-3-Clause
/* See console_case.h. */
#include "console_case.h"

#include <stdlib.h>
#include <string.h>

#define SIZE 32

void console_case_start(struct console_case *t, uint64_t features)
{
	struct queue_features f;

	assert_true(front_negotiate(&t->front, features));
	f = front_ring_features(&t->front);
	driver_ram_clear(&t->ram);
	t->queues = features & CONSOLE_F_MULTIPORT ? QUEUES : 2;
	for (unsigned int i = 0; i < t->queues; i++) {
		driver_ring_init(&t->ring[i], &t->ram, SIZE, &f);
		assert_true(front_queue(&t->front, i, &t->ring[i].params));
		t->page[i] = driver_ram_alloc(&t->ram, 4096, 4096);
	}
	front_driver_ok(&t->front);
	/* Then it tells the size, and gives input. */
	while (features == CONSOLE_F_SIZE &&
	       !atomic_load(&t->front.config_irqs))
		front_wait(&t->front);
}

void console_case_stop(struct console_case *t)
{
	for (unsigned int i = 0; i < t->queues; i++)
		driver_ring_finish(&t->ring[i]);
	t->queues = 0;
}

static int make(void **state, unsigned int ports)
{
	static const char *const names[] = {NULL, "org.example.data", NULL};
	struct console_port_config port[PORTS] = {{NULL}};
	struct console_case *t = calloc(1, sizeof(*t));
	struct console_config cfg = {ports, port, 80, 25};
	struct virtio_host host;

	*state = t;
	driver_ram_init(&t->ram);
	if (loop_create(&t->loop, NULL) < 0)
		return -1;
	for (unsigned int i = 0; i < ports; i++) {
		port[i].chr = &t->chr[i];
		port[i].name = names[i];
		port[i].console = i != 1;
	}
	host = (struct virtio_host){"console0", &t->ram.mem, t->loop, &t->log};
	if (console_create(&t->v, &cfg, &host, NULL) < 0)
		return -1;
	front_init(&t->front, t->v, false);
	return 0;
}

int console_case_one(void **state)
{
	int r = make(state, 1);

	if (r == 0)
		console_case_start(*state, CONSOLE_F_SIZE);
	return r;
}

int console_case_many(void **state)
{
	int r = make(state, PORTS);

	if (r == 0)
		console_case_start(*state,
				   CONSOLE_F_SIZE | CONSOLE_F_MULTIPORT);
	return r;
}

int console_case_bare(void **state)
{
	return make(state, 1);
}

int console_case_end(void **state)
{
	struct console_case *t = *state;

	front_finish(&t->front);
	loop_destroy(t->loop);
	console_case_stop(t);
	driver_ram_finish(&t->ram);
	free(t);
	return 0;
}

void *console_page(struct console_case *t, unsigned int n)
{
	return driver_ram_at(&t->ram, t->page[n], 4096);
}

int console_post(struct console_case *t, unsigned int n, uint32_t len,
		 bool writable)
{
	const struct driver_buf buf = {t->page[n], len, writable};
	int head = driver_post(&t->ring[n], &buf, 1);

	assert_true(head >= 0);
	if (driver_wants_kick(&t->ring[n]))
		front_kick(&t->front, n);
	front_sync(&t->front);
	return head;
}

int64_t console_done(struct console_case *t, unsigned int n)
{
	struct driver_done d;

	return driver_collect(&t->ring[n], &d) ? (int64_t)d.len : -1;
}

void console_send(struct console_case *t, uint32_t id, uint16_t event,
		  uint16_t value)
{
	const struct console_control m = {le32_put(id), le16_put(event),
					  le16_put(value)};

	memcpy(console_page(t, CONSOLE_CTRL_TX), &m, sizeof(m));
	console_post(t, CONSOLE_CTRL_TX, sizeof(m), false);
	assert_int_equal(console_done(t, CONSOLE_CTRL_TX), 0);
}

const uint8_t *console_expect(struct console_case *t, uint32_t id,
			      uint16_t event, uint32_t tail)
{
	const uint8_t *m = console_page(t, CONSOLE_CTRL_RX);

	console_post(t, CONSOLE_CTRL_RX, 256, true);
	assert_int_equal(console_done(t, CONSOLE_CTRL_RX), 8 + tail);
	assert_int_equal(le32_at(m), id);
	assert_int_equal(le16_at(m + 4), event);
	return m + 8;
}

void console_quiet(struct console_case *t)
{
	console_post(t, CONSOLE_CTRL_RX, 256, true);
	assert_int_equal(console_done(t, CONSOLE_CTRL_RX), -1);
}
