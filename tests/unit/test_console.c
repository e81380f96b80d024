// SPDX-License-Identifier: BSD-3-Clause
/* The virtio console with one port: output under back-pressure, input, the
 * configuration, emergency output. */
#include <stdlib.h>
#include <string.h>

#include "console_case.h"

#include "base/clock.h"
#include "base/num.h"

static void configuration_tells_the_size(void **state)
{
	struct console_case *t = *state;

	assert_int_equal(front_config(&t->front, 0, 2), 80);
	assert_int_equal(front_config(&t->front, 2, 2), 25);
	assert_int_equal(front_config(&t->front, 0, 4), 80 | 25 << 16);
	assert_int_equal(front_config(&t->front, 4, 4), 1);
	assert_int_equal(front_config(&t->front, 12, 1), 0);
	assert_int_equal(front_get(&t->front, VREG_NUM_QUEUES), 2);
}

static void expect_config_irqs(struct console_case *t, unsigned int n)
{
	while (atomic_load(&t->front.config_irqs) < n)
		front_wait(&t->front);
}

static void resize_changes_the_configuration(void **state)
{
	struct console_case *t = *state;
	unsigned int before = atomic_load(&t->front.config_irqs);
	uint32_t generation = front_get(&t->front, VREG_CONFIG_GENERATION);

	console_resize(t->v, 132, 50);
	assert_int_equal(front_config(&t->front, 0, 4), 132 | 50 << 16);
	expect_config_irqs(t, before + 1);
	assert_true(front_get(&t->front, VREG_CONFIG_GENERATION) != generation);
}

/* Somebody drags the corner of a terminal all the time. */
struct dragger {
	struct virtio *v;
	atomic_bool stop;
};

static void *drag(void *ctx)
{
	struct dragger *d = ctx;

	for (unsigned int i = 0; !atomic_load(&d->stop); i++)
		console_resize(d->v, i & 1 ? 80 : 132, i & 1 ? 25 : 50);
	return NULL;
}

static void T22_size_read_between_equal_generations_is_one(void **state)
{
	struct console_case *t = *state;
	struct dragger d = { .v = t->v };
	uint64_t end = clock_mono_ms() + 1000;
	unsigned int whole = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, drag, &d), 0);
	while (clock_mono_ms() < end) {
		uint32_t before = front_get(&t->front, VREG_CONFIG_GENERATION);
		uint64_t cols = front_config(&t->front, 0, 2);
		uint64_t rows = front_config(&t->front, 2, 2);

		if (front_get(&t->front, VREG_CONFIG_GENERATION) != before)
			continue;
		whole++;
		assert_int_equal(rows, cols == 80 ? 25 : 50);
	}
	atomic_store(&d.stop, true);
	pthread_join(thread, NULL);
	assert_true(whole > 0);
}

static void size_is_told_again_to_a_driver_that_missed_it(void **state)
{
	struct console_case *t = *state;

	expect_config_irqs(t, 3); /* since DRIVER_OK, without a resize */
}

/* Linux drops it before it has made hvc0, and says nothing of that. */
static void early_input_waits_for_a_driver_that_is_quiet(void **state)
{
	struct console_case *t = *state;
	uint64_t begin = clock_mono_ms();
	uint64_t spoke;

	console_case_start(t, 0);
	fake_char_input(&t->chr[0], "early", 5);
	console_post(t, RX, 64, true);
	console_post(t, TX, 1, false);
	spoke = clock_mono_ms();
	while (console_done(t, RX) < 0)
		front_wait(&t->front);
	assert_memory_equal(console_page(t, RX), "early", 5);
	if (spoke - begin < 200) /* in time */
		assert_true(clock_mono_ms() - begin >= 490);
}

static void named_port_alone_is_a_byte_stream(void **state)
{
	struct console_case *t = *state;
	struct virtio_host host = {"console1", &t->ram.mem, t->loop, &t->log};
	struct console_port_config port = {&t->chr[1], "x", false};
	const struct console_config cfg = {1, &port, 80, 25};
	struct virtio *v;

	assert_int_equal(console_create(&v, &cfg, &host, NULL), 0);
	assert_int_equal(v->queues, 4);
	assert_true(v->offered & CONSOLE_F_MULTIPORT);
	assert_false(v->offered & (CONSOLE_F_SIZE | CONSOLE_F_EMERG_WRITE));
	virtio_config_write(v, CONSOLE_EMERG_WR, 4, 'A');
	assert_int_equal(t->chr[1].out_len, 0);
	console_resize(v, 10, 10);
	virtio_destroy(v);
}

static void output_goes_to_the_backend(void **state)
{
	struct console_case *t = *state;

	memcpy(console_page(t, TX), "hello\n", 6);
	console_post(t, TX, 6, false);
	assert_int_equal(console_done(t, TX), 0);
	assert_int_equal(t->chr[0].out_len, 6);
	assert_memory_equal(t->chr[0].out, "hello\n", 6);
}

