// SPDX-License-Identifier: BSD-3-Clause
/* src/board/config_command.c: what the keys of command VMs take, and the words
 * with which they refuse. */
#include "config_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

static void a_command_is_its_words_in_order(void **state)
{
	struct config *cfg = *state;
	const struct config_texts *a = &cfg->command.args;

	assert_taken(cfg, "command", "make");
	assert_taken(cfg, "command", "");
	assert_taken(cfg, "command", "a b\nc");
	assert_int_equal(a->count, 3);
	assert_int_equal(a->len, 5 + 1 + 6);
	assert_memory_equal(a->bytes, "make\0\0a b\nc", 12);
}

static void the_first_word_is_not_empty(void **state)
{
	assert_refused(*state, "command", "", "empty");
}

static void words_have_a_bound_together(void **state)
{
	struct config *cfg = *state;
	char *word = malloc(CONFIG_TEXTS_MAX + 1);

	memset(word, 'x', CONFIG_TEXTS_MAX);
	word[CONFIG_TEXTS_MAX] = '\0';
	assert_refused(cfg, "command", word, "together");
	word[CONFIG_TEXTS_MAX - 1] = '\0';
	assert_taken(cfg, "command", word);
	assert_refused(cfg, "command", "x", "together");
	assert_int_equal(cfg->command.args.count, 1);
	free(word);
}

static void variables_have_a_name_and_a_value(void **state)
{
	static const struct row bad[] = {
		{ "", "NAME=VALUE" },
		{ "NAME", "NAME=VALUE" },
		{ "=x", "NAME=VALUE" },
	};
	struct config *cfg = *state;

	assert_taken(cfg, "env", "A=");
	assert_taken(cfg, "env", "B=c=d");
	assert_memory_equal(cfg->command.env.bytes, "A=\0B=c=d", 9);
	assert_all_refused(cfg, "env", bad, ARRAY_SIZE(bad));
}

static void a_layer_is_one_of_three(void **state)
{
	struct config *cfg = *state;

	assert_int_equal(cfg->command.layer, LAYER_AUTO);
	assert_taken(cfg, "layer", "server");
	assert_int_equal(cfg->command.layer, LAYER_SERVER);
	assert_taken(cfg, "layer", "guest");
	assert_int_equal(cfg->command.layer, LAYER_GUEST);
	assert_refused(cfg, "layer", "host", "auto");
}

static void users_are_numbers(void **state)
{
	static const struct row bad[] = {
		{ "", "UID[:GID]" },	 { "root", "UID[:GID]" },
		{ "1:", "UID[:GID]" },	 { "1:wheel", "UID[:GID]" },
		{ "-1", "UID[:GID]" },	 { "4294967295", "UID[:GID]" },
		{ "1:2:3", "UID[:GID]" },
	};
	struct config *cfg = *state;

	assert_taken(cfg, "user", "7");
	assert_int_equal(cfg->command.uid, 7);
	assert_int_equal(cfg->command.gid, 7);
	assert_taken(cfg, "user", "1000:100");
	assert_int_equal(cfg->command.uid, 1000);
	assert_int_equal(cfg->command.gid, 100);
	assert_all_refused(cfg, "user", bad, ARRAY_SIZE(bad));
}

