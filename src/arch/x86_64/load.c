// SPDX-License-Identifier: BSD-3-Clause
/*
 * arch_load(): the kernel image, the initrds and the command line go into RAM.
 * The loaders in boot/ say what goes where; this file decides whether it fits
 * this machine. Runs on the thread that builds the VM, before any vCPU.
 */
#include "arch/arch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/x86_64/handoff.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/regs.h"
#include "arch/x86_64/unpack.h"
#include "base/cache.h"
#include "base/fd.h"
#include "base/num.h"
#include "board/board.h"
#include "boot/initrd.h"

#define IMAGE_MAX  GIB
#define INITRD_MAX (4 * GIB)

/* What one load needs; bytes are freed when it ends. */
struct load {
	struct board *board;
	uint8_t *file; /* owned: the image as it is on disk; or NULL */
	size_t file_len;
	struct boot_image image;
	bool placed; /* its segments are in RAM already */
	uint64_t kernel_end;  /* first byte above the kernel and its needs */
	struct handoff handoff;
	char cmdline[CONFIG_CMDLINE_MAX + CONFIG_PATH_MAX + 64];
};

static int no_room(const struct load *load, uint64_t end, struct err *err)
{
	uint64_t have = load->board->cfg->memory;

	return err_set_key(err, -ENOEXEC, "memory",
			   "%s: needs RAM up to %llu MiB, the VM has %llu MiB "
			   "(give it more with --memory)",
			   load->board->cfg->kernel,
			   (unsigned long long)(align_up(end, MIB) / MIB),
			   (unsigned long long)(have / MIB));
}

static int place_segments(struct load *load, struct err *err)
{
	const struct mem *mem = &load->board->mem;
	const struct boot_image *image = &load->image;

	for (unsigned int i = 0; i < image->count; i++) {
		const struct boot_segment *s = &image->segment[i];
		uint64_t need = i == 0 ? max_u64(s->mem_size, image->init_size)
				       : s->mem_size;

		if (!mem_is_ram(mem, s->gpa, need))
			return no_room(load, s->gpa + need, err);
		load->kernel_end = max_u64(load->kernel_end, s->gpa + need);
		/* The rest of a segment is fresh RAM and already zero. */
		if (!load->placed)
			mem_write(mem, s->gpa, load->file + s->offset,
				  s->file_size);
	}
	return 0;
}

/* ---- unpacked kernels ---- */

struct kept {
	char folder[CONFIG_PATH_MAX + 16];
	char key[CACHE_KEY_MAX];
};

/* What stands for the image: where it is, and what would change with it. */
static bool find_kept(struct kept *k, const struct config *cfg)
{
	struct stat st;

	if (!cfg->unpack || !*cfg->command.cache ||
	    stat(cfg->kernel, &st) < 0)
		return false;
	snprintf(k->folder, sizeof(k->folder), "%s/unpacked",
		 cfg->command.cache);
	return snprintf(k->key, sizeof(k->key),
			"vireo kernel 1\n%s\n%llu %llu %lld %lld.%09ld\n",
			cfg->kernel, (unsigned long long)st.st_dev,
			(unsigned long long)st.st_ino, (long long)st.st_size,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec) <
	       (int)sizeof(k->key);
}

/* The same image was unpacked before. */
static bool load_kept(struct load *load, const struct kept *k)
{
	struct err why = { 0 };
	uint64_t len = 0;
	int fd = cache_open(k->folder, k->key, &len);

	if (fd < 0)
		return false;
	load->placed = unpack_kept(&load->board->mem, &load->image, fd, len,
				   &why) == 0;
	close(fd);
	if (!load->placed)
		log_info(load->board->log, "kernel: %s: %s", k->folder,
			 why.text);
	return load->placed;
}

/* Unpacks the payload of a bzImage; anything that speaks against it is a log
 * line, and the kernel's own decompressor does the work. @k: NULL, or where to
 * keep it. */
