// SPDX-License-Identifier: BSD-3-Clause
/* src/board/config_console.c: consoles and ports, and which exclude which. */
#include "config_case.h"

#include "base/num.h"

static void config_console_kind_comes_first(void **state)
{
	static const struct row bad[] = {
		{ "", "stdio, pty[=LINK]" },
		{ "tty", "stdio, pty[=LINK]" },
		{ "tty=x", "stdio, pty[=LINK]" },
		{ "file", "file=PATH" },
		{ "socket", "socket=PATH" },
		{ "file=", "empty" },
		{ "pty=", "empty" },
		{ "none=x", "takes no path" },
		{ "stdio=x", "takes no path" },
		{ "stdio,x", "unknown item \"x\"" },
		{ "stdio,file=x", "unknown item \"file\"" },
		{ "name=x,stdio", "stdio, pty[=LINK]" },
		{ "stdio,device=uart", "serial, virtio" },
		{ "stdio,name=x", "main one" },
		{ "stdio,device=virtio,name=x", "main one" },
		{ "socket=12345678901234567890123456789012345678901234567890"
		  "123456789012345678901234567890123456789012345678901234567"
		  "8",
		  "longer than 107" },
	};
	struct config *cfg = *state;

	assert_int_equal(config_console_count(cfg), 1);
	assert_int_equal(cfg->console[0].kind, CONSOLE_STDIO);
	assert_all_refused(cfg, "console", bad, ARRAY_SIZE(bad));
	assert_false(config_has_virtio(cfg));
	assert_taken(cfg, "console", "file=b=c");
	assert_int_equal(cfg->console[0].kind, CONSOLE_FILE);
	assert_string_equal(cfg->console[0].path, "b=c");
	assert_false(cfg->console[0].virtio);
	assert_false(config_has_virtio(cfg));
}

static void config_console_first_may_be_virtio_others_are(void **state)
{
	static const char *const kinds[] = { "stdio,device=virtio",
					     "pty,name=a.b",
					     "pty=link",
					     "none,device=virtio,name=x",
					     "socket=/s,name=y" };
	struct config *cfg = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		assert_taken(cfg, "console", kinds[i]);
		assert_int_equal(config_console_count(cfg), i + 1);
		assert_true(cfg->console[i].virtio);
	}
	assert_true(config_has_virtio(cfg));
	assert_string_equal(cfg->console[1].name, "a.b");
	assert_string_equal(cfg->console[1].path, "");
	assert_int_equal(cfg->console[2].kind, CONSOLE_PTY);
	assert_string_equal(cfg->console[2].path, "link");
	assert_string_equal(cfg->console[2].name, "");
	assert_int_equal(cfg->console[4].kind, CONSOLE_SOCKET);
}

static void config_consoles_exclude_their_like(void **state)
{
	static const struct row bad[] = {
		{ "stdio", "there already" },
		{ "pty,name=x", "name \"x\" is there" },
		{ "socket=/s", "\"/s\" is there" },
		{ "file=/s", "\"/s\" is there" },
		{ "none,device=serial", "only the first" },
		{ "none,name=", "empty" },
		{ "none,name=a/b", "no '/'" },
		{ "none,name=a b", "no blank" },
		{ "none,name=\xff", "ASCII" },
		{ "none,name=..", "dot" },
		{ "none,name=1234567890123456789012345678901234567890123456789"
		  "012345678901234",
		  "longer than 63" },
	};
	struct config *cfg = *state;

	assert_taken(cfg, "console", "stdio");
	assert_taken(cfg, "console", "socket=/s,name=x");
	assert_all_refused(cfg, "console", bad, ARRAY_SIZE(bad));
	for (unsigned int i = 2; i < CONFIG_MAX_CONSOLES; i++)
		assert_taken(cfg, "console", "none");
	assert_refused(cfg, "console", "none", "more than 16");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_TEST(config_console_kind_comes_first),
		CONFIG_TEST(config_console_first_may_be_virtio_others_are),
		CONFIG_TEST(config_consoles_exclude_their_like),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
