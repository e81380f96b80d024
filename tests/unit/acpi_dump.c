// SPDX-License-Identifier: BSD-3-Clause
/*
 * acpi_dump DIR CPUS: writes the ACPI tables of a machine with everything to
 * DIR, a file per table, for iasl.sh. Reads the blob as a kernel would.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/layout.h"
#include "base/endian.h"

struct blob {
	const char *dir;
	size_t len;
	uint8_t b[LAYOUT_ACPI_MAX];
};

static bool dump(const struct blob *blob, const char *name, uint64_t off,
		 size_t len)
{
	char path[4096];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s.dat", blob->dir, name);
	f = fopen(path, "wb");
	if (!f)
		return false;
	ok = fwrite(blob->b + off, 1, len, f) == len;
	return !fclose(f) && ok;
}

/* A table with the common header; its name is its signature. */
static bool dump_table(const struct blob *blob, uint64_t gpa)
{
	const uint8_t *p = blob->b + (gpa - LAYOUT_ACPI);
	char name[5] = { 0 };

	memcpy(name, p, 4);
	return dump(blob, name, gpa - LAYOUT_ACPI, le32_at(p + 4));
}

int main(int argc, char **argv)
{
	struct acpi_config cfg = {
		.gpa = LAYOUT_ACPI,
		.serial = true,
		.pvpanic = true,
		.i8042 = true,
		.pm_timer = true,
		.pci = true,
		.mmio_count = ACPI_MAX_MMIO_DEVICES,
	};
	static struct blob blob;
	const uint8_t *xsdt;
	const uint8_t *fadt;

	if (argc != 3)
		return 2;
	blob.dir = argv[1];
	cfg.cpus = (unsigned int)strtoul(argv[2], NULL, 10);
	if (!cfg.cpus)
		return 2;
	for (unsigned int i = 0; i < cfg.mmio_count; i++) {
		cfg.mmio[i].base = 0xd0000000 + 0x1000 * i;
		cfg.mmio[i].size = 0x200;
		cfg.mmio[i].gsi = 5 + i;
	}
	cfg.mmio[1].base = 0x8000000000;
	if (acpi_build(blob.b, sizeof(blob.b), &blob.len, &cfg))
		return 1;
	xsdt = blob.b + (le64_at(blob.b + 24) - LAYOUT_ACPI);
	fadt = blob.b + (le64_at(xsdt + 36) - LAYOUT_ACPI);
	return !dump(&blob, "RSDP", 0, 36) ||
	       !dump_table(&blob, le64_at(blob.b + 24)) ||
	       !dump_table(&blob, le64_at(xsdt + 36)) ||
	       !dump_table(&blob, le64_at(xsdt + 44)) ||
	       !dump_table(&blob, le64_at(xsdt + 52)) ||
	       !dump_table(&blob, le32_at(fadt + 36)) ||
	       !dump_table(&blob, le64_at(fadt + 140));
}
