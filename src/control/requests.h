/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be asked of a VM over its control socket; docs/control.md has the
 * list. A connection's thread.
 */
#ifndef VIREO_CONTROL_REQUESTS_H
#define VIREO_CONTROL_REQUESTS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "control/exchange.h"
#include "vireo.h"

/* Further commands at a time. Their connections last, and some are left for who
 * wants to know, or to end it all. */
#define SERVICE_EXECS 24u

/* What requests are about; the same for all connections, and not changed while
 * there are any. */
struct service {
	const char *name;
	const struct vireo_config *cfg;
	struct vireo_vm *vm;
	int64_t since; /* seconds since 1970 */
	int stop_fd; /* readable: all connections end */
	_Atomic bool *console; /* somebody has it */
	_Atomic unsigned int *execs; /* how many run */
};

/* Answers it; when there is more to say on the connection, to its end. */
void request_serve(const struct service *s, const struct exchange *x, int fd);

/* request_console.c: the main console, from now on. */
void request_console(const struct service *s, const struct exchange *x, int fd);

/* request_exec.c: a further command, see docs/control.md. */
void request_exec(const struct service *s, const struct exchange *x, int fd);

#endif
