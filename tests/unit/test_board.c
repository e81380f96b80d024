// SPDX-License-Identifier: BSD-3-Clause
/* src/board/board.c, wire.c and arch/x86_64/machine.c over fake_kvm: RAM,
 * devices in order, and where their interrupts go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "arch/x86_64/layout.h"
#include "base/num.h"
#include "board/board.h"
#include "devices/ioapic.h"
#include "devices/virtio/virtio.h"
#include "fake_char.h"
#include "fake_kvm.h"

struct fixture {
	struct config cfg;
	struct kvm kvm;
	struct board board;
	struct char_dev console[CONFIG_MAX_CONSOLES];
	struct char_dev *consoles[CONFIG_MAX_CONSOLES]; /* the same */
	struct loop *loop; /* NULL unless a test makes it */
	int fd;
	unsigned int reports; /* log lines */
};

static void count_log(void *ctx, int level, const char *line)
{
	++*(unsigned int *)ctx;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	static struct log log = { LOG_LEVEL_DEBUG, count_log, NULL };

	*state = f;
	fake_kvm_reset();
	f->fd = fake_kvm_open();
	config_init(&f->cfg);
	f->cfg.memory = MIB;
	f->board.cfg = &f->cfg;
	log.ctx = &f->reports;
	f->board.log = &log;
	for (unsigned int i = 0; i < CONFIG_MAX_CONSOLES; i++)
		f->consoles[i] = &f->console[i];
	f->board.console = f->consoles;
	return kvm_open(&f->kvm, f->fd, NULL);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	board_finish(&f->board);
	loop_destroy(f->loop);
	kvm_close(&f->kvm);
	close(f->fd);
	fake_kvm_reset();
	free(f);
	return 0;
}

/* What vm.c does up to the devices. */
static void build(struct fixture *f)
{
	struct err err = { 0 };
	int r = board_init(&f->board, &f->kvm, &err) ||
		board_create_ram(&f->board, &err) ||
		arch_ram_layout(&f->board, &err) ||
		board_register_ram(&f->board, &err) ||
		arch_create_irqchip(&f->board, &err) ||
		arch_add_devices(&f->board, &err);

	if (r)
		fail_msg("%s", err.text);
}

/* ---- the board ---- */

static void board_finish_accepts_a_zeroed_and_a_finished_board(void **state)
{
	struct fixture *f = *state;

	board_finish(&f->board);
	assert_int_equal(board_init(&f->board, &f->kvm, NULL), 0);
	board_finish(&f->board);
	board_finish(&f->board);
	assert_int_equal(f->board.kvm.fd, -1);
}

static void board_init_that_fails_leaves_a_finished_board(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	fake.fail_request = KVM_CREATE_VM;
	fake.fail_times = 1;
	fake.fail_error = ENOMEM;
	assert_int_equal(board_init(&f->board, &f->kvm, &err), -ENOMEM);
	assert_non_null(strstr(err.text, "Cannot allocate memory"));
	assert_int_equal(f->board.devices, 0);
}

static unsigned int order[BOARD_MAX_DEVICES + 1];
static unsigned int gone;

struct numbered {
	struct device dev;
	unsigned int number;
};

static void numbered_destroy(struct device *dev)
{
	struct numbered *n = container_of(dev, struct numbered, dev);

	order[gone++] = n->number;
	device_finish(dev);
	free(n);
}

static const struct device_ops numbered_ops = { .name = "numbered",
						.destroy = numbered_destroy };

static struct device *numbered(unsigned int number)
{
	struct numbered *n = calloc(1, sizeof(*n));

	device_init(&n->dev, &numbered_ops, "n");
	n->number = number;
	return &n->dev;
}

static void board_destroys_its_devices_in_reverse_order(void **state)
{
	struct fixture *f = *state;

	gone = 0;
	assert_int_equal(board_init(&f->board, &f->kvm, NULL), 0);
	for (unsigned int i = 0; i < BOARD_MAX_DEVICES; i++)
		assert_int_equal(board_add_device(&f->board, numbered(i)), 0);
	assert_int_equal(gone, 0);
	/* One too many is destroyed at once. */
	assert_int_equal(board_add_device(&f->board, numbered(99)), -ENOSPC);
	assert_int_equal(gone, 1);
	assert_int_equal(order[0], 99);
	board_finish(&f->board);
	assert_int_equal(gone, BOARD_MAX_DEVICES + 1);
	for (unsigned int i = 0; i < BOARD_MAX_DEVICES; i++)
		assert_int_equal(order[1 + i], BOARD_MAX_DEVICES - 1 - i);
}

/* ---- RAM ---- */

