// SPDX-License-Identifier: BSD-3-Clause
/* See console_watch.h. The texts are those of Linux's kernel/panic.c and
 * init/main.c; the prefixes those of kernel/printk/printk.c. */
#include "devices/console_watch.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define SLOTS (CONSOLE_WATCH_LINES + 1) /* one for the line that grows */

static bool starts_with(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static bool ends_with(const char *s, const char *with)
{
	size_t len = strlen(s);
	size_t tail = strlen(with);

	return len >= tail && strcmp(s + len - tail, with) == 0;
}

static const char *skip_digits(const char *s)
{
	while (*s >= '0' && *s <= '9')
		s++;
	return s;
}

/* Behind "[   12.345678]", "[    T1]" (a task) or "[    C0]" (a CPU), or NULL
 * when @s does not start with one of them. */
static const char *skip_bracket(const char *s)
{
	const char *digits;

	if (*s++ != '[')
		return NULL;
	while (*s == ' ')
		s++;
	if (*s == 'T' || *s == 'C') {
		digits = s + 1;
		s = skip_digits(digits);
	} else {
		s = skip_digits(s);
		if (*s != '.')
			return NULL;
		digits = s + 1;
		s = skip_digits(digits);
	}
	return s > digits && *s == ']' ? s + 1 : NULL;
}

/* Without a time stamp and a caller's id, in either writing: "[..][..] " and
 * "[..] [..] ". */
static const char *skip_prefix(const char *s)
{
	for (int i = 0; i < 2; i++) {
		const char *behind = skip_bracket(s);

		if (!behind)
			break;
		s = behind;
		while (*s == ' ')
			s++;
	}
	return s;
}

/* What a program writes at the same time may be in the middle of the line: then
 * its end tells, or the way to it in the trace. Only of the kernel's lines. */
static bool is_panic(const char *line, const char *text)
{
	if (starts_with(text, "Kernel panic - not syncing"))
		return true;
	return text != line && (strstr(text, "panic - not syncing: ") ||
				starts_with(text, "panic+0x"));
}

static void recognise(const struct console_watch *w, const char *line)
{
	const char *text = skip_prefix(line);
	enum console_event event;

	if (starts_with(text, "---[ end Kernel panic"))
		event = CONSOLE_PANIC_END;
	else if (is_panic(line, text))
		event = CONSOLE_PANIC;
	else if (starts_with(text, "Run /") &&
		 ends_with(text, " as init process"))
		event = CONSOLE_USER_SPACE;
	else
		return;
	if (w->sink.event)
		w->sink.event(w->sink.ctx, event, text);
}

static void end_line(struct console_watch *w)
{
	char *line = w->text[w->at];

	if (!w->len)
		return;
	line[w->len] = 0;
	w->len = 0;
	w->at = (w->at + 1) % SLOTS;
	if (w->count < CONSOLE_WATCH_LINES)
		w->count++;
	w->text[w->at][0] = 0;
	recognise(w, line);
}

static void add(struct console_watch *w, uint8_t byte)
{
	char *line = w->text[w->at];

	if (w->len == CONSOLE_WATCH_LINE - 1)
		return;
	if (byte == '\t')
		byte = ' ';
	else if (byte < ' ' || byte >= 0x7f)
		byte = '?';
	line[w->len++] = (char)byte;
	line[w->len] = 0;
}

void console_watch_init(struct console_watch *w, struct console_sink sink)
{
	w->sink = sink;
	w->len = 0;
	w->at = 0;
	w->count = 0;
	w->text[0][0] = 0;
}

void console_watch_feed(struct console_watch *w, const uint8_t *bytes,
			size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n')
			end_line(w);
		else if (bytes[i] != '\r')
			add(w, bytes[i]);
	}
}

/* The line that grows takes the place of the oldest complete one. */
unsigned int console_watch_count(const struct console_watch *w)
{
	unsigned int n = w->count + (w->len ? 1 : 0);

	return n < CONSOLE_WATCH_LINES ? n : CONSOLE_WATCH_LINES;
}

const char *console_watch_line(const struct console_watch *w, unsigned int n)
{
	unsigned int count = console_watch_count(w);
	unsigned int last = w->len ? w->at : w->at + SLOTS - 1;

	assert(n < count);
	return w->text[(last + SLOTS - (count - 1 - n)) % SLOTS];
}
