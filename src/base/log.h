/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log lines go to a callback that the embedder gave; the library itself
 * prints nothing. Messages are lower case, without a newline, and start with
 * the object they speak of: "serial0: output stalled".
 *
 * Threads: any thread may log; the callback must expect that.
 */
#ifndef VIREO_BASE_LOG_H
#define VIREO_BASE_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
		 LOG_LEVEL_DEBUG };

struct log {
	enum log_level level; /* lines above it are dropped */
	void (*fn)(void *ctx, int level, const char *line);
	void *ctx;
};

/* Lines a guest can cause are limited: 10 in 5 seconds per limit, then one
 * line "suppressed N" when the next window opens. Zero-initialised; belongs to
 * one device and is guarded by that device's lock. */
struct log_limit {
	uint64_t window_ms; /* start of the current window, monotonic */
	unsigned int lines; /* written in this window */
	unsigned int suppressed;
};

/* @log may be NULL: then nothing happens. */
void log_line(const struct log *log, enum log_level level, const char *fmt,
	      ...) __attribute__((format(printf, 3, 4)));

/* A warning about something the guest did. */
void log_guest(const struct log *log, struct log_limit *limit, const char *fmt,
	       ...) __attribute__((format(printf, 3, 4)));

#define log_error(log, ...) log_line(log, LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(log, ...)  log_line(log, LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(log, ...)  log_line(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_line(log, LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
