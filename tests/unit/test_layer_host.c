// SPDX-License-Identifier: BSD-3-Clause
/* The throwaway layer while the host's files change, are very large, or are
 * read in parts; and files of our own in its share. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/layer_map.h"
#include "base/num.h"
#include "layer_bench.h"

static struct layer *layer_of(const struct layer_bench *t)
{
	return to_layer(t->f);
}

/* What has changed on the host was the test's doing. */
static void host_changes(struct layer_bench *t)
{
	free(t->before);
	t->before = NULL;
}

/* ---- names that the host makes later ---- */

/* The guest's changed file has two names in the layer; the host counted one. */
static void make_twins(struct layer_bench *t)
{
	host_put(t->host, "f", "host");
	host_put(t->host, "other", "x");
	layer_bench_begin(t);
	host_changes(t);
	layer_append(t, "f", "!");
	assert_int_equal(linkat(t->host->fd, "f", t->host->fd, "g", 0), 0);
	assert_int_equal(layer_try_rename(t, "g", "g2", 0), 0);
	assert_int_equal(layer_try_rename(t, "f", "f2", 0), 0);
}

static void DF02_a_file_lives_as_long_as_its_names(void **state)
{
	struct layer_bench *t = *state;

	make_twins(t);
	assert_int_equal(layer_try_remove(t, "f2", false), 0);
	assert_true(layer_has(t, "g2", "host!"));
	assert_int_equal(layer_stat(t, "g2").stx_nlink, 1);
	assert_int_equal(layer_try_remove(t, "g2", false), 0);
	assert_true(layer_lists(t, "", "other "));
}

static void DF02_a_replaced_file_lives_as_long_as_its_names(void **state)
{
	struct layer_bench *t = *state;

	make_twins(t);
	assert_int_equal(layer_try_rename(t, "other", "f2", 0), 0);
	assert_true(layer_has(t, "f2", "x"));
	assert_true(layer_has(t, "g2", "host!"));
	assert_int_equal(layer_try_rename(t, "g2", "f2", 0), 0);
	assert_true(layer_has(t, "f2", "host!"));
	assert_true(layer_lists(t, "", "f2 "));
	assert_int_equal(layer_stat(t, "f2").stx_nlink, 1);
	/* The root and this: the other one is no more. */
	assert_int_equal(layer_of(t)->nodes.count, 2);
}

/* ---- files of our own ---- */

static const struct own_file own_files[] = {
	{ "init", 0755, "init", 4 },
	{ "conf", 0600, "conf", 4 },
};

static void begin_own(struct layer_bench *t)
{
	layer_bench_begin_with(t, &(struct layer_config){ 0 },
			       &(struct share_config){
				       .own = { ".own", own_files, 2 } });
}

static void DF02_our_own_files_go_with_their_last_reference(void **state)
{
	struct layer_bench *t = *state;
	uint64_t node;

	begin_own(t);
	node = layer_get(t, ".own/init");
	assert_int_equal(layer_try_remove(t, ".own/init", false), 0);
	assert_null(layer_node(layer_of(t), node));
	assert_false(layer_there(t, ".own/init"));
	assert_int_equal(layer_try_rename(t, ".own/conf", "conf", 0), 0);
	node = layer_get(t, "conf");
	assert_int_equal(layer_node(layer_of(t), node)->refs, 1);
	assert_true(layer_has(t, "conf", "conf"));
	assert_int_equal(layer_try_remove(t, "conf", false), 0);
	t->ops->forget(t->f, node, 1);
	t->ops->forget(t->f, node, UINT64_MAX);
	assert_null(layer_node(layer_of(t), node));
}

static void what_takes_the_place_of_our_own_is_listed(void **state)
{
	struct layer_bench *t = *state;

	begin_own(t);
	assert_true(layer_lists(t, "", ""));
	assert_int_equal(layer_try_rename(t, ".own", "moved", 0), 0);
	assert_true(layer_lists(t, "", "moved "));
	assert_false(layer_there(t, ".own"));
	assert_int_equal(layer_try_mkdir(t, ".own"), 0);
	assert_true(layer_lists(t, "", ".own moved "));
	assert_int_equal(layer_try_remove(t, ".own", true), 0);
	assert_true(layer_lists(t, "", "moved "));
	assert_false(layer_there(t, ".own"));
}

/* ---- reads that give less than there is ---- */

static struct {
	size_t most; /* bytes in one read; 0: all */
	unsigned int calls, fail_at; /* the one that fails; 0: none */
} reads;

/* The host's, for all of this program. */
ssize_t preadv(int fd, const struct iovec *iov, int count, off_t off)
{
	ssize_t done = 0, n;

	reads.calls++;
	if (reads.calls == reads.fail_at) {
		errno = EIO;
		return -1;
	}
	for (int i = 0; i < count; i++) {
		size_t len = iov[i].iov_len;

		if (reads.most)
			len = min_u64(len, reads.most - (size_t)done);
		n = pread(fd, iov[i].iov_base, len, off + done);
		if (n < 0)
			return done ? done : n;
		done += n;
		if ((size_t)n < iov[i].iov_len)
			break;
	}
	return done;
}

static void reads_give_less(size_t most, unsigned int fail_at)
{
	reads.most = most;
	reads.calls = 0;
	reads.fail_at = fail_at;
}

