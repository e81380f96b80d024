// SPDX-License-Identifier: BSD-3-Clause
/* src/board/config_share.c: directories for the guest. */
#include "config_case.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"

static void shares_have_a_path_a_tag_and_items(void **state)
{
	struct config *cfg = *state;
	const struct config_share *s = cfg->share;

	assert_false(config_has_virtio(cfg));
	assert_taken(cfg, "share", "/srv,tag=a");
	assert_taken(cfg, "share",
		     "src,tag=b,ro,cache=always,hide=.git,hide=/x//y/,"
		     "hide=...,hide=a/../b/.c");
	assert_taken(cfg, "share", "/srv,writeback,cache=none,tag=c,ro=false");
	assert_true(config_has_virtio(cfg));
	assert_int_equal(cfg->shares, 3);
	assert_string_equal(s[0].path, "/srv");
	assert_string_equal(s[0].tag, "a");
	assert_false(s[0].read_only || s[0].writeback);
	assert_int_equal(s[0].cache, CACHE_AUTO);
	assert_int_equal(s[0].owners, OWNERS_AUTO);
	assert_int_equal(s[0].hidden, 0);
	assert_true(s[1].read_only);
	assert_int_equal(s[1].cache, CACHE_ALWAYS);
	assert_int_equal(s[1].hidden, 4);
	assert_string_equal(s[1].hide[0], ".git");
	assert_string_equal(s[1].hide[1], "x//y");
	assert_string_equal(s[1].hide[2], "...");
	assert_string_equal(s[1].hide[3], "a/../b/.c");
	assert_true(s[2].writeback);
	assert_false(s[2].read_only);
	assert_int_equal(s[2].cache, CACHE_NONE);
	assert_taken(cfg, "share", "/srv,tag=d,owner=stored");
	assert_int_equal(s[3].owners, OWNERS_STORED);
	assert_taken(cfg, "share", "/srv,tag=e,owner=host");
	assert_int_equal(s[4].owners, OWNERS_HOST);
	assert_false(s[4].host_locks);
	assert_taken(cfg, "share", "/srv,tag=f,locks=host");
	assert_true(s[5].host_locks);
	assert_taken(cfg, "share", "/srv,tag=g,locks=guest");
	assert_false(s[6].host_locks);
}

static void shares_refuse_what_they_do_not_know(void **state)
{
	static const struct row bad[] = {
		{ "", "names no directory" },
		{ "tag=a", "names no directory" },
		{ "/srv", "add tag=NAME, which the guest mounts it by" },
		{ "/srv,tag=", "tag is empty" },
		{ "/srv,tag=0123456789012345678901234567890123456",
		  "tag is longer than 36 bytes" },
		{ "/srv,tag=a,cache=some", "auto, none, always" },
		{ "/srv,tag=a,cache", "auto, none, always" },
		{ "/srv,tag=a,owner=me", "auto, host, stored" },
		{ "/srv,tag=a,owner", "auto, host, stored" },
		{ "/srv,tag=a,locks=all", "guest, host" },
		{ "/srv,tag=a,ro=perhaps", "perhaps" },
		{ "/srv,tag=a,writeback=2", "2" },
		{ "/srv,tag=a,dax", "unknown item \"dax\" (tag, ro, cache" },
		{ "/srv,tag=a,hide", "a path of 1 to 255 bytes" },
		{ "/srv,tag=a,hide=//", "a path of 1 to 255 bytes" },
		{ "/srv,tag=a,hide=x/..", "ends in dots" },
		{ "/srv,tag=a,hide=..", "ends in dots" },
		{ "/srv,tag=a,hide=/.", "ends in dots" },
		{ "/srv,tag=a,hide=/x/.//", "ends in dots" },
	};
	struct config *cfg = *state;

	assert_all_refused(cfg, "share", bad, ARRAY_SIZE(bad));
	assert_int_equal(cfg->shares, 0);
	assert_taken(cfg, "share", "/srv,tag=a");
	assert_refused(cfg, "share", "/other,tag=a",
		       "the tag \"a\" is another's");
	assert_int_equal(cfg->shares, 1);
}

static void shares_and_what_they_hide_are_counted(void **state)
{
	struct config *cfg = *state;
	char value[600] = "/srv,tag=h";
	size_t len;

	for (int i = 0; i < CONFIG_MAX_HIDDEN; i++)
		strcat(value, ",hide=x");
	assert_taken(cfg, "share", value);
	assert_int_equal(cfg->share[0].hidden, CONFIG_MAX_HIDDEN);
	strcat(value, ",hide=x");
	value[9] = 'i';
	assert_refused(cfg, "share", value, "more than 32 times hide");
	len = (size_t)snprintf(value, sizeof(value), "/srv,tag=l,hide=");
	memset(value + len, 'n', 256);
	value[len + 256] = '\0';
	assert_refused(cfg, "share", value, "1 to 255 bytes");
	value[len + 255] = '\0';
	assert_taken(cfg, "share", value);
	for (int i = 2; i < CONFIG_MAX_SHARES; i++) {
		snprintf(value, sizeof(value), "/srv,tag=%d", i);
		assert_taken(cfg, "share", value);
	}
	assert_refused(cfg, "share", "/srv,tag=more", "more than 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_TEST(shares_have_a_path_a_tag_and_items),
		CONFIG_TEST(shares_refuse_what_they_do_not_know),
		CONFIG_TEST(shares_and_what_they_hide_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
