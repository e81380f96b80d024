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
		CASE(D909_no_chunk_is_past_what_a_file_may_have),
		CASE(D909_a_map_has_no_room_past_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