static void try_unpack(struct load *load, const struct kept *k)
{
	const struct boot_image *outer = &load->image;
	const struct log *log = load->board->log;
	struct boot_image inner;
	struct cache_new new;
	struct err why = { 0 };

	if (outer->format != BOOT_FORMAT_BZIMAGE || !outer->payload_size) {
		log_info(log, "kernel: no packed bzImage, nothing to unpack");
		return;
	}
	if (k && cache_begin(&new, k->folder, k->key) < 0)
		k = NULL;
	if (unpack_in_place(&load->board->mem, &inner,
			    load->file + outer->payload_offset,
			    outer->payload_size, k ? &new : NULL, &why) < 0) {
		log_warn(log, "kernel: not unpacked on the host: %s", why.text);
	} else {
		load->image = inner;
		load->placed = true;
	}
}

static int load_kernel(struct load *load, struct err *err)
{
	const struct config *cfg = load->board->cfg;
	struct kept kept;
	bool keep = find_kept(&kept, cfg);
	int r;

	if (keep && load_kept(load, &kept))
		return place_segments(load, err);
	r = fd_read_file(&load->file, &load->file_len, cfg->kernel, IMAGE_MAX,
			 err);
	if (!r) {
		r = boot_parse(&load->image, load->file, load->file_len,
			       cfg->format, err);
		if (r < 0)
			err_wrap(err, "%s", cfg->kernel);
	}
	if (r < 0) {
		err_wrap(err, "kernel");
		err_blame(err, "kernel");
		return r;
	}
	if (cfg->unpack)
		try_unpack(load, keep ? &kept : NULL);
	return place_segments(load, err);
}

/* ---- initrds ---- */

struct initrd_files {
	unsigned int count;
	struct initrd_part part[CONFIG_MAX_INITRDS + 1];
	uint8_t *bytes[CONFIG_MAX_INITRDS]; /* owned */
};

/* What the VM brings itself comes last: in what it has, it is right. */
static void add_own(struct initrd_files *files, const struct board *board)
{
	if (!board->initramfs_len)
		return;
	files->part[files->count].bytes = board->initramfs;
	files->part[files->count++].len = board->initramfs_len;
}

static int read_initrds(struct initrd_files *files, const struct config *cfg,
			struct err *err)
{
	for (unsigned int i = 0; i < cfg->initrds; i++) {
		size_t len;
		int r = fd_read_file(&files->bytes[i], &len, cfg->initrd[i],
				     INITRD_MAX, err);

		if (r < 0) {
			err_wrap(err, "initrd");
			err_blame(err, "initrd");
			return r;
		}
		files->count++;
		files->part[i].bytes = files->bytes[i];
		files->part[i].len = len;
	}
	return 0;
}

struct initrd_target {
	const struct mem *mem;
	uint64_t gpa;
};

static int write_initrd(void *ctx, uint64_t offset, const void *bytes,
			size_t len)
{
	const struct initrd_target *to = ctx;

	return mem_write(to->mem, to->gpa + offset, bytes, len);
}

/* As high as the kernel allows, so that it has room to grow below. */
static int place_initrd(struct load *load, uint64_t size, uint64_t *gpa,
			struct err *err)
{
	const struct mem_region *low = &load->board->mem.region[0];
	uint64_t top = low->size;

	if (load->image.initrd_max)
		top = min_u64(top, load->image.initrd_max + 1);
	if (size > top)
		return no_room(load, size + load->kernel_end, err);
	*gpa = align_down(top - size, 4096);
	if (*gpa < max_u64(load->kernel_end, LAYOUT_HIGH_START))
		return no_room(load, load->kernel_end + size, err);
	return 0;
}

/* Multiboot gets one module per file; the others the joined image. */
static void note_modules(struct load *load, const struct initrd_files *files,
			 uint64_t gpa, uint64_t size)
{
	struct handoff *h = &load->handoff;

	if (load->image.entry != BOOT_ENTRY_MULTIBOOT) {
		h->modules = 1;
		h->module[0] = (struct handoff_module){ gpa, size };
		return;
	}
	h->modules = files->count;
	for (unsigned int i = 0; i < files->count; i++)
		h->module[i] = (struct handoff_module){
			gpa + files->part[i].offset, files->part[i].len
		};
}

