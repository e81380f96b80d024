// SPDX-License-Identifier: BSD-3-Clause
/*
 * Registers that both transports have, written out of order, out of range and
 * at the wrong time; resets whenever. The entries T03 to T23 and T30; those of
 * one transport are in bad_virtio_pci.c and bad_virtio_mmio.c.
 */
#include "guest_attack.h"

const char guest_name[] = "bad_virtio_transport";

#define SIZE 8
#define FAR  0x1000000000ULL /* no RAM there */

#define FREE 0x4000000 /* RAM that nobody uses */
#define MUCH (16u << 20)

#define CONFIG_SIZE 60 /* of a disk */
#define CONFIG_END  0x200

static uint64_t other_ring; /* three pages */

static bool enabled(void)
{
	vio_write(&target.dev, VIO_QUEUE_SEL, 0);
	return vio_read(&target.dev, VIO_QUEUE_ENABLE);
}

/* Reset up to FEATURES_OK, the queue in its place but without registers. */
static void set_up(uint64_t features)
{
	vio_begin(&target.dev, features);
	vq_place(&target.q, &target.dev, 0, SIZE);
}

static void t03_config_space(void)
{
	uint64_t at = target.dev.config;

	for (unsigned int off = CONFIG_SIZE; off < CONFIG_END; off++)
		if (mmio_read8(at + off))
			guest_fail("T03: byte %x behind the end is %x", off,
				   mmio_read8(at + off));
	if (mmio_read16(at + CONFIG_SIZE - 1) ||
	    mmio_read32(at + CONFIG_SIZE - 2) ||
	    mmio_read64(at + CONFIG_SIZE - 4) ||
	    mmio_read64(at + CONFIG_SIZE))
		guest_fail("T03: a read over the end has a value");
	if (mmio_read64(at) != target.sectors)
		guest_fail("T03: the capacity by 8 bytes is %lx",
			   mmio_read64(at));
	for (unsigned int off = 0; off < CONFIG_END; off += 4) {
		mmio_write64(at + off, UINT64_MAX);
		mmio_write32(at + off, UINT32_MAX);
		mmio_write16(at + off + 1, UINT16_MAX);
	}
	if (mmio_read64(at) != target.sectors)
		guest_fail("T03: the capacity was written");
}

static void t05_no_such_queue(void)
{
	static const uint32_t wrong[] = { 1, 2, 63, 64, 0x7fff, 0x8000, 0xffff,
					  0x10001, UINT32_MAX };

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (!target.dev.mmio && wrong[i] > 0xffff)
			continue;
		vio_write(&target.dev, VIO_QUEUE_SEL, wrong[i]);
		for (unsigned int r = VIO_QUEUE_SIZE; r <= VIO_USED_HI; r++)
			vio_write(&target.dev, r, 1);
		if (vio_read(&target.dev, VIO_QUEUE_MAX) ||
		    vio_read(&target.dev, VIO_QUEUE_ENABLE))
			guest_fail("T05: queue %x has a size", wrong[i]);
		if (target.dev.mmio)
			continue;
		mmio_write16(target.dev.common + 0x1a, 0); /* the vector */
		if (mmio_read16(target.dev.common + 0x1a) != VIO_NO_VECTOR)
			guest_fail("T05: queue %x has a vector", wrong[i]);
	}
}

static void t06_no_such_doorbell(void)
{
	static const uint32_t wrong[] = { 1, 2, 64, 255, 0x3ff };
	static const uint32_t values[] = { 1, 64, 0x7fff, 0x8000, 0xffff,
					   0x10000, 0x80000000, UINT32_MAX };
	struct vq_done done;

	disk_check(&target, "T06");
	guest_delay_us(2000); /* the device is idle again */
	disk_header(&target, BLK_FLUSH, 0);
	vq_add(&target.q, (const struct vq_buf[]){
		{ target.header, BLK_HEADER, 0 },
		{ target.status, 1, VQ_WRITE } }, 2);
	for (unsigned int i = 0; i < 5; i++)
		vio_notify(&target.dev, wrong[i]);
	for (unsigned int i = 0; i < 8; i++)
		mmio_write32(target.dev.notify, values[i]);
	mmio_write8(target.dev.notify, 0xff);
	mmio_write64(target.dev.notify, UINT64_MAX);
	if (!vq_quiet(&target.q, 2000))
		guest_fail("T06: a wrong doorbell rings for queue 0");
	if (!disk_finish(&target, &done, 2))
		guest_fail("T06: the request is lost");
}

