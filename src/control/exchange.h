/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request on a connection, with the descriptors that came with it, and its
 * answer. Whoever connects may say anything, slowly, or nothing: all is bounded
 * in size and time. A connection's thread.
 */
#ifndef VIREO_CONTROL_EXCHANGE_H
#define VIREO_CONTROL_EXCHANGE_H

#include "control/http.h"

#define EXCHANGE_FDS 3

struct exchange {
	struct http_request request;
	char *bytes; /* owned; head and body, an end of string behind them */
	size_t len;
	size_t head;           /* how much of it; 0: not whole yet */
	int fd[EXCHANGE_FDS];   /* owned */
	unsigned int fds;
};

/* Reads one. -EBADMSG, -E2BIG, -ENOTSUP: an answer is due; -ETIMEDOUT,
 * -ECONNRESET; -ECANCELED: @stop_fd has become readable. exchange_finish() is
 * the caller's in any case. */
int exchange_read(struct exchange *x, int fd, int stop_fd);
void exchange_finish(struct exchange *x);
/* Its body; "" when there is none. */
const char *exchange_body(const struct exchange *x);

/* All of it within some seconds, or -errno. */
int exchange_send(int fd, const char *bytes, size_t len);
/* An answer with JSON; with {"error": TEXT}; the change of protocol. */
void exchange_answer(int fd, int status, const char *body);
void exchange_refuse(int fd, int status, const char *text);
int exchange_upgrade(int fd, const char *protocol);

#endif
