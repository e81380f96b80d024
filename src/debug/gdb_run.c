// SPDX-License-Identifier: BSD-3-Clause
/* Letting the machine go on, and telling why it stopped. See gdb_stub.h. */
#include "debug/gdb_state.h"

#include <string.h>

/* What one CPU shall do. */
enum act { ACT_NONE, ACT_GO, ACT_STEP };

/* There is no answer before it stops. */
static void run(struct gdb_stub *stub, int cpu, bool step, bool others)
{
	int r = stub->ops->run(stub->ctx, cpu, step, others);

	if (r < 0)
		gdb_answer_result(stub, r);
	else
		stub->running = true;
}

/* "c", "s", and with a signal, that no CPU can be given, "C", "S"; an address
 * may follow. */
void gdb_answer_go(struct gdb_stub *stub, char letter, const char *p)
{
	bool step = letter == 's' || letter == 'S';
	bool all = stub->run_all && !step;
	uint64_t value;
	int r = 0;

	if (letter == 'C' || letter == 'S') {
		if (!gdb_take_number(&p, &value))
			r = -EINVAL;
		gdb_take(&p, ';');
	}
	if (!r && *p) {
		if (!gdb_take_number(&p, &value) || *p)
			r = -EINVAL;
		else
			r = stub->ops->set_pc(stub->ctx, stub->run_cpu, value);
	}
	if (r < 0)
		gdb_answer_result(stub, r);
	else
		run(stub, all ? GDB_ALL_CPUS : (int)stub->run_cpu, step, false);
}

/* One action of vCont: "c", "C05", "s", "S05". */
static bool take_action(const char **at, enum act *act)
{
	char letter = **at;
	uint64_t signal;

	*act = letter == 's' || letter == 'S' ? ACT_STEP : ACT_GO;
	if (!letter || !strchr("cCsS", letter))
		return false;
	(*at)++;
	return letter == 'c' || letter == 's' || gdb_take_number(at, &signal);
}

/* What vCont asks for. The first action for a CPU counts. */
struct plan {
	int step;      /* the CPU that steps; GDB_ALL_CPUS: none */
	int go;        /* one that goes on; GDB_ALL_CPUS: none was named */
	bool several;  /* that were named to go on */
	enum act rest; /* those that were not named */
};

static void note(struct plan *plan, int cpu, enum act act)
{
	if (cpu == GDB_ALL_CPUS) {
		if (plan->rest == ACT_NONE)
			plan->rest = act;
	} else if (act == ACT_STEP) {
		if (plan->step == GDB_ALL_CPUS)
			plan->step = cpu;
	} else {
		plan->several |= plan->go != GDB_ALL_CPUS;
		plan->go = cpu;
	}
}

static bool take_plan(const struct gdb_stub *stub, const char *p,
		      struct plan *plan)
{
	*plan = (struct plan){ GDB_ALL_CPUS, GDB_ALL_CPUS, false, ACT_NONE };
	while (*p) {
		int cpu = GDB_ALL_CPUS;
		enum act act;

		if (!gdb_take(&p, ';') || !take_action(&p, &act))
			return false;
		if (gdb_take(&p, ':') && !gdb_take_thread(stub, &p, &cpu))
			return false;
		note(plan, cpu, act);
	}
	return plan->rest != ACT_NONE || plan->step != GDB_ALL_CPUS ||
	       plan->go != GDB_ALL_CPUS;
}

static void answer_vcont(struct gdb_stub *stub, const char *p)
{
	struct plan plan;

	if (!take_plan(stub, p, &plan)) {
		gdb_answer_result(stub, -EINVAL);
		return;
	}
	/* All that step: the one that is looked at. */
	if (plan.rest == ACT_STEP && plan.step == GDB_ALL_CPUS)
		plan.step = (int)stub->cpu;
	if (plan.step != GDB_ALL_CPUS)
		run(stub, plan.step, true,
		    plan.rest == ACT_GO || plan.go != GDB_ALL_CPUS);
	else if (plan.rest == ACT_GO || plan.several)
		run(stub, GDB_ALL_CPUS, false, true);
	else
		run(stub, plan.go, false, false);
}

void gdb_answer_v(struct gdb_stub *stub, const char *p)
{
	if (!strcmp(p, "Cont?")) {
		gdb_out_text(&stub->out, "vCont;c;C;s;S");
	} else if (!strncmp(p, "Cont;", 5)) {
		answer_vcont(stub, p + 4);
	} else if (!strncmp(p, "Kill;", 5)) {
		stub->ops->kill(stub->ctx);
		stub->done = true;
		gdb_answer_result(stub, 0);
	}
}

/* ---- why it stopped ---- */

static void tell_kind(struct gdb_stub *stub)
{
	unsigned long long va = stub->why.va;

	switch (stub->why.kind) {
	case GDB_SOFTWARE:
		if (stub->says_swbreak)
			gdb_out_text(&stub->out, "swbreak:;");
		break;
	case GDB_HARDWARE:
		if (stub->says_hwbreak)
			gdb_out_text(&stub->out, "hwbreak:;");
		break;
	case GDB_WRITE:
		gdb_out_text(&stub->out, "watch:%llx;", va);
		break;
	case GDB_READ:
		gdb_out_text(&stub->out, "rwatch:%llx;", va);
		break;
	case GDB_ACCESS:
		gdb_out_text(&stub->out, "awatch:%llx;", va);
		break;
	}
}

void gdb_answer_why(struct gdb_stub *stub)
{
	gdb_out_text(&stub->out, "T%02xthread:%x;", (unsigned int)stub->signal,
		     stub->cpu + 1);
	if (stub->why_known && !stub->why.stepped)
		tell_kind(stub);
}
