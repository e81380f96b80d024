// SPDX-License-Identifier: BSD-3-Clause
/*
 * arch/x86_64/unpack.c: a packed ELF of some segments ends in RAM exactly as
 * if it had been unpacked elsewhere and copied, whichever way they must move.
 */
#include "arch/x86_64/unpack.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/num.h"
#include "images.h"

#define RAM      (24 * MIB)
#define SEGMENTS 3
#define EHDR     64
#define PHDR     56

/* One segment of the ELF under test; its bytes are a pattern. */
struct part {
	uint64_t offset;
	uint64_t gpa;
	uint64_t file_size;
	uint64_t mem_size;
};

struct fixture {
	uint8_t *ram;
	struct mem mem;
	uint8_t *elf;
	size_t elf_len;
	uint8_t *packed;
	size_t packed_len;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->ram = calloc(1, RAM);
	assert_int_equal(mem_add(&f->mem, 0, RAM, f->ram), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->ram);
	free(f->elf);
	free(f->packed);
	free(f);
	return 0;
}

/* gzip, and the length that Linux appends. */
static void pack(struct fixture *f)
{
	z_stream z = { .next_in = f->elf,
		       .avail_in = (unsigned int)f->elf_len };
	size_t cap = f->elf_len + 4096;

	f->packed = malloc(cap);
	z.next_out = f->packed;
	z.avail_out = (unsigned int)cap;
	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, 0), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	f->packed_len = cap - z.avail_out;
}

/* An ELF64 with these segments, rubbish everywhere else, entered at the first
 * byte of the first. */
static void give_elf(struct fixture *f, const struct part *part, size_t len)
{
	static const uint8_t ident[16] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };

	f->elf_len = len;
	f->elf = malloc(len);
	memset(f->elf, 0xee, len);
	memset(f->elf, 0, EHDR + SEGMENTS * PHDR);
	memcpy(f->elf, ident, sizeof(ident));
	put16(f->elf + 16, 2);  /* e_type: executable */
	put16(f->elf + 18, 62); /* e_machine: x86-64 */
	put32(f->elf + 20, 1);
	put64(f->elf + 24, part[0].gpa);
	put64(f->elf + 32, EHDR);
	put16(f->elf + 52, EHDR);
	put16(f->elf + 54, PHDR);
	put16(f->elf + 56, SEGMENTS);
	for (int i = 0; i < SEGMENTS; i++) {
		uint8_t *ph = f->elf + EHDR + i * PHDR;

		put32(ph, 1); /* PT_LOAD */
		put64(ph + 8, part[i].offset);
		put64(ph + 24, part[i].gpa);
		put64(ph + 32, part[i].file_size);
		put64(ph + 40, part[i].mem_size);
		for (uint64_t b = 0; b < part[i].file_size; b++)
			f->elf[part[i].offset + b] =
				(uint8_t)(b * 7 + b / 251 + (unsigned int)i);
	}
	pack(f);
}

/* RAM is zero but for the segments. */
static void assert_placed(const struct fixture *f, const struct part *part)
{
	uint8_t *want = calloc(1, RAM);

	for (int i = 0; i < SEGMENTS; i++)
		memcpy(want + part[i].gpa, f->elf + part[i].offset,
		       part[i].file_size);
	assert_memory_equal(want, f->ram, RAM);
	free(want);
}

