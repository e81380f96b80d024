// SPDX-License-Identifier: BSD-3-Clause
/* A packed queue; see fuzz_queue.h. */
#include "fuzz_queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_queue(data, size, true);
}
