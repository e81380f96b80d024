// SPDX-License-Identifier: BSD-3-Clause
/* The throwaway layer against a hostile guest: limits, numbers that are none,
 * and no way to the host. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/layer_tree.h"
#include "base/num.h"
#include "layer_bench.h"

static const struct share_user somebody = { 1234, 77 };

static const struct layer *layer_of(const struct layer_bench *t)
{
	return (const struct layer *)(const void *)t->f;
}

static void begin_small(struct layer_bench *t, uint64_t size, uint64_t memory)
{
	layer_bench_begin_with(t, &(struct layer_config){ .size = size,
							  .memory = memory,
							  .handles = 100 },
			       &(struct share_config){ 0 });
}

static void D915_contents_have_a_limit(void **state)
{
	struct layer_bench *t = *state;
	static char bytes[LAYER_CHUNK + 1];
	struct statvfs v;
	int64_t h, r;
	uint64_t at = 0;

	memset(bytes, 'x', LAYER_CHUNK);
	host_put(t->host, "low", "host");
	begin_small(t, MIB, 0);
	h = layer_try_open(t, "f", O_RDWR | O_CREAT);
	while ((r = layer_put(t, h, bytes, at)) > 0)
		at += (uint64_t)r;
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(at, MIB);
	assert_int_equal(t->ops->statfs(t->f, SHARE_ROOT, &v), 0);
	assert_int_equal(v.f_blocks, MIB / 4096);
	assert_int_equal(v.f_bfree, 0);
	assert_int_equal(t->ops->allocate(t->f, (uint64_t)h, 0, 0, 2 * MIB),
			 -ENOSPC);
	/* What failed has left the file below as it was. */
	layer_shut(t, h);
	h = layer_try_open(t, "low", O_RDWR);
	assert_int_equal(layer_put(t, h, "x", 1), -ENOSPC);
	assert_true(layer_has(t, "low", "host"));
	assert_int_equal(layer_try_remove(t, "f", false), 0);
	assert_int_equal(layer_of(t)->store.blocks, 0);
	assert_int_equal(layer_put(t, h, "x", 1), 1);
	assert_true(layer_has(t, "low", "hxst"));
	layer_shut(t, h);
}

static void D915_nodes_and_names_have_a_limit(void **state)
{
	struct layer_bench *t = *state;
	unsigned int count = 0, links = 0;
	uint64_t empty;
	char name[32];
	int r;

	begin_small(t, 0, 64 * KIB);
	assert_int_equal(layer_try_mkdir(t, "d"), 0);
	layer_write_all(t, "f", "");
	empty = layer_of(t)->memory;
	for (;; count++) {
		snprintf(name, sizeof(name), "d/%u", count);
		r = layer_try_mkdir(t, name);
		if (r < 0)
			break;
	}
	assert_int_equal(r, -ENOSPC);
	assert_in_range(count, 50, 500);
	for (r = 0; r == 0; links++) {
		snprintf(name, sizeof(name), "d/link%u", links);
		r = layer_try_link(t, "f", name);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(layer_try_rename(t, "d/1", "d/much-longer-than-it-was-"
						    "and-longer-still", 0),
			 -ENOSPC);
	assert_true(layer_there(t, "d/1"));
	while (count--) {
		snprintf(name, sizeof(name), "d/%u", count);
		assert_int_equal(layer_try_remove(t, name, true), 0);
	}
	for (links--; links--;) {
		snprintf(name, sizeof(name), "d/link%u", links);
		assert_int_equal(layer_try_remove(t, name, false), 0);
	}
	assert_int_equal(layer_of(t)->memory, empty);
}

static void D915_a_list_is_as_long_as_its_names_need(void **state)
{
	struct layer_bench *t = *state;
	const struct layer_node *d;
	char name[32];
	uint64_t id;

	layer_bench_begin(t);
	assert_int_equal(layer_try_mkdir(t, "d"), 0);
	id = layer_get(t, "d");
	d = layer_node(to_layer(t->f), id);
	assert_non_null(d);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		assert_int_equal(layer_try_mkdir(t, name), 0);
	}
	assert_in_range(d->folder.room, 1000, 4000);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		assert_int_equal(layer_try_remove(t, name, true), 0);
		assert_true(d->folder.room <= 8u * (1000u - (unsigned int)i));
	}
	assert_in_range(d->folder.room, 1, 8);
	assert_int_equal(layer_try_mkdir(t, "d/x"), 0);
	assert_true(layer_lists(t, "d", "x "));
}

