// SPDX-License-Identifier: BSD-3-Clause
/* See guest_pci.h. */
#include "guest_pci.h"

#define SLOTS   32
#define BAR_MASK 0xfffffff0u
#define CAPS_MAX 48 /* as many as fit: the list may not be endless */

static void point(unsigned int slot, unsigned int off)
{
	outl(PCI_CONFIG_ADDRESS, PCI_ENABLE | slot << 11 | (off & 0xfc));
}

uint32_t pci_read(unsigned int slot, unsigned int off, unsigned int len)
{
	uint16_t port = (uint16_t)(PCI_CONFIG_DATA + off % 4);

	point(slot, off);
	if (len == 1)
		return inb(port);
	return len == 2 ? inw(port) : inl(port);
}

void pci_write(unsigned int slot, unsigned int off, unsigned int len,
	       uint32_t value)
{
	uint16_t port = (uint16_t)(PCI_CONFIG_DATA + off % 4);

	point(slot, off);
	if (len == 1)
		outb(port, (uint8_t)value);
	else if (len == 2)
		outw(port, (uint16_t)value);
	else
		outl(port, value);
}

uint64_t pci_ecam(unsigned int slot, unsigned int off)
{
	return LAYOUT_PCI_ECAM + ((uint64_t)slot << 15) + off;
}

int pci_find(uint16_t vendor, uint16_t device, unsigned int nth)
{
	uint32_t id = (uint32_t)device << 16 | vendor;

	for (unsigned int slot = 0; slot < SLOTS; slot++)
		if (pci_read(slot, PCI_VENDOR, 4) == id && !nth--)
			return (int)slot;
	return -1;
}

unsigned int pci_cap(unsigned int slot, uint8_t id, unsigned int after)
{
	unsigned int at = after ? after + 1 : PCI_CAPS;

	for (unsigned int i = 0; i < CAPS_MAX; i++) {
		at = pci_read(slot, at, 1) & 0xfc;
		if (!at || pci_read(slot, at, 1) == id)
			return at;
		at++;
	}
	return 0;
}

uint64_t pci_bar(unsigned int slot, unsigned int bar)
{
	return pci_read(slot, PCI_BAR0 + 4 * bar, 4) & BAR_MASK;
}
