// SPDX-License-Identifier: BSD-3-Clause
/* See parse.h. */
#include "board/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/words.h"

#define MS_MAX (UINT64_C(366) * 24 * 3600 * 1000)

int parse_bool(bool *out, const char *v, struct err *e)
{
	if (!strcmp(v, "true") || !strcmp(v, "on") || !strcmp(v, "yes"))
		*out = true;
	else if (!strcmp(v, "false") || !strcmp(v, "off") || !strcmp(v, "no"))
		*out = false;
	else
		return err_set(e, -EINVAL, "\"%s\" is neither true nor false",
			       v);
	return 0;
}

int parse_flag(bool *out, const char *v, struct err *e)
{
	return parse_bool(out, *v ? v : "true", e);
}

int parse_text(char *out, size_t cap, const char *v, const char *what,
		      struct err *e)
{
	if (!*v)
		return err_set(e, -EINVAL, "%s is empty", what);
	if (strlen(v) >= cap)
		return err_set(e, -EINVAL, "%s is longer than %zu bytes", what,
			       cap - 1);
	memcpy(out, v, strlen(v) + 1);
	return 0;
}

/* A last part of dots would hide nothing. */
int parse_hidden(char *out, size_t cap, const char *v, struct err *e)
{
	size_t len, part = 0;

	v += strspn(v, "/");
	len = strlen(v);
	while (len && v[len - 1] == '/')
		len--;
	if (!len || len >= cap)
		return err_set(e, -EINVAL,
			       "what is hidden has a path of 1 to %zu bytes",
			       cap - 1);
	while (part < len && v[len - part - 1] != '/')
		part++;
	if (part <= 2 && strspn(v + len - part, ".") >= part)
		return err_set(e, -EINVAL,
			       "\"%s\" ends in dots: name what they stand for",
			       v);
	memcpy(out, v, len);
	out[len] = '\0';
	return 0;
}

int parse_choice(int *out, const char *v, const char *const *words,
			int n, struct err *e)
{
	char all[128] = "";

	for (int i = 0; i < n; i++) {
		size_t used = strlen(all);

		if (!strcmp(v, words[i])) {
			*out = i;
			return 0;
		}
		snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
			 words[i]);
	}
	return err_set(e, -EINVAL, "\"%s\" is not one of %s", v, all);
}

int parse_ms(uint64_t *out, const char *v, struct err *e)
{
	uint64_t ms = 0;

	if (num_parse_ms(&ms, v) < 0 || ms == 0 || ms > MS_MAX)
		return err_set(e, -EINVAL,
			       "\"%s\" is not a duration from 1ms to 8784h "
			       "(such as 250ms, 30s, 5m)",
			       v);
	*out = ms;
	return 0;
}

int parse_list(struct config *c, const char *v, char *positional,
		      size_t cap, item_fn item, struct err *e)
{
	char key[CONFIG_PATH_MAX];
	char value[CONFIG_PATH_MAX];
	bool first = true;
	bool bad;

	positional[0] = '\0';
	while ((v = words_next(v, first, key, value, sizeof(key), &bad))) {
		if (first && !key[0]) {
			int r = parse_text(positional, cap, value, "the value",
					   e);
			if (r < 0)
				return r;
		} else {
			int r = item(c, key, value, e);

			if (r < 0)
				return r;
		}
		first = false;
	}
	return bad ? err_set(e, -EINVAL, "an item is too long") : 0;
}

int parse_number(uint64_t *out, const char *v, uint64_t min, uint64_t max,
		 struct err *e)
{
	uint64_t n = 0;

	if (num_parse_u64(&n, v) < 0 || n < min || n > max)
		return err_set(e, -EINVAL,
			       "\"%s\" is not a number from %llu to %llu", v,
			       (unsigned long long)min,
			       (unsigned long long)max);
	*out = n;
	return 0;
}

int parse_size(uint64_t *out, const char *v, struct err *e)
{
	uint64_t n = 0;

	if (num_parse_size(&n, v) < 0 || n == 0)
		return err_set(e, -EINVAL,
			       "\"%s\" is not a size (such as 512K or 20M)",
			       v);
	*out = n;
	return 0;
}