static void t07_feature_words(void)
{
	static const uint32_t wrong[] = { 2, 3, 31, 32, 0x80000000,
					  UINT32_MAX };

	vio_reset(&target.dev);
	vio_write(&target.dev, VIO_STATUS, VIO_ACKNOWLEDGE);
	vio_write(&target.dev, VIO_STATUS, VIO_ACKNOWLEDGE | VIO_DRIVER);
	vio_write_features(&target.dev, VIO_F_VERSION_1);
	for (unsigned int i = 0; i < 6; i++) {
		vio_write(&target.dev, VIO_DEVICE_SEL, wrong[i]);
		if (vio_read(&target.dev, VIO_DEVICE_FEATURES))
			guest_fail("T07: word %x of the features is %x",
				   wrong[i], vio_read(&target.dev,
						      VIO_DEVICE_FEATURES));
		vio_write(&target.dev, VIO_DRIVER_SEL, wrong[i]);
		vio_write(&target.dev, VIO_DRIVER_FEATURES, UINT32_MAX);
	}
	vio_write(&target.dev, VIO_STATUS, VIO_SET_UP);
	if (vio_status(&target.dev) != VIO_SET_UP)
		guest_fail("T07: a word that is not there has counted");
}

static void t08_features(void)
{
	uint64_t offered = vio_offered(&target.dev);

	for (unsigned int bit = 0; bit < 64; bit++)
		if (!(offered >> bit & 1) &&
		    vio_negotiate(&target.dev, 1ULL << bit))
			guest_fail("T08: bit %u is accepted", bit);
	if (vio_negotiate(&target.dev, UINT64_MAX))
		guest_fail("T08: all features at once are accepted");
	vio_reset(&target.dev);
	vio_write(&target.dev, VIO_STATUS, VIO_ACKNOWLEDGE | VIO_DRIVER);
	vio_write_features(&target.dev, 0);
	vio_write(&target.dev, VIO_STATUS, VIO_SET_UP);
	if (vio_status(&target.dev) & VIO_FEATURES_OK)
		guest_fail("T08: the legacy interface is accepted");
}

static void t09_features_out_of_time(void)
{
	vio_reset(&target.dev);
	vio_write_features(&target.dev, VIO_F_VERSION_1);
	vio_write(&target.dev, VIO_STATUS, VIO_ACKNOWLEDGE);
	vio_write_features(&target.dev, VIO_F_VERSION_1);
	vio_write(&target.dev, VIO_STATUS, VIO_ACKNOWLEDGE | VIO_DRIVER);
	vio_write(&target.dev, VIO_STATUS, VIO_SET_UP);
	if (vio_status(&target.dev) & VIO_FEATURES_OK)
		guest_fail("T09: features were taken before DRIVER");
	vio_begin(&target.dev, 0);
	vio_write_features(&target.dev, VIO_F_VERSION_1 | VIO_F_PACKED);
	vq_init(&target.q, &target.dev, 0, SIZE);
	vio_go(&target.dev);
	vio_write_features(&target.dev, VIO_F_VERSION_1 | VIO_F_PACKED);
	disk_check(&target, "T09");
}

/* With a refused queue the device breaks at DRIVER_OK. */
static void refused(const char *id)
{
	if (enabled())
		guest_fail("%s: size %u, %lx %lx %lx is taken", id,
			   target.q.size, target.q.desc, target.q.avail,
			   target.q.used);
	vio_write(&target.dev, VIO_STATUS, VIO_RUNNING);
	vq_kick(&target.q);
	if (!vio_broken(&target.dev))
		guest_fail("%s: started without a queue", id);
}

