/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this host can do, behind vireo_check(). The caller's thread.
 */
#ifndef VIREO_CHECK_H
#define VIREO_CHECK_H

#include "vireo.h"

/* As vireo_check(); @kvm_fd: an open /dev/kvm, or -1 to open it. */
int check_run(int kvm_fd,
	      void (*fn)(void *ctx, const struct vireo_check_row *row),
	      void *ctx);

#endif
