// SPDX-License-Identifier: BSD-3-Clause
/* src/vm_gdb.c: a whole VM behind the stub's socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/unix_sock.h"
#include "one_vm.h"

#define PLACE   0x9000
#define WAIT_MS 10000

static char its_path[64];

static int play_break(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.exception = 3;
	run->debug.arch.pc = PLACE;
	run->debug.arch.dr6 = 0;
	return 0;
}

static void start(struct one_vm *f, bool wait)
{
	snprintf(its_path, sizeof(its_path), "/tmp/vireo-vmgdb-%d", getpid());
	snprintf(f->cfg.gdb, sizeof(f->cfg.gdb), "unix:%s", its_path);
	f->cfg.gdb_wait = wait;
	one_vm_create(f);
	/* Looking for it would take another VM of the fake's. */
	memset(f->vm->debug.probed, true, sizeof(f->vm->debug.probed));
	memset(f->vm->debug.works, true, sizeof(f->vm->debug.works));
	assert_int_equal(vm_start(f->vm, NULL), 0);
}

static int dial(void)
{
	int fd;

	assert_int_equal(unix_connect(&fd, its_path), 0);
	return fd;
}

/* A packet, and the answer without signs; NULL: nothing is waited for. */
static void ask(int fd, const char *body, const char *wants)
{
	char text[2048], got[2048];
	uint8_t sum = 0;
	size_t n = 0;

	for (const char *p = body; *p; p++)
		sum = (uint8_t)(sum + (uint8_t)*p);
	snprintf(text, sizeof(text), "$%s#%02x", body, sum);
	send(fd, text, strlen(text), MSG_NOSIGNAL);
	while (wants) {
		struct pollfd p = { fd, POLLIN, 0 };
		ssize_t r;

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		r = read(fd, got + n, sizeof(got) - 1 - n);
		assert_true(r > 0);
		n += (size_t)r;
		got[n] = '\0';
		if (n > 4 && got[n - 3] == '#' && strchr(got, '$'))
			break;
	}
	if (!wants)
		return;
	got[n - 3] = '\0';
	assert_string_equal(strchr(got, '$') + 1, wants);
}

static void guest_waits_for_gdb_when_asked_to(void **state)
{
	struct one_vm *f = *state;
	int fd;

	one_vm_power_off(0);
	start(f, true);
	assert_int_equal(vm_wait(f->vm, 30, NULL), -ETIMEDOUT);
	assert_int_equal(__atomic_load_n(&fake.vcpu[0].runs,
					 __ATOMIC_SEQ_CST), 0);
	assert_int_equal(vireo_resume(f->vm), 0); /* not his to say */
	assert_int_equal(vm_wait(f->vm, 30, NULL), -ETIMEDOUT);
	fd = dial();
	ask(fd, "?", "T05thread:1;");
	ask(fd, "c", "W00");
	close(fd);
	assert_int_equal(vm_wait(f->vm, WAIT_MS, NULL), 0);
}

static void guest_does_not_wait_otherwise(void **state)
{
	struct one_vm *f = *state;

	one_vm_power_off(0);
	start(f, false);
	assert_int_equal(vm_wait(f->vm, WAIT_MS, NULL), 0);
}

static void breakpoint_is_reached_and_taken_away(void **state)
{
	const struct fake_step step = { .play = play_break };
	struct one_vm *f = *state;
	uint8_t *byte;
	int fd;

	fake_step(0, &step);
	start(f, true);
	byte = mem_ptr(&f->vm->board.mem, PLACE, 1);
	*byte = 0x90;
	fd = dial();
	ask(fd, "qSupported:swbreak+",
	    "PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;swbreak+;"
	    "hwbreak+;vContSupported+");
	ask(fd, "Z0,9000,1", "OK");
	assert_int_equal(*byte, ARCH_BREAK_INSN);
	ask(fd, "m9000,1", "90");
	ask(fd, "Mdeadbeefdeadbeef,1:00", "E0e");
	ask(fd, "M8fff,3:112233", "OK");
	ask(fd, "m8fff,3", "112233");
	ask(fd, "Z1,1234,1", "OK");
	ask(fd, "Z3,1234,1", "");
	ask(fd, "vCont;c", "T05thread:1;swbreak:;");
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_HARDWARE, 1, 1),
			 VIREO_ESTATE);
	assert_int_equal(vireo_vcpu_step(f->vm, 0), VIREO_ESTATE);
	close(fd); /* without a word */
	while (atomic_load(&f->vm->gate.closed))
		usleep(100);
	assert_int_equal(vireo_pause(f->vm), 0);
	assert_int_equal(*byte, 0x22);
	assert_int_equal(fake.vcpu[0].debug.control, 0);
}

