// SPDX-License-Identifier: BSD-3-Clause
/* The throwaway layer: contents of files, open ones, and listings. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/layer_tree.h"
#include "base/fd.h"
#include "base/num.h"
#include "layer_bench.h"

#define CHUNK LAYER_CHUNK
#define NAMES 500

/* Each byte tells where it is. */
static uint8_t byte_at(uint64_t off)
{
	return (uint8_t)(1 + (off * 7 + off / CHUNK) % 251);
}

static void host_big(struct layer_bench *t, const char *name, size_t size)
{
	int fd = openat(t->host->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC,
			0644);
	uint8_t *bytes = malloc(size);

	assert_true(fd >= 0 && bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_at(i);
	assert_int_equal(fd_write_full(fd, bytes, size), 0);
	free(bytes);
	close(fd);
}

/* Is [off, off + len) the host's? */
static bool is_hosts(struct layer_bench *t, int64_t handle, uint64_t off,
		     size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	bool same = layer_take(t, handle, bytes, len, off) == (int64_t)len;

	for (size_t i = 0; same && i < len; i++)
		same = bytes[i] == byte_at(off + i);
	free(bytes);
	return same;
}

static bool is_zeros(struct layer_bench *t, int64_t handle, uint64_t off,
		     size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	bool same = layer_take(t, handle, bytes, len, off) == (int64_t)len;

	for (size_t i = 0; same && i < len; i++)
		same = !bytes[i];
	free(bytes);
	return same;
}

static const struct layer *layer_of(const struct layer_bench *t)
{
	return (const struct layer *)(const void *)t->f;
}

/* ---- contents ---- */

static void a_byte_that_changes_copies_one_chunk(void **state)
{
	struct layer_bench *t = *state;
	int64_t h;

	host_big(t, "big", 16 * CHUNK + 100);
	layer_bench_begin(t);
	h = layer_try_open(t, "big", O_RDWR);
	assert_int_equal(layer_put(t, h, "!", 16 * CHUNK + 100), 1);
	assert_int_equal(layer_of(t)->store.chunks, 1);
	assert_int_equal(layer_of(t)->store.blocks, 1);
	assert_true(is_hosts(t, h, 0, 16 * CHUNK + 100));
	assert_int_equal(layer_put(t, h, "\0", 5 * CHUNK + 70), 0);
	assert_int_equal(layer_put(t, h, "xyz", 5 * CHUNK + 70), 3);
	assert_int_equal(layer_of(t)->store.chunks, 2);
	assert_true(is_hosts(t, h, 0, 5 * CHUNK + 70));
	assert_true(is_hosts(t, h, 5 * CHUNK + 73, 11 * CHUNK));
	assert_int_equal(layer_stat(t, "big").stx_size, 16 * CHUNK + 101);
	layer_shut(t, h);
}

static void a_reader_sees_what_another_handle_writes(void **state)
{
	struct layer_bench *t = *state;
	int64_t reader, writer;
	char c;

	host_put(t->host, "a", "host");
	layer_bench_begin(t);
	reader = layer_try_open(t, "a", O_RDONLY);
	writer = layer_try_open(t, "a", O_WRONLY);
	assert_int_equal(layer_take(t, reader, &c, 1, 0), 1);
	assert_int_equal(c, 'h');
	assert_int_equal(layer_put(t, writer, "H", 0), 1);
	assert_int_equal(layer_take(t, reader, &c, 1, 0), 1);
	assert_int_equal(c, 'H');
	assert_int_equal(layer_put(t, reader, "x", 0), -EBADF);
	assert_int_equal(layer_take(t, writer, &c, 1, 0), -EBADF);
	assert_int_equal(layer_try_remove(t, "a", false), 0);
	assert_int_equal(layer_put(t, writer, "!", 4), 1);
	assert_int_equal(layer_take(t, reader, &c, 1, 4), 1);
	assert_int_equal(c, '!');
	layer_shut(t, reader);
	layer_shut(t, writer);
}

static void what_is_cut_off_does_not_come_back(void **state)
{
	struct layer_bench *t = *state;
	int64_t h;

	host_big(t, "big", 4 * CHUNK);
	layer_bench_begin(t);
	h = layer_try_open(t, "big", O_RDWR);
	assert_int_equal(layer_put(t, h, "xyz", 2 * CHUNK), 3);
	assert_int_equal(layer_resize(t, "big", 2 * CHUNK + 1), 0);
	assert_int_equal(layer_resize(t, "big", 4 * CHUNK), 0);
	assert_true(is_zeros(t, h, 2 * CHUNK + 1, 2 * CHUNK - 1));
	assert_true(is_hosts(t, h, 0, 2 * CHUNK));
	assert_int_equal(layer_resize(t, "big", 100), 0);
	assert_int_equal(layer_of(t)->store.blocks, 0);
	assert_int_equal(layer_resize(t, "big", CHUNK), 0);
	assert_true(is_hosts(t, h, 0, 100));
	assert_true(is_zeros(t, h, 100, CHUNK - 100));
	assert_int_equal(layer_put(t, h, "!", 50 * CHUNK), 1);
	assert_true(is_zeros(t, h, CHUNK, 49 * CHUNK));
	layer_shut(t, h);
	h = layer_try_open(t, "big", O_RDWR | O_TRUNC);
	assert_int_equal(layer_stat(t, "big").stx_size, 0);
	assert_int_equal(layer_of(t)->store.blocks, 0);
	layer_shut(t, h);
}

static void holes_are_made_and_found(void **state)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	struct layer_bench *t = *state;
	const struct files_ops *ops;
	uint64_t u;
	int64_t h;

	host_big(t, "big", 8 * CHUNK);
	layer_bench_begin(t);
	ops = t->ops;
	h = layer_try_open(t, "big", O_RDWR);
	u = (uint64_t)h;
	assert_int_equal(ops->allocate(t->f, u, punch, CHUNK + 10,
				       2 * CHUNK), 0);
	assert_true(is_hosts(t, h, 0, CHUNK + 10));
	assert_true(is_zeros(t, h, CHUNK + 10, 2 * CHUNK));
	assert_true(is_hosts(t, h, 3 * CHUNK + 10, 5 * CHUNK - 10));
	assert_int_equal(ops->seek(t->f, u, 0, SEEK_DATA), 0);
	assert_int_equal(ops->seek(t->f, u, 0, SEEK_HOLE), 2 * CHUNK);
	assert_int_equal(ops->seek(t->f, u, 2 * CHUNK + 5, SEEK_DATA),
			 3 * CHUNK);
	assert_int_equal(ops->seek(t->f, u, 4 * CHUNK, SEEK_HOLE), 8 * CHUNK);
	assert_int_equal(ops->seek(t->f, u, 8 * CHUNK, SEEK_DATA), -ENXIO);
	assert_int_equal(ops->seek(t->f, u, 0, SEEK_END), -EINVAL);
	assert_int_equal(ops->allocate(t->f, u, punch, 6 * CHUNK, GIB), 0);
	assert_int_equal(layer_stat(t, "big").stx_size, 8 * CHUNK);
	assert_int_equal(ops->seek(t->f, u, 6 * CHUNK, SEEK_DATA), -ENXIO);
	assert_true(is_zeros(t, h, 6 * CHUNK, 2 * CHUNK));
	assert_int_equal(ops->allocate(t->f, u, FALLOC_FL_ZERO_RANGE,
				       7 * CHUNK, 3 * CHUNK), 0);
	assert_int_equal(layer_stat(t, "big").stx_size, 10 * CHUNK);
	assert_int_equal(ops->allocate(t->f, u, 0, 0, 11 * CHUNK), 0);
	assert_int_equal(layer_stat(t, "big").stx_size, 11 * CHUNK);
	assert_int_equal(ops->allocate(t->f, u, FALLOC_FL_KEEP_SIZE, 0,
				       12 * CHUNK), 0);
	assert_int_equal(layer_stat(t, "big").stx_size, 11 * CHUNK);
	assert_int_equal(ops->allocate(t->f, u, FALLOC_FL_COLLAPSE_RANGE, 0,
				       CHUNK), -EOPNOTSUPP);
	layer_shut(t, h);
}

