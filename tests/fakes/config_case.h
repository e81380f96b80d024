/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests of configuration keys: the state is a struct config with its defaults;
 * what a key takes, and what it refuses with which words. */
#ifndef VIREO_TESTS_CONFIG_CASE_H
#define VIREO_TESTS_CONFIG_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board/config.h"

int config_set_up(void **state);
int config_tear_down(void **state);

void assert_taken(struct config *cfg, const char *key, const char *value);
/* Refused, blamed on the key, and the sentence has @word in it. */
void assert_refused(struct config *cfg, const char *key, const char *value,
		    const char *word);

struct row {
	const char *value;
	const char *word; /* in the refusal */
};

void assert_all_refused(struct config *cfg, const char *key,
			const struct row *rows, size_t n);

#define CONFIG_TEST(name) \
	cmocka_unit_test_setup_teardown(name, config_set_up, config_tear_down)

#endif
