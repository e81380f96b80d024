// SPDX-License-Identifier: BSD-3-Clause
/*
 * The x86-64 machine: its RAM, its interrupt controllers, its devices and the
 * tables that describe them. A new device is one line in arch_add_devices().
 * Runs on the thread that builds the VM.
 */
#include "arch/arch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/attach.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/mptable.h"
#include "base/num.h"
#include "board/board.h"
#include "devices/acpi_pm.h"
#include "devices/cmos.h"
#include "devices/i8042.h"
#include "devices/ioapic.h"
#include "devices/mark.h"
#include "devices/pvpanic.h"
#include "devices/serial.h"
#include "devices/testdev.h"

int arch_ram_layout(struct board *board, struct err *err)
{
	uint64_t size = board->ram.size;
	uint64_t low = min_u64(size, LAYOUT_HOLE_START);
	int r = mem_add(&board->mem, 0, low, board->ram.hva);

	if (!r && size > low)
		r = mem_add(&board->mem, LAYOUT_HOLE_END, size - low,
			    board->ram.hva + low);
	return r < 0 ? err_set_key(err, r, "memory", "memory: no such layout")
		     : 0;
}

/* KVM's CPUID table with the user's masks, once for all vCPUs. */
static int read_cpuid(struct board *board, struct err *err)
{
	const struct kvm *kvm = board->kvm.kvm;
	int r = kvm_supported_cpuid(kvm, &board->cpuid);

	if (r < 0)
		return err_set(err, r, "KVM does not tell its CPUID: %s",
			       strerror(-r));
	return cpuid_apply_features(board->cpuid, board->cfg,
				    kvm_has(kvm, KVM_CAP_TSC_DEADLINE_TIMER),
				    err);
}

int arch_create_irqchip(struct board *board, struct err *err)
{
	const struct config *cfg = board->cfg;
	int r;

	if (cfg->cpus > board->kvm.kvm->max_vcpus)
		return err_set_key(err, -EINVAL, "cpus",
				   "cpus: %u, this host's KVM allows %u",
				   cfg->cpus, board->kvm.kvm->max_vcpus);
	r = kvm_vm_create_irqchip(&board->kvm, cfg->irqchip, cfg->pit,
				  LAYOUT_TSS, LAYOUT_IDENTITY_MAP, err);
	return r < 0 ? r : read_cpuid(board, err);
}

/* ---- devices ---- */

/* Where a device answers: one window of it on one bus. */
static int map(struct bus *bus, uint64_t base, uint64_t size,
	       struct device *dev, unsigned int window)
{
	return bus_add(bus, base, size, dev, window);
}

static int add_ioapic(struct board *board)
{
	const struct ioapic_sink sink = { board_msi, board_route_changed,
					  board };
	struct device *dev;
	int r;

	if (board->kvm.irqchip != KVM_IRQ_SPLIT)
		return 0;
	r = ioapic_create(&dev, "ioapic0", sink);
	if (!r)
		r = board_add_device(board, dev);
	if (!r) {
		board->ioapic = dev;
		r = map(&board->mmio, LAYOUT_IOAPIC, IOAPIC_WINDOW_SIZE, dev,
			0);
	}
	return r;
}

static int add_i8042(struct board *board)
{
	struct device *dev;
	int r = i8042_create(&dev, "i8042", &board->signal);

	if (!r)
		r = board_add_device(board, dev);
	if (!r)
		r = map(&board->pio, PORT_I8042_DATA, 1, dev, I8042_DATA);
	if (!r)
		r = map(&board->pio, PORT_I8042_CMD, 1, dev, I8042_COMMAND);
	return r;
}

static int add_cmos(struct board *board)
{
	const struct mem *mem = &board->mem;
	struct device *dev;
	int r = cmos_create(&dev, "cmos", mem->region[0].size,
			    mem_total(mem) - mem->region[0].size);

	if (!r)
		r = board_add_device(board, dev);
	if (!r)
		r = map(&board->pio, PORT_CMOS, CMOS_WINDOW_SIZE, dev, 0);
	return r;
}

