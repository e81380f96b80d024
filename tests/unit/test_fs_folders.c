// SPDX-License-Identifier: BSD-3-Clause
/* The file system device: folders, whose answers are cut to the room there
 * is; caches; resets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs_case.h"

#include "base/num.h"

#define ENTRY (sizeof(struct fuse_entry_out))
#define NAMES 300

static struct fs_answer list(struct fs_case *t, uint32_t opcode, uint64_t fh,
			     uint64_t off, uint32_t size)
{
	const struct fuse_read_in in = fs_extent(fh, off, size);

	return fs_ask(t, opcode, 1, &in, sizeof(in));
}

static void fill(struct fs_case *t)
{
	char name[32];

	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "name-%d", i);
		host_put(t->host, name, "");
	}
}

/* ---- folders ---- */

/* Bytes of an entry with a name of @len. */
static uint32_t dirent_size(uint32_t len)
{
	return (24 + len + 7) & ~7u;
}

/* Walks one answer: how many, and where to go on. */
static unsigned int entries(const struct fs_answer *a, size_t before,
			    uint64_t *next)
{
	unsigned int n = 0;
	uint32_t at = 0;

	while (at < a->size) {
		const uint8_t *e = a->data + at + before;
		uint32_t len;

		assert_true(a->size - at >= before + 24);
		len = le32_at(e + 16);
		assert_true(len >= 1 && len <= 255);
		assert_true(e[24] == '.' || !memcmp(e + 24, "name-", 5));
		for (uint32_t i = 24 + len; i < dirent_size(len); i++)
			assert_int_equal(e[i], 0);
		*next = le64_at(e + 8);
		at += (uint32_t)before + dirent_size(len);
		n++;
	}
	assert_int_equal(at, a->size);
	return n;
}

static void a_folder_is_listed_in_pieces_of_any_size(void **state)
{
	static const uint32_t sizes[] = { 40, 48, 100, 4096, 65536 };
	struct fs_case *t = *state;
	uint64_t fh;

	fs_case_init(t, 0);
	fill(t);
	fh = fs_opened(t, FUSE_OPENDIR, 1, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned int n = 0;
		uint64_t at = 0;
		struct fs_answer a;

		while ((a = list(t, FUSE_READDIR, fh, at, sizes[i])).size) {
			assert_true(a.size <= sizes[i]);
			n += entries(&a, 0, &at);
		}
		assert_int_equal(a.error, 0);
		assert_int_equal(n, NAMES + 2);
	}
}

static void D910_less_room_than_an_entry_is_an_error(void **state)
{
	struct fs_case *t = *state;
	struct fuse_read_in in;
	struct fs_answer a;
	uint64_t fh;

	fs_case_init(t, 0);
	fill(t);
	fh = fs_opened(t, FUSE_OPENDIR, 1, 0);
	for (uint32_t size = 0; size < 32; size++)
		assert_int_equal(list(t, FUSE_READDIR, fh, 0, size).error,
				 -EINVAL);
	for (uint32_t size = 0; size < ENTRY + 32; size += 8)
		assert_int_equal(list(t, FUSE_READDIRPLUS, fh, 0, size).error,
				 -EINVAL);
	/* The room there is counts, whatever is asked for. */
	in = fs_extent(fh, 0, UINT32_MAX);
	a = fs_send(t, &(struct fs_req){ .opcode = FUSE_READDIR, .node = 1,
					 .arg = &in, .arg_len = sizeof(in),
					 .room = 16 + 47 });
	assert_int_equal(a.size, 32);
	assert_int_equal(list(t, FUSE_READDIR, fh, UINT64_MAX, 4096).error,
			 -EINVAL);
	assert_int_equal(list(t, FUSE_READDIR, fh + 1, 0, 4096).error, -EBADF);
	list(t, FUSE_READDIR, fh, 12345678, 4096);
	assert_int_equal(list(t, FUSE_READDIR, fh, 0, 32).size, 32);
}

static void a_listing_with_attributes_holds_references(void **state)
{
	struct fs_case *t = *state;
	struct fuse_forget_in one = { .count = le64_put(1) };
	struct fs_answer a;
	uint64_t fh, at = 0, node[3] = { 0 };
	unsigned int n = 0;

	fs_case_init(t, 0);
	host_put(t->host, "name-0", "hello");
	fh = fs_opened(t, FUSE_OPENDIR, 1, 0);
	a = list(t, FUSE_READDIRPLUS, fh, 0, 65536);
	assert_int_equal(entries(&a, ENTRY, &at), 3);
	assert_int_equal(a.size, 3 * (ENTRY + 32));
	for (unsigned int i = 0; i < 3; i++) {
		const uint8_t *e = a.data + i * (ENTRY + 32);

		node[i] = le64_at(e);
		if (e[ENTRY + 24] == '.') {
			assert_int_equal(node[i], 0);
			continue;
		}
		assert_int_equal(le64_at(e + 40 + 8), 5);
		n = i;
	}
	assert_int_equal(fs_find(t, SHARE_ROOT, "name-0"), node[n]);
	fs_ask(t, FUSE_FORGET, node[n], &one, sizeof(one));
	assert_int_equal(fs_ask(t, FUSE_GETATTR, node[n], NULL, 0).error, 0);
	fs_ask(t, FUSE_FORGET, node[n], &one, sizeof(one));
	assert_int_equal(fs_ask(t, FUSE_GETATTR, node[n], NULL, 0).error,
			 -ESTALE);
	assert_int_equal(list(t, FUSE_RELEASEDIR, fh, 0, 0).error, 0);
	assert_int_equal(list(t, FUSE_RELEASEDIR, fh, 0, 0).error, -EBADF);
}

