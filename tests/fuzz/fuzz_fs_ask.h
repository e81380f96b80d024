/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of the file system's target, from a few numbers of the input: each
 * is what a driver might send, with names and numbers that are odd at times.
 * Include it once. */
#ifndef VIREO_FUZZ_FUZZ_FS_ASK_H
#define VIREO_FUZZ_FUZZ_FS_ASK_H

#include <string.h>
#include <sys/stat.h>

#include "base/endian.h"
#include "base/num.h"
#include "devices/virtio/fs_args.h"
#include "devices/virtio/fs_wire.h"

#define KNOWN 16u /* nodes, and handles, from answers */

/* A request in the making. */
struct request {
	uint32_t opcode;
	uint8_t *at; /* where its next byte goes */
	uint8_t *end;
	uint64_t node, other;
	uint64_t handle;
	const char *name, *name2;
	uint32_t a, b; /* 16 bits each */
};

static const char *name_of(uint32_t i)
{
	static char longest[258];
	static const char *const names[] = {
		"a", "b", "d", "e", "h", "s", "l", "out", "fifo", "new",
		"new2", "new3", "", ".", "..", "/", "../outside/secret",
		"out/secret", "d/b", "secret", "user.x", "user.y",
		"security.capability", "../outside",
	};

	if (i < ARRAY_SIZE(names))
		return names[i];
	if (i == 28)
		return "user.vireo.owner";
	if (i == 29 || i == 30)
		return i == 29 ? ".own" : "init";
	memset(longest, 'n', sizeof(longest) - 1);
	return longest + i % 4;
}

/* What is known; or a number that is not, or is no more. */
static uint64_t number_of(const uint64_t *known, uint32_t i)
{
	if (i < KNOWN)
		return known[i];
	if (i < 2 * KNOWN)
		return known[i - KNOWN] + (UINT64_C(1) << 32);
	return i == UINT8_MAX ? UINT64_MAX : i - 2 * KNOWN;
}

/* Those from 0xe000 on are the beginnings of 8 KiB, up to 62 MiB. */
static uint64_t offset_of(uint32_t a)
{
	if (a < 0xfff0)
		return a < 0xe000 ? a : (uint64_t)(a - 0xe000) << 13;
	return a & 1 ? UINT64_MAX - (a & 14) : INT64_MAX - (a & 14);
}

static void put(struct request *r, const void *bytes, size_t len)
{
	if (len > (size_t)(r->end - r->at))
		len = (size_t)(r->end - r->at);
	memcpy(r->at, bytes, len);
	r->at += len;
}

static void put32(struct request *r, uint32_t v)
{
	const le32 x = le32_put(v);

	put(r, &x, sizeof(x));
}

static void put64(struct request *r, uint64_t v)
{
	const le64 x = le64_put(v);

	put(r, &x, sizeof(x));
}

static void put_name(struct request *r, const char *name)
{
	put(r, name, strlen(name) + 1);
}

static void put_setattr(struct request *r)
{
	const struct fuse_setattr_in in = {
		.valid = le32_put(r->a),
		.fh = le64_put(r->handle),
		.size = le64_put(offset_of(r->b)),
		.atime = le64_put(r->b), .mtime = le64_put(r->b),
		.atime_ns = le32_put(r->a & 0x8000 ? 0x3fffffff : r->b),
		.mode = le32_put(r->b), .uid = le32_put(r->b),
		.gid = le32_put(r->b & 3),
	};

	put(r, &in, sizeof(in));
}

static void put_extent(struct request *r)
{
	const struct fuse_read_in in = {
		.fh = le64_put(r->handle), .off = le64_put(offset_of(r->a)),
		.size = le32_put(r->b == UINT16_MAX ? UINT32_MAX : r->b),
		.read_flags = le32_put(r->a >> 8),
	};

	put(r, &in, sizeof(in));
	if (r->opcode == FUSE_WRITE)
		for (uint32_t i = 0; i < r->b && r->at < r->end; i++)
			*r->at++ = (uint8_t)('a' + i % 26);
}

