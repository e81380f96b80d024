/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Words from people: "root.img,ro" option lists, and the nearest word to a
 * misspelt one. Pure; any thread.
 */
#ifndef VIREO_BASE_WORDS_H
#define VIREO_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Walks "value,key=value,key": copies the next item into @key and @value (both
 * of @cap bytes). The first item without '=' of a list is positional: its key
 * is "". Later items without '=' have the value "". Returns the rest of the
 * list, or NULL when there is no next item or it does not fit (*bad is true
 * then).
 */
const char *words_next(const char *list, bool first, char *key, char *value,
		       size_t cap, bool *bad);

/* Index of the word nearest to @word by edit distance, or -1 when none is
 * near enough to suggest. */
int words_nearest(const char *word, const char *(*name)(size_t index),
		  size_t count);

#endif
