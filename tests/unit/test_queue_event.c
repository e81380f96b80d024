// SPDX-License-Identifier: BSD-3-Clause
/* Kicks and interrupts of a split queue, indices that wrap, and a driver on
 * another thread, honest or not, in both formats. Catalogue group Q. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "one_queue.h"
#include "stress.h"

#define RAM (DRIVER_RAM_GPA + 0x200000)

static const struct queue_features plain, event = { .event_idx = true };

static void Q23_index_wraps_with_every_size(void **state)
{
	static const uint16_t sizes[] = { 1, 2, 4, 64, 256 };
	struct driver_buf buf = { RAM, 8, true };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct one_queue *f = one_queue_open(sizes[i], event);

		for (unsigned int k = 0; k < 66000; k++) {
			struct driver_done done;

			driver_post(&f->ring, &buf, 1);
			if (queue_pop(&f->q, &f->c) != 1)
				fail();
			queue_push(&f->q, &f->c, 8);
			if (!driver_collect(&f->ring, &done) || done.len != 8)
				fail();
		}
		assert_int_equal(driver_raw_used_idx(&f->ring), 66000 - 65536);
		one_queue_close(f);
	}
}

/* After @count completions from index @start on. */
static bool interrupts(uint16_t start, unsigned int count, uint16_t used_event,
		       uint16_t flags, struct queue_features features)
{
	struct one_queue *f = one_queue_open(8, features);
	bool wanted;

	f->q.next_avail = f->q.next_used = f->q.seen_avail = start;
	f->ring.avail = f->ring.used = start;
	driver_raw_avail_idx(&f->ring, start);
	driver_raw_used_event(&f->ring, used_event);
	driver_raw_avail_flags(&f->ring, flags);
	for (unsigned int i = 0; i < count; i++) {
		driver_post(&f->ring, &(struct driver_buf){ RAM, 8, 1 }, 1);
		assert_int_equal(queue_pop(&f->q, &f->c), 1);
		queue_push(&f->q, &f->c, 8);
	}
	wanted = queue_wants_interrupt(&f->q);
	assert_false(queue_wants_interrupt(&f->q));
	one_queue_close(f);
	return wanted;
}

static void Q24_used_event_asks_for_one_index(void **state)
{
	/* of the flags no bit means anything then */
	static const uint16_t garbage[] = { 0, 1, 2, 0x8001, 0xfffe, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		uint16_t flags = garbage[i];

		assert_true(interrupts(0, 1, 0, flags, event));
		assert_false(interrupts(0, 1, 1, flags, event));
		assert_true(interrupts(0, 2, 1, flags, event));
		assert_false(interrupts(0, 0, 0, flags, event));
		assert_false(interrupts(0, 1, 0xffff, flags, event));
		assert_false(interrupts(100, 5, 99, flags, event));
		assert_true(interrupts(100, 5, 100, flags, event));
		assert_true(interrupts(100, 5, 104, flags, event));
		assert_false(interrupts(100, 5, 105, flags, event));
		assert_false(interrupts(100, 5, 100 + 0x8000, flags, event));
		assert_true(interrupts(0xfffe, 4, 0xffff, flags, event));
		assert_true(interrupts(0xfffe, 4, 1, flags, event));
		assert_false(interrupts(0xfffe, 4, 2, flags, event));
	}
}

static void Q24_used_event_that_was_not_negotiated_means_nothing(void **state)
{
	assert_true(interrupts(0, 1, 77, 0, plain));
	assert_false(interrupts(0, 1, 0, 1, plain));
	assert_true(interrupts(0, 1, 0, 0xfffe, plain));
	assert_false(interrupts(0, 0, 0, 0, plain));
}

static void kicks_are_turned_on_at_our_index(void **state)
{
	struct one_queue *f = one_queue_open(8, event);

	for (uint16_t i = 0; i < 20; i++) {
		assert_false(queue_set_kicks(&f->q, true));
		assert_int_equal(driver_raw_avail_event(&f->ring), i);
		assert_int_equal(driver_raw_used_flags(&f->ring), 0);
		assert_false(queue_set_kicks(&f->q, false));
		assert_int_equal(driver_raw_used_flags(&f->ring), 0);
		one_queue_works(f);
	}
	driver_post(&f->ring, &(struct driver_buf){ RAM, 8, true }, 1);
	assert_true(queue_set_kicks(&f->q, true));
	one_queue_close(f);
}

static void kicks_without_event_index_are_a_flag(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);

	queue_set_kicks(&f->q, false);
	assert_int_equal(driver_raw_used_flags(&f->ring), 1);
	assert_false(driver_wants_kick(&f->ring));
	assert_false(queue_set_kicks(&f->q, true));
	assert_int_equal(driver_raw_used_flags(&f->ring), 0);
	driver_post(&f->ring, &(struct driver_buf){ RAM, 8, true }, 1);
	assert_true(driver_wants_kick(&f->ring));
	assert_true(queue_set_kicks(&f->q, true));
	one_queue_close(f);
}

