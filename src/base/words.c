// SPDX-License-Identifier: BSD-3-Clause
/* See words.h. */
#include "base/words.h"

#include <stdint.h>
#include <string.h>

#define LONGEST 32 /* words compared; longer ones are nobody's key */

static bool copy(char *dst, size_t cap, const char *src, size_t len)
{
	if (len >= cap)
		return false;
	memcpy(dst, src, len);
	dst[len] = '\0';
	return true;
}

const char *words_next(const char *list, bool first, char *key, char *value,
		       size_t cap, bool *bad)
{
	size_t len = strcspn(list, ",");
	const char *eq = memchr(list, '=', len);
	size_t klen = eq ? (size_t)(eq - list) : len;
	bool ok;

	*bad = false;
	if (!*list)
		return NULL;
	if (!eq && first)
		ok = copy(key, cap, "", 0) && copy(value, cap, list, len);
	else
		ok = copy(key, cap, list, klen) &&
		     copy(value, cap, eq ? eq + 1 : "",
			  eq ? len - klen - 1 : 0);
	*bad = !ok;
	if (!ok)
		return NULL;
	return list + len + (list[len] == ',');
}

/* Levenshtein distance with one row; a word over LONGEST is far from all. */
static size_t distance(const char *a, const char *b)
{
	size_t row[LONGEST + 1];
	size_t la = strlen(a);
	size_t lb = strlen(b);

	if (la > LONGEST || lb > LONGEST)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			size_t other = row[j] < row[j - 1] ? row[j]
							   : row[j - 1];

			diagonal = row[j];
			row[j] = change < other + 1 ? change : other + 1;
		}
	}
	return row[lb];
}

int words_nearest(const char *word, const char *(*name)(size_t index),
		  size_t count)
{
	size_t best = strlen(word) / 3 + 2;
	int found = -1;

	for (size_t i = 0; i < count; i++) {
		size_t d = distance(word, name(i));

		if (d < best) {
			best = d;
			found = (int)i;
		}
	}
	return found;
}
