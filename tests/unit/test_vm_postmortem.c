// SPDX-License-Identifier: BSD-3-Clause
/* src/vm_postmortem.c: what is known of a VM that has ended, by how it did. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "one_vm.h"

/* A directory, and a core file in it that may be there. */
struct place {
	char dir[32];
	char core[48];
};

static void enter(struct place *p, struct one_vm *f)
{
	strcpy(p->dir, "/tmp/vireo-post-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->core, sizeof(p->core), "%s/core", p->dir);
	snprintf(f->cfg.vmcore, sizeof(f->cfg.vmcore), "%s", p->core);
}

static bool has_core(struct place *p)
{
	bool there = access(p->core, R_OK) == 0;

	unlink(p->core);
	assert_int_equal(rmdir(p->dir), 0);
	return there;
}

static bool leaves_core(struct one_vm *f, enum vireo_reason reason)
{
	struct place p;

	enter(&p, f);
	one_vm_run(f);
	assert_int_equal(f->end.reason, reason);
	return has_core(&p);
}

static void panic_leaves_a_core(void **state)
{
	fake_out(0, 0x505, 1, 1);
	assert_true(leaves_core(*state, VIREO_PANIC));
}

static void triple_fault_leaves_a_core(void **state)
{
	fake_exit(0, KVM_EXIT_SHUTDOWN);
	assert_true(leaves_core(*state, VIREO_TRIPLE_FAULT));
}

static void kvm_error_leaves_a_core(void **state)
{
	fake_exit(0, KVM_EXIT_INTERNAL_ERROR);
	assert_true(leaves_core(*state, VIREO_KVM_ERROR));
}

static void deadline_leaves_a_core(void **state)
{
	struct one_vm *f = *state;

	f->cfg.timeout_ms = 30;
	assert_true(leaves_core(f, VIREO_DEADLINE));
}

static void good_end_leaves_no_core(void **state)
{
	one_vm_power_off(0);
	assert_false(leaves_core(*state, VIREO_POWER_OFF));
}

static void panic_after_a_restart_leaves_a_core(void **state)
{
	struct one_vm *f = *state;

	f->cfg.restart = true;
	one_vm_reset(0);
	fake.boot = 2;
	fake_out(0, 0x505, 1, 1);
	assert_true(leaves_core(f, VIREO_PANIC));
}

static void note_line(void *ctx, int level, const char *line)
{
	snprintf(ctx, 512, "%s", line);
}

static void core_that_cannot_be_written_changes_no_verdict(void **state)
{
	struct one_vm *f = *state;
	char line[512] = "";
	struct place p;
	struct err err;

	enter(&p, f);
	f->log = (struct log){ LOG_LEVEL_ERROR, note_line, line };
	fake_out(0, 0x505, 1, 1);
	one_vm_create(f);
	assert_int_equal(rmdir(p.dir), 0);
	assert_int_equal(vm_start(f->vm, &err), 0);
	assert_int_equal(vm_wait(f->vm, 10000, &f->end), 0);
	assert_int_equal(f->end.exit_code, 117);
	assert_non_null(strstr(line, "vmcore: "));
	assert_non_null(strstr(line, p.core));
	assert_null(strchr(line, '\n'));
}

static void core_in_no_folder_is_told_before_the_start(void **state)
{
	struct one_vm *f = *state;
	struct err err = { 0 };

	strcpy(f->cfg.vmcore, "/nowhere/core");
	assert_true(vm_create(&f->vm, &f->cfg, &f->log, &f->fds, &err) < 0);
	assert_string_equal(err.key, "vmcore");
	assert_non_null(strstr(err.text, "vmcore: /nowhere/core"));
}

/* ---- registers and traces ---- */

struct seen {
	unsigned int cpus;
	unsigned int registers;
	uint64_t rip[4];
	char text[4096];
};

static void see_register(void *ctx, unsigned int cpu, const char *name,
			 uint64_t value)
{
	struct seen *s = ctx;

	s->registers++;
	s->cpus = cpu + 1;
	if (!strcmp(name, "rip"))
		s->rip[cpu] = value;
}

static void see_line(void *ctx, const char *line)
{
	struct seen *s = ctx;

	strcat(s->text, line);
	strcat(s->text, "\n");
}

static void look(struct one_vm *f, struct seen *s)
{
	memset(s, 0, sizeof(*s));
	vireo_registers(f->vm, see_register, s);
	vireo_trace(f->vm, see_line, s);
}

static void registers_are_told_after_the_end(void **state)
{
	struct one_vm *f = *state;
	struct seen s;

	f->cfg.cpus = 2;
	fake_out(0, 0x505, 1, 1);
	one_vm_create(f);
	look(f, &s);
	assert_int_equal(s.registers, 0);
	assert_string_equal(s.text, "");
	vm_destroy(f->vm);
	fake.boot = fake.vms + 1;
	fake_out(0, 0x505, 1, 1);
	one_vm_run(f);
	look(f, &s);
	assert_int_equal(s.cpus, 2);
	assert_int_equal(s.rip[0], fake.vcpu[0].regs.rip);
	assert_non_null(strstr(s.text, "vcpu1 "));
	assert_null(strstr(s.text, "seen"));
}

static void hang_is_looked_at_some_times(void **state)
{
	struct one_vm *f = *state;
	struct seen s;

	f->cfg.cpus = 2;
	f->cfg.timeout_ms = 100;
	one_vm_run(f);
	look(f, &s);
	/* all of them unless the host was busy: nothing waits for a look */
	assert_in_range(f->vm->samples, 1, VCPU_SAMPLES);
	if (f->vm->vcpu[0].samples)
		assert_non_null(strstr(s.text, " times at 0x"));
}

static void silence_is_looked_at_too(void **state)
{
	struct one_vm *f = *state;

	f->cfg.idle_timeout_ms = 30;
	one_vm_run(f);
	assert_int_equal(f->end.reason, VIREO_DEADLINE);
	assert_non_null(strstr(f->end.detail, "--idle-timeout"));
	assert_int_equal(f->vm->samples, VCPU_SAMPLES);
}

static void see_touched(void *ctx, const struct vireo_stat *stat)
{
	if (!strcmp(stat->name, "guest pages touched"))
		*(uint64_t *)ctx = stat->value;
}

static uint64_t touched_kib(struct one_vm *f)
{
	uint64_t kib = UINT64_MAX;

	vireo_stats(f->vm, see_touched, &kib);
	return kib;
}

/* The VM has 1 MiB, of which a core and a trace read all. */
static void reading_does_not_count_as_touching(void **state)
{
	struct one_vm *f = *state;
	struct place p;
	struct seen s;

	enter(&p, f);
	fake_out(0, 0x505, 1, 1);
	one_vm_run(f);
	assert_true(has_core(&p));
	assert_true(touched_kib(f) > 0 && touched_kib(f) < 512);
	vm_destroy(f->vm);
	f->vm = NULL;
	f->cfg.vmcore[0] = '\0';
	fake.boot = fake.vms + 1;
	fake_out(0, 0x505, 1, 1);
	one_vm_run(f);
	look(f, &s);
	assert_true(touched_kib(f) > 0 && touched_kib(f) < 512);
}

static void restart_that_failed_has_nothing_to_tell(void **state)
{
	struct one_vm *f = *state;
	struct seen s;

	f->cfg.restart = true;
	fake.fail_request = KVM_CREATE_VM;
	fake.fail_skip = 1;
	fake.fail_times = 1;
	fake.fail_error = ENOMEM;
	one_vm_reset(0);
	one_vm_run(f);
	look(f, &s);
	assert_int_equal(s.registers, 0);
	assert_string_equal(s.text, "");
}

static void symbols_that_cannot_be_read_are_told(void **state)
{
	struct one_vm *f = *state;
	char line[512] = "";
	struct seen s;

	strcpy(f->cfg.symbols, "/nowhere/map");
	f->log = (struct log){ LOG_LEVEL_WARN, note_line, line };
	fake_out(0, 0x505, 1, 1);
	one_vm_run(f);
	look(f, &s);
	assert_non_null(strstr(line, "symbols: /nowhere/map: No such file"));
	assert_non_null(strstr(s.text, "vcpu0 "));
}

#define KERNEL_RIP UINT64_C(0xffffffff81000010)

/* Leaves a map beside the kernel, and what its guest calls itself in RAM. */
static void look_with_map(struct one_vm *f, const char *map,
			  const char *release, uint64_t rip, struct seen *s)
{
	char info[256];
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/%s", map);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs("0000000000000000 T lowest\n"
	      "ffffffff81000000 T beginning\n", file);
	fclose(file);
	fake.boot = fake.vms + 1;
	fake_out(0, 0x505, 1, 1);
	one_vm_create(f);
	snprintf(info, sizeof(info), "OSRELEASE=%s\nPAGESIZE=4096\n"
		 "SYMBOL(_stext)=0\nKERNELOFFSET=0\n", release);
	assert_int_equal(mem_write(&f->vm->board.mem, 0x90000, info,
				   strlen(info)), 0);
	assert_int_equal(vm_start(f->vm, NULL), 0);
	assert_int_equal(vm_wait(f->vm, 10000, &f->end), 0);
	fake.vcpu[0].regs.rip = rip;
	look(f, s);
	unlink(path);
	vm_destroy(f->vm);
	f->vm = NULL;
}

