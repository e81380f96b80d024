// SPDX-License-Identifier: BSD-3-Clause
/* What a command's VM is made of, with and without an initramfs: kernels that
 * are told by their modules' folders, in a tree of the test's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/num.h"
#include "command/direct_root.h"
#include "command/exec.h"
#include "command/guest_init.h"
#include "command/recipe.h"

#define VERSION "1.2.3-test"
#define MODULES "/lib/modules/" VERSION
#define WORDS   "root=vireo.root rootfstype=virtiofs ro init=/.vireo/init"

/* Of a module, its beginning. */
#define OVERLAY "\177ELF, 40 bytes of it, this is what it is"

struct bench {
	char dir[64];
	struct config cfg;
	struct guest_files files;
	struct err err;
};

/* ---- a kernel and its modules ---- */

static void put(struct bench *t, const char *name, const void *bytes,
		size_t len)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", t->dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

static void put_folder(struct bench *t, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s%s", t->dir, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

/* Only as much of a bzImage as names its version. */
static void put_kernel(struct bench *t)
{
	uint8_t image[0x300] = { 0 };

	memcpy(image + 0x202, "HdrS", 4);
	image[0x20e] = 0x80; /* and 0x200 */
	strcpy((char *)image + 0x280, VERSION " (somebody)");
	put(t, "/boot/bzImage", image, sizeof(image));
	snprintf(t->cfg.kernel, sizeof(t->cfg.kernel), "%s/boot/bzImage",
		 t->dir);
}

static void put_built_in(struct bench *t, const char *list)
{
	put(t, MODULES "/modules.builtin", list, strlen(list));
}

static int setup(void **state)
{
	static const char *const dirs[] = {
		"/boot", "/root", "/lib", "/lib/modules", MODULES,
		MODULES "/kernel",
	};
	struct bench *t = calloc(1, sizeof(*t));

	*state = t;
	assert_non_null(t);
	strcpy(t->dir, "/tmp/vireo-recipe-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	config_init(&t->cfg);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		put_folder(t, dirs[i]);
	put_kernel(t);
	put_built_in(t, "kernel/fs/fuse/fuse.ko\n"
			"kernel/fs/fuse/virtiofs.ko\n"
			"kernel/drivers/virtio/virtio-pci.ko\n");
	put(t, MODULES "/kernel/overlay.ko", OVERLAY, strlen(OVERLAY));
	snprintf(t->cfg.command.rootfs, sizeof(t->cfg.command.rootfs),
		 "%s/root", t->dir);
	assert_int_equal(config_set(&t->cfg, "command", "true", NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	struct bench *t = *state;
	char command[96];

	guest_files_finish(&t->files);
	snprintf(command, sizeof(command), "rm -rf %s", t->dir);
	free(t);
	return system(command);
}

static void set(struct bench *t, const char *key, const char *value)
{
	if (config_set(&t->cfg, key, value, &t->err) < 0)
		fail_msg("%s: %s", key, t->err.text);
}

static void prepare(struct bench *t)
{
	if (recipe_prepare(&t->files, &t->cfg, &t->err) < 0)
		fail_msg("%s", t->err.text);
}

/* ---- what is decided ---- */

static bool decides(struct bench *t)
{
	char dir[sizeof(t->dir) + sizeof(MODULES)];
	bool direct = false;

	snprintf(dir, sizeof(dir), "%s" MODULES, t->dir);
	if (direct_root(&direct, &t->cfg, dir, &t->err) < 0)
		fail_msg("%s", t->err.text);
	return direct;
}

/* Whatever the key says, and for which reason. */
static void assert_needs_one(struct bench *t, const char *why)
{
	const enum config_initramfs before = t->cfg.command.initramfs;
	char dir[sizeof(t->dir) + sizeof(MODULES)];
	bool direct = true;

	snprintf(dir, sizeof(dir), "%s" MODULES, t->dir);
	set(t, "initramfs", "auto");
	assert_false(decides(t));
	set(t, "initramfs", "always");
	assert_false(decides(t));
	set(t, "initramfs", "never");
	assert_int_equal(direct_root(&direct, &t->cfg, dir, &t->err), -EINVAL);
	assert_false(direct);
	assert_string_equal(t->err.key, "initramfs");
	if (!strstr(t->err.text, why) || !strchr(t->err.text, '('))
		fail_msg("\"%s\" lacks \"%s\" or a remedy", t->err.text, why);
	t->cfg.command.initramfs = before;
}

static void a_kernel_that_has_the_drivers_needs_none(void **state)
{
	struct bench *t = *state;

	assert_true(decides(t));
	set(t, "initramfs", "never");
	assert_true(decides(t));
	set(t, "initramfs", "always");
	assert_false(decides(t));
}

static void one_that_lacks_a_driver_needs_one(void **state)
{
	static const char *const lists[] = {
		"", "kernel/fs/fuse/virtiofs.ko\n",
		"kernel/drivers/virtio/virtio_pci.ko\n",
		"kernel/x/virtiofs.ko\nkernel/x/virtio_pci_legacy_dev.ko\n",
	};
	struct bench *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		put_built_in(t, lists[i]);
		assert_needs_one(t, "built into this kernel");
	}
}

/* Who insists knows what he has. */
static void of_one_nothing_is_known_of_the_user_decides(void **state)
{
	struct bench *t = *state;
	bool direct = true;

	assert_int_equal(direct_root(&direct, &t->cfg, "", &t->err), 0);
	assert_false(direct);
	set(t, "initramfs", "never");
	assert_int_equal(direct_root(&direct, &t->cfg, "", &t->err), 0);
	assert_true(direct);
}

static void other_machines_need_one(void **state)
{
	struct bench *t = *state;

	set(t, "transport", "mmio");
	assert_needs_one(t, "PCI");
	set(t, "transport", "pci");
	set(t, "initrd", "/some/initrd");
	assert_needs_one(t, "initrd");
	t->cfg.initrds = 0;
	set(t, "cmdline-only", "true");
	assert_needs_one(t, "command line");
	set(t, "cmdline-only", "false");
	assert_true(decides(t));
}

static void words_for_init_end_the_kernels_own(void **state)
{
	static const char *const ends[] = { "--", "-- x", "a --", "a -- b" };
	static const char *const goes_on[] = { "a--b", "--a", "a --b", "---" };
	struct bench *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		strcpy(t->cfg.cmdline, ends[i]);
		assert_needs_one(t, "command line");
	}
	for (size_t i = 0; i < ARRAY_SIZE(goes_on); i++) {
		strcpy(t->cfg.cmdline, goes_on[i]);
		assert_true(decides(t));
	}
}

static void other_roots_need_one(void **state)
{
	struct bench *t = *state;

	put_folder(t, "/root/.vireo");
	assert_needs_one(t, "/.vireo");
	snprintf(t->cfg.command.rootfs, sizeof(t->cfg.command.rootfs),
		 "%s/boot/bzImage", t->dir);
	assert_needs_one(t, "image");
}

static void the_key_takes_three_words(void **state)
{
	struct bench *t = *state;

	assert_int_equal(t->cfg.command.initramfs, INITRAMFS_AUTO);
	assert_int_equal(config_set(&t->cfg, "initramfs", "perhaps", &t->err),
			 -EINVAL);
	assert_non_null(strstr(t->err.text, "never"));
}

/* ---- what is made ---- */

/* The records, and where what follows them begins. */
static const char *records(const void *bytes, size_t len, size_t *end)
{
	const char *at = bytes;

	*end = 0;
	while (*end < len && at[*end])
		*end += strnlen(at + *end, len - *end) + 1;
	assert_true(*end < len);
	*end += 1;
	return at;
}

static bool has_record(const char *at, size_t end, const char *record)
{
	size_t n = 0;

	for (; n + 1 < end; n += strlen(at + n) + 1)
		if (!strcmp(at + n, record))
			return true;
	return false;
}

static const struct config_share *root_of(struct bench *t)
{
	const struct config_share *s = &t->cfg.share[0];

	assert_int_equal(t->cfg.shares, 1);
	assert_string_equal(s->tag, "vireo.root");
	assert_true(s->read_only && s->whole);
	return s;
}

static void without_one_the_share_has_inits_files(void **state)
{
	struct bench *t = *state;
	struct own_files own;
	const char *conf;
	size_t end;

	prepare(t);
	own = guest_files_own(&t->files);
	assert_string_equal(own.folder, ".vireo");
	assert_int_equal(own.count, 2);
	assert_string_equal(own.file[0].name, "init");
	assert_int_equal(own.file[0].mode, 0755);
	assert_ptr_equal(own.file[0].bytes, guest_init);
	assert_string_equal(own.file[1].name, "vireo.conf");
	assert_int_equal(own.file[1].mode, 0600);
	conf = records(own.file[1].bytes, own.file[1].len, &end);
	assert_true(has_record(conf, end, "root=vireo.root"));
	assert_true(has_record(conf, end, "arg=true"));
	assert_true(has_record(conf, end, "module=40 overlay"));
	assert_int_equal(own.file[1].len - end, strlen(OVERLAY));
	assert_memory_equal(conf + end, OVERLAY, strlen(OVERLAY));
	assert_true(root_of(t)->own_files);
	assert_int_equal(t->files.initramfs.len, 0);
	assert_string_equal(t->cfg.cmdline, "quiet " WORDS);
}

static void what_the_user_says_to_the_kernel_comes_before(void **state)
{
	struct bench *t = *state;

	set(t, "cmdline", "root=/dev/vda init=/bin/sh");
	prepare(t);
	assert_string_equal(t->cfg.cmdline,
			    "root=/dev/vda init=/bin/sh quiet " WORDS);
}

static void an_init_of_the_guests_own_is_told_of_as_well(void **state)
{
	struct bench *t = *state;
	struct own_files own;
	const char *conf;
	size_t end;

	t->cfg.command.args.count = 0;
	set(t, "init", "/sbin/init");
	prepare(t);
	own = guest_files_own(&t->files);
	conf = records(own.file[1].bytes, own.file[1].len, &end);
	assert_true(has_record(conf, end, "init=/sbin/init"));
	assert_string_equal(t->cfg.cmdline, WORDS);
}

static bool contains(const struct archive *a, const char *what, size_t len)
{
	return memmem(a->bytes, a->len, what, len) != NULL;
}

static void with_one_it_has_them_and_the_share_nothing(void **state)
{
	struct bench *t = *state;
	const struct archive *a = &t->files.initramfs;

	set(t, "initramfs", "always");
	prepare(t);
	assert_null(guest_files_own(&t->files).folder);
	assert_int_equal(guest_files_own(&t->files).count, 0);
	assert_false(root_of(t)->own_files);
	assert_string_equal(t->cfg.cmdline, "quiet");
	assert_true(contains(a, "init", 5));
	assert_true(contains(a, "vireo.conf", 11));
	assert_true(contains(a, "module=40 overlay", 18));
	assert_true(contains(a, OVERLAY, strlen(OVERLAY)));
	assert_true(contains(a, "dev/console", 12));
	assert_true(contains(a, (const char *)guest_init, 64));
}

static void without_modules_there_are_only_records(void **state)
{
	struct bench *t = *state;
	struct own_files own;
	size_t end;

	t->cfg.kernel[0] = '\0';
	put(t, "/vmlinux", "\177ELF", 4);
	snprintf(t->cfg.kernel, sizeof(t->cfg.kernel), "%s/vmlinux", t->dir);
	set(t, "initramfs", "never");
	prepare(t);
	own = guest_files_own(&t->files);
	records(own.file[1].bytes, own.file[1].len, &end);
	assert_int_equal(own.file[1].len, end);
}

static void what_is_impossible_makes_nothing(void **state)
{
	struct bench *t = *state;

	set(t, "initramfs", "never");
	set(t, "transport", "mmio");
	assert_int_equal(recipe_prepare(&t->files, &t->cfg, &t->err), -EINVAL);
	assert_null(guest_files_own(&t->files).folder);
	assert_int_equal(t->cfg.shares, 0);
}

/* ---- as much as init has room for ---- */

#define CONF_MAX (256u * 1024u) /* of firmware/init/init.h */

/* Of a further command with one word, of @len bytes; how long its records
 * are; 0: refused. */
static size_t order_of(struct bench *t, size_t len)
{
	char *word = malloc(len + 1);
	const char *const words[] = { word, NULL };
	const struct exec_order order = { .words = words };
	size_t records = 0;
	char *bytes;
	int r;

	assert_non_null(word);
	memset(word, 'w', len);
	word[len] = '\0';
	r = recipe_order(&bytes, &len, &t->cfg, &order, &t->err);
	if (r == 0)
		assert_int_equal(sscanf(bytes, "order %zu", &records), 1);
	else
		assert_int_equal(r, -EINVAL);
	free(bytes);
	free(word);
	return records;
}

static void records_are_less_than_init_has_room_for(void **state)
{
	struct bench *t = *state;
	size_t rest = order_of(t, 1) - 1;

	assert_int_equal(order_of(t, CONF_MAX - 2 - rest), CONF_MAX - 2);
	assert_int_equal(order_of(t, CONF_MAX - 1 - rest), CONF_MAX - 1);
	assert_int_equal(order_of(t, CONF_MAX - rest), 0);
	assert_int_equal(order_of(t, CONF_MAX + 1 - rest), 0);
	assert_int_equal(order_of(t, 2 * CONF_MAX), 0);
}

/* Words of a byte, of which the configuration takes more than init does. */
static void a_command_that_is_too_long_is_the_callers(void **state)
{
	struct bench *t = *state;

	while (config_set(&t->cfg, "env", "x=", NULL) == 0)
		;
	while (config_set(&t->cfg, "command", "x", NULL) == 0)
		;
	assert_int_equal(recipe_prepare(&t->files, &t->cfg, &t->err), -EINVAL);
	assert_string_equal(t->err.key, "command");
	assert_non_null(strstr(t->err.text, "256 KiB"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_kernel_that_has_the_drivers_needs_none),
		TEST(one_that_lacks_a_driver_needs_one),
		TEST(of_one_nothing_is_known_of_the_user_decides),
		TEST(other_machines_need_one),
		TEST(words_for_init_end_the_kernels_own),
		TEST(other_roots_need_one),
		TEST(the_key_takes_three_words),
		TEST(without_one_the_share_has_inits_files),
		TEST(what_the_user_says_to_the_kernel_comes_before),
		TEST(an_init_of_the_guests_own_is_told_of_as_well),
		TEST(with_one_it_has_them_and_the_share_nothing),
		TEST(without_modules_there_are_only_records),
		TEST(what_is_impossible_makes_nothing),
		TEST(records_are_less_than_init_has_room_for),
		TEST(a_command_that_is_too_long_is_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
