// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "devices/console_watch.h"

struct bench {
	struct console_watch watch;
	unsigned int events;
	enum console_event event;
	char text[CONSOLE_WATCH_LINE];
};

static void note(void *ctx, enum console_event event, const char *text)
{
	struct bench *b = ctx;

	b->events++;
	b->event = event;
	strcpy(b->text, text);
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	*state = b;
	console_watch_init(&b->watch, (struct console_sink){ note, b });
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void feed(struct bench *b, const char *text)
{
	console_watch_feed(&b->watch, (const uint8_t *)text, strlen(text));
}

/* A program on another CPU wrote in the middle of it. */
static void a_panic_line_may_be_mangled(void **state)
{
	static const char *const line[] = {
		"[    2.217887] KeVIREO-MODE: panirnel panic - not syncing: x\n",
		"[    2.244198]  panic+0x118/0x2f4\n",
	};
	struct bench *b = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(line); i++) {
		b->events = 0;
		feed(b, line[i]);
		assert_int_equal(b->events, 1);
		assert_int_equal(b->event, CONSOLE_PANIC);
	}
}

static void kernel_lines_are_recognised_behind_any_prefix(void **state)
{
	static const char *const prefix[] = {
		"", "[    0.000000] ", "[12345.678901] ",
		"[    1.234567][    T1] ", "[    1.234567] [T1] ",
		"[    1.234567][    C0] ", "[    T1] ",
	};
	static const struct {
		const char *text;
		enum console_event event;
	} line[] = {
		{ "Kernel panic - not syncing: VFS: Unable to mount root fs",
		  CONSOLE_PANIC },
		{ "---[ end Kernel panic - not syncing: VFS ]---",
		  CONSOLE_PANIC_END },
		{ "Run /init as init process", CONSOLE_USER_SPACE },
		{ "Run /sbin/init as init process", CONSOLE_USER_SPACE },
	};
	struct bench *b = *state;

	for (unsigned int p = 0; p < ARRAY_SIZE(prefix); p++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(line); i++) {
			b->events = 0;
			feed(b, prefix[p]);
			feed(b, line[i].text);
			assert_int_equal(b->events, 0);
			feed(b, "\r\n");
			assert_int_equal(b->events, 1);
			assert_int_equal(b->event, line[i].event);
			assert_string_equal(b->text, line[i].text);
		}
	}
}

static void other_lines_are_not_recognised(void **state)
{
	static const char *const line[] = {
		"", "x Kernel panic - not syncing: x", "Kernel panic",
		"[a] Kernel panic - not syncing", "[1] Kernel panic - not sync",
		"[    1.] Kernel panic - not syncing: no fraction",
		"[    1.5 Kernel panic - not syncing: no end",
		"[T] Kernel panic - not syncing: no number",
		"panic+0x118/0x2f4",
		"KeHELLOrnel panic - not syncing: no time",
		" Kernel panic - not syncing: a blank", "[", "[ ", "[1", "[1.",
		"Run init as init process", "Run /init as", "Run /",
		"run /init as init process", "Run /init as init process now",
		"---[ end trace 0000000000000000 ]---",
	};
	struct bench *b = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(line); i++) {
		feed(b, line[i]);
		feed(b, "\n");
		if (b->events)
			fail_msg("'%s' was recognised", line[i]);
	}
}

static void bytes_may_come_one_by_one(void **state)
{
	static const char text[] = "[ 1.0] Kernel panic - not syncing: y\n";
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		console_watch_feed(&b->watch, (const uint8_t *)text + i, 1);
	assert_int_equal(b->events, 1);
	assert_string_equal(b->text, "Kernel panic - not syncing: y");
}

static void last_lines_are_kept(void **state)
{
	struct bench *b = *state;
	char text[32];

	assert_int_equal(console_watch_count(&b->watch), 0);
	for (unsigned int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "line %u\n\n\r\n", i);
		feed(b, text);
		assert_int_equal(console_watch_count(&b->watch),
				 min_u64(i + 1, 64));
	}
	for (unsigned int i = 0; i < 64; i++) {
		snprintf(text, sizeof(text), "line %u", 136 + i);
		assert_string_equal(console_watch_line(&b->watch, i), text);
	}
	feed(b, "unfin");
	assert_int_equal(console_watch_count(&b->watch), 64);
	assert_string_equal(console_watch_line(&b->watch, 0), "line 137");
	assert_string_equal(console_watch_line(&b->watch, 62), "line 199");
	assert_string_equal(console_watch_line(&b->watch, 63), "unfin");
}

static void unfinished_first_line_counts(void **state)
{
	struct bench *b = *state;

	feed(b, "a\nb");
	assert_int_equal(console_watch_count(&b->watch), 2);
	assert_string_equal(console_watch_line(&b->watch, 0), "a");
	assert_string_equal(console_watch_line(&b->watch, 1), "b");
}

static void DC08_control_bytes_do_not_reach_the_verdict(void **state)
{
	struct bench *b = *state;

	feed(b, "\x1b[31mred\tx\xff\x7f\n");
	assert_string_equal(console_watch_line(&b->watch, 0), "?[31mred x??");
	console_watch_feed(&b->watch, (const uint8_t *)"a\0b\n", 4);
	assert_string_equal(console_watch_line(&b->watch, 1), "a?b");
}

static void endless_line_is_cut(void **state)
{
	struct bench *b = *state;

	feed(b, "Kernel panic - not syncing: ");
	for (unsigned int i = 0; i < 1000000; i++)
		feed(b, "A");
	assert_int_equal(b->events, 0);
	feed(b, "\n");
	assert_int_equal(b->events, 1);
	assert_int_equal(strlen(b->text), CONSOLE_WATCH_LINE - 1);
	feed(b, "next\n");
	assert_string_equal(console_watch_line(&b->watch, 1), "next");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_panic_line_may_be_mangled),
		T(kernel_lines_are_recognised_behind_any_prefix),
		T(other_lines_are_not_recognised),
		T(bytes_may_come_one_by_one),
		T(last_lines_are_kept),
		T(unfinished_first_line_counts),
		T(DC08_control_bytes_do_not_reach_the_verdict),
		T(endless_line_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
