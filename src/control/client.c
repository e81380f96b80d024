// SPDX-License-Identifier: BSD-3-Clause
#include "control/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "control/http.h"
#include "control/runtime.h"

#define PATIENCE_MS 3000
#define MAX_LISTED  1024u /* of VMs */

static int fail(struct vireo_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct vireo_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	memset(err, 0, sizeof(*err));
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

/* ---- names ---- */

struct names {
	char (*name)[RUNTIME_NAME_MAX + 1]; /* owned */
	size_t count;
};

static void add_name(void *ctx, const char *name)
{
	struct names *all = ctx;

	if (all->name && all->count < MAX_LISTED)
		snprintf(all->name[all->count++], sizeof(all->name[0]), "%s",
			 name);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void take_names(struct names *all, int base)
{
	all->count = 0;
	all->name = calloc(MAX_LISTED, sizeof(all->name[0]));
	runtime_list(base, add_name, all);
	if (all->count)
		qsort(all->name, all->count, sizeof(all->name[0]), compare);
}

/* "no VM has the name \"x\" (a, b run)" */
static int unknown(struct vireo_error *err, int base, const char *name)
{
	char list[256] = "none runs";
	struct names all;
	size_t len = 0;

	take_names(&all, base);
	for (size_t i = 0; i < all.count && len < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
					i ? ", " : "", all.name[i]);
	free(all.name);
	return fail(err, VIREO_EINVAL, "no VM has the name \"%s\" (%s%s)",
		    name, len ? "running: " : "", list);
}

/* ---- a request and its answer ---- */

/* Descriptors go with the first byte. */
static ssize_t send_some(int fd, const char *bytes, size_t len, const int *fds)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int[3]))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	memset(&control, 0, sizeof(control));
	if (fds) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int[3]));
		memcpy(CMSG_DATA(c), fds, sizeof(int[3]));
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int send_all(int fd, const char *bytes, size_t len, const int *fds)
{
	while (len) {
		ssize_t n = send_some(fd, bytes, len, fds);

		if (n < 0)
			return (int)n;
		bytes += n;
		len -= (size_t)n;
		fds = NULL;
	}
	return 0;
}

/* Byte by byte: behind it there may be something else. -ENODATA, -E2BIG. */
static int read_head(struct http_answer *head, int fd)
{
	char bytes[HTTP_HEAD_MAX];
	ssize_t r = 0;

	for (size_t len = 0; r == 0 && len < sizeof(bytes);) {
		r = fd_read_full(fd, bytes + len++, 1);
		if (r == 0 && bytes[len - 1] == '\n')
			r = http_parse_answer(head, bytes, len);
	}
	return r < 0 ? (int)r : r ? 0 : -E2BIG;
}

/* @body is the caller's, also after a failure. A status, or -errno. */
static int ask(char **body, int fd, const char *method, const char *path,
	       const char *json, const char *upgrade, const int *fds)
{
	struct http_answer head;
	char text[HTTP_HEAD_MAX];
	size_t len = strlen(json);
	size_t n = http_write_request(text, sizeof(text), method, path, len,
				      upgrade);
	int r = len > HTTP_BODY_MAX ? -E2BIG : send_all(fd, text, n, fds);

	*body = NULL;
	if (r == 0)
		r = send_all(fd, json, len, NULL);
	if (r == 0)
		r = read_head(&head, fd);
	if (r < 0)
		return r;
	*body = calloc(1, head.length + 1u);
	r = *body ? fd_read_full(fd, *body, head.length) : -ENOMEM;
	return r < 0 ? r : head.status;
}

static int take_error(void *ctx, const char *key, const char *value,
		      struct err *why)
{
	struct vireo_error *err = ctx;

	if (!strcmp(key, "error"))
		snprintf(err->text, sizeof(err->text), "%s", value);
	return 0;
}

