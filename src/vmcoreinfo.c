// SPDX-License-Identifier: BSD-3-Clause
/*
 * See vmcoreinfo.h. The kernel has the text at the beginning of a page, and
 * again as the note of a core file, which begins a page as well.
 */
#include "vmcoreinfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"

#define PAGE       4096
#define NOTE_NAME  "VMCOREINFO"
#define NOTE_TEXT  24 /* a header of 12 bytes, the name with its padding */
#define FIRST_KEY  "OSRELEASE="

/* Lines of KEY=VALUE, the first with the release; what follows the last of
 * them does not count. */
static size_t text_length(const char *text, size_t cap)
{
	size_t end = 0;

	if (cap < strlen(FIRST_KEY) ||
	    memcmp(text, FIRST_KEY, strlen(FIRST_KEY)) != 0)
		return 0;
	for (size_t i = 0; i < cap; i++) {
		if (text[i] == '\n')
			end = i + 1;
		else if (text[i] < ' ' || text[i] > '~')
			break;
	}
	return end;
}

/* What a kernel of any age has in it; and where it lies is where it is. */
static bool is_of(const struct vmcoreinfo *info,
		  const struct arch_kernel_map *map)
{
	uint64_t address;
	char size[16];

	return vmcoreinfo_get(info, "PAGESIZE", size, sizeof(size)) &&
	       vmcoreinfo_symbol(info, "_stext", &address) &&
	       (!map->text_size || address - map->text_va < map->text_size);
}

/* Is it on this page, at @at? */
static bool take(struct vmcoreinfo *info, const char page[PAGE], size_t at,
		 const struct arch_kernel_map *map)
{
	info->len = text_length(page + at, PAGE - at);
	memcpy(info->text, page + at, info->len);
	info->text[info->len] = '\0';
	return info->len && is_of(info, map);
}

static bool is_note(const char *page)
{
	const uint8_t *p = (const uint8_t *)page;

	return le32_at(p) == sizeof(NOTE_NAME) && le32_at(p + 8) == 0 &&
	       !memcmp(page + 12, NOTE_NAME, sizeof(NOTE_NAME));
}

static bool look(struct vmcoreinfo *info, const struct mem *mem, uint64_t gpa,
		 const struct arch_kernel_map *map)
{
	char page[PAGE];

	if (mem_read(mem, page, gpa, NOTE_TEXT) < 0 ||
	    (!is_note(page) && memcmp(page, FIRST_KEY, strlen(FIRST_KEY))))
		return false;
	if (mem_read(mem, page, gpa, sizeof(page)) < 0)
		return false;
	return take(info, page, is_note(page) ? NOTE_TEXT : 0, map);
}

bool vmcoreinfo_find(struct vmcoreinfo *info, const struct mem *mem,
		     const struct ram *ram, const struct arch_kernel_map *map)
{
	for (unsigned int i = 0; i < mem->count; i++) {
		const struct mem_region *r = &mem->region[i];
		const uint8_t *end = r->hva + r->size;
		const uint8_t *at = ram_next_data(ram, r->hva);

		while (at < end) {
			if (look(info, mem, r->gpa + (uint64_t)(at - r->hva),
				 map))
				return true;
			at = ram_next_data(ram, at + PAGE);
		}
	}
	info->len = 0;
	info->text[0] = '\0';
	return false;
}

bool vmcoreinfo_get(const struct vmcoreinfo *info, const char *key,
		    char *value, size_t cap)
{
	size_t key_len = strlen(key);
	const char *line = info->text;

	while (*line) {
		size_t len = strcspn(line, "\n");

		if (len > key_len && line[key_len] == '=' &&
		    !strncmp(line, key, key_len) && len - key_len - 1 < cap) {
			snprintf(value, cap, "%.*s", (int)(len - key_len - 1),
				 line + key_len + 1);
			return true;
		}
		line += len + (line[len] == '\n');
	}
	return false;
}

bool vmcoreinfo_symbol(const struct vmcoreinfo *info, const char *name,
		       uint64_t *address)
{
	char key[64];
	char hex[20];
	char *end;

	snprintf(key, sizeof(key), "SYMBOL(%s)", name);
	if (!vmcoreinfo_get(info, key, hex, sizeof(hex)) || !*hex)
		return false;
	*address = strtoull(hex, &end, 16);
	return *end == '\0';
}