/* Kind, owner and range are bits of b. */
static void put_lk(struct request *r)
{
	const uint64_t start = offset_of(r->a);
	const struct fuse_lk_in in = {
		.fh = le64_put(r->handle), .owner = le64_put(r->b >> 3 & 7),
		.lk = { .start = le64_put(start), .type = le32_put(r->b & 3),
			.end = le64_put(r->b & 64 ? INT64_MAX :
					r->b & 128 ? 9 : start + 9) },
		.lk_flags = le32_put(r->b >> 2 & 1),
	};

	put(r, &in, sizeof(in));
}

static void put_setxattr(struct request *r)
{
	put32(r, r->b);
	put32(r, r->a & 3);
	put_name(r, r->name);
	for (uint32_t i = 0; i < r->b && r->at < r->end; i++)
		*r->at++ = (uint8_t)i;
}

static void put_forgets(struct request *r, const uint64_t *known)
{
	put32(r, r->a);
	put32(r, 0);
	for (uint32_t i = 0; i < r->b % KNOWN; i++) {
		put64(r, known[(r->a + i) % KNOWN]);
		put64(r, r->a & 7);
	}
}

static void put_copy(struct request *r)
{
	put64(r, r->handle);
	put64(r, offset_of(r->a));
	put64(r, r->node);
	put64(r, r->other);
	put64(r, offset_of(r->b));
	put64(r, r->b << 2);
	put64(r, 0);
}

/* The names that belong to it. */
static void put_names(struct request *r)
{
	switch (r->opcode) {
	case FUSE_RENAME:
	case FUSE_RENAME2:
	case FUSE_SYMLINK:
		put_name(r, r->name);
		put_name(r, r->name2);
		break;
	case FUSE_LOOKUP:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_REMOVEXATTR:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_LINK:
	case FUSE_CREATE:
	case FUSE_GETXATTR:
		put_name(r, r->name);
		break;
	}
}

/* What precedes them, of requests that have to do with locks. */
static void put_lock_numbers(struct request *r)
{
	switch (r->opcode) {
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		put64(r, r->handle);
		put32(r, r->a & 0xff);
		put32(r, r->a >> 8);
		put64(r, r->b);
		break;
	case FUSE_INTERRUPT:
		put64(r, r->a);
		break;
	case FUSE_GETLK:
	case FUSE_SETLK:
	case FUSE_SETLKW:
		put_lk(r);
		break;
	}
}

/* What precedes them. */
static void put_numbers(struct request *r, const uint64_t *known)
{
	switch (r->opcode) {
	case FUSE_INIT:
		put32(r, r->b & 1 ? 8 : 7);
		put32(r, r->b >> 1 ? r->b : 38);
		put32(r, r->a);
		put32(r, r->a << 16 | r->a);
		break;
	case FUSE_MKNOD:
		put32(r, r->a | (r->b & 1 ? 0 : S_IFREG));
		put32(r, r->b);
		put64(r, 0);
		break;
	case FUSE_MKDIR:
	case FUSE_OPEN:
	case FUSE_OPENDIR:
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		put32(r, r->a == UINT16_MAX ? UINT32_MAX : r->a);
		put32(r, r->b);
		break;
	case FUSE_CREATE:
		put32(r, r->a);
		put32(r, r->b);
		put64(r, 0);
		break;
	case FUSE_RENAME2:
		put64(r, r->other);
		put32(r, r->a);
		put32(r, 0);
		break;
	case FUSE_RENAME:
	case FUSE_LINK:
		put64(r, r->other);
		break;
	case FUSE_FORGET:
		put64(r, r->a);
		break;
	case FUSE_FALLOCATE:
		put64(r, r->handle);
		put64(r, offset_of(r->a));
		put64(r, offset_of(r->b));
		put64(r, r->other & 0x7f);
		break;
	case FUSE_LSEEK:
		put64(r, r->handle);
		put64(r, offset_of(r->a));
		put64(r, r->b);
		break;
	case FUSE_RELEASEDIR:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
		put64(r, r->handle);
		put64(r, r->a);
		break;
	case FUSE_SETATTR:
		put_setattr(r);
		break;
	case FUSE_READ:
	case FUSE_WRITE:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		put_extent(r);
		break;
	case FUSE_SETXATTR:
		put_setxattr(r);
		break;
	case FUSE_BATCH_FORGET:
		put_forgets(r, known);
		break;
	case FUSE_COPY_FILE_RANGE:
		put_copy(r);
		break;
	default:
		put_lock_numbers(r);
		break;
	}
}

#endif
