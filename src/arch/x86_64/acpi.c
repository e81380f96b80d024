// SPDX-License-Identifier: BSD-3-Clause
/*
 * See acpi.h. The blob, in order: RSDP, FACS, DSDT, FADT, MADT, MCFG, XSDT; a
 * table is written before the one that points at it, and the RSDP, which must
 * be first, is filled in last. A further table is one more function and one
 * more line in acpi_build(); a further device is one in put_dsdt().
 */
#include "arch/x86_64/acpi.h"

#include <assert.h>

#include "arch/x86_64/aml.h"
#include "arch/x86_64/bytes.h"
#include "arch/x86_64/layout.h"
#include "devices/acpi_pm.h"
#include "devices/pci/pci_host.h"

#define RSDP_SIZE   36
#define HEADER_SIZE 36
#define FACS_SIZE   64
#define FADT_SIZE   276
#define TABLE_ALIGN 16
#define FACS_ALIGN  64 /* 5.2.10 */

#define OEM_ID       "VIREO "
#define OEM_TABLE_ID "VIREOVMM"
#define OEM_REVISION 1
#define CREATOR_ID   "VREO"

/* Offsets in the common header, 5.2.6 */
#define HEADER_LENGTH   4
#define HEADER_CHECKSUM 9

/* Offsets in the FADT, 5.2.9 */
enum fadt {
	FADT_FACS = 36,
	FADT_DSDT = 40,
	FADT_SCI_INT = 46,
	FADT_PM1A_EVT = 56,
	FADT_PM1A_CNT = 64,
	FADT_PM_TMR = 76,
	FADT_PM1_EVT_LEN = 88,
	FADT_PM1_CNT_LEN = 89,
	FADT_PM_TMR_LEN = 91,
	FADT_P_LVL2_LAT = 96,
	FADT_P_LVL3_LAT = 98,
	FADT_BOOT_ARCH = 109,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_MINOR = 131,
	FADT_X_FACS = 132,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_EVT = 148,
	FADT_X_PM1A_CNT = 172,
	FADT_X_PM_TMR = 208,
	FADT_HYPERVISOR = 268,
};

/* IAPC_BOOT_ARCH, table 5.11 */
#define BOOT_LEGACY_DEVICES (1u << 0)
#define BOOT_8042           (1u << 1)
#define BOOT_NO_VGA         (1u << 2)

/* Fixed feature flags, table 5.10. PWR_BUTTON stays clear: the power button
 * is the fixed one of the PM1 block. */
#define FLAG_WBINVD        (1u << 0)
#define FLAG_PROC_C1       (1u << 2)
#define FLAG_NO_SLP_BUTTON (1u << 5)
#define FLAG_NO_RTC_WAKE   (1u << 6)
#define FLAG_TMR_32BIT     (1u << 8)
#define FLAG_RESET_REG     (1u << 10)

/* MADT, 5.2.12 */
#define MADT_PCAT_COMPAT 1 /* there are two 8259s as well */
#define MADT_LAPIC       0
#define MADT_IOAPIC      1
#define MADT_OVERRIDE    2
#define MADT_LAPIC_NMI   4
#define MADT_X2APIC      9
#define MADT_X2APIC_NMI  10
#define MADT_ENABLED     1
#define MADT_HIGH_LEVEL  0x0d /* MPS INTI flags: active high, level */
#define MADT_ALL_UIDS    0xff
#define MADT_ALL_X2UIDS  0xffffffff
#define MAX_XAPIC_ID     254 /* 255 is the broadcast id */

/* Where the tables have been put. */
struct tables {
	uint64_t gpa; /* of the blob */
	uint64_t facs;
	uint64_t dsdt;
	uint64_t fadt;
	uint64_t madt;
	uint64_t mcfg; /* 0: none */
	uint64_t xsdt;
};

static void align(struct bytes *b, uint64_t gpa, uint64_t to)
{
	bytes_zero(b, -(gpa + b->len) & (to - 1));
}