static void a_folder_may_be_made_sure_of(void **state)
{
	struct fs_case *t = *state;
	struct fuse_handle_in h;

	fs_case_init(t, 0);
	h = (struct fuse_handle_in){
		.fh = le64_put(fs_opened(t, FUSE_OPENDIR, 1, 0)) };
	assert_int_equal(fs_ask(t, FUSE_FSYNCDIR, 1, &h, sizeof(h)).error, 0);
	h.flags = le32_put(FUSE_SYNC_DATA_ONLY);
	assert_int_equal(fs_ask(t, FUSE_FSYNCDIR, 1, &h, sizeof(h)).error, 0);
}

/* ---- caches ---- */

static void caches_last_as_long_as_was_chosen(void **state)
{
	static const struct {
		enum fs_cache cache;
		uint64_t seconds;
		uint32_t open, folder;
	} kinds[] = {
		{ FS_CACHE_AUTO, 1, 0, 0 },
		{ FS_CACHE_NONE, 0, FUSE_OPEN_DIRECT_IO, 0 },
		{ FS_CACHE_ALWAYS, 86400, FUSE_OPEN_KEEP_CACHE,
		  FUSE_OPEN_KEEP_CACHE | FUSE_OPEN_CACHE_DIR },
	};
	struct fs_case *t = *state;
	const struct fuse_open_in open = { .flags = le32_put(0) };
	struct fs_answer a;

	host_put(t->host, "f", "x");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct fs_config cfg = { .tag = "x",
					       .cache = kinds[i].cache };

		fs_case_replace(t, &(struct share_config){ 0 }, &cfg);
		fs_case_init(t, UINT32_MAX);
		a = fs_name_op(t, FUSE_LOOKUP, 1, NULL, 0, "f");
		assert_int_equal(le64_at(a.data + 16), kinds[i].seconds);
		assert_int_equal(le64_at(a.data + 24), kinds[i].seconds);
		a = fs_ask(t, FUSE_OPEN, fs_entry_of(&a), &open, 8);
		assert_int_equal(le32_at(a.data + 8), kinds[i].open);
		a = fs_ask(t, FUSE_OPENDIR, 1, NULL, 0);
		assert_int_equal(le32_at(a.data + 8), kinds[i].folder);
		a = fs_name_op(t, FUSE_LOOKUP, 1, NULL, 0, "no");
		assert_int_equal(a.error, i == 1 ? -ENOENT : 0);
		if (i != 1)
			assert_int_equal(fs_entry_of(&a), 0);
	}
}

static void file_systems_below_are_told_apart_unless_it_is_whole(void **state)
{
	struct fs_case *t = *state;
	struct fs_config cfg = { .tag = "x" };

	for (int i = 0; i < 2; i++) {
		cfg.whole = i;
		fs_case_replace(t, &(struct share_config){ 0 }, &cfg);
		assert_int_equal(fs_case_init(t, FUSE_F_SUBMOUNTS),
				 i ? 0 : FUSE_F_SUBMOUNTS);
	}
}

static void writes_that_wait_in_the_guest_need_to_read(void **state)
{
	struct fs_case *t = *state;
	struct share_config back = { .path = NULL };
	const struct fs_config cfg = { .tag = "x", .writeback = true };
	struct fs_answer a;
	struct fuse_read_in in;
	uint64_t f;

	host_put(t->host, "f", "x");
	fs_case_replace(t, &back, &cfg);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fs_case_init(t, i ? FUSE_F_WRITEBACK_CACHE :
						     0),
				 i ? FUSE_F_WRITEBACK_CACHE : 0);
		f = fs_find(t, SHARE_ROOT, "f");
		in = fs_extent(fs_opened(t, FUSE_OPEN, f, O_WRONLY | O_APPEND),
			       0, 1);
		a = fs_ask(t, FUSE_READ, f, &in, sizeof(in));
		assert_int_equal(a.error, i ? 0 : -EBADF);
	}
	back.read_only = true;
	fs_case_replace(t, &back, &cfg);
	assert_int_equal(fs_case_init(t, FUSE_F_WRITEBACK_CACHE), 0);
}

/* ---- resets ---- */

static void a_reset_in_the_middle_forgets_the_session(void **state)
{
	struct fs_case *t = *state;
	unsigned int files;
	uint64_t f;

	fs_case_init(t, 0);
	files = share_bench_files();
	for (int i = 0; i < 5; i++) {
		const struct fs_req req = { .opcode = FUSE_GETATTR, .node = 1 };

		host_put(t->host, "f", "x");
		f = fs_find(t, SHARE_ROOT, "f");
		for (int k = 0; k < 10; k++) {
			fs_opened(t, FUSE_OPEN, f, O_RDWR);
			fs_opened(t, FUSE_OPENDIR, 1, 0);
		}
		for (int k = 0; k < 3; k++)
			fs_post(t, &req);
		fs_case_run(t);
		/* The loop closes its own a little later. */
		assert_in_range(share_bench_files(), files - 8, files + 8);
		assert_int_equal(fs_ask(t, FUSE_GETATTR, 1, NULL, 0).error,
				 -EIO);
		fs_case_init(t, 0);
	}
}

#define BOTH(f) \
	cmocka_unit_test_setup_teardown(f, fs_case_split, fs_case_end), \
	cmocka_unit_test_setup_teardown(f, fs_case_packed, fs_case_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_folder_is_listed_in_pieces_of_any_size),
		BOTH(D910_less_room_than_an_entry_is_an_error),
		BOTH(a_listing_with_attributes_holds_references),
		BOTH(a_folder_may_be_made_sure_of),
		BOTH(caches_last_as_long_as_was_chosen),
		BOTH(file_systems_below_are_told_apart_unless_it_is_whole),
		BOTH(writes_that_wait_in_the_guest_need_to_read),
		BOTH(a_reset_in_the_middle_forgets_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
