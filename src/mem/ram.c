// SPDX-License-Identifier: BSD-3-Clause
/* See ram.h. Linux only; the creating thread. */
#include "mem/ram.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"

#define HUGE_SIZE (2 * MIB)
#define PAGE      4096

static int make_fd(struct ram *ram, struct err *err)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

	if (ram->backing == RAM_HUGETLB)
		flags |= MFD_HUGETLB | MFD_HUGE_2MB;
	ram->fd = fd_above(memfd_create("vireo-ram", flags));
	if (ram->fd < 0)
		return err_set_key(err, -errno, "memory", "memfd: %s",
				   strerror(errno));
	if (ftruncate(ram->fd, (off_t)ram->size) < 0)
		return err_set_key(err, -errno, "memory", "memfd: %s",
				   strerror(errno));
	/* A page that vanished under the guest would be a SIGBUS (R11). */
	if (fcntl(ram->fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return err_set_key(err, -errno, "memory", "memfd seal: %s",
				   strerror(errno));
	return 0;
}

static int no_memory(const struct ram *ram, int error, struct err *err)
{
	const char *what = ram->backing == RAM_HUGETLB
				   ? "free huge pages: raise "
				     "/proc/sys/vm/nr_hugepages, or use "
				     "backing=private"
				   : "give the VM less with --memory";

	return err_set_key(err, -error, "memory",
			   "guest RAM of %llu MiB: %s (%s)",
			   (unsigned long long)(ram->size / MIB),
			   strerror(error), what);
}

/* Reserves room for an aligned mapping, then puts the memory inside it. */
static int map(struct ram *ram, struct err *err)
{
	int flags = MAP_FIXED | (ram->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS
					     : MAP_SHARED);
	void *room;

	ram->map_size = ram->size + HUGE_SIZE;
	room = mmap(NULL, ram->map_size, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return no_memory(ram, errno, err);
	ram->map = room;
	ram->hva = (uint8_t *)(uintptr_t)align_up((uintptr_t)room, HUGE_SIZE);
	if (mmap(ram->hva, ram->size, PROT_READ | PROT_WRITE, flags, ram->fd,
		 0) == MAP_FAILED)
		return no_memory(ram, errno, err);
	return 0;
}

/* Advice may fail on kernels without the feature; nothing depends on it. */
static void advise(const struct ram *ram)
{
	madvise(ram->hva, ram->size, MADV_DONTFORK);
	madvise(ram->hva, ram->size, MADV_DONTDUMP);
	/* Not the first 2 MiB: a tiny guest touches a few pages there, and
	 * clearing a huge page for them would cost more than all the rest. */
	if (ram->backing == RAM_PRIVATE && ram->size > HUGE_SIZE)
		madvise(ram->hva + HUGE_SIZE, ram->size - HUGE_SIZE,
			MADV_HUGEPAGE);
}

int ram_create(struct ram *ram, uint64_t size, enum ram_backing backing,
	       struct err *err)
{
	int r = 0;

	memset(ram, 0, sizeof(*ram));
	ram->fd = -1;
	ram->size = size;
	ram->backing = backing;
	if (size > INT64_MAX - HUGE_SIZE)
		r = no_memory(ram, ENOMEM, err);
	if (!r && backing != RAM_PRIVATE)
		r = make_fd(ram, err);
	if (!r)
		r = map(ram, err);
	if (r < 0) {
		ram_destroy(ram);
		return r;
	}
	advise(ram);
	return 0;
}

/* ---- memory of somebody else's ---- */

static int adopt_file(struct ram *ram, const struct ram_source *from, bool zero,
		      struct err *err)
{
	struct stat st;
	int seals;

	ram->backing = RAM_MEMFD; /* what follows is ours to close */
	ram->fd = fd_copy(from->fd);
	if (ram->fd < 0 || fstat(ram->fd, &st) < 0)
		return err_set_key(err, -errno, "memory", "memory: %s",
				   strerror(errno));
	seals = fcntl(ram->fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK) ||
	    (uint64_t)st.st_size < ram->size)
		return err_set_key(err, -EINVAL, "memory",
				   "memory: the descriptor is no memfd of "
				   "%llu MiB that is sealed against shrinking",
				   (unsigned long long)(ram->size / MIB));
	if (zero && fallocate(ram->fd, FALLOC_FL_PUNCH_HOLE |
			      FALLOC_FL_KEEP_SIZE, 0, (off_t)ram->size) < 0)
		return err_set_key(err, -errno, "memory", "memory: %s",
				   strerror(errno));
	return map(ram, err);
}

static int adopt_allocated(struct ram *ram, const struct ram_source *from,
			   struct err *err)
{
	ram->hva = from->alloc(from->ctx, ram->size, HUGE_SIZE);
	if (!ram->hva)
		return no_memory(ram, ENOMEM, err);
	ram->from = *from;
	if ((uintptr_t)ram->hva % PAGE)
		return err_set_key(err, -EINVAL, "memory",
				   "memory: what was allocated is not aligned");
	return 0;
}

int ram_adopt(struct ram *ram, uint64_t size, const struct ram_source *from,
	      bool zero, struct err *err)
{
	int r;

	memset(ram, 0, sizeof(*ram));
	ram->fd = -1;
	ram->size = size;
	ram->backing = RAM_LENT;
	if (size > INT64_MAX - HUGE_SIZE)
		r = no_memory(ram, ENOMEM, err);
	else if (from->fd >= 0)
		r = adopt_file(ram, from, zero, err);
	else
		r = adopt_allocated(ram, from, err);
	if (r < 0)
		ram_destroy(ram);
	else if (from->fd >= 0)
		advise(ram);
	return r;
}

/* ---- giving back, and looking ---- */

int64_t ram_discard(const struct ram *ram, void *hva, uint64_t len)
{
	uint64_t page = ram->backing == RAM_HUGETLB ? HUGE_SIZE : PAGE;
	uint64_t off = (uint64_t)((uint8_t *)hva - ram->hva);
	uint64_t start = align_up(off, page);
	int r;

	assert(range_ok(off, len, ram->size));
	if (start > off + len)
		return 0;
	len = align_down(off + len - start, page);
	if (!len)
		return 0;
	if (ram->backing == RAM_LENT) { /* of what kind, only its owner knows */
		memset(ram->hva + start, 0, len);
		return 0;
	}
	if (ram->backing == RAM_PRIVATE)
		r = madvise(ram->hva + start, len, MADV_DONTNEED);
	else
		r = fallocate(ram->fd,
			      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      (off_t)start, (off_t)len);
	return r < 0 ? -errno : (int64_t)len;
}

/* Is the page at @off mapped here? */
static bool is_mapped(const struct ram *ram, uint64_t off)
{
	uint8_t in_core = 0;

	return mincore(ram->hva + off, PAGE, &in_core) == 0 && in_core & 1;
}

/* Reading a hole by the descriptor takes no page. */
static bool reads_as_zeros(const struct ram *ram, uint64_t off)
{
	uint64_t bytes[8192];

	for (uint64_t at = 0; at < HUGE_SIZE; at += sizeof(bytes)) {
		if (fd_pread_full(ram->fd, bytes, sizeof(bytes), off + at) < 0)
			return false;
		for (size_t i = 0; i < ARRAY_SIZE(bytes); i++)
			if (bytes[i])
				return false;
	}
	return true;
}

/* Memory of the usual kind, of which there is one page of zeros. */
static int replace(const struct ram *ram, uint64_t off)
{
	const int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS |
			  MAP_NORESERVE;

	return mmap(ram->hva + off, HUGE_SIZE, PROT_READ | PROT_WRITE, flags,
		    -1, 0) == MAP_FAILED ? -errno : 0;
}

int ram_freeze(const struct ram *ram)
{
	int r = 0;

	if (ram->backing != RAM_HUGETLB)
		return 0;
	for (uint64_t off = 0; off < ram->size && !r; off += HUGE_SIZE) {
		if (is_mapped(ram, off))
			continue;
		if (reads_as_zeros(ram, off))
			r = replace(ram, off);
		else /* somebody else's mapping has filled it */
			(void)*(volatile uint8_t *)(ram->hva + off);
	}
	return r;
}

/* From @off on; what is not mapped is a hole. */
static const uint8_t *next_huge(const struct ram *ram, uint64_t off)
{
	while (off < ram->size && !is_mapped(ram, off))
		off = align_down(off, HUGE_SIZE) + HUGE_SIZE;
	return ram->hva + off;
}

const uint8_t *ram_next_data(const struct ram *ram, const uint8_t *hva)
{
	off_t at;

	if (ram->fd < 0) /* what nobody wrote is one page */
		return hva;
	if (ram->backing == RAM_HUGETLB)
		return next_huge(ram, (uint64_t)(hva - ram->hva));
	at = lseek(ram->fd, hva - ram->hva, SEEK_DATA);
	if (at < 0)
		return errno == ENXIO ? ram->hva + ram->size : hva;
	return ram->hva + at;
}

uint64_t ram_resident(const struct ram *ram)
{
	uint8_t in_core[2048];
	const uint64_t chunk = sizeof(in_core) * PAGE;
	uint64_t pages = 0;

	for (uint64_t at = 0; at < ram->size; at += chunk) {
		uint64_t len = min_u64(chunk, ram->size - at);

		if (mincore(ram->hva + at, len, in_core) < 0)
			return 0;
		for (uint64_t i = 0; i < len / PAGE; i++)
			pages += in_core[i] & 1;
	}
	return pages * PAGE;
}

void ram_destroy(struct ram *ram)
{
	if (ram->map)
		munmap(ram->map, ram->map_size);
	if (ram->from.free)
		ram->from.free(ram->from.ctx, ram->hva, ram->size);
	ram->from.free = NULL;
	ram->map = NULL;
	ram->hva = NULL;
	if (ram->backing == RAM_MEMFD || ram->backing == RAM_HUGETLB)
		fd_close(&ram->fd);
}