/* Returns the table's offset, for table_end(). The header is 5.2.6's. */
static size_t table_begin(struct bytes *b, uint64_t gpa, const char *signature,
			  uint8_t revision)
{
	size_t start;

	align(b, gpa, TABLE_ALIGN);
	start = b->len;
	bytes_put(b, signature, 4);
	bytes_u32(b, 0); /* length */
	bytes_u8(b, revision);
	bytes_u8(b, 0); /* checksum */
	bytes_put(b, OEM_ID, 6);
	bytes_put(b, OEM_TABLE_ID, 8);
	bytes_u32(b, OEM_REVISION);
	bytes_put(b, CREATOR_ID, 4);
	bytes_u32(b, OEM_REVISION);
	return start;
}

static void table_end(struct bytes *b, size_t start)
{
	size_t n = b->len - start;

	bytes_set_u32(b, start + HEADER_LENGTH, (uint32_t)n);
	bytes_checksum(b, start, n, start + HEADER_CHECKSUM);
}

static uint64_t put_facs(struct bytes *b, uint64_t gpa)
{
	size_t start;

	align(b, gpa, FACS_ALIGN);
	start = b->len;
	bytes_put(b, "FACS", 4);
	bytes_u32(b, FACS_SIZE);
	bytes_zero(b, 24); /* no waking vectors, no lock, no flags */
	bytes_u8(b, 2);    /* version */
	bytes_zero(b, FACS_SIZE - 33);
	return gpa + start;
}

/* 7.4.2: { PM1a SLP_TYP, PM1b SLP_TYP, reserved, reserved } */
static void put_s5(struct bytes *b)
{
	size_t package;

	aml_name(b, "\\_S5");
	package = aml_package(b, 4);
	aml_integer(b, ACPI_PM_SLP_TYP_S5);
	aml_integer(b, 0);
	aml_integer(b, 0);
	aml_integer(b, 0);
	aml_close(b, package);
}

static void put_serial(struct bytes *b)
{
	size_t dev = aml_device(b, "COM1");
	size_t res;

	aml_name(b, "_HID");
	aml_eisa_id(b, "PNP0501");
	aml_name(b, "_UID");
	aml_integer(b, 1);
	aml_name(b, "_CRS");
	res = aml_resources(b);
	aml_res_io(b, PORT_SERIAL0, 8);
	aml_res_irq(b, IRQ_SERIAL0);
	aml_resources_close(b, res);
	aml_close(b, dev);
}

static void put_pvpanic(struct bytes *b)
{
	size_t dev = aml_device(b, "PEVT");
	size_t res;

	aml_name(b, "_HID");
	aml_string(b, "QEMU0001");
	aml_name(b, "_CRS");
	res = aml_resources(b);
	aml_res_io(b, PORT_PVPANIC, 1);
	aml_resources_close(b, res);
	aml_close(b, dev);
}

static void put_mmio_device(struct bytes *b, unsigned int index,
			    const struct acpi_mmio_device *mmio)
{
	const char name[] = { 'V', 'R', (char)('0' + index / 10),
			      (char)('0' + index % 10), 0 };
	size_t dev = aml_device(b, name);
	size_t res;

	aml_name(b, "_HID");
	aml_string(b, "LNRO0005");
	aml_name(b, "_UID");
	aml_integer(b, index);
	aml_name(b, "_CCA"); /* 6.2.17: its DMA is coherent */
	aml_integer(b, 1);
	aml_name(b, "_CRS");
	res = aml_resources(b);
	if (mmio->base > UINT32_MAX || mmio->size > UINT32_MAX - mmio->base)
		aml_res_memory64(b, mmio->base, mmio->size, false);
	else
		aml_res_memory32(b, (uint32_t)mmio->base, (uint32_t)mmio->size);
	aml_res_interrupt(b, mmio->gsi, false);
	aml_resources_close(b, res);
	aml_close(b, dev);
}

/* 6.2.13: slot << 16 | every function, pin, no link device, GSI. Functions
 * have INTA only. Without a link it is level, active low; nobody looks at the
 * polarity. */
