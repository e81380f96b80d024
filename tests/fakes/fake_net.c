// SPDX-License-Identifier: BSD-3-Clause
/* See fake_net.h. */
#include "fake_net.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"


static struct fake_net *fake_of(struct net *net)
{
	return (struct fake_net *)net;
}

static void on_wake(void *ctx, uint32_t events)
{
	struct fake_net *f = ctx;
	bool again = false;

	fd_event_drain(f->wake_fd);
	if (!net_enter(&f->net))
		return;
	for (unsigned int i = 0; i < f->net.info.queues; i++)
		if (fake_net_waiting(f, i) && fake_net_receives(f, i))
			f->net.listener.readable(f->net.listener.ctx, i);
	/* level triggered, like a descriptor */
	for (unsigned int i = 0; i < f->net.info.queues; i++)
		again |= fake_net_waiting(f, i) && fake_net_receives(f, i);
	if (again)
		fd_event_signal(f->wake_fd);
	net_leave(&f->net);
}

static int fake_start(struct net *net, const struct net_setup *setup)
{
	struct fake_net *f = fake_of(net);
	int r = f->start_answer;

	if (r == 0)
		r = loop_add(&f->source, net->loop, f->wake_fd, EPOLLIN,
			     on_wake, f);
	f->setup = *setup;
	f->pairs = setup->queues;
	pthread_mutex_lock(&f->lock);
	f->starts++;
	for (unsigned int i = 0; i < net->info.queues; i++)
		f->receive[i] = true;
	pthread_mutex_unlock(&f->lock);
	fd_event_signal(f->wake_fd);
	return r;
}

static void fake_stop(struct net *net)
{
	struct fake_net *f = fake_of(net);

	loop_remove(f->source);
	f->source = NULL;
	f->stops++;
}

static int fake_set_queues(struct net *net, unsigned int queues)
{
	fake_of(net)->pairs = queues;
	return 0;
}

