// SPDX-License-Identifier: BSD-3-Clause
/* The network device's features, configuration space and control queue. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

#include "nic_case.h"

#define CTRL_ALL                                                      \
	(NIC_F_CTRL_VQ | NIC_F_CTRL_RX | NIC_F_CTRL_RX_EXTRA |        \
	 NIC_F_CTRL_MAC_ADDR | NIC_F_MQ | NIC_F_MRG_RXBUF)
#define OK  0
#define ERR 1

static void kick(struct nic_case *c, unsigned int n)
{
	front_kick(&c->front, n);
	nic_sync(c);
}

static struct nic_counts counts(struct nic_case *c)
{
	struct nic_counts n;

	nic_counts(c->v, &n);
	return n;
}

/* ---- features ---- */

static uint64_t offered(struct nic_case *c)
{
	uint64_t low, high;

	front_set(&c->front, VREG_DEVICE_FEATURES_SEL, 0);
	low = front_get(&c->front, VREG_DEVICE_FEATURES);
	front_set(&c->front, VREG_DEVICE_FEATURES_SEL, 1);
	high = front_get(&c->front, VREG_DEVICE_FEATURES);
	return high << 32 | low;
}

static void the_backend_decides_about_offloads(void **state)
{
	const uint64_t vnet = NIC_F_CSUM | NIC_F_GUEST_CSUM | NIC_F_HOST_TSO4 |
			      NIC_F_HOST_TSO6 | NIC_F_HOST_ECN |
			      NIC_F_HOST_UFO | NIC_F_HOST_USO |
			      NIC_F_GUEST_TSO4 | NIC_F_GUEST_TSO6 |
			      NIC_F_GUEST_ECN | NIC_F_GUEST_UFO |
			      NIC_F_GUEST_USO4 | NIC_F_GUEST_USO6;
	struct nic_case *c = *state;

	assert_true((offered(c) & vnet) == vnet);
	assert_true((offered(c) & CTRL_ALL) == CTRL_ALL);
	assert_true(offered(c) & NIC_F_MTU);
	c->cfg.mtu = 0;
	nic_case_again(c, false);
	assert_true((offered(c) & vnet) == 0);
	assert_false(offered(c) & NIC_F_MTU);
	assert_true(offered(c) & NIC_F_MRG_RXBUF);
}

static void T08_features_without_what_they_need_are_refused(void **state)
{
	static const uint64_t bad[] = {
		NIC_F_HOST_TSO4, NIC_F_HOST_TSO6, NIC_F_HOST_UFO,
		NIC_F_HOST_USO, NIC_F_CSUM | NIC_F_HOST_ECN,
		NIC_F_GUEST_TSO4, NIC_F_GUEST_TSO6, NIC_F_GUEST_UFO,
		NIC_F_GUEST_USO4, NIC_F_GUEST_USO6,
		NIC_F_GUEST_CSUM | NIC_F_GUEST_ECN,
		NIC_F_CTRL_RX, NIC_F_CTRL_RX_EXTRA, NIC_F_MQ,
		NIC_F_CTRL_MAC_ADDR,
	};
	struct nic_case *c = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(front_negotiate(&c->front, bad[i]));
	assert_true(front_negotiate(&c->front, NIC_F_CSUM | NIC_F_HOST_TSO6 |
				    NIC_F_HOST_ECN));
	assert_true(front_negotiate(&c->front, CTRL_ALL));
}

static void receive_offloads_are_what_the_driver_takes(void **state)
{
	static const struct {
		uint64_t features;
		uint32_t offloads;
	} table[] = {
		{ 0, 0 },
		{ NIC_F_GUEST_CSUM, NET_CSUM },
		{ NIC_F_GUEST_CSUM | NIC_F_GUEST_TSO6 | NIC_F_GUEST_ECN,
		  NET_CSUM | NET_TSO6 | NET_ECN },
		{ NIC_F_GUEST_CSUM | NIC_F_GUEST_USO4, NET_CSUM },
		{ NIC_F_GUEST_CSUM | NIC_F_GUEST_USO4 | NIC_F_GUEST_USO6 |
		  NIC_F_GUEST_UFO, NET_CSUM | NET_USO | NET_UFO },
	};
	struct nic_case *c = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		nic_run(c, table[i].features);
		assert_true(c->net->setup.header);
		assert_int_equal(c->net->setup.receive, table[i].offloads);
	}
}

