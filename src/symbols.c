// SPDX-License-Identifier: BSD-3-Clause
/* See symbols.h. Files are read, not mapped: they may change meanwhile. */
#include "symbols.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"

#define MAP_MAX   (64 * MIB)  /* a System.map has 5 */
#define TABLE_MAX (256 * MIB) /* a vmlinux' symbols, or their names */
#define FAR       MIB         /* no function is longer */

/* ---- the table ---- */

/* A kernel has 5 MiB of them. */
#define NAMES_MAX (64u << 20)

static int make_room(struct symbols *s, size_t name)
{
	if (s->count == SYMBOLS_MAX || s->names_len + name > NAMES_MAX)
		return -E2BIG;
	if (s->count == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 4096;
		struct symbol *list = realloc(s->list, cap * sizeof(*list));

		if (!list)
			return -ENOMEM;
		s->list = list;
		s->cap = cap;
	}
	if (s->names_cap - s->names_len < name) {
		size_t cap = s->names_cap ? 2 * s->names_cap : 65536;
		char *names = realloc(s->names, cap);

		if (!names)
			return -ENOMEM;
		s->names = names;
		s->names_cap = cap;
	}
	return 0;
}

int symbols_add(struct symbols *s, uint64_t address, char type,
		const char *name, size_t len)
{
	char *to;
	int r;

	if (!strchr("tTwW", type) || !type || !len)
		return 0;
	len = min_u64(len, SYMBOL_NAME_MAX);
	r = make_room(s, len + 1);
	if (r < 0)
		return r;
	to = s->names + s->names_len;
	for (size_t i = 0; i < len; i++)
		to[i] = name[i] > ' ' && name[i] <= '~' ? name[i] : '?';
	to[len] = '\0';
	if (!strcmp(to, "_text") || (!s->start && !strcmp(to, "_stext")))
		s->start = address;
	s->list[s->count++] = (struct symbol){ address, s->names_len };
	s->names_len += len + 1;
	return 0;
}

/* Of several names for one place the first one that was added. */
static int compare(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->name < y->name ? -1 : 1;
}

void symbols_sort(struct symbols *s)
{
	if (s->count)
		qsort(s->list, s->count, sizeof(*s->list), compare);
}

const char *symbols_find(const struct symbols *s, uint64_t address,
			 uint64_t *offset)
{
	size_t low = 0, high = s->count;

	while (low < high) { /* low: symbols at or before it */
		size_t middle = low + (high - low) / 2;

		if (s->list[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - s->list[low - 1].address >= FAR)
		return NULL;
	*offset = address - s->list[low - 1].address;
	while (low > 1 && s->list[low - 2].address == s->list[low - 1].address)
		low--;
	return s->names + s->list[low - 1].name;
}

void symbols_finish(struct symbols *s)
{
	free(s->list);
	free(s->names);
	*s = (struct symbols){ 0 };
}

/* ---- System.map: "ffffffff81000000 T _text" ---- */

static int load_line(struct symbols *s, const char *line, size_t len)
{
	char *end;
	uint64_t address = strtoull(line, &end, 16);
	size_t used = (size_t)(end - line);

	if (used != 16 || len < used + 4 || end[0] != ' ' || end[2] != ' ')
		return 0;
	return symbols_add(s, address, end[1], end + 3, len - used - 3);
}

static int load_map(struct symbols *s, int fd, size_t size)
{
	char *text = malloc(size + 1);
	int r = text ? fd_pread_full(fd, text, size, 0) : -ENOMEM;

	if (!r)
		text[size] = '\0'; /* what strtoull() stops at */
	for (size_t at = 0; !r && at < size;) {
		const char *line = text + at;
		const char *end = memchr(line, '\n', size - at);
		size_t len = end ? (size_t)(end - line) : size - at;

		r = load_line(s, line, len);
		at += len + 1;
	}
	free(text);
	return r;
}

/* ---- vmlinux ---- */

/* The section's bytes, malloc'd. */
static int read_section(void **out, const Elf64_Shdr *sh, int fd)
{
	*out = NULL;
	if (!sh->sh_size || sh->sh_size > TABLE_MAX)
		return -ENOEXEC;
	*out = malloc(sh->sh_size);
	return *out ? fd_pread_full(fd, *out, sh->sh_size, sh->sh_offset)
		    : -ENOMEM;
}

static int add_elf_symbols(struct symbols *s, const Elf64_Sym *sym, size_t n,
			   const char *names, size_t names_len)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		int type = ELF64_ST_TYPE(sym[i].st_info);
		const char *name = names + sym[i].st_name;

		if (sym[i].st_name >= names_len || !sym[i].st_shndx ||
		    sym[i].st_shndx >= SHN_LORESERVE ||
		    (type != STT_FUNC && type != STT_NOTYPE))
			continue;
		r = symbols_add(s, sym[i].st_value, 't', name,
				strnlen(name, names_len - sym[i].st_name));
	}
	return r;
}

static int load_table(struct symbols *s, int fd, const Elf64_Shdr *table,
		      const Elf64_Shdr *strings)
{
	void *sym = NULL, *names = NULL;
	int r = read_section(&sym, table, fd);

	if (!r)
		r = read_section(&names, strings, fd);
	if (!r)
		r = add_elf_symbols(s, sym, table->sh_size / sizeof(Elf64_Sym),
				    names, strings->sh_size);
	free(names);
	free(sym);
	return r;
}

static int load_elf(struct symbols *s, int fd)
{
	Elf64_Ehdr eh;
	Elf64_Shdr *sh;
	int r = fd_pread_full(fd, &eh, sizeof(eh), 0);

	if (r < 0 || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_shentsize != sizeof(*sh) || !eh.e_shnum)
		return r < 0 ? r : -ENOEXEC;
	sh = calloc(eh.e_shnum, sizeof(*sh));
	if (!sh)
		return -ENOMEM;
	r = fd_pread_full(fd, sh, eh.e_shnum * sizeof(*sh), eh.e_shoff);
	for (unsigned int i = 0; i < eh.e_shnum && !r; i++)
		if (sh[i].sh_type == SHT_SYMTAB && sh[i].sh_link < eh.e_shnum)
			r = load_table(s, fd, &sh[i], &sh[sh[i].sh_link]);
	free(sh);
	return r;
}

/* ---- either ---- */

static int load(struct symbols *s, int fd)
{
	char magic[SELFMAG] = "";
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size >= (off_t)sizeof(magic) &&
	    fd_pread_full(fd, magic, sizeof(magic), 0) == 0 &&
	    !memcmp(magic, ELFMAG, SELFMAG))
		r = load_elf(s, fd);
	else if ((uint64_t)st.st_size > MAP_MAX)
		r = -EFBIG;
	else
		r = load_map(s, fd, (size_t)st.st_size);
	return !r && !s->count ? -ENODATA : r;
}

int symbols_load(struct symbols *s, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r;

	*s = (struct symbols){ 0 };
	if (fd < 0)
		return err_set_path(err, -errno, path);
	r = load(s, fd);
	close(fd);
	if (r < 0) {
		symbols_finish(s);
		return err_set(err, r, "%s: %s", path,
			       r == -ENODATA ? "has no symbols of code (a "
					       "distribution's is in its debug "
					       "package)"
					     : strerror(-r));
	}
	symbols_sort(s);
	return 0;
}
