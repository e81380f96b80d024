/* SPDX-License-Identifier: BSD-3-Clause */
/* Programs for bare sandboxes, made in memory: good at first, for a test to
 * break. */
#ifndef VIREO_SANDBOX_ELF_H
#define VIREO_SANDBOX_ELF_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define SANDBOX_ELF_PHDRS 20
#define SANDBOX_ELF_SYMS  6

/* Header, program headers, names, symbols, section headers, then bytes. */
struct sandbox_elf {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[SANDBOX_ELF_PHDRS];
	char names[64];
	Elf64_Sym sym[SANDBOX_ELF_SYMS];
	Elf64_Shdr sh[3];
	uint8_t bytes[4096];
};

/*
 * Code at 0x10000 (f at its start, a local g and a global g behind it),
 * constants at 0x11000, variables of 0x3000 bytes at 0x12000, of which 0x800
 * are in the file. Entry: f.
 */
void sandbox_elf_make(struct sandbox_elf *elf);

#endif