/* ---- configuration space ---- */

static void the_configuration_space_tells_mac_link_pairs_and_mtu(void **state)
{
	struct nic_case *c = *state;

	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(front_config(&c->front, i, 1),
				 nic_case_mac[i]);
	assert_int_equal(front_config(&c->front, 6, 2), 1);
	assert_int_equal(front_config(&c->front, 8, 2), NIC_PAIRS);
	assert_int_equal(front_config(&c->front, 10, 2), 1400);
	assert_int_equal(front_config(&c->front, 8, 4),
			 1400u << 16 | NIC_PAIRS);
	assert_int_equal(front_config(&c->front, 12, 4), 0);
	front_config_set(&c->front, 0, 4, 0xffffffff);
	assert_int_equal(front_config(&c->front, 0, 1), nic_case_mac[0]);
}

static void DN12_a_link_that_changes_is_told(void **state)
{
	struct nic_case *c = *state;
	uint8_t frame[60];
	unsigned int irqs;

	nic_run(c, NIC_F_STATUS);
	irqs = atomic_load(&c->front.config_irqs);
	/* a frame that waits is tried again when the link changes */
	fake_net_answer(c->net, 0, -EAGAIN);
	nic_frame_to(frame, 60, NULL);
	nic_post_tx(c, 0, NULL, frame, 60, 4096);
	kick(c, TX(0));
	fake_net_answer(c->net, 0, -EIO);
	fake_net_set_link(c->net, false);
	nic_sync(c);
	assert_int_equal(front_config(&c->front, 6, 2), 0);
	assert_int_equal(atomic_load(&c->front.config_irqs), irqs + 1);
	assert_int_equal(counts(c).send_dropped, 1);
	fake_net_set_link(c->net, true);
	assert_int_equal(front_config(&c->front, 6, 2), 1);
}

/* ---- the control queue ---- */

static bool passes(struct nic_case *c, const uint8_t *to)
{
	uint64_t before = counts(c).filtered;
	struct driver_done done;
	uint8_t frame[60];

	nic_post_rx(c, 0, 200, 1);
	kick(c, RX(0));
	nic_frame_to(frame, sizeof(frame), to);
	nic_deliver(c, 0, frame, sizeof(frame));
	nic_sync(c);
	if (nic_collect(c, RX(0), &done))
		return true;
	assert_int_equal(counts(c).filtered, before + 1);
	return false;
}

static const uint8_t other[6] = { 2, 0, 0, 0, 0, 9 };
static const uint8_t group[6] = { 1, 0, 94, 0, 0, 9 };
static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };

static void mode(struct nic_case *c, uint8_t number, uint8_t on)
{
	assert_int_equal(nic_command(c, 0, number, &on, 1), OK);
}

static void receive_modes_filter(void **state)
{
	struct nic_case *c = *state;

	c->ring_size = 256;
	nic_run(c, CTRL_ALL);
	assert_true(passes(c, other) && passes(c, group));
	mode(c, 0, 0); /* not promiscuous */
	assert_true(passes(c, NULL) && passes(c, everybody));
	assert_false(passes(c, other));
	assert_false(passes(c, group));
	mode(c, 1, 1); /* all multicast */
	assert_true(passes(c, group));
	assert_false(passes(c, other));
	mode(c, 2, 1); /* all unicast */
	assert_true(passes(c, other));
	mode(c, 3, 1); /* no multicast */
	assert_false(passes(c, group));
	mode(c, 4, 1); /* no unicast */
	assert_false(passes(c, other));
	assert_false(passes(c, NULL));
	mode(c, 5, 1); /* no broadcast */
	assert_false(passes(c, everybody));
	mode(c, 0, 1);
	assert_true(passes(c, everybody) && passes(c, other));
	/* a reset lets everything pass again */
	mode(c, 0, 0);
	nic_run(c, CTRL_ALL);
	assert_true(passes(c, other));
}

static uint32_t table(uint8_t *out, uint32_t unicast, uint32_t multicast)
{
	uint32_t at = 0;

	for (int i = 0; i < 2; i++) {
		uint32_t n = i ? multicast : unicast;

		out[at] = (uint8_t)n;
		out[at + 1] = (uint8_t)(n >> 8);
		out[at + 2] = out[at + 3] = 0;
		at += 4;
		for (uint32_t k = 0; k < n; k++, at += 6) {
			memcpy(out + at, i ? group : other, 6);
			out[at + 4] = (uint8_t)(k >> 8);
			out[at + 5] = (uint8_t)(9 + k);
		}
	}
	return at;
}

