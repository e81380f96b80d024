// SPDX-License-Identifier: BSD-3-Clause
/*
 * What only virtio-pci has: widths of the common structure, MSI-X, the window
 * in configuration space, moving BARs, configuration space itself. The entries
 * T01, T04, T24 to T29, T34.
 */
#include "guest_attack.h"
#include "guest_pci.h"

const char guest_name[] = "bad_virtio_pci";

#define SIZE   8
#define VECTOR 40

#define COMMON_SIZE   0x40u
#define CONFIG_VECTOR 0x10u
#define QUEUE_VECTOR  0x1au

#define MSIX_CONTROL 2
#define MSIX_TABLE   4
#define MSIX_PENDING 8
#define MSIX_MASKED  1u

#define CAP_TYPE   3
#define CAP_BAR    4
#define CAP_OFFSET 8
#define CAP_LENGTH 12
#define CAP_DATA   16
#define CAP_ACCESS 5

static volatile unsigned int came;
static unsigned int msix;  /* the capability */
static unsigned int count; /* of vectors */
static uint64_t table;
static uint64_t pending;

static void on_vector(struct guest_frame *f)
{
	came++;
	lapic_eoi();
}

static void find_msix(void)
{
	msix = pci_cap(target.dev.slot, PCI_CAP_MSIX, 0);
	if (!msix)
		guest_fail("no MSI-X");
	count = (pci_read(target.dev.slot, msix + MSIX_CONTROL, 2) & 0x7ff) + 1;
	table = target.dev.base +
		(pci_read(target.dev.slot, msix + MSIX_TABLE, 4) & ~7u);
	pending = target.dev.base +
		  (pci_read(target.dev.slot, msix + MSIX_PENDING, 4) & ~7u);
}

static void control(uint32_t bits)
{
	pci_write(target.dev.slot, msix + MSIX_CONTROL, 2, bits);
}

static void message(unsigned int n, uint64_t addr, uint32_t data, bool masked)
{
	mmio_write32(table + 16u * n, (uint32_t)addr);
	mmio_write32(table + 16u * n + 4, (uint32_t)(addr >> 32));
	mmio_write32(table + 16u * n + 8, data);
	mmio_write32(table + 16u * n + 12, masked ? MSIX_MASKED : 0);
}

static void queue_vector(uint16_t v)
{
	vio_write(&target.dev, VIO_QUEUE_SEL, 0);
	mmio_write16(target.dev.common + QUEUE_VECTOR, v);
}

static void request(void)
{
	if (disk_request(&target, BLK_IN, 1, 512) != BLK_OK)
		guest_fail("%s: a request fails", attack_now->id);
}

/* Interrupts that come in some milliseconds, at most @wanted of them. */
static void expect(unsigned int wanted)
{
	guest_irq_on();
	for (unsigned int i = 0; i < (wanted ? 20000 : 20); i++) {
		if (wanted && came == wanted)
			break;
		guest_delay_us(100);
	}
	guest_irq_off();
	if (came != wanted)
		guest_fail("%s: %u messages, not %u", attack_now->id, came,
			   wanted);
	came = 0;
}

static void t01_widths(void)
{
	uint64_t at = target.dev.common;

	for (unsigned int off = 0; off < COMMON_SIZE; off++) {
		bool byte = off == 0x14 || off == 0x15;

		if (!byte && mmio_read8(at + off))
			guest_fail("T01: a byte at %x", off);
		if (off % 4 && off < 0x10 && mmio_read32(at + off))
			guest_fail("T01: four bytes at %x", off);
		if (off < 0x20 && mmio_read64(at + off))
			guest_fail("T01: eight bytes at %x", off);
		if (!byte)
			mmio_write8(at + off, 0xff);
		mmio_write64(at + off % 0x20, 0);
	}
	mmio_write32(at + 0x14, 0);
	mmio_write16(at + 0x14, 0);
	mmio_write16(at + 0x13, 0);
}

static void t04_over_the_end(void)
{
	uint64_t end = target.dev.base + target.dev.size;

	for (unsigned int len = 1; len < 8; len++) {
		mmio_read64(end - len);
		mmio_write64(end - len, 0);
		mmio_read64(target.dev.base - len);
		mmio_write64(target.dev.base - len, 0);
	}
	for (unsigned int page = 0x1000; page < target.dev.size; page += 0x1000)
		mmio_read32(target.dev.base + page - 2);
}

