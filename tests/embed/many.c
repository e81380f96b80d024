// SPDX-License-Identifier: BSD-3-Clause
/*
 * Many VMs in one process: many ROUNDS VMS THREADS. In each round all of them
 * are there at once, made, run and destroyed by so many threads; every third
 * is stopped, every third reaches its deadline, the others end by themselves.
 * Afterwards the process has as many descriptors and threads as before. Status
 * 77 without KVM.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vireo.h"

#define FDS_PER_VM 16

/* 16-bit code: in al, 0xe8: a VM that ends by itself reads 0 there, and writes
 * the debug exit; all others spin. */
static const uint8_t image[] = { 0xba, 0x00, 0xe0, 0xec, 0x84, 0xc0, 0x75,
				 0x04, 0xe6, 0xf4, 0xf4, 0xf4, 0xeb, 0xfe };

enum kind { ENDS, IS_STOPPED, IS_LATE };

struct work {
	char kernel[128];
	unsigned int first, count;
	atomic_uint *wrong;
};

static uint64_t tell_kind(void *ctx, uint64_t off, unsigned int len)
{
	return *(const enum kind *)ctx != ENDS;
}

static struct vireo_vm *create(const struct work *w, enum kind *kind)
{
	const struct vireo_device device = {
		.size = sizeof(device), .name = "kind", .port = true,
		.base = 0xe000, .length = 1, .read = tell_kind, .ctx = kind,
	};
	struct vireo_config *cfg = NULL;
	struct vireo_vm *vm = NULL;
	struct vireo_error err = { 0 };

	if (vireo_config_create(&cfg) != 0 ||
	    vireo_config_set(cfg, "kernel", w->kernel, &err) != 0 ||
	    vireo_config_set(cfg, "memory", "2M", &err) != 0 ||
	    vireo_config_set(cfg, "testdev", "true", &err) != 0 ||
	    (*kind == IS_LATE &&
	     vireo_config_set(cfg, "timeout", "10ms", &err) != 0) ||
	    vireo_config_add_device(cfg, &device, &err) != 0 ||
	    vireo_create(&vm, cfg, &err) != 0 || vireo_start(vm, &err) != 0)
		fprintf(stderr, "%s\n", err.text);
	vireo_config_destroy(&cfg);
	return vm;
}

static void *run(void *arg)
{
	static const enum vireo_reason reasons[] = {
		[ENDS] = VIREO_DEBUG_EXIT, [IS_STOPPED] = VIREO_STOPPED,
		[IS_LATE] = VIREO_DEADLINE,
	};
	const struct work *w = arg;
	struct vireo_vm **vm = calloc(w->count, sizeof(*vm));
	enum kind *kind = calloc(w->count, sizeof(*kind));

	for (unsigned int i = 0; i < w->count; i++) {
		kind[i] = (w->first + i) % 3;
		vm[i] = create(w, &kind[i]);
	}
	for (unsigned int i = 0; i < w->count; i++) {
		struct vireo_end end = { 0 };

		if (kind[i] == IS_STOPPED)
			vireo_stop(vm[i]);
		if (vireo_wait(vm[i], 60000, &end) != 0 ||
		    end.reason != reasons[kind[i]]) {
			fprintf(stderr, "VM %u: %s\n", w->first + i,
				end.verdict);
			atomic_fetch_add(w->wrong, 1);
		}
		vireo_destroy(&vm[i]);
	}
	free(kind);
	free(vm);
	return NULL;
}

static unsigned int entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* A thread that has been joined may be listed for a moment. */
static unsigned int threads_now(unsigned int want)
{
	unsigned int n = entries("/proc/self/task");

	for (int tries = 0; n != want && tries < 200; tries++) {
		usleep(10000);
		n = entries("/proc/self/task");
	}
	return n;
}

static void round_of(const char *kernel, unsigned int vms, unsigned int count,
		     atomic_uint *wrong)
{
	pthread_t *thread = calloc(count, sizeof(*thread));
	struct work *work = calloc(count, sizeof(*work));

	for (unsigned int i = 0; i < count; i++) {
		snprintf(work[i].kernel, sizeof(work[i].kernel),
			 "%s,format=flat", kernel);
		work[i].first = i * (vms / count);
		work[i].count = vms / count;
		work[i].wrong = wrong;
		if (pthread_create(&thread[i], NULL, run, &work[i]) != 0)
			exit(1);
	}
	for (unsigned int i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
	free(work);
	free(thread);
}

static bool can_open(unsigned int fds)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	if (limit.rlim_cur >= fds)
		return true;
	limit.rlim_cur = fds;
	return fds <= limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int main(int argc, char **argv)
{
	char kernel[] = "/tmp/vireo-many-XXXXXX";
	unsigned int rounds, vms, fds, threads;
	atomic_uint wrong = 0;
	int fd;

	if (argc != 4)
		return 125;
	rounds = (unsigned int)strtoul(argv[1], NULL, 10);
	vms = (unsigned int)strtoul(argv[2], NULL, 10);
	if (access("/dev/kvm", R_OK | W_OK) < 0 ||
	    !can_open(vms * FDS_PER_VM + 64)) {
		printf("no /dev/kvm, or too few descriptors\n");
		return 77;
	}
	fd = mkstemp(kernel);
	if (fd < 0 || write(fd, image, sizeof(image)) != sizeof(image))
		return 1;
	close(fd);
	/* The first round may fill caches of the C library's. */
	round_of(kernel, vms, (unsigned int)strtoul(argv[3], NULL, 10),
		 &wrong);
	fds = entries("/proc/self/fd");
	threads = entries("/proc/self/task");
	for (unsigned int i = 1; i < rounds; i++)
		round_of(kernel, vms, (unsigned int)strtoul(argv[3], NULL, 10),
			 &wrong);
	unlink(kernel);
	if (entries("/proc/self/fd") != fds || threads_now(threads) != threads)
		wrong++;
	printf("%u rounds of %u VMs, %u wrong; %u descriptors, %u threads\n",
	       rounds, vms, wrong, fds - 3, threads - 2);
	return wrong != 0;
}
