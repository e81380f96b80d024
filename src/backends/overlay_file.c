// SPDX-License-Identifier: BSD-3-Clause
/*
 * See overlay_file.h. A new file gets its size first and its header last, each
 * followed by a sync: a file without a header that holds no data either is one
 * whose making was interrupted, and is made again.
 */
#include "backends/overlay_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/file_io.h"
#include "backends/file_lock.h"
#include "base/fd.h"
#include "base/num.h"

#define CHUNK 16u /* map sectors read or written at a time */

static int refuse(struct err *err, int code, const char *path, const char *why)
{
	return err_set_key(err, code, "disk", "disk overlay %s: %s", path, why);
}

static int failed(struct err *err, int code, const char *path,
		  const char *doing, const char *remedy)
{
	return err_set_key(err, code, "disk", "disk overlay %s: %s: %s; %s",
			   path, doing, strerror(-code), remedy);
}

int overlay_file_header(int fd, struct overlay_map *map, uint32_t *mark,
			const char **why)
{
	uint8_t sector[OVERLAY_SECTOR];
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	*why = "is not an overlay";
	if (st.st_size < OVERLAY_MAP_OFF)
		return -EBADMSG;
	r = file_read(fd, sector, sizeof(sector), 0);
	if (r < 0)
		return r;
	*why = overlay_header_get(map, mark, sector);
	if (*why)
		return -EBADMSG;
	*why = "was cut short";
	return range_ok(map->data_off, map->size, (uint64_t)st.st_size) ?
		       0 : -EBADMSG;
}

int overlay_file_load(int fd, struct overlay_map *map,
		      void (*bad)(void *ctx, uint32_t sector, const char *why),
		      void *ctx)
{
	uint8_t buf[CHUNK * OVERLAY_SECTOR];

	for (uint32_t i = 0; i < map->sectors; i += CHUNK) {
		uint32_t n = (uint32_t)min_u64(CHUNK, map->sectors - i);
		int r = file_read(fd, buf, n * OVERLAY_SECTOR,
				  OVERLAY_MAP_OFF +
					  (uint64_t)i * OVERLAY_SECTOR);

		if (r < 0)
			return r;
		for (uint32_t k = 0; k < n; k++) {
			const char *why = overlay_sector_get(
				map, i + k, buf + k * OVERLAY_SECTOR);

			if (why)
				bad(ctx, i + k, why);
		}
	}
	return 0;
}