static void put_prt(struct bytes *b)
{
	size_t all;

	aml_name(b, "_PRT");
	all = aml_package(b, PCI_SLOTS);
	for (unsigned int slot = 0; slot < PCI_SLOTS; slot++) {
		size_t one = aml_package(b, 4);

		aml_integer(b, slot << 16 | 0xffff);
		aml_integer(b, 0);
		aml_integer(b, 0);
		aml_integer(b, IRQ_PCI + slot % PCI_LINES);
		aml_close(b, one);
	}
	aml_close(b, all);
}

static void put_pci(struct bytes *b)
{
	size_t dev = aml_device(b, "PCI0");
	size_t res;

	aml_name(b, "_HID");
	aml_eisa_id(b, "PNP0A08");
	aml_name(b, "_CID");
	aml_eisa_id(b, "PNP0A03");
	aml_name(b, "_UID");
	aml_integer(b, 0);
	aml_name(b, "_SEG");
	aml_integer(b, 0);
	aml_name(b, "_BBN");
	aml_integer(b, 0);
	aml_name(b, "_CCA"); /* 6.2.17: its DMA is coherent */
	aml_integer(b, 1);
	aml_name(b, "_CRS");
	res = aml_resources(b);
	aml_res_bus(b, 0, 0);
	aml_res_io(b, PORT_PCI, PORT_PCI_SIZE);
	aml_res_memory64(b, LAYOUT_PCI_MMIO, LAYOUT_PCI_MMIO_SIZE, true);
	aml_resources_close(b, res);
	put_prt(b);
	aml_close(b, dev);
}

/* PCI Firmware specification 3.0, 4.1.2: what MCFG names has to be reserved by
 * a motherboard resource, or it is not believed. */
static void put_ecam(struct bytes *b)
{
	size_t dev = aml_device(b, "ECAM");
	size_t res;

	aml_name(b, "_HID");
	aml_eisa_id(b, "PNP0C02");
	aml_name(b, "_UID");
	aml_integer(b, 0);
	aml_name(b, "_CRS");
	res = aml_resources(b);
	aml_res_memory32(b, LAYOUT_PCI_ECAM, LAYOUT_PCI_ECAM_SIZE);
	aml_resources_close(b, res);
	aml_close(b, dev);
}

static uint64_t put_dsdt(struct bytes *b, const struct acpi_config *cfg)
{
	size_t start = table_begin(b, cfg->gpa, "DSDT", 2);
	size_t scope;

	put_s5(b);
	scope = aml_scope(b, "\\_SB");
	if (cfg->serial)
		put_serial(b);
	if (cfg->pvpanic)
		put_pvpanic(b);
	for (unsigned int i = 0; i < cfg->mmio_count; i++)
		put_mmio_device(b, i, &cfg->mmio[i]);
	if (cfg->pci) {
		put_pci(b);
		put_ecam(b);
	}
	aml_close(b, scope);
	table_end(b, start);
	return cfg->gpa + start;
}

/* Generic address structure, 5.2.3.2, for @size bytes of port space that are
 * accessed by units of 1 << (access - 1) bytes. */
static void set_gas(struct bytes *b, size_t at, uint16_t port, uint8_t size,
		    uint8_t access)
{
	bytes_set_u8(b, at, 1); /* system I/O */
	bytes_set_u8(b, at + 1, (uint8_t)(size * 8));
	bytes_set_u8(b, at + 2, 0);
	bytes_set_u8(b, at + 3, access);
	bytes_set_u64(b, at + 4, port);
}

/* A block has its address twice: in the old field and in the X_ one. */
static void set_block(struct bytes *b, size_t at, size_t x_at, uint16_t port,
		      uint8_t size, uint8_t access)
{
	bytes_set_u32(b, at, port);
	set_gas(b, x_at, port, size, access);
}

