// SPDX-License-Identifier: BSD-3-Clause
/* See log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

#define WINDOW_MS    5000
#define WINDOW_LINES 10

static void vline(const struct log *log, enum log_level level, const char *fmt,
		  va_list ap)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, ap);
	log->fn(log->ctx, level, line);
}

void log_line(const struct log *log, enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (!log || !log->fn || level > log->level)
		return;
	va_start(ap, fmt);
	vline(log, level, fmt, ap);
	va_end(ap);
}

void log_guest(const struct log *log, struct log_limit *limit, const char *fmt,
	       ...)
{
	uint64_t now = clock_mono_ms();
	va_list ap;

	if (!log || !log->fn || log->level < LOG_LEVEL_WARN)
		return;
	if (now - limit->window_ms >= WINDOW_MS) {
		if (limit->suppressed)
			log_warn(log, "suppressed %u lines like the one before",
				 limit->suppressed);
		*limit = (struct log_limit){ .window_ms = now };
	}
	if (limit->lines >= WINDOW_LINES) {
		limit->suppressed++;
		return;
	}
	limit->lines++;
	va_start(ap, fmt);
	vline(log, LOG_LEVEL_WARN, fmt, ap);
	va_end(ap);
}
