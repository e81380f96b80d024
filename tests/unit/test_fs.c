// SPDX-License-Identifier: BSD-3-Clause
/* The file system device: every request there is, over a real tree; the
 * session, the caches, the configuration, resets. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs_case.h"

#include "base/num.h"

static const struct fuse_init_in version = {
	.major = { { 7 } }, .minor = { { 38 } },
};

/* ---- the device ---- */

static void configuration_tells_tag_and_queues(void **state)
{
	struct fs_case *t = *state;

	assert_int_equal(front_get(&t->front, VREG_DEVICE_TYPE), 26);
	assert_int_equal(front_config(&t->front, 0, 4), 0x61746164);
	assert_int_equal(front_config(&t->front, 4, 4), 0);
	assert_int_equal(front_config(&t->front, 36, 4), 1);
	assert_int_equal(front_config(&t->front, 40, 4), 0);
	assert_int_equal(front_config(&t->front, 41, 4), 0);
	assert_int_equal(front_config(&t->front, UINT64_MAX, 1), 0);
	assert_int_equal(t->front.v->queues, 2);
	front_config_set(&t->front, 0, 4, 0);
	assert_int_equal(front_config(&t->front, 0, 4), 0x61746164);
}

static void a_tag_has_1_to_36_bytes(void **state)
{
	static const char *const tags[] = {
		"", "0123456789012345678901234567890123456",
		"012345678901234567890123456789012345",
	};
	struct fs_case *t = *state;
	const struct virtio_host host = { "share1", &t->ram.mem, t->loop,
					  &t->log };
	struct virtio *v;

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		const struct fs_config cfg = { .tag = tags[i] };
		struct share *s;

		share_bench_open(t->host, &(struct share_config){ 0 });
		s = t->host->s;
		t->host->s = NULL;
		assert_int_equal(fs_create(&v, &cfg, share_files(s), &host,
					   &t->host->err),
				 i == 2 ? 0 : -EINVAL);
		if (i == 2)
			assert_int_equal(virtio_config_read(v, 32, 4),
					 0x35343332);
		virtio_destroy(v);
	}
}

/* ---- the session ---- */

static void a_session_begins_with_what_both_sides_can(void **state)
{
	struct fs_case *t = *state;
	struct fs_answer a;
	uint32_t flags = fs_case_init(t, UINT32_MAX);

	assert_true(flags & FUSE_F_ATOMIC_O_TRUNC);
	assert_true(flags & FUSE_F_AUTO_INVAL_DATA);
	assert_false(flags & (FUSE_F_WRITEBACK_CACHE | FUSE_F_CACHE_SYMLINKS));
	assert_false(flags & (1u << 1 | 1u << 10 | 1u << 20));
	assert_int_equal(fs_case_init(t, FUSE_F_MAX_PAGES), FUSE_F_MAX_PAGES);
	a = fs_ask(t, FUSE_INIT, 0, &version, sizeof(version));
	assert_int_equal(le32_at(a.data + 20), FS_WRITE_MAX);
	assert_int_equal(le16_at(a.data + 28), 256);
}

static void versions_are_agreed_on(void **state)
{
	static const struct {
		uint32_t major, minor;
		int error;
	} v[] = {
		{ 0, 0, -EPROTO }, { 6, 99, -EPROTO }, { 7, 30, -EPROTO },
		{ 7, 31, 0 }, { 7, UINT32_MAX, 0 },
	};
	struct fs_case *t = *state;
	struct fs_answer a;

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		const struct fuse_init_in in = {
			.major = le32_put(v[i].major),
			.minor = le32_put(v[i].minor),
		};

		a = fs_ask(t, FUSE_INIT, 0, &in, sizeof(in));
		assert_int_equal(a.error, v[i].error);
	}
	fs_case_run(t);
	/* A newer one is told ours, and begins again with it. */
	a = fs_ask(t, FUSE_INIT, 0,
		   &(struct fuse_init_in){ .major = le32_put(UINT32_MAX) },
		   sizeof(struct fuse_init_in));
	assert_int_equal(a.error, 0);
	assert_int_equal(le32_at(a.data), 7);
	assert_int_equal(le32_at(a.data + 4), 38);
	assert_int_equal(fs_ask(t, FUSE_GETATTR, 1, NULL, 0).error, -EIO);
	fs_case_init(t, 0);
	assert_int_equal(fs_ask(t, FUSE_GETATTR, 1, NULL, 0).error, 0);
}

