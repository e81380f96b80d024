// SPDX-License-Identifier: BSD-3-Clause
/* src/debug/gdb_stub.c, gdb_query.c, gdb_run.c: questions and answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "debug/gdb_packet.h"
#include "fake_target.h"

struct fixture {
	struct fake_target target;
	struct gdb_stub *stub;
	char said[65536]; /* all that it has sent, and a zero byte */
	size_t len;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	fake_target_init(&f->target);
	if (gdb_stub_create(&f->stub, &fake_target_ops, &f->target) < 0)
		return -1;
	gdb_stub_attach(f->stub);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	gdb_stub_destroy(f->stub);
	free(f);
	return 0;
}

/* What it sends now, and no more. */
static const char *hear(struct fixture *f)
{
	const char *bytes;
	size_t n;

	f->len = 0;
	for (;;) {
		bytes = gdb_stub_output(f->stub, &n);
		if (!n)
			break;
		assert_true(f->len + n < sizeof(f->said));
		memcpy(f->said + f->len, bytes, n);
		f->len += n;
		gdb_stub_sent(f->stub, n);
	}
	f->said[f->len] = '\0';
	return f->said;
}

/* All of it is looked at, with what is sent in between. */
static const char *say_bytes(struct fixture *f, const char *bytes, size_t len)
{
	static char all[65536];
	size_t n = 0;

	all[0] = '\0';
	for (size_t at = 0; at < len && !gdb_stub_is_done(f->stub);) {
		at += gdb_stub_input(f->stub, (const uint8_t *)bytes + at,
				     len - at);
		hear(f);
		assert_true(n + f->len < sizeof(all));
		memcpy(all + n, f->said, f->len + 1);
		n += f->len;
	}
	return all;
}

/* A packet with @body: the body of the answer, or "" when there is none. */
static const char *ask_bytes(struct fixture *f, const char *body, size_t len)
{
	static char answer[65536];
	char *text = malloc(len + 5);
	uint8_t sum = 0;
	const char *got;
	const char *end;

	text[0] = '$';
	memcpy(text + 1, body, len);
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + (uint8_t)body[i]);
	snprintf(text + 1 + len, 4, "#%02x", sum);
	got = say_bytes(f, text, len + 4);
	free(text);
	answer[0] = '\0';
	got = strchr(got, '$');
	end = got ? strrchr(got, '#') : NULL;
	if (end) {
		memcpy(answer, got + 1, (size_t)(end - got - 1));
		answer[end - got - 1] = '\0';
	}
	return answer;
}

static const char *ask(struct fixture *f, const char *body)
{
	return ask_bytes(f, body, strlen(body));
}

struct talk {
	const char *says;
	const char *wants;
};

static void talk_all(struct fixture *f, const struct talk *talk, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(ask(f, talk[i].says), talk[i].wants) != 0)
			fail_msg("%s: %s, not %s", talk[i].says,
				 ask(f, talk[i].says), talk[i].wants);
}

#define TALK(f, list) talk_all(f, list, ARRAY_SIZE(list))

/* ---- the conversation ---- */

static void client_stops_the_machine(void **state)
{
	struct fixture *f = *state;

	assert_true(f->target.stopped);
	assert_string_equal(ask(f, "?"), "T05thread:1;");
}

static void packets_are_acknowledged_until_they_need_not(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(say_bytes(f, "+$?#3f", 6),
			    "+$T05thread:1;#d7");
	assert_string_equal(say_bytes(f, "-", 1), "$T05thread:1;#d7");
	assert_string_equal(say_bytes(f, "$?#40", 5), "-");
	assert_string_equal(say_bytes(f, "$xyz#6b", 7), "+$#00");
	assert_string_equal(say_bytes(f, "$QStartNoAckMode#b0", 19),
			    "+$OK#9a");
	assert_string_equal(say_bytes(f, "+$?#3f-$?#40", 12),
			    "$T05thread:1;#d7");
	gdb_stub_detach(f->stub);
	gdb_stub_attach(f->stub); /* another client */
	assert_string_equal(say_bytes(f, "$?#3f", 5), "+$T05thread:1;#d7");
}