static void D915_links_and_attributes_count_too(void **state)
{
	struct layer_bench *t = *state;
	static char big[60000];
	uint64_t node, before;

	memset(big, 'x', sizeof(big) - 1);
	begin_small(t, 0, 100 * KIB);
	layer_write_all(t, "f", "");
	node = layer_get(t, "f");
	before = layer_of(t)->memory;
	assert_int_equal(t->ops->setxattr(t->f, node, "user.a", big, 60000, 0),
			 0);
	assert_int_equal(t->ops->setxattr(t->f, node, "user.b", big, 60000, 0),
			 -ENOSPC);
	assert_int_equal(t->ops->setxattr(t->f, node, "user.a", big, 65537, 0),
			 -E2BIG);
	assert_int_equal(t->ops->removexattr(t->f, node, "user.a"), 0);
	assert_int_equal(layer_of(t)->memory, before);
	assert_int_equal(layer_try_symlink(t, big, "l"), -ENAMETOOLONG);
	assert_int_equal(layer_of(t)->memory, before);
	for (int i = 0; i < 256; i++) {
		char name[16];

		snprintf(name, sizeof(name), "user.%d", i);
		assert_int_equal(t->ops->setxattr(t->f, node, name, "", 0, 0),
				 0);
	}
	assert_int_equal(t->ops->setxattr(t->f, node, "user.x", "", 0, 0),
			 -ENOSPC);
}

static void D908_handles_have_a_limit_and_numbers_once(void **state)
{
	struct layer_bench *t = *state;
	int64_t h[101], again;
	int i;

	host_put(t->host, "a", "host");
	begin_small(t, 0, 0);
	layer_write_all(t, "new", "");
	for (i = 0; i < 100; i++)
		h[i] = layer_try_open(t, i % 2 ? "a" : "new", O_RDWR);
	assert_int_equal(layer_try_open(t, "a", O_RDONLY), -ENFILE);
	assert_int_equal(layer_try_open(t, "made", O_RDWR | O_CREAT), -ENFILE);
	assert_false(layer_there(t, "made"));
	layer_shut(t, h[3]);
	again = layer_try_open(t, "a", O_RDONLY);
	assert_int_not_equal(again, h[3]);
	assert_int_equal(layer_put(t, h[3], "x", 0), -EBADF);
	assert_int_equal(t->ops->close(t->f, (uint64_t)h[3]), -EBADF);
}

static void D909_offsets_that_cannot_be_are_refused(void **state)
{
	struct layer_bench *t = *state;
	uint64_t u;
	int64_t h;
	char c;

	layer_bench_begin(t);
	h = layer_try_open(t, "f", O_RDWR | O_CREAT);
	u = (uint64_t)h;
	assert_int_equal(layer_take(t, h, &c, 1, UINT64_MAX), -EINVAL);
	assert_int_equal(layer_take(t, h, &c, 1, INT64_MAX), 0);
	assert_int_equal(layer_put(t, h, "x", UINT64_MAX), -EFBIG);
	assert_int_equal(layer_put(t, h, "x", 16ull << 40), -EFBIG);
	assert_int_equal(layer_put(t, h, "xy", (16ull << 40) - 1), 1);
	assert_int_equal(layer_resize(t, "f", (16ull << 40) + 1), -EFBIG);
	assert_int_equal(layer_resize(t, "f", UINT64_MAX), -EFBIG);
	assert_int_equal(t->ops->allocate(t->f, u, 0, UINT64_MAX, 2), -EFBIG);
	assert_int_equal(t->ops->allocate(t->f, u, 0, 0, 0), -EINVAL);
	assert_int_equal(t->ops->seek(t->f, u, -1, SEEK_DATA), -ENXIO);
	/* The chunk of the last byte: what is before it is skipped. */
	assert_int_equal(t->ops->seek(t->f, u, 0, SEEK_DATA),
			 (16ull << 40) - LAYER_CHUNK);
	assert_int_equal(t->ops->allocate(t->f, u,
					  FALLOC_FL_PUNCH_HOLE |
						  FALLOC_FL_KEEP_SIZE,
					  1, INT64_MAX - 1), 0);
	assert_int_equal(t->ops->copy(t->f, u, UINT64_MAX, u, 0, 1), -EINVAL);
	assert_int_equal(layer_resize(t, "f", 0), 0);
	layer_shut(t, h);
}

