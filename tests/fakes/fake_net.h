/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A network backend that a test writes the script of: frames it delivers, and
 * answers it gives. It has up to NET_MAX_QUEUES pairs and every offload.
 */
#ifndef VIREO_FAKE_NET_H
#define VIREO_FAKE_NET_H

#include <pthread.h>
#include <semaphore.h>

#include "backends/net_ops.h"

#define FAKE_NET_KEEP 256

struct fake_frame {
	uint8_t *bytes; /* with the header, when there are headers */
	size_t len;
};

struct fake_net {
	struct net net;
	int wake_fd;
	struct loop_source *source;
	struct net_setup setup; /* of the last start */
	unsigned int pairs;     /* of the last net_set_queues() */

	bool errand_link;
	sem_t errand_done;

	pthread_mutex_t lock; /* guards everything below */
	bool receive[NET_MAX_QUEUES];
	unsigned int starts, stops, flushes;
	unsigned int switches; /* of receive */
	unsigned int reads;    /* net_recv() calls */
	int answer;   /* of net_send(): 0, or an error */
	int accept;   /* so many sends before `answer`; -1: all */
	int start_answer;
	unsigned int sent_count, in_count[NET_MAX_QUEUES];
	unsigned int discarded;
	struct fake_frame sent[FAKE_NET_KEEP];
	struct fake_frame in[NET_MAX_QUEUES][FAKE_NET_KEEP];
};

struct fake_net *fake_net_create(struct loop *loop, unsigned int queues,
				 bool vnet);
/* A frame comes in on pair @queue. */
void fake_net_deliver(struct fake_net *f, unsigned int queue,
		      const void *bytes, size_t len);
/* What waits to be taken. */
unsigned int fake_net_waiting(struct fake_net *f, unsigned int queue);
unsigned int fake_net_sent(struct fake_net *f);
bool fake_net_receives(struct fake_net *f, unsigned int queue);
/* Sends answer 0 again, and the listener hears of it. */
void fake_net_writable(struct fake_net *f);
void fake_net_set_link(struct fake_net *f, bool up);
void fake_net_answer(struct fake_net *f, int accept, int answer);

#endif