static void DC03_all_buffers_of_a_chain_are_printed(void **state)
{
	struct console_case *t = *state;
	struct driver_buf bufs[5];

	memcpy(console_page(t, TX), "abcde", 5);
	for (unsigned int i = 0; i < 5; i++)
		bufs[i] = (struct driver_buf){t->page[TX] + i, 1, false};
	assert_true(driver_post(&t->ring[TX], bufs, 5) >= 0);
	front_kick(&t->front, TX);
	front_sync(&t->front);
	assert_int_equal(console_done(t, TX), 0);
	assert_memory_equal(t->chr[0].out, "abcde", 5);
}

static void DC01_output_without_room_waits_in_the_queue(void **state)
{
	struct console_case *t = *state;

	t->chr[0].full = true;
	t->chr[0].room = 4;
	memcpy(console_page(t, TX), "0123456789", 10);
	console_post(t, TX, 10, false);
	assert_int_equal(console_done(t, TX), -1);
	assert_int_equal(t->chr[0].out_len, 4);
	console_post(t, TX, 10, false);
	front_kick(&t->front, TX);
	front_sync(&t->front);
	assert_int_equal(t->chr[0].out_len, 4);
	fake_char_room(&t->chr[0], 3);
	assert_int_equal(console_done(t, TX), -1);
	fake_char_room(&t->chr[0], 100);
	front_sync(&t->front);
	assert_int_equal(console_done(t, TX), 0);
	assert_int_equal(console_done(t, TX), 0);
	assert_int_equal(t->chr[0].out_len, 20);
	assert_memory_equal(t->chr[0].out, "01234567890123456789", 20);
}

static void T18_reset_forgets_half_of_an_output(void **state)
{
	struct console_case *t = *state;

	t->chr[0].full = true;
	t->chr[0].room = 4;
	memcpy(console_page(t, TX), "0123456789", 10);
	console_post(t, TX, 10, false);
	front_set(&t->front, VREG_STATUS, 0);
	console_case_stop(t);
	console_case_start(t, 0);
	t->chr[0].full = false;
	memcpy(console_page(t, TX), "again", 5);
	console_post(t, TX, 5, false);
	assert_int_equal(console_done(t, TX), 0);
	assert_memory_equal(t->chr[0].out, "0123again", 9);
}

static void DC02_buffers_of_the_wrong_direction_are_dropped(void **state)
{
	struct console_case *t = *state;

	console_post(t, TX, 10, true);
	assert_int_equal(console_done(t, TX), 0);
	assert_int_equal(t->chr[0].out_len, 0);
	fake_char_input(&t->chr[0], "in", 2);
	console_post(t, RX, 10, false);
	assert_int_equal(console_done(t, RX), 0);
	assert_int_equal(console_ignored(t->v), 2);
	console_post(t, RX, 10, true);
	assert_int_equal(console_done(t, RX), 2);
}

static void input_comes_before_or_after_its_buffer(void **state)
{
	struct console_case *t = *state;

	fake_char_input(&t->chr[0], "early", 5);
	console_post(t, RX, 3, true);
	assert_int_equal(console_done(t, RX), 3);
	assert_memory_equal(console_page(t, RX), "ear", 3);
	console_post(t, RX, 64, true);
	assert_int_equal(console_done(t, RX), 2);
	console_post(t, RX, 64, true);
	assert_int_equal(console_done(t, RX), -1);
	fake_char_input(&t->chr[0], "late", 4);
	assert_int_equal(console_done(t, RX), 4);
	assert_memory_equal(console_page(t, RX), "late", 4);
}

static void DC06_input_without_a_buffer_stays_outside(void **state)
{
	struct console_case *t = *state;

	fake_char_input(&t->chr[0], "0123456789", 10);
	front_sync(&t->front);
	assert_int_equal(t->chr[0].in_at, 0);
	console_post(t, RX, 4, true);
	assert_int_equal(t->chr[0].in_at, 4);
}