static void Q25_what_the_driver_writes_into_the_used_ring_is_lost(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);
	uint8_t *used = driver_ram_at(&f->ram, f->ring.params.device, 70);

	one_queue_works(f);
	memset(used, 0xff, 70);
	driver_post(&f->ring, &(struct driver_buf){ RAM, 8, true }, 1);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	queue_push(&f->q, &f->c, 8);
	assert_int_equal(driver_raw_used_idx(&f->ring), 2);
	one_queue_close(f);
}

/* Everything in one place: only the guest's own bytes can suffer. */
static void Q27_rings_on_top_of_each_other_harm_nobody(void **state)
{
	for (unsigned int packed_ring = 0; packed_ring < 2; packed_ring++) {
		struct queue_features features = { .packed = packed_ring };
		struct one_queue *f = one_queue_open(8, features);
		struct queue_params p = { 8, RAM, RAM, RAM };
		uint8_t *bytes = driver_ram_at(&f->ram, RAM, 128);

		for (unsigned int seed = 0; seed < 256; seed++) {
			for (unsigned int i = 0; i < 128; i++)
				bytes[i] = (uint8_t)(seed * (i + 1) >> 3);
			assert_int_equal(queue_start(&f->q, &f->ram.mem, 8, &p,
						     &features), 0);
			for (int i = 0; i < 20; i++)
				if (queue_pop(&f->q, &f->c) == 1)
					queue_push(&f->q, &f->c, 0);
			queue_set_kicks(&f->q, seed & 1);
			queue_wants_interrupt(&f->q);
		}
		one_queue_close(f);
	}
}

static void Q29_looking_at_an_empty_queue_changes_nothing(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);
	struct queue before = f->q;

	for (int i = 0; i < 100000; i++)
		if (queue_pop(&f->q, &f->c) != 0)
			fail();
	assert_memory_equal(&before, &f->q, sizeof(before));
	one_queue_close(f);
}

/* ---- a driver on another thread ---- */

#define PINGS 30000

/* Both sleep in poll() whenever they may; a wake-up that is lost makes one of
 * them wait for ever, which is noticed after a while. Under VIREO_STRESS=84
 * the four kinds make ten million together. */
struct pings {
	struct one_queue *f;
	int kick;
	int irq;
	atomic_bool stop;
	unsigned int lost;
};

static bool sleep_on(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, 10000) == 1 &&
	       read(fd, &count, sizeof(count)) == sizeof(count);
}

static void wake(int fd)
{
	uint64_t one = 1;
	ssize_t r = write(fd, &one, sizeof(one));

	assert_int_equal(r, sizeof(one));
}

static void *device(void *arg)
{
	struct pings *p = arg;
	struct one_queue *f = p->f;

	while (!atomic_load(&p->stop)) {
		queue_set_kicks(&f->q, false);
		do
			while (queue_pop(&f->q, &f->c) == 1)
				queue_push(&f->q, &f->c, 8);
		while (queue_set_kicks(&f->q, true));
		if (queue_wants_interrupt(&f->q))
			wake(p->irq);
		if (!sleep_on(p->kick))
			break;
	}
	return NULL;
}

static void ping(struct pings *p)
{
	struct driver_buf buf = { RAM, 8, true };
	struct driver_done done;
	const unsigned int pings = PINGS * stress();
	unsigned int got = 0, posted = 0;

	while (got < pings && !p->lost) {
		for (unsigned int n = 1 + got % 3; n && posted < pings; n--)
			posted += driver_post(&p->f->ring, &buf, 1) >= 0;
		if (driver_wants_kick(&p->f->ring))
			wake(p->kick);
		driver_set_interrupts(&p->f->ring, false);
		do
			for (; driver_collect(&p->f->ring, &done); got++)
				if (done.len != 8)
					p->lost++;
		while (driver_set_interrupts(&p->f->ring, true));
		if (got < posted && !sleep_on(p->irq))
			p->lost++;
	}
}

static void Q24_no_wake_up_is_lost_between_two_threads(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct queue_features features = { .packed = i & 1,
						   .event_idx = i & 2 };
		struct pings p = { .f = one_queue_open(4, features),
				   .kick = eventfd(0, 0),
				   .irq = eventfd(0, 0) };
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, device, &p), 0);
		ping(&p);
		atomic_store(&p.stop, true);
		wake(p.kick);
		pthread_join(thread, NULL);
		assert_int_equal(p.lost, 0);
		one_queue_close(p.f);
		close(p.kick);
		close(p.irq);
	}
}