static void D910_offsets_that_were_never_told_do_no_harm(void **state)
{
	static const uint64_t at[] = {
		5, 1ull << 61, 1ull << 62, (1ull << 62) + 1, INT64_MAX,
	};
	struct layer_bench *t = *state;
	struct share_dirent d;
	uint64_t handle;

	host_put(t->host, "a", "host");
	layer_bench_begin(t);
	for (int changed = 0; changed < 2; changed++) {
		assert_int_equal(t->ops->open_folder(t->f, SHARE_ROOT,
						     &handle), 0);
		t->ops->read_folder(t->f, handle, 0, &d);
		for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
			int r = t->ops->read_folder(t->f, handle, at[i], &d);

			assert_true(r <= 1);
		}
		assert_int_equal(t->ops->read_folder(t->f, handle, UINT64_MAX,
						     &d), -EINVAL);
		layer_write_all(t, "b", "");
	}
}

static void D903_names_that_are_none_are_refused_everywhere(void **state)
{
	static const char *const names[] = { "", ".", "..", "a/b", "/" };
	struct layer_bench *t = *state;
	struct share_entry e;
	uint64_t handle;
	char name[257];

	host_put(t->host, "a", "host");
	layer_bench_begin(t);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct share_how how = { somebody, O_RDWR, 0600 };
		const char *n = names[i];

		assert_int_equal(t->ops->lookup(t->f, 1, n, &e), -EINVAL);
		assert_int_equal(t->ops->mkdir(t->f, 1, n, 0755, &somebody,
					       &e), -EINVAL);
		assert_int_equal(t->ops->symlink(t->f, 1, n, "x", &somebody,
						 &e), -EINVAL);
		assert_int_equal(t->ops->open_new(t->f, 1, n, how, &e,
						  &handle), -EINVAL);
		assert_int_equal(t->ops->link(t->f, layer_get(t, "a"), 1, n,
					      &e), -EINVAL);
		assert_int_equal(t->ops->remove(t->f, 1, n, true), -EINVAL);
		assert_int_equal(t->ops->rename(t->f, 1, "a", 1, n, 0),
				 -EINVAL);
		assert_int_equal(t->ops->rename(t->f, 1, n, 1, "b", 0),
				 -EINVAL);
	}
	memset(name, 'n', 256);
	name[256] = '\0';
	assert_int_equal(t->ops->mkdir(t->f, 1, name, 0755, &somebody, &e),
			 -ENAMETOOLONG);
	name[255] = '\0';
	assert_int_equal(t->ops->mkdir(t->f, 1, name, 0755, &somebody, &e), 0);
	assert_true(layer_there(t, name));
}