static void t24_no_such_vector(void)
{
	const uint16_t wrong[] = { (uint16_t)count, 64, 0x7ff, 0x7fff, 0x8000,
				   0xfffe };

	for (unsigned int i = 0; i < 6; i++) {
		queue_vector(wrong[i]);
		mmio_write16(target.dev.common + CONFIG_VECTOR, wrong[i]);
		if (mmio_read16(target.dev.common + QUEUE_VECTOR) !=
			    VIO_NO_VECTOR ||
		    mmio_read16(target.dev.common + CONFIG_VECTOR) !=
			    VIO_NO_VECTOR)
			guest_fail("T24: vector %x is taken", wrong[i]);
		control(PCI_MSIX_ENABLE);
		request();
		expect(0);
		control(0);
	}
}

static void t25_out_of_range(void)
{
	uint64_t end = table + 16u * count;

	message(0, LAYOUT_LAPIC, VECTOR, true);
	for (unsigned int off = 0; off < 64; off += 4)
		if (mmio_read32(end + off) || mmio_read64(end + 8))
			guest_fail("T25: an entry behind the last one");
	mmio_write64(end, UINT64_MAX);
	mmio_write32(end + 12, 0);
	mmio_write8(table, 0xff);
	mmio_write16(table + 8, 0xffff);
	mmio_write32(table + 6, UINT32_MAX);
	mmio_write64(table + 4, UINT64_MAX);
	if (mmio_read8(table) || mmio_read16(table + 8) ||
	    mmio_read32(table + 2) || mmio_read64(table + 4))
		guest_fail("T25: a part of an entry can be read");
	if (mmio_read64(table) != LAYOUT_LAPIC ||
	    mmio_read64(table + 8) != (1ULL << 32 | VECTOR))
		guest_fail("T25: an entry was written in parts");
	mmio_write64(pending, UINT64_MAX);
	mmio_write32(pending, UINT32_MAX);
	if (mmio_read64(pending) || mmio_read64(pending + 8) ||
	    mmio_read8(pending) || mmio_read64(pending + 0x800))
		guest_fail("T25: something is pending");
}

static void t26_messages(void)
{
	const uint64_t nonsense[] = { 0, 0xdeadbeec, target.data,
				      target.dev.base, LAYOUT_IOAPIC,
				      UINT64_MAX - 3,
				      LAYOUT_LAPIC | 1ULL << 40 };

	control(PCI_MSIX_ENABLE);
	queue_vector(0);
	for (unsigned int i = 0; i < 7; i++) {
		message(0, nonsense[i], i & 1 ? UINT32_MAX : VECTOR, false);
		request();
	}
	message(0, LAYOUT_LAPIC, VECTOR, true);
	came = 0;
	guest_irq_on(); /* a nonsense one may have come this way */
	guest_delay_us(1000);
	guest_irq_off();
	came = 0;
	request();
	expect(0);
	if (!(mmio_read64(pending) & 1))
		guest_fail("T26: nothing is pending behind the mask");
	message(0, LAYOUT_LAPIC, VECTOR, false);
	expect(1);
	control(PCI_MSIX_ENABLE | PCI_MSIX_MASK);
	request();
	request();
	expect(0);
	control(PCI_MSIX_ENABLE);
	expect(1);
	for (unsigned int i = 0; i < 50; i++) { /* changed in flight */
		message(0, i & 1 ? LAYOUT_LAPIC : 0xdeadbeec, VECTOR + 1, true);
		message(0, LAYOUT_LAPIC, VECTOR, false);
		queue_vector(i & 1 ? 0 : 1);
		request();
	}
	guest_irq_on();
	guest_delay_us(2000);
	guest_irq_off();
	control(0);
	came = 0;
}

static unsigned int access_cap(void)
{
	unsigned int cap = 0;

	while ((cap = pci_cap(target.dev.slot, PCI_CAP_VENDOR, cap)))
		if (pci_read(target.dev.slot, cap + CAP_TYPE, 1) == CAP_ACCESS)
			return cap;
	guest_fail("T27: no PCI access capability");
}

