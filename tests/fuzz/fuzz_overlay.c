// SPDX-License-Identifier: BSD-3-Clause
/*
 * An overlay file from somebody else. The input is the file's head, header and
 * map; what follows is a hole. The first byte says which checksums are to be
 * put right, since no input would get past them by chance, and how long the
 * file claims to be.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/disk_check.h"
#include "backends/overlay_file.h"
#include "backends/overlay_map.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "fuzz.h"

#define SECTOR 512u
#define HEAD   (OVERLAY_MAP_OFF + 8 * SECTOR) /* header and some of the map */

static void mend(uint8_t *sector, unsigned int at, unsigned int from)
{
	le32 crc;

	memset(sector + at, 0, 4);
	crc = le32_put(crc32c(0, sector + from, SECTOR - from));
	memcpy(sector + at, crc.b, 4);
}

/* What is read from a good sector is written the same again. */
static void check_round_trip(const struct overlay_map *m, uint32_t i,
			     const uint8_t in[SECTOR])
{
	static const uint8_t never[SECTOR];
	uint8_t out[SECTOR];

	overlay_sector_put(m->states, i, out);
	must(memcmp(out, in, SECTOR) == 0 || memcmp(in, never, SECTOR) == 0);
}

static void check_map(struct overlay_map *m, const uint8_t *head)
{
	uint64_t data = 0;

	must(overlay_map_init(m) == 0);
	for (uint32_t i = 0; i < m->sectors && i < 8; i++) {
		const uint8_t *in = head + OVERLAY_MAP_OFF + i * SECTOR;

		if (!overlay_sector_get(m, i, in))
			check_round_trip(m, i, in);
	}
	for (uint64_t c = 0; c < m->clusters; c++) {
		enum overlay_state state = overlay_map_get(m, c);

		must(state <= OVERLAY_ZERO);
		overlay_map_set(m, c, OVERLAY_ZERO - state);
		must(overlay_map_get(m, c) == OVERLAY_ZERO - state);
		must(overlay_map_len(m, c) > 0);
		data += overlay_map_len(m, c);
	}
	must(data == m->size);
	overlay_map_finish(m);
}

/* False when the header is good and the map so large that looking at all of it
 * would take most of the time there is. */
static bool check_header(const uint8_t *head)
{
	struct overlay_map m;
	uint8_t out[SECTOR];
	uint32_t mark;

	if (overlay_header_get(&m, &mark, head))
		return true;
	must(m.clusters <= OVERLAY_CLUSTERS && m.data_off % 4096 == 0);
	must(m.data_off >= OVERLAY_MAP_OFF + (uint64_t)m.sectors * SECTOR);
	overlay_header_put(&m, mark, out);
	must(memcmp(out + 12, head + 12, 32) == 0);
	if (m.clusters > 8 * OVERLAY_STATES)
		return false;
	check_map(&m, head);
	return true;
}

static void check_file(const uint8_t *head, uint64_t len)
{
	static int fd = -1;
	struct disk_report report;
	struct overlay_file f;
	struct err err = { 0 };
	char path[32];
	int r;

	if (fd < 0)
		fd = memfd_create("overlay", MFD_CLOEXEC);
	must(fd >= 0 && ftruncate(fd, 0) == 0);
	must(pwrite(fd, head, HEAD, 0) == HEAD);
	must(ftruncate(fd, (off_t)len) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = disk_check(&report, path, NULL, NULL, &err);
	must((r == 0) == (err.text[0] == '\0'));
	must(r == 0 || r == -EBADMSG || r == -EIO);
	must(report.data + report.zero <= report.clusters);
	if (len < HEAD)
		return;
	/* as the disk that it claims to be of */
	err.text[0] = '\0';
	if (overlay_file_open(&f, path, report.size,
			      le32_at(head + 36), true, &err) == 0) {
		must(r == 0);
		overlay_file_close(&f);
	} else {
		must(r != 0 && err.text[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t lens[] = { 100, 5000, 1 << 20, 2 << 20, 8 << 20,
					 UINT64_C(1) << 31, UINT64_C(1) << 40,
					 UINT64_C(1) << 45 };
	uint8_t head[HEAD] = { 0 };

	if (!size)
		return 0;
	/* the zeroes between header and map are not worth mutating */
	if (size - 1 > SECTOR) {
		size_t map = size - 1 - SECTOR;

		memcpy(head, data + 1, SECTOR);
		memcpy(head + OVERLAY_MAP_OFF, data + 1 + SECTOR,
		       map < 8 * SECTOR ? map : 8 * SECTOR);
	} else {
		memcpy(head, data + 1, size - 1);
	}
	if (data[0] & 1)
		mend(head, 8, 0);
	for (unsigned int i = 0; i < 8 && data[0] & 2; i++)
		mend(head + OVERLAY_MAP_OFF + i * SECTOR, 0, 4);
	if (check_header(head))
		check_file(head, lens[data[0] >> 5]);
	return 0;
}
