// SPDX-License-Identifier: BSD-3-Clause
/*
 * ELF kernels: by the PVH note (Xen docs/misc/pvh.pandoc), or as a Linux
 * vmlinux by its 64-bit entry. See elf.h; multiboot.c borrows the segments.
 *
 * Everything is bounded before it is walked: 64 program headers, 64 KiB of
 * notes in each, so that no file costs more than a few milliseconds.
 */
#include "boot/elf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"

#define PHNUM_MAX 64
#define NOTE_MAX  65536
#define NOTE_HEAD 12

#define XEN_PHYS32_ENTRY 18 /* xen/include/public/elfnote.h */

enum { PT_LOAD = 1, PT_INTERP = 3, PT_NOTE = 4 };
enum { ET_EXEC = 2, ET_DYN = 3 };
enum { EM_386 = 3, EM_X86_64 = 62 };

struct phdr {
	uint32_t type;
	uint64_t offset;
	uint64_t vaddr;
	uint64_t paddr;
	uint64_t filesz;
	uint64_t memsz;
	uint64_t align;
};

bool elf_probe(const uint8_t *image, size_t len)
{
	return len >= 4 && !memcmp(image, "\177ELF", 4);
}

static const char *machine_name(unsigned int machine)
{
	static const struct {
		unsigned int machine;
		const char *name;
	} names[] = {
		{ 2, "sparc" },	   { EM_386, "i386" },	{ 8, "mips" },
		{ 20, "powerpc" }, { 21, "powerpc64" }, { 22, "s390" },
		{ 40, "arm" },	   { 43, "sparc64" },	{ EM_X86_64, "x86_64" },
		{ 183, "arm64" },  { 243, "riscv" },	{ 258, "loongarch" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return "unknown";
}

/* e_ident, e_type and e_machine: is it for us at all? */
static int check_kind(const uint8_t *image, size_t len, bool *wide,
		      struct err *err)
{
	unsigned int type, machine;

	if (!elf_probe(image, len))
		return err_set(err, -ENOEXEC, "not an ELF file: no ELF magic");
	if (len < 20)
		return err_set(err, -ENOEXEC,
			       "truncated ELF file: %zu bytes do not hold the "
			       "header", len);
	if (image[5] == 2)
		return err_set(err, -ENOEXEC,
			       "a big-endian %s ELF file: this machine is "
			       "little-endian x86_64",
			       machine_name(image[18] << 8 | image[19]));
	if (image[5] != 1 || image[4] < 1 || image[4] > 2)
		return err_set(err, -ENOEXEC,
			       "damaged ELF file: class %u, data encoding %u",
			       image[4], image[5]);
	*wide = image[4] == 2;
	type = le16_at(image + 16);
	machine = le16_at(image + 18);
	if (machine != (*wide ? EM_X86_64 : EM_386))
		return err_set(err, -ENOEXEC,
			       "an ELF%d file for %s (machine %u): this "
			       "machine takes ELF64 for x86_64 or ELF32 for "
			       "i386", *wide ? 64 : 32, machine_name(machine),
			       machine);
	if (type != ET_EXEC && type != ET_DYN)
		return err_set(err, -ENOEXEC,
			       "an ELF file of type %u: not an executable "
			       "(a kernel has been linked, type 2)", type);
	return 0;
}

static struct phdr phdr_at(const struct elf *elf, unsigned int i)
{
	const uint8_t *p = elf->image + elf->phoff;

	if (elf->wide) {
		p += (size_t)i * 56;
		return (struct phdr){
			.type = le32_at(p),
			.offset = le64_at(p + 8),
			.vaddr = le64_at(p + 16),
			.paddr = le64_at(p + 24),
			.filesz = le64_at(p + 32),
			.memsz = le64_at(p + 40),
			.align = le64_at(p + 48),
		};
	}
	p += (size_t)i * 32;
	return (struct phdr){
		.type = le32_at(p),
		.offset = le32_at(p + 4),
		.vaddr = le32_at(p + 8),
		.paddr = le32_at(p + 12),
		.filesz = le32_at(p + 16),
		.memsz = le32_at(p + 20),
		.align = le32_at(p + 28),
	};
}

/* e_phoff, e_phentsize, e_phnum */
static int check_table(struct elf *elf, struct err *err)
{
	const uint8_t *p = elf->image;
	unsigned int entsize = le16_at(p + (elf->wide ? 54 : 42));
	unsigned int want = elf->wide ? 56 : 32;
	uint64_t off = elf->wide ? le64_at(p + 32) : le32_at(p + 28);

	elf->phnum = le16_at(p + (elf->wide ? 56 : 44));
	if (!elf->phnum)
		return err_set(err, -ENOEXEC,
			       "an ELF file without program headers: nothing "
			       "to load");
	if (elf->phnum > PHNUM_MAX)
		return err_set(err, -ENOEXEC,
			       "an ELF file with %u program headers: at most "
			       "%u are supported", elf->phnum, PHNUM_MAX);
	if (entsize != want)
		return err_set(err, -ENOEXEC,
			       "damaged ELF file: program headers of %u bytes, "
			       "not %u", entsize, want);
	if (!range_ok(off, (uint64_t)want * elf->phnum, elf->len))
		return err_set(err, -ENOEXEC,
			       "truncated ELF file: the program headers lie "
			       "past its end");
	elf->phoff = off;
	return 0;
}

int elf_open(struct elf *elf, const uint8_t *image, size_t len, struct err *err)
{
	int r;

	*elf = (struct elf){ .image = image, .len = len };
	r = check_kind(image, len, &elf->wide, err);
	if (r < 0)
		return r;
	if (len < (elf->wide ? 64 : 52))
		return err_set(err, -ENOEXEC,
			       "truncated ELF file: %zu bytes do not hold the "
			       "header", len);
	elf->entry = elf->wide ? le64_at(image + 24) : le32_at(image + 24);
	r = check_table(elf, err);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < elf->phnum; i++)
		if (phdr_at(elf, i).type == PT_INTERP)
			return err_set(err, -ENOEXEC,
				       "an ELF program with an interpreter: "
				       "neither a kernel nor freestanding");
	return 0;
}

int elf_load(struct boot_image *out, const struct elf *elf, struct err *err)
{
	for (unsigned int i = 0; i < elf->phnum; i++) {
		struct phdr ph = phdr_at(elf, i);
		struct boot_segment s = { .gpa = ph.paddr,
					  .mem_size = ph.memsz,
					  .offset = ph.offset,
					  .file_size = ph.filesz };
		int r;

		if (ph.type != PT_LOAD || (!ph.memsz && !ph.filesz))
			continue;
		r = image_add(out, &s, elf->len, err);
		if (r < 0)
			return r;
	}
	if (!out->count)
		return err_set(err, -ENOEXEC,
			       "an ELF file without loadable segments");
	return 0;
}

int elf_enter(struct boot_image *out, const struct elf *elf, struct err *err)
{
	if (image_holds(out, elf->entry))
		return image_enter(out, elf->entry, err);
	for (unsigned int i = 0; i < elf->phnum; i++) {
		struct phdr ph = phdr_at(elf, i);

		if (ph.type == PT_LOAD && elf->entry >= ph.vaddr &&
		    elf->entry - ph.vaddr < ph.memsz)
			return image_enter(out,
					   ph.paddr + (elf->entry - ph.vaddr),
					   err);
	}
	return image_enter(out, elf->entry, err);
}

/* Looks through @len bytes of notes that start on @align. 1 and *entry when
 * the Xen one is there, 0 when not, -ENOEXEC when they are damaged. */
static int scan_notes(const uint8_t *note, size_t len, size_t align,
		      uint64_t *entry, struct err *err)
{
	while (len >= NOTE_HEAD) {
		size_t namesz = le32_at(note);
		size_t descsz = le32_at(note + 4);
		size_t desc = align_up(NOTE_HEAD + namesz, align);
		size_t next = align_up(desc + descsz, align);

		if (!range_ok(desc, descsz, len))
			return err_set(err, -ENOEXEC,
				       "damaged ELF file: a note runs past "
				       "the end of its segment");
		if (le32_at(note + 8) == XEN_PHYS32_ENTRY && namesz == 4 &&
		    !memcmp(note + NOTE_HEAD, "Xen", 4)) {
			if (descsz != 4 && descsz != 8)
				return err_set(err, -ENOEXEC,
					       "damaged ELF file: a PVH note "
					       "of %zu bytes, not 4 or 8",
					       descsz);
			*entry = descsz == 4 ? le32_at(note + desc)
					     : le64_at(note + desc);
			return 1;
		}
		next = min_u64(next, len);
		note += next;
		len -= next;
	}
	return 0;
}

/* As scan_notes(), over every PT_NOTE. */
static int find_pvh(const struct elf *elf, uint64_t *entry, struct err *err)
{
	for (unsigned int i = 0; i < elf->phnum; i++) {
		struct phdr ph = phdr_at(elf, i);
		int r;

		if (ph.type != PT_NOTE)
			continue;
		if (!range_ok(ph.offset, ph.filesz, elf->len))
			return err_set(err, -ENOEXEC,
				       "truncated ELF file: its notes lie past "
				       "its end");
		if (ph.filesz > NOTE_MAX)
			return err_set(err, -ENOEXEC,
				       "an ELF file with %" PRIu64 " bytes of "
				       "notes: at most %u are supported",
				       ph.filesz, NOTE_MAX);
		r = scan_notes(elf->image + ph.offset, ph.filesz,
			       ph.align == 8 ? 8 : 4, entry, err);
		if (r)
			return r;
	}
	return 0;
}

static int parse_linux(struct boot_image *out, const struct elf *elf,
		       struct err *err)
{
	int r;

	if (!elf->wide)
		return err_set(err, -ENOEXEC,
			       "a 32-bit ELF file with neither a PVH note nor "
			       "a multiboot header: no way to enter it");
	image_init(out, BOOT_FORMAT_LINUX, BOOT_ENTRY_LINUX64);
	r = elf_load(out, elf, err);
	return r < 0 ? r : elf_enter(out, elf, err);
}

int boot_parse_elf(struct boot_image *out, const uint8_t *image, size_t len,
		   enum boot_format format, struct err *err)
{
	struct elf elf;
	uint64_t entry = 0;
	int r;

	image_init(out, BOOT_FORMAT_PVH, BOOT_ENTRY_PVH);
	r = elf_open(&elf, image, len, err);
	if (r < 0)
		return r;
	if (format == BOOT_FORMAT_LINUX)
		return parse_linux(out, &elf, err);
	r = find_pvh(&elf, &entry, err);
	if (r < 0)
		return r;
	if (r == 1) {
		r = elf_load(out, &elf, err);
		return r < 0 ? r : image_enter(out, entry, err);
	}
	if (format == BOOT_FORMAT_PVH)
		return err_set(err, -ENOEXEC,
			       "an ELF file without a PVH note (a Linux kernel "
			       "has one with CONFIG_PVH=y)");
	if (multiboot_probe(image, len))
		return boot_parse_multiboot(out, image, len, err);
	return parse_linux(out, &elf, err);
}
