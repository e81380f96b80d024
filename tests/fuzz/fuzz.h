/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fuzz targets share. A target is one function that takes bytes; it
 * ends the process when a promise of the code under test is broken. libFuzzer
 * calls it with inputs of its own making, replay.c with those of the corpus.
 */
#ifndef VIREO_FUZZ_FUZZ_H
#define VIREO_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, with a line that says where, when @ok is false. */
#define must(ok) must_at((ok), #ok, __FILE__, __LINE__)
void must_at(bool ok, const char *what, const char *file, int line);

/* What a loader that returned @r into *image, *err must have kept: the
 * promises of boot.h. @len is the length of the input. */
void check_image(int r, const struct boot_image *image, size_t len,
		 const struct err *err);

/* A function in which there is no branch worth finding. */
#ifdef __clang__
#define FUZZ_DULL __attribute__((no_sanitize("coverage")))
#else
#define FUZZ_DULL
#endif

#endif