static void packet_that_is_too_long_gets_an_error(void **state)
{
	struct fixture *f = *state;
	char *body = malloc(GDB_BODY_MAX + 1);

	memset(body, 'm', GDB_BODY_MAX + 1);
	assert_string_equal(ask_bytes(f, body, GDB_BODY_MAX + 1), "E07");
	free(body);
}

static void questions_about_the_stub_are_answered(void **state)
{
	static const struct talk list[] = {
		{ "qSupported:swbreak+;hwbreak+",
		  "PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;"
		  "swbreak+;hwbreak+;vContSupported+" },
		{ "vMustReplyEmpty", "" },
		{ "vCont?", "vCont;c;C;s;S" },
		{ "qAttached", "1" },
		{ "qAttached:1", "1" },
		{ "qSymbol::", "OK" },
		{ "qTStatus", "" },
		{ "QNonStop:1", "" },
		{ "qRcmd,68", "" },
		{ "", "" },
		{ "!", "" },
		{ "R00", "" },
		{ "vRun;", "" },
		{ "vAttach;1", "" },
		{ "A", "" },
	};

	TALK(*state, list);
}

static void threads_are_cpus(void **state)
{
	static const struct talk list[] = {
		{ "qC", "QC1" },
		{ "qfThreadInfo", "m1,2,3,4" },
		{ "qsThreadInfo", "l" },
		{ "T1", "OK" },
		{ "T4", "OK" },
		{ "T5", "E16" },
		{ "T0", "E16" },
		{ "T-1", "E16" },
		{ "T", "E16" },
		{ "Hg3", "OK" },
		{ "qC", "QC3" },
		{ "Hg0", "OK" },
		{ "Hg-1", "OK" },
		{ "qC", "QC3" },
		{ "Hg5", "E16" },
		{ "Hg-2", "E16" },
		{ "Hg1x", "E16" },
		{ "Hx1", "E16" },
		{ "H", "E16" },
		{ "Hc-1", "OK" },
		{ "qThreadExtraInfo,1", "7643505520303a2072756e6e696e67" },
		{ "qThreadExtraInfo,4", "7643505520333a2068616c746564" },
		{ "qThreadExtraInfo,5", "E16" },
		{ "qThreadExtraInfo,", "E16" },
	};

	TALK(*state, list);
}

static void threads_of_a_large_machine_fit(void **state)
{
	struct fixture *f = *state;

	f->target.cpus = 1024;
	assert_string_equal(ask(f, "qfThreadInfo") + strlen(ask(f, "qfThrea"
							       "dInfo")) - 8,
			    ",3ff,400");
}

static void description_comes_in_parts(void **state)
{
	static const struct talk list[] = {
		{ "qXfer:features:read:target.xml:0,8", "m<target>" },
		{ "qXfer:features:read:target.xml:8,4", "m}]}\003}\004}\012" },
		{ "qXfer:features:read:target.xml:c,ffff", "l</target>" },
		{ "qXfer:features:read:target.xml:15,1", "l" },
		{ "qXfer:features:read:target.xml:16,1", "E16" },
		{ "qXfer:features:read:target.xml:0", "E16" },
		{ "qXfer:features:read:target.xml:x,1", "E16" },
		{ "qXfer:features:read:other.xml:0,8", "E00" },
		{ "qXfer:memory-map:read::0,8", "" },
	};

	TALK(*state, list);
}

/* ---- registers, memory, breakpoints ---- */

