// SPDX-License-Identifier: BSD-3-Clause
/* See rng.h. getrandom() writes straight into the guest's buffers; it does not
 * block, the host's pool was filled long before a VM starts. */
#include "devices/virtio/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "backends/rate.h"
#include "base/clock.h"
#include "base/num.h"

#define DEFAULT_RATE (16 * MIB)
#define BUDGET	     8 /* requests per wake-up */

struct rng {
	struct virtio v;
	struct rate rate; /* loop thread */
	struct loop_source *timer; /* from start to stop: for the rate */
};

/* All of @len, or less and a log line when the host has none. */
static size_t fill(struct virtio *v, uint8_t *to, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = getrandom(to + done, len - done, 0);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			break;
	}
	if (done < len)
		log_guest(v->log, &v->limit, "%s: no random bytes: %s", v->id,
			  strerror(errno));
	return done;
}

static uint32_t fill_chain(struct virtio *v, const struct chain *c,
			   uint64_t len)
{
	struct iovec iov[QUEUE_IOV_MAX];
	int n = chain_in(c, 0, len, iov, QUEUE_IOV_MAX);
	size_t total = 0;

	for (int i = 0; i < n; i++) {
		size_t got = fill(v, iov[i].iov_base, iov[i].iov_len);

		total += got;
		if (got < iov[i].iov_len)
			break;
	}
	return (uint32_t)total;
}

/* A request that has something for us to read is none of ours. */
static bool handle(struct virtio *v, unsigned int n, struct chain *c)
{
	struct rng *rng = container_of(v, struct rng, v);
	uint64_t len = c->out_len ? 0 : min_u64(c->in_len, RNG_REQUEST_MAX);
	uint64_t wait = rate_take(&rng->rate, len, clock_mono_ns());

	if (wait) {
		loop_arm(rng->timer, wait);
		return false;
	}
	queue_push(&v->queue[n].ring, c, len ? fill_chain(v, c, len) : 0);
	return true;
}

static void kick(struct virtio *v, unsigned int n)
{
	virtio_service(v, n, BUDGET, handle);
}

static void on_timer(void *ctx, uint32_t events)
{
	kick(ctx, 0);
}

static int start(struct virtio *v)
{
	struct rng *rng = container_of(v, struct rng, v);

	return loop_add_timer(&rng->timer, v->loop, on_timer, v);
}

static void stop(struct virtio *v)
{
	struct rng *rng = container_of(v, struct rng, v);

	loop_remove(rng->timer);
	rng->timer = NULL;
}

static void destroy(struct virtio *v)
{
	virtio_finish(v);
	free(container_of(v, struct rng, v));
}

static const struct virtio_ops rng_ops = {
	.name = "rng",
	.type = VIRTIO_RNG,
	.queue_size = RNG_QUEUE_SIZE,
	.start = start,
	.stop = stop,
	.kick = kick,
	.destroy = destroy,
};

int rng_create(struct virtio **out, const struct rng_config *cfg,
	       const struct virtio_host *host, struct err *err)
{
	uint64_t bytes = cfg && cfg->bytes_per_s ? cfg->bytes_per_s
						 : DEFAULT_RATE;
	struct rng *rng = calloc(1, sizeof(*rng));

	*out = NULL;
	if (!rng)
		return err_set(err, -ENOMEM, "%s: out of memory", host->id);
	rate_init(&rng->rate, &(struct rate_config){ .bytes_per_s = bytes });
	virtio_init(&rng->v, &rng_ops, host, 1, 0, 0);
	*out = &rng->v;
	return 0;
}
