// SPDX-License-Identifier: BSD-3-Clause
/* src/command/kernel_name.c: what is meant by a name, of packages as apt lists
 * them and of folders in a cache. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "command/kernel_name.h"

#define SIXES     "666666666666666666666666666666"
#define LONG_NAME "debian:" SIXES SIXES SIXES
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char debian[] =
	"linux-image-6.1.0-9-amd64 - Linux 6.1 for 64-bit PCs (signed)\n"
	"linux-image-6.1.0-56-amd64 - Linux 6.1 for 64-bit PCs (signed)\n"
	"linux-image-6.1.0-56-amd64-dbg - Debug symbols\n"
	"linux-image-6.1.0-56-amd64-unsigned - Linux 6.1 for 64-bit PCs\n"
	"linux-image-6.1.0-56-cloud-amd64 - Linux 6.1 (signed)\n"
	"linux-image-6.1.0-56-rt-amd64 - Linux 6.1\n"
	"linux-image-6.12-amd64 - Linux for 64-bit PCs (meta-package)\n"
	"linux-image-6.12-cloud-amd64 - Linux (meta-package)\n"
	"linux-image-6.12.117+deb12-cloud-amd64 - Linux 6.12\n"
	"linux-image-6.12.9+deb12-cloud-amd64 - Linux 6.12\n"
	"linux-image-6.12.117+deb12-rt-amd64 - Linux 6.12\n"
	"linux-image-6.12.30+deb12-amd64-unsigned - Linux 6.12\n"
	"linux-image-6.2.1+deb12-arm64 - Linux 6.12\n"
	"linux-image-amd64 - Linux for 64-bit PCs (meta-package)\n"
	"linux-image-cloud-amd64 - Linux (meta-package)\n"
	"linux-headers-6.12.200+deb12-cloud-amd64 - Headers\n";

static const char ubuntu[] =
	"linux-image-6.8.0-45-generic - Signed kernel image generic\n"
	"linux-image-6.8.0-9-generic - Signed kernel image generic\n"
	"linux-image-unsigned-6.8.0-45-generic - Linux kernel image\n"
	"linux-image-unsigned-6.11.0-8-generic - Linux kernel image\n"
	"linux-image-6.8.0-45-lowlatency - Signed kernel image\n"
	"linux-image-6.8.0-40-generic-64k - Signed kernel image\n"
	"linux-image-generic - Generic Linux kernel image\n";

static void chooses(const char *name, const char *list, const char *package)
{
	char got[KERNEL_PACKAGE_MAX] = "-";
	struct err err = { 0 };
	int r = kernel_choose(got, sizeof(got), name, list, &err);

	if (r < 0)
		fail_msg("%s: %s", name, err.text);
	assert_string_equal(got, package);
}

static void names_of_debian_mean_the_newest_of_their_kind(void **state)
{
	chooses("debian:6.12-cloud", debian,
		"linux-image-6.12.117+deb12-cloud-amd64");
	chooses("debian:6.12.9-cloud", debian,
		"linux-image-6.12.9+deb12-cloud-amd64");
	chooses("debian:cloud", debian,
		"linux-image-6.12.117+deb12-cloud-amd64");
	chooses("debian:rt", debian, "linux-image-6.12.117+deb12-rt-amd64");
	chooses("debian:6.1-rt", debian, "linux-image-6.1.0-56-rt-amd64");
	chooses("debian:6", debian,
		"linux-image-6.12.30+deb12-amd64-unsigned");
	chooses("debian:amd64", debian,
		"linux-image-6.12.30+deb12-amd64-unsigned");
}

static void a_version_is_a_beginning_by_whole_numbers(void **state)
{
	chooses("debian:6.1", debian, "linux-image-6.1.0-56-amd64");
	chooses("debian:6.1.0-9", debian, "linux-image-6.1.0-9-amd64");
	chooses("debian:6.1.0-56-cloud", debian,
		"linux-image-6.1.0-56-cloud-amd64");
	chooses("debian:6.12.117+deb12-cloud-amd64", debian, /* uname -r */
		"linux-image-6.12.117+deb12-cloud-amd64");
}

static void a_package_is_itself(void **state)
{
	chooses("debian:linux-image-6.1.0-9-amd64", debian,
		"linux-image-6.1.0-9-amd64");
	chooses("debian:linux-image-6.12-amd64", debian,
		"linux-image-6.12-amd64");
}

static void names_of_ubuntu_are_generic_where_they_say_nothing(void **state)
{
	chooses("ubuntu:6.8", ubuntu, "linux-image-6.8.0-45-generic");
	chooses("ubuntu:6.8-lowlatency", ubuntu,
		"linux-image-6.8.0-45-lowlatency");
	chooses("ubuntu:generic", ubuntu,
		"linux-image-unsigned-6.11.0-8-generic");
	chooses("ubuntu:generic-64k", ubuntu,
		"linux-image-6.8.0-40-generic-64k");
}