static int add_mark(struct board *board)
{
	struct device *dev;
	const struct mark_sink sink = { board->mark, board->mark_ctx };
	int r = mark_create(&dev, "mark", sink);

	if (!r)
		r = board_add_device(board, dev);
	return r ? r : map(&board->pio, PORT_MARK, MARK_WINDOW_SIZE,
				   dev, 0);
}

/* Beside a virtio console it is for what a kernel says before that is up. */
static int add_serial(struct board *board)
{
	bool input = !board->cfg->console[0].virtio;
	struct device *dev;
	int r = serial_create(&dev, "serial0", board_irq(board, IRQ_SERIAL0),
			      board->console[0], input, board->log);

	if (!r)
		r = board_add_device(board, dev);
	return r ? r
		 : map(&board->pio, PORT_SERIAL0, SERIAL_WINDOW_SIZE, dev, 0);
}

static int add_pvpanic(struct board *board)
{
	struct device *dev;
	int r = pvpanic_create(&dev, "pvpanic", &board->signal, board->log);

	if (!r)
		r = board_add_device(board, dev);
	return r ? r : map(&board->pio, PORT_PVPANIC, 1, dev, 0);
}

static int add_acpi_pm(struct board *board)
{
	static const struct {
		uint16_t port;
		uint16_t size;
		unsigned int window;
	} windows[] = {
		{ PORT_PM_EVENT, ACPI_PM_EVENT_SIZE, ACPI_PM_EVENT },
		{ PORT_PM_CONTROL, ACPI_PM_CONTROL_SIZE, ACPI_PM_CONTROL },
		{ PORT_PM_TIMER, ACPI_PM_TIMER_SIZE, ACPI_PM_TIMER },
		{ PORT_PM_RESET, ACPI_PM_RESET_SIZE, ACPI_PM_RESET },
	};
	struct device *dev;
	int r = acpi_pm_create(&dev, "acpi-pm", board_irq(board, IRQ_SCI),
			       &board->signal);

	if (!r)
		r = board_add_device(board, dev);
	if (!r)
		board->pm = dev;
	for (size_t i = 0; i < ARRAY_SIZE(windows) && !r; i++)
		r = map(&board->pio, windows[i].port, windows[i].size, dev,
			windows[i].window);
	return r;
}

static int add_testdev(struct board *board)
{
	struct device *dev;
	int r;

	if (!board->cfg->testdev)
		return 0;
	r = testdev_create(&dev, "testdev", &board->signal,
			   board->console[0]);
	if (!r)
		r = board_add_device(board, dev);
	if (!r)
		r = map(&board->pio, PORT_DEBUG_EXIT, TESTDEV_EXIT_SIZE, dev,
			TESTDEV_EXIT);
	if (!r)
		r = map(&board->pio, PORT_DEBUG_CON, TESTDEV_CONSOLE_SIZE, dev,
			TESTDEV_CONSOLE);
	return r;
}

static int add_pci(struct board *board)
{
	const struct config *cfg = board->cfg;

	bool any = config_has_virtio(cfg) ||
		   (board->extras && board->extras->virtios);

	return any && cfg->transport == TRANSPORT_PCI
		       ? attach_add_pci_host(board)
		       : 0;
}

int arch_add_devices(struct board *board, struct err *err)
{
	static const struct {
		const char *name;
		int (*add)(struct board *board);
	} list[] = {
		{ "ioapic", add_ioapic }, /* first: wires end here */
		{ "i8042", add_i8042 },
		{ "cmos", add_cmos },
		{ "mark", add_mark },
		{ "serial0", add_serial },
		{ "pvpanic", add_pvpanic },
		{ "acpi-pm", add_acpi_pm },
		{ "testdev", add_testdev },
		{ "pci", add_pci },
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		int r = list[i].add(board);

		if (r < 0)
			return err_set(err, r, "device %s: %s", list[i].name,
				       strerror(-r));
	}
	return board_add_virtio(board,
				board->pci ? attach_pci : attach_mmio, err);
}

