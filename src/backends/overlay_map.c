// SPDX-License-Identifier: BSD-3-Clause
/* See overlay_map.h and docs/overlay-format.md. */
#include "backends/overlay_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/endian.h"
#include "base/num.h"

#define VERSION 1

static const uint8_t magic[8] = { 'V', 'I', 'R', 'E', 'O', 'C', 'O', 'W' };

/* Of the header, in this order; the rest of its sector is zero. */
struct header {
	uint8_t magic[8];
	le32 crc; /* of the sector, with this field zero */
	le32 version;
	le64 size;
	le64 data_off;
	le32 bits;
	le32 mark;
	le32 flags; /* none is defined: 0 */
};

/* Of a sector of the map; a sector of zeroes stands for one that was never
 * written. */
struct sector {
	le32 crc; /* of all that follows */
	le32 number;
	uint8_t states[OVERLAY_STATE_BYTES];
};

bool overlay_map_layout(struct overlay_map *m, uint64_t size, unsigned int bits)
{
	*m = (struct overlay_map){ .size = size, .bits = bits };
	if (!size || size % OVERLAY_SECTOR ||
	    size > OVERLAY_CLUSTERS << OVERLAY_BITS_MAX)
		return false;
	if (!bits)
		for (m->bits = OVERLAY_BITS_MIN;
		     size > OVERLAY_CLUSTERS << m->bits;)
			m->bits++;
	if (m->bits < OVERLAY_BITS_MIN || m->bits > OVERLAY_BITS_MAX)
		return false;
	m->clusters = ((size - 1) >> m->bits) + 1;
	m->sectors = (uint32_t)((m->clusters - 1) / OVERLAY_STATES + 1);
	m->data_off = align_up(OVERLAY_MAP_OFF + (uint64_t)m->sectors *
						 OVERLAY_SECTOR,
			       OVERLAY_DATA_ALIGN);
	return m->clusters <= OVERLAY_CLUSTERS;
}

int overlay_map_init(struct overlay_map *m)
{
	m->states = calloc(m->sectors, OVERLAY_STATE_BYTES);
	m->dirty = calloc(m->sectors, 1);
	return m->states && m->dirty ? 0 : -ENOMEM;
}

void overlay_map_finish(struct overlay_map *m)
{
	free(m->states);
	free(m->dirty);
	m->states = NULL;
	m->dirty = NULL;
}

/* Contents come before the state that speaks of them: release and acquire. */
enum overlay_state overlay_map_get(const struct overlay_map *m,
				   uint64_t cluster)
{
	uint8_t four = __atomic_load_n(&m->states[cluster / 4],
				       __ATOMIC_ACQUIRE);

	return (enum overlay_state)(four >> cluster % 4 * 2 & 3);
}

void overlay_map_set(struct overlay_map *m, uint64_t cluster,
		     enum overlay_state state)
{
	uint8_t *four = &m->states[cluster / 4];
	unsigned int shift = (unsigned int)(cluster % 4 * 2);
	uint8_t now = (uint8_t)((*four & ~(3u << shift)) |
				(unsigned int)state << shift);

	if (now == *four)
		return;
	__atomic_store_n(four, now, __ATOMIC_RELEASE);
	m->dirty[cluster / OVERLAY_STATES] = 1;
}

uint64_t overlay_map_len(const struct overlay_map *m, uint64_t cluster)
{
	return min_u64(UINT64_C(1) << m->bits,
		       m->size - (cluster << m->bits));
}

void overlay_header_put(const struct overlay_map *m, uint32_t mark,
			uint8_t out[OVERLAY_SECTOR])
{
	struct header h = {
		.version = le32_put(VERSION), .size = le64_put(m->size),
		.data_off = le64_put(m->data_off), .bits = le32_put(m->bits),
		.mark = le32_put(mark),
	};

	memcpy(h.magic, magic, sizeof(magic));
	memset(out, 0, OVERLAY_SECTOR);
	memcpy(out, &h, sizeof(h));
	h.crc = le32_put(crc32c(0, out, OVERLAY_SECTOR));
	memcpy(out, &h, sizeof(h));
}

const char *overlay_header_get(struct overlay_map *m, uint32_t *mark,
			       const uint8_t in[OVERLAY_SECTOR])
{
	uint8_t copy[OVERLAY_SECTOR];
	struct header h;
	uint32_t crc;

	memcpy(&h, in, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) != 0)
		return "is not an overlay";
	crc = le32_get(h.crc);
	h.crc = le32_put(0);
	memcpy(copy, in, sizeof(copy));
	memcpy(copy, &h, sizeof(h));
	if (crc32c(0, copy, sizeof(copy)) != crc)
		return "has a damaged header";
	if (le32_get(h.version) != VERSION || le32_get(h.flags))
		return "is of a version that this program does not know";
	if (!le32_get(h.bits) ||
	    !overlay_map_layout(m, le64_get(h.size), le32_get(h.bits)) ||
	    m->data_off != le64_get(h.data_off))
		return "has an impossible header";
	*mark = le32_get(h.mark);
	return NULL;
}

void overlay_sector_put(const uint8_t *states, uint32_t i,
			uint8_t out[OVERLAY_SECTOR])
{
	struct sector s = { .number = le32_put(i) };

	memcpy(s.states, states + (size_t)i * OVERLAY_STATE_BYTES,
	       sizeof(s.states));
	memcpy(out, &s, sizeof(s));
	s.crc = le32_put(crc32c(0, out + sizeof(s.crc),
				OVERLAY_SECTOR - sizeof(s.crc)));
	memcpy(out, &s, sizeof(s));
}

/* Values 0 to 2, and 0 for clusters that the disk does not have. */
static bool states_ok(const struct overlay_map *m, uint32_t i)
{
	uint64_t first = (uint64_t)i * OVERLAY_STATES;

	for (uint64_t c = first; c < first + OVERLAY_STATES; c++) {
		enum overlay_state state = overlay_map_get(m, c);

		if (state > OVERLAY_ZERO ||
		    (c >= m->clusters && state != OVERLAY_BASE))
			return false;
	}
	return true;
}

const char *overlay_sector_get(struct overlay_map *m, uint32_t i,
			       const uint8_t in[OVERLAY_SECTOR])
{
	static const uint8_t never[OVERLAY_SECTOR];
	uint8_t *states = m->states + (size_t)i * OVERLAY_STATE_BYTES;
	struct sector s;

	if (memcmp(in, never, sizeof(never)) == 0)
		return NULL;
	memcpy(&s, in, sizeof(s));
	if (crc32c(0, in + sizeof(s.crc), OVERLAY_SECTOR - sizeof(s.crc)) !=
	    le32_get(s.crc))
		return "is damaged";
	if (le32_get(s.number) != i)
		return "belongs elsewhere";
	memcpy(states, s.states, sizeof(s.states));
	if (states_ok(m, i))
		return NULL;
	memset(states, 0, sizeof(s.states));
	return "has impossible entries";
}
