// SPDX-License-Identifier: BSD-3-Clause
/* Requests that a source of entropy refuses or cuts: the entries DR01, DR02,
 * DR04. */
#include "guest_attack.h"

const char guest_name[] = "bad_virtio_rng";

#define SIZE 8
#define MOST (64u << 10) /* of one request */

static struct vq_done request(const struct vq_buf *bufs, unsigned int count)
{
	struct vq_done done;

	vq_add(&witness.q, bufs, count);
	vq_kick(&witness.q);
	if (!vq_wait(&witness.q, &done, (uint16_t)count))
		guest_fail("%s: a request is lost, status %x", attack_now->id,
			   vio_status(&witness.dev));
	return done;
}

static void dropped(uint32_t len, uint16_t flags)
{
	struct vq_done done = request(
		&(struct vq_buf){ witness.data, len, flags }, 1);

	if (done.len)
		guest_fail("%s: %u bytes", attack_now->id, done.len);
}

static void dr01_nothing_to_fill(void)
{
	uint64_t at = witness.data;

	mmio_write64(at, 0x5a5a);
	dropped(0, VQ_WRITE);
	dropped(0, 0);
	dropped(8, 0);
	dropped(0xffffffff, 0);
	if (request((const struct vq_buf[]){ { at, 8, 0 },
					     { at, 8, VQ_WRITE } }, 2).len)
		guest_fail("DR01: a request with something to read is served");
	if (request((const struct vq_buf[]){ { at, 8, VQ_WRITE },
					     { at, 8, 0 } }, 2).len)
		guest_fail("DR01: a request in the wrong order is served");
	if (mmio_read64(at) != 0x5a5a)
		guest_fail("DR01: bytes were written all the same");
}

static void dr02_huge(void)
{
	static const uint32_t lens[] = { MOST, MOST + 1, 16u << 20,
					 128u << 20 };
	uint64_t at = 32u << 20; /* free RAM behind the image and the pages */

	for (unsigned int i = 0; i < 4; i++) {
		struct vq_done done = request(
			&(struct vq_buf){ at, lens[i], VQ_WRITE }, 1);

		if (!done.len || done.len > MOST)
			guest_fail("DR02: %u of %u bytes", done.len, lens[i]);
		mmio_write64(at + MOST, 0);
		mmio_write64(at + MOST + 8, 0);
	}
	request((const struct vq_buf[]){ { at, MOST, VQ_WRITE },
					 { at, MOST, VQ_WRITE } }, 2);
	if (mmio_read64(at + MOST) || mmio_read64(at + MOST + 8))
		guest_fail("DR02: more than was told is written");
	dropped(0xffffffff, VQ_WRITE); /* more than there is RAM */
}

/* 64 requests of 64 KiB: 4 MiB, and the rate has to hold it up or let it go;
 * the disk works meanwhile. */
static void dr04_flood(void)
{
	struct vq *q = &witness.q;
	struct vq_done done;
	unsigned int left = 64;

	entropy_start(&witness, 0, 64);
	for (uint16_t i = 0; i < 64; i++) {
		vq_write_at(q, i, 32u << 20, MOST, VQ_WRITE, 0);
		vq_offer(q, i);
	}
	vq_kick(q);
	disk_check(&target, "DR04");
	while (left && vq_wait(q, &done, 1))
		left--;
	if (left)
		guest_fail("DR04: %u requests are lost", left);
}

static void start(uint64_t features, uint16_t size)
{
	entropy_start(&witness, features, size);
}

static void works(const char *id)
{
	entropy_check(&witness, id);
}

static void other(const char *id)
{
	disk_check(&target, id);
}

static const struct attack attacks[] = {
	{ "DR01", dr01_nothing_to_fill, LIVES, SIZE, 0 },
	{ "DR01", dr01_nothing_to_fill, LIVES, SIZE, VIO_F_PACKED },
	{ "DR02", dr02_huge, LIVES, SIZE, 0 },
	{ "DR04", dr04_flood, LIVES, SIZE, 0 },
};

void guest_main(void)
{
	const struct victim victim = { &witness.dev, start, works, other };

	disk_open(&target, 0);
	disk_start(&target, 0, SIZE);
	entropy_open(&witness);
	attack_all(&victim, ATTACKS(attacks));
	guest_pass();
}
