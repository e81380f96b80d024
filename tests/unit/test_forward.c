// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/forward.h"

static void each_form_is_understood(void **state)
{
	static const struct {
		const char *text;
		struct forward is;
	} good[] = {
		{ "8080:80", { false, "127.0.0.1", 8080, 80 } },
		{ "tcp:1:65535", { false, "127.0.0.1", 1, 65535 } },
		{ "udp:53:5353", { true, "127.0.0.1", 53, 5353 } },
		{ "0.0.0.0:22:22", { false, "0.0.0.0", 22, 22 } },
		{ "udp:255.255.255.255:65535:65535",
		  { true, "255.255.255.255", 65535, 65535 } },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct forward f;

		assert_int_equal(forward_parse(&f, good[i].text, NULL), 0);
		assert_int_equal(f.udp, good[i].is.udp);
		assert_string_equal(f.address, good[i].is.address);
		assert_int_equal(f.host_port, good[i].is.host_port);
		assert_int_equal(f.guest_port, good[i].is.guest_port);
	}
}

static void anything_else_is_refused_with_an_example(void **state)
{
	static const char *const bad[] = {
		"", ":", "::", "80", "80:", ":80", "0:80", "80:0", "80:65536",
		"65536:80", "80:999999", "+80:80", "-1:80", "80: 80", "a:80",
		"tcp:80", "udp:", "icmp:80:80", "1.2.3:80:80", "1.2.3.4.5:1:1",
		"[::1]:80:80", "80:80:80", "tcp:tcp:80:80",
		"255.255.255.255.255.255.255.255.255.255.255.255.255.255:1:1",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };
		struct forward f;

		assert_int_equal(forward_parse(&f, bad[i], &err), -EINVAL);
		assert_non_null(strstr(err.text, "8080:80"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_understood),
		cmocka_unit_test(anything_else_is_refused_with_an_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
