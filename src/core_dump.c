// SPDX-License-Identifier: BSD-3-Clause
/*
 * See core_dump.h. The file: header, program headers (one of notes, one for the
 * kernel's image, one for each region of RAM), notes, and the RAM from a page
 * boundary on. The kernel's image is a part of the RAM; its header says under
 * which addresses the kernel's symbols see it (System V ABI, chapter 5; Linux,
 * fs/proc/vmcore.c).
 */
#include "core_dump.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"

#define PAGE       4096
#define CHUNK      (256 * KIB)
#define HEADS_MAX  (2 + MEM_MAX_REGIONS)
#define INFO_NAME  "VMCOREINFO"
#define CPU_NAME   "CORE"

/* What comes before the RAM, as it will be in the file. */
struct head {
	Elf64_Ehdr elf;
	Elf64_Phdr part[HEADS_MAX];
	uint8_t *notes; /* owned */
	size_t notes_len;
};

/* ---- notes ---- */

static size_t note_size(const char *name, size_t len)
{
	return sizeof(Elf64_Nhdr) + align_up(strlen(name) + 1, 4) +
	       align_up(len, 4);
}

/* There is room, and it is zero. */
static uint8_t *add_note(struct head *h, const char *name, uint32_t type,
			 size_t len)
{
	const Elf64_Nhdr note = { (uint32_t)strlen(name) + 1, (uint32_t)len,
				  type };
	uint8_t *to = h->notes + h->notes_len;

	memcpy(to, &note, sizeof(note));
	memcpy(to + sizeof(note), name, note.n_namesz);
	h->notes_len += note_size(name, len);
	return to + sizeof(note) + align_up(note.n_namesz, 4);
}

static int make_notes(struct head *h, const struct core_dump *c)
{
	size_t size = c->cpus * note_size(CPU_NAME, ARCH_PRSTATUS) +
		      note_size(INFO_NAME, c->info->len);

	h->notes = calloc(1, size);
	if (!h->notes)
		return -ENOMEM;
	for (unsigned int i = 0; i < c->cpus; i++)
		arch_state_prstatus(add_note(h, CPU_NAME, NT_PRSTATUS,
					     ARCH_PRSTATUS),
				    &c->state[i], i);
	if (c->info->len)
		memcpy(add_note(h, INFO_NAME, 0, c->info->len), c->info->text,
		       c->info->len);
	return 0;
}

/* ---- headers ---- */

static Elf64_Phdr *add_part(struct head *h, uint32_t type, uint64_t offset,
			    uint64_t size)
{
	Elf64_Phdr *p = &h->part[h->elf.e_phnum++];

	p->p_type = type;
	p->p_offset = offset;
	p->p_filesz = size;
	p->p_memsz = size;
	return p;
}

/* RAM from @gpa on, which the guest sees at @va; its bytes are at @offset. */
static void add_ram(struct head *h, uint64_t gpa, uint64_t size, uint64_t va,
		    uint64_t offset)
{
	Elf64_Phdr *p = add_part(h, PT_LOAD, offset, size);

	p->p_flags = PF_R | PF_W | PF_X;
	p->p_vaddr = va;
	p->p_paddr = gpa;
}

/* The image lies in one region, or there is no header for it. */
static void add_text(struct head *h, const struct core_dump *c, uint64_t data)
{
	const struct arch_kernel_map *map = c->map;

	for (unsigned int i = 0; i < c->mem->count && map->text_size; i++) {
		const struct mem_region *r = &c->mem->region[i];

		if (mem_region_ptr(r, map->text_gpa, map->text_size))
			add_ram(h, map->text_gpa, map->text_size, map->text_va,
				data + map->text_gpa - r->gpa);
		data += r->size;
	}
}

/* Where the file's RAM begins is known when the headers are counted: there is
 * room for all that there can be. */