static void address_tables_let_their_own_pass(void **state)
{
	struct nic_case *c = *state;
	uint8_t bytes[2048], near[6];

	c->ring_size = 256;
	nic_run(c, CTRL_ALL);
	mode(c, 0, 0);
	assert_int_equal(nic_command(c, 1, 0, bytes, table(bytes, 3, 2)), OK);
	assert_true(passes(c, other) && passes(c, group));
	memcpy(near, group, 6);
	near[5] = 11;
	assert_false(passes(c, near));
	memcpy(near, other, 6);
	near[5] = 11;
	assert_true(passes(c, near));
	near[5] = 12;
	assert_false(passes(c, near));
	/* more than there is room for: all of that kind */
	assert_int_equal(nic_command(c, 1, 0, bytes, table(bytes, 65, 64)),
			 OK);
	assert_true(passes(c, near));
	memcpy(near, group, 6);
	near[5] = 200;
	assert_false(passes(c, near));
	assert_int_equal(nic_command(c, 1, 0, bytes, table(bytes, 0, 0)), OK);
	assert_false(passes(c, other));
	assert_false(passes(c, group));
}

static void T22_the_address_can_be_set_and_is_a_new_generation(void **state)
{
	static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 };
	struct nic_case *c = *state;
	uint32_t generation = front_get(&c->front, VREG_CONFIG_GENERATION);

	nic_run(c, CTRL_ALL);
	mode(c, 0, 0);
	assert_int_equal(nic_command(c, 1, 1, mac, 6), OK);
	/* T22; but whose wish it was need not be told */
	assert_int_not_equal(front_get(&c->front, VREG_CONFIG_GENERATION),
			     generation);
	assert_int_equal(c->front.config_irqs, 0);
	assert_int_equal(front_config(&c->front, 5, 1), 5);
	assert_true(passes(c, mac));
	assert_false(passes(c, NULL));
	front_set(&c->front, VREG_STATUS, 0);
	assert_int_equal(front_config(&c->front, 5, 1), nic_case_mac[5]);
	c->cfg.lock_mac = true;
	nic_case_again(c, true);
	nic_run(c, CTRL_ALL);
	assert_int_equal(nic_command(c, 1, 1, mac, 6), ERR);
	assert_int_equal(front_config(&c->front, 5, 1), nic_case_mac[5]);
}

static void pairs_are_used_as_the_driver_says(void **state)
{
	static const uint8_t one[2] = { 1, 0 }, two[2] = { 2, 0 };
	struct nic_case *c = *state;
	struct driver_done done;
	uint8_t frame[60];

	nic_run(c, CTRL_ALL);
	assert_int_equal(c->net->pairs, 1);
	nic_frame_to(frame, 60, NULL);
	nic_post_rx(c, 1, 200, 1);
	nic_deliver(c, 1, frame, 60);
	kick(c, RX(1));
	assert_false(nic_collect(c, RX(1), &done));
	assert_int_equal(nic_command(c, 4, 0, two, 2), OK);
	nic_sync(c);
	assert_int_equal(c->net->pairs, 2);
	assert_true(nic_collect(c, RX(1), &done));
	nic_post_tx(c, 1, NULL, frame, 60, 4096);
	kick(c, TX(1));
	assert_int_equal(fake_net_sent(c->net), 1);
	assert_int_equal(nic_command(c, 4, 0, one, 2), OK);
	nic_sync(c);
	assert_false(fake_net_receives(c->net, 1));
}

static void without_mq_the_third_queue_is_the_control_queue(void **state)
{
	static const uint8_t off[] = { 0, 0, 0 }, mq[] = { 4, 0, 1, 0 };
	struct nic_case *c = *state;

	nic_run(c, CTRL_ALL & ~NIC_F_MQ);
	assert_int_equal(nic_command_on(c, 2, off, 3), OK);
	assert_int_equal(nic_command_on(c, 2, mq, 4), ERR);
	assert_false(passes(c, other));
}

