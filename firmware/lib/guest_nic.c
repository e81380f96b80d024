// SPDX-License-Identifier: BSD-3-Clause
/* See guest_nic.h. */
#include "guest_nic.h"

#define RX   0
#define TX   1
#define CTRL 2

#define ETHERTYPE 0xb588 /* 0x88b5, for experiments, in network order */

#define RECEIVE_US 2000000u
#define FRAMES_MAX 4096u /* that may be on the way */

void nic_open(struct nic *n, unsigned int nth)
{
	memset(n, 0, sizeof(*n));
	vio_open(&n->dev, VIO_NET, nth);
	n->out = guest_pages(2);
	n->in = guest_pages(1);
}

void nic_start(struct nic *n, uint64_t features, uint16_t size)
{
	vio_begin(&n->dev, features);
	vq_init(&n->rx, &n->dev, RX, size);
	vq_init(&n->tx, &n->dev, TX, size);
	if (n->dev.features & NIC_F_CTRL)
		vq_init(&n->ctrl, &n->dev, CTRL, size);
	vio_go(&n->dev);
	vio_take_isr(&n->dev);
	n->posted = false;
}

void nic_frame(struct nic *n, uint32_t len, uint64_t stamp)
{
	uint64_t frame = n->out + NIC_HEADER;

	for (unsigned int i = 0; i < NIC_HEADER; i += 4)
		mmio_write32(n->out + i, 0);
	mmio_write32(frame, UINT32_MAX);
	mmio_write32(frame + 4, 0x0252ffff);
	mmio_write32(frame + 8, 0x01005452);
	mmio_write16(frame + 12, ETHERTYPE);
	mmio_write64(frame + NIC_ETHER, stamp);
	mmio_write8(frame + len - 1, (uint8_t)len);
}

bool nic_send(struct nic *n, uint32_t len)
{
	struct vq_done done;

	vq_add(&n->tx, &(struct vq_buf){ n->out, len, 0 }, 1);
	vq_kick(&n->tx);
	return vq_wait(&n->tx, &done, 1);
}

void nic_post(struct nic *n)
{
	if (n->posted)
		return;
	vq_add(&n->rx, &(struct vq_buf){ n->in, NIC_BUFFER, VQ_WRITE }, 1);
	vq_kick(&n->rx);
	n->posted = true;
}

uint64_t nic_receive(struct nic *n, uint32_t us)
{
	uint32_t start = pm_timer();
	struct vq_done done;

	nic_post(n);
	while (!vq_take(&n->rx, &done, 1))
		if (pm_timer() - start > (uint64_t)us * PM_TIMER_HZ / 1000000)
			return 0;
	n->posted = false;
	if (done.len < NIC_HEADER + NIC_ETHER + 8)
		return UINT64_MAX; /* not one of ours */
	return mmio_read64(n->in + NIC_HEADER + NIC_ETHER);
}

void nic_check(struct nic *from, struct nic *to, const char *when)
{
	uint64_t stamp = rdtsc() | 1;

	nic_post(to);
	nic_frame(from, 60, stamp);
	if (!nic_send(from, NIC_HEADER + 60))
		guest_fail("%s: a frame is not taken, status %x", when,
			   vio_status(&from->dev));
	for (unsigned int i = 0; i < FRAMES_MAX; i++) {
		uint64_t got = nic_receive(to, RECEIVE_US);

		if (got == stamp)
			return;
		if (!got)
			break;
	}
	guest_fail("%s: a frame is lost, status %x", when,
		   vio_status(&to->dev));
}
