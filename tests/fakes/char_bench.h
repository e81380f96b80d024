/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of backends/char.c share: a pair of descriptors of each kind,
 * a backend on one of them, and a text in which loss shows. */
#ifndef VIREO_CHAR_BENCH_H
#define VIREO_CHAR_BENCH_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/char.h"
#include "backends/char_out.h"

#define PATIENCE 20000 /* ms until a test gives up */

struct bench {
	struct loop *loop;
	struct char_dev *chr;
	struct char_out *out; /* for tests with a give-up time of their own */
	int fd[2];            /* ours is [0], the backend's is [1] */
	struct log log;
	int lines; /* atomic: log lines */
	int told;  /* atomic: calls of the listener */
	int inside;
	int hold;
	size_t tapped;
	size_t target; /* of a writing thread */
};

/* What the backend writes to or reads from; TERMINAL is a slave side. */
enum kind { PIPE, SOCKET, TERMINAL, MASTER };

void nap(unsigned int ms);
/* Atomic, for what other threads count. */
int load(const int *p);
void store(int *p, int v);
/* Until *p is at least @v. */
void wait_for(const int *p, int v);

int char_bench_setup(void **state);
int char_bench_teardown(void **state);

void open_pair(struct bench *b, enum kind kind);
/* Makes b->chr; -1: no input, no output. */
void create(struct bench *b, int in, int out);
/* Makes b->out alone, on b->fd[1]. */
void create_out(struct bench *b, unsigned int give_up_ms);

void say(struct bench *b, const char *text);
/* What can be read within @ms, at most @cap. */
size_t hear(int fd, void *buf, size_t cap, unsigned int ms);

/* A byte that depends on its place, so that loss and disorder both show. */
uint8_t pattern(size_t at);
void write_pattern(struct bench *b, size_t from, size_t len);
/* A thread that writes b->target bytes of the pattern. */
void *writer(void *bench);
/* Reads until @len bytes of the pattern, from @at on, have come. */
void hear_pattern(int fd, size_t at, size_t len, unsigned int pause_ms);

#endif
