// SPDX-License-Identifier: BSD-3-Clause
/*
 * Runs inside a guest of bench/disk-host: keeps a block device busy for some
 * seconds and prints what it did. Plain system calls (pread, io_submit) and no
 * library, because in an emulated host every instruction counts.
 *
 *   guest_load DEVICE read|write random|linear KIB DEPTH SECONDS
 *
 * prints "REQUESTS MICROSECONDS".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 64

struct load {
	int fd;
	bool write;
	bool random;
	size_t size;
	unsigned int depth;
	uint64_t blocks; /* of that size, on the device */
	uint64_t next;   /* linear: block; random: the generator's state */
	uint8_t *memory;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int64_t next_offset(struct load *l)
{
	uint64_t block = l->next;

	if (l->random) {
		l->next = l->next * 6364136223846793005u + 1442695040888963407u;
		block = l->next >> 33;
	} else {
		l->next++;
	}
	return (int64_t)(block % l->blocks * l->size);
}

/* One at a time, until @end; the number of requests. */
static uint64_t one_by_one(struct load *l, uint64_t end)
{
	uint64_t n = 0;

	do {
		int64_t at = next_offset(l);
		ssize_t r = l->write ? pwrite(l->fd, l->memory, l->size, at) :
				       pread(l->fd, l->memory, l->size, at);

		if (r != (ssize_t)l->size)
			die("transfer");
		n++;
	} while (now_us() < end);
	return n;
}

static void submit(struct load *l, aio_context_t ctx, struct iocb **list,
		   long count)
{
	for (long i = 0; i < count; i++)
		list[i]->aio_offset = next_offset(l);
	while (count) {
		long r = syscall(SYS_io_submit, ctx, count, list);

		if (r <= 0)
			die("io_submit");
		list += r;
		count -= r;
	}
}

/* What is done is replaced, all of it in one call. */
static uint64_t many(struct load *l, uint64_t end)
{
	struct iocb cb[DEPTH_MAX];
	struct iocb *list[DEPTH_MAX];
	struct io_event done[DEPTH_MAX];
	aio_context_t ctx = 0;
	long flying = l->depth;
	uint64_t n = 0;

	memset(cb, 0, sizeof(cb));
	if (syscall(SYS_io_setup, DEPTH_MAX, &ctx) < 0)
		die("io_setup");
	for (unsigned int i = 0; i < l->depth; i++) {
		cb[i].aio_fildes = (uint32_t)l->fd;
		cb[i].aio_lio_opcode = l->write ? IOCB_CMD_PWRITE :
						  IOCB_CMD_PREAD;
		cb[i].aio_buf = (uintptr_t)(l->memory + i * l->size);
		cb[i].aio_nbytes = l->size;
		list[i] = &cb[i];
	}
	submit(l, ctx, list, flying);
	while (flying) {
		long got = syscall(SYS_io_getevents, ctx, 1L, (long)DEPTH_MAX,
				   done, NULL);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			die("io_getevents");
		n += (uint64_t)got;
		for (long i = 0; i < got; i++) {
			if (done[i].res != (int64_t)l->size)
				die("transfer");
			list[i] = (struct iocb *)(uintptr_t)done[i].obj;
		}
		if (now_us() < end)
			submit(l, ctx, list, got);
		else
			flying -= got;
	}
	return n;
}

int main(int argc, char **argv)
{
	struct load l = { .next = 1 };
	uint64_t start;
	uint64_t n;

	if (argc != 7)
		return 2;
	l.write = strcmp(argv[2], "write") == 0;
	l.random = strcmp(argv[3], "random") == 0;
	l.size = strtoul(argv[4], NULL, 10) * 1024;
	l.depth = (unsigned int)strtoul(argv[5], NULL, 10);
	l.fd = open(argv[1], O_RDWR | O_DIRECT);
	if (l.fd < 0 || !l.size || !l.depth || l.depth > DEPTH_MAX)
		die(argv[1]);
	l.blocks = (uint64_t)lseek(l.fd, 0, SEEK_END) / l.size;
	l.memory = mmap(NULL, l.size * l.depth, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (l.memory == MAP_FAILED || !l.blocks)
		die("memory");
	start = now_us();
	n = start + strtoul(argv[6], NULL, 10) * 1000000;
	n = l.depth == 1 ? one_by_one(&l, n) : many(&l, n);
	printf("%llu %llu\n", (unsigned long long)n,
	       (unsigned long long)(now_us() - start));
	return 0;
}
