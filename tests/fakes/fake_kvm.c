// SPDX-License-Identifier: BSD-3-Clause
/* See fake_kvm.h. */
#include "base/clock.h"
#include "fake_kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kvm/kvm.h"

#define IO_DATA 4096 /* where KVM puts a string instruction's bytes */
#define SERIAL  0x3f8

struct fake_kvm fake;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void fake_kvm_reset(void)
{
	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		if (fake.vcpu[i].run)
			munmap(fake.vcpu[i].run, FAKE_RUN_SIZE);
	memset(&fake, 0, sizeof(fake));
	fake.api_version = KVM_API_VERSION;
	fake.run_size = FAKE_RUN_SIZE;
	fake.max_vcpus = FAKE_VCPUS;
	fake.boot = 1;
	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		fake.vcpu[i].fd = -1;
	for (unsigned int i = 0; i < FAKE_MISSING; i++)
		fake.missing[i] = -1; /* 0 is one, too */
}

int fake_kvm_open(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

unsigned int fake_kvm_count(unsigned long request)
{
	unsigned int n = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < fake.calls; i++)
		n += fake.call[i] == request;
	pthread_mutex_unlock(&lock);
	return n;
}

/* ---- steps ---- */

void fake_step(unsigned int cpu, const struct fake_step *step)
{
	struct fake_vcpu *v = &fake.vcpu[cpu];

	if (v->steps == FAKE_STEPS)
		abort();
	v->step[v->steps] = *step;
	v->step[v->steps++].boot = fake.boot;
}

static int play_exit(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = step->reason;
	return 0;
}

void fake_exit(unsigned int cpu, uint32_t reason)
{
	const struct fake_step step = { .play = play_exit, .reason = reason };

	fake_step(cpu, &step);
}

static int play_error(struct kvm_run *run, const struct fake_step *step)
{
	return -step->error;
}

void fake_error(unsigned int cpu, int error)
{
	const struct fake_step step = { .play = play_error, .error = error };

	fake_step(cpu, &step);
}

static int play_io(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = step->result ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = (uint8_t)step->size;
	run->io.port = (uint16_t)step->addr;
	run->io.count = step->count;
	run->io.data_offset = IO_DATA;
	memcpy((uint8_t *)run + IO_DATA, step->data, sizeof(step->data));
	return 0;
}

void fake_out(unsigned int cpu, uint16_t port, uint32_t size, uint32_t value)
{
	struct fake_step step = { .play = play_io, .addr = port, .size = size,
				  .count = 1 };

	memcpy(step.data, &value, sizeof(value));
	fake_step(cpu, &step);
}

static int play_burn(struct kvm_run *run, const struct fake_step *step)
{
	uint64_t until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + step->addr;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
		;
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.port = 0x80;
	run->io.size = 1;
	run->io.count = 1;
	run->io.data_offset = IO_DATA;
	return 0;
}

void fake_burn(unsigned int cpu, uint64_t ns)
{
	const struct fake_step step = { .play = play_burn, .addr = ns };

	fake_step(cpu, &step);
}

void fake_in(unsigned int cpu, uint16_t port, uint32_t size, uint8_t *result)
{
	const struct fake_step step = { .play = play_io, .addr = port,
					.size = size, .count = 1,
					.result = result };

	fake_step(cpu, &step);
}

void fake_print(unsigned int cpu, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		struct fake_step step = { .play = play_io, .addr = SERIAL,
					  .size = 1 };

		step.count = (uint32_t)(left < FAKE_DATA ? left : FAKE_DATA);
		memcpy(step.data, text, step.count);
		text += step.count;
		left -= step.count;
		fake_step(cpu, &step);
	}
}

static int play_mmio(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = step->addr;
	run->mmio.len = step->size;
	run->mmio.is_write = !step->result;
	memcpy(run->mmio.data, step->data, sizeof(run->mmio.data));
	return 0;
}

void fake_mmio(unsigned int cpu, uint64_t addr, uint32_t len,
	       const uint8_t *write, uint8_t *result)
{
	struct fake_step step = { .play = play_mmio, .addr = addr, .size = len,
				  .count = 1, .result = result };

	if (write)
		memcpy(step.data, write, len <= 8 ? len : 8);
	fake_step(cpu, &step);
}

/* ---- running ---- */

/* The kernel completes a read when the vCPU is entered again. */
static void complete(struct fake_vcpu *v)
{
	const struct fake_step *s = v->last;

	v->last = NULL;
	if (!s || !s->result)
		return;
	if (s->play == play_mmio)
		memcpy(s->result, v->run->mmio.data,
		       s->size <= 8 ? s->size : 8);
	else if ((size_t)s->size * s->count <= FAKE_DATA)
		memcpy(s->result, (uint8_t *)v->run + IO_DATA,
		       (size_t)s->size * s->count);
}

