// SPDX-License-Identifier: BSD-3-Clause
/*
 * L07: in a chroot without /dev, /proc and /sys what is missing says so, and a
 * descriptor of /dev/kvm from before is all that VMs and sandboxes need.
 */
#include "vm_case.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB (1ul << 20)

static bool says(const struct vireo_error *err, const char *word)
{
	return strstr(err->text, word);
}

static void enter_chroot(void)
{
	if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
		skip_child("neither root nor user namespaces");
	if (chroot(".") < 0)
		skip_child("chroot() is not allowed");
	need(access("/dev", F_OK) < 0 && access("/proc", F_OK) < 0 &&
	     access("/sys", F_OK) < 0, "it is not empty", NULL);
}

/* The program as bytes: its path is elsewhere. */
static uint8_t *read_program(size_t *len)
{
	FILE *file = fopen(sandbox_program(), "re");
	uint8_t *bytes = malloc(MIB);

	need(file && bytes, "the sandbox's program", NULL);
	*len = fread(bytes, 1, MIB, file);
	fclose(file);
	return bytes;
}

static void want_kvm(const struct vireo_sandbox_options *options)
{
	struct vireo_error err;
	struct vireo_sandbox *sb;

	need(!create(small_vm, &err), "it is made", NULL);
	need(err.code == VIREO_EHOST && says(&err, "/dev/kvm") &&
	     says(&err, "descriptor"), "unclear", &err);
	need(vireo_sandbox_create(&sb, options, &err) == VIREO_EHOST &&
	     says(&err, "/dev/kvm") && says(&err, "descriptor"), "unclear",
	     &err);
}

/* What cannot be without /dev and /proc names itself. */
static void want_proc(int kvm)
{
	static const char *const lacking[][7] = {
		{ "kernel", GUEST_ENDS, "console", "pty" },
		{ "kernel", GUEST_ENDS, "share", ".,tag=here" },
		{ "kernel", GUEST_ENDS, "net", "tap=tap0" },
	};

	for (int i = 0; i < 3; i++) {
		struct vireo_config *cfg = config_with_kvm(lacking[i], kvm);
		struct vireo_error err = { 0 };
		struct vireo_vm *vm;

		need(vireo_create(&vm, cfg, &err) == VIREO_EHOST,
		     lacking[i][2], &err);
		need(!strcmp(err.key, lacking[i][2]) && strlen(err.text) > 10,
		     "unclear", &err);
		vireo_config_destroy(&cfg);
	}
}

static void on_row(void *ctx, const struct vireo_check_row *row)
{
}

static void live_in_a_chroot(void)
{
	struct vireo_sandbox_options options = { .size = sizeof(options) };
	struct vireo_config *cfg;
	struct vireo_error err = { 0 };
	struct vireo_sandbox *sb;
	uint8_t *program = read_program(&options.image_len);
	int kvm = open_kvm();

	options.image = program;
	make_disks();
	enter_chroot();
	want_kvm(&options);
	need(vireo_check(NULL, on_row, NULL) == VIREO_EHOST, "check", NULL);
	want_proc(kvm);
	cfg = config_with_kvm(full_vm, kvm);
	run_config(cfg, VIREO_DEBUG_EXIT);
	vireo_config_destroy(&cfg);
	options.has_kvm = true;
	options.kvm = kvm;
	need(vireo_sandbox_create(&sb, &options, &err) == 0, "sandbox", &err);
	call_sandbox(&sb);
	free(program);
	close(kvm);
}

static void L07_in_a_chroot_a_descriptor_is_enough(void **state)
{
	in_child(live_in_a_chroot);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(L07_in_a_chroot_a_descriptor_is_enough),
	};

	vm_case_begin(argc, argv);
	return cmocka_run_group_tests(tests, vm_case_set_up, vm_case_tear_down);
}
