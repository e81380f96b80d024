// SPDX-License-Identifier: BSD-3-Clause
/* The blob as a kernel walks it: RSDP, XSDT, tables, entries. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/layout.h"
#include "base/endian.h"
#include "base/num.h"
#include "devices/acpi_pm.h"

struct blob {
	uint64_t gpa;
	size_t len;
	uint8_t b[LAYOUT_ACPI_MAX];
};

static uint8_t sum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--)
		s += *p++;
	return s;
}

/* [gpa, gpa+len) of guest memory; fails the test when it is not all blob. */
static const uint8_t *at(const struct blob *blob, uint64_t gpa, size_t len)
{
	assert_true(gpa >= blob->gpa);
	assert_true(range_ok(gpa - blob->gpa, len, blob->len));
	return blob->b + (gpa - blob->gpa);
}

static const uint8_t *table_at(const struct blob *blob, uint64_t gpa,
			       const char *signature)
{
	const uint8_t *p = at(blob, gpa, 36);
	uint32_t len = le32_at(p + 4);

	at(blob, gpa, len);
	assert_memory_equal(p, signature, 4);
	assert_memory_equal(p + 10, "VIREO ", 6);
	assert_int_equal(sum(p, len), 0);
	return p;
}

static uint64_t xsdt_entry(const struct blob *blob, size_t i)
{
	const uint8_t *xsdt = table_at(blob, le64_at(blob->b + 24), "XSDT");

	assert_true(36 + 8 * (i + 1) <= le32_at(xsdt + 4));
	return le64_at(xsdt + 36 + 8 * i);
}

static const uint8_t *fadt(const struct blob *blob)
{
	return table_at(blob, xsdt_entry(blob, 0), "FACP");
}

static const uint8_t *madt(const struct blob *blob)
{
	return table_at(blob, xsdt_entry(blob, 1), "APIC");
}

static const uint8_t *dsdt(const struct blob *blob)
{
	return table_at(blob, le64_at(fadt(blob) + 140), "DSDT");
}

static void build(struct blob *blob, const struct acpi_config *cfg)
{
	blob->gpa = cfg->gpa;
	assert_int_equal(acpi_build(blob->b, sizeof(blob->b), &blob->len, cfg),
			 0);
	assert_true(blob->len <= sizeof(blob->b));
}

static struct acpi_config everything(unsigned int cpus)
{
	struct acpi_config cfg = {
		.gpa = LAYOUT_ACPI,
		.cpus = cpus,
		.serial = true,
		.pvpanic = true,
		.i8042 = true,
		.pm_timer = true,
		.pic = true,
		.mmio_count = ACPI_MAX_MMIO_DEVICES,
	};

	for (unsigned int i = 0; i < cfg.mmio_count; i++)
		cfg.mmio[i] = (struct acpi_mmio_device){
			.base = 0xd0000000 + 0x1000 * i,
			.size = 0x200,
			.gsi = 5 + i,
		};
	return cfg;
}

static bool contains(const uint8_t *table, const char *bytes, size_t n)
{
	uint32_t len = le32_at(table + 4);

	for (size_t i = 36; n <= len && i <= len - n; i++)
		if (!memcmp(table + i, bytes, n))
			return true;
	return false;
}

static void the_rsdp_is_first_and_sums_to_zero_twice(void **state)
{
	struct acpi_config cfg = everything(1);
	struct blob blob;

	build(&blob, &cfg);
	assert_memory_equal(blob.b, "RSD PTR ", 8);
	assert_memory_equal(blob.b + 9, "VIREO ", 6);
	assert_int_equal(blob.b[15], 2);
	assert_int_equal(le32_at(blob.b + 16), 0);
	assert_int_equal(le32_at(blob.b + 20), 36);
	assert_int_equal(sum(blob.b, 20), 0);
	assert_int_equal(sum(blob.b, 36), 0);
}

static void the_xsdt_lists_the_fadt_and_the_madt(void **state)
{
	struct acpi_config cfg = everything(2);
	struct blob blob;
	const uint8_t *xsdt;

	build(&blob, &cfg);
	xsdt = table_at(&blob, le64_at(blob.b + 24), "XSDT");
	assert_int_equal(le32_at(xsdt + 4), 36 + 2 * 8);
	fadt(&blob);
	madt(&blob);
	dsdt(&blob);
}