/* The next step of this boot, or NULL. Called with the lock held. */
static const struct fake_step *next(struct fake_vcpu *v)
{
	while (v->at < v->steps && v->step[v->at].boot < fake.vms)
		v->at++;
	if (v->at == v->steps || v->step[v->at].boot != fake.vms)
		return NULL;
	return v->last = &v->step[v->at++];
}

/* True once the kick is pending for this thread, or the flag is set. */
static bool kicked(const struct kvm_run *run, int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (__atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST))
		return true;
	return poll(&p, 1, wait_ms) == 1;
}

static int run_vcpu(struct fake_vcpu *v)
{
	const struct fake_step *step = NULL;
	sigset_t set;
	bool out;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, kvm_kick_signal());
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	pthread_mutex_lock(&lock);
	__atomic_fetch_add(&v->runs, 1, __ATOMIC_SEQ_CST);
	complete(v);
	out = kicked(v->run, fd, 0);
	if (!out)
		step = next(v);
	pthread_mutex_unlock(&lock);
	while (!step && !out)
		out = kicked(v->run, fd, 10);
	close(fd);
	return step ? step->play(v->run, step) : -EINTR;
}

/* ---- the rest of the kernel ---- */

static int has(int cap)
{
	for (size_t i = 0; i < FAKE_MISSING; i++)
		if (fake.missing[i] == cap)
			return 0;
	return cap == KVM_CAP_MAX_VCPUS ? fake.max_vcpus : 1;
}

static int supported_cpuid(struct kvm_cpuid2 *c)
{
	static const struct kvm_cpuid_entry2 table[] = {
		{ .function = 0, .eax = 0xd },
		{ .function = 1, .ecx = 1u << 25, .edx = 0xbfebfbff },
		{ .function = 7, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		  .ebx = 1u << 5 },
		{ .function = 0xb, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX },
		{ .function = 0x40000001, .eax = 0xff },
		{ .function = 0x80000001, .edx = 1u << 29 },
	};
	const uint32_t n = sizeof(table) / sizeof(table[0]);

	if (c->nent < n)
		return -E2BIG;
	c->nent = n;
	memcpy(c->entries, table, sizeof(table));
	return 0;
}

static int create_vcpu(unsigned long id)
{
	struct fake_vcpu *v = &fake.vcpu[id];
	int fd;

	if (id >= (unsigned long)fake.max_vcpus || id >= FAKE_VCPUS)
		return -EINVAL;
	if (v->run)
		munmap(v->run, FAKE_RUN_SIZE);
	fd = memfd_create("fake-vcpu", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, FAKE_RUN_SIZE) < 0)
		abort();
	v->run = mmap(NULL, FAKE_RUN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      fd, 0);
	if (v->run == MAP_FAILED)
		abort();
	v->fd = fd;
	v->last = NULL;
	return fd;
}

static int add_slot(const struct kvm_userspace_memory_region *region)
{
	if (fake.slots < 40)
		fake.slot[fake.slots++] = *region;
	return 0;
}

static int irq_line(const struct kvm_irq_level *line)
{
	fake.line_calls++;
	if (line->irq < 24)
		fake.level[line->irq] = (int)line->level;
	return 0;
}

static int set_routes(const struct kvm_irq_routing *table)
{
	fake.routes = table->nr;
	for (uint32_t i = 0; i < table->nr && i < 64; i++)
		fake.route[i] = table->entries[i];
	return 0;
}

static int create_vm(void)
{
	int fd = memfd_create("fake-vm", MFD_CLOEXEC);

	if (fd >= 0) {
		fake.vms++;
		fake.slots = 0;
	}
	return fd;
}

