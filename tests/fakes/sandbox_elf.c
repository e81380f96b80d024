// SPDX-License-Identifier: BSD-3-Clause
/* See sandbox_elf.h. */
#include "sandbox_elf.h"

#include <string.h>

#define NAMES "\0f\0g\0variable\0undefined"

static Elf64_Phdr load(uint32_t flags, uint64_t address, uint64_t size,
		       uint64_t file_size)
{
	return (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = offsetof(struct sandbox_elf, bytes),
		.p_vaddr = address,
		.p_filesz = file_size,
		.p_memsz = size,
		.p_align = 4096,
	};
}

static Elf64_Sym symbol(uint32_t name, int bind, int type, uint64_t value)
{
	return (Elf64_Sym){
		.st_name = name,
		.st_info = (unsigned char)ELF64_ST_INFO(bind, type),
		.st_shndx = 1,
		.st_value = value,
	};
}

void sandbox_elf_make(struct sandbox_elf *elf)
{
	memset(elf, 0, sizeof(*elf));
	memcpy(elf->eh.e_ident, ELFMAG, SELFMAG);
	elf->eh.e_ident[EI_CLASS] = ELFCLASS64;
	elf->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	elf->eh.e_ident[EI_VERSION] = 1;
	elf->eh.e_type = ET_EXEC;
	elf->eh.e_machine = EM_X86_64;
	elf->eh.e_version = 1;
	elf->eh.e_entry = 0x10000;
	elf->eh.e_phoff = offsetof(struct sandbox_elf, ph);
	elf->eh.e_shoff = offsetof(struct sandbox_elf, sh);
	elf->eh.e_ehsize = sizeof(elf->eh);
	elf->eh.e_phentsize = sizeof(elf->ph[0]);
	elf->eh.e_phnum = 3;
	elf->eh.e_shentsize = sizeof(elf->sh[0]);
	elf->eh.e_shnum = 3;
	elf->ph[0] = load(PF_R | PF_X, 0x10000, 0x1000, 0x1000);
	elf->ph[1] = load(PF_R, 0x11000, 0x100, 0x100);
	elf->ph[2] = load(PF_R | PF_W, 0x12000, 0x3000, 0x800);
	memcpy(elf->names, NAMES, sizeof(NAMES));
	elf->sym[1] = symbol(1, STB_GLOBAL, STT_FUNC, 0x10000);
	elf->sym[2] = symbol(3, STB_LOCAL, STT_FUNC, 0x10010);
	elf->sym[3] = symbol(3, STB_GLOBAL, STT_FUNC, 0x10020);
	elf->sym[4] = symbol(5, STB_GLOBAL, STT_OBJECT, 0x12000);
	elf->sym[5] = symbol(14, STB_GLOBAL, STT_NOTYPE, 0);
	elf->sh[1] = (Elf64_Shdr){
		.sh_type = SHT_SYMTAB,
		.sh_offset = offsetof(struct sandbox_elf, sym),
		.sh_size = sizeof(elf->sym),
		.sh_link = 2,
		.sh_entsize = sizeof(elf->sym[0]),
	};
	elf->sh[2] = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct sandbox_elf, names),
		.sh_size = sizeof(elf->names),
	};
	for (size_t i = 0; i < sizeof(elf->bytes); i++)
		elf->bytes[i] = (uint8_t)(i * 3 + 1);
}
