// SPDX-License-Identifier: BSD-3-Clause
/* The saved state of the devices of the PC: every one of them is loaded into a
 * second device, which then behaves as the first would have. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "access.h"
#include "base/num.h"
#include "devices/acpi_pm.h"
#include "devices/cmos.h"
#include "devices/i8042.h"
#include "devices/ioapic.h"
#include "devices/pvpanic.h"
#include "devices/serial.h"
#include "fake_char.h"
#include "fake_irq.h"
#include "fake_signal.h"
#include "snap_trip.h"

/* Takes the place of the C library's: time stands still between two saves. */
static struct timespec now = { 1000, 0 };

int clock_gettime(clockid_t id, struct timespec *ts)
{
	*ts = now;
	return 0;
}

static void forget(struct device *dev)
{
}

/* ---- serial ---- */

static void touch_serial(struct device *dev)
{
	for (unsigned int i = 0; i < 40; i++)
		dev_read(dev, 0, i % 8, 1);
	dev_write(dev, 0, 0, 1, 'x');
	dev_write(dev, 0, 2, 1, 0xc7);
}

static void serial_keeps_its_registers_and_its_fifo(void **state)
{
	struct char_dev chr[2] = { { .out_len = 0 } };
	struct fake_irq irq[2] = { { 0 } };
	struct device *a;
	struct device *b;

	assert_int_equal(serial_create(&a, "a", fake_irq(&irq[0]), &chr[0],
				       true, NULL), 0);
	assert_int_equal(serial_create(&b, "b", fake_irq(&irq[1]), &chr[1],
				       true, NULL), 0);
	assert_snap_trip(a, b);
	dev_write(a, 0, 3, 1, 0x83); /* divisor */
	dev_write(a, 0, 0, 1, 3);
	dev_write(a, 0, 3, 1, 0x03);
	dev_write(a, 0, 2, 1, 0xc1); /* FIFOs, trigger 14 */
	dev_write(a, 0, 7, 1, 0x5a);
	dev_write(a, 0, 4, 1, 0x1b); /* loopback */
	for (unsigned int i = 0; i < 17; i++) /* one too many */
		dev_write(a, 0, 0, 1, 'a' + i);
	dev_read(a, 0, 0, 1);
	dev_read(a, 0, 0, 1);
	assert_snap_trip(a, b);
	assert_int_equal(dev_read(b, 0, 0, 1), 'c');
	assert_int_equal(dev_read(b, 0, 5, 1) & 0x03, 0x03);
	assert_int_equal(dev_read(b, 0, 7, 1), 0x5a);
	assert_true(snap_flips(a, touch_serial) > 500);
	device_destroy(a);
	device_destroy(b);
}

static void S15_serial_interrupt_that_was_pending_is_raised(void **state)
{
	struct char_dev chr[2] = { { .out_len = 0 } };
	struct fake_irq irq[2] = { { 0 } };
	struct device *a;
	struct device *b;

	assert_int_equal(serial_create(&a, "a", fake_irq(&irq[0]), &chr[0],
				       true, NULL), 0);
	assert_int_equal(serial_create(&b, "b", fake_irq(&irq[1]), &chr[1],
				       true, NULL), 0);
	dev_write(a, 0, 4, 1, 0x0b);
	dev_write(a, 0, 1, 1, 0x02); /* THRE: at once */
	assert_int_equal(irq[0].level, 1);
	assert_snap_trip(a, b);
	assert_int_equal(irq[1].level, 1);
	assert_int_equal(dev_read(b, 0, 2, 1), 0x02);
	assert_int_equal(irq[1].level, 0);
	device_destroy(a);
	device_destroy(b);
}

/* ---- cmos ---- */

static void touch_cmos(struct device *dev)
{
	dev_read(dev, 0, 1, 1);
	dev_write(dev, 0, 1, 1, 0xff);
}

static void cmos_keeps_its_memory(void **state)
{
	struct device *a;
	struct device *b;

	assert_int_equal(cmos_create(&a, "a", 64 * MIB, 0), 0);
	assert_int_equal(cmos_create(&b, "b", 64 * MIB, 0), 0);
	assert_snap_trip(a, b);
	dev_write(a, 0, 0, 2, 0x5a7f); /* the last byte */
	dev_write(a, 0, 0, 2, 0x800b); /* SET */
	dev_write(a, 0, 0, 1, 0x7f);
	assert_snap_trip(a, b);
	assert_int_equal(dev_read(b, 0, 1, 1), 0x5a);
	assert_true(snap_flips(a, touch_cmos) > 300);
	device_destroy(a);
	device_destroy(b);
}

