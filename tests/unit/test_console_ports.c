// SPDX-License-Identifier: BSD-3-Clause
/* The virtio console with several ports: control messages, right and wrong,
 * ports that are independent, saved state. */
#include <stdlib.h>
#include <string.h>

#include "console_case.h"

#include "base/num.h"

static void bring_up(struct console_case *t)
{
	const uint8_t *tail;

	console_send(t, 0, CONSOLE_DEVICE_READY, 1);
	for (unsigned int i = 0; i < PORTS; i++)
		console_expect(t, i, CONSOLE_DEVICE_ADD, 0);
	for (unsigned int i = 0; i < PORTS; i++)
		console_send(t, i, CONSOLE_PORT_READY, 1);
	console_expect(t, 0, CONSOLE_CONSOLE_PORT, 0);
	tail = console_expect(t, 0, CONSOLE_PORT_OPEN, 0);
	assert_int_equal(le16_at(tail - 2), 1);
	tail = console_expect(t, 0, CONSOLE_RESIZE, 4);
	assert_int_equal(le16_at(tail), 80);
	assert_int_equal(le16_at(tail + 2), 25);
	tail = console_expect(t, 1, CONSOLE_PORT_NAME, 16);
	assert_memory_equal(tail, "org.example.data", 16);
	console_expect(t, 1, CONSOLE_PORT_OPEN, 0);
	console_expect(t, 2, CONSOLE_CONSOLE_PORT, 0);
	console_expect(t, 2, CONSOLE_PORT_OPEN, 0);
}

static void ports_are_announced_named_and_opened(void **state)
{
	struct console_case *t = *state;

	assert_int_equal(front_config(&t->front, 4, 4), PORTS);
	assert_int_equal(front_get(&t->front, VREG_NUM_QUEUES), QUEUES);
	bring_up(t);
	console_quiet(t);
}

static void ports_have_bytes_of_their_own(void **state)
{
	struct console_case *t = *state;

	bring_up(t);
	for (unsigned int i = 0; i < PORTS; i++) {
		unsigned int rx = i ? 2 * i + 2 : 0;
		char text[8] = "port 0\n";

		text[5] = (char)('0' + i);
		console_send(t, i, CONSOLE_PORT_OPEN, 1);
		memcpy(console_page(t, rx + 1), text, 7);
		console_post(t, rx + 1, 7, false);
		assert_int_equal(console_done(t, rx + 1), 0);
		assert_int_equal(t->chr[i].out_len, 7);
		assert_memory_equal(t->chr[i].out, text, 7);
		console_post(t, rx, 64, true);
		fake_char_input(&t->chr[i], text, 6);
		assert_int_equal(console_done(t, rx), 6);
		assert_memory_equal(console_page(t, rx), text, 6);
	}
}

static void input_of_a_closed_port_waits_until_it_is_opened(void **state)
{
	struct console_case *t = *state;

	bring_up(t);
	console_post(t, 4, 64, true);
	fake_char_input(&t->chr[1], "wait", 4);
	assert_int_equal(console_done(t, 4), -1);
	console_send(t, 1, CONSOLE_PORT_OPEN, 1);
	assert_int_equal(console_done(t, 4), 4);
	console_send(t, 1, CONSOLE_PORT_OPEN, 0);
	console_post(t, 4, 64, true);
	fake_char_input(&t->chr[1], "more", 4);
	assert_int_equal(console_done(t, 4), -1);
}

static void full_port_holds_up_no_other(void **state)
{
	struct console_case *t = *state;

	bring_up(t);
	t->chr[1].full = true;
	console_post(t, 5, 10, false);
	assert_int_equal(console_done(t, 5), -1);
	console_post(t, 7, 10, false);
	assert_int_equal(console_done(t, 7), 0);
	assert_int_equal(t->chr[2].out_len, 10);
}

static void resize_is_a_message_for_a_ready_port(void **state)
{
	struct console_case *t = *state;
	const uint8_t *tail;

	bring_up(t);
	console_resize(t->v, 100, 40);
	front_sync(&t->front);
	tail = console_expect(t, 0, CONSOLE_RESIZE, 4);
	assert_int_equal(le16_at(tail), 100);
	assert_int_equal(le16_at(tail + 2), 40);
	console_post(t, CONSOLE_CTRL_RX, 256, true);
	console_resize(t->v, 101, 41);
	front_sync(&t->front);
	assert_int_equal(console_done(t, CONSOLE_CTRL_RX), 12);
}