static uint64_t make_headers(struct head *h, const struct core_dump *c)
{
	uint64_t notes = sizeof(h->elf) + sizeof(h->part);
	uint64_t data = align_up(notes + h->notes_len, PAGE);

	memcpy(h->elf.e_ident, ELFMAG, SELFMAG);
	h->elf.e_ident[EI_CLASS] = ELFCLASS64;
	h->elf.e_ident[EI_DATA] = ELFDATA2LSB;
	h->elf.e_ident[EI_VERSION] = EV_CURRENT;
	h->elf.e_type = ET_CORE;
	h->elf.e_machine = arch_elf_machine();
	h->elf.e_version = EV_CURRENT;
	h->elf.e_phoff = sizeof(h->elf);
	h->elf.e_ehsize = sizeof(h->elf);
	h->elf.e_phentsize = sizeof(h->part[0]);
	add_part(h, PT_NOTE, notes, h->notes_len)->p_align = 4;
	add_text(h, c, data);
	notes = data;
	for (unsigned int i = 0; i < c->mem->count; i++) {
		const struct mem_region *r = &c->mem->region[i];

		add_ram(h, r->gpa, r->size, c->map->direct_va + r->gpa, notes);
		notes += r->size;
	}
	return data;
}

/* ---- the file ---- */

static int write_at(int fd, const void *bytes, uint64_t len, uint64_t off)
{
	const uint8_t *from = bytes;

	while (len) {
		ssize_t n = pwrite(fd, from, len, (off_t)off);

		if (n < 0 && errno != EINTR)
			return -errno;
		n = n < 0 ? 0 : n;
		from += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

static bool is_zero(const uint8_t page[PAGE])
{
	return page[0] == 0 && !memcmp(page, page + 1, PAGE - 1);
}

/* One write for neighbours that are not zero. */
static int write_chunk(int fd, const uint8_t *bytes, uint64_t len, uint64_t off)
{
	uint64_t from = 0;
	int r = 0;

	while (from < len && !r) {
		uint64_t to = from;

		while (to < len && !is_zero(bytes + to))
			to += PAGE;
		if (to > from)
			r = write_at(fd, bytes + from, to - from, off + from);
		from = to + PAGE;
	}
	return r;
}

static int write_region(int fd, const struct mem_region *region,
			const struct ram *ram, uint64_t off)
{
	const uint8_t *end = region->hva + region->size;
	const uint8_t *at = ram_next_data(ram, region->hva);
	int r = 0;

	while (at < end && !r) {
		uint64_t n = min_u64(CHUNK, (uint64_t)(end - at));

		r = write_chunk(fd, at, n,
				off + (uint64_t)(at - region->hva));
		at += n;
		if (at < end)
			at = ram_next_data(ram, at);
	}
	return r;
}

static int write_ram(int fd, const struct core_dump *c, uint64_t off)
{
	int r = 0;

	for (unsigned int i = 0; i < c->mem->count && !r; i++) {
		r = write_region(fd, &c->mem->region[i], c->ram, off);
		off += c->mem->region[i].size;
	}
	if (!r && ftruncate(fd, (off_t)off) < 0)
		r = -errno;
	return r;
}

static int write_file(int fd, const struct core_dump *c)
{
	struct head h = { 0 };
	uint64_t data;
	int r = make_notes(&h, c);

	if (r < 0)
		return r;
	data = make_headers(&h, c);
	r = write_at(fd, &h.elf, sizeof(h.elf), 0);
	if (!r)
		r = write_at(fd, h.part, sizeof(h.part), sizeof(h.elf));
	if (!r)
		r = write_at(fd, h.notes, h.notes_len,
			     sizeof(h.elf) + sizeof(h.part));
	if (!r)
		r = write_ram(fd, c, data);
	free(h.notes);
	return r;
}

int core_dump_check(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *folder = strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
	struct stat st;
	int r = 0;

	if (!folder)
		return err_set(err, -ENOMEM, "out of memory");
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		r = err_set(err, -EINVAL,
			    "%s: is not a regular file (name a new one)", path);
	else if (access(*folder ? folder : ".", W_OK | X_OK) < 0)
		r = err_set_path(err, -errno, path);
	free(folder);
	return r;
}

int core_dump_write(const char *path, const struct core_dump *core,
		    struct err *err)
{
	char *temp = NULL;
	int fd = -1;
	int r = core_dump_check(path, err);

	if (r < 0)
		return r;
	if (asprintf(&temp, "%s.XXXXXX", path) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	fd = fd_above(mkostemp(temp, O_CLOEXEC));
	r = fd < 0 ? -errno : write_file(fd, core);
	if (fd >= 0 && close(fd) < 0 && !r)
		r = -errno;
	if (!r && rename(temp, path) < 0)
		r = -errno;
	if (r < 0 && fd >= 0)
		unlink(temp);
	free(temp);
	return r < 0 ? err_set(err, r, "%s: %s", path, strerror(-r)) : 0;
}