/* ---- i8042 ---- */

static void touch_i8042(struct device *dev)
{
	dev_read(dev, I8042_DATA, 0, 1);
	dev_write(dev, I8042_DATA, 0, 1, 0xff);
}

static void i8042_keeps_the_command_that_waits(void **state)
{
	struct fake_signal signal = { 0 };
	struct machine_signal s = fake_signal(&signal);
	struct device *a;
	struct device *b;

	assert_int_equal(i8042_create(&a, "a", &s), 0);
	assert_int_equal(i8042_create(&b, "b", &s), 0);
	assert_snap_trip(a, b);
	dev_write(a, I8042_COMMAND, 0, 1, 0xaa); /* self test: a byte waits */
	dev_write(a, I8042_COMMAND, 0, 1, 0xd1); /* write output port */
	assert_snap_trip(a, b);
	assert_int_equal(dev_read(b, I8042_COMMAND, 0, 1) & 1, 1);
	assert_int_equal(dev_read(b, I8042_DATA, 0, 1), 0x55);
	dev_write(b, I8042_DATA, 0, 1, 0);
	assert_int_equal(signal.count, 1); /* reset */
	assert_true(snap_flips(a, touch_i8042) > 300);
	device_destroy(a);
	device_destroy(b);
}

/* ---- acpi_pm ---- */

static void touch_acpi(struct device *dev)
{
	dev_read(dev, ACPI_PM_EVENT, 0, 4);
	dev_write(dev, ACPI_PM_EVENT, 0, 4, UINT32_MAX);
}

static void acpi_pm_keeps_its_events_and_raises_the_sci(void **state)
{
	struct fake_signal signal = { 0 };
	struct machine_signal s = fake_signal(&signal);
	struct fake_irq sci[2] = { { 0 } };
	struct device *a;
	struct device *b;

	assert_int_equal(acpi_pm_create(&a, "a", fake_irq(&sci[0]), &s), 0);
	assert_int_equal(acpi_pm_create(&b, "b", fake_irq(&sci[1]), &s), 0);
	assert_snap_trip(a, b);
	dev_write(a, ACPI_PM_EVENT, 2, 2, 0x0100);
	dev_write(a, ACPI_PM_CONTROL, 0, 2, 5 << 10);
	acpi_pm_press(a);
	assert_snap_trip(a, b);
	assert_int_equal(sci[1].level, 1);
	assert_int_equal(dev_read(b, ACPI_PM_CONTROL, 0, 2), 5 << 10 | 1);
	dev_write(b, ACPI_PM_EVENT, 0, 2, 0x0100);
	assert_int_equal(sci[1].level, 0);
	assert_true(snap_flips(a, touch_acpi) > 300);
	device_destroy(a);
	device_destroy(b);
}

static void S17_acpi_timer_goes_on_where_it_was(void **state)
{
	struct fake_signal signal = { 0 };
	struct machine_signal s = fake_signal(&signal);
	struct fake_irq sci = { 0 };
	struct device *a;
	struct device *b;
	uint8_t *blob;
	uint32_t before;
	size_t len;

	now.tv_sec = 1000;
	assert_int_equal(acpi_pm_create(&a, "a", fake_irq(&sci), &s), 0);
	before = (uint32_t)dev_read(a, ACPI_PM_TIMER, 0, 4);
	blob = snap_of(a, &len);
	now.tv_sec = 3; /* another host, just started */
	assert_int_equal(acpi_pm_create(&b, "b", fake_irq(&sci), &s), 0);
	assert_int_equal(snap_into(b, blob, len), 0);
	assert_int_equal(dev_read(b, ACPI_PM_TIMER, 0, 4), before);
	now.tv_sec++;
	assert_int_equal(dev_read(b, ACPI_PM_TIMER, 0, 4), before + 3579545);
	/* and the other way: a year later */
	now.tv_sec = 40000000;
	assert_int_equal(snap_into(b, blob, len), 0);
	assert_int_equal(dev_read(b, ACPI_PM_TIMER, 0, 4), before);
	assert_int_equal(dev_read(b, ACPI_PM_EVENT, 0, 2), 0);
	now.tv_sec = 1000;
	free(blob);
	device_destroy(a);
	device_destroy(b);
}

/* ---- pvpanic ---- */

