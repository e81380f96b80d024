// SPDX-License-Identifier: BSD-3-Clause
/* See disk_check.h. */
#include "backends/disk_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/file_lock.h"
#include "backends/overlay_file.h"
#include "base/fd.h"
#include "base/num.h"

struct check {
	struct disk_report *out;
	const struct overlay_map *map;
	void (*problem)(void *ctx, const char *line);
	void *ctx;
};

static void bad_sector(void *ctx, uint32_t sector, const char *why)
{
	const struct check *c = ctx;
	uint64_t first = (uint64_t)sector * OVERLAY_STATES;
	uint64_t count = min_u64(OVERLAY_STATES, c->map->clusters - first);
	char line[160];

	c->out->problems++;
	snprintf(line, sizeof(line),
		 "sector %u of the map %s: bytes %llu to %llu of the disk",
		 sector, why, (unsigned long long)(first << c->map->bits),
		 (unsigned long long)(((first + count) << c->map->bits) - 1));
	if (c->problem)
		c->problem(c->ctx, line);
}

static void count_states(struct disk_report *out, const struct overlay_map *map)
{
	for (uint64_t i = 0; i < map->clusters; i++) {
		enum overlay_state state = overlay_map_get(map, i);

		out->data += state == OVERLAY_DATA;
		out->zero += state == OVERLAY_ZERO;
	}
}

/* Bytes of [off, end) of the disk, which the file holds, that no state speaks
 * of. */
static uint64_t unspoken(const struct overlay_map *map, uint64_t off,
			 uint64_t end)
{
	uint64_t bytes = 0;

	while (off < end) {
		uint64_t c = off >> map->bits;
		uint64_t n = min_u64(end, (c + 1) << map->bits) - off;

		if (overlay_map_get(map, c) != OVERLAY_DATA)
			bytes += n;
		off += n;
	}
	return bytes;
}

/* Space that a crash between writing and flushing has left behind: it is
 * harmless, and used again when the cluster is written. */
static uint64_t count_leaks(int fd, const struct overlay_map *map)
{
	off_t end = (off_t)(map->data_off + map->size);
	off_t at = (off_t)map->data_off;
	uint64_t bytes = 0;

	while (at < end) {
		off_t data = lseek(fd, at, SEEK_DATA);
		off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);

		if (hole < 0 || data >= end)
			break;
		at = hole < end ? hole : end;
		bytes += unspoken(map, (uint64_t)data - map->data_off,
				  (uint64_t)at - map->data_off);
	}
	return bytes;
}

static int check_map(int fd, struct overlay_map *map, struct check *c,
		     const char *path, struct err *err)
{
	int r = overlay_map_init(map);

	if (r == 0)
		r = overlay_file_load(fd, map, bad_sector, c);
	if (r < 0)
		return err_set(err, r, "%s: reading the map: %s", path,
			       strerror(-r));
	count_states(c->out, map);
	c->out->leaked = count_leaks(fd, map);
	if (!c->out->problems)
		return 0;
	return err_set(err, -EBADMSG,
		       "%s: %llu of %u sectors of the map cannot be used; take what you need from a backup",
		       path, (unsigned long long)c->out->problems,
		       map->sectors);
}

static int open_checked(const char *path, struct stat *st, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r = 0;

	if (fd < 0)
		return err_set(err, -errno, "%s: %s; check the path", path,
			       strerror(errno));
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))
		r = err_set(err, -EINVAL,
			    "%s: is no regular file; name an overlay", path);
	else
		r = file_lock(fd, false, path, err);
	if (r < 0)
		fd_close(&fd);
	return r < 0 ? r : fd;
}

int disk_check(struct disk_report *out, const char *path,
	       void (*problem)(void *ctx, const char *line), void *ctx,
	       struct err *err)
{
	struct overlay_map map = { 0 };
	struct check c = { out, &map, problem, ctx };
	const char *why;
	struct stat st;
	uint32_t mark;
	int fd;
	int r;

	*out = (struct disk_report){ 0 };
	fd = open_checked(path, &st, err);
	if (fd < 0)
		return fd;
	r = overlay_file_header(fd, &map, &mark, &why);
	if (r < 0) {
		err_set(err, r, "%s: %s", path,
			r == -EBADMSG ? why : strerror(-r));
	} else {
		out->size = map.size;
		out->cluster_size = UINT64_C(1) << map.bits;
		out->clusters = map.clusters;
		out->used = (uint64_t)st.st_blocks * OVERLAY_SECTOR;
		r = check_map(fd, &map, &c, path, err);
	}
	overlay_map_finish(&map);
	fd_close(&fd);
	return r;
}