/* The same, by way of a file. */
static void assert_kept(struct fixture *f, const struct part *part)
{
	char folder[] = "/tmp/vireo-unpack-XXXXXX";
	char file[sizeof(((struct cache_new *)NULL)->file)];
	struct boot_image image;
	struct cache_new new;
	struct err err = { 0 };
	uint64_t len = 0;
	int fd;

	assert_non_null(mkdtemp(folder));
	memset(f->ram, 0, RAM);
	assert_int_equal(cache_begin(&new, folder, "a kernel"), 0);
	strcpy(file, new.file);
	assert_int_equal(unpack_in_place(&f->mem, &image, f->packed,
					 f->packed_len, &new, &err),
			 0);
	memset(f->ram, 0, RAM);
	fd = cache_open(folder, "a kernel", &len);
	assert_true(fd >= 0);
	assert_int_equal(len, f->elf_len);
	assert_int_equal(unpack_kept(&f->mem, &image, fd, len, &err), 0);
	assert_int_equal(image.entry_gpa, part[0].gpa);
	assert_placed(f, part);
	close(fd);
	unlink(file);
	assert_int_equal(rmdir(folder), 0);
}

static void assert_unpacks(struct fixture *f, const struct part *part,
			   size_t len)
{
	struct boot_image image;
	struct err err = { 0 };

	give_elf(f, part, len);
	assert_int_equal(unpack_in_place(&f->mem, &image, f->packed,
					 f->packed_len, NULL, &err),
			 0);
	assert_int_equal(image.count, SEGMENTS);
	assert_int_equal(image.entry_gpa, part[0].gpa);
	assert_placed(f, part);
	assert_kept(f, part);
}

static void unpack_leaves_a_first_segment_where_it_belongs(void **state)
{
	static const struct part part[SEGMENTS] = {
		{ 0x200000, 0x1000000, 0x100000, 0x100000 },
		{ 0x300000, 0x1100000, 0x40000, 0x60000 },
		{ 0x380000, 0x1170000, 0x8000, 0x20000 }, /* goes down */
	};

	assert_unpacks(*state, part, 0x3a0000);
}

static void unpack_moves_all_segments_up(void **state)
{
	static const struct part part[SEGMENTS] = {
		{ 0x200000, 0x1010000, 0x100000, 0x100000 },
		{ 0x300000, 0x1120000, 0x40000, 0x60000 },
		{ 0x350000, 0x1190000, 0x8000, 0x20000 },
	};

	assert_unpacks(*state, part, 0x370000);
}

static void unpack_moves_all_segments_down_over_each_other(void **state)
{
	static const struct part part[SEGMENTS] = {
		{ 0x1000, 0x200000, 0x180000, 0x180000 },
		{ 0x181000, 0x380000, 0x140000, 0x150000 },
		{ 0x2d0000, 0x4d0000, 0x8000, 0x20000 },
	};

	assert_unpacks(*state, part, 0x300000);
}

static void unpack_uses_the_lower_base_when_ram_is_small(void **state)
{
	static const struct part part[SEGMENTS] = {
		{ 0x1000, 0x200000, 0x180000, 0x180000 },
		{ 0x181000, 0x380000, 0x140000, 0x150000 },
		{ 0x2d0000, 0x4d0000, 0x8000, 0x20000 },
	};
	struct fixture *f = *state;

	f->mem.region[0].size = 8 * MIB;
	assert_unpacks(f, part, 0x300000);
}

/* All of RAM must be zero after a refusal: the kernel's own decompressor comes
 * next, and other guests' data would be a leak anyway. */
static void assert_refused_in(struct fixture *f, const char *word)
{
	struct boot_image image;
	struct err err = { 0 };
	uint8_t *zero = calloc(1, RAM);

	assert_true(unpack_in_place(&f->mem, &image, f->packed, f->packed_len,
				    NULL, &err) < 0);
	assert_non_null(strstr(err.text, word));
	assert_memory_equal(f->ram, zero, RAM);
	free(zero);
}

/* Nothing that was refused is kept. */
static void assert_not_kept(struct fixture *f)
{
	char folder[] = "/tmp/vireo-unpack-XXXXXX";
	struct boot_image image;
	struct cache_new new;

	assert_non_null(mkdtemp(folder));
	assert_int_equal(cache_begin(&new, folder, "a kernel"), 0);
	assert_true(unpack_in_place(&f->mem, &image, f->packed, f->packed_len,
				    &new, NULL) < 0);
	assert_int_equal(rmdir(folder), 0);
}