static void symbols_beside_the_kernel_are_found(void **state)
{
	struct one_vm *f = *state;
	struct seen s;

	look_with_map(f, "System.map-6.1-vireo", "6.1-vireo", KERNEL_RIP, &s);
	assert_non_null(strstr(s.text, ": beginning+0x"));
	/* That is no kernel's: its RAM is not searched for what one says. */
	look_with_map(f, "System.map-6.1-vireo", "6.1-vireo", 0x1000, &s);
	assert_non_null(strstr(s.text, ": 0x1000\n"));
}

static void G09_release_is_no_path(void **state)
{
	struct one_vm *f = *state;
	struct seen s;

	assert_int_equal(mkdir("/tmp/System.map-v", 0700), 0);
	look_with_map(f, "System.map-6.1-vireo", "v/../System.map-6.1-vireo",
		      KERNEL_RIP, &s);
	assert_int_equal(rmdir("/tmp/System.map-v"), 0);
	assert_null(strstr(s.text, "beginning"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VM_TEST(panic_leaves_a_core),
		VM_TEST(triple_fault_leaves_a_core),
		VM_TEST(kvm_error_leaves_a_core),
		VM_TEST(deadline_leaves_a_core),
		VM_TEST(good_end_leaves_no_core),
		VM_TEST(panic_after_a_restart_leaves_a_core),
		VM_TEST(core_that_cannot_be_written_changes_no_verdict),
		VM_TEST(core_in_no_folder_is_told_before_the_start),
		VM_TEST(registers_are_told_after_the_end),
		VM_TEST(hang_is_looked_at_some_times),
		VM_TEST(silence_is_looked_at_too),
		VM_TEST(reading_does_not_count_as_touching),
		VM_TEST(restart_that_failed_has_nothing_to_tell),
		VM_TEST(symbols_that_cannot_be_read_are_told),
		VM_TEST(symbols_beside_the_kernel_are_found),
		VM_TEST(G09_release_is_no_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