static void t10_sizes(void)
{
	static const uint16_t sizes[] = { 0, 3, 7, 100, 1024, 0x8000, 0xffff };

	for (unsigned int i = 0; i < 7; i++) {
		set_up(0);
		target.q.size = sizes[i];
		vq_enable(&target.q);
		refused("T10");
	}
}

static void t11_addresses(void)
{
	const uint64_t bad[] = {
		1, 8, FAR, guest_ram_end(), guest_ram_end() - 16,
		target.dev.base, LAYOUT_LAPIC, LAYOUT_PCI_ECAM,
		UINT64_MAX - 15, 0x8000000000000000ULL,
	};
	const struct vq old = target.q;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (unsigned int which = 0; which < 3; which++) {
			uint64_t *at[] = { &target.q.desc, &target.q.avail,
					   &target.q.used };

			if (bad[i] == 8 && which)
				continue;
			set_up(0);
			*at[which] = bad[i] < 16 ? *at[which] + bad[i] :
						   bad[i];
			vq_enable(&target.q);
			refused("T11");
			target.q = old;
		}
	}
}

static void t12_ready(void)
{
	uint64_t desc = target.q.desc;

	vio_reset(&target.dev);
	vio_write(&target.dev, VIO_STATUS, VIO_ACKNOWLEDGE | VIO_DRIVER);
	if (vq_enable(&target.q))
		guest_fail("T12: ready before FEATURES_OK");
	set_up(0);
	vio_write(&target.dev, VIO_QUEUE_SEL, 0);
	vio_write(&target.dev, VIO_QUEUE_ENABLE, 2);
	vio_write(&target.dev, VIO_QUEUE_ENABLE, 0xffff);
	if (enabled())
		guest_fail("T12: ready by the wrong value");
	target.q.desc = FAR;
	if (vq_enable(&target.q))
		guest_fail("T12: ready without addresses");
	target.q.desc = desc;
	if (!vq_enable(&target.q) || !vq_enable(&target.q))
		guest_fail("T12: not ready at the second time");
	vio_go(&target.dev);
}

static void t13_parameters_of_a_running_queue(void)
{
	struct vq old;

	vio_write(&target.dev, VIO_QUEUE_SEL, 0);
	for (unsigned int i = 0; i < 3; i++) {
		static const uint16_t sizes[] = { 0, 256, 0xffff };

		vio_write(&target.dev, VIO_QUEUE_SIZE, sizes[i]);
		for (unsigned int r = VIO_DESC_LO; r <= VIO_USED_HI; r++)
			vio_write(&target.dev, r, (uint32_t)FAR - i);
		vio_write(&target.dev, VIO_QUEUE_ENABLE, 1);
		for (unsigned int n = 0; n < 5; n++)
			disk_check(&target, "T13");
	}
	/* a good ring, but another one: nothing comes there */
	old = target.q;
	target.q.desc = other_ring;
	target.q.avail = other_ring + GUEST_PAGE;
	target.q.used = other_ring + 2 * GUEST_PAGE;
	vq_enable(&target.q);
	target.q = old;
	disk_check(&target, "T13");
}

static void t14_not_enabled(void)
{
	vio_write(&target.dev, VIO_QUEUE_SEL, 0);
	vio_write(&target.dev, VIO_QUEUE_ENABLE, 0);
	if (!enabled())
		guest_fail("T14: the queue is disabled");
	disk_check(&target, "T14");
}

static void t15_started_too_early(void)
{
	vio_reset(&target.dev);
	vio_write(&target.dev, VIO_STATUS, VIO_ACKNOWLEDGE | VIO_DRIVER);
	vio_write(&target.dev, VIO_STATUS,
		  VIO_ACKNOWLEDGE | VIO_DRIVER | VIO_DRIVER_OK);
	if (vio_status(&target.dev) & VIO_DRIVER_OK)
		guest_fail("T15: started without FEATURES_OK");
	vio_begin(&target.dev, 0);
	vio_write(&target.dev, VIO_STATUS, VIO_RUNNING);
	if (!vio_broken(&target.dev))
		guest_fail("T15: started without a queue");
}

static void status_becomes(uint32_t value, uint32_t wanted)
{
	vio_write(&target.dev, VIO_STATUS, value);
	if (vio_status(&target.dev) != wanted)
		guest_fail("%s: status %x becomes %x, not %x", attack_now->id,
			   value, vio_status(&target.dev), wanted);
}