static void pvpanic_reports_no_second_panic(void **state)
{
	struct fake_signal signal = { 0 };
	struct machine_signal s = fake_signal(&signal);
	struct device *a;
	struct device *b;

	assert_int_equal(pvpanic_create(&a, "a", &s, NULL), 0);
	assert_int_equal(pvpanic_create(&b, "b", &s, NULL), 0);
	assert_snap_trip(a, b);
	dev_write(a, 0, 0, 1, 1);
	assert_int_equal(signal.count, 1);
	assert_snap_trip(a, b);
	dev_write(b, 0, 0, 1, 1);
	assert_int_equal(signal.count, 1);
	assert_true(snap_flips(a, forget) > 200);
	device_destroy(a);
	device_destroy(b);
}

/* ---- ioapic ---- */

struct sink {
	unsigned int sent;
	uint32_t data;
	unsigned int routes;
	struct ioapic_route route[IOAPIC_PIN_COUNT];
};

static int msi(void *ctx, uint64_t addr, uint32_t data)
{
	struct sink *s = ctx;

	s->sent++;
	s->data = data;
	return 0;
}

static void route(void *ctx, unsigned int pin, const struct ioapic_route *r)
{
	struct sink *s = ctx;

	s->routes++;
	s->route[pin] = *r;
}

static void touch_ioapic(struct device *dev)
{
	for (unsigned int i = 0; i < IOAPIC_PIN_COUNT; i++) {
		struct irq irq = ioapic_irq(dev, i);

		irq_set(&irq, 1);
		irq_set(&irq, 0);
	}
	ioapic_eoi(dev, 0x31);
}

static void write_pin(struct device *dev, unsigned int pin, uint32_t low)
{
	dev_write(dev, 0, 0x00, 4, 0x10 + 2 * pin);
	dev_write(dev, 0, 0x10, 4, low);
}

static void ioapic_keeps_what_is_in_service(void **state)
{
	struct sink sink[2] = { { 0 } };
	struct irq irq;
	struct device *a;
	struct device *b;

	assert_int_equal(ioapic_create(&a, "a", (struct ioapic_sink){
		msi, route, &sink[0] }), 0);
	assert_int_equal(ioapic_create(&b, "b", (struct ioapic_sink){
		msi, route, &sink[1] }), 0);
	assert_snap_trip(a, b);
	assert_int_equal(sink[1].routes, IOAPIC_PIN_COUNT);
	write_pin(a, 9, 0x8031); /* level */
	write_pin(a, 4, 0x0044); /* edge */
	irq = ioapic_irq(a, 9);
	irq_set(&irq, 1);
	assert_int_equal(sink[0].sent, 1);
	assert_snap_trip(a, b);
	assert_int_equal(sink[1].sent, 0);
	assert_false(sink[1].route[9].masked);
	assert_true(sink[1].route[9].level);
	/* the pin is still up: the EOI brings the next message */
	ioapic_eoi(b, 0x31);
	assert_int_equal(sink[1].sent, 1);
	irq = ioapic_irq(b, 4);
	irq_set(&irq, 1);
	assert_int_equal(sink[1].sent, 2);
	assert_int_equal(sink[1].data & 0xff, 0x44);
	assert_true(snap_flips(a, touch_ioapic) > 300);
	device_destroy(a);
	device_destroy(b);
}

static void one_device_does_not_load_anothers_state(void **state)
{
	struct fake_signal signal = { 0 };
	struct machine_signal s = fake_signal(&signal);
	struct device *a;
	struct device *b;
	uint8_t *blob;
	size_t len;

	assert_int_equal(pvpanic_create(&a, "a", &s, NULL), 0);
	assert_int_equal(i8042_create(&b, "b", &s), 0);
	blob = snap_of(a, &len);
	assert_int_equal(snap_into(b, blob, len), -EBADMSG);
	free(blob);
	device_destroy(a);
	device_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serial_keeps_its_registers_and_its_fifo),
		cmocka_unit_test(
			S15_serial_interrupt_that_was_pending_is_raised),
		cmocka_unit_test(cmos_keeps_its_memory),
		cmocka_unit_test(i8042_keeps_the_command_that_waits),
		cmocka_unit_test(acpi_pm_keeps_its_events_and_raises_the_sci),
		cmocka_unit_test(S17_acpi_timer_goes_on_where_it_was),
		cmocka_unit_test(pvpanic_reports_no_second_panic),
		cmocka_unit_test(ioapic_keeps_what_is_in_service),
		cmocka_unit_test(one_device_does_not_load_anothers_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
