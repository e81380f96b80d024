// SPDX-License-Identifier: BSD-3-Clause
/* See err.h. Pure string work; any thread. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

static int set(struct err *err, int code, const char *key, const char *fmt,
	       va_list ap)
{
	if (!err)
		return code;
	err->code = code;
	snprintf(err->key, sizeof(err->key), "%s", key);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	one_line(err->text);
	return code;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(err, code, "", fmt, ap);
	va_end(ap);
	return code;
}

int err_set_key(struct err *err, int code, const char *key, const char *fmt,
		...)
{
	va_list ap;

	va_start(ap, fmt);
	set(err, code, key, fmt, ap);
	va_end(ap);
	return code;
}

void err_blame(struct err *err, const char *key)
{
	if (err)
		snprintf(err->key, sizeof(err->key), "%s", key);
}

static const char *path_remedy(int code)
{
	switch (-code) {
	case EACCES:
	case EPERM:
		return "check its permissions";
	case EROFS:
	case ENOSPC:
	case EDQUOT:
		return "take a place that can be written";
	case EEXIST:
	case EADDRINUSE:
		return "something else is there: take another path";
	case EISDIR:
		return "give the path of a file";
	case ENXIO:
		return "nobody reads from there: start the reader first";
	case EMFILE:
	case ENFILE:
		return "raise the limit of open files, ulimit -n";
	case ENOENT:
	case ENOTDIR:
		return "check the path";
	default:
		return "take another path";
	}
}

int err_set_path(struct err *err, int code, const char *path)
{
	return err_set(err, code, "%s: %s (%s)", path, strerror(-code),
		       path_remedy(code));
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char old[sizeof(err->text)];
	size_t used;
	va_list ap;

	if (!err)
		return -EIO;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", old);
	one_line(err->text);
	return err->code;
}
