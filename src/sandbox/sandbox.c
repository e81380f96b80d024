// SPDX-License-Identifier: BSD-3-Clause
/* See sandbox.h: building a sandbox, and taking it back to its beginning. */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"
#include "kvm/kvm_bare.h"

#define PAGE ARCH_SANDBOX_PAGE
#define GAP  0x10000u /* between stack, buffers and heap nothing is mapped */

/* ---- what lies where ---- */

static void add_area(struct vireo_sandbox *sb, uint64_t start, uint64_t size,
		     bool write, bool exec)
{
	sb->area[sb->areas++] =
		(struct arch_sandbox_area){ start, size, write, exec };
}

static void add_segments(struct vireo_sandbox *sb)
{
	for (unsigned int i = 0; i < sb->image.count; i++) {
		const struct sandbox_segment *s = &sb->image.segment[i];
		uint64_t start = align_down(s->address, PAGE);
		uint64_t end = align_up(s->address + s->size, PAGE);

		add_area(sb, start, end - start, s->write, s->exec);
	}
}

/* Everything is below ARCH_SANDBOX_MOST by now, so that no sum wraps. */
static int lay_out(struct vireo_sandbox *sb, const struct sandbox_config *cfg,
		   struct arch_sandbox_info *info, struct err *err)
{
	uint64_t stack;

	add_segments(sb);
	sb->in = sb->image.end + GAP;
	sb->out = sb->in + cfg->buffer + GAP;
	stack = sb->out + cfg->buffer + GAP;
	sb->stack_top = stack + cfg->stack;
	info->heap = sb->stack_top + GAP;
	if (info->heap > cfg->memory)
		return err_set_key(err, -EINVAL, "memory",
				   "memory: %" PRIu64 " KiB do not hold the "
				   "program, its stack and two buffers (give "
				   "it %" PRIu64 " KiB)", cfg->memory / KIB,
				   info->heap / KIB);
	info->heap_size = cfg->memory - info->heap;
	info->buffer_size = cfg->buffer;
	add_area(sb, sb->in, cfg->buffer, true, false);
	add_area(sb, sb->out, cfg->buffer, true, false);
	add_area(sb, stack, cfg->stack, true, false);
	if (info->heap_size)
		add_area(sb, info->heap, info->heap_size, true, false);
	return 0;
}

/* ---- building it ---- */

static void note(uint64_t *bitmap, uint64_t address, uint64_t len)
{
	for (uint64_t page = address / PAGE;
	     page <= (address + len - 1) / PAGE; page++)
		bitmap[page / 64] |= UINT64_C(1) << page % 64;
}

static void note_writable(struct vireo_sandbox *sb)
{
	for (unsigned int i = 0; i < sb->areas; i++)
		if (sb->area[i].write)
			note(sb->writable, sb->area[i].start, sb->area[i].size);
}

static int make_memory(struct vireo_sandbox *sb, struct err *err)
{
	uint64_t system = arch_sandbox_system_size(sb->memory);
	int r = ram_create(&sb->ram, sb->memory + system, RAM_PRIVATE, err);

	if (r < 0)
		return r;
	/* A call touches few pages, and a reset looks at single ones. */
	madvise(sb->ram.hva, sb->ram.size, MADV_NOHUGEPAGE);
	sb->words = (sb->memory / PAGE + 63) / 64;
	sb->written = calloc(sb->words, sizeof(uint64_t));
	sb->writable = calloc(sb->words, sizeof(uint64_t));
	sb->log = calloc(sb->words, sizeof(uint64_t));
	if (!sb->written || !sb->writable || !sb->log)
		return err_set(err, -ENOMEM, "out of memory");
	note_writable(sb);
	r = mem_add(&sb->mem, 0, sb->memory, sb->ram.hva);
	if (!r)
		r = mem_add(&sb->mem, ARCH_SANDBOX_SYSTEM, system,
			    sb->ram.hva + sb->memory);
	return r < 0 ? err_set(err, r, "out of memory regions") : 0;
}