static void t27_access_window(void)
{
	static const struct {
		uint32_t bar, off, len;
	} bad[] = {
		{ 1, 0x14, 1 },	  { 6, 0x14, 1 },      { 255, 0x14, 1 },
		{ 0, 0x14, 0 },	  { 0, 0x14, 3 },      { 0, 0x14, 8 },
		{ 0, 0x15, 4 },	  { 0, 0x7ffe, 4 },    { 0, 0x8000, 4 },
		{ 0, 0x4000, 4 }, { 0, 0xfffffffc, 4 }, { 0, 0x14, 0xffffffff },
	};
	unsigned int slot = target.dev.slot, cap = access_cap();

	pci_write(slot, cap + CAP_BAR, 1, 0);
	pci_write(slot, cap + CAP_OFFSET, 4, 0x14);
	pci_write(slot, cap + CAP_LENGTH, 4, 1);
	if ((pci_read(slot, cap + CAP_DATA, 4) & 0xff) != VIO_RUNNING)
		guest_fail("T27: the status is %x",
			   pci_read(slot, cap + CAP_DATA, 4));
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pci_write(slot, cap + CAP_BAR, 1, bad[i].bar);
		pci_write(slot, cap + CAP_OFFSET, 4, bad[i].off);
		pci_write(slot, cap + CAP_LENGTH, 4, bad[i].len);
		if (pci_read(slot, cap + CAP_DATA, 4) != UINT32_MAX)
			guest_fail("T27: bar %x, %x bytes at %x: %x",
				   bad[i].bar, bad[i].len, bad[i].off,
				   pci_read(slot, cap + CAP_DATA, 4));
		pci_write(slot, cap + CAP_DATA, 4, 0);
	}
}

static void move(uint32_t base)
{
	pci_write(target.dev.slot, PCI_BAR0, 4, base);
}

static void t28_bars(void)
{
	enum { OUTSIDE = 0 };
	const uint32_t places[] = {
		(uint32_t)LAYOUT_HOLE_START - 0x8000, 0,
		(uint32_t)target.data & ~0x7fffu, (uint32_t)witness.dev.base,
		LAYOUT_PCI_ECAM, LAYOUT_IOAPIC & ~0x7fffu, LAYOUT_LAPIC,
		LAYOUT_HIGH_START,
	};
	uint32_t home = (uint32_t)target.dev.base;
	unsigned int slot = target.dev.slot;

	mmio_write64(target.data, 0x5a5a);
	for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		move(places[i]);
		if (mmio_read32(home) != UINT32_MAX)
			guest_fail("T28: the BAR is at two places");
		if (i == OUTSIDE && mmio_read32(places[i]) != UINT32_MAX)
			guest_fail("T28: the BAR left its window");
		mmio_write32(home + 0x14, 0);
		if (mmio_read64(target.data) != 0x5a5a)
			guest_fail("T28: the BAR hides RAM");
		entropy_check(&witness, "T28");
		move(home);
	}
	move(UINT32_MAX);
	if (pci_read(slot, PCI_BAR0, 4) != 0xffff8000)
		guest_fail("T28: the size is %x", pci_read(slot, PCI_BAR0, 4));
	move(home + 0x1000000);
	if (mmio_read8(home + 0x1000000 + 0x14) != VIO_RUNNING)
		guest_fail("T28: a free place is refused");
	move(home);
	for (unsigned int i = 0; i < 30; i++) { /* with a request in flight */
		struct vq_done done;

		disk_header(&target, BLK_IN, 1);
		vq_add(&target.q, (const struct vq_buf[]){
			{ target.header, BLK_HEADER, 0 },
			{ target.data, 512, VQ_WRITE },
			{ target.status, 1, VQ_WRITE } }, 3);
		vq_kick(&target.q);
		pci_write(slot, PCI_COMMAND, 2, i & 1 ? 0 : PCI_MASTER);
		pci_write(slot, PCI_COMMAND, 2, PCI_MASTER | PCI_MEMORY);
		if (!vq_wait(&target.q, &done, 3))
			guest_fail("T28: a request is lost");
	}
}

