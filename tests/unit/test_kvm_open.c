// SPDX-License-Identifier: BSD-3-Clause
/* src/kvm/kvm_open.c over fake_kvm: what makes a host unfit, and that the
 * refusal says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "fake_kvm.h"
#include "kvm/kvm.h"

static int fd = -1;

static int set_up(void **state)
{
	fake_kvm_reset();
	fd = fake_kvm_open();
	return fd >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	close(fd);
	return 0;
}

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void assert_refused(int code, const char *word)
{
	unsigned int before = open_fds();
	struct kvm kvm;
	struct err err = { 0 };

	assert_int_equal(kvm_open(&kvm, fd, &err), code);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" is not in \"%s\"", word, err.text);
	assert_int_equal(kvm.fd, -1);
	assert_int_equal(open_fds(), before);
}

static void kvm_open_takes_a_copy_of_a_descriptor(void **state)
{
	struct kvm kvm;

	assert_int_equal(kvm_open(&kvm, fd, NULL), 0);
	assert_int_not_equal(kvm.fd, fd);
	assert_true(kvm.fd > 2);
	assert_true(fcntl(kvm.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(kvm.run_size, FAKE_RUN_SIZE);
	assert_int_equal(kvm.max_vcpus, FAKE_VCPUS);
	assert_true(kvm.signal_msi);
	kvm_close(&kvm);
	kvm_close(&kvm);
	assert_true(fcntl(fd, F_GETFD) >= 0); /* the caller's own stays */
}

static void R01_other_api_versions_are_refused(void **state)
{
	fake.api_version = 11;
	assert_refused(-ENOTSUP, "API version 11, vireo needs 12");
	fake.api_version = 13;
	assert_refused(-ENOTSUP, "API version 13");
}

static void R01_what_is_no_kvm_device_is_refused(void **state)
{
	fake.fail_request = KVM_GET_API_VERSION;
	fake.fail_times = 1;
	fake.fail_error = ENOTTY;
	assert_refused(-ENOTTY, "not a KVM device");
}

static void R01_closed_descriptor_is_refused_with_its_key(void **state)
{
	struct kvm kvm;
	struct err err = { 0 };

	assert_int_equal(kvm_open(&kvm, 987, &err), -EBADF);
	assert_string_equal(err.key, "kvm-fd");
	assert_non_null(strstr(err.text, "descriptor 987"));
}

static void R02_each_missing_required_capability_is_named(void **state)
{
	const struct kvm_cap *cap;
	unsigned int required = 0;
	struct kvm kvm;

	for (size_t i = 0; (cap = kvm_cap_at(i)); i++) {
		fake.missing[0] = cap->number;
		if (cap->required) {
			assert_refused(-ENOTSUP, cap->name);
			required++;
		} else {
			assert_int_equal(kvm_open(&kvm, fd, NULL), 0);
			kvm_close(&kvm);
		}
	}
	assert_true(required >= 4);
}

static void R02_first_missing_capability_is_named_with_its_use(void **state)
{
	fake.missing[0] = KVM_CAP_IMMEDIATE_EXIT;
	fake.missing[1] = KVM_CAP_IRQFD;
	assert_refused(-ENOTSUP, "\"immediate exit\" here, which vireo needs "
				 "for stopping a vCPU");
}

static void kvm_open_refuses_a_vcpu_area_too_small(void **state)
{
	static const int sizes[] = { 0, 1, (int)sizeof(struct kvm_run) - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		fake.run_size = sizes[i];
		assert_refused(-EIO, "vCPU area");
	}
}

static void kvm_open_assumes_4_vcpus_when_kvm_does_not_tell(void **state)
{
	struct kvm kvm;

	fake.max_vcpus = 0;
	assert_int_equal(kvm_open(&kvm, fd, NULL), 0);
	assert_int_equal(kvm.max_vcpus, 4);
	kvm_close(&kvm);
}

static void kvm_supported_cpuid_asks_again_with_more_room(void **state)
{
	struct kvm_cpuid2 *c = NULL;
	struct kvm kvm;

	assert_int_equal(kvm_open(&kvm, fd, NULL), 0);
	fake.fail_request = KVM_GET_SUPPORTED_CPUID;
	fake.fail_times = 3;
	fake.fail_error = E2BIG;
	assert_int_equal(kvm_supported_cpuid(&kvm, &c), 0);
	assert_int_equal(fake_kvm_count(KVM_GET_SUPPORTED_CPUID), 4);
	/* There is room for more, as promised. */
	memset(&c->entries[c->nent], 0xff,
	       KVM_CPUID_SPARE * sizeof(c->entries[0]));
	free(c);
	fake.fail_times = 1000; /* but not for ever */
	assert_int_equal(kvm_supported_cpuid(&kvm, &c), -E2BIG);
	fake.fail_error = ENOMEM;
	assert_int_equal(kvm_supported_cpuid(&kvm, &c), -ENOMEM);
	kvm_close(&kvm);
}

static void kvm_exit_names_are_there_for_every_number(void **state)
{
	assert_string_equal(kvm_exit_name(KVM_EXIT_IO), "io");
	assert_string_equal(kvm_exit_name(KVM_EXIT_MMIO), "mmio");
	for (uint32_t i = 0; i < 200; i++)
		assert_true(strlen(kvm_exit_name(i)) > 0);
	assert_string_equal(kvm_exit_name(UINT32_MAX), "other");
}

#define OPEN_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN_TEST(kvm_open_takes_a_copy_of_a_descriptor),
		OPEN_TEST(R01_other_api_versions_are_refused),
		OPEN_TEST(R01_what_is_no_kvm_device_is_refused),
		OPEN_TEST(R01_closed_descriptor_is_refused_with_its_key),
		OPEN_TEST(R02_each_missing_required_capability_is_named),
		OPEN_TEST(R02_first_missing_capability_is_named_with_its_use),
		OPEN_TEST(kvm_open_refuses_a_vcpu_area_too_small),
		OPEN_TEST(kvm_open_assumes_4_vcpus_when_kvm_does_not_tell),
		OPEN_TEST(kvm_supported_cpuid_asks_again_with_more_room),
		OPEN_TEST(kvm_exit_names_are_there_for_every_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
