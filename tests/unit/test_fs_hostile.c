// SPDX-License-Identifier: BSD-3-Clause
/* The file system device and a driver that lies: lengths, names, numbers,
 * buffers that are too small, forgetting; and folders, whose answers are cut to
 * the room there is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs_case.h"

#include "base/num.h"

#define ENTRY (sizeof(struct fuse_entry_out))

/* Every opcode that wants an argument: how long it is, and names behind it. */
static const struct {
	uint32_t opcode;
	size_t arg;
	int names;
} ops[] = {
	{ FUSE_LOOKUP, 0, 1 }, { FUSE_SETATTR, 88, 0 }, { FUSE_SYMLINK, 0, 2 },
	{ FUSE_MKNOD, 16, 1 }, { FUSE_MKDIR, 8, 1 }, { FUSE_UNLINK, 0, 1 },
	{ FUSE_RMDIR, 0, 1 }, { FUSE_RENAME, 8, 2 }, { FUSE_LINK, 8, 1 },
	{ FUSE_OPEN, 8, 0 }, { FUSE_READ, 40, 0 }, { FUSE_WRITE, 40, 0 },
	{ FUSE_RELEASE, 16, 0 }, { FUSE_FSYNC, 16, 0 },
	{ FUSE_SETXATTR, 8, 1 }, { FUSE_GETXATTR, 8, 1 },
	{ FUSE_LISTXATTR, 8, 0 }, { FUSE_REMOVEXATTR, 0, 1 },
	{ FUSE_FLUSH, 16, 0 }, { FUSE_INIT, 16, 0 }, { FUSE_OPENDIR, 0, 0 },
	{ FUSE_READDIR, 40, 0 }, { FUSE_RELEASEDIR, 16, 0 },
	{ FUSE_FSYNCDIR, 16, 0 }, { FUSE_CREATE, 16, 1 },
	{ FUSE_FALLOCATE, 32, 0 }, { FUSE_READDIRPLUS, 40, 0 },
	{ FUSE_RENAME2, 16, 2 }, { FUSE_LSEEK, 24, 0 },
	{ FUSE_COPY_FILE_RANGE, 56, 0 },
};

/* ---- lengths ---- */

static void DF01_a_length_that_lies_is_an_error(void **state)
{
	static const uint32_t claims[] = { 1, 39, 42, 1000, UINT32_MAX };
	struct fs_case *t = *state;
	struct fs_req req = { .opcode = FUSE_LOOKUP, .node = 1,
			      .text = "f", .text_len = 1 };

	fs_case_init(t, 0);
	host_put(t->host, "f", "x");
	for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
		req.claim = claims[i];
		assert_int_equal(fs_send(t, &req).error, -EIO);
	}
	/* What is claimed to be less is not looked at. */
	req.text = "f\0junk";
	req.text_len = 6;
	req.claim = 42;
	assert_int_equal(fs_send(t, &req).error, 0);
}

static void DF01_arguments_that_are_cut_off_are_errors(void **state)
{
	static const uint8_t zeroes[128];
	struct fs_case *t = *state;

	fs_case_init(t, 0);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		for (size_t len = 0; len < ops[i].arg; len++) {
			const struct fs_req req = {
				.opcode = ops[i].opcode, .node = 1,
				.arg = zeroes, .arg_len = len,
			};

			assert_int_equal(fs_send(t, &req).error, -EINVAL);
		}
}

static void DF01_opcodes_that_are_none_are_told(void **state)
{
	static const uint32_t none[] = { 0, 7, 19, 34, 37, 39, 48, 49, 51,
					 52, 4096, UINT32_MAX };
	struct fs_case *t = *state;

	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(none); k++)
			assert_int_equal(fs_ask(t, none[k], 1, NULL, 0).error,
					 -ENOSYS);
		fs_case_init(t, 0);
	}
}

static void DF01_less_than_a_header_is_dropped(void **state)
{
	struct fs_case *t = *state;
	struct driver_buf bufs[] = { { t->in, 39, false },
				     { t->out, 4096, true } };
	struct driver_done d;

	for (int i = 0; i < 2; i++) {
		assert_true(driver_post(&t->ring[1], bufs + i, 2 - i) >= 0);
		front_kick(&t->front, 1);
		front_sync(&t->front);
		assert_true(driver_collect(&t->ring[1], &d));
		assert_int_equal(d.len, 0);
	}
	fs_case_init(t, 0);
}

/* ---- names ---- */

