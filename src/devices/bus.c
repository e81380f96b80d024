// SPDX-License-Identifier: BSD-3-Clause
/* See bus.h. */
#include "devices/bus.h"

#include <errno.h>
#include <string.h>

#include "base/num.h"

void bus_init(struct bus *bus)
{
	bus->count = 0;
	pthread_rwlock_init(&bus->lock, NULL);
}

void bus_finish(struct bus *bus)
{
	pthread_rwlock_destroy(&bus->lock);
}

/* Lock held, here and below. */
static bool is_free(const struct bus *bus, uint64_t base, uint64_t size)
{
	for (unsigned int i = 0; i < bus->count; i++)
		if (ranges_meet(bus->window[i].base, bus->window[i].size, base,
				size))
			return false;
	return true;
}

static int insert(struct bus *bus, const struct bus_window *w)
{
	unsigned int at = 0;

	if (!is_free(bus, w->base, w->size))
		return -EEXIST;
	while (at < bus->count && bus->window[at].base < w->base)
		at++;
	if (bus->count == BUS_MAX_WINDOWS)
		return -ENOSPC;
	memmove(&bus->window[at + 1], &bus->window[at],
		(bus->count - at) * sizeof(*w));
	bus->window[at] = *w;
	bus->count++;
	return 0;
}

int bus_add(struct bus *bus, uint64_t base, uint64_t size, struct device *dev,
	    unsigned int number)
{
	struct bus_window w = { base, size, dev, number };
	uint64_t end;
	int r;

	if (!size || !add_u64(base, size, &end))
		return -EINVAL;
	pthread_rwlock_wrlock(&bus->lock);
	r = insert(bus, &w);
	pthread_rwlock_unlock(&bus->lock);
	return r;
}

bool bus_is_free(struct bus *bus, uint64_t base, uint64_t size)
{
	bool free;

	pthread_rwlock_rdlock(&bus->lock);
	free = is_free(bus, base, size);
	pthread_rwlock_unlock(&bus->lock);
	return free;
}

int bus_remove(struct bus *bus, uint64_t base)
{
	int r = -ENOENT;

	pthread_rwlock_wrlock(&bus->lock);
	for (unsigned int i = 0; i < bus->count && r; i++) {
		if (bus->window[i].base != base)
			continue;
		memmove(&bus->window[i], &bus->window[i + 1],
			(bus->count - i - 1) * sizeof(bus->window[0]));
		bus->count--;
		r = 0;
	}
	pthread_rwlock_unlock(&bus->lock);
	return r;
}

/* Copies the window out, so that the device is called without the bus lock. */
static bool find(struct bus *bus, uint64_t addr, unsigned int len,
		 struct bus_window *out)
{
	unsigned int low = 0;
	unsigned int high;
	bool found = false;

	if (len != 1 && len != 2 && len != 4 && len != 8)
		return false;
	pthread_rwlock_rdlock(&bus->lock);
	high = bus->count;
	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (bus->window[mid].base <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low) {
		const struct bus_window *w = &bus->window[low - 1];

		found = range_ok(addr - w->base, len, w->size);
		if (found)
			*out = *w;
	}
	pthread_rwlock_unlock(&bus->lock);
	return found;
}

static uint64_t ones(unsigned int len)
{
	return len >= 8 ? UINT64_MAX : (UINT64_C(1) << (len * 8)) - 1;
}

bool bus_read(struct bus *bus, uint64_t addr, unsigned int len, uint64_t *value)
{
	struct bus_window w;

	*value = ones(len);
	if (!find(bus, addr, len, &w))
		return false;
	pthread_mutex_lock(&w.dev->lock);
	*value &= w.dev->ops->read(w.dev, w.number, addr - w.base, len);
	pthread_mutex_unlock(&w.dev->lock);
	return true;
}

bool bus_write(struct bus *bus, uint64_t addr, unsigned int len, uint64_t value)
{
	struct bus_window w;

	if (!find(bus, addr, len, &w))
		return false;
	pthread_mutex_lock(&w.dev->lock);
	w.dev->ops->write(w.dev, w.number, addr - w.base, len,
			  value & ones(len));
	pthread_mutex_unlock(&w.dev->lock);
	return true;
}
