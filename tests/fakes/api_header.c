// SPDX-License-Identifier: BSD-3-Clause
/* See api_header.h. As much of C as the header is made of. */
#include "api_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MARK   "VIREO_API"
#define DEFINE "#define "

static char *read_all(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 1 << 20);
	size_t len = file && text ? fread(text, 1, (1 << 20) - 1, file) : 0;

	if (file)
		fclose(file);
	if (!len)
		fail_msg("%s: no header", path);
	return text;
}

static void blank_comments(char *text)
{
	char *begin, *end;

	while ((begin = strstr(text, "/*")) && (end = strstr(begin, "*/")))
		memset(begin, ' ', (size_t)(end + 2 - begin));
}

/* Past the parenthesis that belongs to the one at @at. */
static const char *past_parenthesis(const char *at)
{
	int depth = 0;

	do
		depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
	while (*++at && depth);
	return at;
}

/* From the parenthesis at @at on: how many arguments are pointers. */
static unsigned int count_pointers(const char *at)
{
	const char *end = past_parenthesis(at) - 1;
	unsigned int n = 0;
	bool pointer = false;

	for (at++; at < end; at++) {
		pointer = pointer || *at == '*';
		if (*at == '(')
			at = past_parenthesis(at) - 1;
		if (*at == '(' || *at == ')')
			pointer = true; /* to a function */
		if (*at != ',')
			continue;
		n += pointer;
		pointer = false;
	}
	return n + pointer;
}

static void add(struct api_header *h, const char *declaration)
{
	static const char *const vms[] = { "(struct vireo_vm *v",
					   "(const struct vireo_vm *v" };
	const char *open = strchr(declaration, '(');
	struct api_function *f = &h->function[h->count];
	const char *name = open;

	assert_non_null(open);
	assert_true(h->count < API_HEADER_MAX);
	while (name[-1] == '_' || (name[-1] >= '0' && name[-1] <= '9') ||
	       (name[-1] >= 'a' && name[-1] <= 'z'))
		name--;
	assert_true((size_t)(open - name) < sizeof(f->name));
	memcpy(f->name, name, (size_t)(open - name));
	f->pointers = count_pointers(open);
	for (int i = 0; i < 2; i++)
		f->has_vm |= !strncmp(open, vms[i], strlen(vms[i]));
	h->count++;
}

void api_header_read(struct api_header *h, const char *path)
{
	char *text = read_all(path);

	memset(h, 0, sizeof(*h));
	blank_comments(text);
	for (char *at = text; (at = strstr(at, MARK));) {
		bool defined = at - text >= (long)strlen(DEFINE) &&
			       !strncmp(at - strlen(DEFINE), DEFINE,
					strlen(DEFINE));

		at += strlen(MARK);
		if (!defined)
			add(h, at);
	}
	free(text);
	assert_true(h->count > 50);
}
