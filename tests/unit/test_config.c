// SPDX-License-Identifier: BSD-3-Clause
/* src/board/config.c and keys.c: what each key takes, what it refuses, and that
 * every refusal names the key. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_case.h"

#include "base/num.h"
#include "board/keys.h"

static void config_defaults_are_what_the_table_says(void **state)
{
	struct config *cfg = *state;
	struct config *set = malloc(sizeof(*set));

	/* Setting every default changes nothing. */
	config_init(set);
	for (size_t i = 0; key_at(i); i++)
		if (key_at(i)->pub.value)
			assert_taken(set, key_at(i)->pub.name,
				     key_at(i)->pub.value);
	assert_int_equal(set->consoles, config_console_count(cfg));
	set->consoles = 0; /* the same, in other words */
	assert_memory_equal(set, cfg, sizeof(*cfg));
	free(set);
	assert_int_equal(cfg->memory, 256 * MIB);
	assert_int_equal(cfg->cpus, 1);
}

/* ---- the table ---- */

static void keys_have_all_texts_and_unique_names(void **state)
{
	for (size_t i = 0; key_at(i); i++) {
		const struct vireo_key *k = &key_at(i)->pub;

		assert_true(k->name && *k->name && strlen(k->name) < 32);
		assert_true(k->summary && *k->summary);
		assert_true(k->help && strlen(k->help) > 10);
		assert_true(k->example && strstr(k->example, k->name));
		assert_non_null(key_at(i)->parse);
		assert_ptr_equal(key_find(k->name), key_at(i));
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(k->name, key_at(j)->pub.name);
			if (k->letter)
				assert_int_not_equal(k->letter,
						     key_at(j)->pub.letter);
		}
		/* A flag takes true and false. */
		if (!k->arg) {
			assert_taken(*state, k->name, "true");
			assert_taken(*state, k->name, "false");
			assert_string_equal(k->value, "false");
		}
	}
	assert_null(key_find("nothing"));
	assert_null(key_at(10000));
}

/* "--name VALUE", perhaps quoted; other words are not for this key. */
static const char *example_value(const struct vireo_key *k, char *out,
				 size_t cap)
{
	const char *at = strstr(k->example, k->name) + strlen(k->name);
	size_t len;

	at += *at == ' ';
	len = *at == '"' ? strcspn(++at, "\"") : strcspn(at, " ");
	assert_true(len < cap);
	memcpy(out, at, len);
	out[len] = '\0';
	return out;
}

static void keys_examples_are_taken(void **state)
{
	char value[128];

	for (size_t i = 0; key_at(i); i++)
		if (key_at(i)->pub.arg)
			assert_taken(*state, key_at(i)->pub.name,
				     example_value(&key_at(i)->pub, value,
						   sizeof(value)));
}

static void C01_unknown_key_is_answered_with_the_nearest(void **state)
{
	struct err err = { 0 };

	assert_int_equal(config_set(*state, "memroy", "1G", &err), -EINVAL);
	assert_non_null(strstr(err.text, "did you mean \"memory\"?"));
	assert_string_equal(err.key, "memroy");
	assert_int_equal(config_set(*state, "xyzzyxyzzy", "1", &err), -EINVAL);
	assert_non_null(strstr(err.text, "unknown key"));
	assert_int_equal(config_set(*state, "", "1", &err), -EINVAL);
	assert_int_equal(config_set(*state, "memory ", "1G", &err), -EINVAL);
	assert_int_equal(config_set(*state, "Memory", "1G", &err), -EINVAL);
}

static void config_flags_take_six_words_only(void **state)
{
	static const struct row bad[] = {
		{ "", "true" },	 { "1", "true" },    { "TRUE", "true" },
		{ "yes ", "true" }, { "maybe", "true" },
	};
	struct config *cfg = *state;

	assert_taken(cfg, "testdev", "on");
	assert_true(cfg->testdev);
	assert_taken(cfg, "testdev", "no");
	assert_false(cfg->testdev);
	assert_taken(cfg, "testdev", "yes");
	assert_taken(cfg, "testdev", "off");
	assert_false(cfg->testdev);
	assert_all_refused(cfg, "testdev", bad, ARRAY_SIZE(bad));
}

/* ---- single keys ---- */