static unsigned int punches; /* that the host was asked for */

int fallocate(int fd, int mode, off_t off, off_t len)
{
	punches++;
	return (int)syscall(SYS_fallocate, fd, mode, off, len);
}

/* A file of so many chunks, all of them changed. */
static int64_t put_changed(struct layer_bench *t, const char *name, size_t n)
{
	int64_t h = layer_try_open(t, name, O_RDWR | O_CREAT);

	for (size_t i = 0; i < n; i++)
		assert_int_equal(layer_put(t, h, "x", i * CHUNK), 1);
	punches = 0;
	return h;
}

static void chunks_in_a_row_are_given_back_at_once(void **state)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	struct layer_bench *t = *state;
	int64_t h;

	host_big(t, "f", 90 * CHUNK);
	layer_bench_begin(t);
	h = put_changed(t, "f", 100);
	assert_int_equal(layer_resize(t, "f", 95 * CHUNK), 0);
	assert_int_equal(punches, 1);
	assert_int_equal(layer_of(t)->store.blocks, 90 * 16 + 5);
	assert_int_equal(t->ops->allocate(t->f, (uint64_t)h, punch, CHUNK,
					  9 * CHUNK), 0);
	assert_int_equal(punches, 2);
	assert_true(is_zeros(t, h, CHUNK, 9 * CHUNK));
	assert_int_equal(layer_resize(t, "f", 100), 0);
	assert_int_equal(punches, 4); /* with the rest of the first chunk */
	assert_int_equal(layer_of(t)->store.blocks, 1);
	/* What is taken again follows each other as before. */
	layer_shut(t, h);
	h = put_changed(t, "g", 50);
	assert_true(is_zeros(t, h, 1, CHUNK - 1));
	assert_true(is_zeros(t, h, 48 * CHUNK + 1, CHUNK - 1));
	layer_shut(t, h);
	assert_int_equal(layer_try_remove(t, "g", false), 0);
	assert_int_equal(punches, 1);
	assert_int_equal(layer_of(t)->store.blocks, 1);
}