static void the_facs_is_64_bytes_on_a_64_byte_boundary(void **state)
{
	struct acpi_config cfg = everything(1);
	struct blob blob;
	const uint8_t *facs;
	uint64_t gpa;

	for (cfg.gpa = 0xe0000; cfg.gpa < 0xe0080; cfg.gpa += 16) {
		build(&blob, &cfg);
		gpa = le32_at(fadt(&blob) + 36);
		assert_int_equal(le64_at(fadt(&blob) + 132), 0);
		assert_int_equal(gpa % 64, 0);
		facs = at(&blob, gpa, 64);
		assert_memory_equal(facs, "FACS", 4);
		assert_int_equal(le32_at(facs + 4), 64);
		assert_int_equal(facs[32], 2);
	}
}

static void a_blob_above_4_gib_uses_the_64_bit_pointers(void **state)
{
	struct acpi_config cfg = everything(1);
	struct blob blob;

	cfg.gpa = 0x100000000;
	build(&blob, &cfg);
	assert_int_equal(le32_at(fadt(&blob) + 36), 0);
	assert_int_equal(le32_at(fadt(&blob) + 40), 0);
	at(&blob, le64_at(fadt(&blob) + 132), 64);
	dsdt(&blob);
}

static void gas_is(const uint8_t *gas, uint16_t port, unsigned int bits)
{
	assert_int_equal(gas[0], 1);
	assert_int_equal(gas[1], bits);
	assert_int_equal(gas[2], 0);
	assert_int_equal(le64_at(gas + 4), port);
}

static void the_fadt_describes_the_fixed_hardware(void **state)
{
	struct acpi_config cfg = everything(1);
	struct blob blob;
	const uint8_t *f;

	build(&blob, &cfg);
	f = fadt(&blob);
	assert_int_equal(le32_at(f + 4), 276);
	assert_int_equal(f[8], 6);
	assert_int_equal(le32_at(f + 40), le64_at(f + 140));
	assert_int_equal(le16_at(f + 46), IRQ_SCI);
	assert_int_equal(le32_at(f + 48), 0); /* SMI_CMD */
	assert_int_equal(le32_at(f + 56), PORT_PM_EVENT);
	assert_int_equal(le32_at(f + 64), PORT_PM_CONTROL);
	assert_int_equal(le32_at(f + 76), PORT_PM_TIMER);
	assert_int_equal(f[88], ACPI_PM_EVENT_SIZE);
	assert_int_equal(f[89], ACPI_PM_CONTROL_SIZE);
	assert_int_equal(f[91], ACPI_PM_TIMER_SIZE);
	gas_is(f + 116, PORT_PM_RESET, 8);
	assert_int_equal(f[128], ACPI_PM_RESET_VALUE);
	gas_is(f + 148, PORT_PM_EVENT, 32);
	gas_is(f + 172, PORT_PM_CONTROL, 16);
	gas_is(f + 208, PORT_PM_TIMER, 32);
	assert_int_equal(le16_at(f + 109), 0x0007);
	/* WBINVD, PROC_C1, SLP_BUTTON, FIX_RTC, TMR_VAL_EXT, RESET_REG_SUP;
	 * neither PWR_BUTTON nor HW_REDUCED_ACPI */
	assert_int_equal(le32_at(f + 112), 0x565);
}

static void what_is_not_configured_is_not_described(void **state)
{
	const struct acpi_config cfg = { .gpa = LAYOUT_ACPI, .cpus = 1 };
	struct blob blob;
	const uint8_t *f;

	build(&blob, &cfg);
	f = fadt(&blob);
	assert_int_equal(le16_at(f + 109), 0x0004);
	assert_int_equal(le32_at(f + 112), 0x465);
	assert_int_equal(le32_at(f + 76), 0);
	assert_int_equal(f[91], 0);
	assert_int_equal(sum(f + 208, 12), 0);
	assert_false(contains(dsdt(&blob), "COM1", 4));
	assert_false(contains(dsdt(&blob), "QEMU0001", 8));
	assert_false(contains(dsdt(&blob), "LNRO0005", 8));
	assert_true(contains(dsdt(&blob),
			     "\x08\\_S5_\x12\x07\x04\x0a\x05\0\0\0", 14));
}

/* What the MADT's entries say. */
struct seen {
	unsigned int lapics;
	unsigned int x2apics;
	unsigned int ioapics;
	unsigned int overrides;
	unsigned int nmis;
	unsigned int x2nmis;
};

