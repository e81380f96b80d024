/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In place of backends/file_io.c: does the same to real files, and keeps a log
 * of everything that changes one of them. From the log, what a crash would have
 * left: all of a prefix (the process was killed), or of what no sync covered
 * any part, sector by sector (the power was cut).
 */
#ifndef VIREO_FAKE_FILE_IO_H
#define VIREO_FAKE_FILE_IO_H

#include <stdbool.h>
#include <stdint.h>

struct fake_change {
	bool sync;
	uint64_t off;
	uint64_t len;
	uint8_t *bytes; /* owned; NULL: a sync */
};

/* Starts a new log, of changes to files other than @path (the base). */
void fake_file_start(const char *base);
void fake_file_stop(void);
/* Changes are made, and not logged. */
void fake_file_pause(bool on);
unsigned int fake_file_count(void);
const struct fake_change *fake_file_change(unsigned int i);

/* From change number @n (counted from the log's start) on, changes and syncs
 * fail with @code, @times of them. */
void fake_file_fail(unsigned int n, int code, unsigned int times);

/* Makes file @path, of @size bytes, as a crash after @count changes leaves it.
 * @seed 0: everything reached the file; 1: only what was synced; else: chance
 * decides about each sector that was not. */
void fake_file_crash(const char *path, uint64_t size, unsigned int count,
		     uint64_t seed);

#endif