static void set_pm(struct bytes *b, size_t fadt, bool timer)
{
	set_block(b, fadt + FADT_PM1A_EVT, fadt + FADT_X_PM1A_EVT,
		  PORT_PM_EVENT, ACPI_PM_EVENT_SIZE, 2);
	set_block(b, fadt + FADT_PM1A_CNT, fadt + FADT_X_PM1A_CNT,
		  PORT_PM_CONTROL, ACPI_PM_CONTROL_SIZE, 2);
	bytes_set_u8(b, fadt + FADT_PM1_EVT_LEN, ACPI_PM_EVENT_SIZE);
	bytes_set_u8(b, fadt + FADT_PM1_CNT_LEN, ACPI_PM_CONTROL_SIZE);
	if (timer) {
		set_block(b, fadt + FADT_PM_TMR, fadt + FADT_X_PM_TMR,
			  PORT_PM_TIMER, ACPI_PM_TIMER_SIZE, 3);
		bytes_set_u8(b, fadt + FADT_PM_TMR_LEN, ACPI_PM_TIMER_SIZE);
	}
	set_gas(b, fadt + FADT_RESET_REG, PORT_PM_RESET, ACPI_PM_RESET_SIZE, 1);
	bytes_set_u8(b, fadt + FADT_RESET_VALUE, ACPI_PM_RESET_VALUE);
}

/* SMI_CMD stays 0: ACPI mode is always on, there is nothing to switch. */
static uint64_t put_fadt(struct bytes *b, const struct acpi_config *cfg,
			 const struct tables *t)
{
	size_t start = table_begin(b, cfg->gpa, "FACP", 6);
	uint32_t flags = FLAG_WBINVD | FLAG_PROC_C1 | FLAG_NO_SLP_BUTTON |
			 FLAG_NO_RTC_WAKE | FLAG_RESET_REG;
	uint16_t boot = BOOT_NO_VGA;

	if (cfg->pm_timer)
		flags |= FLAG_TMR_32BIT;
	if (cfg->serial)
		boot |= BOOT_LEGACY_DEVICES;
	if (cfg->i8042)
		boot |= BOOT_8042;
	bytes_zero(b, FADT_SIZE - HEADER_SIZE);
	/* Of FIRMWARE_CTRL and its X_ form only one may be set, 5.2.9. */
	if (t->facs <= UINT32_MAX)
		bytes_set_u32(b, start + FADT_FACS, (uint32_t)t->facs);
	else
		bytes_set_u64(b, start + FADT_X_FACS, t->facs);
	if (t->dsdt <= UINT32_MAX)
		bytes_set_u32(b, start + FADT_DSDT, (uint32_t)t->dsdt);
	bytes_set_u64(b, start + FADT_X_DSDT, t->dsdt);
	bytes_set_u16(b, start + FADT_SCI_INT, IRQ_SCI);
	set_pm(b, start, cfg->pm_timer);
	bytes_set_u16(b, start + FADT_P_LVL2_LAT, 101);  /* no C2 */
	bytes_set_u16(b, start + FADT_P_LVL3_LAT, 1001); /* no C3 */
	bytes_set_u16(b, start + FADT_BOOT_ARCH, boot);
	bytes_set_u32(b, start + FADT_FLAGS, flags);
	bytes_set_u8(b, start + FADT_MINOR, 4); /* ACPI 6.4 */
	bytes_set(b, start + FADT_HYPERVISOR, "VIREOVMM", 8);
	table_end(b, start);
	return cfg->gpa + start;
}

static void put_cpu(struct bytes *b, unsigned int id)
{
	if (id <= MAX_XAPIC_ID) {
		bytes_u8(b, MADT_LAPIC);
		bytes_u8(b, 8);
		bytes_u8(b, (uint8_t)id); /* processor UID */
		bytes_u8(b, (uint8_t)id);
		bytes_u32(b, MADT_ENABLED);
		return;
	}
	bytes_u8(b, MADT_X2APIC);
	bytes_u8(b, 16);
	bytes_u16(b, 0);
	bytes_u32(b, id);
	bytes_u32(b, MADT_ENABLED);
	bytes_u32(b, id); /* processor UID */
}

/* NMI comes in at LINT1 of every processor. */
static void put_nmi(struct bytes *b, bool x2apic)
{
	bytes_u8(b, MADT_LAPIC_NMI);
	bytes_u8(b, 6);
	bytes_u8(b, MADT_ALL_UIDS);
	bytes_u16(b, 0);
	bytes_u8(b, 1);
	if (!x2apic)
		return;
	bytes_u8(b, MADT_X2APIC_NMI);
	bytes_u8(b, 12);
	bytes_u16(b, 0);
	bytes_u32(b, MADT_ALL_X2UIDS);
	bytes_u8(b, 1);
	bytes_zero(b, 3);
}

