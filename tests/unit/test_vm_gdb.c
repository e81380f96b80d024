// SPDX-License-Identifier: BSD-3-Clause
/* src/vm_gdb.c: a whole VM behind the stub's socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
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

/* The next packet that comes, without signs. */
static void hear(int fd, const char *wants)
{
	char got[2048];
	size_t n = 0;

	for (;;) {
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
	got[n - 3] = '\0';
	assert_string_equal(strchr(got, '$') + 1, wants);
}

/* A packet, and the answer; NULL: nothing is waited for. */
static void ask(int fd, const char *body, const char *wants)
{
	char text[2048];
	uint8_t sum = 0;

	for (const char *p = body; *p; p++)
		sum = (uint8_t)(sum + (uint8_t)*p);
	snprintf(text, sizeof(text), "$%s#%02x", body, sum);
	send(fd, text, strlen(text), MSG_NOSIGNAL);
	if (wants)
		hear(fd, wants);
}

static unsigned int runs(unsigned int cpu)
{
	return __atomic_load_n(&fake.vcpu[cpu].runs, __ATOMIC_SEQ_CST);
}

static void await_run(unsigned int cpu, unsigned int before)
{
	while (runs(cpu) == before)
		usleep(100);
}

static void guest_waits_for_gdb_when_asked_to(void **state)
{
	struct one_vm *f = *state;
	int fd;

	one_vm_power_off(0);
	start(f, true);
	assert_int_equal(vm_wait(f->vm, 30, NULL), -ETIMEDOUT);
	assert_int_equal(runs(0), 0);
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
	ask(fd, "s", NULL); /* when the caller lets it */
	usleep(10000);
	assert_true(gate_is_empty(&f->vm->gate));
	ask(fd, "D", "OK");
	close(fd);
	usleep(10000);
	assert_true(gate_is_empty(&f->vm->gate));
	assert_int_equal(vireo_resume(f->vm), 0);
}

static int who_passes(struct gate *gate)
{
	int id;

	pthread_mutex_lock(&gate->lock);
	id = gate->alone;
	pthread_mutex_unlock(&gate->lock);
	return id;
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
	await_run(1, 0);
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_int_equal(who_passes(&f->vm->gate), 1);
	assert_int_equal(runs(0), 0);
	close(fd);
}

/* ---- a program that pauses in the middle of what gdb does ---- */

static int play_stepped(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.exception = 1;
	run->debug.arch.pc = PLACE + 1;
	run->debug.arch.dr6 = 1u << 14;
	fake.vcpu[0].at -= step->size; /* 1: and once more */
	return 0;
}

/* The next time vCPU 0 runs, it has done an instruction. */
static void let_it_step(bool always)
{
	const struct fake_step step = { .play = play_stepped, .size = always };

	fake_step(0, &step);
}

static void step_outlives_a_pause_of_the_callers(struct one_vm *f,
						 bool others)
{
	int fd;

	f->cfg.cpus = 2;
	start(f, true);
	fd = dial();
	ask(fd, others ? "vCont;s:1;c" : "vCont;s:1", NULL);
	await_run(0, 0);
	if (others)
		await_run(1, 0);
	assert_int_equal(vireo_pause(f->vm), 0);
	let_it_step(false);
	assert_int_equal(vireo_resume(f->vm), 0);
	hear(fd, "T05thread:1;");
	assert_true(gate_is_empty(&f->vm->gate));
	assert_int_equal(runs(1) > 0, others);
	close(fd);
}

static void step_alone_outlives_a_pause(void **state)
{
	step_outlives_a_pause_of_the_callers(*state, false);
}

static void step_with_others_outlives_a_pause(void **state)
{
	step_outlives_a_pause_of_the_callers(*state, true);
}

static void thread_that_runs_alone_outlives_a_pause(void **state)
{
	struct one_vm *f = *state;
	unsigned int before;
	int fd;

	f->cfg.cpus = 2;
	start(f, true);
	fd = dial();
	ask(fd, "vCont;c:1", NULL);
	await_run(0, 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(vireo_pause(f->vm), 0);
		before = runs(0);
		assert_int_equal(vireo_resume(f->vm), 0);
		await_run(0, before);
	}
	assert_int_equal(runs(1), 0);
	close(fd);
}

/* Under the lock under which the debugger changes it. */
static uint8_t byte_at(struct one_vm *f, uint64_t gpa)
{
	uint8_t byte;

	pthread_mutex_lock(&f->vm->board_lock);
	assert_int_equal(mem_read(&f->vm->board.mem, &byte, gpa, 1), 0);
	pthread_mutex_unlock(&f->vm->board_lock);
	return byte;
}

/* The program changes registers meanwhile: the step begins anew, from there. */
static void step_that_is_interrupted_begins_anew(void **state)
{
	struct vireo_regs regs = { .size = sizeof(regs) };
	struct one_vm *f = *state;
	int fd;

	start(f, true);
	fd = dial();
	ask(fd, "Z0,9000,1", "OK");
	ask(fd, "P10=0090000000000000", "OK");
	ask(fd, "vCont;s:1;c", NULL);
	await_run(0, 0);
	assert_int_equal(vireo_pause(f->vm), 0);
	assert_int_equal(byte_at(f, PLACE), 0); /* lifted */
	assert_int_equal(vireo_vcpu_get_regs(f->vm, 0, &regs), 0);
	regs.rip = PLACE + 8;
	assert_int_equal(vireo_vcpu_set_regs(f->vm, 0, &regs), 0);
	assert_int_equal(byte_at(f, PLACE), ARCH_BREAK_INSN);
	assert_false(fake.vcpu[0].debug.control & KVM_GUESTDBG_SINGLESTEP);
	let_it_step(false);
	assert_int_equal(vireo_resume(f->vm), 0);
	hear(fd, "T05thread:1;");
	assert_int_equal(byte_at(f, PLACE), ARCH_BREAK_INSN);
	close(fd);
}

/* gdb is not left waiting. */
static void step_that_cannot_begin_anew_is_over(void **state)
{
	struct vireo_regs regs = { .size = sizeof(regs) };
	struct one_vm *f = *state;
	int fd;

	start(f, true);
	fd = dial();
	ask(fd, "vCont;s:1", NULL);
	await_run(0, 0);
	assert_int_equal(vireo_pause(f->vm), 0);
	assert_int_equal(vireo_vcpu_get_regs(f->vm, 0, &regs), 0);
	assert_int_equal(vireo_vcpu_set_regs(f->vm, 0, &regs), 0);
	fake.fail_request = KVM_SET_GUEST_DEBUG;
	fake.fail_times = 2; /* without KVM_GUESTDBG_BLOCKIRQ, too */
	fake.fail_error = EIO;
	assert_int_equal(vireo_resume(f->vm), 0);
	hear(fd, "T05thread:1;");
	close(fd);
}

static atomic_bool enough;

static void *pause_and_resume(void *arg)
{
	while (!atomic_load(&enough) && vireo_pause(arg) == 0 &&
	       vireo_resume(arg) == 0)
		;
	return NULL;
}

static void steps_are_done_whoever_pauses(void **state)
{
	static const char *const packets[] = { "vCont;s:1", "vCont;s:1;c" };
	struct one_vm *f = *state;
	pthread_t thread[2];
	int fd;

	f->cfg.cpus = 2;
	let_it_step(true);
	start(f, true);
	fd = dial();
	ask(fd, "?", "T05thread:1;");
	atomic_store(&enough, false);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, pause_and_resume, f->vm);
	for (int i = 0; i < 200; i++)
		ask(fd, packets[i % 2], "T05thread:1;");
	atomic_store(&enough, true);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
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
		VM_TEST(step_alone_outlives_a_pause),
		VM_TEST(step_with_others_outlives_a_pause),
		VM_TEST(thread_that_runs_alone_outlives_a_pause),
		VM_TEST(step_that_is_interrupted_begins_anew),
		VM_TEST(step_that_cannot_begin_anew_is_over),
		VM_TEST(steps_are_done_whoever_pauses),
		VM_TEST(address_in_use_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
