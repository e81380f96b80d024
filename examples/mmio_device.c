// SPDX-License-Identifier: BSD-3-Clause
/*
 * A device of your own: one register at 0xe0200000 that counts how often the
 * guest has read it, and takes a new value when it is written.
 *
 *   cc mmio_device.c $(pkg-config --cflags --libs libvireo)
 *   ./a.out KERNEL
 *
 * From a guest's shell, as root: busybox devmem 0xe0200000
 */
#include <stdio.h>
#include <unistd.h>

#include <vireo.h>

/* One call at a time, on the thread of the vCPU that made the access. */
static uint64_t on_read(void *ctx, uint64_t off, unsigned int len)
{
	uint32_t *count = ctx;

	return off == 0 ? ++*count : 0;
}

static void on_write(void *ctx, uint64_t off, unsigned int len, uint64_t value)
{
	uint32_t *count = ctx;

	if (off == 0)
		*count = (uint32_t)value;
}

int main(int argc, char **argv)
{
	uint32_t count = 0;
	const struct vireo_device device = {
		.size = sizeof(device),
		.name = "counter",
		.base = 0xe0200000,
		.length = 4096,
		.read = on_read,
		.write = on_write,
		.ctx = &count,
	};
	struct vireo_config *cfg = NULL;
	struct vireo_vm *vm = NULL;
	struct vireo_error err = { 0 };
	struct vireo_end end = { 0 };

	if (argc != 2 || vireo_config_create(&cfg) != 0)
		return 2;
	if (vireo_config_set(cfg, "kernel", argv[1], &err) == 0 &&
	    vireo_config_set(cfg, "testdev", "true", &err) == 0 &&
	    vireo_config_set_fd(cfg, "console-out", STDOUT_FILENO, &err) == 0 &&
	    vireo_config_add_device(cfg, &device, &err) == 0 &&
	    vireo_create(&vm, cfg, &err) == 0 && vireo_start(vm, &err) == 0)
		vireo_wait(vm, -1, &end);
	else
		fprintf(stderr, "%s\n", err.text);
	vireo_destroy(&vm);
	vireo_config_destroy(&cfg);
	printf("the guest has left the counter at %u\n", count);
	/* The guests of the tests end by a port of "testdev". */
	return end.reason != VIREO_POWER_OFF && end.reason != VIREO_DEBUG_EXIT;
}
