// SPDX-License-Identifier: BSD-3-Clause
/* src/command/guest_net.c: what a guest is told of its networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "board/config.h"
#include "command/guest_net.h"

static int set_up(void **state)
{
	struct config *cfg = calloc(1, sizeof(*cfg));

	if (cfg)
		config_init(cfg);
	*state = cfg;
	return cfg ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* NULL: the guest is told nothing. */
static void assert_line(struct config *cfg, const char *net,
			const char *expected)
{
	unsigned int index = cfg->nets;
	struct err err = { 0 };
	char line[GUEST_NET_LINE];
	bool told;

	if (config_set(cfg, "net", net, &err) < 0)
		fail_msg("%s: %s", net, err.text);
	told = guest_net_line(line, &cfg->net[index], index);
	assert_int_equal(told, expected != NULL);
	if (told)
		assert_string_equal(line, expected);
}

static void by_its_kind(void **state)
{
	assert_line(*state, "user",
		    "eth0 10.0.2.15 255.255.255.0 10.0.2.2 10.0.2.3");
	assert_line(*state, "passt", "eth1 dhcp");
	assert_line(*state, "tap=vm0", NULL);
	assert_line(*state, "connect=/s", NULL);
}

static void as_the_user_says(void **state)
{
	assert_line(*state, "user,ip=none", NULL);
	assert_line(*state, "user,ip=dhcp", "eth1 dhcp");
	assert_line(*state, "tap=vm0,ip=192.0.2.7/25,gateway=192.0.2.1",
		    "eth2 192.0.2.7 255.255.255.128 192.0.2.1 0.0.0.0");
	assert_line(*state, "tap=vm1,ip=10.1.2.3/0,dns=10.1.2.4",
		    "eth3 10.1.2.3 0.0.0.0 0.0.0.0 10.1.2.4");
	assert_line(*state, "tap=vm2,ip=255.255.255.254/32",
		    "eth4 255.255.255.254 255.255.255.255 0.0.0.0 0.0.0.0");
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(by_its_kind),
		T(as_the_user_says),
	};

	return cmocka_run_group_tests_name("guest_net", tests, NULL, NULL);
}
