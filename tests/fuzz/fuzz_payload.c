// SPDX-License-Identifier: BSD-3-Clause
/* Compressed payloads. The room is allocated to the byte: a write past it is
 * seen, and what fits must fit again exactly, and not in a byte less. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (256u << 10)

static int unpack(uint8_t **out, size_t cap, size_t *len, const uint8_t *data,
		  size_t size)
{
	struct err err = { 0 };
	int r;

	*out = malloc(cap ? cap : 1);
	must(*out != NULL);
	r = payload_unpack(*out, cap, len, data, size, &err);
	must(*len <= cap);
	if (r == 0)
		return 0;
	must(r == -ENOTSUP || r == -EBADMSG || r == -E2BIG);
	must(*len == 0 && err.code == r && strlen(err.text) > 10);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum payload_kind kind = payload_kind(data, size);
	uint8_t *out, *again;
	size_t len, len2;
	int r;

	must(strlen(payload_name(kind)) > 0);
	must(kind != PAYLOAD_UNKNOWN || payload_size_hint(data, size) == 0);
	payload_size_hint(data, size);
	r = unpack(&out, ROOM, &len, data, size);
	must((r == -ENOTSUP) >= (kind == PAYLOAD_UNKNOWN));
	if (r == 0 && len) {
		must(unpack(&again, len, &len2, data, size) == 0);
		must(len2 == len && !memcmp(out, again, len));
		free(again);
		must(unpack(&again, len - 1, &len2, data, size) == -E2BIG);
		free(again);
	}
	free(out);
	return 0;
}
