// SPDX-License-Identifier: BSD-3-Clause
/* See guest_attack.h. */
#include "guest_attack.h"

const struct attack *attack_now;
struct disk target;
struct entropy witness;

void attack_broken(const struct victim *v)
{
	const struct attack *a = attack_now;

	if (!vio_broken(v->dev))
		guest_fail("%s: the device's status is %x, not NEEDS_RESET "
			   "with an interrupt", a->id, vio_status(v->dev));
	v->start(a->features, a->size);
}

static void carry_out(const struct victim *v, const struct attack *a)
{
	attack_now = a;
	v->start(a->features, a->size);
	a->run();
	if (a->end == BREAKS)
		attack_broken(v);
	else if (a->end == ENDS)
		v->start(a->features, a->size);
	else if (vio_status(v->dev) != VIO_RUNNING)
		guest_fail("%s: the device's status is %x", a->id,
			   vio_status(v->dev));
	v->works(a->id);
	v->other(a->id);
	guest_printf("%s ok\n", a->id);
}

void attack_all(const struct victim *v, const struct attack *table,
		unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		carry_out(v, &table[i]);
}

/* ---- the usual victim ---- */

static void start_target(uint64_t features, uint16_t size)
{
	disk_start(&target, features, size);
}

static void target_works(const char *id)
{
	disk_check(&target, id);
}

static void witness_works(const char *id)
{
	entropy_check(&witness, id);
}

const struct victim target_victim = {
	.dev = &target.dev,
	.start = start_target,
	.works = target_works,
	.other = witness_works,
};

void attack_disk(const struct attack *table, unsigned int count)
{
	disk_open(&target, 0);
	entropy_open(&witness);
	entropy_start(&witness, 0, 8);
	attack_all(&target_victim, table, count);
}

#define VECTOR_TIMER 48
#define DIVIDE_BY_16 3
#define TICKS_PER_MS 62500u /* of 1 GHz */

static volatile bool rung;

static void on_timer(struct guest_frame *f)
{
	rung = true;
	lapic_eoi();
}

void attack_nap(unsigned int ms)
{
	static bool ready;

	if (!guest_has_word("nap"))
		return;
	if (!ready)
		guest_irq_init();
	ready = true;
	lapic_init();
	guest_handle(VECTOR_TIMER, on_timer);
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
	lapic_write(LAPIC_TIMER, VECTOR_TIMER);
	rung = false;
	lapic_write(LAPIC_TIMER_INITIAL, ms * TICKS_PER_MS);
	while (!rung)
		guest_irq_wait();
}

/* ---- the second CPU ---- */

static void (*racer_step)(void);
static volatile bool racing;
static volatile bool stopping;

static void race(unsigned int cpu)
{
	racing = true;
	while (!stopping)
		racer_step();
	racing = false;
}

void racer_start(void (*step)(void))
{
	uint32_t ids[2];

	if (acpi_cpus(ids, 2) != 2)
		guest_fail("the race needs two CPUs");
	lapic_init();
	racer_step = step;
	stopping = false;
	guest_start_cpus(ids + 1, 1, race);
	for (unsigned int ms = 0; !racing; ms++) {
		if (ms == 2000)
			guest_fail("the second CPU does not come");
		guest_delay_us(1000);
	}
}

void racer_stop(void)
{
	stopping = true;
	for (unsigned int ms = 0; racing; ms++) {
		if (ms == 2000)
			guest_fail("the second CPU does not stop");
		guest_delay_us(1000);
	}
}