static void DF02_numbers_that_are_none_are_stale(void **state)
{
	static const uint64_t bad[] = {
		0, 77, UINT64_MAX, 1ull << 31, 1ull << 32, (1ull << 31) + 9,
	};
	const struct share_change c = { .set = SHARE_SET_MODE };
	struct layer_bench *t = *state;
	struct share_entry e;
	struct share_attr a;
	uint64_t handle;

	layer_bench_begin(t);
	layer_write_all(t, "f", "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const uint64_t n = bad[i];

		assert_int_equal(t->ops->getattr(t->f, n, &a), -ESTALE);
		assert_int_equal(t->ops->setattr(t->f, n, 0, &c, &a), -ESTALE);
		assert_int_equal(t->ops->lookup(t->f, n, "f", &e), -ESTALE);
		assert_int_equal(t->ops->mkdir(t->f, n, "x", 0, &somebody, &e),
				 -ESTALE);
		assert_int_equal(t->ops->remove(t->f, n, "x", false), -ESTALE);
		assert_int_equal(t->ops->rename(t->f, 1, "f", n, "x", 0),
				 -ESTALE);
		assert_int_equal(t->ops->link(t->f, n, 1, "x", &e), -ESTALE);
		assert_int_equal(t->ops->open(t->f, n, O_RDWR, &handle),
				 -ESTALE);
		assert_int_equal(t->ops->open_folder(t->f, n, &handle),
				 -ESTALE);
		assert_int_equal(t->ops->setxattr(t->f, n, "user.a", "", 0, 0),
				 -ESTALE);
		assert_int_equal(layer_put(t, (int64_t)n, "x", 0), -EBADF);
	}
	assert_true(layer_there(t, "f"));
}

static void nothing_is_made_in_a_folder_that_is_gone(void **state)
{
	struct layer_bench *t = *state;
	struct share_entry e;
	uint64_t node;

	host_mkdir(t->host, "d");
	layer_bench_begin(t);
	node = layer_get(t, "d");
	assert_int_equal(layer_try_remove(t, "d", true), 0);
	assert_int_equal(t->ops->mkdir(t->f, node, "x", 0, &somebody, &e),
			 -ENOENT);
	assert_int_equal(layer_try_mkdir(t, "d"), 0);
	assert_int_equal(layer_try_mkdir(t, "e"), 0);
	assert_int_equal(t->ops->rename(t->f, 1, "e", node, "x", 0), -ENOENT);
	assert_true(layer_there(t, "e"));
}

static void D905_links_of_the_host_lead_nowhere(void **state)
{
	struct layer_bench *t = *state;

	assert_int_equal(symlinkat("../outside", t->host->fd, "out"), 0);
	layer_bench_begin(t);
	assert_int_equal(layer_walk(t, "out/secret"), -ENOTDIR);
	assert_int_equal(layer_try_mkdir(t, "out/x"), -ENOTDIR);
	assert_int_equal(layer_try_rename(t, "out", "in", 0), 0);
	assert_int_equal(layer_walk(t, "in/secret"), -ENOTDIR);
	assert_int_equal(layer_try_open(t, "in", O_RDWR | O_TRUNC), -ELOOP);
}

static void D913_what_the_host_cuts_off_is_zeros(void **state)
{
	struct layer_bench *t = *state;
	char buf[9] = "";
	int64_t h;

	host_put(t->host, "a", "12345678");
	layer_bench_begin(t);
	h = layer_try_open(t, "a", O_RDWR);
	assert_int_equal(layer_put(t, h, "x", 200000), 1);
	host_put(t->host, "a", "1234");
	assert_int_equal(layer_take(t, h, buf, 8, 0), 8);
	assert_memory_equal(buf, "1234\0\0\0\0", 8);
	layer_shut(t, h);
	free(t->before);
	t->before = NULL; /* it was the host's own doing */
}

#define CASE(name)                                                          \
	cmocka_unit_test_setup_teardown(name, layer_bench_setup,              \
					layer_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(D915_contents_have_a_limit),
		CASE(D915_nodes_and_names_have_a_limit),
		CASE(D915_a_list_is_as_long_as_its_names_need),
		CASE(D915_links_and_attributes_count_too),
		CASE(D908_handles_have_a_limit_and_numbers_once),
		CASE(D909_offsets_that_cannot_be_are_refused),
		CASE(D910_offsets_that_were_never_told_do_no_harm),
		CASE(D903_names_that_are_none_are_refused_everywhere),
		CASE(DF02_numbers_that_are_none_are_stale),
		CASE(nothing_is_made_in_a_folder_that_is_gone),
		CASE(D905_links_of_the_host_lead_nowhere),
		CASE(D913_what_the_host_cuts_off_is_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
