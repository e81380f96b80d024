// SPDX-License-Identifier: BSD-3-Clause
/* Connections to an echo on the host, at port 1234. */
#include "guest_vsock.h"

const char guest_name[] = "virtio_vsock";

#define ECHO 1234

static struct vsock vsock;

static void run(uint64_t features, const char *how)
{
	vsock_start(&vsock, features, 8);
	for (uint32_t i = 0; i < 10; i++)
		vsock_check(&vsock, 5000 + i, ECHO, how);
	vsock_send(&vsock, VSOCK_REQUEST, 5000, ECHO + 1);
	vsock_expect(&vsock, VSOCK_RST, 5000, "nobody listens");
	guest_printf("virtio_vsock: %s\n", how);
}

void guest_main(void)
{
	vsock_open(&vsock);
	guest_printf("virtio_vsock: cid %lu\n", vsock.cid);
	run(0, "split");
	run(VIO_F_PACKED, "packed");
	guest_pass();
}
