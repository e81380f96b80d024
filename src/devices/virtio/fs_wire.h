/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What travels between a guest's FUSE driver and the file system device: the
 * protocol of linux/fuse.h, version 7, little-endian. Only the parts that are
 * used have names.
 */
#ifndef VIREO_DEVICES_VIRTIO_FS_WIRE_H
#define VIREO_DEVICES_VIRTIO_FS_WIRE_H

#include "base/endian.h"

#define FUSE_MAJOR     7
#define FUSE_MINOR     38 /* the newest we know */
#define FUSE_MINOR_MIN 31

enum fuse_opcode {
	FUSE_LOOKUP = 1,
	FUSE_FORGET = 2, /* no reply */
	FUSE_GETATTR = 3,
	FUSE_SETATTR = 4,
	FUSE_READLINK = 5,
	FUSE_SYMLINK = 6,
	FUSE_MKNOD = 8,
	FUSE_MKDIR = 9,
	FUSE_UNLINK = 10,
	FUSE_RMDIR = 11,
	FUSE_RENAME = 12,
	FUSE_LINK = 13,
	FUSE_OPEN = 14,
	FUSE_READ = 15,
	FUSE_WRITE = 16,
	FUSE_STATFS = 17,
	FUSE_RELEASE = 18,
	FUSE_FSYNC = 20,
	FUSE_SETXATTR = 21,
	FUSE_GETXATTR = 22,
	FUSE_LISTXATTR = 23,
	FUSE_REMOVEXATTR = 24,
	FUSE_FLUSH = 25,
	FUSE_INIT = 26,
	FUSE_OPENDIR = 27,
	FUSE_READDIR = 28,
	FUSE_RELEASEDIR = 29,
	FUSE_FSYNCDIR = 30,
	FUSE_GETLK = 31,
	FUSE_SETLK = 32,
	FUSE_SETLKW = 33,
	FUSE_CREATE = 35,
	FUSE_INTERRUPT = 36, /* no reply */
	FUSE_DESTROY = 38,
	FUSE_BATCH_FORGET = 42, /* no reply */
	FUSE_FALLOCATE = 43,
	FUSE_READDIRPLUS = 44,
	FUSE_RENAME2 = 45,
	FUSE_LSEEK = 46,
	FUSE_COPY_FILE_RANGE = 47,
	FUSE_SYNCFS = 50, /* virtiofs asks without having agreed on it */
};

/* FUSE_INIT's flags. */
#define FUSE_F_ASYNC_READ       (1u << 0)
#define FUSE_F_POSIX_LOCKS      (1u << 1)
#define FUSE_F_ATOMIC_O_TRUNC   (1u << 3)
#define FUSE_F_BIG_WRITES       (1u << 5)
#define FUSE_F_FLOCK_LOCKS      (1u << 10)
#define FUSE_F_AUTO_INVAL_DATA  (1u << 12)
#define FUSE_F_READDIRPLUS      (1u << 13)
#define FUSE_F_READDIRPLUS_AUTO (1u << 14)
#define FUSE_F_ASYNC_DIO        (1u << 15)
#define FUSE_F_WRITEBACK_CACHE  (1u << 16)
#define FUSE_F_PARALLEL_DIROPS  (1u << 18)
#define FUSE_F_MAX_PAGES        (1u << 22)
#define FUSE_F_CACHE_SYMLINKS   (1u << 23)
#define FUSE_F_SUBMOUNTS        (1u << 27)
#define FUSE_F_KILL_PRIVILEGE   (1u << 28) /* ..._HANDLE_KILLPRIV_V2 */

#define FUSE_OPEN_DIRECT_IO  (1u << 0) /* FOPEN_... */
#define FUSE_OPEN_KEEP_CACHE (1u << 1)
#define FUSE_OPEN_CACHE_DIR  (1u << 3)

#define FUSE_ATTR_IS_SUBMOUNT (1u << 0)
#define FUSE_SYNC_DATA_ONLY   (1u << 0)
#define FUSE_WRITE_KILL_SETID (1u << 2) /* ..._SUIDGID */
#define FUSE_RELEASE_FLOCK    (1u << 1) /* ..._UNLOCK */
#define FUSE_LK_FLOCK         (1u << 0)

struct fuse_in {
	le32 len;
	le32 opcode;
	le64 unique;
	le64 node;
	le32 uid;
	le32 gid;
	le32 pid;
	le16 extra_len;
	le16 padding;
};

struct fuse_out {
	le32 len;
	le32 error; /* 0 or -errno */
	le64 unique;
};

struct fuse_attr {
	le64 ino;
	le64 size;
	le64 blocks;
	le64 atime;
	le64 mtime;
	le64 ctime;
	le32 atime_ns;
	le32 mtime_ns;
	le32 ctime_ns;
	le32 mode;
	le32 nlink;
	le32 uid;
	le32 gid;
	le32 rdev;
	le32 blksize;
	le32 flags;
};

struct fuse_entry_out {
	le64 node;
	le64 generation;
	le64 entry_valid_s;
	le64 attr_valid_s;
	le32 entry_valid_ns;
	le32 attr_valid_ns;
	struct fuse_attr attr;
};

struct fuse_attr_out {
	le64 valid_s;
	le32 valid_ns;
	le32 padding;
	struct fuse_attr attr;
};

/* ---- what follows the header of requests about locks ---- */

struct fuse_lock {
	le64 start;
	le64 end;
	le32 type; /* F_RDLCK, ... */
	le32 pid;
};

struct fuse_lk_in {
	le64 fh;
	le64 owner;
	struct fuse_lock lk;
	le32 lk_flags;
	le32 padding;
};

struct fuse_lk_out {
	struct fuse_lock lk;
};

struct fuse_interrupt_in {
	le64 unique;
};

#endif
