// SPDX-License-Identifier: BSD-3-Clause
/* See json.h. */
#include "base/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* One scalar as text; NULL when it is not one. @num: room for a number. */
static const char *as_text(const json_t *value, char *num, size_t cap)
{
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_true(value))
		return "true";
	if (json_is_false(value))
		return "false";
	if (!json_is_integer(value))
		return NULL;
	snprintf(num, cap, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return num;
}

static int visit(const char *key, const json_t *value, json_member_fn fn,
		 void *ctx, struct err *err)
{
	char num[32];
	const char *text = as_text(value, num, sizeof(num));

	if (!text)
		return err_set_key(err, -EINVAL, key,
				   "\"%s\": wants a string, an integer, true, "
				   "false, or a list of these",
				   key);
	return fn(ctx, key, text, err);
}

static int walk(json_t *root, json_member_fn fn, void *ctx, struct err *err)
{
	const char *key;
	json_t *value;
	int r = 0;

	if (!json_is_object(root))
		return err_set(err, -EINVAL, "wants one JSON object");
	json_object_foreach(root, key, value) {
		size_t n = json_is_array(value) ? json_array_size(value) : 0;

		if (!json_is_array(value))
			r = visit(key, value, fn, ctx, err);
		for (size_t i = 0; i < n && r >= 0; i++)
			r = visit(key, json_array_get(value, i), fn, ctx, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int json_walk(const char *text, size_t len, json_member_fn fn, void *ctx,
	      struct err *err)
{
	json_error_t error;
	json_t *root;
	int r;

	if (len > JSON_MAX_BYTES)
		return err_set(err, -EINVAL, "more than %u bytes",
			       JSON_MAX_BYTES);
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		return err_set(err, -EINVAL, "line %d, column %d: %s",
			       error.line, error.column, error.text);
	r = walk(root, fn, ctx, err);
	json_decref(root);
	return r;
}

/* struct json_object is a json_t under another name, so that jansson's types
 * stay in this file. */
struct json_object *json_object_create(void)
{
	return (struct json_object *)json_object();
}

int json_object_add(struct json_object *object, const char *key,
		    const char *value, int append)
{
	json_t *root = (json_t *)object;
	json_t *list;

	if (!append)
		return json_object_set_new(root, key, json_string(value))
			       ? -ENOMEM
			       : 0;
	list = json_object_get(root, key);
	if (!list) {
		if (json_object_set_new(root, key, json_array()))
			return -ENOMEM;
		list = json_object_get(root, key);
	}
	return json_array_append_new(list, json_string(value)) ? -ENOMEM : 0;
}

int json_object_add_number(struct json_object *object, const char *key,
			   int64_t value)
{
	json_t *root = (json_t *)object;

	return json_object_set_new(root, key, json_integer(value)) ? -ENOMEM
								   : 0;
}

char *json_object_finish(struct json_object *object)
{
	json_t *root = (json_t *)object;
	char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;

	json_decref(root);
	return text;
}
