/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parsing the values of configuration keys. Each function returns 0, or
 * -EINVAL with a reason that names the value and what would be accepted; *out
 * is then unchanged. Pure; any thread.
 */
#ifndef VIREO_BOARD_PARSE_H
#define VIREO_BOARD_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "board/config.h"

/* true/on/yes, false/off/no */
int parse_bool(bool *out, const char *v, struct err *e);
/* The same for a word that stands for true when it has no value. */
int parse_flag(bool *out, const char *v, struct err *e);
/* A text that is not empty and fits; @what it is, for the reason. */
int parse_text(char *out, size_t cap, const char *v, const char *what,
	       struct err *e);
/* What does not exist for a guest: a path from the root of a tree; how one
 * begins and ends is the same. */
int parse_hidden(char *out, size_t cap, const char *v, struct err *e);
/* One of @words; its index in *out. */
int parse_choice(int *out, const char *v, const char *const *words, int n,
		 struct err *e);
/* A duration of at least 1 ms. */
int parse_ms(uint64_t *out, const char *v, struct err *e);
int parse_number(uint64_t *out, const char *v, uint64_t min, uint64_t max,
		 struct err *e);
/* A size in bytes, not 0. */
int parse_size(uint64_t *out, const char *v, struct err *e);

/* One item of an option list after the positional value. */
typedef int (*item_fn)(struct config *c, const char *key, const char *value,
		       struct err *e);

/* Splits "POSITIONAL,key=value,..." and hands each later item to @item. */
int parse_list(struct config *c, const char *v, char *positional, size_t cap,
	       item_fn item, struct err *e);

#endif
