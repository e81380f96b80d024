/* SPDX-License-Identifier: BSD-3-Clause */
/* Saving and loading a device, as one assertion each. After cmocka.h. */
#ifndef VIREO_FAKE_SNAP_TRIP_H
#define VIREO_FAKE_SNAP_TRIP_H

#include <stdlib.h>
#include <string.h>

#include "base/snap.h"
#include "devices/device.h"

/* The device's state in malloc'd memory. */
static inline uint8_t *snap_of(struct device *dev, size_t *len)
{
	struct snap *s = snap_create();
	const void *blob;
	uint8_t *out;

	assert_non_null(s);
	assert_int_equal(device_snapshot(dev, s), 0);
	assert_int_equal(snap_finish(s, &blob, len), 0);
	out = malloc(*len);
	assert_non_null(out);
	memcpy(out, blob, *len);
	snap_destroy(s);
	return out;
}

/* 0, or the error. */
static inline int snap_into(struct device *dev, const uint8_t *blob, size_t len)
{
	struct snap *s;
	int r = snap_open(&s, blob, len, NULL);

	if (r < 0)
		return r;
	r = device_snapshot(dev, s);
	if (r == 0)
		r = snap_finish(s, NULL, NULL);
	snap_destroy(s);
	return r;
}

/* Save @from, load @to, save @to: equal bytes, and nothing left unread. */
static inline void assert_snap_trip(struct device *from, struct device *to)
{
	size_t len[2];
	uint8_t *blob[2];

	blob[0] = snap_of(from, &len[0]);
	assert_int_equal(snap_into(to, blob[0], len[0]), 0);
	blob[1] = snap_of(to, &len[1]);
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(blob[0], blob[1], len[0]);
	free(blob[0]);
	free(blob[1]);
}

/* Loads every state that differs from @dev's in one bit. What loads is usable:
 * @use says so. Returns how many were refused. */
static inline unsigned int snap_flips(struct device *dev,
				      void (*use)(struct device *dev))
{
	unsigned int refused = 0;
	uint8_t *blob;
	size_t len;

	blob = snap_of(dev, &len);
	for (size_t bit = 0; bit < len * 8; bit++) {
		blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (snap_into(dev, blob, len) < 0)
			refused++;
		else
			use(dev);
		blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(snap_into(dev, blob, len), 0);
	free(blob);
	return refused;
}

#endif
