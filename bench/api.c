// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the library costs an embedder, each against the bare thing in the same
 * run, in turn:
 *
 *   api deadline TRIES  how late a guest that spins is stopped, against a
 *                       thread that waits for a timerfd
 *   api calls TRIES     create, start and the first callback, against the
 *                       ioctls of such a VM; and a register of the caller's,
 *                       against bare exits
 *
 * Prints figures; median, or p50 and p99, in microseconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "vireo.h"

#define LOAD	 0x7c00
#define PLACE	 0xe0200000u
#define PORT	 0xe000
#define CALLS	 20000
#define RAM_SIZE (UINT64_C(128) << 20)
#define TIME_MS	 20

static int check(int r, const char *what)
{
	if (r >= 0)
		return r;
	perror(what);
	exit(125);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double at(double *v, size_t n, double part)
{
	qsort(v, n, sizeof(*v), compare);
	return v[(size_t)(part * (double)(n - 1))];
}

/* ---- guests: flat 16-bit code ---- */

static const uint8_t spin[] = { 0xfa, 0xeb, 0xfe }; /* cli; jmp . */
/* mov cx, CALLS; 1: in al, dx; loop 1b; mov al, 1; out 0xf4, al */
static uint8_t calls[] = { 0xb9, CALLS & 255, CALLS >> 8, 0xba, PORT & 255,
			   PORT >> 8, 0xec, 0xe2, 0xfd, 0xb0, 1, 0xe6, 0xf4,
			   0xf4 };

static void write_image(char path[], const uint8_t *code, size_t size)
{
	int fd = check(mkstemp(path), path);

	check((int)write(fd, code, size), path);
	close(fd);
}

static struct vireo_config *config(const char *image)
{
	struct vireo_config *cfg;
	struct vireo_error err;
	char kernel[128];

	snprintf(kernel, sizeof(kernel), "%s,format=flat", image);
	if (vireo_config_create(&cfg) != 0 ||
	    vireo_config_set(cfg, "kernel", kernel, &err) != 0 ||
	    vireo_config_set(cfg, "memory", "128M", &err) != 0 ||
	    vireo_config_set(cfg, "testdev", "true", &err) != 0)
		exit(125);
	return cfg;
}

static struct vireo_vm *create(struct vireo_config *cfg)
{
	struct vireo_vm *vm;
	struct vireo_error err;

	if (vireo_create(&vm, cfg, &err) == 0)
		return vm;
	fprintf(stderr, "%s\n", err.text);
	exit(125);
}

/* ---- bare VMs ---- */

struct bare {
	int kvm, vm, vcpu;
	uint8_t *ram;
	struct kvm_run *run;
	size_t run_size;
};

static void set_cpuid(int kvm, int vcpu)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + 128 * sizeof(cpuid->entries[0]));

	cpuid->nent = 128;
	check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "CPUID");
	check(ioctl(vcpu, KVM_SET_CPUID2, cpuid), "CPUID");
	free(cpuid);
}

