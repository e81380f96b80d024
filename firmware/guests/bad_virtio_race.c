// SPDX-License-Identifier: BSD-3-Clause
/*
 * Two CPUs on one device, whose driver has no lock: registers, resets, BARs and
 * messages change while requests run. The entries X05, X10 and, on PCI, G09.
 */
#include "guest_attack.h"
#include "guest_pci.h"

const char guest_name[] = "bad_virtio_race";

#define SIZE   8
#define ROUNDS 150
#define BARS   40 /* moving them is slow */
#define VECTOR 40

static uint32_t random_state = 12345;
static uint64_t other_ring; /* three pages */
static uint64_t msix_table;
static uint64_t msix_control;

static uint32_t pick(uint32_t count)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 16) % count;
}

/* Whatever a driver may set before it starts; the device runs. */
static void write_registers(void)
{
	static const uint8_t regs[] = {
		VIO_DEVICE_SEL, VIO_DRIVER_SEL, VIO_DRIVER_FEATURES,
		VIO_QUEUE_SEL, VIO_QUEUE_SIZE, VIO_QUEUE_ENABLE, VIO_DESC_LO,
		VIO_DESC_HI, VIO_AVAIL_LO, VIO_USED_LO, VIO_USED_HI,
	};

	vio_write(&target.dev, regs[pick(sizeof(regs))], pick(3));
	vio_read(&target.dev, pick(VIO_QUEUE_MAX + 1));
	vio_take_isr(&target.dev);
	mmio_read64(target.dev.config);
}

static void x10_registers(void)
{
	racer_start(write_registers);
	for (unsigned int i = 0; i < ROUNDS; i++)
		disk_check(&target, "X10");
	racer_stop();
}

/* From nothing to running, in a ring of its own. */
static void restart(void)
{
	struct vq q = { .dev = &target.dev, .size = SIZE, .desc = other_ring,
			.avail = other_ring + GUEST_PAGE,
			.used = other_ring + 2 * GUEST_PAGE };

	vio_write(&target.dev, VIO_STATUS, 0);
	vio_write(&target.dev, VIO_STATUS, VIO_ACKNOWLEDGE | VIO_DRIVER);
	vio_write_features(&target.dev, VIO_F_VERSION_1);
	vio_write(&target.dev, VIO_STATUS, VIO_SET_UP);
	vq_enable(&q);
	vio_write(&target.dev, VIO_STATUS, VIO_RUNNING);
}

/* Requests are made in the ring that the other CPU hands out; none is waited
 * for. */
static void x05_resets(void)
{
	struct vq q = { .dev = &target.dev, .size = SIZE, .desc = other_ring,
			.avail = other_ring + GUEST_PAGE,
			.used = other_ring + 2 * GUEST_PAGE };

	disk_header(&target, BLK_IN, 1);
	vq_write_at(&q, 0, target.header, BLK_HEADER, VQ_NEXT, 1);
	vq_write_at(&q, 1, target.data, 512, VQ_NEXT | VQ_WRITE, 2);
	vq_write_at(&q, 2, target.status, 1, VQ_WRITE, 0);
	racer_start(restart);
	for (unsigned int i = 0; i < 3 * ROUNDS; i++) {
		mmio_write16(q.avail + 4, 0);
		mmio_write16(q.avail + 2, (uint16_t)(i & 1));
		vq_kick(&q);
		vio_status(&target.dev);
		if (i % 16 == 0)
			entropy_check(&witness, "X05");
	}
	racer_stop();
	vio_reset(&target.dev);
	mmio_write16(q.avail + 2, 0);
}

