// SPDX-License-Identifier: BSD-3-Clause
/*
 * See acpi_pm.h. Register bits: ACPI 6.4, tables 4.11 to 4.13; the timer:
 * 4.8.3.3. There is no SMI command port: the machine is in ACPI mode always.
 */
#include "devices/acpi_pm.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/snap.h"

/* PM1 status and enable */
#define PM1_TMR     0x0001 /* bit 31 of the timer has changed */
#define PM1_GBL     0x0020
#define PM1_PWRBTN  0x0100
#define PM1_SLPBTN  0x0200
#define PM1_RTC     0x0400
#define PM1_ENABLES (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC)

/* PM1 control */
#define CONTROL_SCI_EN  0x0001 /* always set: ACPI mode */
#define CONTROL_BM_RLD  0x0002
#define CONTROL_SLP_TYP 10     /* three bits from here */
#define CONTROL_SLP_EN  0x2000 /* write-only */
#define CONTROL_KEPT    (CONTROL_BM_RLD | 7 << CONTROL_SLP_TYP)

#define TIMER_HZ 3579545u
#define SECOND   UINT64_C(1000000000)

struct acpi_pm {
	struct device dev;
	struct irq sci;
	struct machine_signal signal;
	int line;         /* what sci was set to last */
	uint64_t shift;   /* the guest's ticks less the host's */
	uint64_t half;    /* half periods of the timer that status has seen */
	uint16_t status;
	uint16_t enable;
	uint16_t control; /* the CONTROL_KEPT bits */
};

/* Ticks since the host started; split, so that nothing overflows. */
static uint64_t ticks(void)
{
	uint64_t ns = clock_mono_ns();

	return ns / SECOND * TIMER_HZ + ns % SECOND * TIMER_HZ / SECOND;
}

/* A restored guest's timer goes on from where it was saved. */
static uint64_t guest_ticks(const struct acpi_pm *pm)
{
	return ticks() + pm->shift;
}

/* Timer status is brought up to date when somebody looks: the timer has no
 * thread of its own, and no SCI at the moment of the change. */
static void update_timer(struct acpi_pm *pm)
{
	uint64_t half = guest_ticks(pm) >> 31;

	if (half != pm->half)
		pm->status |= PM1_TMR;
	pm->half = half;
}

static void update_sci(struct acpi_pm *pm)
{
	int line = (pm->status & pm->enable & PM1_ENABLES) != 0;

	if (line == pm->line)
		return;
	pm->line = line;
	irq_set(&pm->sci, line);
}

/* The event block as one little-endian number, status in the low half. */
static uint32_t read_event(struct acpi_pm *pm)
{
	update_timer(pm);
	update_sci(pm);
	return pm->status | (uint32_t)pm->enable << 16;
}

/* @mask: the bytes that are written. Status bits are cleared by ones. */
static void write_event(struct acpi_pm *pm, uint32_t value, uint32_t mask)
{
	uint32_t enable = pm->enable;

	update_timer(pm);
	pm->status &= (uint16_t)~(value & mask);
	enable = (enable & ~(mask >> 16)) | ((value & mask) >> 16);
	pm->enable = enable & PM1_ENABLES;
	update_sci(pm);
}

static void write_control(struct acpi_pm *pm, uint32_t value, uint32_t mask)
{
	unsigned int type;

	pm->control = (uint16_t)((pm->control & ~mask) | (value & mask)) &
		      CONTROL_KEPT;
	if (!(value & mask & CONTROL_SLP_EN))
		return;
	type = pm->control >> CONTROL_SLP_TYP & 7;
	/* No other sleep state is described to the guest. */
	if (type == ACPI_PM_SLP_TYP_S5)
		machine_raise(&pm->signal, MACHINE_POWER_OFF, 0);
}

/* The windows are at most four bytes: an access is a part of one number. */
static uint64_t acpi_pm_read(struct device *dev, unsigned int window,
			     uint64_t off, unsigned int len)
{
	struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);
	uint32_t value = 0;

	switch (window) {
	case ACPI_PM_EVENT:
		value = read_event(pm);
		break;
	case ACPI_PM_CONTROL:
		value = pm->control | CONTROL_SCI_EN;
		break;
	case ACPI_PM_TIMER:
		value = (uint32_t)guest_ticks(pm);
		break;
	default:
		break; /* the reset register reads as 0 */
	}
	return value >> (8 * off);
}

static void acpi_pm_write(struct device *dev, unsigned int window, uint64_t off,
			  unsigned int len, uint64_t value)
{
	struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);
	uint32_t part = (uint32_t)(value << (8 * off));
	uint32_t mask;

	assert(range_ok(off, len, ACPI_PM_EVENT_SIZE));
	mask = (uint32_t)(((UINT64_C(1) << (8 * len)) - 1) << (8 * off));
	switch (window) {
	case ACPI_PM_EVENT:
		write_event(pm, part, mask);
		break;
	case ACPI_PM_CONTROL:
		write_control(pm, part, mask);
		break;
	case ACPI_PM_RESET:
		if (part == ACPI_PM_RESET_VALUE)
			machine_raise(&pm->signal, MACHINE_RESET, 0);
		break;
	default:
		break; /* the timer is read-only */
	}
}

static int acpi_pm_snapshot(struct device *dev, struct snap *s)
{
	struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);
	uint64_t timer;

	update_timer(pm);
	timer = guest_ticks(pm);
	snap_begin(s, "acpi-pm", 1);
	snap_u16(s, "status", &pm->status);
	snap_u16(s, "enable", &pm->enable);
	snap_u16(s, "control", &pm->control);
	snap_u64(s, "timer", &timer);
	if ((pm->status | pm->enable) & ~PM1_ENABLES)
		snap_reject(s, "status", "bits that do not exist");
	if (pm->control & ~CONTROL_KEPT)
		snap_reject(s, "control", "bits that do not exist");
	snap_end(s);
	if (snap_loading(s) && !snap_error(s)) {
		pm->shift = timer - ticks();
		pm->half = timer >> 31;
		update_sci(pm);
	}
	return snap_error(s);
}

static void acpi_pm_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct acpi_pm, dev));
}

static const struct device_ops acpi_pm_ops = {
	.name = "acpi-pm",
	.read = acpi_pm_read,
	.write = acpi_pm_write,
	.snapshot = acpi_pm_snapshot,
	.destroy = acpi_pm_destroy,
};

int acpi_pm_create(struct device **out, const char *id, struct irq sci,
		   const struct machine_signal *signal)
{
	struct acpi_pm *pm = calloc(1, sizeof(*pm));

	*out = NULL;
	if (!pm)
		return -ENOMEM;
	device_init(&pm->dev, &acpi_pm_ops, id);
	pm->sci = sci;
	pm->signal = *signal;
	pm->half = ticks() >> 31;
	*out = &pm->dev;
	return 0;
}

bool acpi_pm_press(struct device *dev)
{
	struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);
	bool heard;

	pthread_mutex_lock(&dev->lock);
	pm->status |= PM1_PWRBTN;
	heard = pm->enable & PM1_PWRBTN;
	update_sci(pm);
	pthread_mutex_unlock(&dev->lock);
	return heard;
}