static void put_ioapic(struct bytes *b, unsigned int cpus)
{
	bytes_u8(b, MADT_IOAPIC);
	bytes_u8(b, 12);
	bytes_u8(b, cpus <= UINT8_MAX ? (uint8_t)cpus : UINT8_MAX);
	bytes_u8(b, 0);
	bytes_u32(b, LAYOUT_IOAPIC);
	bytes_u32(b, 0); /* its first GSI */
	/* The ISA interrupts are GSIs of the same number (KVM's default
	 * routes); only the SCI is not what ISA says, edge triggered. */
	bytes_u8(b, MADT_OVERRIDE);
	bytes_u8(b, 10);
	bytes_u8(b, 0); /* ISA */
	bytes_u8(b, IRQ_SCI);
	bytes_u32(b, IRQ_SCI);
	bytes_u16(b, MADT_HIGH_LEVEL);
}

static uint64_t put_madt(struct bytes *b, const struct acpi_config *cfg)
{
	size_t start = table_begin(b, cfg->gpa, "APIC", 5);

	bytes_u32(b, LAYOUT_LAPIC);
	bytes_u32(b, cfg->pic ? MADT_PCAT_COMPAT : 0);
	for (unsigned int i = 0; i < cfg->cpus; i++)
		put_cpu(b, i);
	put_ioapic(b, cfg->cpus);
	put_nmi(b, cfg->cpus > MAX_XAPIC_ID + 1);
	table_end(b, start);
	return cfg->gpa + start;
}

/* PCI Firmware specification 3.0, 4.1.2 */
static uint64_t put_mcfg(struct bytes *b, const struct acpi_config *cfg)
{
	size_t start = table_begin(b, cfg->gpa, "MCFG", 1);

	bytes_zero(b, 8);
	bytes_u64(b, LAYOUT_PCI_ECAM);
	bytes_u16(b, 0); /* segment */
	bytes_u8(b, 0);  /* first bus */
	bytes_u8(b, 0);  /* last bus */
	bytes_zero(b, 4);
	table_end(b, start);
	return cfg->gpa + start;
}

static uint64_t put_xsdt(struct bytes *b, const struct tables *t)
{
	size_t start = table_begin(b, t->gpa, "XSDT", 1);

	bytes_u64(b, t->fadt); /* must be the first, 5.2.8 */
	bytes_u64(b, t->madt);
	if (t->mcfg)
		bytes_u64(b, t->mcfg);
	table_end(b, start);
	return t->gpa + start;
}

/* 5.2.5.3; there is no RSDT. */
static void set_rsdp(struct bytes *b, const struct tables *t)
{
	bytes_set(b, 0, "RSD PTR ", 8);
	bytes_set(b, 9, OEM_ID, 6);
	bytes_set_u8(b, 15, 2); /* revision */
	bytes_set_u32(b, 20, RSDP_SIZE);
	bytes_set_u64(b, 24, t->xsdt);
	bytes_checksum(b, 0, 20, 8);
	bytes_checksum(b, 0, RSDP_SIZE, 32);
}

int acpi_build(uint8_t *buf, size_t cap, size_t *len,
	       const struct acpi_config *cfg)
{
	struct tables t = { .gpa = cfg->gpa };
	struct bytes b;

	assert(cfg->cpus && cfg->mmio_count <= ACPI_MAX_MMIO_DEVICES);
	assert(cfg->gpa % TABLE_ALIGN == 0);
	bytes_init(&b, buf, cap);
	bytes_zero(&b, RSDP_SIZE);
	t.facs = put_facs(&b, t.gpa);
	t.dsdt = put_dsdt(&b, cfg);
	t.fadt = put_fadt(&b, cfg, &t);
	t.madt = put_madt(&b, cfg);
	if (cfg->pci)
		t.mcfg = put_mcfg(&b, cfg);
	t.xsdt = put_xsdt(&b, &t);
	set_rsdp(&b, &t);
	if (b.err)
		return b.err;
	*len = b.len;
	return 0;
}