int overlay_file_store(const struct overlay_file *f, const uint8_t *states,
		       uint32_t first, uint32_t count)
{
	uint8_t buf[CHUNK * OVERLAY_SECTOR];
	uint32_t n;

	for (; count; first += n, count -= n) {
		int r;

		n = (uint32_t)min_u64(CHUNK, count);
		for (uint32_t k = 0; k < n; k++)
			overlay_sector_put(states, first + k,
					   buf + k * OVERLAY_SECTOR);
		r = file_write(f->fd, buf, n * OVERLAY_SECTOR,
			       OVERLAY_MAP_OFF +
				       (uint64_t)first * OVERLAY_SECTOR);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The name is in its directory for good. */
static int sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) :
			    strdup(".");
	int fd;
	int r;

	if (!dir)
		return -ENOMEM;
	fd = fd_above(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	free(dir);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
	fd_close(&fd);
	return r;
}

static int set_size(struct overlay_file *f, const char *path, uint64_t size,
		    struct err *err)
{
	uint64_t whole;

	if (!overlay_map_layout(&f->map, size, 0) ||
	    !add_u64(f->map.data_off, size, &whole))
		return refuse(err, -EFBIG, path,
			      "the base is larger than 16 TiB; use a smaller one");
	if (ftruncate(f->fd, (off_t)whole) < 0)
		return failed(err, -errno, path, "making it large enough",
			      "put it on a file system with larger files (ulimit -f, too)");
	return 0;
}

static int make(struct overlay_file *f, const char *path, uint64_t size,
		uint32_t mark, struct err *err)
{
	uint8_t sector[OVERLAY_SECTOR];
	int r = set_size(f, path, size, err);

	if (r < 0)
		return r;
	r = file_sync(f->fd);
	overlay_header_put(&f->map, mark, sector);
	if (r == 0)
		r = file_write(f->fd, sector, sizeof(sector), 0);
	if (r == 0)
		r = file_sync(f->fd);
	if (r == 0)
		r = sync_directory(path);
	return r < 0 ? failed(err, r, path, "writing its header",
			      "make room, or choose another place") :
		       0;
}

struct first_bad {
	uint32_t sector;
	const char *why;
};

static void remember(void *ctx, uint32_t sector, const char *why)
{
	struct first_bad *first = ctx;

	if (!first->why)
		*first = (struct first_bad){ sector, why };
}

static int load(struct overlay_file *f, const char *path, uint64_t size,
		uint32_t mark, struct err *err)
{
	struct first_bad first = { 0 };
	const char *why;
	uint32_t of;
	int r = overlay_file_header(f->fd, &f->map, &of, &why);

	if (r == -EBADMSG)
		return err_set_key(err, r, "disk",
				   "disk overlay %s: %s; name another file, one that does not exist will be made",
				   path, why);
	if (r == 0 && (f->map.size != size || of != mark))
		return refuse(err, -EBADMSG, path,
			      "belongs to another base, or its base was changed; name the base it was made for");
	if (r == 0)
		r = overlay_map_init(&f->map);
	if (r == 0)
		r = overlay_file_load(f->fd, &f->map, remember, &first);
	if (r < 0)
		return failed(err, r, path, "reading its map",
			      "check the disk it is on");
	if (first.why)
		return err_set_key(err, -EBADMSG, "disk",
				   "disk overlay %s: sector %u of its map %s; see vireo disk check",
				   path, first.sector, first.why);
	return 0;
}

/* Nothing was ever written to it: no header, no data. */
static bool is_blank(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	return !st.st_size || (lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO);
}

static int open_file(struct overlay_file *f, const char *path, bool *made,
		     struct err *err)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat st;

	*made = false;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return refuse(err, -EINVAL, path,
			      "is no regular file; name a file, one that does not exist will be made");
	f->fd = fd_above(open(path, flags));
	if (f->fd < 0 && errno == ENOENT) {
		f->fd = fd_above(open(path, flags | O_CREAT | O_EXCL, 0600));
		*made = f->fd >= 0;
	}
	if (f->fd < 0)
		return failed(err, -errno, path, "opening it",
			      "check the path and its permissions");
	if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return refuse(err, -EINVAL, path, "is no regular file");
	fcntl(f->fd, F_SETFL, 0);
	return 0;
}

int overlay_file_open(struct overlay_file *f, const char *path, uint64_t size,
		      uint32_t mark, bool unlocked, struct err *err)
{
	bool made;
	int r;

	*f = (struct overlay_file){ .fd = -1 };
	r = open_file(f, path, &made, err);
	if (r == 0 && !unlocked)
		r = file_lock(f->fd, true, path, err);
	if (r == 0 && is_blank(f->fd))
		r = make(f, path, size, mark, err);
	if (r == 0)
		r = load(f, path, size, mark, err);
	if (r < 0) {
		if (made)
			unlink(path);
		overlay_file_close(f);
	}
	return r;
}

int overlay_file_temporary(struct overlay_file *f, const char *dir,
			   uint64_t size, struct err *err)
{
	int r;

	*f = (struct overlay_file){ .fd = -1, .temporary = true };
	f->fd = fd_open_nameless(dir);
	if (f->fd < 0) {
		r = f->fd;
		f->fd = -1;
		return failed(err, r, dir, "making a temporary file there",
			      "name a file instead (overlay=FILE)");
	}
	r = set_size(f, dir, size, err);
	if (r == 0 && overlay_map_init(&f->map) < 0)
		r = err_set(err, -ENOMEM, "disk overlay %s: out of memory",
			    dir);
	if (r < 0)
		overlay_file_close(f);
	return r;
}

void overlay_file_close(struct overlay_file *f)
{
	if (f->fd >= 0)
		file_unlock(f->fd);
	fd_close(&f->fd);
	overlay_map_finish(&f->map);
}