static void volumes_are_two_paths(void **state)
{
	static const struct row bad[] = {
		{ "", "HOST:GUEST" },	    { "/a", "HOST:GUEST" },
		{ "/a:b", "HOST:GUEST" },   { ":/b", "HOST:GUEST" },
		{ "/a:ro", "HOST:GUEST" },
		{ "/a:/b:ro,owner=me", "auto, host, stored" },
		{ "/a:/b:owner", "unknown option \"owner\"" },
		{ "/a:/b:ro,rw", "unknown option \"rw\" (ro, owner," },
		{ "/a:/b:locks=me", "guest, host" },
		{ "/a:/b:ro=x", "unknown option \"ro=x\"" },
		{ "/a:/b:ro,owner=a,owner=b,owner=c,owner=d,owner=e,owner=f,"
		  "owner=g,owner=h", "options is longer" },
	};
	struct config *cfg = *state;
	const struct config_volume *v = cfg->command.volume;

	assert_taken(cfg, "volume", "/a:/b");
	assert_taken(cfg, "volume", "c:d:/e:ro");
	assert_taken(cfg, "volume", ".:/ro");
	assert_string_equal(v[0].host, "/a");
	assert_string_equal(v[0].guest, "/b");
	assert_false(v[0].read_only);
	assert_string_equal(v[1].host, "c:d");
	assert_string_equal(v[1].guest, "/e");
	assert_true(v[1].read_only);
	assert_string_equal(v[2].guest, "/ro");
	assert_false(v[2].read_only);
	assert_int_equal(v[2].owners, OWNERS_AUTO);
	assert_all_refused(cfg, "volume", bad, ARRAY_SIZE(bad));
	assert_taken(cfg, "volume", "/a:/b:ro:owner=stored,ro");
	assert_string_equal(v[3].guest, "/b:ro");
	assert_true(v[3].read_only);
	assert_int_equal(v[3].owners, OWNERS_STORED);
	assert_false(v[3].host_locks);
	assert_taken(cfg, "volume", "/a:/b:row");
	assert_string_equal(v[4].guest, "/b:row");
	assert_false(v[4].read_only);
	assert_taken(cfg, "volume", "/a:/b:locks=host,owner=host");
	assert_true(v[5].host_locks);
	assert_int_equal(v[5].owners, OWNERS_HOST);
	for (unsigned int i = 6; i < CONFIG_MAX_VOLUMES; i++)
		assert_taken(cfg, "volume", "/a:/b");
	assert_refused(cfg, "volume", "/a:/b", "more than");
}

static void paths_in_the_guest_are_absolute(void **state)
{
	struct config *cfg = *state;

	assert_refused(cfg, "workdir", "src", "absolute");
	assert_taken(cfg, "workdir", "/src");
	assert_refused(cfg, "hide", "src", "absolute");
	assert_refused(cfg, "hide", "/", "1 to 255");
	assert_refused(cfg, "hide", "/a/.", "ends in dots");
	assert_taken(cfg, "hide", "//a/b/");
	assert_string_equal(cfg->command.hide[0], "a/b");
	for (size_t i = 1; i < ARRAY_SIZE(cfg->command.hide); i++)
		assert_taken(cfg, "hide", "/x");
	assert_refused(cfg, "hide", "/x", "more than 28");
}

static void with_a_command_no_kernel_need_be_given(void **state)
{
	struct config *cfg = *state;
	struct err err = { 0 };

	assert_int_not_equal(config_check(cfg, &err), 0);
	assert_taken(cfg, "command", "true");
	assert_int_equal(config_check(cfg, &err), 0);
	assert_true(config_has_virtio(cfg));
	assert_taken(cfg, "on-reboot", "restart");
	assert_int_not_equal(config_check(cfg, &err), 0);
	assert_string_equal(err.key, "on-reboot");
}

static void an_init_stands_in_place_of_a_command(void **state)
{
	struct config *cfg = *state;
	struct err err = { 0 };

	assert_false(config_has_root(cfg));
	assert_refused(cfg, "init", "sbin/init", "absolute");
	assert_taken(cfg, "init", "/sbin/init");
	assert_true(config_has_root(cfg));
	assert_true(config_has_virtio(cfg));
	assert_taken(cfg, "on-reboot", "restart");
	assert_int_equal(config_check(cfg, &err), 0);
	assert_taken(cfg, "command", "true");
	assert_int_not_equal(config_check(cfg, &err), 0);
	assert_string_equal(err.key, "init");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_TEST(a_command_is_its_words_in_order),
		CONFIG_TEST(the_first_word_is_not_empty),
		CONFIG_TEST(words_have_a_bound_together),
		CONFIG_TEST(variables_have_a_name_and_a_value),
		CONFIG_TEST(a_layer_is_one_of_three),
		CONFIG_TEST(users_are_numbers),
		CONFIG_TEST(volumes_are_two_paths),
		CONFIG_TEST(paths_in_the_guest_are_absolute),
		CONFIG_TEST(with_a_command_no_kernel_need_be_given),
		CONFIG_TEST(an_init_stands_in_place_of_a_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
