/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON in and out, through jansson; this is the only file that includes it.
 * Just what a flat configuration needs. Pure; any thread.
 */
#ifndef VIREO_BASE_JSON_H
#define VIREO_BASE_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define JSON_MAX_BYTES (1u << 20)

/* Called for each member of the top object; array members once per element. A
 * negative return stops the walk and becomes its result. */
typedef int (*json_member_fn)(void *ctx, const char *key, const char *value,
			      struct err *err);

/*
 * Walks one JSON object whose values are strings, integers, booleans, or
 * arrays of these; every value arrives as text. -EINVAL with the line and
 * column for bad syntax, duplicate keys, deep nesting, NUL in strings, numbers
 * that are not integers, or more than JSON_MAX_BYTES.
 */
int json_walk(const char *text, size_t len, json_member_fn fn, void *ctx,
	      struct err *err);

/* A JSON object under construction: members in the order they are added. */
struct json_object;
struct json_object *json_object_create(void);
/* @append: the member is an array and gets one more element. */
int json_object_add(struct json_object *object, const char *key,
		    const char *value, int append);
int json_object_add_number(struct json_object *object, const char *key,
			   int64_t value);
/* The text, malloc'd (NULL when out of memory); frees the object. */
char *json_object_finish(struct json_object *object);

#endif