static void see(struct seen *s, const uint8_t *e)
{
	switch (e[0]) {
	case 0:
		assert_int_equal(e[1], 8);
		assert_int_equal(e[2], s->lapics);
		assert_int_equal(e[3], s->lapics++);
		assert_int_equal(le32_at(e + 4), 1);
		break;
	case 1:
		assert_int_equal(e[1], 12);
		assert_int_equal(le32_at(e + 4), LAYOUT_IOAPIC);
		assert_int_equal(le32_at(e + 8), 0);
		s->ioapics++;
		break;
	case 2:
		assert_int_equal(e[1], 10);
		assert_int_equal(e[2], 0);
		assert_int_equal(e[3], IRQ_SCI);
		assert_int_equal(le32_at(e + 4), IRQ_SCI);
		assert_int_equal(le16_at(e + 8), 0x0d);
		s->overrides++;
		break;
	case 4:
		assert_int_equal(e[1], 6);
		assert_int_equal(e[2], 0xff);
		assert_int_equal(e[5], 1);
		s->nmis++;
		break;
	case 9:
		assert_int_equal(e[1], 16);
		assert_int_equal(le32_at(e + 4), 255 + s->x2apics);
		assert_int_equal(le32_at(e + 8), 1);
		assert_int_equal(le32_at(e + 12), 255 + s->x2apics++);
		break;
	case 10:
		assert_int_equal(e[1], 12);
		assert_int_equal(le32_at(e + 4), 0xffffffff);
		assert_int_equal(e[8], 1);
		s->x2nmis++;
		break;
	default:
		fail();
	}
}

static void check_madt(unsigned int cpus, unsigned int lapics,
		       unsigned int x2apics)
{
	struct acpi_config cfg = everything(cpus);
	struct seen s = { 0 };
	struct blob blob;
	const uint8_t *m;
	size_t off = 44;

	build(&blob, &cfg);
	m = madt(&blob);
	assert_int_equal(le32_at(m + 36), LAYOUT_LAPIC);
	assert_int_equal(le32_at(m + 40), 1);
	while (off < le32_at(m + 4)) {
		see(&s, m + off);
		off += m[off + 1];
	}
	assert_int_equal(off, le32_at(m + 4));
	assert_int_equal(s.lapics, lapics);
	assert_int_equal(s.x2apics, x2apics);
	assert_int_equal(s.ioapics, 1);
	assert_int_equal(s.overrides, 1);
	assert_int_equal(s.nmis, 1);
	assert_int_equal(s.x2nmis, x2apics ? 1 : 0);
}

static void the_madt_has_an_entry_per_processor(void **state)
{
	check_madt(1, 1, 0);
	check_madt(2, 2, 0);
	check_madt(255, 255, 0);
}

static void a_machine_without_pics_says_so(void **state)
{
	struct acpi_config cfg = everything(1);
	struct blob blob;

	cfg.pic = false;
	build(&blob, &cfg);
	assert_int_equal(le32_at(madt(&blob) + 40), 0);
}

static void processors_above_id_254_have_x2apic_entries(void **state)
{
	check_madt(256, 255, 1);
	check_madt(300, 255, 45);
}

static void the_dsdt_has_every_device(void **state)
{
	struct acpi_config cfg = everything(1);
	struct blob blob;
	const uint8_t *d;
	unsigned int found = 0;

	build(&blob, &cfg);
	d = dsdt(&blob);
	assert_int_equal(d[8], 2);
	assert_true(contains(d, "COM1\x08_HID\x0c\x41\xd0\x05\x01", 14));
	assert_true(contains(d, "\x47\x01\xf8\x03\xf8\x03\x01\x08", 8));
	assert_true(contains(d, "PEVT\x08_HID\x0dQEMU0001", 18));
	assert_true(contains(d, "\x47\x01\x05\x05\x05\x05\x01\x01", 8));
	for (size_t i = 36; i + 8 <= le32_at(d + 4); i++)
		found += !memcmp(d + i, "LNRO0005", 8);
	assert_int_equal(found, ACPI_MAX_MMIO_DEVICES);
	/* the last one: Memory32Fixed, then the interrupt, edge, high */
	assert_true(contains(d, "VR31", 4));
	assert_true(contains(d, "\x86\x09\x00\x01\x00\xf0\x01\xd0\x00\x02\x00"
				"\x00\x89\x06\x00\x03\x01\x24\x00\x00\x00"
				"\x79\x00", 23));
}

static void pci_is_an_mcfg_table_a_bridge_and_a_reserved_window(void **state)
{
	struct acpi_config cfg = { .gpa = LAYOUT_ACPI, .cpus = 1, .pci = true };
	struct blob blob;
	const uint8_t *mcfg;
	const uint8_t *d;

	build(&blob, &cfg);
	mcfg = table_at(&blob, xsdt_entry(&blob, 2), "MCFG");
	assert_int_equal(le32_at(mcfg + 4), 60);
	assert_int_equal(le64_at(mcfg + 44), LAYOUT_PCI_ECAM);
	assert_int_equal(le64_at(mcfg + 52), 0); /* segment 0, bus 0 to 0 */
	d = dsdt(&blob);
	assert_true(contains(d, "PCI0\x08_HID\x0c\x41\xd0\x0a\x08", 14));
	assert_true(contains(d, "\x88\x0d\x00\x02\x0c\x00\0\0\0\0\0\0\0\0"
				"\x01\x00", 16));
	assert_true(contains(d, "\x47\x01\xf8\x0c\xf8\x0c\x01\x08", 8));
	assert_true(contains(d, "\x8a\x2b\x00\x00\x0c\x01\0\0\0\0\0\0\0\0"
				"\0\0\0\xc0\0\0\0\0\xff\xff\xff\xdf\0\0\0\0",
			     30));
	/* PNP0C02 with [0xe0000000, +1 MiB) */
	assert_true(contains(d, "\x86\x09\x00\x01\0\0\0\xe0\0\0\x10\0", 12));
}