static void registers_are_read_and_set(void **state)
{
	static const struct talk list[] = {
		{ "p0", "0001020304050607" },
		{ "p1", "08090a0b" },
		{ "p3", "161718191a1b1c1d1e1f202122232425" },
		{ "p4", "E16" },
		{ "p", "E16" },
		{ "p1,", "E16" },
		{ "pffffffffffffffff", "E16" },
		{ "P1=aabbccdd", "OK" },
		{ "p1", "aabbccdd" },
		{ "P1=aabbcc", "E16" },
		{ "P1=aabbccddee", "E16" },
		{ "P1", "E16" },
		{ "P4=00", "E16" },
		{ "Hg2", "OK" },
		{ "p0", "1011121314151617" },
		{ "G00", "E16" },
	};
	struct fixture *f = *state;
	char all[1 + 2 * TARGET_REGS + 1];

	TALK(f, list);
	snprintf(all, sizeof(all), "G%s", ask(f, "g"));
	assert_int_equal(strlen(all), sizeof(all) - 1);
	all[1] = 'f';
	assert_string_equal(ask(f, all), "OK");
	assert_int_equal(f->target.regs[1][0], 0xf0);
	f->target.fail = -EIO;
	assert_string_equal(ask(f, "g"), "E05");
	assert_string_equal(ask(f, all), "E05");
	assert_string_equal(ask(f, "P1=aabbccdd"), "E05");
	assert_string_equal(ask(f, "p1"), "E05");
}

static void memory_is_read_and_written(void **state)
{
	static const struct talk list[] = {
		{ "mffffffff81000010,4", "10111213" },
		{ "mffffffff81000ffe,10", "feff" }, /* as much as there is */
		{ "mffffffff81001000,1", "E0e" },
		{ "m0,1", "E0e" },
		{ "mffffffff81000000,0", "" },
		{ "mffffffff81000000", "E16" },
		{ "m,1", "E16" },
		{ "mffffffff81000000,1x", "E16" },
		{ "m1ffffffff81000000,1", "E16" },
		{ "Mffffffff81000010,2:a1b2", "OK" },
		{ "mffffffff81000010,3", "a1b212" },
		{ "Mffffffff81000010,2:a1", "E16" },
		{ "Mffffffff81000010,1:a1b2", "E16" },
		{ "Mffffffff81000010,1", "E16" },
		{ "Mffffffff81000fff,2:0102", "E0e" },
		{ "Mffffffff81000010,ffffffffffffffff:00", "E16" },
		{ "M0,1:00", "E0e" },
		{ "Xffffffff81000010,0:", "OK" },
		{ "Xffffffff81000010,3:}\003ab", "OK" },
		{ "mffffffff81000010,3", "236162" },
		{ "Xffffffff81000010,3:ab", "E16" },
		{ "Xffffffff81000010,1:ab", "E16" },
		{ "Xffffffff81000010,1:}", "E16" },
		{ "Xffffffff81000010,4001:ab", "E16" },
	};
	struct fixture *f = *state;
	const char *zero = "Xffffffff81000010,2:\0\1";

	TALK(f, list);
	assert_string_equal(ask_bytes(f, zero, 22), "OK");
	assert_string_equal(ask(f, "mffffffff81000010,3"), "000162");
	assert_int_equal(strlen(ask(f, "mffffffff81000000,ffffff")), 8192);
}

static void breakpoints_are_passed_on(void **state)
{
	static const struct talk list[] = {
		{ "Z0,1000,1", "OK" },
		{ "Z1,1000,1", "OK" },
		{ "Z2,1000,8", "OK" },
		{ "Z3,1000,8", "" },
		{ "Z4,1000,4;cmds:0,X1", "OK" },
		{ "Z5,1000,1", "" },
		{ "z0,1000,1", "OK" },
		{ "Z0,1000", "E16" },
		{ "Z0,1000,9", "E16" },
		{ "Z,1000,1", "E16" },
		{ "Z0", "E16" },
		{ "Z0,1000,1x", "E16" },
		{ "z", "E16" },
	};
	struct fixture *f = *state;

	TALK(f, list);
	assert_int_equal(f->target.breaks, 3);
	f->target.fail = -ENOSPC;
	assert_string_equal(ask(f, "Z1,1000,1"), "E1c");
}

/* ---- running ---- */

static void assert_ran(struct fixture *f, const char *how, int cpu, bool step,
		       bool others)
{
	unsigned int runs = f->target.runs;

	assert_string_equal(ask(f, how), "");
	assert_int_equal(f->target.runs, runs + 1);
	assert_int_equal(f->target.run_cpu, cpu);
	assert_int_equal(f->target.step, step);
	if (cpu != GDB_ALL_CPUS)
		assert_int_equal(f->target.others, others);
	assert_true(gdb_stub_is_running(f->stub));
	f->target.stop = (struct gdb_stop){ .stepped = true };
	f->target.has_stop = true;
	gdb_stub_look(f->stub);
	assert_string_equal(hear(f), "$T05thread:1;#d7");
	assert_false(gdb_stub_is_running(f->stub));
}