/* ---- who looks, and who stores, at the same moment ---- */

#define ROUNDS 20000

struct litmus {
	struct one_queue *f;
	bool kicks; /* of the device, or else interrupts of the driver */
	atomic_uint arrived;
	bool device_says;
	atomic_uint lost;
};

/* Both threads are here. */
static void meet(struct litmus *l, unsigned int *round)
{
	unsigned int spins = 0;

	atomic_fetch_add(&l->arrived, 1);
	*round += 2;
	while ((int)(atomic_load(&l->arrived) - *round) < 0)
		if (++spins % 2000 == 0)
			sched_yield();
}

static void dawdle(unsigned int n)
{
	for (volatile unsigned int i = 0; i < n; i++)
		;
}

static void *litmus_device(void *arg)
{
	struct litmus *l = arg;
	struct queue *q = &l->f->q;
	unsigned int round = 0;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		meet(l, &round);
		if (l->kicks)
			queue_set_kicks(q, false);
		else
			l->lost += queue_pop(q, &l->f->c) != 1;
		meet(l, &round);
		dawdle(i % 16);
		if (l->kicks) {
			l->device_says = queue_set_kicks(q, true);
		} else {
			queue_push(q, &l->f->c, 8);
			l->device_says = queue_wants_interrupt(q);
		}
		meet(l, &round);
		if (l->kicks) {
			l->lost += queue_pop(q, &l->f->c) != 1;
			queue_push(q, &l->f->c, 8);
		}
		meet(l, &round);
	}
	return NULL;
}

static void litmus_driver(struct litmus *l)
{
	struct driver_buf buf = { RAM, 8, true };
	struct driver_ring *ring = &l->f->ring;
	struct driver_done done;
	unsigned int round = 0;

	driver_set_interrupts(ring, false);
	if (!l->kicks)
		driver_post(ring, &buf, 1);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		bool says;

		meet(l, &round);
		meet(l, &round);
		dawdle(i / 16 % 16);
		if (l->kicks) {
			driver_post(ring, &buf, 1);
			says = driver_wants_kick(ring);
		} else {
			says = driver_set_interrupts(ring, true);
		}
		meet(l, &round);
		l->lost += !says && !l->device_says;
		if (!l->kicks) {
			l->lost += !driver_collect(ring, &done);
			driver_set_interrupts(ring, false);
			driver_post(ring, &buf, 1);
		}
		meet(l, &round);
		if (l->kicks)
			l->lost += !driver_collect(ring, &done);
	}
}

/* One stores and then looks at what the other stores: without a full barrier
 * on both sides, both may see the old. */
static void Q24_of_two_that_look_at_once_one_sees_the_other(void **state)
{
	for (unsigned int i = 0; i < 8; i++) {
		struct queue_features features = { .packed = i & 1,
						   .event_idx = i & 2 };
		struct litmus l = { .f = one_queue_open(4, features),
				    .kicks = i & 4 };
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, litmus_device,
						&l), 0);
		litmus_driver(&l);
		pthread_join(thread, NULL);
		assert_int_equal(l.lost, 0);
		one_queue_close(l.f);
	}
}

/* ---- a driver that writes while we read ---- */

#define RACE_MS 700
#define PATIENCE_MS 10000

struct racer {
	struct one_queue *f;
	atomic_bool stop;
};

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* Words that are right, nearly right and wrong, all over the descriptors, the
 * table and the available ring. */