static void t16_status_bits(void)
{
	vio_reset(&target.dev);
	status_becomes(VIO_DRIVER, 0);
	status_becomes(VIO_FEATURES_OK, 0);
	status_becomes(VIO_DRIVER_OK, 0);
	status_becomes(0x30, 0);
	status_becomes(VIO_ACKNOWLEDGE | 0x30, VIO_ACKNOWLEDGE);
	set_up(0);
	vq_enable(&target.q);
	status_becomes(VIO_DRIVER_OK, VIO_SET_UP);
	status_becomes(VIO_RUNNING & ~VIO_DRIVER, VIO_SET_UP);
	vio_go(&target.dev);
	status_becomes(VIO_SET_UP, VIO_RUNNING);
	status_becomes(VIO_DRIVER_OK, VIO_RUNNING);
	status_becomes(VIO_ACKNOWLEDGE, VIO_RUNNING);
	status_becomes(VIO_RUNNING | 0x30, VIO_RUNNING);
}

static void t17_not_the_drivers_bits(void)
{
	struct vq_done done;

	status_becomes(VIO_RUNNING | VIO_NEEDS_RESET, VIO_RUNNING);
	status_becomes(VIO_NEEDS_RESET, VIO_RUNNING);
	disk_check(&target, "T17");
	vio_write(&target.dev, VIO_STATUS, VIO_RUNNING | VIO_FAILED);
	vq_add(&target.q, &(struct vq_buf){ target.data, 1, VQ_WRITE }, 1);
	vq_kick(&target.q);
	guest_delay_us(2000);
	if (vq_take(&target.q, &done, 1))
		guest_fail("T17: a device that FAILED goes on");
}

/* Six reads at once in one ring of SIZE, each of much. */
static void many_reads(void)
{
	struct vq *q = &target.q;

	disk_header(&target, BLK_IN, 0);
	vq_write_at(q, 6, FREE, MUCH, VQ_NEXT | VQ_WRITE, 7);
	vq_write_at(q, 7, target.status, 1, VQ_WRITE, 0);
	for (uint16_t i = 0; i < 6; i++) {
		vq_write_at(q, i, target.header, BLK_HEADER, VQ_NEXT, 6);
		vq_offer(q, i);
	}
	vq_kick(q);
}

static void t18_reset_in_flight(void)
{
	for (uint32_t i = 0; i < 20; i++) {
		uint16_t idx;

		disk_start(&target, 0, SIZE);
		many_reads();
		guest_delay_us(i * 300);
		vio_reset(&target.dev);
		idx = mmio_read16(target.q.used + 2);
		if (vio_take_isr(&target.dev))
			guest_fail("T18: an interrupt outlives the reset");
		mmio_write8(target.status, BLK_NOTHING);
		guest_delay_us(500);
		if (mmio_read16(target.q.used + 2) != idx ||
		    disk_status(&target) != BLK_NOTHING)
			guest_fail("T18: memory is written after a reset");
	}
}

static void t19_many_resets(void)
{
	for (unsigned int i = 0; i < 90; i++) {
		vio_begin(&target.dev, 0);
		if (i % 3 == 0)
			continue; /* in the middle of it */
		if (!vq_enable(&target.q))
			guest_fail("T19: no queue in round %u", i);
		vio_go(&target.dev);
		if (i % 3 == 1)
			vio_reset(&target.dev);
	}
}

static void t20_other_features(void)
{
	static const uint64_t sets[] = {
		VIO_F_INDIRECT | VIO_F_EVENT_IDX | BLK_F_FLUSH, VIO_F_PACKED,
		0, BLK_F_FLUSH | BLK_F_WCE, VIO_F_EVENT_IDX | VIO_F_PACKED,
	};

	for (unsigned int i = 0; i < 5; i++) {
		disk_start(&target, sets[i], SIZE);
		disk_check(&target, "T20");
	}
}

