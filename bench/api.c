// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the library costs an embedder, each against the bare thing in the same
 * run, in turn:
 *
 *   start     from nothing to the first callback, against the ioctls of such a
 *             VM until its first exit
 *   device    a register of the caller's, against bare exits
 *   deadline  how late a guest that spins has been stopped, against a thread
 *             that waits for a timerfd
 *
 * api WHAT TRIES. A line for each figure: name, bare us, vireo us.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bare.h"
#include "vireo.h"

#define PORT	 0xe000
#define CALLS	 20000
#define RAM_SIZE (UINT64_C(128) << 20)
#define TIME_MS	 20

/* ---- guests: flat 16-bit code ---- */

struct guest {
	char path[32];
	const uint8_t *code;
	size_t size;
	struct vireo_config *cfg;
};

/* cli; jmp . */
static const uint8_t spin[] = { 0xfa, 0xeb, 0xfe };
/* mov dx, PORT; in al, dx; out 0xf4, al */
static const uint8_t hello[] = { 0xba, PORT & 255, PORT >> 8, 0xec, 0xe6,
				 BARE_EXIT_PORT };
/* mov cx, CALLS; mov dx, PORT; 1: in al, dx; loop 1b; out 0xf4, al */
static const uint8_t calls[] = { 0xb9, CALLS & 255, CALLS >> 8, 0xba,
				 PORT & 255, PORT >> 8, 0xec, 0xe2, 0xfd, 0xe6,
				 BARE_EXIT_PORT };

static void refuse(const struct vireo_error *err)
{
	fprintf(stderr, "%s\n", err->text);
	exit(125);
}

static void set(struct guest *g, const char *key, const char *value)
{
	struct vireo_error err;

	if (vireo_config_set(g->cfg, key, value, &err) != 0)
		refuse(&err);
}

static void make_guest(struct guest *g, const uint8_t *code, size_t size)
{
	char kernel[64];
	int fd;

	*g = (struct guest){ "/tmp/vireo-bench-XXXXXX", code, size, NULL };
	fd = check(mkstemp(g->path), g->path);
	check((int)write(fd, code, size), g->path);
	close(fd);
	check(vireo_config_create(&g->cfg), "memory");
	snprintf(kernel, sizeof(kernel), "%s,format=flat", g->path);
	set(g, "kernel", kernel);
	set(g, "memory", "128M");
	set(g, "testdev", "true");
}

static void drop_guest(struct guest *g)
{
	unlink(g->path);
	vireo_config_destroy(&g->cfg);
}

static void start(struct vireo_vm **vm, const struct guest *g)
{
	struct vireo_error err;

	if (vireo_create(vm, g->cfg, &err) != 0 || vireo_start(*vm, &err) != 0)
		refuse(&err);
}

static void end(struct vireo_vm **vm, enum vireo_reason reason)
{
	struct vireo_end why;

	if (vireo_wait(*vm, -1, &why) != 0 || why.reason != reason)
		exit(119);
}

/* ---- figures ---- */

struct figures {
	double *bare;
	double *ours;
};

static void make_figures(struct figures *f, size_t tries)
{
	f->bare = calloc(tries, sizeof(*f->bare));
	f->ours = calloc(tries, sizeof(*f->ours));
	check(f->bare && f->ours ? 0 : -1, "memory");
}

static void show(const char *name, struct figures *f, size_t n, double part)
{
	printf("%s %.3f %.3f\n", name, part_of(f->bare, n, part),
	       part_of(f->ours, n, part));
}

static void drop_figures(struct figures *f)
{
	free(f->bare);
	free(f->ours);
}

static double us_since(uint64_t ns)
{
	return (double)(now_ns() - ns) / 1e3;
}

/* ---- callbacks ---- */

static uint64_t first_call;

static uint64_t on_read(void *ctx, uint64_t off, unsigned int len)
{
	if (!first_call)
		first_call = now_ns();
	return 0;
}

static void add_device(struct guest *g)
{
	const struct vireo_device device = {
		.size = sizeof(device), .name = "bench", .port = true,
		.base = PORT, .length = 4, .read = on_read,
	};
	struct vireo_error err;

	if (vireo_config_add_device(g->cfg, &device, &err) != 0)
		refuse(&err);
}

