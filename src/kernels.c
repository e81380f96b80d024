// SPDX-License-Identifier: BSD-3-Clause
/* vireo_kernel_*(): kernels by name. Any thread. */
#include "vireo.h"

#include <errno.h>
#include <stdio.h>

#include "command/kernel_name.h"

static int answer(int r, const struct err *why, struct vireo_error *err)
{
	int code = r == -EINVAL ? VIREO_EINVAL : VIREO_EHOST;

	if (r == 0)
		return 0;
	if (err) {
		err->code = code;
		snprintf(err->key, sizeof(err->key), "%s", why->key);
		snprintf(err->text, sizeof(err->text), "%s", why->text);
	}
	return code;
}

int vireo_kernel_name(char *name, size_t size, const char *package)
{
	if (!name || !package)
		return VIREO_EINVAL;
	return kernel_name_of(name, size, package) < 0 ? VIREO_EINVAL : 0;
}

int vireo_kernel_choose(char *package, size_t size, const char *name,
			const char *list, struct vireo_error *err)
{
	struct err why = { 0 };

	if (!package || !name || !list)
		return answer(err_set(&why, -EINVAL, "an argument is NULL"),
			      &why, err);
	if (!kernel_is_name(name))
		return answer(err_set_key(&why, -EINVAL, "kernel",
					  "\"%s\" is not a name, as debian:6.12-cloud",
					  name),
			      &why, err);
	return answer(kernel_choose(package, size, name, list, &why), &why,
		      err);
}

int vireo_kernel_find(char *path, size_t size, const char *name,
		      const char *folder, struct vireo_error *err)
{
	struct err why = { 0 };

	if (!path || !name || !folder)
		return answer(err_set(&why, -EINVAL, "an argument is NULL"),
			      &why, err);
	return answer(kernel_find(path, size, name, folder, &why), &why, err);
}