/* Copies it in; what the guest can overwrite is kept as well. */
static int load_segment(struct vireo_sandbox *sb, unsigned int i,
			const uint8_t *image, struct err *err)
{
	const struct sandbox_segment *s = &sb->image.segment[i];

	if (mem_write(&sb->mem, s->address, image + s->offset, s->file_size))
		return err_set(err, -EFAULT, "a segment lies outside memory");
	if (!s->write || !s->file_size)
		return 0;
	sb->fresh[i] = malloc(s->file_size);
	if (!sb->fresh[i])
		return err_set(err, -ENOMEM, "out of memory");
	memcpy(sb->fresh[i], image + s->offset, s->file_size);
	return 0;
}

static int load(struct vireo_sandbox *sb, const struct sandbox_config *cfg,
		struct err *err)
{
	struct arch_sandbox_info info;
	int r = lay_out(sb, cfg, &info, err);

	if (!r)
		r = make_memory(sb, err);
	for (unsigned int i = 0; i < sb->image.count && !r; i++)
		r = load_segment(sb, i, cfg->image, err);
	if (!r && arch_sandbox_write(&sb->mem, sb->area, sb->areas, &info) < 0)
		r = err_set(err, -EFAULT, "page tables lie outside memory");
	return r;
}

static int make_vcpu(struct vireo_sandbox *sb, int fd, struct err *err)
{
	int r = kvm_open(&sb->kvm, fd, err);

	if (!r)
		r = kvm_vm_create(&sb->vm, &sb->kvm, err);
	if (!r)
		r = kvm_vm_add_logged_ram(&sb->vm, 0, sb->memory, sb->ram.hva,
					  &sb->slot, err);
	if (!r)
		r = kvm_vm_add_ram(&sb->vm, ARCH_SANDBOX_SYSTEM,
				   sb->ram.size - sb->memory,
				   sb->ram.hva + sb->memory, false, err);
	if (!r && kvm_vm_set_tss(&sb->vm, ARCH_SANDBOX_TSS, ARCH_SANDBOX_MAP))
		r = err_set(err, -EIO, "KVM refuses its TSS pages");
	if (!r)
		r = kvm_vcpu_create(&sb->vcpu, &sb->vm, 0, err);
	return r ? r : arch_sandbox_init(&sb->arch, &sb->vcpu, &sb->kvm, err);
}

static int build(struct vireo_sandbox *sb, const struct sandbox_config *cfg,
		 struct err *err)
{
	int r = cfg->flat ? sandbox_image_flat(&sb->image, cfg->image_len,
					       cfg->memory, err)
			  : sandbox_image_parse(&sb->image, cfg->image,
						cfg->image_len, cfg->memory,
						err);

	if (!r)
		r = load(sb, cfg, err);
	return r ? r : make_vcpu(sb, cfg->kvm_fd, err);
}

int sandbox_create(struct vireo_sandbox **out, const struct sandbox_config *cfg,
		   struct err *err)
{
	struct vireo_sandbox *sb = calloc(1, sizeof(*sb));
	int r;

	*out = NULL;
	if (!sb)
		return err_set(err, -ENOMEM, "out of memory");
	sb->kvm.fd = sb->vm.fd = sb->vcpu.fd = sb->ram.fd = -1;
	sb->process = getpid();
	sandbox_stop_init(&sb->stop);
	sb->memory = cfg->memory;
	sb->buffer = cfg->buffer;
	sb->max_hypercalls = cfg->max_hypercalls;
	r = build(sb, cfg, err);
	if (r < 0) {
		sandbox_destroy(sb);
		return r;
	}
	*out = sb;
	return 0;
}

void sandbox_destroy(struct vireo_sandbox *sb)
{
	if (!sb)
		return;
	/* The guest's memory is not inherited: its addresses may be somebody
	 * else's in a child. */
	if (getpid() != sb->process)
		sb->ram.map = NULL;
	arch_sandbox_finish(&sb->arch);
	kvm_vcpu_destroy(&sb->vcpu);
	kvm_vm_destroy(&sb->vm);
	kvm_close(&sb->kvm);
	ram_destroy(&sb->ram);
	sandbox_image_finish(&sb->image);
	for (unsigned int i = 0; i < SANDBOX_SEGMENTS; i++)
		free(sb->fresh[i]);
	free(sb->written);
	free(sb->writable);
	free(sb->log);
	free(sb->scratch);
	sandbox_stop_finish(&sb->stop);
	free(sb);
}

