// SPDX-License-Identifier: BSD-3-Clause
/* The PCI transport at work: interrupts, doorbells, saved state. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/num.h"
#include "pci_driver.h"

#define NONE VIRTIO_NO_VECTOR

static int setup(void **state)
{
	struct pci_driver *d = test_calloc(1, sizeof(*d));

	pci_driver_init(d);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	pci_driver_finish(*state);
	test_free(*state);
	return 0;
}

/* ---- interrupts ---- */

static unsigned int signals(struct pci_driver *d, unsigned int vector)
{
	return atomic_load(&d->msi.vector[vector].signals);
}

static int level(struct pci_driver *d)
{
	return d->pci.line[PD_SLOT % PCI_LINES].level;
}

static void T23_without_msix_interrupts_are_a_level_and_the_isr(void **state)
{
	struct pci_driver *d = *state;

	queue_irq(d, 1);
	assert_int_equal(level(d), 1);
	assert_true(cfg_read(&d->pci, PD_SLOT, PCI_STATUS, 2) &
		    PCI_STATUS_INTX);
	config_irq(d);
	assert_int_equal(mm_read(d, d->isr, 1), 3);
	assert_int_equal(level(d), 0);
	assert_int_equal(mm_read(d, d->isr, 1), 0);
	config_irq(d);
	/* writes and reads beside it do not acknowledge */
	mm_write(d, d->isr, 1, 0);
	mm_read(d, d->isr + 1, 1);
	mm_read(d, d->isr + 4, 4);
	assert_int_equal(level(d), 1);
	assert_int_equal(mm_read(d, d->isr, 4), 2);
	assert_int_equal(level(d), 0);
}

static void with_msix_each_queue_has_its_vector(void **state)
{
	struct pci_driver *d = *state;

	pci_driver_run(d, true);
	pci_driver_sync(d);
	queue_irq(d, 0);
	queue_irq(d, 1);
	queue_irq(d, 1);
	config_irq(d);
	assert_int_equal(signals(d, 0), 1);
	assert_int_equal(signals(d, 1), 1);
	assert_int_equal(signals(d, 2), 2);
	assert_int_equal(d->msi.vector[2].data, 0x32);
	assert_int_equal(level(d), 0);
	assert_false(mm_read(d, d->isr, 1) & 1);
}

static void T24_a_vector_past_the_table_reads_back_as_none(void **state)
{
	struct pci_driver *d = *state;
	static const uint16_t bad[] = { ECHO_QUEUES + 1, 64, 128, 0x7ff, 0x8000,
					0xfffe, 0xffff };

	pci_driver_run(d, true);
	c_write(d, C_QUEUE_SEL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		c_write(d, C_QUEUE_VECTOR, 1);
		assert_int_equal(c_read(d, C_QUEUE_VECTOR), 1);
		c_write(d, C_QUEUE_VECTOR, bad[i]);
		assert_int_equal(c_read(d, C_QUEUE_VECTOR), NONE);
		c_write(d, C_CONFIG_VECTOR, 0);
		c_write(d, C_CONFIG_VECTOR, bad[i]);
		assert_int_equal(c_read(d, C_CONFIG_VECTOR), NONE);
	}
	queue_irq(d, 0);
	config_irq(d);
	for (unsigned int i = 0; i < FAKE_VECTORS; i++)
		assert_int_equal(signals(d, i), 0);
	assert_int_equal(level(d), 0);
}

static void T26_queues_may_share_a_vector_and_change_it(void **state)
{
	struct pci_driver *d = *state;

	pci_driver_run(d, true);
	c_write(d, C_QUEUE_SEL, 1);
	c_write(d, C_QUEUE_VECTOR, 0);
	queue_irq(d, 1);
	config_irq(d);
	assert_int_equal(signals(d, 0), 2);
	c_write(d, C_QUEUE_VECTOR, 2);
	queue_irq(d, 1);
	assert_int_equal(signals(d, 2), 1);
}

static void T18_a_reset_takes_isr_and_vectors_back(void **state)
{
	struct pci_driver *d = *state;

	pci_driver_run(d, false);
	queue_irq(d, 0);
	assert_int_equal(level(d), 1);
	c_write(d, C_STATUS, 0);
	assert_int_equal(level(d), 0);
	assert_int_equal(mm_read(d, d->isr, 1), 0);
	assert_int_equal(c_read(d, C_CONFIG_VECTOR), NONE);
	c_write(d, C_QUEUE_SEL, 1);
	assert_int_equal(c_read(d, C_QUEUE_VECTOR), NONE);
}

