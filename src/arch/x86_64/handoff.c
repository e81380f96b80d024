// SPDX-License-Identifier: BSD-3-Clause
/*
 * See handoff.h. Sources: Linux Documentation/arch/x86/boot.rst and
 * zero-page.rst; Xen's public/arch-x86/hvm/start_info.h (the PVH ABI);
 * Multiboot Specification 0.6.96, 3.3.
 */
#include "arch/x86_64/handoff.h"

#include <errno.h>
#include <string.h>

#include "arch/x86_64/layout.h"
#include "arch/x86_64/memmap.h"
#include "base/endian.h"
#include "base/num.h"

static int write_cmdline(const struct mem *mem, const char *cmdline)
{
	size_t len = strlen(cmdline) + 1;

	if (len > LAYOUT_CMDLINE_MAX)
		return -ENOSPC;
	return mem_write(mem, LAYOUT_CMDLINE, cmdline, len);
}

/* ---- Linux ---- */

/* Offsets in the zero page (struct boot_params). */
enum {
	ZP_RSDP = 0x070,
	ZP_EXT_RAMDISK_IMAGE = 0x0c0,
	ZP_EXT_RAMDISK_SIZE = 0x0c4,
	ZP_EXT_CMD_LINE = 0x0c8,
	ZP_E820_COUNT = 0x1e8,
	ZP_SETUP = 0x1f1,
	ZP_VID_MODE = 0x1fa,
	ZP_BOOT_FLAG = 0x1fe,
	ZP_MAGIC = 0x202,
	ZP_VERSION = 0x206,
	ZP_LOADER = 0x210,
	ZP_LOADFLAGS = 0x211,
	ZP_RAMDISK_IMAGE = 0x218,
	ZP_RAMDISK_SIZE = 0x21c,
	ZP_CMD_LINE = 0x228,
	ZP_ALIGNMENT = 0x230,
	ZP_CMDLINE_SIZE = 0x238,
	ZP_E820 = 0x2d0,
	ZP_SIZE = 0x1000,
};

#define LOADER_UNKNOWN 0xff
#define LOADED_HIGH    1
#define E820_ENTRY     20

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

/* A vmlinux has no setup header: this much of it is what the kernel reads. */
static void default_header(uint8_t *zp)
{
	put16(zp + ZP_BOOT_FLAG, 0xaa55);
	put32(zp + ZP_MAGIC, 0x53726448); /* "HdrS" */
	put16(zp + ZP_VERSION, 0x20f);
	put32(zp + ZP_ALIGNMENT, 0x1000000);
	put32(zp + ZP_CMDLINE_SIZE, LAYOUT_CMDLINE_MAX - 1);
}

static void put_e820(uint8_t *zp, const struct mem *mem)
{
	struct memmap_entry map[MEMMAP_MAX];
	unsigned int n = memmap_build(map, mem);

	zp[ZP_E820_COUNT] = (uint8_t)n;
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *e = zp + ZP_E820 + i * E820_ENTRY;

		put64(e, map[i].gpa);
		put64(e + 8, map[i].size);
		put32(e + 16, map[i].type);
	}
}

int handoff_linux(const struct mem *mem, const struct handoff *h,
		  const struct boot_image *image, const uint8_t *bytes,
		  uint64_t *arg)
{
	uint8_t zp[ZP_SIZE] = { 0 };
	int r;

	if (image->setup_size && image->setup_size <= ZP_SIZE - ZP_SETUP)
		memcpy(zp + ZP_SETUP, bytes + image->setup_offset,
		       image->setup_size);
	else
		default_header(zp);
	zp[ZP_LOADER] = LOADER_UNKNOWN;
	zp[ZP_LOADFLAGS] |= LOADED_HIGH;
	put16(zp + ZP_VID_MODE, 0xffff); /* "normal" */
	put64(zp + ZP_RSDP, h->rsdp);
	put32(zp + ZP_CMD_LINE, LAYOUT_CMDLINE);
	if (h->modules) {
		const struct handoff_module *m = &h->module[0];

		put32(zp + ZP_RAMDISK_IMAGE, (uint32_t)m->gpa);
		put32(zp + ZP_RAMDISK_SIZE, (uint32_t)m->size);
		put32(zp + ZP_EXT_RAMDISK_IMAGE, (uint32_t)(m->gpa >> 32));
		put32(zp + ZP_EXT_RAMDISK_SIZE, (uint32_t)(m->size >> 32));
	}
	put_e820(zp, mem);
	r = write_cmdline(mem, h->cmdline);
	if (!r)
		r = mem_write(mem, LAYOUT_ZERO_PAGE, zp, sizeof(zp));
	*arg = LAYOUT_ZERO_PAGE;
	return r;
}

/* ---- PVH ---- */

#define PVH_MAGIC   0x336ec578u
#define PVH_VERSION 1

struct pvh_start_info {
	le32 magic;
	le32 version;
	le32 flags;
	le32 modules;
	le64 module_list;
	le64 cmdline;
	le64 rsdp;
	le64 memmap;
	le32 memmap_entries;
	le32 reserved;
};

struct pvh_module {
	le64 gpa;
	le64 size;
	le64 cmdline;
	le64 reserved;
};

struct pvh_memmap {
	le64 gpa;
	le64 size;
	le32 type; /* as E820's */
	le32 reserved;
};

