// SPDX-License-Identifier: BSD-3-Clause
/*
 * Disks whose sectors lie in a file or a block device as they are. Opening
 * refuses what is no disk before it touches it: a FIFO would block, a tape
 * would rewind. The inode that was opened stays, whatever happens to its name.
 *
 * Threads: opening on any; then see block_engine.h.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/block_engine.h"
#include "backends/file_io.h"
#include "backends/file_lock.h"
#include "base/fd.h"
#include "base/num.h"

#define PAGE 4096

struct raw {
	struct block_disk disk;
	int fd;       /* owned; disk.plain_fd is the same */
	int buffered; /* owned; disk.buffered_fd is the same */
	bool locked;
	char name[200]; /* what messages call it */
};

static struct raw *to_raw(struct block_disk *d)
{
	return container_of(d, struct raw, disk);
}

static int flush(int fd)
{
	int r = file_sync(fd);

	/* Whatever it says, what was dirty is lost (fsync(2), EIO): it must
	 * not look like something that can be repeated. */
	return r < 0 ? -EIO : 0;
}

static int raw_run(struct block_disk *d, struct block_req *req)
{
	const struct raw *raw = to_raw(d);
	bool buffered = block_disk_fd(d, req) != d->plain_fd;
	int fd = buffered ? raw->buffered : raw->fd;
	int r;

	switch (req->op) {
	case BLOCK_READ:
		return file_readv(fd, req->iov, req->iovcnt, req->off);
	case BLOCK_WRITE:
		return file_writev(fd, req->iov, req->iovcnt, req->off,
				   req->flags & BLOCK_STABLE);
	case BLOCK_FLUSH:
		return flush(raw->fd);
	case BLOCK_DISCARD:
		r = file_punch(raw->fd, req->off, req->len);
		return r == -EOPNOTSUPP ? 0 : r;
	case BLOCK_WRITE_ZEROES:
		/* Writing zeroes is never aligned enough. */
		fd = raw->buffered >= 0 ? raw->buffered : raw->fd;
		r = file_zero(fd, req->off, req->len, req->flags & BLOCK_UNMAP);
		return r == 0 && req->flags & BLOCK_STABLE ? flush(fd) : r;
	}
	return -EINVAL;
}

/* Reads only: few file systems take a buffered write without waiting. */
static int raw_try(struct block_disk *d, const struct block_req *req)
{
	const struct raw *raw = to_raw(d);

	if (raw->buffered >= 0)
		return -EOPNOTSUPP;
	if (req->op != BLOCK_READ)
		return -EAGAIN;
	return file_try_readv(raw->fd, req->iov, req->iovcnt, req->off,
			      req->len);
}

static uint64_t fd_size(int fd, const struct stat *st)
{
	uint64_t size = 0;

	if (S_ISBLK(st->st_mode))
		return ioctl(fd, BLKGETSIZE64, &size) < 0 ? 0 : size;
	return (uint64_t)st->st_size;
}

static uint64_t raw_size(struct block_disk *d)
{
	int fd = to_raw(d)->fd;
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : fd_size(fd, &st);
}

static void raw_destroy(struct block_disk *d)
{
	struct raw *raw = to_raw(d);

	if (raw->locked)
		file_unlock(raw->fd);
	fd_close(&raw->fd);
	fd_close(&raw->buffered);
	free(raw);
}

static const struct block_disk_ops raw_ops = {
	.run = raw_run,
	.try = raw_try,
	.size = raw_size,
	.destroy = raw_destroy,
};

static int refuse(struct err *err, int code, const char *name, const char *why)
{
	return err_set_key(err, code, "disk", "disk %s: %s", name, why);
}

/* A file with contents of its own, or a block device. */
static int check_type(const struct raw *raw, const struct stat *st,
		      struct err *err)
{
	char why[100];