static bool meets(const struct mem *mem, uint64_t gpa, uint64_t size)
{
	for (unsigned int i = 0; i < mem->count; i++) {
		const struct mem_region *r = &mem->region[i];

		if (ranges_meet(r->gpa, r->size, gpa, size))
			return true;
	}
	return false;
}

bool arch_is_free(const struct board *board, uint64_t gpa, uint64_t size)
{
	if (meets(&board->readable, gpa, size))
		return false;
	return gpa >= LAYOUT_HOLE_END ||
	       (gpa >= LAYOUT_FREE && size <= LAYOUT_FREE_END - gpa &&
		gpa < LAYOUT_FREE_END);
}

/* At these nobody but the kernel is asked. */
bool arch_port_is_free(const struct board *board, uint64_t port, uint64_t size)
{
	static const struct {
		uint16_t port, size;
		bool pit;
	} taken[] = {
		{ PORT_PIC1, 2, false }, { PORT_PIC2, 2, false },
		{ PORT_ELCR, 2, false }, { PORT_PIT, 4, true },
		{ PORT_SPEAKER, 1, true },
	};
	bool full = board->kvm.irqchip == KVM_IRQ_FULL;

	for (size_t i = 0; i < ARRAY_SIZE(taken) && full; i++)
		if ((!taken[i].pit || board->cfg->pit) &&
		    ranges_meet(taken[i].port, taken[i].size, port, size))
			return false;
	return true;
}

bool arch_line_is_free(const struct board *board, unsigned int line)
{
	const unsigned int own = 1u << 0 | 1u << 1 | 1u << 2 |
				 1u << IRQ_SERIAL0 | 1u << 8 | 1u << IRQ_SCI |
				 1u << 13 | (board->pci ? 0xfu << IRQ_PCI : 0);
	struct acpi_mmio_device at;

	for (unsigned int i = 0; i < board->mmio_devices; i++)
		if (attach_mmio_place(i, &at) && at.gsi == line)
			return false;
	return line < IOAPIC_PINS && !(own & 1u << line);
}

/* ---- description ---- */

static int write_acpi(struct board *board, uint8_t *buf)
{
	struct acpi_config cfg = {
		.gpa = LAYOUT_ACPI,
		.cpus = board->cfg->cpus,
		.serial = true,
		.pvpanic = true,
		.i8042 = false, /* no keyboard; the reset works without */
		.pm_timer = true,
		.pic = board->kvm.irqchip == KVM_IRQ_FULL,
		.pci = board->pci,
		.mmio_count = board->mmio_devices,
	};
	size_t len;
	int r;

	for (unsigned int i = 0; i < cfg.mmio_count; i++)
		attach_mmio_place(i, &cfg.mmio[i]);
	r = acpi_build(buf, LAYOUT_ACPI_MAX, &len, &cfg);

	return r ? r : mem_write(&board->mem, LAYOUT_ACPI, buf, len);
}

static int write_mptable(struct board *board, uint8_t *buf)
{
	size_t len;
	int r = mptable_build(buf, LAYOUT_MPTABLE_MAX, &len, LAYOUT_MPTABLE,
			      board->cfg->cpus);

	return r ? r : mem_write(&board->mem, LAYOUT_MPTABLE, buf, len);
}

int arch_describe(struct board *board, struct err *err)
{
	uint8_t *buf = calloc(1, max_u64(LAYOUT_ACPI_MAX, LAYOUT_MPTABLE_MAX));
	int r;

	if (!buf)
		return err_set(err, -ENOMEM, "out of memory");
	r = write_acpi(board, buf);
	if (!r)
		r = write_mptable(board, buf);
	free(buf);
	return r < 0 ? err_set(err, r, "machine tables: %s", strerror(-r)) : 0;
}
