// SPDX-License-Identifier: BSD-3-Clause
/* Frames between two network devices that are each other's peer, by split and
 * by packed rings. */
#include "guest_nic.h"

const char guest_name[] = "virtio_net";

static struct nic a;
static struct nic b;

static void run(uint64_t features, const char *how)
{
	nic_start(&a, features, 8);
	nic_start(&b, features, 8);
	for (unsigned int i = 0; i < 20; i++) {
		nic_check(&a, &b, how);
		nic_check(&b, &a, how);
	}
	guest_printf("virtio_net: %s\n", how);
}

void guest_main(void)
{
	nic_open(&a, 0);
	nic_open(&b, 1);
	run(0, "split");
	run(VIO_F_PACKED, "packed");
	run(NIC_F_MRG | NIC_F_CTRL | VIO_F_EVENT_IDX, "with more features");
	guest_pass();
}