static void registers_are_set_by_gdb(void **state)
{
	struct one_vm *f = *state;
	int fd;

	f->cfg.cpus = 2;
	start(f, true);
	fd = dial();
	ask(fd, "P10=3412000000000000", "OK");
	ask(fd, "p10", "3412000000000000");
	ask(fd, "Hg2", "OK");
	ask(fd, "P3b=1100000000000000", "OK");
	ask(fd, "P28=01020304050607080910111213141516", "OK");
	ask(fd, "qThreadExtraInfo,2", "7643505520313a2072756e6e696e67");
	assert_int_equal(fake.vcpu[0].regs.rip, 0x1234);
	assert_int_equal(fake.vcpu[1].sregs.cr0, 0x11);
	assert_int_equal(fake.vcpu[1].fpu.xmm[0][15], 0x16);
	ask(fd, "D", "OK");
	close(fd);
}

static void gdb_ends_the_guest(void **state)
{
	struct one_vm *f = *state;
	int fd;

	start(f, false);
	fd = dial();
	ask(fd, "k", NULL);
	assert_int_equal(vm_wait(f->vm, WAIT_MS, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_STOPPED);
	close(fd);
}

static void caller_pauses_beside_gdb(void **state)
{
	struct one_vm *f = *state;
	int fd;

	start(f, false);
	fd = dial();
	ask(fd, "?", "T05thread:1;");
	assert_int_equal(vireo_pause(f->vm), 0);
	ask(fd, "s", "E10"); /* the caller does not want it */
	ask(fd, "D", "OK");
	close(fd);
	usleep(10000);
	assert_true(gate_is_empty(&f->vm->gate));
	assert_int_equal(vireo_resume(f->vm), 0);
}

/* Somebody who has not paused it does not get in the way. */
static void caller_does_not_resume_what_gdb_runs(void **state)
{
	struct one_vm *f = *state;
	int fd;

	f->cfg.cpus = 2;
	start(f, true);
	fd = dial();
	ask(fd, "vCont;c:2", NULL);
	while (!__atomic_load_n(&fake.vcpu[1].runs, __ATOMIC_SEQ_CST))
		usleep(100);
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_true(gate_is_open_for_one(&f->vm->gate));
	assert_int_equal(__atomic_load_n(&fake.vcpu[0].runs,
					 __ATOMIC_SEQ_CST), 0);
	close(fd);
}

static void address_in_use_is_refused(void **state)
{
	struct one_vm *f = *state;
	struct vireo_vm *other = NULL;
	struct err err = { 0 };

	start(f, false);
	assert_true(vm_create(&other, &f->cfg, &f->log, &f->fds, &err) < 0);
	assert_null(other);
	assert_string_equal(err.key, "gdb");
	assert_non_null(strstr(err.text, its_path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VM_TEST(guest_waits_for_gdb_when_asked_to),
		VM_TEST(guest_does_not_wait_otherwise),
		VM_TEST(breakpoint_is_reached_and_taken_away),
		VM_TEST(registers_are_set_by_gdb),
		VM_TEST(gdb_ends_the_guest),
		VM_TEST(caller_pauses_beside_gdb),
		VM_TEST(caller_does_not_resume_what_gdb_runs),
		VM_TEST(address_in_use_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