/* What @status, not one of success, means. */
static int refused(struct vireo_error *err, int status, const char *body,
		   const char *name)
{
	if (status < 0)
		return fail(err, VIREO_EHOST, "%s: it does not answer: %s",
			    name, strerror(-status));
	fail(err, status == 400 ? VIREO_EINVAL :
		  status == 409 ? VIREO_ESTATE : VIREO_EHOST,
	     "%s: it answered %d", name, status);
	json_walk(body, strlen(body), take_error, err, NULL);
	return err->code;
}

/* A connection and its directory; VIREO_E... with a sentence. */
static int connect_to(int *fd, int *base, const char *directory,
		      const char *name, struct vireo_error *err)
{
	int r;

	*fd = -1;
	*base = runtime_base(directory, false);
	if (*base < 0 && *base != -ENOENT)
		return fail(err, VIREO_EHOST, "%s: %s", directory,
			    *base == -EPERM ? "not a directory of yours alone" :
					      strerror(-*base));
	if (*base < 0)
		return fail(err, VIREO_EINVAL,
			    "no VM has the name \"%s\" (none runs)", name);
	r = runtime_connect(*base, name, PATIENCE_MS);
	if (r >= 0)
		*fd = r;
	else if (r == -ENOENT)
		r = unknown(err, *base, name);
	else
		r = fail(err, VIREO_EHOST, "%s: %s", name, strerror(-r));
	if (r < 0)
		fd_close(base);
	return r < 0 ? r : 0;
}

/* ---- what runs ---- */

static int take_member(void *ctx, const char *key, const char *value,
		       struct err *why)
{
	struct control_vm *vm = ctx;
	size_t len = strlen(vm->command);

	if (!strcmp(key, "state"))
		snprintf(vm->state, sizeof(vm->state), "%s", value);
	else if (!strcmp(key, "pid"))
		vm->pid = strtoll(value, NULL, 10);
	else if (!strcmp(key, "since"))
		vm->since = strtoll(value, NULL, 10);
	else if (!strcmp(key, "kernel"))
		snprintf(vm->kernel, sizeof(vm->kernel), "%s", value);
	else if (!strcmp(key, "command"))
		snprintf(vm->command + len, sizeof(vm->command) - len, "%s%s",
			 len ? " " : "", value);
	return 0;
}

/* False: it has ended meanwhile. */
static bool look_at(struct control_vm *vm, char **json, int base,
		    const char *name)
{
	int fd = runtime_connect(base, name, PATIENCE_MS);

	memset(vm, 0, sizeof(*vm));
	snprintf(vm->name, sizeof(vm->name), "%s", name);
	*json = NULL;
	if (fd == -ENOENT)
		return false;
	if (fd < 0 || ask(json, fd, "GET", "/vireo/v1/vm", "", NULL,
			    NULL) != 200 ||
	    json_walk(*json, strlen(*json), take_member, vm, NULL) < 0) {
		free(*json);
		*json = NULL;
		snprintf(vm->state, sizeof(vm->state), "silent");
	}
	vm->json = *json;
	fd_close(&fd);
	return true;
}

void control_list(const char *directory,
		  void (*fn)(void *ctx, const struct control_vm *vm), void *ctx)
{
	int base = runtime_base(directory, false);
	struct control_vm vm;
	struct names all;
	char *json;

	if (base < 0)
		return;
	take_names(&all, base);
	for (size_t i = 0; i < all.count; i++) {
		if (look_at(&vm, &json, base, all.name[i]))
			fn(ctx, &vm);
		free(json);
	}
	free(all.name);
	fd_close(&base);
}

/* ---- its end ---- */

int control_stop(const char *directory, const char *name, bool force,
		 struct vireo_error *err)
{
	int base, fd, watch, status;
	char *body = NULL;
	int r = connect_to(&fd, &base, directory, name, err);