static void DF01_nothing_goes_before_the_session_and_after_it(void **state)
{
	struct fs_case *t = *state;

	host_put(t->host, "f", "x");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fs_name_op(t, FUSE_LOOKUP, 1, NULL, 0,
					    "f").error, -EIO);
		assert_int_equal(fs_ask(t, FUSE_GETATTR, 1, NULL, 0).error,
				 -EIO);
		assert_int_equal(fs_name_op(t, FUSE_UNLINK, 1, NULL, 0,
					    "f").error, -EIO);
		fs_case_init(t, 0);
		fs_find(t, SHARE_ROOT, "f");
		assert_int_equal(fs_ask(t, FUSE_DESTROY, 0, NULL, 0).error, 0);
	}
	assert_true(host_has(t->host, "f", "x"));
}

static void DF01_a_second_beginning_forgets_the_first(void **state)
{
	struct fs_case *t = *state;
	struct fuse_read_in in;
	uint64_t f, fh;

	host_put(t->host, "f", "x");
	fs_case_init(t, 0);
	f = fs_find(t, SHARE_ROOT, "f");
	fh = fs_opened(t, FUSE_OPEN, f, O_RDONLY);
	in = fs_extent(fh, 0, 10);
	assert_int_equal(fs_ask(t, FUSE_READ, f, &in, sizeof(in)).size, 1);
	fs_case_init(t, 0);
	assert_int_equal(fs_ask(t, FUSE_READ, f, &in, sizeof(in)).error,
			 -EBADF);
	assert_int_equal(fs_ask(t, FUSE_GETATTR, f, NULL, 0).error, -ESTALE);
}

/* ---- names ---- */

static void names_are_made_found_and_removed(void **state)
{
	const struct fuse_mkdir_in dir = { .mode = le32_put(0750) };
	const struct fuse_mknod_in file = { .mode = le32_put(S_IFREG | 0640) };
	struct fs_case *t = *state;
	struct fs_answer a;
	uint64_t d;

	fs_case_init(t, 0);
	a = fs_name_op(t, FUSE_MKDIR, 1, &dir, sizeof(dir), "d");
	d = fs_entry_of(&a);
	assert_int_equal(fs_find(t, SHARE_ROOT, "d"), d);
	a = fs_name_op(t, FUSE_MKNOD, d, &file, sizeof(file), "f");
	fs_entry_of(&a);
	assert_int_equal(host_mode(t->host, "d/f"), S_IFREG | 0640);
	a = fs_names_op(t, FUSE_SYMLINK, d, NULL, 0, "l", "target");
	a = fs_ask(t, FUSE_READLINK, fs_entry_of(&a), NULL, 0);
	assert_int_equal(a.size, 6);
	assert_memory_equal(a.data, "target", 6);
	assert_int_equal(fs_name_op(t, FUSE_RMDIR, 1, NULL, 0, "d").error,
			 -ENOTEMPTY);
	assert_int_equal(fs_name_op(t, FUSE_UNLINK, d, NULL, 0, "f").error, 0);
	assert_int_equal(fs_name_op(t, FUSE_UNLINK, d, NULL, 0, "l").error, 0);
	assert_int_equal(fs_name_op(t, FUSE_RMDIR, 1, NULL, 0, "d").error, 0);
	assert_int_equal(host_mode(t->host, "d"), -1);
}

static void names_are_moved_and_linked(void **state)
{
	struct fs_case *t = *state;
	struct fuse_rename2_in to = { .new_folder = le64_put(1) };
	struct fuse_link_in link;
	struct fs_answer a;
	uint64_t f;

	fs_case_init(t, 0);
	host_put(t->host, "a", "1");
	host_put(t->host, "b", "2");
	f = fs_find(t, SHARE_ROOT, "a");
	assert_int_equal(fs_names_op(t, FUSE_RENAME, 1, &to, 8, "a",
				     "c").error, 0);
	assert_true(host_has(t->host, "c", "1"));
	to.flags = le32_put(RENAME_EXCHANGE);
	assert_int_equal(fs_names_op(t, FUSE_RENAME2, 1, &to, sizeof(to), "b",
				     "c").error, 0);
	assert_true(host_has(t->host, "b", "1"));
	link.node = le64_put(f);
	a = fs_name_op(t, FUSE_LINK, 1, &link, sizeof(link), "d");
	assert_int_equal(fs_entry_of(&a), f);
	assert_true(host_has(t->host, "d", "1"));
}