/* T30: one thread raises, the other is the driver's interrupt handler. What
 * was done before an interrupt must be seen after it, every time; and every
 * second one is raised while the one before is being handled. */
#define RAISES 1000000u
#define STEP   (i < RAISES / 8 ? 2 : 64)

struct race {
	struct pci_driver *d;
	_Atomic unsigned int done;
	_Atomic unsigned int seen;
	_Atomic bool up; /* the line */
	_Atomic bool stop;
};

static void set_line(void *ctx, int on)
{
	struct race *r = ctx;

	atomic_store(&r->up, on != 0);
}

static void *handle(void *ctx)
{
	struct race *r = ctx;

	while (!atomic_load(&r->stop)) {
		if (!atomic_load(&r->up))
			sched_yield();
		else if (mm_read(r->d, r->d->isr, 1) & 1)
			atomic_store(&r->seen, atomic_load(&r->done));
	}
	return NULL;
}

static void T30_no_interrupt_is_lost_between_raise_and_isr_read(void **state)
{
	struct pci_driver *d = *state;
	struct race r = { .d = d };
	struct pci_line *line = &d->pci.bus->line[PD_SLOT % PCI_LINES];
	const struct irq before = line->irq;
	time_t end = time(NULL) + 40;
	pthread_t thread;

	line->irq = (struct irq){ set_line, &r };
	assert_int_equal(pthread_create(&thread, NULL, handle, &r), 0);
	for (unsigned int i = 1; i <= RAISES; i++) {
		atomic_store(&r.done, i);
		queue_irq(d, 0);
		if (i % STEP)
			continue;
		while (atomic_load(&r.seen) < i && time(NULL) < end)
			sched_yield();
		if (atomic_load(&r.seen) < i)
			break;
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	line->irq = before; /* the device outlives r, and its line may be up */
	assert_int_equal(r.done, RAISES);
	assert_int_equal(r.seen, RAISES);
}

/* ---- doorbells ---- */

static void T28_doorbells_follow_the_bar(void **state)
{
	struct pci_driver *d = *state;
	struct pci_bench *b = &d->pci;
	uint64_t old;
	int fd;

	assert_int_equal(d->bells.count, 0);
	pci_driver_run(d, true);
	assert_int_equal(d->bells.count, ECHO_QUEUES);
	old = d->notify;
	fd = fake_bell_at(&d->bells, old + 4);
	assert_true(fd >= 0);
	assert_int_equal(d->bells.bell[0].len, 2);
	cfg_write(b, PD_SLOT, PCI_BAR0, 4, 0xd0000000);
	pci_driver_find(d);
	assert_int_equal(fake_bell_at(&d->bells, old + 4), -1);
	assert_int_equal(fake_bell_at(&d->bells, d->notify + 4), fd);
	assert_int_equal(d->bells.count, ECHO_QUEUES);
	cfg_write(b, PD_SLOT, PCI_COMMAND, 2, 0);
	assert_int_equal(d->bells.count, 0);
	cfg_write(b, PD_SLOT, PCI_BAR0, 4, 0x1000); /* RAM, or nothing */
	cfg_write(b, PD_SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(d->bells.count, 0);
	cfg_write(b, PD_SLOT, PCI_BAR0, 4, 0xc0000000);
	assert_int_equal(d->bells.count, ECHO_QUEUES);
	assert_int_equal(c_read(d, C_STATUS), 0xff); /* that was d000_0000 */
	pci_driver_find(d);
	assert_int_equal(c_read(d, C_STATUS), 15);
	/* a queue that starts while the BAR is nowhere gets it later */
	c_write(d, C_STATUS, 0);
	assert_int_equal(d->bells.count, 0);
}

static void echo_once(struct pci_driver *d, bool by_exit)
{
	uint64_t gpa = DRIVER_RAM_GPA + DRIVER_RAM_SIZE / 2;
	const struct driver_buf bufs[] = {
		{ gpa, 16, false },
		{ gpa + 64, 16, true },
	};
	unsigned int before = signals(d, 1);
	struct driver_done done;
	time_t end = time(NULL) + 20;
	int fd = fake_bell_at(&d->bells, d->notify);

	memcpy(driver_ram_at(&d->ram, gpa, 16), "0123456789abcdef", 16);
	memset(driver_ram_at(&d->ram, gpa + 64, 16), 0, 16);
	assert_true(driver_post(&d->ring[0], bufs, 2) >= 0);
	assert_true(by_exit || fd >= 0);
	if (by_exit)
		mm_write(d, d->notify, 2, 0);
	else
		fd_event_signal(fd);
	while (signals(d, 1) == before && time(NULL) < end)
		sched_yield();
	assert_int_equal(signals(d, 1), before + 1);
	assert_true(driver_collect(&d->ring[0], &done));
	assert_memory_equal(driver_ram_at(&d->ram, gpa + 64, 16),
			    "0123456789abcdef", 16);
}

static void T28_io_goes_on_while_the_bar_moves_and_memory_is_off(void **state)
{
	struct pci_driver *d = *state;

	pci_driver_run(d, true);
	echo_once(d, false);
	for (unsigned int i = 0; i < 20; i++) {
		cfg_write(&d->pci, PD_SLOT, PCI_COMMAND, 2, 0);
		cfg_write(&d->pci, PD_SLOT, PCI_BAR0, 4,
			  0xd0000000 + 0x10000 * i);
		cfg_write(&d->pci, PD_SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
		pci_driver_find(d);
		echo_once(d, i % 2);
	}
}

/* By every width, on both queues, and with requests in between. */
static void T13_a_running_queues_fields_do_not_reach_its_ring(void **state)
{
	static const uint64_t values[] = { 0, 1, 32, 0x8000, 0xffff,
					   UINT64_MAX };
	struct pci_driver *d = *state;
	struct queue before;

	pci_driver_run(d, true);
	pci_driver_sync(d);
	before = d->echo->v.queue[0].ring;
	for (unsigned int i = 0; i < ARRAY_SIZE(values) * ECHO_QUEUES; i++) {
		c_write(d, C_QUEUE_SEL, i % ECHO_QUEUES);
		for (unsigned int off = C_QUEUE_SIZE; off < 0x3c; off += 2)
			for (unsigned int len = 2; len <= 8; len *= 2)
				if (off != C_QUEUE_VECTOR &&
				    off + len <= 0x3c)
					mm_write(d, d->common + off, len,
						 values[i / ECHO_QUEUES]);
		c_write(d, C_QUEUE_SEL, 0);
		assert_int_equal(c_read(d, C_QUEUE_SIZE), 16);
		if (i == 0)
			assert_memory_equal(&before,
					    &d->echo->v.queue[0].ring,
					    sizeof(before));
		c_write(d, C_QUEUE_VECTOR, 1);
		echo_once(d, false);
	}
	assert_ptr_equal(before.desc, d->echo->v.queue[0].ring.desc);
	assert_int_equal(c_read(d, C_STATUS), 15);
}

static void doorbells_that_cannot_be_had_come_as_exits(void **state)
{
	struct pci_driver *d = *state;

	d->bells.fail = -ENOSPC;
	pci_driver_run(d, true);
	assert_int_equal(d->bells.count, 0);
	echo_once(d, true);
	d->bells.fail = 0;
	cfg_write(&d->pci, PD_SLOT, PCI_BAR0, 4, 0xd0000000);
	pci_driver_find(d);
	echo_once(d, false);
}

/* A device that wrote there as a card of the host's would ring a bell. */
static void Q05_a_buffer_in_a_bar_is_dropped(void **state)
{
	struct pci_driver *d = *state;
	const uint64_t gpa = DRIVER_RAM_GPA + DRIVER_RAM_SIZE / 2;
	const uint64_t at[] = { d->notify, d->common + C_STATUS, d->bar,
				d->bar + 0x7000, BENCH_ECAM };
	struct driver_done done;

	d->bells.fail = -ENOSPC; /* kicks come as writes */
	pci_driver_run(d, false);
	memset(driver_ram_at(&d->ram, gpa, 16), 0, 16);
	pci_driver_sync(d);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		const struct driver_buf bufs[] = { { gpa, 1, false },
						   { at[i], 1, true } };
		unsigned int kicks = d->echo->kicks;

		assert_true(driver_post(&d->ring[0], bufs, 2) >= 0);
		mm_write(d, d->notify, 2, 0);
		pci_driver_sync(d);
		assert_true(driver_collect(&d->ring[0], &done));
		assert_int_equal(done.len, 0);
		assert_int_equal(d->echo->kicks, kicks + 1);
	}
	assert_int_equal(d->echo->v.queue[0].ring.counts.dropped,
			 ARRAY_SIZE(at));
	assert_int_equal(d->echo->served, 0);
	assert_int_equal(c_read(d, C_STATUS), 15);
}

/* ---- saved state ---- */

static const void *save(struct pci_driver *d, struct snap *s, size_t *len)
{
	const void *blob;

	device_pause(d->dev);
	assert_int_equal(device_snapshot(d->dev, s), 0);
	assert_int_equal(snap_finish(s, &blob, len), 0);
	return blob;
}

static void T32_save_load_save_is_byte_equal_and_interrupts_stay(void **state)
{
	struct pci_driver *d = *state;
	struct pci_driver *other = test_calloc(1, sizeof(*other));
	struct snap *s[2] = { snap_create(), snap_create() };
	struct snap *load;
	const void *blob[2];
	size_t len[2];

	pci_driver_init(other);
	driver_ram_alloc(&other->ram, 16, 16);
	cfg_write(&d->pci, PD_SLOT, PCI_BAR0, 4, 0xd8000000);
	pci_driver_find(d);
	pci_driver_run(d, true);
	echo_once(d, false);
	config_irq(d);
	blob[0] = save(d, s[0], &len[0]);
	memcpy(other->ram.bytes, d->ram.bytes, DRIVER_RAM_SIZE);
	assert_int_equal(snap_open(&load, blob[0], len[0], NULL), 0);
	assert_int_equal(device_snapshot(other->dev, load), 0);
	assert_int_equal(snap_finish(load, NULL, NULL), 0);
	pci_driver_find(other);
	assert_int_equal(other->common, d->common);
	blob[1] = save(other, s[1], &len[1]);
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(blob[0], blob[1], len[0]);
	/* the new one goes on, with its doorbells in place */
	device_resume(other->dev);
	assert_int_equal(other->bells.count, ECHO_QUEUES);
	assert_true(fake_bell_at(&other->bells, other->notify) >= 0);
	assert_int_equal(c_read(other, C_STATUS), 15);
	queue_irq(other, 1);
	assert_true(signals(other, 2) >= 1);
	assert_int_equal(mm_read(other, other->isr, 1), 2);
	snap_destroy(load);
	snap_destroy(s[0]);
	snap_destroy(s[1]);
	pci_driver_finish(other);
	test_free(other);
}

/* A line that was up is up in the new machine, until the driver has seen it
 * there. */
static void T32_a_pending_line_is_pending_once_after_a_restore(void **state)
{
	struct pci_driver *d = *state;
	struct pci_driver *other = test_calloc(1, sizeof(*other));
	struct snap *s = snap_create();
	struct snap *load;
	const void *blob;
	size_t len;

	pci_driver_init(other);
	driver_ram_alloc(&other->ram, 16, 16);
	pci_driver_run(d, false);
	pci_driver_sync(d);
	queue_irq(d, 0);
	blob = save(d, s, &len);
	memcpy(other->ram.bytes, d->ram.bytes, DRIVER_RAM_SIZE);
	assert_int_equal(level(other), 0);
	assert_int_equal(snap_open(&load, blob, len, NULL), 0);
	assert_int_equal(device_snapshot(other->dev, load), 0);
	device_resume(other->dev);
	pci_driver_sync(other);
	assert_int_equal(level(other), 1);
	pci_driver_find(other);
	assert_int_equal(mm_read(other, other->isr, 1), 1);
	assert_int_equal(level(other), 0);
	pci_driver_sync(other);
	assert_int_equal(level(other), 0);
	snap_destroy(load);
	snap_destroy(s);
	pci_driver_finish(other);
	test_free(other);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(T23_without_msix_interrupts_are_a_level_and_the_isr),
		T(with_msix_each_queue_has_its_vector),
		T(T24_a_vector_past_the_table_reads_back_as_none),
		T(T26_queues_may_share_a_vector_and_change_it),
		T(T18_a_reset_takes_isr_and_vectors_back),
		T(T28_doorbells_follow_the_bar),
		T(T28_io_goes_on_while_the_bar_moves_and_memory_is_off),
		T(T30_no_interrupt_is_lost_between_raise_and_isr_read),
		T(T13_a_running_queues_fields_do_not_reach_its_ring),
		T(Q05_a_buffer_in_a_bar_is_dropped),
		T(doorbells_that_cannot_be_had_come_as_exits),
		T(T32_a_pending_line_is_pending_once_after_a_restore),
		T(T32_save_load_save_is_byte_equal_and_interrupts_stay),
	};

	return cmocka_run_group_tests_name("virtio_pci_run", tests, NULL, NULL);
}