static void machine_goes_on_as_gdb_wants(void **state)
{
	struct fixture *f = *state;

	assert_ran(f, "c", GDB_ALL_CPUS, false, false);
	assert_ran(f, "s", 0, true, false);
	assert_ran(f, "C05", GDB_ALL_CPUS, false, false);
	assert_ran(f, "S05", 0, true, false);
	assert_ran(f, "c1234", GDB_ALL_CPUS, false, false);
	assert_int_equal(f->target.regs[0][1], 0x12);
	assert_ran(f, "S05;4321", 0, true, false);
	assert_int_equal(f->target.regs[0][1], 0x43);
	assert_ran(f, "vCont;c", GDB_ALL_CPUS, false, false);
	assert_ran(f, "vCont;C05", GDB_ALL_CPUS, false, false);
	assert_ran(f, "vCont;s:2;c", 1, true, true);
	assert_ran(f, "vCont;S05:2;c:-1", 1, true, true);
	assert_ran(f, "vCont;s:3", 2, true, false);
	assert_ran(f, "vCont;c:3;s:2", 1, true, true);
	assert_ran(f, "vCont;c:3", 2, false, false);
	assert_ran(f, "vCont;c:3;c:4", GDB_ALL_CPUS, false, false);
	assert_ran(f, "vCont;s", 0, true, false);
	assert_string_equal(ask(f, "Hc2"), "OK");
	assert_ran(f, "c", 1, false, false);
}

static void machine_stays_when_gdb_makes_no_sense(void **state)
{
	static const struct talk list[] = {
		{ "vCont", "" },	{ "vCont;", "E16" },
		{ "vCont;x", "E16" },	{ "vCont;c:9", "E16" },
		{ "vCont;C", "E16" },	{ "vCont;c;", "E16" },
		{ "vCont;c:1x", "E16" }, { "cxyz", "E16" },
		{ "C", "E16" },		{ "s12,", "E16" },
	};
	struct fixture *f = *state;

	TALK(f, list);
	assert_int_equal(f->target.runs, 0);
	f->target.fail = -EIO;
	assert_string_equal(ask(f, "c"), "E05");
	assert_string_equal(ask(f, "vCont;s:1"), "E05");
	assert_string_equal(ask(f, "c10"), "E05");
	assert_false(gdb_stub_is_running(f->stub));
}

static void stops_are_told_with_their_reasons(void **state)
{
	static const struct {
		enum gdb_break kind;
		const char *wants;
	} list[] = {
		{ GDB_SOFTWARE, "T05thread:3;swbreak:;" },
		{ GDB_HARDWARE, "T05thread:3;hwbreak:;" },
		{ GDB_WRITE, "T05thread:3;watch:ffff8000;" },
		{ GDB_READ, "T05thread:3;rwatch:ffff8000;" },
		{ GDB_ACCESS, "T05thread:3;awatch:ffff8000;" },
	};
	struct fixture *f = *state;

	for (int told = 0; told < 2; told++) {
		for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
			ask(f, "c");
			f->target.stop = (struct gdb_stop){
				2, false, list[i].kind, 0xffff8000
			};
			f->target.has_stop = true;
			gdb_stub_look(f->stub);
			hear(f);
			assert_string_equal(ask(f, "?"),
					    i > 1 || told ? list[i].wants
							  : "T05thread:3;");
		}
		ask(f, "qSupported:hwbreak+;swbreak+");
	}
	assert_string_equal(ask(f, "qC"), "QC3");
}

static void ctrl_c_stops_what_runs(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(say_bytes(f, "\x03", 1), "");
	ask(f, "Hg2");
	ask(f, "c");
	assert_string_equal(say_bytes(f, "\x03", 1), "$T02thread:2;#d5");
	assert_true(f->target.stopped);
	ask(f, "c");
	f->target.stop = (struct gdb_stop){ 3, false, GDB_WRITE, 16 };
	f->target.has_stop = true; /* it was first */
	assert_string_equal(say_bytes(f, "\x03", 1),
			    "$T05thread:4;watch:10;#c7");
	assert_string_equal(say_bytes(f, "\x03", 1), "");
}

