// SPDX-License-Identifier: BSD-3-Clause
/*
 * A disk as a driver uses it: identity, reads, writes, flush, by split and by
 * packed rings, with and without indirect tables; its interrupt by the IOAPIC.
 */
#include "guest_dev.h"

const char guest_name[] = "virtio_blk";

#define PACKED VIO_F_PACKED
#define SIZE   8
#define ROUNDS 20

#define VECTOR       40
#define MMIO_WINDOW  0x1000
#define MMIO_FIRST   16 /* pin of the first window */
#define INTERRUPT_MS 2000

static struct disk disk;

static void check_identity(void)
{
	uint8_t first;

	mmio_write64(disk.data, 0);
	if (disk_request(&disk, BLK_GET_ID, 0, 20) != BLK_OK)
		guest_fail("no identity");
	first = mmio_read8(disk.data);
	if (!first)
		guest_fail("the identity is empty");
}

/* More requests than the ring has places, so that it wraps. */
static void check_rounds(const char *how)
{
	for (unsigned int i = 0; i < ROUNDS; i++)
		disk_check(&disk, how);
	if (disk_request(&disk, BLK_FLUSH, 0, 0) != BLK_OK)
		guest_fail("%s: the flush failed", how);
}

static void check_indirect(bool packed)
{
	uint64_t table = guest_pages(1);
	const struct vq_buf buf = { table, 3 * 16, VQ_INDIRECT };
	struct vq_done done;

	disk_header(&disk, BLK_IN, 1);
	vq_write_desc(table, disk.header, BLK_HEADER, packed ? 0 : VQ_NEXT, 1,
		      packed);
	vq_write_desc(table + 16, disk.data, BLK_SECTOR,
		      packed ? VQ_WRITE : VQ_NEXT | VQ_WRITE, 2, packed);
	vq_write_desc(table + 32, disk.status, 1, VQ_WRITE, 0, packed);
	vq_add(&disk.q, &buf, 1);
	if (!disk_finish(&disk, &done, 1) || disk_status(&disk) != BLK_OK ||
	    done.len != BLK_SECTOR + 1)
		guest_fail("indirect: status %u, %u bytes", disk_status(&disk),
			   done.len);
}

static volatile unsigned int came;

/* On PCI the line is level-triggered: reading the ISR lets go of it. */
static void on_disk(struct guest_frame *f)
{
	if (vio_take_isr(&disk.dev) & VIO_ISR_QUEUE)
		came++;
	lapic_eoi();
}

static void check_interrupts(void)
{
	const struct vio *d = &disk.dev;
	uint64_t window = (d->base - LAYOUT_VIRTIO_MMIO) / MMIO_WINDOW;
	unsigned int pin = d->mmio ? MMIO_FIRST + (unsigned int)window :
				     IRQ_PCI + d->slot % 4;

	disk_start(&disk, 0, SIZE);
	guest_irq_init();
	lapic_init();
	guest_handle(VECTOR, on_disk);
	ioapic_route(pin, VECTOR, d->mmio ? 0 : IOAPIC_LEVEL);
	guest_irq_on();
	for (unsigned int i = 1; i <= ROUNDS; i++) {
		if (disk_request(&disk, BLK_IN, 1, BLK_SECTOR) != BLK_OK)
			guest_fail("a request fails");
		for (unsigned int ms = 0; came != i; ms++) {
			if (ms == INTERRUPT_MS)
				guest_fail("%u interrupts for %u requests",
					   came, i);
			guest_delay_us(1000);
		}
	}
	guest_irq_off();
	guest_puts("virtio_blk: interrupts\n");
}

static void run(uint64_t features, const char *how)
{
	disk_start(&disk, features | VIO_F_INDIRECT, SIZE);
	check_identity();
	check_rounds(how);
	check_indirect(features & PACKED);
	guest_printf("virtio_blk: %s\n", how);
}

void guest_main(void)
{
	disk_open(&disk, 0);
	guest_printf("virtio_blk: %s, %lu sectors\n",
		     disk.dev.mmio ? "mmio" : "pci", disk.sectors);
	run(0, "split");
	run(PACKED, "packed");
	run(VIO_F_EVENT_IDX, "split, event index");
	run(PACKED | VIO_F_EVENT_IDX, "packed, event index");
	check_interrupts();
	guest_pass();
}