static void B12_ram_goes_around_the_hole_below_4_gib(void **state)
{
	static const struct {
		uint64_t size;
		unsigned int regions;
		uint64_t low;
		uint64_t high;
	} rows[] = {
		{ MIB, 1, MIB, 0 },
		{ 3 * GIB - 4096, 1, 3 * GIB - 4096, 0 },
		{ 3 * GIB, 1, 3 * GIB, 0 }, /* up to the hole */
		{ 3 * GIB + 4096, 2, 3 * GIB, 4096 },
		{ 8 * GIB, 2, 3 * GIB, 5 * GIB },
		{ UINT64_C(1) << 46, 2, 3 * GIB,
		  (UINT64_C(1) << 46) - 3 * GIB },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct mem *m = &f->board.mem;

		memset(m, 0, sizeof(*m));
		f->board.ram.size = rows[i].size;
		f->board.ram.hva = (uint8_t *)f; /* is not touched */
		assert_int_equal(arch_ram_layout(&f->board, NULL), 0);
		assert_int_equal(m->count, rows[i].regions);
		assert_true(m->region[0].gpa == 0);
		assert_true(m->region[0].size == rows[i].low);
		assert_true(mem_total(m) == rows[i].size);
		if (rows[i].regions == 1)
			continue;
		assert_true(m->region[1].gpa == 4 * GIB);
		assert_true(m->region[1].size == rows[i].high);
		assert_ptr_equal(m->region[1].hva, (uint8_t *)f + 3 * GIB);
	}
	memset(&f->board, 0, sizeof(f->board));
}

static void board_tells_kvm_of_every_region(void **state)
{
	struct fixture *f = *state;
	uint8_t page[4096];

	assert_int_equal(board_init(&f->board, &f->kvm, NULL), 0);
	mem_add(&f->board.mem, 0, 4096, page);
	mem_add(&f->board.mem, 4 * GIB, 4096, page);
	assert_int_equal(board_register_ram(&f->board, NULL), 0);
	assert_int_equal(fake.slots, 2);
	assert_int_equal(fake.slot[0].slot, 0);
	assert_int_equal(fake.slot[1].slot, 1);
	assert_true(fake.slot[1].guest_phys_addr == 4 * GIB);
	assert_int_equal(fake.slot[1].flags, 0);
	assert_true(fake.slot[1].userspace_addr == (uintptr_t)page);
}

/* ---- devices ---- */

static bool answers(struct fixture *f, uint64_t port)
{
	uint64_t v;

	return bus_read(&f->board.pio, port, 1, &v);
}

static void T34_board_has_its_devices_and_no_others(void **state)
{
	static const uint16_t there[] = {
		PORT_I8042_DATA, PORT_I8042_CMD, PORT_CMOS,  PORT_CMOS + 1,
		PORT_MARK,	 PORT_SERIAL0,	 PORT_SERIAL0 + 7,
		PORT_PVPANIC,	 PORT_PM_EVENT,	 PORT_PM_CONTROL,
		PORT_PM_TIMER,	 PORT_PM_RESET,
	};
	/* DMA, PIC, PIT, disks, VGA, floppy, printers, fw_cfg, ... */
	static const uint16_t absent[] = {
		0,     0x20,  0x40,  0x61,  0x63,   0x65,  0x80,  0x92,
		0xcf8, 0xcf9, 0x1f0, 0x2f8, 0x378,  0x3f0, 0x3f7, 0x400,
		0x510, PORT_DEBUG_EXIT, PORT_DEBUG_CON, 0xffff, 0x170, 0x200,
		0x278, 0x3b0, 0x3c0, 0x3d4, 0x3da,  0x5658, 0xb004, 0xc000,
	};
	struct fixture *f = *state;
	unsigned int answering = 0;

	build(f);
	for (size_t i = 0; i < ARRAY_SIZE(there); i++)
		if (!answers(f, there[i]))
			fail_msg("nobody at port %#x", there[i]);
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		if (answers(f, absent[i]))
			fail_msg("somebody at port %#x", absent[i]);
	/* i8042, CMOS, mark, serial, pvpanic, the four parts of PM */
	for (uint32_t port = 0; port < 65536; port++)
		answering += answers(f, (uint16_t)port);
	assert_int_equal(answering, 2 + 2 + 1 + 8 + 1 + (4 + 2 + 4 + 1));
	assert_int_equal(f->board.mmio.count, 1);
	assert_non_null(f->board.ioapic);
	assert_non_null(f->board.pm);
}

static void board_testdev_is_there_only_when_wanted(void **state)
{
	struct fixture *f = *state;

	f->cfg.testdev = true;
	build(f);
	assert_true(answers(f, PORT_DEBUG_EXIT));
	assert_true(answers(f, PORT_DEBUG_CON));
}

static void set(struct fixture *f, const char *key, const char *value)
{
	struct err err = { 0 };

	if (config_set(&f->cfg, key, value, &err) < 0)
		fail_msg("%s", err.text);
}

