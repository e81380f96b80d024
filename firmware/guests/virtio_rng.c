// SPDX-License-Identifier: BSD-3-Clause
/* Random bytes, by split and by packed rings of several sizes. */
#include "guest_dev.h"

const char guest_name[] = "virtio_rng";

static struct entropy rng;

static void run(uint64_t features, uint16_t size)
{
	entropy_start(&rng, features, size);
	for (unsigned int i = 0; i < 20; i++)
		entropy_check(&rng, guest_name);
	guest_printf("virtio_rng: %s, %u entries\n",
		     features & VIO_F_PACKED ? "packed" : "split", size);
}

void guest_main(void)
{
	entropy_open(&rng);
	run(0, 1);
	run(0, 8);
	run(VIO_F_PACKED, 1);
	run(VIO_F_PACKED, 7);
	run(VIO_F_PACKED | VIO_F_EVENT_IDX, 8);
	guest_pass();
}