static void copies_and_appends_go_where_they_should(void **state)
{
	struct layer_bench *t = *state;
	int64_t from, to;

	host_big(t, "big", 3 * CHUNK);
	layer_bench_begin(t);
	layer_write_all(t, "new", "x");
	from = layer_try_open(t, "big", O_RDONLY);
	to = layer_try_open(t, "new", O_RDWR);
	assert_int_equal(t->ops->copy(t->f, (uint64_t)from, 0, (uint64_t)to,
				      0, GIB), 3 * CHUNK);
	assert_true(is_hosts(t, to, 0, 3 * CHUNK));
	assert_int_equal(t->ops->copy(t->f, (uint64_t)to, 0, (uint64_t)to,
				      10, 20), -EINVAL);
	assert_int_equal(t->ops->copy(t->f, (uint64_t)to, 0, (uint64_t)from,
				      0, 20), -EBADF);
	layer_append(t, "new", "end");
	assert_int_equal(layer_stat(t, "new").stx_size, 3 * CHUNK + 3);
	assert_true(is_hosts(t, to, 0, 3 * CHUNK));
	layer_shut(t, from);
	layer_shut(t, to);
}

static void a_new_file_may_be_there_already(void **state)
{
	const struct share_how how = { { 1, 2 }, O_RDWR | O_EXCL, 0600 };
	struct layer_bench *t = *state;
	struct share_entry e;
	uint64_t handle;

	host_put(t->host, "a", "host");
	layer_bench_begin(t);
	assert_int_equal(t->ops->open_new(t->f, SHARE_ROOT, "a", how, &e,
					  &handle), -EEXIST);
	layer_shut(t, layer_try_open(t, "a", O_RDWR | O_CREAT));
	assert_true(layer_has(t, "a", "host"));
	layer_write_all(t, "a", "anew");
	assert_true(layer_has(t, "a", "anew"));
	assert_int_equal(layer_try_mkdir(t, "d"), 0);
	assert_int_equal(layer_try_open(t, "d", O_RDWR | O_CREAT), -EISDIR);
	assert_int_equal(layer_try_open(t, "d", O_RDONLY), -EISDIR);
}

