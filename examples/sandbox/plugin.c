// SPDX-License-Identifier: BSD-3-Clause
/*
 * Plug-ins for filter.c, and something to fuzz for fuzz.c:
 *
 *   cc -O2 -o plugin.elf plugin.c $(pkg-config --cflags --libs vireo-sandbox)
 */
#include <sandbox.h>

long rot13(const void *in, size_t in_len, void *out, size_t out_cap);
long crash(const void *in, size_t in_len, void *out, size_t out_cap);
long hang(const void *in, size_t in_len, void *out, size_t out_cap);
long parse(const void *in, size_t in_len, void *out, size_t out_cap);

static char turn(char c)
{
	if (c >= 'a' && c <= 'z')
		return (char)('a' + (c - 'a' + 13) % 26);
	if (c >= 'A' && c <= 'Z')
		return (char)('A' + (c - 'A' + 13) % 26);
	return c;
}

long rot13(const void *in, size_t in_len, void *out, size_t out_cap)
{
	const char *from = in;
	char *to = out;

	sandbox_hypercall(0, "turning", 7, NULL, 0);
	if (in_len > out_cap)
		in_len = out_cap;
	for (size_t i = 0; i < in_len; i++)
		to[i] = turn(from[i]);
	return (long)in_len;
}

long crash(const void *in, size_t in_len, void *out, size_t out_cap)
{
	return *(volatile char *)in_len; /* that is no address */
}

long hang(const void *in, size_t in_len, void *out, size_t out_cap)
{
	for (;;)
		__asm__ volatile("pause");
}

/* 'L', a length, a version, so many bytes: version 3 believes the length. */
long parse(const void *in, size_t in_len, void *out, size_t out_cap)
{
	const unsigned char *bytes = in;
	unsigned char name[16];

	if (in_len < 3 || bytes[0] != 'L')
		return 0;
	if (bytes[1] > sizeof(name) && bytes[2] != 3)
		return 0;
	memcpy(name, bytes + 3, bytes[1]);
	__asm__ volatile("" : : "r"(name) : "memory"); /* somebody reads it */
	return 0;
}
