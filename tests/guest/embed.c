// SPDX-License-Identifier: BSD-3-Clause
/*
 * A program that embeds the library, with devices of its own and a guest that
 * uses them (firmware/guests/embedded.c): embed IMAGE IRQCHIP. By the public
 * header alone. Says what went wrong; status 0 when nothing did, 77 without
 * KVM.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vireo.h"

#define COUNTER	 0xe0200000u
#define DOORBELL 0xe0300000u
#define LENT	 0xe0400000u
#define LENT_RO	 0xe0500000u
#define CHANNEL	 0x510
#define MEMORY	 (64u << 20) /* as key "memory" says */
#define PASS	 1 /* a debug exit of 0 */

struct host {
	struct vireo_vm *vm;
	uint32_t reads;
	unsigned int calls;
	char said[32];
	int bell, irq;
	atomic_uint bells;
	uint8_t *lent;
	uint64_t listed, lent_listed; /* bytes of written pages */
	uint64_t listed_to;
};

static void check(int ok, const char *what, const struct vireo_error *err)
{
	if (ok)
		return;
	fprintf(stderr, "%s%s%s\n", what, err ? ": " : "",
		err ? err->text : "");
	exit(1);
}

static uint64_t read_counter(void *ctx, uint64_t off, unsigned int len)
{
	struct host *h = ctx;

	return off == 0 ? ++h->reads : 0;
}

static void write_counter(void *ctx, uint64_t off, unsigned int len,
			  uint64_t value)
{
	struct host *h = ctx;

	if (off == 8)
		check(vireo_irq_set(h->vm, 10, value) == 0, "irq_set", NULL);
}

static void on_call(void *ctx, struct vireo_hypercall *call)
{
	struct host *h = ctx;

	h->calls++;
	if (call->number == 1 && call->arg[1] < sizeof(h->said)) {
		check(vireo_memory_read(h->vm, call->arg[0], h->said,
					call->arg[1]) == 0,
		      "memory_read", NULL);
		call->result = call->arg[1];
	}
	for (int i = 0; i < 6 && call->number == 2; i++)
		call->result += call->arg[i];
}

/* A device of its own thread: each ring of the bell is an interrupt. */
static void *serve_bell(void *arg)
{
	struct host *h = arg;
	uint64_t count;

	while (read(h->bell, &count, sizeof(count)) == sizeof(count)) {
		if (count > UINT32_MAX)
			break;
		atomic_fetch_add(&h->bells, (unsigned int)count);
		count = 1;
		if (write(h->irq, &count, sizeof(count)) < 0)
			break;
	}
	return NULL;
}

