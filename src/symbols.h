/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names for addresses of a kernel's code: from a System.map, from a vmlinux, or
 * (kallsyms.h) from the kernel itself. Any thread.
 */
#ifndef VIREO_SYMBOLS_H
#define VIREO_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SYMBOL_NAME_MAX 255
#define SYMBOLS_MAX     (1u << 21)

struct symbol {
	uint64_t address;
	size_t name; /* its place in names */
};

/* Zero-initialised. */
struct symbols {
	size_t count;
	size_t cap;
	struct symbol *list; /* owned; sorted by symbols_sort() */
	size_t names_len;
	size_t names_cap;
	char *names;    /* owned; each with its zero byte */
	uint64_t start; /* of the symbol _text, or _stext; 0: not there */
};

/* Code symbols of a file. -ENODATA: it has none, as a distribution's stub of a
 * System.map. On failure @s is empty. */
int symbols_load(struct symbols *s, const char *path, struct err *err);
void symbols_finish(struct symbols *s);

/* One more, when @type, a letter as of nm(1), is code. The name may be
 * anything: what is not printable becomes '?'. -ENOMEM, -E2BIG. */
int symbols_add(struct symbols *s, uint64_t address, char type,
		const char *name, size_t len);
/* Once, when all are there. */
void symbols_sort(struct symbols *s);

/* The symbol at or before @address, and how far it is away; NULL: none is
 * near. After symbols_sort(). */
const char *symbols_find(const struct symbols *s, uint64_t address,
			 uint64_t *offset);

#endif