static void B12_memory_outside_1m_to_64t_is_refused(void **state)
{
	static const struct row bad[] = {
		{ "0", "1M" },		{ "1", "1M" },
		{ "1023K", "1M" },	{ "1048575", "1M" },
		{ "65T", "64T" },	{ "70368744177665", "64T" },
		{ "18446744073709551615", "64T" },
		{ "18446744073709551616", "64T" },
		{ "", "1M" },		{ "-1G", "1M" },
		{ "1e9", "1M" },	{ "01G", "1M" },
		{ "1G,backing=disk", "private" },
		{ "1G,huge=yes", "unknown item \"huge\"" },
		{ "1G,2G", "unknown item \"2G\"" },
		{ "backing=memfd", "1M" },
		{ ",backing=memfd", "empty" },
	};
	struct config *cfg = *state;

	assert_all_refused(cfg, "memory", bad, ARRAY_SIZE(bad));
}

static void C02_memory_in_units_that_would_wrap_is_refused(void **state)
{
	assert_refused(*state, "memory", "17592186044416M", "64T");
	assert_refused(*state, "memory", "17592186044417M", "64T");
	assert_refused(*state, "memory", "18014398509481985K", "64T");
}

static void B12_memory_is_rounded_up_to_pages(void **state)
{
	struct config *cfg = *state;

	assert_taken(cfg, "memory", "1M");
	assert_int_equal(cfg->memory, MIB);
	assert_taken(cfg, "memory", "1048577");
	assert_int_equal(cfg->memory, MIB + 4096);
	assert_taken(cfg, "memory", "64T");
	assert_true(cfg->memory == UINT64_C(64) << 40);
	assert_taken(cfg, "memory", "3M,backing=hugetlb");
	assert_int_equal(cfg->memory, 4 * MIB);
	assert_int_equal(cfg->backing, RAM_HUGETLB);
	assert_taken(cfg, "memory", "3M"); /* replaces all of it */
	assert_int_equal(cfg->backing, RAM_PRIVATE);
	assert_taken(cfg, "memory", "3M,backing=memfd");
	assert_int_equal(cfg->backing, RAM_MEMFD);
}

static void C12_cpus_0_and_over_1024_are_refused(void **state)
{
	static const struct row bad[] = {
		{ "0", "1 to 1024" },  { "1025", "1 to 1024" },
		{ "-1", "1 to 1024" }, { "4294967297", "1 to 1024" },
		{ "", "1 to 1024" },   { "1.0", "1 to 1024" },
		{ "04", "1 to 1024" }, { "99999999999999999999", "1 to 1024" },
	};
	struct config *cfg = *state;

	assert_all_refused(cfg, "cpus", bad, ARRAY_SIZE(bad));
	assert_taken(cfg, "cpus", "1024");
	assert_int_equal(cfg->cpus, 1024);
}

static void config_cpu_features_are_host_and_a_list(void **state)
{
	static const struct row bad[] = {
		{ "", "host" },
		{ "qemu64", "host" },
		{ "host,avx2", "neither" },
		{ "host,+", "no CPU feature" },
		{ "host,-", "no CPU feature" },
		{ "host,+avx2=1", "neither" },
		{ "host,+a23456789012345678901234", "no CPU feature" },
		{ "+avx2", "host" },
	};
	struct config *cfg = *state;

	assert_all_refused(cfg, "cpu", bad, ARRAY_SIZE(bad));
	assert_taken(cfg, "cpu", "host,-avx512f,+aes");
	assert_int_equal(cfg->features, 2);
	assert_string_equal(cfg->feature[0].name, "avx512f");
	assert_false(cfg->feature[0].on);
	assert_true(cfg->feature[1].on);
	assert_taken(cfg, "cpu", "host");
	assert_int_equal(cfg->features, 0);
}

static void config_cpu_takes_64_features_and_not_one_more(void **state)
{
	char text[512] = "host";
	struct config *cfg = *state;

	for (int i = 0; i < CONFIG_MAX_FEATURES; i++)
		strcat(text, ",-aes");
	assert_taken(cfg, "cpu", text);
	assert_int_equal(cfg->features, CONFIG_MAX_FEATURES);
	strcat(text, ",-aes");
	assert_refused(cfg, "cpu", text, "more than 64");
}

static void config_kernel_is_a_path_and_a_format(void **state)
{
	static const struct row bad[] = {
		{ "", "names no file" },
		{ ",format=pvh", "empty" },
		{ "format=pvh", "names no file" },
		{ "k,format=elf", "not one of" },
		{ "k,fromat=pvh", "unknown item \"fromat\"" },
		{ "k,pvh", "unknown item \"pvh\"" },
	};
	struct config *cfg = *state;

	assert_all_refused(cfg, "kernel", bad, ARRAY_SIZE(bad));
	assert_taken(cfg, "kernel", "../a b/vm~linuz,format=pvh");
	assert_string_equal(cfg->kernel, "../a b/vm~linuz");
	assert_int_equal(cfg->format, BOOT_FORMAT_PVH);
	assert_taken(cfg, "kernel", "other");
	assert_int_equal(cfg->format, BOOT_FORMAT_AUTO);
}