	if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode))
		return 0;
	snprintf(why, sizeof(why),
		 "is a %s; give an image file or a block device",
		 S_ISDIR(st->st_mode)  ? "directory" :
		 S_ISFIFO(st->st_mode) ? "pipe" :
		 S_ISCHR(st->st_mode)  ? "character device" :
					 "socket");
	return refuse(err, S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL, raw->name,
		      why);
}

static int check_file_system(const struct raw *raw, const struct stat *st,
			     struct err *err)
{
	struct statfs fs;

	if (S_ISREG(st->st_mode) && fstatfs(raw->fd, &fs) == 0 &&
	    (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC))
		return refuse(err, -EINVAL, raw->name,
			      "is made up by the kernel (/proc, /sys); give an image file or a block device");
	return 0;
}

static int open_failed(const struct raw *raw, const struct block_config *cfg,
		       int code, struct err *err)
{
	const char *remedy = "check the path";

	if (code == EACCES || code == EPERM || code == EROFS)
		remedy = cfg->read_only ?
				 "check its permissions" :
				 "check its permissions, or attach it read-only with ro";
	else if (code == EINVAL && cfg->direct)
		remedy = "its file system has no O_DIRECT: leave direct out";
	else if (code == EMFILE || code == ENFILE)
		remedy = "raise the limit of open files (ulimit -n)";
	return err_set_key(err, -code, "disk", "disk %s: %s; %s", raw->name,
			   strerror(code), remedy);
}

static int open_path(struct raw *raw, const struct block_config *cfg,
		     const char *path, struct err *err)
{
	int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
		    (cfg->read_only ? O_RDONLY : O_RDWR);
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return open_failed(raw, cfg, errno, err);
	r = check_type(raw, &st, err);
	if (r < 0)
		return r;
	raw->fd = fd_above(open(path, flags | (cfg->direct ? O_DIRECT : 0)));
	if (raw->fd < 0)
		return open_failed(raw, cfg, errno, err);
	fcntl(raw->fd, F_SETFL, cfg->direct ? O_DIRECT : 0);
	if (!cfg->direct)
		return 0;
	raw->buffered = fd_above(open(path, flags));
	if (raw->buffered < 0)
		return open_failed(raw, cfg, errno, err);
	fcntl(raw->buffered, F_SETFL, 0);
	return 0;
}

/* A descriptor that was handed in: its description is shared with others and
 * stays as it is. */
static int open_fd(struct raw *raw, const struct block_config *cfg,
		   struct err *err)
{
	int flags = fcntl(cfg->fd, F_GETFL);
	char path[32];
	struct stat st;
	int r;

	if (flags < 0 || fstat(cfg->fd, &st) < 0)
		return err_set_key(err, -errno, "disk",
				   "disk %s: is not an open descriptor; pass one (3<>FILE)",
				   raw->name);
	r = check_type(raw, &st, err);
	if (r < 0)
		return r;
	if (flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY ||
	    ((flags & O_ACCMODE) == O_RDONLY && !cfg->read_only))
		return refuse(err, -EACCES, raw->name,
			      "is not open for reading and writing; open it so (3<>FILE), or attach it with ro");
	if (cfg->direct) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", cfg->fd);
		return open_path(raw, cfg, path, err);
	}
	raw->fd = fd_copy(cfg->fd);
	return raw->fd < 0 ? open_failed(raw, cfg, errno, err) : 0;
}

/* The same inode behind both descriptors, and a disk behind that. */
static int check_open(struct raw *raw, struct stat *st, struct err *err)
{
	struct stat other;
	int r;

	if (fstat(raw->fd, st) < 0)
		return refuse(err, -errno, raw->name, strerror(errno));
	r = check_type(raw, st, err);
	if (r == 0)
		r = check_file_system(raw, st, err);
	if (r == 0 && raw->buffered >= 0 &&
	    (fstat(raw->buffered, &other) < 0 || other.st_dev != st->st_dev ||
	     other.st_ino != st->st_ino))
		r = refuse(err, -EAGAIN, raw->name,
			   "was replaced while it was opened; try again");
	return r;
}

