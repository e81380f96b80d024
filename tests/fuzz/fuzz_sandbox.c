// SPDX-License-Identifier: BSD-3-Clause
/* Programs for bare sandboxes: taken apart, and put into memory between tables
 * of ours. The first byte says whether it is plain code. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch_sandbox.h"
#include "mem/mem.h"
#include "sandbox/sandbox_image.h"

#define MEMORY 0x80000u
#define PAGE   ARCH_SANDBOX_PAGE

static void check_segments(const struct sandbox_image *image, size_t len)
{
	must(image->count >= 1 && image->count <= SANDBOX_SEGMENTS);
	must(image->end % PAGE == 0 && image->end <= MEMORY);
	for (unsigned int i = 0; i < image->count; i++) {
		const struct sandbox_segment *s = &image->segment[i];

		must(s->size > 0 && s->file_size <= s->size);
		must(s->offset <= len && s->file_size <= len - s->offset);
		must(s->address >= ARCH_SANDBOX_LOWEST);
		must(s->address < MEMORY && s->size <= MEMORY - s->address);
		must(s->address + s->size <= image->end);
		must(!(s->write && s->exec));
		must(i == 0 ||
		     (s[-1].address + s[-1].size - 1) / PAGE <
			     s->address / PAGE);
	}
}

static bool is_code(const struct sandbox_image *image, uint64_t address)
{
	for (unsigned int i = 0; i < image->count; i++)
		if (image->segment[i].exec &&
		    address >= image->segment[i].address &&
		    address - image->segment[i].address <
			    image->segment[i].size)
			return true;
	return false;
}

/* Each name leads to code, and each place in code to a name before it. */
static void check_symbols(const struct sandbox_image *image)
{
	must(!image->entry || is_code(image, image->entry));
	must(sandbox_image_function(image, NULL) == image->entry);
	for (size_t i = 0; i < image->symbols; i++) {
		const struct sandbox_symbol *s = &image->symbol[i];
		uint64_t offset = 1;

		must(*s->name && is_code(image, s->address));
		must(i == 0 || strcmp(s[-1].name, s->name) <= 0);
		must(is_code(image, sandbox_image_function(image, s->name)));
		must(sandbox_image_name(image, s->address, &offset) &&
		     offset == 0);
	}
}

/* Every page of it, and nothing above. */
static void check_tables(const struct sandbox_image *image,
			 const uint8_t *bytes)
{
	const struct arch_sandbox_info info = { 0 };
	struct arch_sandbox_area area[SANDBOX_SEGMENTS];
	uint64_t system = arch_sandbox_system_size(MEMORY);
	uint8_t *ram = calloc(1, MEMORY + system);
	struct mem mem = { 0 };

	if (!ram)
		return;
	must(mem_add(&mem, 0, MEMORY, ram) == 0);
	must(mem_add(&mem, ARCH_SANDBOX_SYSTEM, system, ram + MEMORY) == 0);
	for (unsigned int i = 0; i < image->count; i++) {
		const struct sandbox_segment *s = &image->segment[i];
		uint64_t start = s->address / PAGE * PAGE;
		uint64_t end = (s->address + s->size + PAGE - 1) / PAGE * PAGE;

		must(mem_write(&mem, s->address, bytes + s->offset,
			       s->file_size) == 0);
		area[i] = (struct arch_sandbox_area){ start, end - start,
						      s->write, s->exec };
	}
	must(arch_sandbox_write(&mem, area, image->count, &info) == 0);
	free(ram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool flat = size && data[0] == 'F';
	struct sandbox_image image;
	struct err err = { 0 };
	int r = flat ? sandbox_image_flat(&image, size, MEMORY, &err)
		     : sandbox_image_parse(&image, data, size, MEMORY, &err);

	if (r != 0) {
		must(r == -ENOEXEC && err.code == r);
		must(strlen(err.text) > 10 && !strchr(err.text, '\n'));
		return 0;
	}
	check_segments(&image, size);
	check_symbols(&image);
	check_tables(&image, data);
	sandbox_image_finish(&image);
	return 0;
}