/* By memory: the two ports are the other CPU's. */
static void move_bar(void)
{
	static const uint32_t steps[] = { 0, 0x1000000, 0x2000000 };
	uint64_t at = pci_ecam(target.dev.slot, PCI_BAR0);
	uint32_t home = (uint32_t)target.dev.base;

	mmio_write32(at, home + steps[pick(3)]);
	mmio_write16(pci_ecam(target.dev.slot, PCI_COMMAND),
		     (uint16_t)(PCI_MASTER | (pick(4) ? PCI_MEMORY : 0)));
	mmio_write32(at, (uint32_t)witness.dev.base);
	mmio_write32(at, home);
	mmio_write16(pci_ecam(target.dev.slot, PCI_COMMAND),
		     PCI_MASTER | PCI_MEMORY);
}

/* A kick may go nowhere; the next one does not. */
static void g09_bars(void)
{
	racer_start(move_bar);
	for (unsigned int i = 0; i < BARS; i++) {
		struct vq_done done;
		unsigned int tries = 0;

		disk_header(&target, BLK_IN, 1);
		vq_add(&target.q, (const struct vq_buf[]){
			{ target.header, BLK_HEADER, 0 },
			{ target.data, 512, VQ_WRITE },
			{ target.status, 1, VQ_WRITE } }, 3);
		while (!vq_take(&target.q, &done, 3)) {
			vq_kick(&target.q);
			guest_delay_us(50);
			if (tries++ == 20000)
				guest_fail("G09: a request is lost");
		}
		if (disk_status(&target) != BLK_OK)
			guest_fail("G09: a request fails");
	}
	racer_stop();
	entropy_check(&witness, "G09");
}

/* Both BARs at once, each to where the other one is. */
static void g09_two_bars(void)
{
	uint32_t here = (uint32_t)witness.dev.base;
	uint64_t at = pci_ecam(witness.dev.slot, PCI_BAR0);

	racer_start(move_bar);
	for (unsigned int i = 0; i < BARS; i++) {
		mmio_write32(at, (uint32_t)target.dev.base);
		mmio_write32(at, here + 0x4000000);
		mmio_write32(at, here);
	}
	racer_stop();
	entropy_check(&witness, "G09");
}

static void change_messages(void)
{
	static const uint64_t addresses[] = { LAYOUT_LAPIC, 0xdeadbeec, 0,
					      LAYOUT_LAPIC };
	uint64_t entry = msix_table + 16 * pick(2);

	mmio_write64(entry, addresses[pick(4)]);
	mmio_write32(entry + 8, VECTOR + pick(2));
	mmio_write32(entry + 12, pick(2));
	mmio_write16(msix_control, (uint16_t)(pick(4) << 14));
	mmio_write16(target.dev.common + 0x1a, (uint16_t)pick(3));
}

static void on_vector(struct guest_frame *f)
{
	lapic_eoi();
}

static void g09_messages(void)
{
	unsigned int cap = pci_cap(target.dev.slot, PCI_CAP_MSIX, 0);

	msix_control = pci_ecam(target.dev.slot, cap + 2);
	msix_table = target.dev.base +
		     (pci_read(target.dev.slot, cap + 4, 4) & ~7u);
	racer_start(change_messages);
	guest_irq_init();
	guest_handle(VECTOR, on_vector);
	guest_handle(VECTOR + 1, on_vector);
	guest_irq_on();
	for (unsigned int i = 0; i < ROUNDS; i++)
		disk_check(&target, "G09");
	guest_irq_off();
	racer_stop();
	mmio_write16(msix_control, 0);
}

static const struct attack attacks[] = {
	{ "X10", x10_registers, LIVES, SIZE, 0 },
	{ "X10", x10_registers, LIVES, SIZE, VIO_F_PACKED },
	{ "X05", x05_resets, ENDS, SIZE, 0 },
};

static const struct attack pci_attacks[] = {
	{ "G09", g09_bars, LIVES, SIZE, 0 },
	{ "G09", g09_two_bars, LIVES, SIZE, 0 },
	{ "G09", g09_messages, LIVES, SIZE, 0 },
};

void guest_main(void)
{
	other_ring = guest_pages(3);
	attack_disk(ATTACKS(attacks));
	if (!target.dev.mmio)
		attack_all(&target_victim, ATTACKS(pci_attacks));
	guest_pass();
}