static void many_pieces_of_memory_are_one_request(void **state)
{
	struct layer_bench *t = *state;
	static uint8_t bytes[2 * CHUNK], back[2 * CHUNK];
	struct iovec iov[600];
	int64_t h;
	size_t at = 0;

	layer_bench_begin(t);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = byte_at(i);
	for (int i = 0; i < 600; i++) {
		iov[i] = (struct iovec){ bytes + at, 200 };
		at += 200;
	}
	h = layer_try_open(t, "f", O_RDWR | O_CREAT);
	assert_int_equal(t->ops->write(t->f, (uint64_t)h, iov, 600, 100), at);
	memset(back, 0xff, sizeof(back));
	for (int i = 0; i < 600; i++)
		iov[i].iov_base = back + 200 * i;
	assert_int_equal(t->ops->read(t->f, (uint64_t)h, iov, 600, 100), at);
	assert_memory_equal(back, bytes, at);
	assert_true(is_zeros(t, h, 0, 100));
	layer_shut(t, h);
}

static void privilege_goes_when_told_or_with_the_file(void **state)
{
	struct share_change c = { .set = SHARE_SET_MODE, .mode = 06755 };
	struct layer_bench *t = *state;
	struct share_attr a;
	uint64_t node;
	int64_t h;

	layer_bench_begin(t);
	h = layer_try_open(t, "f", O_RDWR | O_CREAT);
	node = layer_get(t, "f");
	assert_int_equal(t->ops->setxattr(t->f, node, "security.capability",
					  "c", 1, 0), 0);
	for (int i = 0; i < 3; i++) {
		c.set = SHARE_SET_MODE;
		assert_int_equal(t->ops->setattr(t->f, node, 0, &c, &a), 0);
		assert_int_equal(a.stx.stx_mode, S_IFREG | 06755);
		c.set = i ? SHARE_SET_UID : FILES_SET_DROP;
		if (i == 2)
			assert_int_equal(t->ops->drop_privilege(t->f,
								(uint64_t)h),
					 0);
		else
			assert_int_equal(t->ops->setattr(t->f, node, 0, &c,
							 &a), 0);
		assert_int_equal(layer_stat(t, "f").stx_mode, S_IFREG | 0755);
		assert_int_equal(t->ops->getxattr(t->f, node,
						  "security.capability", NULL,
						  0), -ENODATA);
	}
	layer_shut(t, h);
	assert_int_equal(t->ops->drop_privilege(t->f, (uint64_t)h), -EBADF);
}

/* ---- listings ---- */

static uint64_t open_root(struct layer_bench *t)
{
	uint64_t handle;

	assert_int_equal(t->ops->open_folder(t->f, SHARE_ROOT, &handle), 0);
	return handle;
}

/* Goes on at @at to the end; each name, "N", adds one to seen[N]. */
static void read_on(struct layer_bench *t, uint64_t handle, uint64_t at,
		    unsigned int *seen)
{
	struct share_dirent d, again;

	while (t->ops->read_folder(t->f, handle, at, &d) > 0) {
		char name[32];

		snprintf(name, sizeof(name), "%s", d.name);
		/* One that did not fit is asked for again. */
		assert_int_equal(t->ops->read_folder(t->f, handle, at, &again),
				 1);
		assert_string_equal(again.name, name);
		assert_int_equal(again.next, d.next);
		if (*name != '.')
			seen[atoi(name)]++;
		at = d.next;
	}
}