static void *scribble(void *arg)
{
	static const uint16_t words[] = { 0, 1, 2, 3, 4, 5, 7, 8, 16, 0x10,
					  0x80, 0x81, 0x82, 0x84, 0x8000 };
	struct racer *r = arg;
	const struct queue_params *p = &r->f->ring.params;
	uint64_t seed = 1, at[] = { p->desc, p->desc, p->driver + 4,
				    r->f->data };
	const unsigned int len[] = { 128, 128, 16, 128 };

	if (r->f->ring.features.packed)
		at[2] = p->desc;
	while (!atomic_load_explicit(&r->stop, memory_order_relaxed)) {
		unsigned int i = next_random(&seed) % 4;
		uint64_t off = next_random(&seed) % len[i] & ~UINT64_C(1);
		uint16_t word = words[next_random(&seed) % ARRAY_SIZE(words)];
		uint16_t *to = driver_ram_at(&r->f->ram, at[i] + off, 2);

		/* Tables stay aligned: copies of others are a memcpy(), and
		 * TSan would be right about it. */
		if (off % 16 == 0)
			word &= 0xfff8;
		__atomic_store_n(to, word, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* A good ring, for as long as it lasts. @at: the table, or the ring's. */
static void repair_table(struct one_queue *f, uint64_t at, bool table)
{
	bool packed_ring = f->ring.features.packed;
	uint64_t *p = driver_ram_at(&f->ram, at, 128);

	for (unsigned int i = 0; i < 8; i++) {
		bool indirect = !table && i & 1;
		uint64_t flags = indirect ? 4 : i & 2, next = i, rest = 64;

		if (table && !packed_ring) {
			flags = i < 4 ? 1 : 2;
			next = i + 1;
		}
		if (packed_ring)
			rest |= (flags | DRIVER_F_AVAIL) << 48 | next << 32;
		else
			rest |= flags << 32 | next << 48;
		__atomic_store_n(&p[2 * i], indirect ? f->data : RAM + 8 * i,
				 __ATOMIC_RELAXED);
		__atomic_store_n(&p[2 * i + 1], rest, __ATOMIC_RELEASE);
	}
}

static void repair(struct one_queue *f)
{
	uint16_t *ring = driver_ram_at(&f->ram, f->ring.params.driver, 4);

	assert_int_equal(queue_start(&f->q, &f->ram.mem, 8, &f->ring.params,
				     &f->ring.features), 0);
	repair_table(f, f->data, true);
	repair_table(f, f->ring.params.desc, false);
	if (f->ring.features.packed)
		return;
	for (uint16_t i = 0; i < 8; i++)
		__atomic_store_n(&ring[2 + i], i, __ATOMIC_RELAXED);
	driver_raw_avail_idx(&f->ring, 8);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The sanitizers look at the ends; the sums must be right. */
static void touch(const struct one_queue *f)
{
	unsigned int n = (unsigned int)f->c.out_count + f->c.in_count;
	uint64_t sum = 0;

	assert_true(n <= QUEUE_IOV_MAX);
	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *p = f->c.iov[i].iov_base;
		size_t len = f->c.iov[i].iov_len;

		assert_true(len > 0);
		(void)__atomic_load_n(p, __ATOMIC_RELAXED);
		(void)__atomic_load_n(p + len - 1, __ATOMIC_RELAXED);
		sum += len;
	}
	assert_true(sum == f->c.out_len + f->c.in_len);
}

/* How many chains were taken. */
static unsigned int serve(struct one_queue *f, bool *broken)
{
	unsigned int taken = 0;

	for (unsigned int i = 0; i < 16; i++) {
		int r = queue_pop(&f->q, &f->c);

		if (r == 1) {
			touch(f);
			queue_push(&f->q, &f->c, (uint32_t)f->c.in_len);
			taken++;
		}
		*broken |= r < 0;
		queue_set_kicks(&f->q, i & 1);
		queue_wants_interrupt(&f->q);
	}
	return taken;
}

static void race(struct queue_features features)
{
	struct racer r = { .f = one_queue_open(8, features) };
	uint64_t end = now_ms() + RACE_MS, taken = 0, rings = 0, broken = 0;
	uint64_t dropped = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, scribble, &r), 0);
	/* On a busy machine the two threads may take turns for a while. */
	for (; now_ms() < end || (now_ms() < end + PATIENCE_MS &&
				  !(taken && dropped && broken)); rings++) {
		bool bad = false;

		repair(r.f);
		taken += serve(r.f, &bad);
		broken += bad;
		dropped += r.f->q.counts.dropped;
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	print_message("  %llu rings, %llu taken, %llu dropped, %llu broken\n",
		      (unsigned long long)rings, (unsigned long long)taken,
		      (unsigned long long)dropped,
		      (unsigned long long)broken);
	assert_true(taken > 0 && dropped > 0 && broken > 0);
	one_queue_close(r.f);
}

static void Q26_racing_writer_leads_nowhere_outside(void **state)
{
	race((struct queue_features){ .indirect = true });
	race((struct queue_features){ .indirect = true, .event_idx = true,
				      .in_order = true });
	race((struct queue_features){ .indirect = true, .packed = true });
	race((struct queue_features){ .indirect = true, .packed = true,
				      .event_idx = true });
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(Q23_index_wraps_with_every_size),
		TEST(Q24_used_event_asks_for_one_index),
		TEST(Q24_used_event_that_was_not_negotiated_means_nothing),
		TEST(kicks_are_turned_on_at_our_index),
		TEST(kicks_without_event_index_are_a_flag),
		TEST(Q25_what_the_driver_writes_into_the_used_ring_is_lost),
		TEST(Q27_rings_on_top_of_each_other_harm_nobody),
		TEST(Q29_looking_at_an_empty_queue_changes_nothing),
		TEST(Q24_no_wake_up_is_lost_between_two_threads),
		TEST(Q24_of_two_that_look_at_once_one_sees_the_other),
		TEST(Q26_racing_writer_leads_nowhere_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
