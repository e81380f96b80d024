// SPDX-License-Identifier: BSD-3-Clause
/* The bytes of a chain; see queue.h. Ranges are the device's, often computed
 * from the guest's numbers: each is checked against the chain's lengths. */
#include <string.h>

#include "base/num.h"
#include "devices/virtio/queue.h"

/* The next piece of the @*len > 0 bytes at @*off, which are there. */
static struct iovec next_piece(const struct iovec **at, uint64_t *off,
			       uint64_t *len)
{
	struct iovec piece;

	for (; *off >= (*at)->iov_len; (*at)++)
		*off -= (*at)->iov_len;
	piece.iov_base = (uint8_t *)(*at)->iov_base + *off;
	piece.iov_len = min_u64(*len, (*at)->iov_len - *off);
	*off += piece.iov_len;
	*len -= piece.iov_len;
	return piece;
}

static int pieces(const struct iovec *at, uint64_t off, uint64_t len,
		  struct iovec *iov, int cap)
{
	int n = 0;

	for (; len; n++) {
		if (n == cap)
			return -1;
		iov[n] = next_piece(&at, &off, &len);
	}
	return n;
}

bool chain_read(const struct chain *c, uint64_t off, void *dst, size_t len)
{
	const struct iovec *at = c->iov;
	uint64_t left = len;
	uint8_t *to = dst;

	if (!range_ok(off, len, c->out_len))
		return false;
	while (left) {
		struct iovec piece = next_piece(&at, &off, &left);

		memcpy(to, piece.iov_base, piece.iov_len);
		to += piece.iov_len;
	}
	/* the copy stays the only look at the guest's bytes */
	__asm__ volatile("" ::: "memory");
	return true;
}

bool chain_write(const struct chain *c, uint64_t off, const void *src,
		 size_t len)
{
	const struct iovec *at = c->iov + c->out_count;
	const uint8_t *from = src;
	uint64_t left = len;

	if (!range_ok(off, len, c->in_len))
		return false;
	while (left) {
		struct iovec piece = next_piece(&at, &off, &left);

		memcpy(piece.iov_base, from, piece.iov_len);
		from += piece.iov_len;
	}
	return true;
}

int chain_out(const struct chain *c, uint64_t off, uint64_t len,
	      struct iovec *iov, int cap)
{
	if (!range_ok(off, len, c->out_len))
		return -1;
	return pieces(c->iov, off, len, iov, cap);
}

int chain_in(const struct chain *c, uint64_t off, uint64_t len,
	     struct iovec *iov, int cap)
{
	if (!range_ok(off, len, c->in_len))
		return -1;
	return pieces(c->iov + c->out_count, off, len, iov, cap);
}