static uint32_t block_size(uint64_t size)
{
	return is_pow2(size) && size >= BLOCK_SECTOR && size <= 65536 ?
		       (uint32_t)size : PAGE;
}

/* What O_DIRECT asks for (statx(2), STATX_DIOALIGN, Linux 6.1); without an
 * answer the block size is safe. */
static uint32_t direct_align(const struct raw *raw, uint32_t block)
{
	struct statx stx;

	if (statx(raw->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
	    stx.stx_mask & STATX_DIOALIGN && stx.stx_dio_offset_align)
		return block_size(max_u64(stx.stx_dio_offset_align,
					  stx.stx_dio_mem_align));
	return block;
}

static void fill_info(struct raw *raw, const struct block_config *cfg,
		      const struct stat *st)
{
	struct block_info *info = &raw->disk.info;
	unsigned int physical = 0;
	int logical = BLOCK_SECTOR;

	info->read_only = cfg->read_only;
	info->logical_block = BLOCK_SECTOR;
	info->physical_block = block_size((uint64_t)st->st_blksize);
	if (S_ISBLK(st->st_mode)) {
		if (ioctl(raw->fd, BLKSSZGET, &logical) == 0)
			info->logical_block = block_size((uint64_t)logical);
		if (ioctl(raw->fd, BLKPBSZGET, &physical) == 0)
			info->physical_block = block_size(physical);
	}
	if (cfg->direct) {
		uint32_t align = direct_align(raw, info->physical_block);

		raw->disk.direct_align = align;
		if (info->logical_block < align)
			info->logical_block = align;
	}
	if (info->physical_block < info->logical_block)
		info->physical_block = info->logical_block;
	info->discard_granularity = cfg->read_only ? 0 : info->physical_block;
}

static int fill_size(struct raw *raw, const struct block_config *cfg,
		     const struct stat *st, const struct log *log,
		     struct err *err)
{
	uint64_t size = fd_size(raw->fd, st);
	uint64_t whole = align_down(size, BLOCK_SECTOR);

	if (!whole)
		return refuse(err, -EINVAL, raw->name,
			      "is smaller than one sector; give it a size (truncate -s 1G FILE)");
	if (whole != size)
		log_warn(log,
			 "%s: the last %u bytes are no sector and not used",
			 cfg->id, (unsigned int)(size - whole));
	raw->disk.info.size = whole;
	return 0;
}

int block_raw_open(struct block_disk **out, const struct block_config *cfg,
		   const struct log *log, struct err *err)
{
	struct raw *raw = calloc(1, sizeof(*raw));
	struct stat st;
	bool nonblock;
	int r;

	*out = NULL;
	if (!raw)
		return err_set(err, -ENOMEM, "disk %s: out of memory", cfg->id);
	raw->disk.ops = &raw_ops;
	raw->fd = -1;
	raw->buffered = -1;
	if (cfg->path)
		snprintf(raw->name, sizeof(raw->name), "%s", cfg->path);
	else
		snprintf(raw->name, sizeof(raw->name), "fd %d", cfg->fd);
	r = cfg->path ? open_path(raw, cfg, cfg->path, err) :
			open_fd(raw, cfg, err);
	if (r == 0)
		r = check_open(raw, &st, err);
	if (r == 0 && !cfg->unlocked) {
		r = file_lock(raw->fd, !cfg->read_only, raw->name, err);
		raw->locked = r == 0;
	}
	if (r == 0)
		r = fill_size(raw, cfg, &st, log, err);
	if (r < 0) {
		raw_destroy(&raw->disk);
		return r;
	}
	fill_info(raw, cfg, &st);
	/* With O_NONBLOCK, which is not ours to take away from a descriptor
	 * that was handed in, io_uring answers EAGAIN instead of waiting. */
	nonblock = fcntl(raw->fd, F_GETFL) & O_NONBLOCK;
	raw->disk.plain_fd = nonblock ? -1 : raw->fd;
	raw->disk.buffered_fd = raw->buffered;
	*out = &raw->disk;
	return 0;
}