static void every_pci_slot_has_an_interrupt(void **state)
{
	struct acpi_config cfg = { .gpa = LAYOUT_ACPI, .cpus = 1, .pci = true };
	struct blob blob;

	build(&blob, &cfg);
	for (uint32_t slot = 0; slot < 32; slot++) {
		/* 0x0000ffff is a word constant, those above are dwords */
		uint8_t entry[] = { 0x0c, 0xff, 0xff, (uint8_t)slot, 0, 0,
				    0, 0x0a, (uint8_t)(IRQ_PCI + slot % 4) };

		if (slot)
			assert_true(contains(dsdt(&blob), (char *)entry, 9));
		else
			assert_true(contains(dsdt(&blob),
					     "\x0b\xff\xff\0\0\x0a\x10", 7));
	}
	cfg.pci = false;
	build(&blob, &cfg);
	assert_false(contains(dsdt(&blob), "_PRT", 4));
	assert_int_equal(le32_at(table_at(&blob, le64_at(blob.b + 24), "XSDT") +
				 4), 36 + 2 * 8);
}

static void an_mmio_device_above_4_gib_takes_a_64_bit_window(void **state)
{
	struct acpi_config cfg = { .gpa = LAYOUT_ACPI, .cpus = 1 };
	struct blob blob;

	cfg.mmio_count = 1;
	cfg.mmio[0].base = 0xfffff000;
	cfg.mmio[0].size = 0x2000;
	build(&blob, &cfg);
	assert_true(contains(dsdt(&blob), "\x8a\x2b\x00\x00\x0d", 5));
	cfg.mmio[0].base = 0x100000000;
	cfg.mmio[0].size = 0x200;
	build(&blob, &cfg);
	assert_true(contains(dsdt(&blob), "\x8a\x2b\x00\x00\x0d", 5));
	cfg.mmio[0].base = 0xffffe000;
	cfg.mmio[0].size = 0x1000;
	build(&blob, &cfg);
	assert_false(contains(dsdt(&blob), "\x8a\x2b\x00\x00\x0d", 5));
}

static void a_buffer_of_any_smaller_size_is_enospc(void **state)
{
	struct acpi_config cfg = everything(300);
	struct blob whole;

	build(&whole, &cfg);
	for (size_t cap = 0; cap <= whole.len; cap++) {
		/* exactly @cap bytes, for the sanitizer and cmocka's guards */
		uint8_t *buf = test_malloc(cap ? cap : 1);
		size_t len = 12345;
		int r = acpi_build(buf, cap, &len, &cfg);

		if (cap < whole.len) {
			assert_int_equal(r, -ENOSPC);
			assert_int_equal(len, 12345);
		} else {
			assert_int_equal(r, 0);
			assert_int_equal(len, whole.len);
			assert_memory_equal(buf, whole.b, len);
		}
		test_free(buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rsdp_is_first_and_sums_to_zero_twice),
		cmocka_unit_test(the_xsdt_lists_the_fadt_and_the_madt),
		cmocka_unit_test(the_facs_is_64_bytes_on_a_64_byte_boundary),
		cmocka_unit_test(a_blob_above_4_gib_uses_the_64_bit_pointers),
		cmocka_unit_test(the_fadt_describes_the_fixed_hardware),
		cmocka_unit_test(what_is_not_configured_is_not_described),
		cmocka_unit_test(the_madt_has_an_entry_per_processor),
		cmocka_unit_test(a_machine_without_pics_says_so),
		cmocka_unit_test(processors_above_id_254_have_x2apic_entries),
		cmocka_unit_test(the_dsdt_has_every_device),
		cmocka_unit_test(
			pci_is_an_mcfg_table_a_bridge_and_a_reserved_window),
		cmocka_unit_test(every_pci_slot_has_an_interrupt),
		cmocka_unit_test(
			an_mmio_device_above_4_gib_takes_a_64_bit_window),
		cmocka_unit_test(a_buffer_of_any_smaller_size_is_enospc),
	};

	return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