static void DC04_control_messages_that_mean_nothing_are_counted(void **state)
{
	static const struct {
		uint32_t id;
		uint16_t event;
	} bad[] = {
		{0, CONSOLE_DEVICE_ADD},
		{0, CONSOLE_PORT_NAME},
		{0, 8},
		{0, 0xffff},
		{PORTS, CONSOLE_PORT_READY},
		{UINT32_MAX, CONSOLE_PORT_OPEN},
		{1, CONSOLE_PORT_OPEN}, /* before it is ready */
	};
	struct console_case *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		console_send(t, bad[i].id, bad[i].event, 1);
	console_post(t, CONSOLE_CTRL_TX, 7, false);
	assert_int_equal(console_done(t, CONSOLE_CTRL_TX), 0);
	console_post(t, CONSOLE_CTRL_TX, 8, true);
	assert_int_equal(console_done(t, CONSOLE_CTRL_TX), 0);
	assert_int_equal(console_ignored(t->v), ARRAY_SIZE(bad) + 2);
	console_quiet(t);
	console_case_stop(t);
	console_case_start(t, CONSOLE_F_SIZE | CONSOLE_F_MULTIPORT);
	bring_up(t);
}

static void short_control_buffers_lose_no_message(void **state)
{
	struct console_case *t = *state;

	console_post(t, CONSOLE_CTRL_RX, 7, true);
	console_send(t, 0, CONSOLE_DEVICE_READY, 1);
	assert_int_equal(console_done(t, CONSOLE_CTRL_RX), 0);
	console_expect(t, 0, CONSOLE_DEVICE_ADD, 0);
}

static void driver_that_asks_for_ever_costs_nothing(void **state)
{
	struct console_case *t = *state;

	for (unsigned int i = 0; i < 2000; i++)
		console_send(t, i % PORTS,
			     i % 2 ? CONSOLE_PORT_READY : CONSOLE_DEVICE_READY,
			     1);
	for (unsigned int i = 0; i < PORTS; i++)
		console_send(t, i, CONSOLE_PORT_READY, 0);
	console_send(t, 0, CONSOLE_DEVICE_READY, 0);
	console_quiet(t);
}

static void without_multiport_only_port_0_exists(void **state)
{
	struct console_case *t = *state;

	console_case_stop(t);
	console_case_start(t, 0);
	memcpy(console_page(t, TX), "x", 1);
	console_post(t, TX, 1, false);
	assert_int_equal(t->chr[0].out_len, 1);
	console_post(t, RX, 1, true);
	fake_char_input(&t->chr[0], "y", 1);
	front_wait(&t->front); /* the output's */
	front_wait(&t->front);
	assert_int_equal(console_done(t, RX), 1);
}

static void saving_after_loading_gives_the_same_bytes(void **state)
{
	struct console_case *t = *state;
	size_t len, len2;
	uint8_t *blob;
	uint8_t *again;

	bring_up(t);
	t->chr[1].full = true;
	t->chr[1].room = 4;
	memcpy(console_page(t, 5), "0123456789", 10);
	console_send(t, 1, CONSOLE_PORT_OPEN, 1);
	console_post(t, 5, 10, false);
	console_send(t, 2, CONSOLE_PORT_READY, 1);
	blob = front_save(&t->front, &len);
	assert_int_equal(front_load(&t->front, blob, len), 0);
	again = front_save(&t->front, &len2);
	assert_int_equal(len, len2);
	assert_memory_equal(blob, again, len);
	/* It goes on where it was. */
	front_sync(&t->front);
	fake_char_room(&t->chr[1], 100);
	front_sync(&t->front);
	assert_int_equal(console_done(t, 5), 0);
	assert_memory_equal(t->chr[1].out, "0123456789", 10);
	console_expect(t, 2, CONSOLE_CONSOLE_PORT, 0);
	free(blob);
	free(again);
}

static void size_that_changed_since_the_saving_is_told(void **state)
{
	struct console_case *t = *state;
	const uint8_t *tail;
	uint8_t *blob;
	size_t len;

	bring_up(t);
	blob = front_save(&t->front, &len);
	console_resize(t->v, 100, 40);
	front_sync(&t->front);
	assert_int_equal(front_load(&t->front, blob, len), 0);
	front_sync(&t->front);
	tail = console_expect(t, 0, CONSOLE_RESIZE, 4);
	assert_int_equal(le16_at(tail), 100);
	assert_int_equal(le16_at(tail + 2), 40);
	free(blob);
}

#define TN(name)                                                 \
	cmocka_unit_test_setup_teardown(name, console_case_many, \
					console_case_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TN(ports_are_announced_named_and_opened),
		TN(ports_have_bytes_of_their_own),
		TN(input_of_a_closed_port_waits_until_it_is_opened),
		TN(full_port_holds_up_no_other),
		TN(resize_is_a_message_for_a_ready_port),
		TN(DC04_control_messages_that_mean_nothing_are_counted),
		TN(short_control_buffers_lose_no_message),
		TN(driver_that_asks_for_ever_costs_nothing),
		TN(without_multiport_only_port_0_exists),
		TN(saving_after_loading_gives_the_same_bytes),
		TN(size_that_changed_since_the_saving_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