static void build_virtio(struct fixture *f)
{
	assert_int_equal(loop_create(&f->loop, NULL), 0);
	f->board.loop = f->loop;
	build(f);
}

static void board_serial_leaves_the_input_to_a_virtio_console(void **state)
{
	struct fixture *f = *state;

	set(f, "console", "stdio,device=virtio");
	f->board.cols = 80;
	f->board.rows = 25;
	build_virtio(f);
	assert_true(answers(f, PORT_SERIAL0));
	assert_non_null(f->board.terminal);
	assert_string_equal(f->board.terminal->id, "console0");
	assert_int_equal(f->board.terminal->queues, 2);
	assert_int_equal(virtio_config_read(f->board.terminal, 0, 4),
			 80 | 25 << 16);
	/* What the serial port prints goes to the same place. */
	assert_true(bus_write(&f->board.pio, PORT_SERIAL0, 1, 'x'));
	assert_int_equal(f->console[0].out_len, 1);
	assert_non_null(f->console[0].listener.writable);
}

static void board_streams_share_a_device_and_consoles_do_not(void **state)
{
	struct fixture *f = *state;

	set(f, "transport", "mmio");
	set(f, "console", "none");
	set(f, "console", "socket=s,name=one");
	set(f, "console", "stdio");
	set(f, "console", "none,name=two");
	set(f, "console", "none");
	build_virtio(f);
	assert_int_equal(f->board.mmio_devices, 3);
	assert_string_equal(f->board.terminal->id, "console2");
	for (unsigned int i = 0; i < 5; i++)
		assert_true(!!f->console[i].listener.writable == (i > 0));
	/* A restart brings them again. */
	board_finish(&f->board);
	for (unsigned int i = 0; i < 5; i++)
		assert_null(f->console[i].listener.writable);
}

static void no_request(void *ctx, struct vireo_request *request)
{
}

/* Takes the first one, as attach_pci() does. */
static int attach_one(struct board *board, struct virtio *v, struct err *err)
{
	if (board->terminal) {
		virtio_destroy(v);
		return err_set(err, -ENOSPC, "no place");
	}
	board->terminal = v;
	return 0;
}

static void board_forgets_a_callers_device_that_finds_no_place(void **state)
{
	const struct extra_virtio mine = {
		.name = "mine",
		.cfg = { .type = 42, .queues = 1, .queue_size = 16,
			 .ops = { .request = no_request } },
	};
	struct fixture *f = *state;
	struct extras given = { .virtios = 0 };
	struct extras *extras;
	struct virtio *first;

	for (int i = 0; i < 2; i++)
		assert_int_equal(extras_add_virtio(&given, &mine, NULL), i);
	assert_int_equal(extras_copy(&extras, &given), 0);
	assert_int_equal(board_init(&f->board, &f->kvm, NULL), 0);
	assert_int_equal(loop_create(&f->loop, NULL), 0);
	f->board.loop = f->loop;
	f->board.extras = extras;
	f->board.custom_loop = (struct loop *const[]){ f->loop, f->loop };
	assert_int_equal(board_add_virtio(&f->board, attach_one, NULL),
			 -ENOSPC);
	first = f->board.terminal;
	assert_ptr_equal(f->board.custom[0], first);
	assert_null(f->board.custom[1]);
	virtio_destroy(first);
	extras_destroy(extras);
}

/* ---- interrupts ---- */

static void wire_of_a_full_irqchip_is_a_kvm_line(void **state)
{
	struct fixture *f = *state;
	struct irq irq;

	f->cfg.irqchip = KVM_IRQ_FULL;
	build(f);
	assert_null(f->board.ioapic);
	assert_int_equal(f->board.mmio.count, 0);
	irq = board_irq(&f->board, IRQ_SERIAL0);
	irq_set(&irq, 1);
	assert_int_equal(fake.level[IRQ_SERIAL0], 1);
	irq_set(&irq, 0);
	assert_int_equal(fake.level[IRQ_SERIAL0], 0);
	assert_int_equal(fake.line_calls, 2);
	/* A failure is not the device's business: one line in the log. */
	fake.fail_request = KVM_IRQ_LINE;
	fake.fail_times = 1;
	fake.fail_error = EINVAL;
	irq_set(&irq, 1);
	assert_int_equal(f->reports, 1);
}

static void mmio_write(struct fixture *f, uint64_t off, uint32_t value)
{
	assert_true(bus_write(&f->board.mmio, LAYOUT_IOAPIC + off, 4, value));
}

