// SPDX-License-Identifier: BSD-3-Clause
/* src/api.c: the public functions, over fake_kvm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "one_vm.h"

struct fixture {
	struct one_vm *host; /* KVM, and a kernel file */
	struct vireo_config *cfg;
	struct vireo_error err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	return one_vm_set_up((void **)&f->host) ||
	       vireo_config_create(&f->cfg);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	vireo_config_destroy(&f->cfg);
	assert_null(f->cfg);
	one_vm_tear_down((void **)&f->host);
	free(f);
	return 0;
}

static void set(struct fixture *f, const char *key, const char *value)
{
	if (vireo_config_set(f->cfg, key, value, &f->err) != 0)
		fail_msg("%s=%s: %s", key, value, f->err.text);
}

static int parse(struct fixture *f, const char *json)
{
	f->err = (struct vireo_error){ 0 };
	return vireo_config_parse(f->cfg, json, strlen(json), &f->err);
}

static const char *get(const struct fixture *f, const char *key, size_t index)
{
	return vireo_config_get(f->cfg, key, index);
}

/* A config that fake_kvm runs. */
static void make_runnable(struct fixture *f)
{
	char kernel[96];

	snprintf(kernel, sizeof(kernel), "%s,format=flat", f->host->kernel);
	set(f, "kernel", kernel);
	set(f, "memory", "1M");
	assert_int_equal(vireo_config_set_fd(f->cfg, "kvm", f->host->fds.kvm,
					     &f->err),
			 0);
}

/* ---- configuration ---- */

static void C17_version_and_keys_always_answer(void **state)
{
	size_t n = 0;

	assert_string_equal(vireo_version(), VIREO_VERSION);
	while (vireo_key_at(n))
		n++;
	assert_true(n > 15);
	assert_null(vireo_key_at(n + 1));
	assert_null(vireo_key_at(SIZE_MAX));
}

static void api_get_returns_what_was_set_or_the_default(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(get(f, "memory", 0), "256M");
	assert_null(get(f, "memory", 1));
	assert_null(get(f, "kernel", 0));
	assert_null(get(f, "nothing", 0));
	set(f, "memory", "1G");
	set(f, "memory", "2G"); /* replaces */
	assert_string_equal(get(f, "memory", 0), "2G");
	assert_null(get(f, "memory", 1));
	set(f, "initrd", "a");
	set(f, "initrd", "b"); /* adds */
	assert_string_equal(get(f, "initrd", 0), "a");
	assert_string_equal(get(f, "initrd", 1), "b");
	assert_null(get(f, "initrd", 2));
}

static void api_refused_value_leaves_the_old_one(void **state)
{
	struct fixture *f = *state;

	set(f, "memory", "1G,backing=memfd");
	assert_int_equal(vireo_config_set(f->cfg, "memory", "2G,backing=x",
					  &f->err),
			 VIREO_EINVAL);
	assert_int_equal(f->err.code, VIREO_EINVAL);
	assert_string_equal(f->err.key, "memory");
	assert_non_null(strstr(f->err.text, "private, memfd, hugetlb"));
	assert_string_equal(get(f, "memory", 0), "1G,backing=memfd");
	assert_int_equal(vireo_config_set(f->cfg, "cpus", "0", NULL),
			 VIREO_EINVAL);
}

static void api_error_is_filled_only_on_failure(void **state)
{
	struct fixture *f = *state;

	memset(&f->err, 0x5a, sizeof(f->err));
	set(f, "cpus", "2");
	assert_int_equal(f->err.text[0], 0x5a);
	assert_int_equal(vireo_config_set(f->cfg, "cpuss", "2", &f->err),
			 VIREO_EINVAL);
	assert_non_null(strstr(f->err.text, "did you mean \"cpus\"?"));
}