static void attributes_are_told_and_set(void **state)
{
	struct fs_case *t = *state;
	struct fuse_setattr_in in = {
		.valid = le32_put(1u | 8u | 16u | 32u | 1024u),
		.mode = le32_put(0611), .size = le64_put(2),
		.atime = le64_put(1000), .mtime = le64_put(2000),
		.mtime_ns = le32_put(7),
	};
	struct fs_answer a;
	uint64_t f;

	fs_case_init(t, 0);
	host_put(t->host, "f", "hello");
	f = fs_find(t, SHARE_ROOT, "f");
	a = fs_ask(t, FUSE_GETATTR, f, NULL, 0);
	assert_int_equal(a.size, sizeof(struct fuse_attr_out));
	assert_int_equal(le64_at(a.data), 1); /* a second */
	assert_int_equal(le64_at(a.data + 16 + 8), 5);
	a = fs_ask(t, FUSE_SETATTR, f, &in, sizeof(in));
	assert_int_equal(a.size, sizeof(struct fuse_attr_out));
	assert_int_equal(le64_at(a.data + 16 + 8), 2);
	assert_int_equal(le64_at(a.data + 16 + 24), 1000);
	assert_int_equal(le64_at(a.data + 16 + 32), 2000);
	assert_int_equal(le32_at(a.data + 16 + 52), 7);
	assert_int_equal(le32_at(a.data + 16 + 60), S_IFREG | 0611);
	in.valid = le32_put(128u | 256u);
	a = fs_ask(t, FUSE_SETATTR, f, &in, sizeof(in));
	assert_true(le64_at(a.data + 16 + 24) > 1000000000);
	in.mtime_ns = le32_put(1000000000);
	assert_int_equal(fs_ask(t, FUSE_SETATTR, f, &in, sizeof(in)).error,
			 -EINVAL);
	a = fs_ask(t, FUSE_STATFS, 1, NULL, 0);
	assert_int_equal(a.size, sizeof(struct fuse_statfs_out));
	assert_int_equal(le32_at(a.data + 44), 255);
}

static void extended_attributes_pass(void **state)
{
	struct fs_case *t = *state;
	const struct fuse_setxattr_in set = { .size = le32_put(3) };
	struct fuse_getxattr_in get = { .size = le32_put(0) };
	struct fs_answer a;
	uint64_t f;

	fs_case_init(t, 0);
	host_put(t->host, "f", "x");
	f = fs_find(t, SHARE_ROOT, "f");
	a = fs_send(t, &(struct fs_req){ .opcode = FUSE_SETXATTR, .node = f,
					 .arg = &set, .arg_len = sizeof(set),
					 .text = "user.a\0abc",
					 .text_len = 10 });
	if (a.error == -EOPNOTSUPP)
		skip();
	assert_int_equal(a.error, 0);
	a = fs_name_op(t, FUSE_GETXATTR, f, &get, sizeof(get), "user.a");
	assert_int_equal(a.size, 8);
	assert_int_equal(le32_at(a.data), 3);
	a = fs_ask(t, FUSE_LISTXATTR, f, &get, sizeof(get));
	assert_int_equal(le32_at(a.data), 7);
	get.size = le32_put(64);
	a = fs_name_op(t, FUSE_GETXATTR, f, &get, sizeof(get), "user.a");
	assert_int_equal(a.size, 3);
	assert_memory_equal(a.data, "abc", 3);
	assert_int_equal(fs_send(t, &(struct fs_req){
		.opcode = FUSE_GETXATTR, .node = f, .arg = &get,
		.arg_len = sizeof(get), .text = "user.a", .text_len = 7,
		.room = 16 + 2 }).error, -ERANGE);
	a = fs_ask(t, FUSE_LISTXATTR, f, &get, sizeof(get));
	assert_int_equal(a.size, 7);
	assert_memory_equal(a.data, "user.a", 7);
	assert_int_equal(fs_name_op(t, FUSE_REMOVEXATTR, f, NULL, 0,
				    "user.a").error, 0);
	assert_int_equal(fs_ask(t, FUSE_LISTXATTR, f, &get, sizeof(get)).size,
			 0);
}

/* ---- contents ---- */

static uint64_t make_file(struct fs_case *t, const char *name, uint64_t *fh)
{
	const struct fuse_create_in in = {
		.flags = le32_put(O_RDWR), .mode = le32_put(S_IFREG | 0644),
	};
	struct fs_answer a = fs_name_op(t, FUSE_CREATE, 1, &in, sizeof(in),
					name);

	assert_int_equal(a.size, sizeof(struct fuse_entry_out) +
					 sizeof(struct fuse_open_out));
	*fh = le64_at(a.data + sizeof(struct fuse_entry_out));
	return fs_entry_of(&a);
}

static struct fs_answer write_text(struct fs_case *t, uint64_t fh,
				   const char *text, uint64_t off)
{
	const struct fuse_read_in in = fs_extent(fh, off,
						 (uint32_t)strlen(text));

	return fs_send(t, &(struct fs_req){
		.opcode = FUSE_WRITE, .arg = &in, .arg_len = sizeof(in),
		.text = text, .text_len = strlen(text) });
}