static void what_is_not_there_is_not_chosen(void **state)
{
	static const char *const names[] = {
		"debian:6.3", "debian:6.12-kvm", "debian:7", "ubuntu:6.8",
		"debian:linux-image-7", "debian:6.2",
	};
	char got[KERNEL_PACKAGE_MAX];
	struct err err = { 0 };

	for (size_t i = 0; i < COUNT(names); i++) {
		if (kernel_choose(got, sizeof(got), names[i], debian, &err) !=
		    -ENOENT)
			fail_msg("%s: %s", names[i], got);
		assert_non_null(strstr(err.text, names[i]));
		assert_string_equal(err.key, "kernel");
	}
	assert_int_equal(kernel_choose(got, sizeof(got), "debian:6", "", &err),
			 -ENOENT);
	assert_int_equal(kernel_choose(got, sizeof(got), "debian:6", "\n\n ",
				       &err), -ENOENT);
}

static void hostile_names_are_refused(void **state)
{
	static const char *const names[] = {
		"fedora:6.12", "debian:", "debian:-x", "debian:6.12 cloud",
		"debian:../x", "debian:6.12/x", "debian:$(x)", "debian:=x",
		"debian:6:1", "debian:\n6.12", "debian:+6",
		LONG_NAME,
	};
	char got[KERNEL_PACKAGE_MAX];
	struct err err = { 0 };

	for (size_t i = 0; i < COUNT(names); i++)
		if (kernel_choose(got, sizeof(got), names[i], debian, &err) !=
		    -EINVAL)
			fail_msg("%s is taken", names[i]);
}

static void a_name_is_a_word_and_a_colon_and_no_path(void **state)
{
	assert_true(kernel_is_name("debian:6.12"));
	assert_true(kernel_is_name("fedora:"));
	assert_false(kernel_is_name("vmlinuz"));
	assert_false(kernel_is_name("./debian:6.12"));
	assert_false(kernel_is_name("debian:6/x"));
	assert_false(kernel_is_name(":6"));
	assert_false(kernel_is_name("a b:6"));
	assert_false(kernel_is_name(""));
}

static void every_image_has_a_name_that_means_it(void **state)
{
	static const char *const names[][2] = {
		{ "linux-image-6.1.0-56-amd64", "debian:6.1.0-56" },
		{ "linux-image-6.12.117+deb12-cloud-amd64",
		  "debian:6.12.117+deb12-cloud" },
		{ "linux-image-6.8.0-45-generic", "ubuntu:6.8.0-45-generic" },
	};
	static const char *const none[] = {
		"linux-image-amd64", "linux-image-6.12-amd64", "tmp.abcdef",
		"linux-image-6.1.0-56-amd64-dbg", "linux-headers-6.1.0-56",
		"linux-image-6.2.1+deb12-arm64", "lock", "",
		"linux-image-", "linux-image-generic",
	};
	char name[64];

	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(kernel_name_of(name, sizeof(name),
						names[i][0]), 0);
		assert_string_equal(name, names[i][1]);
		chooses(name, names[i][0], names[i][0]);
	}
	for (size_t i = 0; i < COUNT(none); i++)
		assert_int_equal(kernel_name_of(name, sizeof(name), none[i]),
				 -EINVAL);
}

/* ---- in a cache ---- */

static void put(const char *dir, const char *package, const char *image)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, package);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/boot", dir, package);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/boot/%s", dir, package, image);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
}

static void the_newest_in_the_cache_is_found(void **state)
{
	char dir[] = "/tmp/vireo-kernels-XXXXXX";
	char path[256], want[256], command[64];
	struct err err = { 0 };

	assert_non_null(mkdtemp(dir));
	put(dir, "linux-image-6.12.9+deb12-cloud-amd64", "vmlinuz-9");
	put(dir, "linux-image-6.12.30+deb12-cloud-amd64", "vmlinuz-30");
	/* The newest of all is no kernel, or is not finished. */
	put(dir, "linux-image-6.12.99+deb12-cloud-amd64", "config-99");
	put(dir, "tmp.abcdef", "vmlinuz-100");
	snprintf(want, sizeof(want), "%s/linux-image-6.12.30+deb12-cloud-amd64"
				     "/boot/vmlinuz-30", dir);
	assert_int_equal(kernel_find(path, sizeof(path), "debian:6.12-cloud",
				     dir, &err), 0);
	assert_string_equal(path, want);
	assert_int_equal(kernel_find(path, sizeof(path), "debian:6.1", dir,
				     &err), -ENOENT);
	assert_non_null(strstr(err.text, "(vireo kernel fetch debian:6.1)"));
	assert_int_equal(kernel_find(path, sizeof(path), "debian:6.1",
				     "/nowhere", &err), -ENOENT);
	assert_int_equal(kernel_find(path, sizeof(path), "fedora:6", dir,
				     &err), -EINVAL);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_debian_mean_the_newest_of_their_kind),
		cmocka_unit_test(a_version_is_a_beginning_by_whole_numbers),
		cmocka_unit_test(a_package_is_itself),
		cmocka_unit_test(
			names_of_ubuntu_are_generic_where_they_say_nothing),
		cmocka_unit_test(what_is_not_there_is_not_chosen),
		cmocka_unit_test(hostile_names_are_refused),
		cmocka_unit_test(a_name_is_a_word_and_a_colon_and_no_path),
		cmocka_unit_test(every_image_has_a_name_that_means_it),
		cmocka_unit_test(the_newest_in_the_cache_is_found),
	};

	return cmocka_run_group_tests_name("kernel_name", tests, NULL, NULL);
}
