// SPDX-License-Identifier: BSD-3-Clause
/* The throwaway layer while the host's files change, are very large, or are
 * read in parts; and files of our own in its share. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/layer_tree.h"
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
	/* All that there is at the end has names. */
	assert_int_equal(layer_of(t)->nodes.count, 2);
}

#define CASE(name)                                                          \
	cmocka_unit_test_setup_teardown(name, layer_bench_setup,              \
					layer_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(DF02_a_file_lives_as_long_as_its_names),
		CASE(DF02_a_replaced_file_lives_as_long_as_its_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