static void unpack_refuses_segments_that_cross(void **state)
{
	static const struct part part[SEGMENTS] = {
		{ 0x200000, 0x1010000, 0x100000, 0x100000 }, /* up */
		{ 0x300000, 0x1130000, 0x40000, 0x40000 },
		{ 0x400000, 0x1180000, 0x8000, 0x8000 }, /* down */
	};

	give_elf(*state, part, 0x420000);
	assert_refused_in(*state, "moved");
	assert_not_kept(*state);
}

static void B03_unpack_refuses_segments_outside_ram(void **state)
{
	static const struct part part[SEGMENTS] = {
		{ 0x200000, 0x1000000, 0x100000, 0x100000 },
		{ 0x300000, 0x1100000, 0x40000, 0x60000 },
		{ 0x380000, 0x40000000, 0x8000, 0x20000 },
	};

	give_elf(*state, part, 0x3a0000);
	assert_refused_in(*state, "moved");
}

static void B08_unpack_refuses_damaged_and_unknown_payloads(void **state)
{
	static const struct part part[SEGMENTS] = {
		{ 0x200000, 0x1000000, 0x100000, 0x100000 },
		{ 0x300000, 0x1100000, 0x40000, 0x60000 },
		{ 0x380000, 0x1170000, 0x8000, 0x20000 },
	};
	struct fixture *f = *state;

	give_elf(f, part, 0x3a0000);
	f->packed[f->packed_len - 6] ^= 0x40; /* the checksum */
	assert_refused_in(f, "damaged");
	memset(f->packed, 'x', 16);
	assert_refused_in(f, "unknown compression");
}

static void B12_unpack_without_room_is_refused(void **state)
{
	static const struct part part[SEGMENTS] = {
		{ 0x200000, 0x1000000, 0x100000, 0x100000 },
		{ 0x300000, 0x1100000, 0x40000, 0x60000 },
		{ 0x380000, 0x1170000, 0x8000, 0x20000 },
	};
	struct fixture *f = *state;

	f->mem.region[0].size = 2 * MIB;
	give_elf(f, part, 0x3a0000);
	assert_refused_in(f, "no RAM");
}

#define UNPACK_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void a_kept_kernel_that_is_none_leaves_ram_as_it_was(void **state)
{
	struct fixture *f = *state;
	uint8_t *zero = calloc(1, RAM);
	char path[] = "/tmp/vireo-unpack-XXXXXX";
	struct boot_image image;
	struct err err = { 0 };
	int fd = mkstemp(path);

	unlink(path);
	assert_int_equal(write(fd, "no kernel at all", 16), 16);
	lseek(fd, 0, SEEK_SET);
	assert_true(unpack_kept(&f->mem, &image, fd, 16, &err) < 0);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(unpack_kept(&f->mem, &image, fd, 4096, &err),
			 -ENODATA);
	assert_int_equal(unpack_kept(&f->mem, &image, fd, UINT64_MAX, &err),
			 -ENOTSUP);
	assert_int_equal(unpack_kept(&f->mem, &image, fd, 0, &err), -ENOTSUP);
	assert_memory_equal(f->ram, zero, RAM);
	free(zero);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNPACK_TEST(unpack_leaves_a_first_segment_where_it_belongs),
		UNPACK_TEST(a_kept_kernel_that_is_none_leaves_ram_as_it_was),
		UNPACK_TEST(unpack_moves_all_segments_up),
		UNPACK_TEST(unpack_moves_all_segments_down_over_each_other),
		UNPACK_TEST(unpack_uses_the_lower_base_when_ram_is_small),
		UNPACK_TEST(unpack_refuses_segments_that_cross),
		UNPACK_TEST(B03_unpack_refuses_segments_outside_ram),
		UNPACK_TEST(B08_unpack_refuses_damaged_and_unknown_payloads),
		UNPACK_TEST(B12_unpack_without_room_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