static void add_memory(struct vireo_config *cfg, struct host *h)
{
	struct vireo_error err;
	int fd = memfd_create("lent", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct vireo_memory_map map = { .size = sizeof(map), .gpa = LENT_RO,
					.length = 4096, .fd = fd,
					.read_only = true };

	check(fd >= 0 && ftruncate(fd, 4096) == 0 &&
	      pwrite(fd, "lent", 4, 0) == 4 &&
	      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0, "memfd", NULL);
	check(vireo_config_map_memory(cfg, &map, &err) == 0, "map", &err);
	close(fd);
	h->lent = aligned_alloc(4096, 4096);
	memcpy(memset(h->lent, 0, 4096), "lent", 4);
	map = (struct vireo_memory_map){ .size = sizeof(map), .gpa = LENT,
					 .length = 4096, .fd = -1,
					 .addr = h->lent };
	check(vireo_config_map_memory(cfg, &map, &err) == 0, "map", &err);
}

static void add_devices(struct vireo_config *cfg, struct host *h)
{
	const struct vireo_device counter = {
		.size = sizeof(counter), .name = "counter", .base = COUNTER,
		.length = 4096, .read = read_counter, .write = write_counter,
		.ctx = h,
	};
	const struct vireo_doorbell bell = { .size = sizeof(bell),
					     .fd = h->bell, .addr = DOORBELL,
					     .length = 4 };
	struct vireo_error err;

	check(vireo_config_add_device(cfg, &counter, &err) == 0, "device",
	      &err);
	check(vireo_config_add_doorbell(cfg, &bell, &err) == 0, "doorbell",
	      &err);
	check(vireo_config_add_irq_fd(cfg, 11, h->irq, &err) == 0, "irq fd",
	      &err);
	check(vireo_config_set_hypercall(cfg, CHANNEL, on_call, h, &err) == 0,
	      "hypercall", &err);
}

static void on_written(void *ctx, uint64_t gpa, uint64_t length)
{
	struct host *h = ctx;

	check(gpa > h->listed_to || !gpa, "pages are not by address", NULL);
	h->listed_to = gpa + length;
	h->listed += length;
	if (gpa == LENT)
		h->lent_listed = length;
	check(gpa < MEMORY || gpa == LENT, "a page is nobody's", NULL);
}

/* The guest has written some pages of its RAM, and one that it was lent. */
static void check_written(struct host *h)
{
	check(vireo_memory_dirty(h->vm, on_written, h) == 0, "dirty", NULL);
	check(h->lent_listed == 4096, "lent memory is not listed", NULL);
	check(h->listed > 4096 && h->listed < MEMORY / 2,
	      "of the RAM none is listed, or all", NULL);
	h->listed = h->listed_to = 0;
	check(vireo_memory_dirty(h->vm, on_written, h) == 0, "dirty", NULL);
	check(!h->listed, "pages are listed twice", NULL);
}

static void run(struct host *h, const char *image, const char *irqchip)
{
	struct vireo_config *cfg;
	struct vireo_error err;
	struct vireo_end end;

	check(vireo_config_create(&cfg) == 0, "config", NULL);
	check(vireo_config_set(cfg, "kernel", image, &err) == 0 &&
	      vireo_config_set(cfg, "memory", "64M", &err) == 0 &&
	      vireo_config_set(cfg, "timeout", "60s", &err) == 0 &&
	      vireo_config_set(cfg, "testdev", "true", &err) == 0 &&
	      vireo_config_set(cfg, "irqchip", irqchip, &err) == 0 &&
	      vireo_config_set_fd(cfg, "console-out", 1, &err) == 0, "set",
	      &err);
	add_devices(cfg, h);
	add_memory(cfg, h);
	check(vireo_create(&h->vm, cfg, &err) == 0, "create", &err);
	vireo_config_destroy(&cfg);
	check(vireo_memory_track(h->vm) == 0, "track", NULL);
	check(vireo_start(h->vm, &err) == 0, "start", &err);
	check(vireo_wait(h->vm, -1, &end) == 0, "wait", NULL);
	check(end.reason == VIREO_DEBUG_EXIT && end.status == PASS,
	      end.detail[0] ? end.detail : end.verdict, NULL);
	check_written(h);
	vireo_destroy(&h->vm);
}

int main(int argc, char **argv)
{
	const uint64_t end = UINT64_MAX - 1;
	struct host h = { .bell = eventfd(0, EFD_CLOEXEC),
			  .irq = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	pthread_t thread;

	if (argc != 3)
		return 125;
	if (access("/dev/kvm", R_OK | W_OK) < 0)
		return 77;
	check(pthread_create(&thread, NULL, serve_bell, &h) == 0, "thread",
	      NULL);
	run(&h, argv[1], argv[2]);
	check(write(h.bell, &end, sizeof(end)) == sizeof(end), "bell", NULL);
	pthread_join(thread, NULL);
	check(h.reads == 5 && h.calls == 2, "reads or calls are others", NULL);
	check(!strcmp(h.said, "from the guest"), h.said, NULL);
	check(h.bells >= 100 && h.bells <= 101, "bells are others", NULL);
	check(!memcmp(h.lent + 4092, "\x78\x56\x34\x12", 4),
	      "what the guest wrote is not here", NULL);
	free(h.lent);
	close(h.bell);
	close(h.irq);
	return 0;
}