static void questions_while_it_runs_get_an_error(void **state)
{
	static const struct talk list[] = {
		{ "g", "E10" },	       { "mffffffff81000000,1", "E10" },
		{ "c", "E10" },	       { "Z0,1000,1", "E10" },
		{ "vCont;c", "E10" },  { "?", "E10" },
		{ "P0=00", "E10" },
	};
	struct fixture *f = *state;

	ask(f, "c");
	TALK(f, list);
	assert_int_equal(f->target.runs, 1);
	assert_int_equal(f->target.breaks, 0);
	assert_string_equal(say_bytes(f, "\x03", 1), "$T02thread:1;#d4");
}

/* ---- ends ---- */

static void detach_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	ask(f, "Z0,1000,1");
	assert_string_equal(ask(f, "D"), "OK");
	assert_true(gdb_stub_is_done(f->stub));
	assert_false(f->target.stopped);
	assert_int_equal(f->target.breaks, 0);
	gdb_stub_detach(f->stub); /* it hangs up, too */
	assert_int_equal(f->target.detached, 1);
	assert_false(f->target.ended);
}

static void kill_ends_the_machine(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(say_bytes(f, "$k#6b", 5), "+");
	assert_true(f->target.ended);
	assert_true(gdb_stub_is_done(f->stub));
	gdb_stub_detach(f->stub);
	fake_target_init(&f->target);
	gdb_stub_attach(f->stub);
	ask(f, "c");
	assert_string_equal(ask(f, "vKill;a410"), "OK");
	assert_true(f->target.ended);
}

static void end_of_the_machine_is_told(void **state)
{
	struct fixture *f = *state;

	ask(f, "c");
	gdb_stub_end(f->stub, 0x175);
	assert_string_equal(hear(f), "$W75#c3");
	assert_true(gdb_stub_is_done(f->stub));
	gdb_stub_detach(f->stub);
	assert_int_equal(f->target.detached, 0);
	gdb_stub_end(f->stub, 0);
	assert_string_equal(hear(f), "");
}

/* As many as one likes: each is answered before the next is looked at. */
static void packets_in_a_row_are_answered_one_by_one(void **state)
{
	struct fixture *f = *state;
	uint8_t many[100 * 5];
	size_t n;

	for (size_t i = 0; i < sizeof(many); i += 5)
		memcpy(many + i, "$?#3f", 5);
	assert_int_equal(gdb_stub_input(f->stub, many, sizeof(many)), 5);
	assert_int_equal(gdb_stub_input(f->stub, many, sizeof(many)), 0);
	gdb_stub_output(f->stub, &n);
	assert_int_equal(n, 17);
	gdb_stub_sent(f->stub, 3); /* a slow reader */
	assert_int_equal(gdb_stub_input(f->stub, many, sizeof(many)), 0);
	assert_string_equal(hear(f), "05thread:1;#d7");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(client_stops_the_machine),
		TEST(packets_are_acknowledged_until_they_need_not),
		TEST(packet_that_is_too_long_gets_an_error),
		TEST(questions_about_the_stub_are_answered),
		TEST(threads_are_cpus),
		TEST(threads_of_a_large_machine_fit),
		TEST(description_comes_in_parts),
		TEST(registers_are_read_and_set),
		TEST(memory_is_read_and_written),
		TEST(breakpoints_are_passed_on),
		TEST(machine_goes_on_as_gdb_wants),
		TEST(machine_stays_when_gdb_makes_no_sense),
		TEST(stops_are_told_with_their_reasons),
		TEST(ctrl_c_stops_what_runs),
		TEST(questions_while_it_runs_get_an_error),
		TEST(detach_leaves_nothing),
		TEST(kill_ends_the_machine),
		TEST(end_of_the_machine_is_told),
		TEST(packets_in_a_row_are_answered_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
