// SPDX-License-Identifier: BSD-3-Clause
/*
 * A virtio device of your own: an entropy device (virtio 1.2, 5.4), which any
 * Linux knows as /dev/hwrng. It has one queue; each request is a buffer to be
 * filled.
 *
 *   cc virtio_device.c $(pkg-config --cflags --libs libvireo)
 *   ./a.out KERNEL
 */
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include <vireo.h>

#define ENTROPY 4 /* the device type */

struct entropy {
	unsigned long requests;
	uint64_t bytes;
};

/* Runs on the VM's I/O thread. A request may also be kept, and be answered
 * later by another thread; the guest's lengths are bounded here. */
static void on_request(void *ctx, struct vireo_request *request)
{
	struct entropy *e = ctx;
	uint64_t want = vireo_request_writable(request);
	uint64_t done = 0;
	uint8_t some[256];

	while (done < want && done < 65536) {
		size_t part = want - done < sizeof(some)
				      ? (size_t)(want - done)
				      : sizeof(some);
		ssize_t got = getrandom(some, part, 0);

		if (got <= 0 ||
		    vireo_request_write(request, done, some, (size_t)got) != 0)
			break;
		done += (uint64_t)got;
	}
	e->requests++;
	e->bytes += done;
	vireo_request_done(request, done);
}

int main(int argc, char **argv)
{
	struct entropy entropy = { 0 };
	const struct vireo_virtio device = {
		.size = sizeof(device),
		.name = "entropy",
		.type = ENTROPY,
		.queues = 1,
		.request = on_request,
		.ctx = &entropy,
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
	    vireo_config_add_virtio(cfg, &device, &err) >= 0 &&
	    vireo_create(&vm, cfg, &err) == 0 && vireo_start(vm, &err) == 0)
		vireo_wait(vm, -1, &end);
	else
		fprintf(stderr, "%s\n", err.text);
	vireo_destroy(&vm);
	vireo_config_destroy(&cfg);
	printf("%lu requests, %llu bytes\n", entropy.requests,
	       (unsigned long long)entropy.bytes);
	/* The guests of the tests end by a port of "testdev". */
	return end.reason != VIREO_POWER_OFF && end.reason != VIREO_DEBUG_EXIT;
}
