// SPDX-License-Identifier: BSD-3-Clause
/* See one_vcpu.h. */
#include "one_vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/num.h"

static uint64_t probe_read(struct device *dev, unsigned int window,
			   uint64_t off, unsigned int len)
{
	struct probe *p = container_of(dev, struct probe, dev);

	p->reads++;
	return 0x0807060504030201;
}

static void probe_write(struct device *dev, unsigned int window, uint64_t off,
			unsigned int len, uint64_t value)
{
	struct probe *p = container_of(dev, struct probe, dev);

	if (p->writes < ARRAY_SIZE(p->value))
		p->value[p->writes] = value;
	p->writes++;
}

static void probe_destroy(struct device *dev)
{
	device_finish(dev);
}

static const struct device_ops ops = {
	.name = "probe",
	.read = probe_read,
	.write = probe_write,
	.destroy = probe_destroy,
};

static void on_end(void *ctx, enum vireo_reason reason, const char *detail)
{
	struct one_vcpu *f = ctx;

	f->ends++;
	f->reason = reason;
	snprintf(f->detail, sizeof(f->detail), "%s", detail);
	pthread_getname_np(pthread_self(), f->thread, sizeof(f->thread));
}

int one_vcpu_set_up(void **state)
{
	struct one_vcpu *f = calloc(1, sizeof(*f));
	struct err err = { 0 };
	int r;

	*state = f;
	fake_kvm_reset();
	f->fd = fake_kvm_open();
	config_init(&f->cfg);
	f->cfg.memory = MIB;
	f->cfg.stats = true;
	f->board.cfg = &f->cfg;
	device_init(&f->probe.dev, &ops, "probe");
	r = kvm_open(&f->kvm, f->fd, &err) ||
	    board_init(&f->board, &f->kvm, &err) ||
	    board_create_ram(&f->board, &err) ||
	    arch_ram_layout(&f->board, &err) ||
	    arch_create_irqchip(&f->board, &err) ||
	    board_add_device(&f->board, &f->probe.dev) ||
	    bus_add(&f->board.pio, PORT, 4, &f->probe.dev, 0) ||
	    bus_add(&f->board.mmio, PAGE, 16, &f->probe.dev, 1);
	gate_init(&f->gate);
	f->host = (struct vcpu_host){ &f->board, on_end, f, &f->gate };
	return r ? -1 : vcpu_init(&f->vcpu, &f->host, 0, NULL, &err);
}

int one_vcpu_tear_down(void **state)
{
	struct one_vcpu *f = *state;

	vcpu_finish(&f->vcpu);
	board_finish(&f->board);
	gate_finish(&f->gate);
	kvm_close(&f->kvm);
	close(f->fd);
	fake_kvm_reset();
	free(f);
	return 0;
}

void one_vcpu_play(struct one_vcpu *f)
{
	struct err err;

	f->ends = 0;
	assert_int_equal(vcpu_start(&f->vcpu, &err), 0);
	while (!atomic_load(&f->vcpu.stop) &&
	       __atomic_load_n(&fake.vcpu[0].runs, __ATOMIC_SEQ_CST) <=
		       fake.vcpu[0].steps)
		usleep(200);
	vcpu_kick(&f->vcpu);
	vcpu_join(&f->vcpu);
}

void one_vcpu_play_step(struct one_vcpu *f, const struct fake_step *step)
{
	fake.vcpu[0].at = fake.vcpu[0].steps = 0;
	fake.vcpu[0].runs = 0;
	memset(fake.vcpu[0].run, 0, sizeof(*fake.vcpu[0].run));
	fake_step(0, step);
	one_vcpu_play(f);
}
