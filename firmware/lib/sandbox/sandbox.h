/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For programs that run in a bare sandbox of libvireo's (vireo_sandbox_create()
 * in vireo.h). They are freestanding: no C library but what is declared here.
 *
 *   #include <sandbox.h>
 *
 *   long shout(const void *in, size_t in_len, void *out, size_t out_cap)
 *   {
 *           ...
 *           return out_len;
 *   }
 *
 *   cc -O2 -o shout.elf shout.c $(pkg-config --cflags --libs vireo-sandbox)
 *
 * Every function that is not static can be called from outside, by its name.
 * Floating point, SSE and whatever AVX the host has can be used. There are no
 * system calls, no threads and no thread-local variables.
 */
#ifndef VIREO_SANDBOX_H
#define VIREO_SANDBOX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *text);

/* What the sandbox is like; at a place of its own, read-only. */
struct sandbox_info {
	uint64_t version; /* 1 */
	uint64_t heap;    /* memory that nobody uses, zeros at first ... */
	uint64_t heap_size;
	uint64_t buffer_size; /* the most that an input or output can have */
};

#define SANDBOX_INFO ((const struct sandbox_info *)0xc0000040)

/* A piece of the heap, aligned to 16 bytes, or NULL when there is no more. It
 * is never given back but by a reset from outside. */
void *sandbox_alloc(size_t size);

/*
 * Calls the host's function @number. It gets a copy of the input; its answer is
 * at most @out_cap bytes. The length of the answer, or a negative number of the
 * host's. A number that the host has not registered, and buffers that are not
 * this program's memory or larger than buffer_size, end the whole call.
 */
static inline long sandbox_hypercall(unsigned long number, const void *in,
				     size_t in_len, void *out, size_t out_cap)
{
	long result;

	__asm__ volatile("outb %%al, $0xe1"
			 : "=a"(result)
			 : "a"(number), "D"(in), "S"(in_len), "d"(out),
			   "c"(out_cap)
			 : "memory");
	return result;
}

/* Ends the whole call, from wherever it is, as if the function had returned
 * this. */
static inline void __attribute__((noreturn)) sandbox_return(long result)
{
	__asm__ volatile("outb %%al, $0xe0" : : "a"(result) : "memory");
	__builtin_trap();
}

#ifdef __cplusplus
}
#endif

#endif