static void D903_DF05_names_that_are_none_are_errors(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
		{ "", 0 }, { "\0", 1 }, { "f", 1 }, { "f\0f", 3 },
		{ "f\0\0", 3 }, { "..\0", 3 }, { ".\0", 2 }, { "/\0", 2 },
		{ "d/f\0", 4 }, { "../outside/secret\0", 18 },
	};
	static const uint8_t zeroes[128];
	struct fs_case *t = *state;

	fs_case_init(t, 0);
	host_put(t->host, "f", "x");
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
			const struct fs_req req = {
				.opcode = ops[i].opcode, .node = 1,
				.arg = zeroes, .arg_len = ops[i].arg,
				.text = bad[k].text, .text_len = bad[k].len,
			};
			int e;

			if (ops[i].names != 1)
				continue;
			e = fs_send(t, &req).error;
			assert_true(e == -EINVAL || e == -EOPNOTSUPP ||
				    e == -EPERM || e == -ESTALE);
		}
	assert_true(host_has(t->host, "f", "x"));
}

static void D903_DF05_two_names_are_two(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
		{ "", 0 }, { "f", 1 }, { "f\0", 2 }, { "f\0g", 3 },
		{ "f\0g\0h", 5 }, { "f\0g\0h\0", 6 }, { "\0g\0", 3 },
		{ "f\0\0", 3 }, { "f\0../g\0", 7 }, { "../f\0g\0", 7 },
	};
	static const struct fuse_rename2_in to = { .new_folder = { { 1 } } };
	struct fs_case *t = *state;

	fs_case_init(t, 0);
	host_put(t->host, "f", "x");
	for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
		struct fs_req req = {
			.opcode = FUSE_RENAME, .node = 1,
			.arg = &to, .arg_len = 8,
			.text = bad[k].text, .text_len = bad[k].len,
		};

		assert_int_equal(fs_send(t, &req).error, -EINVAL);
		req.opcode = FUSE_RENAME2;
		req.arg_len = sizeof(to);
		assert_int_equal(fs_send(t, &req).error, -EINVAL);
	}
	assert_true(host_has(t->host, "f", "x"));
}

static void D903_names_too_long_are_told(void **state)
{
	static char text[FS_ROOM - 512];
	struct fs_case *t = *state;
	struct fs_req req = { .opcode = FUSE_LOOKUP, .node = 1, .text = text };

	fs_case_init(t, 0);
	memset(text, 'n', sizeof(text));
	text[256] = '\0';
	req.text_len = 257;
	assert_int_equal(fs_send(t, &req).error, -ENAMETOOLONG);
	text[256] = 'n';
	text[65535] = '\0';
	req.text_len = 65536;
	assert_int_equal(fs_send(t, &req).error, -ENAMETOOLONG);
	text[65535] = 'n';
	text[sizeof(text) - 1] = '\0';
	req.text_len = sizeof(text);
	assert_int_equal(fs_send(t, &req).error, -EINVAL);
	/* The target of a link may be long, but not that long. */
	text[1] = '\0';
	text[5000] = '\0';
	req.opcode = FUSE_SYMLINK;
	req.text_len = 5001;
	assert_int_equal(fs_send(t, &req).error, -ENAMETOOLONG);
	text[4000] = '\0';
	req.text_len = 4001;
	assert_int_equal(fs_send(t, &req).error, 0);
}

static void values_of_another_length_are_refused(void **state)
{
	struct fs_case *t = *state;
	struct fuse_setxattr_in set;
	struct fs_req req = { .opcode = FUSE_SETXATTR, .node = 1,
			      .arg = &set, .arg_len = sizeof(set),
			      .text = "user.a\0abc", .text_len = 10 };

	fs_case_init(t, 0);
	for (uint32_t i = 0; i < 64; i++) {
		set = (struct fuse_setxattr_in){
			.size = le32_put(i < 32 ? i : UINT32_MAX - i) };
		if (i != 3)
			assert_int_equal(fs_send(t, &req).error, -EINVAL);
	}
	req.text_len = 6;
	assert_int_equal(fs_send(t, &req).error, -EINVAL);
}

/* ---- room ---- */

static void D914_an_answer_without_room_is_an_error(void **state)
{
	static const uint8_t zeroes[128];
	struct fs_case *t = *state;

	fs_case_init(t, 0);
	host_put(t->host, "f", "x");
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		for (uint32_t room = 1; room < 18; room += 15) {
			const struct fs_req req = {
				.opcode = ops[i].opcode, .node = 1,
				.arg = zeroes, .arg_len = ops[i].arg,
				.text = "f\0g", .text_len =
					(size_t)ops[i].names * 2, .room = room,
			};
			struct fs_answer a = fs_send(t, &req);

			assert_int_equal(a.len, room < 16 ? 0 : 16);
			assert_int_equal(a.size, 0);
		}
	assert_int_equal(fs_send(t, &(struct fs_req){
		.opcode = FUSE_GETATTR, .node = 1, .room = FS_NONE }).len, 0);
}