static void contents_go_between_files_and_memory(void **state)
{
	struct fs_case *t = *state;
	struct fuse_read_in in;
	struct fuse_handle_in h;
	struct fs_answer a;
	uint64_t f, fh;

	fs_case_init(t, 0);
	f = make_file(t, "f", &fh);
	a = write_text(t, fh, "hello world", 0);
	assert_int_equal(a.size, sizeof(struct fuse_write_out));
	assert_int_equal(le32_at(a.data), 11);
	assert_true(host_has(t->host, "f", "hello world"));
	in = fs_extent(fh, 6, 4096);
	a = fs_ask(t, FUSE_READ, f, &in, sizeof(in));
	assert_int_equal(a.size, 5);
	assert_memory_equal(a.data, "world", 5);
	assert_int_equal(a.data[5], 0xaa);
	h = (struct fuse_handle_in){ .fh = le64_put(fh) };
	assert_int_equal(fs_ask(t, FUSE_FLUSH, f, &h, sizeof(h)).error, 0);
	assert_int_equal(fs_ask(t, FUSE_FSYNC, f, &h, sizeof(h)).error, 0);
	assert_int_equal(fs_ask(t, FUSE_RELEASE, f, &h, sizeof(h)).error, 0);
	assert_int_equal(fs_ask(t, FUSE_RELEASE, f, &h, sizeof(h)).error,
			 -EBADF);
}

static void space_holes_and_copies_can_be_asked_for(void **state)
{
	struct fs_case *t = *state;
	struct fuse_fallocate_in room = { .len = le64_put(8192) };
	struct fuse_lseek_in seek = { .whence = le32_put(SEEK_HOLE) };
	struct fuse_copy_in copy = { .len = le64_put(5) };
	struct fs_answer a;
	uint64_t f, fh, gh;

	fs_case_init(t, 0);
	f = make_file(t, "f", &fh);
	make_file(t, "g", &gh);
	write_text(t, fh, "hello", 0);
	copy.fh = le64_put(fh);
	copy.to_fh = le64_put(gh);
	a = fs_ask(t, FUSE_COPY_FILE_RANGE, f, &copy, sizeof(copy));
	assert_int_equal(le32_at(a.data), 5);
	assert_true(host_has(t->host, "g", "hello"));
	room.fh = seek.fh = le64_put(fh);
	assert_int_equal(fs_ask(t, FUSE_FALLOCATE, f, &room,
				sizeof(room)).error, 0);
	a = fs_ask(t, FUSE_LSEEK, f, &seek, sizeof(seek));
	assert_int_equal(a.size, sizeof(struct fuse_lseek_out));
	assert_true(le64_at(a.data) <= 8192);
	seek.whence = le32_put(SEEK_END);
	assert_int_equal(fs_ask(t, FUSE_LSEEK, f, &seek, sizeof(seek)).error,
			 -EINVAL);
}

/* As guests with pages of 64 KiB read; a part would be taken for the end. */
static void a_read_of_two_mib_is_whole(void **state)
{
	struct fs_case *t = *state;
	struct driver_buf bufs[] = { { t->small, 80, false },
				     { t->small + 1024, 16, true },
				     { 0, 1u << 20, true },
				     { 0, 1u << 20, true } };
	struct fuse_read_in in;
	struct fs_req req = { .opcode = FUSE_READ, .arg = &in,
			      .arg_len = sizeof(in) };
	struct driver_done d;
	int fd;

	fs_case_init(t, 0);
	host_put(t->host, "f", "x");
	req.node = fs_find(t, SHARE_ROOT, "f");
	in = fs_extent(fs_opened(t, FUSE_OPEN, req.node, O_RDWR), 0, 2u << 20);
	fd = openat(t->host->fd, "f", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 3 << 20), 0);
	close(fd);
	bufs[2].gpa = driver_ram_alloc(&t->ram, 1u << 20, 4096);
	bufs[3].gpa = bufs[2].gpa;
	fs_post_bufs(t, &req, bufs, 4);
	front_sync(&t->front);
	assert_true(driver_collect(&t->ring[FS_REQUESTS], &d));
	assert_int_equal(d.len, 16 + (2u << 20));
}

#define BOTH(f) \
	cmocka_unit_test_setup_teardown(f, fs_case_split, fs_case_end), \
	cmocka_unit_test_setup_teardown(f, fs_case_packed, fs_case_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(configuration_tells_tag_and_queues),
		BOTH(a_tag_has_1_to_36_bytes),
		BOTH(a_session_begins_with_what_both_sides_can),
		BOTH(versions_are_agreed_on),
		BOTH(DF01_nothing_goes_before_the_session_and_after_it),
		BOTH(DF01_a_second_beginning_forgets_the_first),
		BOTH(names_are_made_found_and_removed),
		BOTH(names_are_moved_and_linked),
		BOTH(attributes_are_told_and_set),
		BOTH(extended_attributes_pass),
		BOTH(contents_go_between_files_and_memory),
		BOTH(space_holes_and_copies_can_be_asked_for),
		BOTH(a_read_of_two_mib_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