static int fake_send(struct net *net, unsigned int queue,
		     const struct iovec *iov, int count)
{
	struct fake_net *f = fake_of(net);
	size_t len = net_iov_size(iov, count);
	struct fake_frame *frame;
	uint8_t *p;

	pthread_mutex_lock(&f->lock);
	if (f->accept == 0) {
		pthread_mutex_unlock(&f->lock);
		return f->answer;
	}
	if (f->accept > 0)
		f->accept--;
	frame = &f->sent[f->sent_count % FAKE_NET_KEEP];
	free(frame->bytes);
	frame->bytes = p = malloc(len ? len : 1);
	frame->len = len;
	for (int i = 0; i < count; i++) {
		memcpy(p, iov[i].iov_base, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	f->sent_count++;
	pthread_mutex_unlock(&f->lock);
	return 0;
}

static void fake_flush(struct net *net, unsigned int queue)
{
	fake_of(net)->flushes++;
}

static void drop_first(struct fake_net *f, unsigned int queue)
{
	struct fake_frame *in = f->in[queue];

	free(in[0].bytes);
	f->in_count[queue]--;
	memmove(in, in + 1, f->in_count[queue] * sizeof(*in));
	in[f->in_count[queue]].bytes = NULL;
}

static ssize_t fake_recv(struct net *net, unsigned int queue,
			 const struct iovec *iov, int count)
{
	struct fake_net *f = fake_of(net);
	ssize_t n = -EAGAIN;

	pthread_mutex_lock(&f->lock);
	f->reads++;
	if (f->in_count[queue]) {
		const struct fake_frame *in = &f->in[queue][0];

		n = -ENOBUFS;
		if (in->len <= net_iov_size(iov, count)) {
			n = (ssize_t)in->len;
			net_iov_fill(iov, count, in->bytes, in->len);
			drop_first(f, queue);
		}
	}
	pthread_mutex_unlock(&f->lock);
	return n;
}

static void fake_discard(struct net *net, unsigned int queue)
{
	struct fake_net *f = fake_of(net);

	pthread_mutex_lock(&f->lock);
	f->discarded++;
	drop_first(f, queue);
	pthread_mutex_unlock(&f->lock);
}

static void fake_set_receive(struct net *net, unsigned int queue, bool on)
{
	struct fake_net *f = fake_of(net);

	pthread_mutex_lock(&f->lock);
	f->switches += f->receive[queue] != on;
	f->receive[queue] = on;
	pthread_mutex_unlock(&f->lock);
	if (on)
		fd_event_signal(f->wake_fd);
}

static void fake_destroy(struct net *net)
{
	struct fake_net *f = fake_of(net);

	for (unsigned int i = 0; i < FAKE_NET_KEEP; i++) {
		free(f->sent[i].bytes);
		for (unsigned int q = 0; q < NET_MAX_QUEUES; q++)
			if (i < f->in_count[q])
				free(f->in[q][i].bytes);
	}
	fd_close(&f->wake_fd);
	pthread_mutex_destroy(&f->lock);
	net_finish(net);
	free(f);
}

static const struct net_ops fake_ops = {
	.start = fake_start,
	.stop = fake_stop,
	.set_queues = fake_set_queues,
	.send = fake_send,
	.flush = fake_flush,
	.recv = fake_recv,
	.discard = fake_discard,
	.set_receive = fake_set_receive,
	.destroy = fake_destroy,
};

struct fake_net *fake_net_create(struct loop *loop, unsigned int queues,
				 bool vnet)
{
	struct fake_net *f = calloc(1, sizeof(*f));

	net_init(&f->net, &fake_ops, "fake", loop, NULL);
	f->net.info = (struct net_info){
		.queues = queues, .vnet = vnet,
		.offloads = vnet ? NET_CSUM | NET_TSO4 | NET_TSO6 | NET_ECN |
				   NET_UFO | NET_USO : 0,
	};
	pthread_mutex_init(&f->lock, NULL);
	atomic_store(&f->net.link, true);
	f->wake_fd = fd_event_create();
	f->accept = -1;
	return f;
}

void fake_net_deliver(struct fake_net *f, unsigned int queue,
		      const void *bytes, size_t len)
{
	struct fake_frame *in;

	pthread_mutex_lock(&f->lock);
	assert(f->in_count[queue] < FAKE_NET_KEEP);
	in = &f->in[queue][f->in_count[queue]++];
	in->bytes = malloc(len ? len : 1);
	if (len)
		memcpy(in->bytes, bytes, len);
	in->len = len;
	pthread_mutex_unlock(&f->lock);
	fd_event_signal(f->wake_fd);
}

unsigned int fake_net_waiting(struct fake_net *f, unsigned int queue)
{
	unsigned int n;

	pthread_mutex_lock(&f->lock);
	n = f->in_count[queue];
	pthread_mutex_unlock(&f->lock);
	return n;
}

unsigned int fake_net_sent(struct fake_net *f)
{
	unsigned int n;

	pthread_mutex_lock(&f->lock);
	n = f->sent_count;
	pthread_mutex_unlock(&f->lock);
	return n;
}

bool fake_net_receives(struct fake_net *f, unsigned int queue)
{
	bool on;

	pthread_mutex_lock(&f->lock);
	on = f->receive[queue];
	pthread_mutex_unlock(&f->lock);
	return on;
}

void fake_net_answer(struct fake_net *f, int accept, int answer)
{
	pthread_mutex_lock(&f->lock);
	f->accept = accept;
	f->answer = answer;
	pthread_mutex_unlock(&f->lock);
}

/* On the loop's thread, as a backend does it. */
static void on_errand(void *ctx, uint32_t events)
{
	struct fake_net *f = ctx;

	if (net_enter(&f->net)) {
		if (f->errand_link)
			net_link_set(&f->net, !net_link(&f->net));
		for (unsigned int i = 0; i < f->net.info.queues &&
		     !f->errand_link; i++)
			f->net.listener.writable(f->net.listener.ctx, i);
		net_leave(&f->net);
	}
	sem_post(&f->errand_done);
}

static void run_errand(struct fake_net *f, bool link)
{
	struct loop_source *timer;
	int r;

	f->errand_link = link;
	sem_init(&f->errand_done, 0, 0);
	r = loop_add_timer(&timer, f->net.loop, on_errand, f);
	assert(r == 0);
	(void)r;
	loop_arm(timer, 1);
	sem_wait(&f->errand_done);
	loop_remove(timer);
	sem_destroy(&f->errand_done);
}

void fake_net_writable(struct fake_net *f)
{
	fake_net_answer(f, -1, 0);
	run_errand(f, false);
}

void fake_net_set_link(struct fake_net *f, bool up)
{
	if (net_link(&f->net) != up)
		run_errand(f, true);
}
