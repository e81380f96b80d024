// SPDX-License-Identifier: BSD-3-Clause
/*
 * A plug-in that nobody trusts: a filter over a buffer, in a sandbox. It sees
 * its input and nothing else; when it crashes or does not end, the program goes
 * on without it.
 *
 *   cc -o filter filter.c $(pkg-config --cflags --libs libvireo)
 *   ./filter plugin.elf rot13 <text
 */
#include <stdio.h>
#include <vireo.h>

#define CHUNK 65536

/* What the plug-in may ask of us: a line for the log. */
static int64_t log_line(void *ctx, const void *in, size_t in_len, void *out,
			size_t out_cap)
{
	fprintf(stderr, "plug-in: %.*s\n", (int)in_len, (const char *)in);
	return 0;
}

/* One chunk through the plug-in; what it cannot do goes through unchanged. */
static size_t filter(struct vireo_sandbox *sb, const char *function, char *buf,
		     size_t len)
{
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = function,
					   .in = buf, .in_len = len,
					   .out = buf, .out_cap = CHUNK,
					   .timeout_us = 200000 };
	struct vireo_error err;

	if (vireo_sandbox_call(sb, &call, NULL, &err) == 0)
		return call.out_len;
	fprintf(stderr, "%s: %s\n", function, err.text);
	vireo_sandbox_reset(sb, NULL);
	return len;
}

int main(int argc, char **argv)
{
	struct vireo_sandbox_options options = { .size = sizeof(options),
						 .buffer = CHUNK };
	struct vireo_sandbox *sb;
	struct vireo_error err;
	static char buf[CHUNK];
	size_t len;

	if (argc != 3) {
		fprintf(stderr, "usage: %s PROGRAM FUNCTION\n", argv[0]);
		return 2;
	}
	options.path = argv[1];
	if (vireo_sandbox_create(&sb, &options, &err) != 0) {
		fprintf(stderr, "%s: %s\n", argv[1], err.text);
		return 1;
	}
	vireo_sandbox_register(sb, 0, log_line, NULL);
	while ((len = fread(buf, 1, sizeof(buf), stdin)) > 0)
		fwrite(buf, 1, filter(sb, argv[2], buf, len), stdout);
	vireo_sandbox_destroy(&sb);
	return 0;
}