static void t21_ring_reset(void)
{
	struct vq *q = &target.q;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		many_reads();
		vio_write(&target.dev, VIO_QUEUE_SEL, 0);
		vio_write(&target.dev, VIO_QUEUE_RESET, 1);
		vio_write(&target.dev, VIO_QUEUE_RESET, 1);
		if (vio_read(&target.dev, VIO_QUEUE_RESET) || enabled())
			guest_fail("T21: the queue is not reset");
		vq_kick(q);
		vq_place(q, &target.dev, 0, SIZE);
		if (!vq_enable(q))
			guest_fail("T21: the queue does not come back");
		disk_check(&target, "T21");
	}
}

static void t21_not_negotiated(void)
{
	vio_write(&target.dev, VIO_QUEUE_SEL, 0);
	vio_write(&target.dev, VIO_QUEUE_RESET, 1);
	if (!enabled())
		guest_fail("T21: reset without the feature");
}

static void t23_interrupt_status(void)
{
	for (unsigned int i = 0; i < 200; i++) {
		if (target.dev.mmio)
			mmio_write32(target.dev.base + 0x64,
				     UINT32_MAX << i % 8);
		else
			mmio_write8(target.dev.isr, 0xff);
		vio_take_isr(&target.dev);
	}
	if (vio_take_isr(&target.dev))
		guest_fail("T23: an interrupt out of nothing");
	for (unsigned int i = 0; i < 5; i++) /* not acknowledged */
		disk_check(&target, "T23");
}

/* Each request has its interrupt, however the reads race with it. */
static void t30_no_interrupt_is_lost(void)
{
	for (unsigned int i = 0; i < 400; i++) {
		struct vq_done done;
		unsigned int us = 0;

		disk_header(&target, BLK_GET_ID, 0);
		vq_add(&target.q, (const struct vq_buf[]){
			{ target.header, BLK_HEADER, 0 },
			{ target.data, 21, VQ_WRITE } }, 2);
		vq_kick(&target.q);
		while (!(vio_take_isr(&target.dev) & VIO_ISR_QUEUE))
			if (us++ == 100000)
				guest_fail("T30: request %u has no interrupt",
					   i);
		if (!vq_take(&target.q, &done, 2))
			guest_fail("T30: an interrupt before its cause");
	}
}

static const struct attack attacks[] = {
	{ "T03", t03_config_space, LIVES, SIZE, 0 },
	{ "T05", t05_no_such_queue, LIVES, SIZE, 0 },
	{ "T06", t06_no_such_doorbell, LIVES, SIZE, 0 },
	{ "T07", t07_feature_words, ENDS, SIZE, 0 },
	{ "T08", t08_features, ENDS, SIZE, 0 },
	{ "T09", t09_features_out_of_time, LIVES, SIZE, 0 },
	{ "T10", t10_sizes, ENDS, SIZE, 0 },
	{ "T11", t11_addresses, ENDS, SIZE, 0 },
	{ "T12", t12_ready, LIVES, SIZE, 0 },
	{ "T13", t13_parameters_of_a_running_queue, LIVES, SIZE, 0 },
	{ "T13", t13_parameters_of_a_running_queue, LIVES, SIZE,
	  VIO_F_RING_RESET },
	{ "T14", t14_not_enabled, LIVES, SIZE, 0 },
	{ "T15", t15_started_too_early, ENDS, SIZE, 0 },
	{ "T16", t16_status_bits, LIVES, SIZE, 0 },
	{ "T17", t17_not_the_drivers_bits, ENDS, SIZE, 0 },
	{ "T18", t18_reset_in_flight, ENDS, SIZE, 0 },
	{ "T19", t19_many_resets, ENDS, SIZE, 0 },
	{ "T20", t20_other_features, LIVES, SIZE, 0 },
	{ "T21", t21_ring_reset, LIVES, SIZE, VIO_F_RING_RESET },
	{ "T21", t21_not_negotiated, LIVES, SIZE, 0 },
	{ "T23", t23_interrupt_status, LIVES, SIZE, 0 },
	{ "T30", t30_no_interrupt_is_lost, LIVES, SIZE, 0 },
};

void guest_main(void)
{
	other_ring = guest_pages(3);
	attack_disk(ATTACKS(attacks));
	guest_pass();
}