	if (r < 0)
		return r;
	watch = runtime_watch(base, name);
	status = ask(&body, fd, "POST", "/vireo/v1/stop",
		     force ? "{\"force\": true}" : "", NULL, NULL);
	/* It may have ended before it could answer. */
	if (status != 202 && status != -ENODATA && status != -ECONNRESET)
		r = refused(err, status, body, name);
	else if (watch >= 0 && runtime_await(watch) < 0)
		r = fail(err, VIREO_EHOST, "%s: cannot wait for its end",
			 name);
	free(body);
	fd_close(&watch);
	fd_close(&fd);
	fd_close(&base);
	return r;
}

/* ---- a further command ---- */

/* malloc'd; NULL: a word is no text. */
static char *wish_of(const struct vireo_exec_options *o)
{
	struct json_object *object = json_object_create();
	int r = object ? 0 : -ENOMEM;
	char *json;

	for (size_t i = 0; o->words[i] && r == 0; i++)
		r = json_object_add(object, "words", o->words[i], true);
	for (size_t i = 0; o->env && o->env[i] && r == 0; i++)
		r = json_object_add(object, "env", o->env[i], true);
	if (r == 0 && o->dir)
		r = json_object_add(object, "dir", o->dir, false);
	if (r == 0 && o->user)
		r = json_object_add(object, "user", o->user, false);
	if (r == 0 && o->tty)
		r = json_object_add(object, "tty", "true", false);
	json = json_object_finish(object);
	if (r < 0) {
		free(json);
		return NULL;
	}
	return json;
}

int control_exec(const char *directory, const char *name,
		 const struct vireo_exec_options *o, struct vireo_error *err)
{
	const int fds[3] = { o->in, o->out, o->err };
	char *json = wish_of(o);
	char *body = NULL;
	int fd, base, status;
	int r = json ? connect_to(&fd, &base, directory, name, err) :
		       fail(err, VIREO_EINVAL, "a word is not UTF-8");

	if (r < 0) {
		free(json);
		return r;
	}
	fd_close(&base);
	status = ask(&body, fd, "POST", "/vireo/v1/exec", json, "vireo-exec",
		     fds);
	if (status != 101) {
		r = refused(err, status, body, name);
		fd_close(&fd);
	}
	free(body);
	free(json);
	return r < 0 ? r : fd;
}

void control_exec_signal(int connection, int number)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "signal %d\n", number);

	(void)send_all(connection, line, (size_t)n, NULL);
}

void control_exec_resize(int connection, unsigned int cols, unsigned int rows)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "size %u %u\n", cols & 0xffff,
			 rows & 0xffff);

	(void)send_all(connection, line, (size_t)n, NULL);
}

/* "ended STATUS VERDICT DETAIL" */
static int parse_end(struct vireo_end *end, char *line)
{
	int at = 0;

	memset(end, 0, sizeof(*end));
	if (sscanf(line, "ended %3d %15s %n", &end->status, end->verdict,
		   &at) < 2 || end->status < 0 || end->status > 255)
		return VIREO_EHOST;
	for (char *c = line + at; at && *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?'; /* the guest's words, for a terminal */
	snprintf(end->detail, sizeof(end->detail), "%s",
		 at ? line + at : "");
	end->reason = VIREO_COMMAND;
	end->exit_code = end->status;
	return 0;
}

int control_exec_end(int connection, struct vireo_end *end)
{
	char line[sizeof(end->detail) + 64];
	size_t len = 0;

	do
		if (len + 1 == sizeof(line) ||
		    fd_read_full(connection, line + len, 1) < 0)
			return VIREO_EHOST;
	while (line[len++] != '\n');
	line[len - 1] = '\0';
	return parse_end(end, line);
}

/* ---- its console ---- */

int control_console(const char *directory, const char *name,
		    struct vireo_error *err)
{
	char *body = NULL;
	int fd, base, status;
	int r = connect_to(&fd, &base, directory, name, err);

	if (r < 0)
		return r;
	fd_close(&base);
	status = ask(&body, fd, "POST", "/vireo/v1/console", "",
		     "vireo-console", NULL);
	if (status != 101) {
		r = refused(err, status, body, name);
		fd_close(&fd);
	}
	free(body);
	return r < 0 ? r : fd;
}
