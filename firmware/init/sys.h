/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the guest's init has in place of a C library: system calls that answer
 * -errno, and a few functions on strings. Freestanding; one thread a process.
 */
#ifndef VIREO_INIT_SYS_H
#define VIREO_INIT_SYS_H

#include <asm/unistd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#else
#error "the guest's init does not know this processor"
#endif

#define SYS(name, a, b, c, d, e, f)                                     \
	sys6(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d),   \
	     (long)(e), (long)(f))
#define SYS0(name)             SYS(name, 0, 0, 0, 0, 0, 0)
#define SYS1(name, a)          SYS(name, a, 0, 0, 0, 0, 0)
#define SYS2(name, a, b)       SYS(name, a, b, 0, 0, 0, 0)
#define SYS3(name, a, b, c)    SYS(name, a, b, c, 0, 0, 0)
#define SYS4(name, a, b, c, d) SYS(name, a, b, c, d, 0, 0)
#define SYS5(name, a, b, c, d, e) SYS(name, a, b, c, d, e, 0)

#define AT_CWD (-100)

/* The compiler calls these too. */
void *memcpy(void *dst, const void *src, size_t len);
void *memset(void *dst, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);

bool same(const char *a, const char *b);
bool starts_with(const char *s, const char *prefix);
/* A decimal number at the start of @s. */
uint64_t number(const char *s);
/* What is at @buf with room for @cap, after "" or earlier texts: adds, and cuts
 * what does not fit. */
void put_text(char *buf, size_t cap, const char *s);
void put_number(char *buf, size_t cap, uint64_t n);

uint64_t now_us(void); /* since the kernel's start */
/* A descriptor, or -errno. */
int open_file(const char *path, int flags, int mode);
int write_all(int fd, const void *bytes, size_t len);
/* All of a small file, terminated; its length, or -errno. */
long read_file(const char *path, char *buf, size_t cap);
void close_fd(int *fd);

#endif