static void C11_long_paths_are_refused_odd_ones_are_literal(
	void **state)
{
	static const char *const keys[] = { "kernel", "initrd" };
	struct config *cfg = *state;
	char path[CONFIG_PATH_MAX + 6] = "file=";

	memset(path + 5, 'a', CONFIG_PATH_MAX);
	assert_refused(cfg, "console", path, "longer than 4095");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_refused(cfg, keys[i], path + 5, "long");
	path[CONFIG_PATH_MAX + 4] = '\0';
	assert_taken(cfg, "console", path);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_taken(cfg, keys[i], path + 5);
	assert_taken(cfg, "initrd", "~/../\xff\n");
	assert_string_equal(cfg->initrd[1], "~/../\xff\n");
}

static void config_pins_are_cpus_and_ranges(void **state)
{
	static const struct row bad[] = {
		{ "", "empty" },
		{ "a", "is not a number" },
		{ "1-", "is not a number" },
		{ "3-1", "from 3" },
		{ "1,,2", "is not a number" },
		{ "1024", "1023" },
		{ "0-64", "more than 64" },
	};
	struct config *cfg = *state;

	assert_all_refused(cfg, "pin", bad, ARRAY_SIZE(bad));
	assert_taken(cfg, "pin", "2-3,0");
	assert_int_equal(cfg->pins, 3);
	assert_int_equal(cfg->pin[0], 2);
	assert_int_equal(cfg->pin[1], 3);
	assert_int_equal(cfg->pin[2], 0);
	assert_taken(cfg, "pin", "7");
	assert_int_equal(cfg->pins, 1);
}

static void config_initrds_add_up_to_16(void **state)
{
	struct config *cfg = *state;

	for (int i = 0; i < CONFIG_MAX_INITRDS; i++)
		assert_taken(cfg, "initrd", "part,with=signs");
	assert_refused(cfg, "initrd", "x", "more than 16");
	assert_int_equal(cfg->initrds, 16);
	assert_string_equal(cfg->initrd[15], "part,with=signs");
}

static void B09_initrd_without_a_name_is_refused(void **state)
{
	assert_refused(*state, "initrd", "", "empty");
}

static void B10_command_line_is_printable_ascii_only(void **state)
{
	static const struct row bad[] = {
		{ "a\nb", "0x0a" },	{ "a\tb", "0x09" },
		{ "a\x7f", "0x7f" },	{ "\xc3\xa9", "0xc3" },
		{ "\x1b[0m", "0x1b" },	{ "\r", "0x0d" },
	};
	struct config *cfg = *state;

	assert_all_refused(cfg, "cmdline", bad, ARRAY_SIZE(bad));
	assert_string_equal(cfg->cmdline, "");
	assert_taken(cfg, "cmdline", "quiet  x=\"~ !\"");
	assert_taken(cfg, "cmdline", "y");
	assert_string_equal(cfg->cmdline, "quiet  x=\"~ !\" y");
}

static void B10_command_line_takes_4095_bytes_and_not_one_more(void **state)
{
	char text[CONFIG_CMDLINE_MAX + 1];
	struct config *cfg = *state;

	memset(text, 'a', sizeof(text));
	text[CONFIG_CMDLINE_MAX] = '\0';
	assert_refused(cfg, "cmdline", text, "4095");
	text[CONFIG_CMDLINE_MAX - 1] = '\0';
	assert_taken(cfg, "cmdline", text);
	assert_int_equal(strlen(cfg->cmdline), 4095);
	assert_refused(cfg, "cmdline", "b", "4095");
	assert_int_equal(strlen(cfg->cmdline), 4095);
	/* In two pieces, the blank between them counts. */
	cfg->cmdline[0] = '\0';
	assert_taken(cfg, "cmdline", "b");
	text[CONFIG_CMDLINE_MAX - 2] = '\0';
	assert_refused(cfg, "cmdline", text, "4095");
	text[CONFIG_CMDLINE_MAX - 3] = '\0';
	assert_taken(cfg, "cmdline", text);
	assert_int_equal(strlen(cfg->cmdline), 4095);
}