static void a_merged_listing_has_every_name_once(void **state)
{
	struct layer_bench *t = *state;
	unsigned int seen[NAMES] = { 0 };
	struct share_dirent d = { .next = 0 };
	uint64_t handle, half;
	char name[16];

	for (int i = 0; i < NAMES; i += 2) {
		snprintf(name, sizeof(name), "%d", i);
		host_put(t->host, name, "");
	}
	layer_bench_begin(t);
	for (int i = 1; i < NAMES; i += 2) {
		snprintf(name, sizeof(name), "%d", i);
		layer_write_all(t, name, "");
	}
	assert_int_equal(layer_try_remove(t, "0", false), 0);
	assert_int_equal(layer_try_remove(t, "1", false), 0);
	layer_write_all(t, "2", "changed");
	assert_int_equal(layer_try_remove(t, "4", false), 0);
	layer_write_all(t, "4", "anew");
	handle = open_root(t);
	read_on(t, handle, 0, seen);
	for (int i = 0; i < NAMES; i++)
		assert_int_equal(seen[i], i > 1);
	/* From the middle, and backwards. */
	for (int i = 0; i < NAMES / 2; i++)
		assert_int_equal(t->ops->read_folder(t->f, handle, d.next, &d),
				 1);
	half = d.next;
	memset(seen, 0, sizeof(seen));
	read_on(t, handle, half, seen);
	for (int i = 0; i < 3; i++)
		t->ops->read_folder(t->f, handle, 7, &d);
	memset(seen, 0, sizeof(seen));
	read_on(t, handle, 0, seen);
	for (int i = 2; i < NAMES; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(t->ops->close(t->f, handle), 0);
}

static void a_listing_goes_on_while_its_folder_changes(void **state)
{
	struct layer_bench *t = *state;
	unsigned int seen[NAMES] = { 0 };
	struct share_dirent d = { .next = 0 };
	uint64_t handle;
	char name[16];

	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "%d", i);
		host_put(t->host, name, "");
	}
	layer_bench_begin(t);
	handle = open_root(t);
	/* As rm -r does: it removes what it has read. */
	while (t->ops->read_folder(t->f, handle, d.next, &d) > 0) {
		if (*d.name == '.')
			continue;
		seen[atoi(d.name)]++;
		snprintf(name, sizeof(name), "%s", d.name);
		assert_int_equal(t->ops->remove(t->f, SHARE_ROOT, name, false),
				 0);
	}
	for (int i = 0; i < NAMES; i++)
		assert_int_equal(seen[i], 1);
	assert_true(layer_lists(t, "", ""));
	layer_write_all(t, "7", "");
	memset(seen, 0, sizeof(seen));
	read_on(t, handle, 0, seen); /* who begins again sees it */
	assert_int_equal(seen[7], 1);
	assert_int_equal(t->ops->close(t->f, handle), 0);
}

/* As a package manager does: what it replaces is there before and after. */
static void replace(struct layer_bench *t, const char *name)
{
	layer_write_all(t, "tmp", "anew");
	assert_int_equal(layer_try_rename(t, "tmp", name, 0), 0);
}

/* Some of an open folder's; where it goes on. */
static uint64_t read_some(struct layer_bench *t, uint64_t handle, int count,
			  unsigned int *seen)
{
	struct share_dirent d = { .next = 0 };

	for (int i = 0; i < count; i++) {
		assert_int_equal(t->ops->read_folder(t->f, handle, d.next, &d),
				 1);
		if (*d.name != '.')
			seen[atoi(d.name)]++;
	}
	return d.next;
}

