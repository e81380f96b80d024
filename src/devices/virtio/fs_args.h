/* SPDX-License-Identifier: BSD-3-Clause */
/* What follows the header of a FUSE request, and of some answers, by opcode;
 * see fs_wire.h. */
#ifndef VIREO_DEVICES_VIRTIO_FS_ARGS_H
#define VIREO_DEVICES_VIRTIO_FS_ARGS_H

#include "base/endian.h"

struct fuse_setattr_in {
	le32 valid;
	le32 padding;
	le64 fh;
	le64 size;
	le64 lock_owner;
	le64 atime;
	le64 mtime;
	le64 ctime;
	le32 atime_ns;
	le32 mtime_ns;
	le32 ctime_ns;
	le32 mode;
	le32 unused;
	le32 uid;
	le32 gid;
	le32 unused2;
};

/* Of valid; the others are SHARE_SET_* below. */
#define FUSE_SET_FH   64u
#define FUSE_SET_DROP 2048u /* FATTR_KILL_SUIDGID */

struct fuse_mknod_in {
	le32 mode;
	le32 rdev;
	le32 umask;
	le32 padding;
};

struct fuse_mkdir_in {
	le32 mode;
	le32 umask;
};

struct fuse_rename_in {
	le64 new_folder;
};

struct fuse_rename2_in {
	le64 new_folder;
	le32 flags;
	le32 padding;
};

struct fuse_link_in {
	le64 node;
};

struct fuse_open_in {
	le32 flags;
	le32 open_flags;
};

struct fuse_create_in {
	le32 flags;
	le32 mode;
	le32 umask;
	le32 open_flags;
};

struct fuse_open_out {
	le64 fh;
	le32 open_flags;
	le32 padding;
};

struct fuse_read_in { /* and write */
	le64 fh;
	le64 off;
	le32 size;
	le32 read_flags;
	le64 lock_owner;
	le32 flags;
	le32 padding;
};

struct fuse_write_out { /* and copy_file_range */
	le32 size;
	le32 padding;
};

struct fuse_handle_in { /* the head of release, flush, fsync */
	le64 fh;
	le32 flags;
	le32 more; /* release: FUSE_RELEASE_... */
};

struct fuse_owner_in { /* all of release and flush */
	struct fuse_handle_in head;
	le64 owner;
};

struct fuse_statfs_out {
	le64 blocks;
	le64 bfree;
	le64 bavail;
	le64 files;
	le64 ffree;
	le32 bsize;
	le32 namelen;
	le32 frsize;
	le32 padding;
	le32 spare[6];
};

struct fuse_setxattr_in {
	le32 size;
	le32 flags;
};

struct fuse_getxattr_in { /* and its answer */
	le32 size;
	le32 padding;
};

struct fuse_init_in { /* the part that all versions have */
	le32 major;
	le32 minor;
	le32 max_readahead;
	le32 flags;
};

struct fuse_init_out {
	le32 major;
	le32 minor;
	le32 max_readahead;
	le32 flags;
	le16 max_background;
	le16 congestion;
	le32 max_write;
	le32 time_gran_ns;
	le16 max_pages;
	le16 map_alignment;
	le32 flags2;
	le32 unused[7];
};

struct fuse_fallocate_in {
	le64 fh;
	le64 off;
	le64 len;
	le32 mode;
	le32 padding;
};

struct fuse_lseek_in {
	le64 fh;
	le64 off;
	le32 whence;
	le32 padding;
};

struct fuse_lseek_out {
	le64 off;
};

struct fuse_copy_in {
	le64 fh;
	le64 off;
	le64 to_node;
	le64 to_fh;
	le64 to_off;
	le64 len;
	le64 flags;
};

struct fuse_forget_in {
	le64 count;
};

struct fuse_batch_forget_in {
	le32 count;
	le32 padding;
};

struct fuse_forget_one {
	le64 node;
	le64 count;
};

struct fuse_dirent { /* then the name, then zeroes up to 8 bytes */
	le64 ino;
	le64 off;
	le32 namelen;
	le32 type;
};

#endif
