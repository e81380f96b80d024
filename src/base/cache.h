/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A folder of files that could be made again: each is what a key stands for. A
 * file appears whole or not at all; one of another owner, or that others may
 * write to, or of another length than it had, is not believed. One thread for
 * each call, any number of processes on a folder.
 */
#ifndef VIREO_BASE_CACHE_H
#define VIREO_BASE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#define CACHE_KEY_MAX 2048 /* with its 0 */

/* A descriptor at the first byte of what was kept, which the caller closes, and
 * its length; -ENOENT when there is nothing to be believed. */
int cache_open(const char *folder, const char *key, uint64_t *len);

/* A file that is being written. */
struct cache_new {
	int fd; /* for the caller to write to, and nothing else */
	char temporary[1088];
	char file[1088];
};

/* Makes the folder when it is not there. -errno: it is not possible here. */
int cache_begin(struct cache_new *n, const char *folder, const char *key);
/* Closes the file; it is there from now on, if @whole. At most @files of the
 * folder stay: the oldest go. */
void cache_end(struct cache_new *n, int whole, unsigned int files);

#endif