static void open_bare(struct bare *b, const struct guest *g)
{
	bare_open(b, RAM_SIZE, 0, BARE_SPLIT);
	memcpy(b->ram + BARE_LOAD, g->code, g->size);
	bare_add_vcpu(b);
	bare_set_real_mode(b);
}

/* The rest of the guest's life; reads are answered. */
static void finish_bare(struct bare *b)
{
	while (b->run->io.port != BARE_EXIT_PORT) {
		memset((uint8_t *)b->run + b->run->io.data_offset, 0,
		       b->run->io.size);
		bare_run(b);
	}
}

static void bench_start(struct figures *f, size_t tries)
{
	struct guest g;

	make_guest(&g, hello, sizeof(hello));
	add_device(&g);
	for (size_t i = 0; i < tries; i++) {
		uint64_t begin = now_ns();
		struct vireo_vm *vm;
		struct bare b;

		open_bare(&b, &g);
		bare_run(&b);
		f->bare[i] = us_since(begin);
		finish_bare(&b);
		bare_close(&b);
		first_call = 0;
		begin = now_ns();
		start(&vm, &g);
		end(&vm, VIREO_DEBUG_EXIT);
		f->ours[i] = (double)(first_call - begin) / 1e3;
		vireo_destroy(&vm);
	}
	drop_guest(&g);
	show("start", f, tries, 0.5);
}

static void bench_device(struct figures *f, size_t tries)
{
	struct guest g;

	make_guest(&g, calls, sizeof(calls));
	add_device(&g);
	for (size_t i = 0; i < tries; i++) {
		struct vireo_vm *vm;
		uint64_t begin;
		struct bare b;

		open_bare(&b, &g);
		bare_run(&b);
		begin = now_ns();
		finish_bare(&b);
		f->bare[i] = us_since(begin) / CALLS;
		bare_close(&b);
		first_call = 0;
		start(&vm, &g);
		end(&vm, VIREO_DEBUG_EXIT);
		f->ours[i] = us_since(first_call) / CALLS;
		vireo_destroy(&vm);
	}
	drop_guest(&g);
	show("device", f, tries, 0.5);
}

/* ---- deadlines ---- */

/* How long the guest ran, in us. */
static void on_stat(void *ctx, const struct vireo_stat *stat)
{
	if (!strcmp(stat->group, "time") && !strcmp(stat->name, "run"))
		*(uint64_t *)ctx = stat->value;
}

static void *sleeper(void *arg)
{
	struct itimerspec time = { .it_value.tv_nsec = TIME_MS * 1000000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t begin = now_ns();
	double *late = arg;
	uint64_t count;

	timerfd_settime(fd, 0, &time, NULL);
	check((int)read(fd, &count, sizeof(count)), "timerfd");
	*late = us_since(begin) - TIME_MS * 1e3;
	close(fd);
	return NULL;
}

static void bench_deadline(struct figures *f, size_t tries)
{
	struct guest g;

	make_guest(&g, spin, sizeof(spin));
	set(&g, "timeout", "20ms");
	for (size_t i = 0; i < tries; i++) {
		struct vireo_vm *vm;
		pthread_t thread;
		uint64_t ran = 0;

		check(-pthread_create(&thread, NULL, sleeper, &f->bare[i]),
		      "thread");
		pthread_join(thread, NULL);
		start(&vm, &g);
		end(&vm, VIREO_DEADLINE);
		vireo_stats(vm, on_stat, &ran);
		f->ours[i] = (double)ran - TIME_MS * 1e3;
		vireo_destroy(&vm);
	}
	drop_guest(&g);
	show("deadline-p50", f, tries, 0.5);
	show("deadline-p99", f, tries, 0.99);
}

int main(int argc, char **argv)
{
	size_t tries = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	struct figures f;

	if (argc != 3 || !tries)
		return 125;
	make_figures(&f, tries);
	if (!strcmp(argv[1], "start"))
		bench_start(&f, tries);
	else if (!strcmp(argv[1], "device"))
		bench_device(&f, tries);
	else if (!strcmp(argv[1], "deadline"))
		bench_deadline(&f, tries);
	else
		return 125;
	drop_figures(&f);
	return 0;
}