static void what_is_replaced_during_a_listing_is_in_it_once(void **state)
{
	struct layer_bench *t = *state;
	char name[16];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%d", i);
		host_put(t->host, name, "");
	}
	layer_bench_begin(t);
	/* The share's alone, and merged. */
	for (int k = 0; k < 2; k++) {
		unsigned int seen[NAMES] = { 0 };
		uint64_t handle = open_root(t), at;

		at = read_some(t, handle, 50, seen);
		for (int i = 0; i < 100; i += 3) {
			snprintf(name, sizeof(name), "%d", i);
			replace(t, name);
		}
		read_on(t, handle, at, seen);
		for (int i = 0; i < 100; i++)
			assert_int_equal(seen[i], 1);
		assert_int_equal(t->ops->close(t->f, handle), 0);
	}
}

static void what_is_replaced_is_told_as_it_is_now(void **state)
{
	struct layer_bench *t = *state;
	struct share_dirent d = { .next = 0 };
	uint64_t handle;
	unsigned int found = 0;

	host_put(t->host, "a", "");
	host_put(t->host, "b", "");
	layer_bench_begin(t);
	assert_int_equal(layer_try_remove(t, "a", false), 0);
	assert_int_equal(layer_try_mkdir(t, "a"), 0);
	assert_int_equal(layer_try_rename(t, "b", "c", 0), 0);
	handle = open_root(t);
	while (t->ops->read_folder(t->f, handle, d.next, &d) > 0) {
		if (*d.name == '.')
			continue;
		found++;
		assert_int_equal(d.type, *d.name == 'a' ? DT_DIR : DT_REG);
		assert_int_equal(d.ino, layer_stat(t, d.name).stx_ino);
	}
	assert_int_equal(found, 2);
	assert_int_equal(t->ops->close(t->f, handle), 0);
}

static void entries_can_be_looked_up_by_their_folder(void **state)
{
	struct layer_bench *t = *state;
	struct share_entry e;
	uint64_t handle;

	host_put(t->host, "a", "host");
	host_put(t->host, "b", "host");
	layer_bench_begin(t);
	handle = open_root(t);
	assert_int_equal(t->ops->lookup_in(t->f, handle, "a", &e), 0);
	layer_write_all(t, "new", "xx");
	layer_append(t, "a", "!");
	assert_int_equal(layer_try_remove(t, "b", false), 0);
	assert_int_equal(t->ops->lookup_in(t->f, handle, "a", &e), 0);
	assert_int_equal(e.attr.stx.stx_size, 5);
	assert_int_equal(t->ops->lookup_in(t->f, handle, "new", &e), 0);
	assert_int_equal(e.attr.stx.stx_size, 2);
	assert_int_equal(t->ops->lookup_in(t->f, handle, "b", &e), -ENOENT);
	assert_int_equal(t->ops->lookup_in(t->f, handle + 1, "a", &e), -EBADF);
	assert_int_equal(t->ops->close(t->f, handle), 0);
}

#define CASE(name)                                                          \
	cmocka_unit_test_setup_teardown(name, layer_bench_setup,              \
					layer_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_byte_that_changes_copies_one_chunk),
		CASE(a_reader_sees_what_another_handle_writes),
		CASE(what_is_cut_off_does_not_come_back),
		CASE(holes_are_made_and_found),
		CASE(chunks_in_a_row_are_given_back_at_once),
		CASE(copies_and_appends_go_where_they_should),
		CASE(a_new_file_may_be_there_already),
		CASE(many_pieces_of_memory_are_one_request),
		CASE(privilege_goes_when_told_or_with_the_file),
		CASE(a_merged_listing_has_every_name_once),
		CASE(a_listing_goes_on_while_its_folder_changes),
		CASE(what_is_replaced_during_a_listing_is_in_it_once),
		CASE(what_is_replaced_is_told_as_it_is_now),
		CASE(entries_can_be_looked_up_by_their_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
