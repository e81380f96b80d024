/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of the network backends share: a loop, a backend that runs,
 * and a listener that keeps what comes. Frames are numbered patterns.
 */
#ifndef VIREO_FAKE_NET_BENCH_H
#define VIREO_FAKE_NET_BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/net.h"
#include "base/loop.h"

#define NET_BENCH_KEEP 64

struct net_bench {
	struct loop *loop;
	struct log log;
	struct net *net;
	bool running;
	bool header;  /* set before net_bench_start() */
	size_t room;  /* what net_recv() is offered; 0: all */
	bool refuse;  /* frames are too large: discard them */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t change;
	_Atomic unsigned int frames; /* received */
	_Atomic unsigned int too_large;
	_Atomic unsigned int writable;
	_Atomic unsigned int links; /* changes */
	size_t len[NET_BENCH_KEEP];
	uint8_t *frame[NET_BENCH_KEEP]; /* the first ones */
	int sent;    /* what the last net_send() answered */
};

int net_bench_setup(void **state);
int net_bench_teardown(void **state);
void net_bench_start(struct net_bench *b);
void net_bench_stop(struct net_bench *b);

/* Runs fn(ctx) on the loop's thread and waits for it. */
void net_bench_run(struct net_bench *b, void (*fn)(void *ctx), void *ctx);
/* net_send() and net_flush() of one frame in two pieces; its answer. */
int net_bench_send(struct net_bench *b, const void *frame, size_t len);
void net_bench_receive(struct net_bench *b, bool on);

/* Until so many have come in all; ends the test after 10 seconds. */
void net_bench_wait_frames(struct net_bench *b, unsigned int n);
void net_bench_wait_link(struct net_bench *b, bool up);
void net_bench_wait_large(struct net_bench *b, unsigned int n);
void net_bench_wait_writable(struct net_bench *b, unsigned int n);
/* Milliseconds. */
void net_bench_nap(unsigned int ms);

/* An Ethernet frame that @seed and its length decide. */
void net_bench_fill(uint8_t *frame, size_t len, unsigned int seed);
bool net_bench_is(const uint8_t *frame, size_t len, unsigned int seed);

#endif