/* Redirection entry of a pin (82093AA, 3.2.4). */
static void program(struct fixture *f, unsigned int pin, uint32_t low,
		    uint32_t high)
{
	mmio_write(f, 0, 0x11 + 2 * pin);
	mmio_write(f, 0x10, high);
	mmio_write(f, 0, 0x10 + 2 * pin);
	mmio_write(f, 0x10, low);
}

static void wire_of_a_split_irqchip_becomes_a_message(void **state)
{
	struct fixture *f = *state;
	struct irq irq;

	f->cfg.irqchip = KVM_IRQ_SPLIT;
	build(f);
	assert_non_null(f->board.ioapic);
	irq = board_irq(&f->board, IRQ_SERIAL0);
	irq_set(&irq, 1);
	assert_int_equal(fake.msis, 0); /* the pin is masked */
	irq_set(&irq, 0);
	program(f, IRQ_SERIAL0, 0x31, 0);
	irq_set(&irq, 1);
	assert_int_equal(fake.line_calls, 0);
	assert_int_equal(fake.msis, 1);
	assert_int_equal(fake.msi.address_lo & 0xfff00000, 0xfee00000);
	assert_int_equal(fake.msi.data & 0xff, 0x31);
	assert_int_equal(fake.routes, 0); /* edge: no EOI is of interest */
}

static void wire_level_pins_tell_kvm_their_route(void **state)
{
	struct fixture *f = *state;

	f->cfg.irqchip = KVM_IRQ_SPLIT;
	build(f);
	program(f, 9, 1u << 15 | 0x41, 0);
	assert_int_equal(fake.routes, 1);
	assert_int_equal(fake.route[0].gsi, 9);
	assert_int_equal(fake.route[0].type, KVM_IRQ_ROUTING_MSI);
	assert_int_equal(fake.route[0].u.msi.data & 0xff, 0x41);
	program(f, 9, 1u << 15 | 0x42, 0); /* replaces, does not add */
	assert_int_equal(fake.routes, 1);
	assert_int_equal(fake.route[0].u.msi.data & 0xff, 0x42);
	fake.fail_request = KVM_SET_GSI_ROUTING;
	fake.fail_times = 1;
	fake.fail_error = EINVAL;
	program(f, 10, 1u << 15 | 0x43, 0);
	assert_int_equal(f->reports, 1);
}

/* api.rst, KVM_SIGNAL_MSI: 0 when the guest blocks it. A pin that then waited
 * for an EOI would wait for ever. */
static void wire_level_interrupt_that_nobody_took_asks_again(void **state)
{
	struct fixture *f = *state;
	struct irq irq;

	f->cfg.irqchip = KVM_IRQ_SPLIT;
	build(f);
	program(f, 9, 1u << 15 | 0x41, 0);
	irq = board_irq(&f->board, 9);
	fake.fail_request = KVM_SIGNAL_MSI; /* answers 0: not an error */
	fake.fail_times = 1;
	fake.fail_error = 0;
	irq_set(&irq, 1);
	assert_int_equal(fake.msis, 0);
	program(f, 9, 1u << 15 | 0x41, 0);
	assert_int_equal(fake.msis, 1);
	program(f, 9, 1u << 15 | 0x41, 0); /* in service now */
	assert_int_equal(fake.msis, 1);
}

static void R15_every_pin_and_vector_changes_without_a_log_line(void **state)
{
	struct fixture *f = *state;

	f->cfg.irqchip = KVM_IRQ_SPLIT;
	build(f);
	for (uint32_t v = 0; v < 2000; v++)
		program(f, v % 24, 1u << 15 | (v & 0xff), v << 24);
	assert_int_equal(f->reports, 0);
	assert_true(fake.routes <= 24);
}

#define BOARD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOARD_TEST(board_finish_accepts_a_zeroed_and_a_finished_board),
		BOARD_TEST(board_init_that_fails_leaves_a_finished_board),
		BOARD_TEST(board_destroys_its_devices_in_reverse_order),
		BOARD_TEST(B12_ram_goes_around_the_hole_below_4_gib),
		BOARD_TEST(board_tells_kvm_of_every_region),
		BOARD_TEST(T34_board_has_its_devices_and_no_others),
		BOARD_TEST(board_testdev_is_there_only_when_wanted),
		BOARD_TEST(board_serial_leaves_the_input_to_a_virtio_console),
		BOARD_TEST(board_streams_share_a_device_and_consoles_do_not),
		BOARD_TEST(board_forgets_a_callers_device_that_finds_no_place),
		BOARD_TEST(wire_of_a_full_irqchip_is_a_kvm_line),
		BOARD_TEST(wire_of_a_split_irqchip_becomes_a_message),
		BOARD_TEST(wire_level_pins_tell_kvm_their_route),
		BOARD_TEST(wire_level_interrupt_that_nobody_took_asks_again),
		BOARD_TEST(R15_every_pin_and_vector_changes_without_a_log_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
