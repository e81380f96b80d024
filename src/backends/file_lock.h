/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locks against using an image twice: open-file-description locks (fcntl(2),
 * F_OFD_SETLK), which end with the last descriptor. Any thread.
 */
#ifndef VIREO_BACKENDS_FILE_LOCK_H
#define VIREO_BACKENDS_FILE_LOCK_H

#include <stdbool.h>

#include "base/err.h"

/* Locks all of @fd: @exclusive (it must be open for writing) or shared. -EBUSY
 * with a sentence that names @path and, where that can be seen, who holds it.
 * File systems without locks are let pass. */
int file_lock(int fd, bool exclusive, const char *path, struct err *err);
/* Before the last close: the kernel may keep a description a little longer than
 * its descriptors (io_uring(7) ends in the background). */
void file_unlock(int fd);

#endif
