// SPDX-License-Identifier: BSD-3-Clause
#include "command/kernel_name.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PREFIX   "linux-image-"
#define UNSIGNED "unsigned"
#define TEXT_MAX 64

static const char package_bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789.+-~";

/* A version and a flavour ("" and "cloud" are Debian's, "generic" Ubuntu's). */
struct kind {
	bool debian; /* or Ubuntu */
	char version[TEXT_MAX];
	char flavour[TEXT_MAX];
	bool is_unsigned;
};

/* The best so far. */
struct choice {
	const struct kind *wanted;
	const char *exact; /* a package; NULL: any of that kind */
	char package[KERNEL_PACKAGE_MAX]; /* "": none */
	struct kind kind;
};

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes @end off the text's end. */
static bool strip_end(char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	if (len < n || strcmp(text + len - n, end))
		return false;
	text[len - n] = '\0';
	return true;
}

/* "6.1.0-56-cloud", "6.12", "cloud": a flavour begins with a letter. */
static void split(struct kind *k, const char *text)
{
	const char *dash = text;

	*k->version = *k->flavour = '\0';
	if (is_letter(*text)) {
		snprintf(k->flavour, sizeof(k->flavour), "%s", text);
		return;
	}
	do
		dash = strchr(dash + 1, '-');
	while (dash && !is_letter(dash[1]));
	snprintf(k->version, sizeof(k->version), "%.*s",
		 dash ? (int)(dash - text) : (int)strlen(text), text);
	if (dash)
		snprintf(k->flavour, sizeof(k->flavour), "%s", dash + 1);
}

/* One with a version of three numbers: others depend on such a package. */
static bool is_whole(const char *version)
{
	const char *dot = strchr(version, '.');

	return is_digit(*version) && dot && strchr(dot + 1, '.');
}

/* "linux-image-6.12.9+deb13-cloud-amd64" (and -unsigned),
 * "linux-image-6.8.0-45-generic" (and linux-image-unsigned-...). */
static bool read_package(struct kind *k, const char *package)
{
	char text[TEXT_MAX];

	*k = (struct kind){ 0 };
	if (strncmp(package, PREFIX, strlen(PREFIX)) ||
	    strlen(package) >= sizeof(text))
		return false;
	package += strlen(PREFIX);
	if (!strncmp(package, UNSIGNED "-", strlen(UNSIGNED "-"))) {
		k->is_unsigned = true;
		package += strlen(UNSIGNED "-");
	}
	snprintf(text, sizeof(text), "%s", package);
	if (strip_end(text, "-" UNSIGNED))
		k->is_unsigned = true;
	k->debian = strip_end(text, "-amd64");
	split(k, text);
	if (!is_whole(k->version))
		return false;
	/* Nothing of Debian's that is not an image, as debugging symbols. */
	return k->debian ||
	       (*k->flavour && strncmp(k->flavour, "amd64", 5) &&
		!k->version[strspn(k->version, "0123456789.-")]);
}

static int bad_name(struct err *err, const char *name, const char *why)
{
	return err_set_key(err, -EINVAL, "kernel", "%s: %s", name, why);
}

/* @exact: the package, when it is named; else NULL. */
static int read_name(struct kind *k, const char **exact, const char *name,
		     struct err *err)
{
	const char *which = strchr(name, ':');
	char text[TEXT_MAX];

	*exact = NULL;
	*k = (struct kind){ .debian = !strncmp(name, "debian:", 7) };
	if (!k->debian && strncmp(name, "ubuntu:", 7))
		return bad_name(err, name,
				"kernels by name are debian:... or ubuntu:...");
	which++;
	if (!*which || which[strspn(which, package_bytes)] ||
	    strlen(which) >= sizeof(text) ||
	    (!is_digit(*which) && !is_letter(*which)))
		return bad_name(err, name,
				"wants a version, a flavour or both, as debian:6.12-cloud");
	if (!strncmp(which, PREFIX, strlen(PREFIX))) {
		*exact = which;
		return 0;
	}
	snprintf(text, sizeof(text), "%s", which);
	if (k->debian && !strcmp(text, "amd64"))
		*text = '\0';
	else if (k->debian)
		strip_end(text, "-amd64");
	split(k, text);
	if (!k->debian && !*k->flavour)
		memcpy(k->flavour, "generic", sizeof("generic"));
	return 0;
}

