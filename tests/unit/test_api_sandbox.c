// SPDX-License-Identifier: BSD-3-Clause
/* src/api_sandbox.c: options that are refused before anything is opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandbox_elf.h"
#include "vireo.h"

static struct vireo_sandbox_options good(const struct sandbox_elf *elf)
{
	return (struct vireo_sandbox_options){
		.size = sizeof(struct vireo_sandbox_options),
		.image = elf,
		.image_len = sizeof(*elf),
	};
}

static void refused(const struct vireo_sandbox_options *options, int code,
		    const char *key)
{
	struct vireo_sandbox *sb = (struct vireo_sandbox *)1;
	struct vireo_error err = { 0 };

	assert_int_equal(vireo_sandbox_create(&sb, options, &err), code);
	assert_null(sb);
	assert_int_equal(err.code, code);
	assert_string_equal(err.key, key);
	assert_true(strlen(err.text) > 10);
	assert_int_equal(vireo_sandbox_create(&sb, options, NULL), code);
}

static void L04_L08_options_are_checked(void **state)
{
	struct vireo_sandbox_options o;
	struct sandbox_elf elf;

	sandbox_elf_make(&elf);
	refused(NULL, VIREO_EINVAL, "size");
	o = good(&elf);
	o.size--;
	refused(&o, VIREO_EINVAL, "size");
	o = good(&elf);
	o.path = "/nonexistent";
	refused(&o, VIREO_EINVAL, "image");
	o = good(NULL);
	refused(&o, VIREO_EINVAL, "image");
	o.path = "/nonexistent";
	refused(&o, VIREO_EHOST, "");
	o.path = "/";
	refused(&o, VIREO_EINVAL, "");
	o = good(&elf);
	o.image_len = SIZE_MAX;
	refused(&o, VIREO_EINVAL, "image");
	o = good(&elf);
	o.has_kvm = true;
	o.kvm = -1;
	refused(&o, VIREO_EINVAL, "kvm");
	assert_int_equal(vireo_sandbox_create(NULL, &o, NULL), VIREO_EINVAL);
}

static void sizes_have_a_limit(void **state)
{
	static const uint64_t much[] = { (1u << 30) + 1, UINT64_MAX,
					 UINT64_MAX - 4096, 1ull << 63 };
	struct vireo_sandbox_options o;
	struct sandbox_elf elf;

	sandbox_elf_make(&elf);
	for (size_t i = 0; i < 4; i++) {
		o = good(&elf);
		o.memory = much[i];
		refused(&o, VIREO_EINVAL, "memory");
		o = good(&elf);
		o.stack = much[i];
		refused(&o, VIREO_EINVAL, "stack");
		o = good(&elf);
		o.buffer = much[i];
		refused(&o, VIREO_EINVAL, "buffer");
	}
	/* Each is allowed, all together do not fit. */
	o = good(&elf);
	o.buffer = o.stack = o.memory = 1u << 30;
	refused(&o, VIREO_EINVAL, "memory");
	o = good(&elf);
	o.memory = 0x16000;
	refused(&o, VIREO_EINVAL, "memory");
}

static void bad_programs_are_the_images_fault(void **state)
{
	struct vireo_sandbox_options o;
	struct sandbox_elf elf;

	sandbox_elf_make(&elf);
	elf.ph[0].p_flags |= PF_W;
	o = good(&elf);
	refused(&o, VIREO_EIMAGE, "");
	o.image_len = 0;
	refused(&o, VIREO_EIMAGE, "");
	o.flat = true;
	refused(&o, VIREO_EIMAGE, "");
	sandbox_elf_make(&elf);
	o = good(&elf);
	o.memory = 4096;
	refused(&o, VIREO_EIMAGE, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(L04_L08_options_are_checked),
		cmocka_unit_test(sizes_have_a_limit),
		cmocka_unit_test(bad_programs_are_the_images_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