/* What the driver was not told of, it does not hold. */
static void D914_nothing_is_kept_for_an_answer_that_was_lost(void **state)
{
	const struct share_config few = { .handles = 2, .nodes = 3 };
	const struct fuse_open_in open = { .flags = le32_put(O_RDONLY) };
	const struct fuse_create_in make = { .flags = le32_put(O_RDWR),
					     .mode = le32_put(0644) };
	struct fs_case *t = *state;
	uint64_t f;

	fs_case_replace(t, &few, &(struct fs_config){ .tag = "x" });
	fs_case_init(t, 0);
	host_put(t->host, "f", "x");
	f = fs_find(t, SHARE_ROOT, "f");
	for (int i = 0; i < 10; i++) {
		struct fs_req req = { .opcode = FUSE_OPEN, .node = f,
				      .arg = &open, .arg_len = 8, .room = 20 };

		assert_int_equal(fs_send(t, &req).error, -EIO);
		req.opcode = FUSE_OPENDIR;
		req.node = SHARE_ROOT;
		assert_int_equal(fs_send(t, &req).error, -EIO);
		req = (struct fs_req){ .opcode = FUSE_CREATE, .node = 1,
				       .arg = &make, .arg_len = sizeof(make),
				       .text = "g", .text_len = 2,
				       .room = 16 + ENTRY };
		assert_int_equal(fs_send(t, &req).error, -EIO);
		host_put(t->host, "h", "");
		req = (struct fs_req){ .opcode = FUSE_LOOKUP, .node = 1,
				       .text = "h", .text_len = 2,
				       .room = 15 + ENTRY };
		assert_int_equal(fs_send(t, &req).error, -EIO);
	}
	fs_opened(t, FUSE_OPEN, f, O_RDONLY);
	fs_opened(t, FUSE_OPENDIR, SHARE_ROOT, 0);
	fs_find(t, SHARE_ROOT, "h");
}

static void DF04_D909_sizes_beyond_the_buffers_are_refused(void **state)
{
	struct fs_case *t = *state;
	struct fuse_read_in in;
	struct fs_req req = { .arg = &in, .arg_len = sizeof(in) };
	uint64_t fh;

	fs_case_init(t, 0);
	host_put(t->host, "f", "hello");
	fh = fs_opened(t, FUSE_OPEN, fs_find(t, SHARE_ROOT, "f"), O_RDWR);
	req.opcode = FUSE_READ;
	req.room = 16 + 4;
	in = fs_extent(fh, 0, 5);
	assert_int_equal(fs_send(t, &req).error, -EINVAL);
	in = fs_extent(fh, 0, UINT32_MAX);
	assert_int_equal(fs_send(t, &req).error, -EINVAL);
	in = fs_extent(fh, 0, 4);
	assert_int_equal(fs_send(t, &req).size, 4);
	in = fs_extent(fh, UINT64_MAX, 4);
	assert_int_equal(fs_send(t, &req).error, -EINVAL);
	in = fs_extent(fh, UINT64_C(1) << 63, 4);
	assert_int_equal(fs_send(t, &req).error, -EINVAL);
	req.opcode = FUSE_WRITE;
	req.room = 0;
	req.text = "12345";
	req.text_len = 5;
	for (uint32_t size = 0; size < 9; size++) {
		in = fs_extent(fh, 0, size == 8 ? UINT32_MAX : size);
		if (size != 5)
			assert_int_equal(fs_send(t, &req).error, -EINVAL);
	}
	in = fs_extent(fh, 0, 5);
	req.room = 16 + 7;
	assert_int_equal(fs_send(t, &req).error, -EINVAL);
	in = fs_extent(fh + 1, 0, 5);
	req.room = 0;
	assert_int_equal(fs_send(t, &req).error, -EBADF);
	assert_true(host_has(t->host, "f", "hello"));
}

#define BOTH(f) \
	cmocka_unit_test_setup_teardown(f, fs_case_split, fs_case_end), \
	cmocka_unit_test_setup_teardown(f, fs_case_packed, fs_case_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(DF01_a_length_that_lies_is_an_error),
		BOTH(DF01_arguments_that_are_cut_off_are_errors),
		BOTH(DF01_opcodes_that_are_none_are_told),
		BOTH(DF01_less_than_a_header_is_dropped),
		BOTH(D903_DF05_names_that_are_none_are_errors),
		BOTH(D903_DF05_two_names_are_two),
		BOTH(D903_names_too_long_are_told),
		BOTH(values_of_another_length_are_refused),
		BOTH(D914_an_answer_without_room_is_an_error),
		BOTH(D914_nothing_is_kept_for_an_answer_that_was_lost),
		BOTH(DF04_D909_sizes_beyond_the_buffers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