static void D913_a_short_read_is_not_the_end(void **state)
{
	struct layer_bench *t = *state;
	char buf[16] = "";
	const struct iovec iov[] = { { buf, 3 }, { buf, 0 }, { buf + 3, 9 } };
	int64_t h;

	host_put(t->host, "a", "0123456789");
	layer_bench_begin(t);
	h = layer_try_open(t, "a", O_RDWR);
	/* Of the chunk that is to change, and of what is the share's still. */
	assert_int_equal(layer_put(t, h, "x", LAYER_CHUNK + 5), 1);
	reads_give_less(4, 0);
	assert_int_equal(t->ops->read(t->f, (uint64_t)h, iov, 3, 0), 12);
	assert_memory_equal(buf, "0123456789\0", 12);
	assert_int_equal(layer_put(t, h, "ABC", 9), 3);
	memset(buf, 'z', sizeof(buf));
	assert_int_equal(t->ops->read(t->f, (uint64_t)h, iov, 3, 0), 12);
	assert_memory_equal(buf, "012345678ABC", 12);
	reads_give_less(0, 0);
	memset(buf, 'z', sizeof(buf));
	assert_int_equal(t->ops->read(t->f, (uint64_t)h, iov, 3, 0), 12);
	assert_memory_equal(buf, "012345678ABC", 12);
	layer_shut(t, h);
}

static void D913_an_error_after_a_short_read_is_one(void **state)
{
	struct layer_bench *t = *state;
	char buf[10];
	int64_t h;

	host_put(t->host, "a", "0123456789");
	layer_bench_begin(t);
	h = layer_try_open(t, "a", O_RDWR);
	assert_int_equal(layer_put(t, h, "x", LAYER_CHUNK), 1);
	reads_give_less(4, 2);
	assert_int_equal(layer_take(t, h, buf, 10, 0), -EIO);
	reads_give_less(4, 2);
	assert_int_equal(layer_put(t, h, "x", 9), -EIO);
	reads_give_less(4, 0);
	assert_int_equal(layer_put(t, h, "x", 9), 1);
	reads_give_less(4, 2);
	assert_int_equal(layer_take(t, h, buf, 10, 0), -EIO);
	reads_give_less(0, 0);
	assert_int_equal(layer_take(t, h, buf, 10, 0), 10);
	assert_memory_equal(buf, "012345678x", 10);
	layer_shut(t, h);
}

/* ---- files of the host's that are larger than any of ours ---- */

#define HUGE_SIZE (1ull << 62)

/* Above a folder of its own, where there may be one. */
static bool begin_huge(struct layer_bench *t, char *dir)
{
	const struct layer_config cfg = { .dir = "/var/tmp" };
	const struct share_config below = { .path = dir, .read_only = true };
	struct share *share;
	char name[64];
	int fd;

	if (!mkdtemp(dir))
		return false;
	snprintf(name, sizeof(name), "%s/huge", dir);
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, (off_t)HUGE_SIZE) < 0) {
		close(fd);
		return false;
	}
	close(fd);
	assert_int_equal(share_create(&share, &below, &t->host->err), 0);
	assert_int_equal(layer_create(&t->f, &cfg, share, &t->host->err), 0);
	t->ops = t->f->ops;
	return true;
}

static void end_huge(const char *dir)
{
	char name[64];

	snprintf(name, sizeof(name), "%s/huge", dir);
	unlink(name);
	rmdir(dir);
}

static void D909_no_chunk_is_past_what_a_file_may_have(void **state)
{
	static const uint64_t at[] = { 16ull << 40, 1ull << 54, 1ull << 61 };
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	char dir[] = "/dev/shm/vireo-layer-XXXXXX";
	struct layer_bench *t = *state;
	uint64_t h;

	if (!begin_huge(t, dir)) {
		end_huge(dir);
		skip();
	}
	h = (uint64_t)layer_try_open(t, "huge", O_RDWR);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		assert_int_equal(t->ops->allocate(t->f, h, punch, at[i],
						  LAYER_CHUNK), -EFBIG);
		assert_int_equal(t->ops->allocate(t->f, h, punch, at[i] + 1,
						  1), -EFBIG);
		assert_int_equal(layer_put(t, (int64_t)h, "x", at[i]), -EFBIG);
	}
	/* One that ends there asks for no chunk of what is past it. */
	assert_int_equal(t->ops->allocate(t->f, h, punch,
					  (16ull << 40) - LAYER_CHUNK,
					  LAYER_CHUNK), 0);
	assert_int_equal(t->ops->allocate(t->f, h, punch, LAYER_CHUNK,
					  INT64_MAX - LAYER_CHUNK), 0);
	assert_int_equal(layer_stat(t, "huge").stx_size, HUGE_SIZE);
	layer_shut(t, (int64_t)h);
	end_huge(dir);
}

static void D909_a_map_has_no_room_past_it(void **state)
{
	struct layer_bench *t = *state;
	struct layer_data d = { 0 };

	layer_bench_begin(t);
	assert_int_equal(layer_map_room(layer_of(t), &d, (1ull << 38) + 1),
			 -EFBIG);
	assert_int_equal(layer_map_room(layer_of(t), &d, UINT64_MAX), -EFBIG);
	assert_int_equal(layer_map_room(layer_of(t), &d, 1ull << 28), -EFBIG);
	assert_int_equal(layer_map_room(layer_of(t), &d, 100), 0);
	layer_map_set(&d, 100, CHUNK_ZERO);
	layer_map_drop(layer_of(t), &d);
	assert_int_equal(layer_of(t)->memory, 0);
}

#define CASE(name)                                                          \
	cmocka_unit_test_setup_teardown(name, layer_bench_setup,              \
					layer_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(DF02_a_file_lives_as_long_as_its_names),
		CASE(DF02_a_replaced_file_lives_as_long_as_its_names),
		CASE(DF02_our_own_files_go_with_their_last_reference),
		CASE(what_takes_the_place_of_our_own_is_listed),
		CASE(D913_a_short_read_is_not_the_end),
		CASE(D913_an_error_after_a_short_read_is_one),
		CASE(D909_no_chunk_is_past_what_a_file_may_have),
		CASE(D909_a_map_has_no_room_past_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