/* "6.1" is the beginning of 6.1.0, and not of 6.12. */
static bool begins(const char *version, const char *part)
{
	size_t len = strlen(part);

	return !strncmp(version, part, len) &&
	       (!len || !is_digit(version[len]) || !is_digit(part[len - 1]));
}

static void consider(struct choice *c, const char *package)
{
	struct kind k;
	int order;

	if (c->exact) {
		if (!strcmp(package, c->exact))
			snprintf(c->package, sizeof(c->package), "%s", package);
		return;
	}
	if (!read_package(&k, package) || k.debian != c->wanted->debian ||
	    strcmp(k.flavour, c->wanted->flavour) ||
	    !begins(k.version, c->wanted->version))
		return;
	order = strverscmp(k.version, c->kind.version);
	if (*c->package && (order < 0 || (order == 0 && k.is_unsigned)))
		return;
	snprintf(c->package, sizeof(c->package), "%s", package);
	c->kind = k;
}

bool kernel_is_name(const char *text)
{
	size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz");

	return word && text[word] == ':' && !strchr(text, '/');
}

int kernel_name_of(char *name, size_t cap, const char *package)
{
	struct kind k;

	if (!read_package(&k, package))
		return -EINVAL;
	snprintf(name, cap, "%s:%s%s%s", k.debian ? "debian" : "ubuntu",
		 k.version, *k.flavour ? "-" : "", k.flavour);
	return 0;
}

int kernel_choose(char *package, size_t cap, const char *name,
		  const char *list, struct err *err)
{
	struct kind wanted;
	struct choice c = { .wanted = &wanted };
	int r = read_name(&wanted, &c.exact, name, err);

	for (; r == 0 && *list; list += *list == '\n') {
		char word[KERNEL_PACKAGE_MAX];
		size_t line = strcspn(list, "\n");
		size_t len = strcspn(list, " \t\n");

		if (len < sizeof(word)) {
			snprintf(word, sizeof(word), "%.*s", (int)len, list);
			consider(&c, word);
		}
		list += line;
	}
	if (r < 0)
		return r;
	snprintf(package, cap, "%s", c.package);
	return *c.package ? 0 :
			    err_set_key(err, -ENOENT, "kernel",
					"%s: there is no such package", name);
}

/* The first vmlinuz-* in DIR/PACKAGE/boot. */
static bool find_image(char *path, size_t cap, const char *dir,
		       const char *package)
{
	const struct dirent *e;
	bool found = false;
	DIR *boot;

	snprintf(path, cap, "%s/%s/boot", dir, package);
	boot = opendir(path);
	while (boot && !found && (e = readdir(boot))) {
		found = !strncmp(e->d_name, "vmlinuz-", 8);
		if (found)
			snprintf(path, cap, "%s/%s/boot/%s", dir, package,
				 e->d_name);
	}
	if (boot)
		closedir(boot);
	return found;
}

int kernel_find(char *path, size_t cap, const char *name, const char *dir,
		struct err *err)
{
	struct kind wanted;
	struct choice c = { .wanted = &wanted };
	int r = read_name(&wanted, &c.exact, name, err);
	const struct dirent *e;
	DIR *cache;

	if (r < 0)
		return r;
	cache = opendir(dir);
	while (cache && (e = readdir(cache)))
		if (find_image(path, cap, dir, e->d_name))
			consider(&c, e->d_name);
	if (cache)
		closedir(cache);
	if (*c.package && find_image(path, cap, dir, c.package))
		return 0;
	return err_set_key(err, -ENOENT, "kernel",
			   "%s: not among the kernels in %s (vireo kernel fetch %s)",
			   name, dir, name);
}