static int vm_request(unsigned long request, void *arg)
{
	switch (request) {
	case KVM_GET_API_VERSION:
		return fake.api_version;
	case KVM_CHECK_EXTENSION:
		return has((int)(uintptr_t)arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return fake.run_size;
	case KVM_GET_SUPPORTED_CPUID:
		return supported_cpuid(arg);
	case KVM_CREATE_VM:
		return create_vm();
	case KVM_CREATE_VCPU:
		return create_vcpu((unsigned long)(uintptr_t)arg);
	case KVM_SET_USER_MEMORY_REGION:
		return add_slot(arg);
	case KVM_GET_DIRTY_LOG: {
		const struct kvm_dirty_log *log = arg;

		memcpy(log->dirty_bitmap, &fake.dirty[log->slot % 8], 8);
		fake.dirty[log->slot % 8] = 0;
		return 0;
	}
	case KVM_IRQ_LINE:
		return irq_line(arg);
	case KVM_SET_GSI_ROUTING:
		return set_routes(arg);
	case KVM_SIGNAL_MSI:
		memcpy(&fake.msi, arg, sizeof(fake.msi));
		fake.msis++;
		return 1;
	default:
		return 0;
	}
}

static int set_cpuid(struct fake_vcpu *v, const struct kvm_cpuid2 *c)
{
	v->nent = c->nent;
	for (uint32_t i = 0; i < c->nent && i < 64; i++)
		v->cpuid[i] = c->entries[i];
	return 0;
}

static int set_debug(struct fake_vcpu *v, const struct kvm_guest_debug *debug)
{
	v->debug = *debug;
	v->injected += !!(debug->control & (KVM_GUESTDBG_INJECT_BP |
					    KVM_GUESTDBG_INJECT_DB));
	return 0;
}

/* Each is twice its number; there are none from 0xffff0000 on. */
static int get_msrs(struct kvm_msrs *msrs)
{
	for (uint32_t i = 0; i < msrs->nmsrs; i++) {
		if (msrs->entries[i].index >= 0xffff0000)
			return (int)i;
		msrs->entries[i].data = UINT64_C(2) * msrs->entries[i].index;
	}
	return (int)msrs->nmsrs;
}

static int vcpu_request(struct fake_vcpu *v, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_GET_REGS:
		memcpy(arg, &v->regs, sizeof(v->regs));
		return 0;
	case KVM_SET_REGS:
		memcpy(&v->regs, arg, sizeof(v->regs));
		return 0;
	case KVM_GET_SREGS:
		memcpy(arg, &v->sregs, sizeof(v->sregs));
		return 0;
	case KVM_SET_SREGS:
		memcpy(&v->sregs, arg, sizeof(v->sregs));
		return 0;
	case KVM_GET_FPU:
		memcpy(arg, &v->fpu, sizeof(v->fpu));
		return 0;
	case KVM_SET_FPU:
		memcpy(&v->fpu, arg, sizeof(v->fpu));
		return 0;
	case KVM_GET_DEBUGREGS:
		memcpy(arg, &v->debugregs, sizeof(v->debugregs));
		return 0;
	case KVM_SET_DEBUGREGS:
		memcpy(&v->debugregs, arg, sizeof(v->debugregs));
		return 0;
	case KVM_SET_GUEST_DEBUG:
		return set_debug(v, arg);
	case KVM_GET_MSRS:
		return get_msrs(arg);
	case KVM_GET_MP_STATE:
		((struct kvm_mp_state *)arg)->mp_state = v->mp_state;
		return 0;
	case KVM_GET_LAPIC:
		memcpy(arg, &v->lapic, sizeof(v->lapic));
		return 0;
	case KVM_SET_LAPIC:
		memcpy(&v->lapic, arg, sizeof(v->lapic));
		return 0;
	case KVM_SET_CPUID2:
		return set_cpuid(v, arg);
	case KVM_SET_MSRS:
		v->msrs += ((const struct kvm_msrs *)arg)->nmsrs;
		return (int)((const struct kvm_msrs *)arg)->nmsrs;
	case KVM_SET_SIGNAL_MASK:
		memcpy(&v->signal_mask,
		       ((const struct kvm_signal_mask *)arg)->sigset, 8);
		return 0;
	default:
		return vm_request(request, arg);
	}
}

static bool fails(unsigned long request)
{
	if (request != fake.fail_request || !fake.fail_times)
		return false;
	if (fake.fail_skip) {
		fake.fail_skip--;
		return false;
	}
	fake.fail_times--;
	return true;
}

static int kvm_request(int fd, unsigned long request, void *arg)
{
	struct fake_vcpu *v = NULL;
	int r;

	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		if (fake.vcpu[i].fd == fd)
			v = &fake.vcpu[i];
	if (request == KVM_RUN)
		return run_vcpu(v);
	pthread_mutex_lock(&lock);
	if (fake.calls < FAKE_CALLS)
		fake.call[fake.calls++] = request;
	if (fails(request))
		r = -fake.fail_error;
	else
		r = v ? vcpu_request(v, request, arg)
		      : vm_request(request, arg);
	pthread_mutex_unlock(&lock);
	return r;
}

int ioctl(int fd, unsigned long request, ...)
{
	void *arg;
	va_list ap;
	int r;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (_IOC_TYPE(request) != KVMIO)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	r = kvm_request(fd, request, arg);
	if (r >= 0)
		return r;
	errno = -r;
	return -1;
}