static int load_initrds(struct load *load, struct err *err)
{
	struct initrd_target to = { &load->board->mem, 0 };
	struct initrd_files files = { 0 };
	uint64_t size = 0;
	int r = read_initrds(&files, load->board->cfg, err);

	add_own(&files, load->board);
	if (!r && files.count)
		r = initrd_layout(&size, files.part, files.count, err);
	if (!r && size)
		r = place_initrd(load, size, &to.gpa, err);
	if (!r && size) {
		r = initrd_write(files.part, files.count, write_initrd, &to);
		note_modules(load, &files, to.gpa, size);
	}
	for (unsigned int i = 0; i < CONFIG_MAX_INITRDS; i++)
		free(files.bytes[i]);
	return r;
}

/* ---- command line and entry ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What a kernel says before hvc0 is up, an early panic for one, comes by the
 * serial port; Linux gives that up for hvc0. */
static const char *console_words(const struct config_console *main)
{
	if (main->kind == CONSOLE_NONE)
		return "";
	return main->virtio ? "earlyprintk=ttyS0 console=hvc0 "
			    : "console=ttyS0 ";
}

static int compose_cmdline(struct load *load, struct err *err)
{
	const struct config *cfg = load->board->cfg;
	const char *console = console_words(&cfg->console[0]);
	/* Looking for a bus in vain would cost 230 exits. */
	const char *bus = load->board->pci ? "" : " pci=off";
	uint64_t max = LAYOUT_CMDLINE_MAX - 1;
	size_t len;

	if (cfg->cmdline_only)
		snprintf(load->cmdline, sizeof(load->cmdline), "%s",
			 cfg->cmdline);
	else if (load->image.entry == BOOT_ENTRY_MULTIBOOT)
		/* argv[0], then what the user says; no Linux words */
		snprintf(load->cmdline, sizeof(load->cmdline), "%s%s%s",
			 base_name(cfg->kernel), *cfg->cmdline ? " " : "",
			 cfg->cmdline);
	else
		snprintf(load->cmdline, sizeof(load->cmdline),
			 "%spanic=-1%s%s%s", console, bus,
			 *cfg->cmdline ? " " : "", cfg->cmdline);
	load->handoff.cmdline = load->cmdline;
	if (load->image.cmdline_max)
		max = min_u64(max, load->image.cmdline_max);
	len = strlen(load->cmdline);
	if (len > max)
		return err_set_key(err, -ENOEXEC, "cmdline",
				   "cmdline: %zu bytes, this kernel takes %llu",
				   len, (unsigned long long)max);
	return 0;
}

static int write_handoff(struct load *load, struct arch_entry *entry)
{
	const struct mem *mem = &load->board->mem;

	switch (entry->kind) {
	case BOOT_ENTRY_LINUX64:
		return handoff_linux(mem, &load->handoff, &load->image,
				     load->file, &entry->arg);
	case BOOT_ENTRY_PVH:
		return handoff_pvh(mem, &load->handoff, &entry->arg);
	case BOOT_ENTRY_MULTIBOOT:
		return handoff_multiboot(mem, &load->handoff, &entry->arg);
	case BOOT_ENTRY_REAL:
		return 0;
	}
	return -EINVAL;
}

static int load_all(struct load *load, struct arch_entry *entry,
		    struct err *err)
{
	int r = load_kernel(load, err);

	if (!r)
		r = load_initrds(load, err);
	if (!r)
		r = compose_cmdline(load, err);
	if (r < 0)
		return r;
	entry->kind = load->image.entry;
	entry->pc = load->image.entry_gpa;
	load->handoff.rsdp = LAYOUT_ACPI;
	r = write_handoff(load, entry);
	if (!r)
		r = regs_write_tables(&load->board->mem, entry->kind);
	if (r < 0)
		return err_set(err, r, "boot structures do not fit: %s",
			       strerror(-r));
	return 0;
}

int arch_load(struct board *board, struct arch_entry *entry, struct err *err)
{
	struct load *load = calloc(1, sizeof(*load));
	struct err ignored;
	int r;

	if (!load)
		return err_set(err, -ENOMEM, "out of memory");
	load->board = board;
	r = load_all(load, entry, err ? err : &ignored);
	free(load->file);
	free(load);
	return r;
}