static void bare_create(struct bare *b, const uint8_t *code, size_t size)
{
	const struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP,
					      .args = { 24 } };
	struct kvm_userspace_memory_region region = { .memory_size = RAM_SIZE };
	struct kvm_regs regs = { .rip = LOAD, .rsp = LOAD, .rflags = 2 };
	struct kvm_sregs sregs;

	b->kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	b->vm = check(ioctl(b->kvm, KVM_CREATE_VM, 0UL), "KVM_CREATE_VM");
	b->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b->ram == MAP_FAILED)
		exit(125);
	region.userspace_addr = (uintptr_t)b->ram;
	check(ioctl(b->vm, KVM_SET_USER_MEMORY_REGION, &region), "RAM");
	check(ioctl(b->vm, KVM_ENABLE_CAP, &split), "split irqchip");
	memcpy(b->ram + LOAD, code, size);
	b->vcpu = check(ioctl(b->vm, KVM_CREATE_VCPU, 0UL), "vCPU");
	b->run_size = (size_t)ioctl(b->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	b->run = mmap(NULL, b->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      b->vcpu, 0);
	set_cpuid(b->kvm, b->vcpu);
	check(ioctl(b->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	check(ioctl(b->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	check(ioctl(b->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void bare_destroy(struct bare *b)
{
	munmap(b->run, b->run_size);
	munmap(b->ram, RAM_SIZE);
	close(b->vcpu);
	close(b->vm);
	close(b->kvm);
}

/* Until the debug exit. Answers reads; tells when the first exit came. */
static uint64_t bare_run(struct bare *b)
{
	uint64_t first = 0;

	do {
		check(ioctl(b->vcpu, KVM_RUN, 0), "KVM_RUN");
		if (!first)
			first = now();
		if (b->run->exit_reason != KVM_EXIT_IO)
			exit(119);
		if (b->run->io.direction == KVM_EXIT_IO_IN)
			memset((uint8_t *)b->run + b->run->io.data_offset, 0,
			       b->run->io.size);
	} while (b->run->io.port != 0xf4);
	return first;
}

/* ---- deadlines ---- */

/* How long the guest ran. */
static void on_stat(void *ctx, const struct vireo_stat *stat)
{
	if (!strcmp(stat->group, "time") && !strcmp(stat->name, "run"))
		*(uint64_t *)ctx = stat->value;
}

static void *sleeper(void *arg)
{
	struct itimerspec time = { .it_value.tv_nsec = TIME_MS * 1000000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t *late = arg;
	uint64_t count;
	uint64_t start = now();

	timerfd_settime(fd, 0, &time, NULL);
	check((int)read(fd, &count, sizeof(count)), "timerfd");
	*late = now() - start - TIME_MS * UINT64_C(1000000);
	close(fd);
	return NULL;
}

static void bench_deadline(size_t tries)
{
	char path[] = "/tmp/vireo-bench-XXXXXX";
	double *bare = calloc(tries, sizeof(*bare));
	double *ours = calloc(tries, sizeof(*ours));
	struct vireo_config *cfg;
	struct vireo_error err;

	write_image(path, spin, sizeof(spin));
	cfg = config(path);
	vireo_config_set(cfg, "timeout", "20ms", &err);
	for (size_t i = 0; i < tries; i++) {
		struct vireo_vm *vm = create(cfg);
		struct vireo_end end;
		pthread_t thread;
		uint64_t late;
		uint64_t ran = 0;

		pthread_create(&thread, NULL, sleeper, &late);
		pthread_join(thread, NULL);
		bare[i] = (double)late / 1e3;
		if (vireo_start(vm, &err) != 0 ||
		    vireo_wait(vm, -1, &end) != 0 ||
		    end.reason != VIREO_DEADLINE)
			exit(1);
		vireo_stats(vm, on_stat, &ran);
		ours[i] = (double)ran - TIME_MS * 1e3;
		vireo_destroy(&vm);
	}
	unlink(path);
	vireo_config_destroy(&cfg);
	printf("timerfd %.1f %.1f\n", at(bare, tries, 0.5),
	       at(bare, tries, 0.99));
	printf("vireo %.1f %.1f\n", at(ours, tries, 0.5),
	       at(ours, tries, 0.99));
	free(bare);
	free(ours);
}

/* ---- callbacks ---- */

static uint64_t first_call;

static uint64_t on_read(void *ctx, uint64_t off, unsigned int len)
{
	if (!first_call)
		first_call = now();
	return 0;
}

static struct vireo_config *config_with_device(const char *image)
{
	const struct vireo_device device = {
		.size = sizeof(device), .name = "bench", .port = true,
		.base = PORT, .length = 4, .read = on_read,
	};
	struct vireo_config *cfg = config(image);
	struct vireo_error err;

	if (vireo_config_add_device(cfg, &device, &err) != 0)
		exit(125);
	return cfg;
}

/* Both: the time of all calls, and from nothing to the first. */
static void bench_calls(size_t tries)
{
	char path[] = "/tmp/vireo-bench-XXXXXX";
	double *v[4];
	struct vireo_config *cfg;

	for (int i = 0; i < 4; i++)
		v[i] = calloc(tries, sizeof(*v[i]));
	write_image(path, calls, sizeof(calls));
	cfg = config_with_device(path);
	for (size_t i = 0; i < tries; i++) {
		uint64_t start = now();
		struct vireo_error err;
		struct vireo_vm *vm;
		struct bare b;

		bare_create(&b, calls, sizeof(calls));
		first_call = bare_run(&b);
		v[0][i] = (double)(first_call - start) / 1e3;
		v[1][i] = (double)(now() - first_call) / 1e3 / CALLS;
		bare_destroy(&b);
		first_call = 0;
		start = now();
		vm = create(cfg);
		if (vireo_start(vm, &err) != 0 || vireo_wait(vm, -1, NULL) != 0)
			exit(1);
		v[2][i] = (double)(first_call - start) / 1e3;
		v[3][i] = (double)(now() - first_call) / 1e3 / CALLS;
		vireo_destroy(&vm);
	}
	unlink(path);
	vireo_config_destroy(&cfg);
	printf("bare-start %.1f\nvireo-start %.1f\n", at(v[0], tries, 0.5),
	       at(v[2], tries, 0.5));
	printf("bare-call %.3f\nvireo-call %.3f\n", at(v[1], tries, 0.5),
	       at(v[3], tries, 0.5));
	for (int i = 0; i < 4; i++)
		free(v[i]);
}

int main(int argc, char **argv)
{
	size_t tries = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

	if (argc != 3 || !tries)
		return 125;
	if (!strcmp(argv[1], "deadline"))
		bench_deadline(tries);
	else if (!strcmp(argv[1], "calls"))
		bench_calls(tries);
	else
		return 125;
	return 0;
}