static void config_durations_are_1ms_to_a_year(void **state)
{
	static const struct row bad[] = {
		{ "0s", "1ms" },   { "0ms", "1ms" },  { "8785h", "8784h" },
		{ "30", "30s" },   { "", "30s" },     { "-1s", "30s" },
		{ "1.5s", "30s" }, { "999999999999999999999s", "30s" },
	};
	struct config *cfg = *state;

	assert_all_refused(cfg, "timeout", bad, ARRAY_SIZE(bad));
	assert_all_refused(cfg, "idle-timeout", bad, ARRAY_SIZE(bad));
	assert_int_equal(cfg->timeout_ms, 0);
	assert_taken(cfg, "timeout", "8784h");
	assert_taken(cfg, "idle-timeout", "1ms");
	assert_int_equal(cfg->timeout_ms, 8784ULL * 3600 * 1000);
	assert_int_equal(cfg->idle_timeout_ms, 1);
}

static void config_name_fits_a_file_name(void **state)
{
	static const struct row bad[] = {
		{ "", "empty" },   { ".x", "letters" }, { "-x", "letters" },
		{ "a/b", "letters" }, { "a b", "letters" },
		{ "..", "letters" },
		{ "a\n", "letters" }, { "\xc3\xa9", "letters" },
		{ "a23456789012345678901234567890123456789012345678901234567890"
		  "1234", "longer than 63" },
	};
	struct config *cfg = *state;

	assert_all_refused(cfg, "name", bad, ARRAY_SIZE(bad));
	assert_taken(cfg, "name", "9a.b_c-d");
	assert_taken(cfg, "name", "a23456789012345678901234567890123456789012"
				  "345678901234567890123");
	assert_int_equal(strlen(cfg->name), 63);
}

static void config_choices_name_what_they_take(void **state)
{
	struct config *cfg = *state;

	assert_refused(cfg, "irqchip", "half", "auto, full, split");
	assert_refused(cfg, "on-reboot", "stay", "exit, restart");
	assert_refused(cfg, "log-level", "all", "error, warn, info, debug");
	assert_refused(cfg, "log-level", "", "error, warn");
	assert_taken(cfg, "irqchip", "split");
	assert_taken(cfg, "on-reboot", "restart");
	assert_taken(cfg, "log-level", "debug");
	assert_int_equal(cfg->irqchip, KVM_IRQ_SPLIT);
	assert_true(cfg->restart);
	assert_int_equal(cfg->log_level, LOG_LEVEL_DEBUG);
}

static void config_check_looks_at_the_whole(void **state)
{
	struct config *cfg = *state;
	struct err err = { 0 };

	assert_int_equal(config_check(cfg, &err), -EINVAL);
	assert_string_equal(err.key, "kernel");
	assert_taken(cfg, "kernel", "k");
	assert_int_equal(config_check(cfg, &err), 0);
	assert_taken(cfg, "pit", "on");
	assert_int_equal(config_check(cfg, &err), 0);
	assert_taken(cfg, "irqchip", "split");
	assert_int_equal(config_check(cfg, &err), -EINVAL);
	assert_string_equal(err.key, "pit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_TEST(config_defaults_are_what_the_table_says),
		CONFIG_TEST(keys_have_all_texts_and_unique_names),
		CONFIG_TEST(keys_examples_are_taken),
		CONFIG_TEST(C01_unknown_key_is_answered_with_the_nearest),
		CONFIG_TEST(config_flags_take_six_words_only),
		CONFIG_TEST(B12_memory_outside_1m_to_64t_is_refused),
		CONFIG_TEST(C02_memory_in_units_that_would_wrap_is_refused),
		CONFIG_TEST(B12_memory_is_rounded_up_to_pages),
		CONFIG_TEST(C12_cpus_0_and_over_1024_are_refused),
		CONFIG_TEST(config_cpu_features_are_host_and_a_list),
		CONFIG_TEST(config_cpu_takes_64_features_and_not_one_more),
		CONFIG_TEST(config_kernel_is_a_path_and_a_format),
		CONFIG_TEST(
			C11_long_paths_are_refused_odd_ones_are_literal),
		CONFIG_TEST(config_pins_are_cpus_and_ranges),
		CONFIG_TEST(config_initrds_add_up_to_16),
		CONFIG_TEST(B09_initrd_without_a_name_is_refused),
		CONFIG_TEST(B10_command_line_is_printable_ascii_only),
		CONFIG_TEST(B10_command_line_takes_4095_bytes_and_not_one_more),
		CONFIG_TEST(config_durations_are_1ms_to_a_year),
		CONFIG_TEST(config_name_fits_a_file_name),
		CONFIG_TEST(config_choices_name_what_they_take),
		CONFIG_TEST(config_check_looks_at_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
