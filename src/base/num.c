// SPDX-License-Identifier: BSD-3-Clause
/* See num.h. */
#include "base/num.h"

#include <errno.h>
#include <string.h>

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Reads digits from *word up to the first other character. */
static int digits(uint64_t *out, const char **word, unsigned int base)
{
	const char *p = *word;
	uint64_t v = 0;

	if (digit_of(*p) >= (int)base)
		return -EINVAL;
	if (base == 10 && p[0] == '0' && digit_of(p[1]) < 10)
		return -EINVAL; /* octal to some readers, decimal to others */
	for (; digit_of(*p) < (int)base; p++)
		if (!mul_u64(v, base, &v) ||
		    !add_u64(v, (uint64_t)digit_of(*p), &v))
			return -ERANGE;
	*word = p;
	*out = v;
	return 0;
}

int num_parse_u64(uint64_t *out, const char *word)
{
	unsigned int base = 10;
	uint64_t v;
	int r;

	if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X')) {
		base = 16;
		word += 2;
	}
	r = digits(&v, &word, base);
	if (r < 0)
		return r;
	if (*word)
		return -EINVAL;
	*out = v;
	return 0;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static int with_unit(uint64_t *out, const char *word, const struct unit *units,
		     size_t n)
{
	uint64_t v;
	int r = digits(&v, &word, 10);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(word, units[i].name))
			return mul_u64(v, units[i].factor, out) ? 0 : -ERANGE;
	return -EINVAL;
}

int num_parse_size(uint64_t *out, const char *word)
{
	static const struct unit units[] = {
		{ "", 1 },     { "K", KIB }, { "k", KIB }, { "M", MIB },
		{ "m", MIB },  { "G", GIB }, { "g", GIB }, { "T", GIB << 10 },
		{ "t", GIB << 10 },
	};

	return with_unit(out, word, units, ARRAY_SIZE(units));
}

int num_parse_ms(uint64_t *out, const char *word)
{
	static const struct unit units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
	};

	return with_unit(out, word, units, ARRAY_SIZE(units));
}