static void DN09_bad_commands_are_refused(void **state)
{
	static const struct {
		uint8_t bytes[24];
		uint32_t len;
	} bad[] = {
		{ { 0, 6, 1 }, 3 }, { { 0, 255, 1 }, 3 },
		{ { 2, 0, 1 }, 3 }, { { 3, 0 }, 2 }, { { 5, 0, 0 }, 3 },
		{ { 255, 255, 255 }, 3 },
		{ { 0, 0 }, 2 }, { { 0, 0, 1, 1 }, 4 }, /* one byte */
		{ { 4, 0, 0, 0 }, 4 }, { { 4, 0, 3, 0 }, 4 },
		{ { 4, 0, 0, 1 }, 4 }, { { 4, 0, 1 }, 3 },
		{ { 4, 0, 1, 0, 0 }, 5 }, { { 4, 1, 1, 0 }, 4 },
		{ { 1, 1, 2, 0, 0, 0, 0 }, 7 }, /* an address, short, long */
		{ { 1, 1, 2, 0, 0, 0, 0, 1, 1 }, 9 },
		{ { 1, 1, 0, 0, 0, 0, 0, 0 }, 8 }, /* zero, a group */
		{ { 1, 1, 1, 0, 0, 0, 0, 1 }, 8 },
		{ { 1, 2, 2, 0, 0, 0, 0, 1 }, 8 },
		{ { 1, 0 }, 2 }, { { 1, 0, 0, 0, 0 }, 5 },
		{ { 1, 0, 0, 0, 0, 0 }, 6 }, /* no second table */
		{ { 1, 0, 0, 0, 0, 0, 0, 0, 0 }, 9 },
		{ { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 11 }, /* more */
		{ { 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0 }, 11 },
		{ { 1, 0, 0xab, 0xaa, 0xaa, 0x2a, 0, 0, 0, 0, 0, 0 }, 12 },
		{ { 1, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0 }, 12 },
		{ { 1, 0, 0, 0, 0, 0, 255, 255, 255, 255 }, 10 },
	};
	struct nic_case *c = *state;

	c->ring_size = 256;
	nic_run(c, CTRL_ALL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(nic_command_on(c, CTRL, bad[i].bytes,
						bad[i].len), ERR);
	assert_true(passes(c, other)); /* nothing has changed */
	assert_int_equal(c->net->pairs, 1);
}

static void DN09_commands_without_their_feature_are_refused(void **state)
{
	static const uint8_t commands[][12] = {
		{ 0, 0, 1 }, { 0, 2, 1 }, { 1, 1, 2, 0, 0, 0, 0, 1 },
		{ 1, 0 }, { 4, 0, 1, 0 },
	};
	static const uint32_t lens[] = { 3, 3, 8, 10, 4 };
	struct nic_case *c = *state;

	nic_run(c, NIC_F_CTRL_VQ);
	for (int i = 0; i < 5; i++)
		assert_int_equal(nic_command_on(c, 2, commands[i], lens[i]),
				 ERR);
}

/* No head, or nowhere to answer (Q11): the chain comes back. */
static void DN09_chains_that_are_no_command_come_back(void **state)
{
	struct nic_case *c = *state;
	struct driver_done done;
	uint64_t gpa;

	nic_run(c, CTRL_ALL);
	assert_int_equal(nic_command_on(c, CTRL, "", 0), ERR);
	assert_int_equal(nic_command_on(c, CTRL, "", 1), ERR);
	gpa = driver_ram_alloc(&c->ram, 16, 16);
	driver_post(&c->ring[CTRL],
		    &(struct driver_buf){ gpa, 3, false }, 1);
	kick(c, CTRL);
	assert_true(nic_collect(c, CTRL, &done));
	assert_int_equal(done.len, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, nic_setup, nic_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_backend_decides_about_offloads),
		TEST(T08_features_without_what_they_need_are_refused),
		TEST(receive_offloads_are_what_the_driver_takes),
		TEST(the_configuration_space_tells_mac_link_pairs_and_mtu),
		TEST(DN12_a_link_that_changes_is_told),
		TEST(receive_modes_filter),
		TEST(address_tables_let_their_own_pass),
		TEST(T22_the_address_can_be_set_and_is_a_new_generation),
		TEST(pairs_are_used_as_the_driver_says),
		TEST(without_mq_the_third_queue_is_the_control_queue),
		TEST(DN09_bad_commands_are_refused),
		TEST(DN09_commands_without_their_feature_are_refused),
		TEST(DN09_chains_that_are_no_command_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
