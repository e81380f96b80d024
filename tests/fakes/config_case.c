// SPDX-License-Identifier: BSD-3-Clause
/* See config_case.h. */
#include "config_case.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int config_set_up(void **state)
{
	struct config *cfg = malloc(sizeof(*cfg));

	if (cfg)
		config_init(cfg);
	*state = cfg;
	return cfg ? 0 : -1;
}

int config_tear_down(void **state)
{
	free(*state);
	return 0;
}

void assert_taken(struct config *cfg, const char *key, const char *value)
{
	struct err err = { 0 };

	if (config_set(cfg, key, value, &err) != 0)
		fail_msg("%s=%s is refused: %s", key, value, err.text);
}

void assert_refused(struct config *cfg, const char *key, const char *value,
		    const char *word)
{
	struct err err = { 0 };

	if (config_set(cfg, key, value, &err) != -EINVAL)
		fail_msg("%s=%s is taken", key, value);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.key, key);
	if (strncmp(err.text, key, strlen(key)) || !strstr(err.text, word))
		fail_msg("%s=%s: \"%s\"", key, value, err.text);
}

void assert_all_refused(struct config *cfg, const char *key,
			const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_refused(cfg, key, rows[i].value, rows[i].word);
}