static void api_print_and_parse_are_each_others_inverse(void **state)
{
	struct fixture *f = *state;
	struct vireo_config *copy;
	char *again;
	char *json;

	set(f, "kernel", "a \"b\"\\c\n,format=pvh");
	set(f, "initrd", "one");
	set(f, "initrd", "two,x=y");
	set(f, "cmdline", "quiet");
	set(f, "cmdline", "init=/bin/sh");
	set(f, "cpus", "4");
	set(f, "testdev", "on");
	assert_int_equal(vireo_config_print(f->cfg, &json), 0);
	assert_int_equal(vireo_config_create(&copy), 0);
	assert_int_equal(vireo_config_parse(copy, json, strlen(json), &f->err),
			 0);
	assert_int_equal(vireo_config_print(copy, &again), 0);
	assert_string_equal(json, again);
	assert_string_equal(vireo_config_get(copy, "initrd", 1), "two,x=y");
	assert_string_equal(vireo_config_get(copy, "kernel", 0),
			    "a \"b\"\\c\n,format=pvh");
	free(json);
	free(again);
	vireo_config_destroy(&copy);
}

static void api_print_of_nothing_is_an_empty_object(void **state)
{
	struct fixture *f = *state;
	char *json;

	assert_int_equal(vireo_config_print(f->cfg, &json), 0);
	assert_string_equal(json, "{}");
	free(json);
	/* What JSON cannot hold is an error, not a hole. */
	set(f, "kernel", "\xff");
	assert_true(vireo_config_print(f->cfg, &json) < 0);
	assert_null(json);
}

static void api_parse_takes_strings_numbers_booleans_and_lists(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "{\"cpus\":4,\"testdev\":true,\"pit\":false,"
				  "\"memory\":\"1G\",\"initrd\":[\"a\",\"b\"],"
				  "\"cmdline\":\"x\"}"),
			 0);
	assert_string_equal(get(f, "cpus", 0), "4");
	assert_string_equal(get(f, "testdev", 0), "true");
	assert_string_equal(get(f, "initrd", 1), "b");
}

static void C01_parse_refuses_and_names_the_key(void **state)
{
	static const struct {
		const char *json;
		const char *key;
		const char *word;
	} rows[] = {
		{ "{\"memroy\":\"1G\"}", "memroy", "memory" },
		{ "{\"cpus\":0}", "cpus", "1 to 1024" },
		{ "{\"cpus\":-0}", "cpus", "1 to 1024" },
		{ "{\"cpus\":true}", "cpus", "1 to 1024" },
		{ "{\"cpus\":1.0}", "cpus", "wants" },
		{ "{\"cpus\":\"04\"}", "cpus", "1 to 1024" },
		{ "{\"cpus\":9223372036854775807}", "cpus", "1 to 1024" },
		{ "{\"testdev\":1}", "testdev", "true" },
		{ "{\"memory\":false}", "memory", "1M" },
		{ "{\"memory\":\"17592186044416M\"}", "memory", "1M" },
		{ "{\"cmdline\":\"a\\nb\"}", "cmdline", "0x0a" },
		{ "{\"initrd\":[\"\"]}", "initrd", "empty" },
		{ "{\"memory\":[\"1G\",\"2G\"]}", "memory", "one value" },
		{ "{\"cpus\":[1,1]}", "cpus", "one value" },
	};
	struct fixture *f = *state;

	set(f, "cpus", "3");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (parse(f, rows[i].json) != VIREO_EINVAL)
			fail_msg("%s is taken", rows[i].json);
		assert_string_equal(f->err.key, rows[i].key);
		if (!strstr(f->err.text, rows[i].word))
			fail_msg("%s: %s", rows[i].json, f->err.text);
		assert_string_equal(get(f, "cpus", 0), "3");
	}
}

