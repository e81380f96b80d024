// SPDX-License-Identifier: BSD-3-Clause
/* See rate.h. */
#include "backends/rate.h"

#include "base/num.h"

#define SECOND   UINT64_C(1000000000)
#define BURST_MS 100
#define COST_MAX (3600 * SECOND) /* no single request costs more than that */

__extension__ typedef unsigned __int128 wide;

void rate_init(struct rate *r, const struct rate_config *cfg)
{
	*r = (struct rate){ .cfg = *cfg };
	r->burst_ns = (cfg->burst_ms ? cfg->burst_ms : BURST_MS) *
		      UINT64_C(1000000);
}

bool rate_limited(const struct rate *r)
{
	return r->cfg.bytes_per_s || r->cfg.ops_per_s;
}

static uint64_t cost(uint64_t amount, uint64_t per_s)
{
	wide ns = (wide)amount * SECOND / per_s;

	return ns > COST_MAX ? COST_MAX : (uint64_t)ns;
}

/* When the account is settled, seen from @now; the past counts only as far
 * back as the burst goes. */
static uint64_t settled(const struct rate *r, uint64_t at, uint64_t now)
{
	uint64_t oldest = now > r->burst_ns ? now - r->burst_ns : 0;

	return max_u64(at, oldest);
}

uint64_t rate_take(struct rate *r, uint64_t bytes, uint64_t now_ns)
{
	uint64_t bytes_ns = settled(r, r->bytes_ns, now_ns);
	uint64_t ops_ns = settled(r, r->ops_ns, now_ns);
	uint64_t wait = 0;

	if (r->cfg.bytes_per_s && bytes_ns > now_ns)
		wait = bytes_ns - now_ns;
	if (r->cfg.ops_per_s && ops_ns > now_ns)
		wait = max_u64(wait, ops_ns - now_ns);
	if (wait)
		return wait;
	if (r->cfg.bytes_per_s)
		r->bytes_ns = bytes_ns + cost(bytes, r->cfg.bytes_per_s);
	if (r->cfg.ops_per_s)
		r->ops_ns = ops_ns + cost(1, r->cfg.ops_per_s);
	return 0;
}