static void t29_read_only(void)
{
	unsigned int slot = target.dev.slot;
	uint32_t was[64];

	for (unsigned int i = 0; i < 64; i++)
		was[i] = pci_read(slot, 4 * i, 4);
	for (unsigned int off = 0; off < 256; off += 4) {
		bool skip = off == PCI_COMMAND || off == PCI_BAR0 ||
			    off == msix || off == 0x0c || off == 0x3c;

		if (!skip && off < access_cap())
			pci_write(slot, off, 4, UINT32_MAX);
	}
	for (unsigned int i = 0; 4 * i < access_cap(); i++)
		if (pci_read(slot, 4 * i, 4) != was[i])
			guest_fail("T29: dword %x is now %x, not %x", 4 * i,
				   pci_read(slot, 4 * i, 4), was[i]);
	pci_write(slot, PCI_BAR0 + 4, 4, UINT32_MAX); /* there is one BAR */
	if (pci_read(slot, PCI_BAR0 + 4, 4))
		guest_fail("T29: a BAR out of nothing");
	if (mmio_read32(pci_ecam(slot, 0)) != was[0] ||
	    mmio_read32(pci_ecam(slot, 0x100)) ||
	    mmio_read32(pci_ecam(slot, 0xffc)))
		guest_fail("T29: ECAM shows something else");
	mmio_write64(pci_ecam(slot, 0), UINT64_MAX);
	mmio_write32(pci_ecam(slot, 0x100), UINT32_MAX);
	mmio_write32(pci_ecam(slot, 2), UINT32_MAX);
	if (mmio_read64(pci_ecam(slot, 0)) != UINT64_MAX ||
	    mmio_read32(pci_ecam(slot, 1)) != UINT32_MAX)
		guest_fail("T29: ECAM by the wrong width");
}

static void nobody(uint32_t address, const char *what)
{
	outl(PCI_CONFIG_ADDRESS, PCI_ENABLE | address);
	if (inl(PCI_CONFIG_DATA) != UINT32_MAX)
		guest_fail("%s: somebody is %s (%x)", attack_now->id, what,
			   address);
	outl(PCI_CONFIG_DATA, 0);
}

static void t29_nowhere(void)
{
	uint32_t slot = target.dev.slot << 11;

	for (uint32_t f = 1; f < 8; f++) {
		nobody(slot | f << 8, "another function");
		if (mmio_read32(pci_ecam(target.dev.slot, 0) + (f << 12)) !=
		    UINT32_MAX)
			guest_fail("T29: function %u by ECAM", f);
	}
	for (uint32_t bus = 1; bus < 256; bus = bus * 2 + 1)
		nobody(bus << 16 | slot, "on another bus");
	outl(PCI_CONFIG_ADDRESS, slot); /* not enabled */
	if (inl(PCI_CONFIG_DATA) != UINT32_MAX)
		guest_fail("T29: configuration space without the enable bit");
	outb(PCI_CONFIG_ADDRESS, 0xff);
	outw(PCI_CONFIG_ADDRESS, 0xffff);
	outl(PCI_CONFIG_ADDRESS, UINT32_MAX);
	inl(PCI_CONFIG_DATA);
	inw(PCI_CONFIG_DATA + 3);
	inl(PCI_CONFIG_DATA + 2);
	if (mmio_read32(LAYOUT_PCI_ECAM + LAYOUT_PCI_ECAM_SIZE) != UINT32_MAX)
		guest_fail("T29: a second bus behind ECAM");
}

static void t34_nobody_else(void)
{
	for (uint32_t slot = 1; slot < 32; slot++)
		if (slot != target.dev.slot && slot != witness.dev.slot)
			nobody(slot << 11, "in another slot");
}

static const struct attack attacks[] = {
	{ "T01", t01_widths, LIVES, SIZE, 0 },
	{ "T04", t04_over_the_end, LIVES, SIZE, 0 },
	{ "T24", t24_no_such_vector, LIVES, SIZE, 0 },
	{ "T25", t25_out_of_range, LIVES, SIZE, 0 },
	{ "T26", t26_messages, LIVES, SIZE, 0 },
	{ "T27", t27_access_window, LIVES, SIZE, 0 },
	{ "T28", t28_bars, LIVES, SIZE, 0 },
	{ "T29", t29_read_only, LIVES, SIZE, 0 },
	{ "T29", t29_nowhere, LIVES, SIZE, 0 },
	{ "T34", t34_nobody_else, LIVES, SIZE, 0 },
};

void guest_main(void)
{
	guest_irq_init();
	lapic_init();
	guest_handle(VECTOR, on_vector);
	guest_handle(VECTOR + 1, on_vector);
	disk_open(&target, 0);
	find_msix();
	attack_disk(ATTACKS(attacks));
	guest_pass();
}