/* ---- whose it is ---- */

int sandbox_take(struct vireo_sandbox *sb, struct err *err)
{
	if (atomic_exchange(&sb->busy, true))
		return err_set(err, -EBUSY,
			       "the sandbox is in a call already");
	if (getpid() == sb->process)
		return 0;
	sandbox_give(sb);
	return err_set(err, -EBUSY,
		       "the sandbox is a parent process'");
}

void sandbox_give(struct vireo_sandbox *sb)
{
	atomic_store(&sb->busy, false);
}

/* ---- its memory ---- */

bool sandbox_holds(const struct vireo_sandbox *sb, uint64_t address,
		   uint64_t len, bool write)
{
	for (unsigned int i = 0; i < sb->areas; i++) {
		const struct arch_sandbox_area *a = &sb->area[i];

		if (address >= a->start &&
		    range_ok(address - a->start, len, a->size))
			return !write || a->write;
	}
	return false;
}

int sandbox_write(struct vireo_sandbox *sb, uint64_t address, const void *src,
		  uint64_t len)
{
	int r = mem_write(&sb->mem, address, src, len);

	if (!r && len)
		note(sb->written, address, len);
	return r;
}

/* The part of segment @i that lies in [start, end). */
static int restore_segment(struct vireo_sandbox *sb, unsigned int i,
			   uint64_t start, uint64_t end)
{
	const struct sandbox_segment *s = &sb->image.segment[i];
	uint64_t from = max_u64(start, s->address);
	uint64_t to = min_u64(end, s->address + s->file_size);

	if (!sb->fresh[i] || from >= to)
		return 0;
	return mem_write(&sb->mem, from, sb->fresh[i] + (from - s->address),
			 to - from);
}

static bool is_fresh(const struct vireo_sandbox *sb, uint64_t start,
		     uint64_t end)
{
	for (unsigned int i = 0; i < sb->image.count; i++) {
		const struct sandbox_segment *s = &sb->image.segment[i];

		if (sb->fresh[i] && start >= s->address &&
		    end - s->address <= s->file_size)
			return true;
	}
	return false;
}

/* [start, end), whole pages: zeros, and on them what the program has there. */
static int restore(struct vireo_sandbox *sb, uint64_t start, uint64_t end)
{
	int r = is_fresh(sb, start, end)
			? 0
			: mem_fill(&sb->mem, start, 0, end - start);

	for (unsigned int i = 0; i < sb->image.count && !r; i++)
		r = restore_segment(sb, i, start, end);
	return r;
}

/* Pages that follow each other go together. A KVM with two stages of tables
 * logs pages that were only read, of the code as well: we have no copy of what
 * the guest cannot change. */
static int restore_pages(struct vireo_sandbox *sb)
{
	uint64_t start = 0, end = 0;
	int r = 0;

	for (size_t i = 0; i < sb->words && !r; i++) {
		uint64_t set = (sb->log[i] | sb->written[i]) & sb->writable[i];

		sb->written[i] = 0;
		for (; set && !r; set &= set - 1) {
			uint64_t page = i * 64 + (uint64_t)__builtin_ctzll(set);

			if (page * PAGE != end) {
				r = restore(sb, start, end);
				start = page * PAGE;
			}
			end = (page + 1) * PAGE;
		}
	}
	return r ? r : restore(sb, start, end);
}

int sandbox_reset(struct vireo_sandbox *sb, struct err *err)
{
	int r = kvm_vm_dirty_log(&sb->vm, sb->slot, sb->log);

	sb->broken = true;
	if (!r)
		r = restore_pages(sb);
	if (!r)
		r = arch_sandbox_reset(&sb->arch, &sb->vcpu);
	if (r < 0)
		return err_set(err, r, "KVM cannot reset the sandbox: %s",
			       strerror(-r));
	sb->broken = false;
	sb->spent = false;
	return 0;
}