static void C01_parse_that_fails_late_changes_nothing(void **state)
{
	struct fixture *f = *state;
	char *before;
	char *after;

	set(f, "initrd", "a");
	vireo_config_print(f->cfg, &before);
	assert_int_equal(parse(f, "{\"initrd\":[\"b\",\"c\"],\"cpus\":4,"
				  "\"memory\":\"1G\",\"pit\":\"perhaps\"}"),
			 VIREO_EINVAL);
	vireo_config_print(f->cfg, &after);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void C03_parse_of_what_is_no_json_is_refused(void **state)
{
	struct fixture *f = *state;
	char *big = malloc((1u << 20) + 1);

	assert_int_equal(parse(f, "{"), VIREO_EINVAL);
	assert_int_equal(parse(f, ""), VIREO_EINVAL);
	assert_int_equal(vireo_config_parse(f->cfg, NULL, 0, &f->err),
			 VIREO_EINVAL);
	memset(big, ' ', (1u << 20) + 1);
	assert_int_equal(vireo_config_parse(f->cfg, big, (1u << 20) + 1, NULL),
			 VIREO_EINVAL);
	free(big);
}

static void C10_descriptors_are_copied_and_checked(void **state)
{
	struct fixture *f = *state;
	unsigned int before = one_vm_open_fds();
	int fd = open("/dev/null", O_RDWR);

	assert_int_equal(vireo_config_set_fd(f->cfg, "console-in", fd, NULL),
			 0);
	assert_int_equal(vireo_config_set_fd(f->cfg, "console-in", fd, NULL),
			 0); /* replaces: the first copy is closed */
	close(fd);
	assert_int_equal(one_vm_open_fds(), before + 1);
	assert_int_equal(vireo_config_set_fd(f->cfg, "kvm", -1, &f->err),
			 VIREO_EINVAL);
	assert_string_equal(f->err.key, "kvm");
	assert_int_equal(vireo_config_set_fd(f->cfg, "kvm", 9999, &f->err),
			 VIREO_EINVAL);
	assert_int_equal(vireo_config_set_fd(f->cfg, "disk", 0, &f->err),
			 VIREO_EINVAL);
	assert_non_null(strstr(f->err.text, "kvm, console-in, console-out"));
	assert_int_equal(vireo_config_set_fd(f->cfg, NULL, 0, NULL),
			 VIREO_EINVAL);
	vireo_config_destroy(&f->cfg);
	assert_int_equal(one_vm_open_fds(), before);
}

static void api_null_arguments_are_refused(void **state)
{
	struct fixture *f = *state;
	struct vireo_vm *vm = NULL;
	struct vireo_end end;
	char *json;

	assert_int_equal(vireo_config_set(NULL, "cpus", "1", &f->err),
			 VIREO_EINVAL);
	assert_int_equal(vireo_config_set(f->cfg, NULL, "1", NULL),
			 VIREO_EINVAL);
	assert_int_equal(vireo_config_set(f->cfg, "cpus", NULL, NULL),
			 VIREO_EINVAL);
	assert_null(vireo_config_get(NULL, "cpus", 0));
	assert_null(vireo_config_get(f->cfg, NULL, 0));
	assert_false(vireo_config_is_set(NULL, "cpus"));
	assert_false(vireo_config_is_set(f->cfg, NULL));
	assert_false(vireo_config_is_set(f->cfg, "no-such-key"));
	assert_int_equal(vireo_config_print(NULL, &json), VIREO_EINVAL);
	assert_int_equal(vireo_config_print(f->cfg, NULL), VIREO_EINVAL);
	assert_int_equal(vireo_config_set_fd(NULL, "kvm", 0, NULL),
			 VIREO_EINVAL);
	vireo_config_set_log(NULL, VIREO_LOG_WARN, NULL, NULL);
	vireo_config_destroy(NULL);
	assert_int_equal(vireo_create(NULL, f->cfg, NULL), VIREO_EINVAL);
	assert_int_equal(vireo_create(&vm, NULL, NULL), VIREO_EINVAL);
	assert_int_equal(vireo_start(NULL, NULL), VIREO_EINVAL);
	assert_int_equal(vireo_wait(NULL, 0, &end), VIREO_EINVAL);
	assert_int_equal(vireo_event_fd(NULL), VIREO_EINVAL);
	assert_int_equal(vireo_power_button(NULL), VIREO_EINVAL);
	vireo_stop(NULL);
	vireo_destroy(NULL);
	vireo_destroy(&vm);
	vireo_stats(NULL, NULL, NULL);
}

/* ---- a VM's life ---- */

static void api_create_without_a_kernel_names_the_key(void **state)
{
	struct fixture *f = *state;
	struct vireo_vm *vm = (struct vireo_vm *)f;

	assert_int_equal(vireo_create(&vm, f->cfg, &f->err), VIREO_EINVAL);
	assert_null(vm);
	assert_string_equal(f->err.key, "kernel");
	assert_int_equal(fake.calls, 0); /* KVM was not asked for anything */
}

static void api_create_failures_have_their_code(void **state)
{
	struct fixture *f = *state;
	struct vireo_vm *vm;

	make_runnable(f);
	set(f, "kernel", "/nowhere/vmlinuz");
	assert_int_equal(vireo_create(&vm, f->cfg, &f->err), VIREO_EHOST);
	assert_string_equal(f->err.key, "kernel");
	set(f, "kernel", f->host->kernel); /* no kernel by any magic */
	assert_int_equal(vireo_create(&vm, f->cfg, &f->err), VIREO_EIMAGE);
	set(f, "cpus", "5");
	assert_int_equal(vireo_create(&vm, f->cfg, &f->err), VIREO_EINVAL);
	assert_string_equal(f->err.key, "cpus");
	fake.api_version = 1;
	assert_int_equal(vireo_create(&vm, f->cfg, &f->err), VIREO_EHOST);
	assert_int_equal(vireo_create(&vm, f->cfg, NULL), VIREO_EHOST);
}

static void count_row(void *ctx, const struct vireo_stat *stat)
{
	++*(unsigned int *)ctx;
	assert_true(stat->group && stat->name && stat->unit);
}

static void api_life_of_a_vm_from_create_to_destroy(void **state)
{
	struct fixture *f = *state;
	unsigned int before = one_vm_open_fds();
	unsigned int rows = 0;
	struct vireo_end end;
	struct vireo_vm *vm;
	struct pollfd p;

	make_runnable(f);
	one_vm_power_off(0);
	assert_int_equal(vireo_create(&vm, f->cfg, &f->err), 0);
	vireo_config_destroy(&f->cfg); /* was copied */
	assert_int_equal(vireo_wait(vm, 0, &end), VIREO_ESTATE);
	assert_int_equal(vireo_start(vm, &f->err), 0);
	assert_int_equal(vireo_start(vm, &f->err), VIREO_ESTATE);
	p = (struct pollfd){ .fd = vireo_event_fd(vm), .events = POLLIN };
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(vireo_wait(vm, -1, &end), 0);
	assert_int_equal(end.reason, VIREO_POWER_OFF);
	assert_int_equal(vireo_power_button(vm), VIREO_ESTATE);
	vireo_stats(vm, count_row, &rows);
	assert_true(rows >= 5);
	vireo_destroy(&vm);
	assert_null(vm);
	assert_int_equal(one_vm_open_fds(), before);
}

static void api_wait_tells_time_from_state(void **state)
{
	struct fixture *f = *state;
	struct vireo_end end;
	struct vireo_vm *vm;

	make_runnable(f);
	assert_int_equal(vireo_create(&vm, f->cfg, &f->err), 0);
	assert_int_equal(vireo_start(vm, &f->err), 0);
	assert_int_equal(vireo_wait(vm, 0, &end), VIREO_ETIME);
	assert_int_equal(vireo_wait(vm, 20, NULL), VIREO_ETIME);
	vireo_stop(vm);
	vireo_stop(vm);
	assert_int_equal(vireo_wait(vm, 5000, &end), 0);
	assert_int_equal(end.reason, VIREO_STOPPED);
	assert_string_equal(end.verdict, "stopped");
	vireo_destroy(&vm);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(C17_version_and_keys_always_answer),
		API_TEST(api_get_returns_what_was_set_or_the_default),
		API_TEST(api_refused_value_leaves_the_old_one),
		API_TEST(api_error_is_filled_only_on_failure),
		API_TEST(api_print_and_parse_are_each_others_inverse),
		API_TEST(api_print_of_nothing_is_an_empty_object),
		API_TEST(api_parse_takes_strings_numbers_booleans_and_lists),
		API_TEST(C01_parse_refuses_and_names_the_key),
		API_TEST(C01_parse_that_fails_late_changes_nothing),
		API_TEST(C03_parse_of_what_is_no_json_is_refused),
		API_TEST(C10_descriptors_are_copied_and_checked),
		API_TEST(api_null_arguments_are_refused),
		API_TEST(api_create_without_a_kernel_names_the_key),
		API_TEST(api_create_failures_have_their_code),
		API_TEST(api_life_of_a_vm_from_create_to_destroy),
		API_TEST(api_wait_tells_time_from_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
