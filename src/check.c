// SPDX-License-Identifier: BSD-3-Clause
#include "vireo.h"
int vireo_check(const struct vireo_config *cfg,
			  void (*fn)(void *ctx,
				     const struct vireo_check_row *row),
			  void *ctx){ return 0; }
