// SPDX-License-Identifier: BSD-3-Clause
#include "command/guest_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "command/guest_init.h"

#define INIT_NAME "init"
#define CONF_NAME "vireo.conf" /* as in firmware/init/conf.c */

static void serve(struct guest_files *g, const char *name, uint32_t mode,
		  const void *bytes, size_t len)
{
	g->file[g->count++] = (struct own_file){ name, mode, bytes, len };
}

void guest_files_init(struct guest_files *g, bool served)
{
	static const char *const dirs[] = { "dev", "proc", "sys", "run" };

	*g = (struct guest_files){ .served = served };
	if (served) {
		serve(g, INIT_NAME, 0755, guest_init, guest_init_size);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		archive_dir(&g->initramfs, dirs[i], 0755);
	archive_device(&g->initramfs, "dev/console", 0600, 5, 1);
	archive_file(&g->initramfs, INIT_NAME, 0755, guest_init,
		     guest_init_size);
}

void guest_files_finish(struct guest_files *g)
{
	free(g->conf);
	archive_finish(&g->initramfs);
	*g = (struct guest_files){ 0 };
}

/* An empty record is between them. */
static size_t join(uint8_t *to, const void *records, size_t len,
		   const struct modules *modules)
{
	size_t at = len + 1;

	if (to) {
		memcpy(to, records, len);
		to[len] = 0;
	}
	for (size_t i = 0; i < modules->count; i++) {
		if (to)
			memcpy(to + at, modules->list[i].bytes,
			       modules->list[i].len);
		at += modules->list[i].len;
	}
	return at;
}

void guest_files_conf(struct guest_files *g, const void *records, size_t len,
		      const struct modules *modules)
{
	size_t size = join(NULL, records, len, modules);

	g->conf = malloc(size);
	if (!g->conf) {
		g->error = -ENOMEM;
		return;
	}
	join(g->conf, records, len, modules);
	if (g->served) {
		serve(g, CONF_NAME, 0600, g->conf, size);
		return;
	}
	archive_file(&g->initramfs, CONF_NAME, 0600, g->conf, size);
	free(g->conf);
	g->conf = NULL;
}

int guest_files_end(struct guest_files *g, struct err *err)
{
	int r = g->error;

	if (r == 0 && !g->served)
		r = archive_end(&g->initramfs);
	return r < 0 ? err_set(err, r, "the guest's init: %s", strerror(-r)) :
		       0;
}

struct own_files guest_files_own(const struct guest_files *g)
{
	return (struct own_files){
		.folder = g->served ? GUEST_FOLDER : NULL,
		.file = g->file,
		.count = g->count,
	};
}