/* One page at LAYOUT_PVH_INFO, in this order. */
struct pvh_page {
	struct pvh_start_info info;
	struct pvh_module module;
	struct pvh_memmap map[MEMMAP_MAX];
};

int handoff_pvh(const struct mem *mem, const struct handoff *h, uint64_t *arg)
{
	struct memmap_entry map[MEMMAP_MAX];
	unsigned int n = memmap_build(map, mem);
	struct pvh_page page;
	int r;

	memset(&page, 0, sizeof(page));
	page.info.magic = le32_put(PVH_MAGIC);
	page.info.version = le32_put(PVH_VERSION);
	page.info.cmdline = le64_put(LAYOUT_CMDLINE);
	page.info.rsdp = le64_put(h->rsdp);
	page.info.memmap = le64_put(LAYOUT_PVH_INFO +
				    offsetof(struct pvh_page, map));
	page.info.memmap_entries = le32_put(n);
	if (h->modules) {
		page.info.modules = le32_put(1);
		page.info.module_list = le64_put(
			LAYOUT_PVH_INFO + offsetof(struct pvh_page, module));
		page.module.gpa = le64_put(h->module[0].gpa);
		page.module.size = le64_put(h->module[0].size);
	}
	for (unsigned int i = 0; i < n; i++) {
		page.map[i].gpa = le64_put(map[i].gpa);
		page.map[i].size = le64_put(map[i].size);
		page.map[i].type = le32_put(map[i].type);
	}
	r = write_cmdline(mem, h->cmdline);
	if (!r)
		r = mem_write(mem, LAYOUT_PVH_INFO, &page, sizeof(page));
	*arg = LAYOUT_PVH_INFO;
	return r;
}

/* ---- Multiboot 1 ---- */

#define MB_MEMORY  (1u << 0)
#define MB_CMDLINE (1u << 2)
#define MB_MODULES (1u << 3)
#define MB_MEMMAP  (1u << 6)
#define MB_LOADER  (1u << 9)

struct mb_info {
	le32 flags;
	le32 mem_lower; /* KiB below 1 MiB */
	le32 mem_upper; /* KiB from 1 MiB up to the first hole */
	le32 boot_device;
	le32 cmdline;
	le32 mods_count;
	le32 mods_addr;
	le32 syms[4];
	le32 mmap_length;
	le32 mmap_addr;
	le32 drives_length;
	le32 drives_addr;
	le32 config_table;
	le32 boot_loader_name;
	le32 rest[13];
};

struct mb_module {
	le32 start;
	le32 end;
	le32 string;
	le32 reserved;
};

struct mb_memmap {
	le32 size; /* of what follows */
	le64 gpa;
	le64 len;
	le32 type;
};

struct mb_page {
	struct mb_info info;
	struct mb_module module[HANDOFF_MAX_MODULES];
	struct mb_memmap map[MEMMAP_MAX];
	char loader[8];
};

/* The guest address of a member of the page. */
static le32 mb_at(size_t offset)
{
	return le32_put((uint32_t)(LAYOUT_MULTIBOOT + offset));
}

static void mb_memory(struct mb_page *page, const struct mem *mem)
{
	struct memmap_entry map[MEMMAP_MAX];
	unsigned int n = memmap_build(map, mem);
	uint64_t upper = mem->region[0].size - LAYOUT_HIGH_START;

	page->info.mem_lower = le32_put(LAYOUT_LOW_END / 1024);
	page->info.mem_upper = le32_put((uint32_t)(upper / 1024));
	page->info.mmap_addr = mb_at(offsetof(struct mb_page, map));
	page->info.mmap_length =
		le32_put((uint32_t)(n * sizeof(struct mb_memmap)));
	for (unsigned int i = 0; i < n; i++) {
		page->map[i].size = le32_put(sizeof(struct mb_memmap) - 4);
		page->map[i].gpa = le64_put(map[i].gpa);
		page->map[i].len = le64_put(map[i].size);
		page->map[i].type = le32_put(map[i].type);
	}
}

int handoff_multiboot(const struct mem *mem, const struct handoff *h,
		      uint64_t *arg)
{
	struct mb_page page;
	int r;

	memset(&page, 0, sizeof(page));
	memcpy(page.loader, "vireo", 6);
	page.info.flags = le32_put(MB_MEMORY | MB_CMDLINE | MB_MODULES |
				   MB_MEMMAP | MB_LOADER);
	page.info.cmdline = le32_put(LAYOUT_CMDLINE);
	page.info.boot_loader_name = mb_at(offsetof(struct mb_page, loader));
	page.info.mods_count = le32_put(h->modules);
	page.info.mods_addr = mb_at(offsetof(struct mb_page, module));
	for (unsigned int i = 0; i < h->modules; i++) {
		uint64_t start = h->module[i].gpa;

		page.module[i].start = le32_put((uint32_t)start);
		page.module[i].end =
			le32_put((uint32_t)(start + h->module[i].size));
		page.module[i].string = le32_put(LAYOUT_CMDLINE);
	}
	mb_memory(&page, mem);
	r = write_cmdline(mem, h->cmdline);
	if (!r)
		r = mem_write(mem, LAYOUT_MULTIBOOT, &page, sizeof(page));
	*arg = LAYOUT_MULTIBOOT;
	return r;
}