static void DC08_bytes_pass_as_they_are(void **state)
{
	struct console_case *t = *state;
	uint8_t all[256];

	for (unsigned int i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	memcpy(console_page(t, TX), all, sizeof(all));
	console_post(t, TX, sizeof(all), false);
	assert_int_equal(t->chr[0].out_len, sizeof(all));
	assert_memory_equal(t->chr[0].out, all, sizeof(all));
}

static void long_chain_gives_others_their_turn_and_arrives_whole(void **state)
{
	struct console_case *t = *state;
	struct driver_buf bufs[30];

	for (unsigned int i = 0; i < 30; i++)
		bufs[i] = (struct driver_buf){t->page[TX], 4096, false};
	assert_true(driver_post(&t->ring[TX], bufs, 30) >= 0);
	front_kick(&t->front, TX);
	for (unsigned int i = 0; i < 4; i++)
		front_sync(&t->front);
	assert_int_equal(console_done(t, TX), 0);
}

static void DC05_emergency_write_works_before_the_driver(void **state)
{
	struct console_case *t = *state;

	front_config_set(&t->front, CONSOLE_EMERG_WR, 4, 'A');
	front_config_set(&t->front, CONSOLE_EMERG_WR, 1, 'B');
	front_config_set(&t->front, CONSOLE_EMERG_WR, 4, 0xffffff43);
	front_config_set(&t->front, 0, 4, 'x');
	front_config_set(&t->front, CONSOLE_EMERG_WR + 1, 1, 'x');
	assert_int_equal(t->chr[0].out_len, 3);
	assert_memory_equal(t->chr[0].out, "ABC", 3);
}

static void DC05_emergency_writes_have_a_rate(void **state)
{
	struct console_case *t = *state;

	for (unsigned int i = 0; i < 30000; i++)
		front_config_set(&t->front, CONSOLE_EMERG_WR, 4, '!');
	assert_true(console_ignored(t->v) > 0);
	assert_true(t->chr[0].out_len >= 1000);
}

static void set_paused(struct console_case *t, bool on)
{
	pthread_mutex_lock(&t->front.lock);
	if (on)
		virtio_pause(t->v);
	else
		virtio_resume(t->v);
	pthread_mutex_unlock(&t->front.lock);
}

static void reset_output(struct console_case *t, bool paused)
{
	console_case_stop(t);
	console_case_start(t, VIRTIO_F_RING_RESET);
	t->chr[0].full = true;
	t->chr[0].room = 1;
	memcpy(console_page(t, TX), "abc", 3);
	console_post(t, TX, 3, false);
	set_paused(t, paused);
	front_set(&t->front, VREG_QUEUE_SEL, TX);
	front_set(&t->front, VREG_QUEUE_RESET, 1);
	driver_ring_reset(&t->ring[TX]);
	assert_true(front_queue(&t->front, TX, &t->ring[TX].params));
	set_paused(t, false);
	fake_char_room(&t->chr[0], 100);
	console_post(t, TX, 3, false);
	assert_int_equal(console_done(t, TX), 0);
	assert_memory_equal(t->chr[0].out, "aabc", 4);
}

static void T21_each_queue_can_be_reset_alone(void **state)
{
	reset_output(*state, false);
}

static void T21_each_queue_can_be_reset_in_a_pause(void **state)
{
	reset_output(*state, true);
}

static void bad_configurations_are_refused_with_a_sentence(void **state)
{
	struct console_case *t = *state;
	struct virtio_host host = {"console1", &t->ram.mem, t->loop, &t->log};
	char name[CONSOLE_NAME_MAX + 2];
	struct console_port_config port[2] = {{&t->chr[0], NULL, false},
					      {&t->chr[0], name, false}};
	const struct console_config bad[] = {
		{0, port, 0, 0},
		{CONSOLE_MAX_PORTS + 1, port, 0, 0},
		{2, port, 0, 0},
	};

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {0};
		struct virtio *v = t->v;

		assert_true(console_create(&v, &bad[i], &host, &err) < 0);
		assert_null(v);
		assert_true(strlen(err.text) > 10);
		assert_string_equal(err.key, "console");
	}
}

static void as_many_ports_as_there_are_queues(void **state)
{
	struct console_case *t = *state;
	struct virtio_host host = {"console1", &t->ram.mem, t->loop, &t->log};
	struct console_port_config port[CONSOLE_MAX_PORTS];
	const struct console_config cfg = {CONSOLE_MAX_PORTS, port, 0, 0};
	struct virtio *v;

	for (unsigned int i = 0; i < CONSOLE_MAX_PORTS; i++)
		port[i] = (struct console_port_config){&t->chr[i], "x", false};
	assert_int_equal(console_create(&v, &cfg, &host, NULL), 0);
	assert_int_equal(v->queues, VIRTIO_MAX_QUEUES);
	virtio_destroy(v);
	t->chr[0].listener = (struct char_listener){NULL};
}

#define T1(name)                                                \
	cmocka_unit_test_setup_teardown(name, console_case_one, \
					console_case_end)
#define TB(name)                                                 \
	cmocka_unit_test_setup_teardown(name, console_case_bare, \
					console_case_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T1(configuration_tells_the_size),
		T1(resize_changes_the_configuration),
		T1(T22_size_read_between_equal_generations_is_one),
		T1(size_is_told_again_to_a_driver_that_missed_it),
		TB(early_input_waits_for_a_driver_that_is_quiet),
		TB(named_port_alone_is_a_byte_stream),
		T1(output_goes_to_the_backend),
		T1(DC03_all_buffers_of_a_chain_are_printed),
		T1(DC01_output_without_room_waits_in_the_queue),
		T1(T18_reset_forgets_half_of_an_output),
		T1(DC02_buffers_of_the_wrong_direction_are_dropped),
		T1(input_comes_before_or_after_its_buffer),
		T1(DC06_input_without_a_buffer_stays_outside),
		T1(DC08_bytes_pass_as_they_are),
		T1(long_chain_gives_others_their_turn_and_arrives_whole),
		TB(DC05_emergency_write_works_before_the_driver),
		TB(DC05_emergency_writes_have_a_rate),
		T1(T21_each_queue_can_be_reset_alone),
		T1(T21_each_queue_can_be_reset_in_a_pause),
		TB(bad_configurations_are_refused_with_a_sentence),
		TB(as_many_ports_as_there_are_queues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
