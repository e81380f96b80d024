// SPDX-License-Identifier: BSD-3-Clause
/* vireo_disk_check(): the figures of an overlay file. Any thread. */
#include "vireo.h"

#include <errno.h>
#include <stdio.h>

#include "backends/disk_check.h"
#include "base/num.h"

static void figures(const struct disk_report *r,
		    void (*fn)(void *ctx, const struct vireo_stat *stat),
		    void *ctx)
{
	const struct vireo_stat rows[] = {
		{ "disk", "size", r->size, "bytes" },
		{ "disk", "cluster size", r->cluster_size, "bytes" },
		{ "disk", "clusters", r->clusters, "" },
		{ "disk", "clusters with data", r->data, "" },
		{ "disk", "clusters of zeros", r->zero, "" },
		{ "disk", "file takes", r->used, "bytes" },
		{ "disk", "leaked", r->leaked, "bytes" },
		{ "disk", "problems", r->problems, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		fn(ctx, &rows[i]);
}

int vireo_disk_check(const char *path,
		     void (*fn)(void *ctx, const struct vireo_stat *stat),
		     void (*problem)(void *ctx, const char *line), void *ctx,
		     struct vireo_error *err)
{
	struct disk_report report = { 0 };
	struct err why = { 0 };
	int code;
	int r;

	r = path ? disk_check(&report, path, problem, ctx, &why) :
		   err_set(&why, -EINVAL, "an argument is NULL");
	if (fn && report.size)
		figures(&report, fn, ctx);
	if (!r)
		return 0;
	code = !path ? VIREO_EINVAL :
	       r == -EBADMSG ? VIREO_EIMAGE : VIREO_EHOST;
	if (err) {
		err->code = code;
		err->key[0] = '\0';
		snprintf(err->text, sizeof(err->text), "%s", why.text);
	}
	return code;
}
