// SPDX-License-Identifier: BSD-3-Clause
/*
 * "POST /vireo/v1/exec": a further command in the VM. Its streams are the
 * descriptors that came with the request; then the connection is lines of text,
 * both ways: "signal N" and "size COLS ROWS" to us, "ended STATUS VERDICT
 * DETAIL" from us. Who hangs up ends the command.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/num.h"
#include "control/requests.h"

#define LIST_MAX 8192
#define LINE_LEN 64

/* What is asked for; the texts are owned. */
struct wish {
	char *word[LIST_MAX + 1];
	size_t words;
	char *env[LIST_MAX + 1];
	size_t envs;
	char *dir;
	char *user;
	bool tty;
};

static void free_wish(struct wish *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->words; i++)
		free(w->word[i]);
	for (size_t i = 0; i < w->envs; i++)
		free(w->env[i]);
	free(w->dir);
	free(w->user);
	free(w);
}

static int add(char **list, size_t *count, const char *value, struct err *err)
{
	if (*count == LIST_MAX)
		return err_set(err, -EINVAL, "a list is too long");
	list[*count] = strdup(value);
	if (!list[*count])
		return err_set(err, -ENOMEM, "out of memory");
	++*count;
	return 0;
}

static int set(char **text, const char *value, struct err *err)
{
	free(*text);
	*text = strdup(value);
	return *text ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int read_member(void *ctx, const char *key, const char *value,
		       struct err *err)
{
	struct wish *w = ctx;

	if (!strcmp(key, "words"))
		return add(w->word, &w->words, value, err);
	if (!strcmp(key, "env"))
		return add(w->env, &w->envs, value, err);
	if (!strcmp(key, "dir"))
		return set(&w->dir, value, err);
	if (!strcmp(key, "user"))
		return set(&w->user, value, err);
	if (strcmp(key, "tty"))
		return err_set(err, -EINVAL, "\"%s\": unknown member", key);
	w->tty = !strcmp(value, "true");
	return 0;
}

static int start(struct vireo_exec **out, const struct service *s,
		 const struct exchange *x, struct vireo_error *err)
{
	struct wish *w = calloc(1, sizeof(*w));
	struct err why = { 0 };
	int r = w ? json_walk(exchange_body(x), x->request.length, read_member,
			      w, &why) :
		    err_set(&why, -ENOMEM, "out of memory");

	if (r < 0) {
		r = VIREO_EINVAL;
		err->code = r;
		snprintf(err->text, sizeof(err->text), "%s", why.text);
	} else {
		const struct vireo_exec_options options = {
			.size = sizeof(options),
			.words = (const char *const *)w->word,
			.env = (const char *const *)w->env,
			.dir = w->dir, .user = w->user, .tty = w->tty,
			.has_in = x->fds > 0, .has_out = x->fds > 1,
			.has_err = x->fds > 2,
			.in = x->fd[0], .out = x->fd[1], .err = x->fd[2],
		};

		r = vireo_exec(out, s->vm, &options, err);
	}
	free_wish(w);
	return r;
}

/* ---- the conversation ---- */

/* False: this is no line of ours. */
static bool obey(struct vireo_exec *exec, const char *line)
{
	unsigned int a, b;

	if (sscanf(line, "signal %3u", &a) == 1)
		return vireo_exec_signal(exec, (int)a) == 0;
	return sscanf(line, "size %5u %5u", &a, &b) == 2 &&
	       vireo_exec_resize(exec, a, b) == 0;
}

/* False: the other end has gone, or talks of other things. */
static bool listen_to(struct vireo_exec *exec, int fd, char *line, size_t *len)
{
	ssize_t n = recv(fd, line + *len, LINE_LEN - 1 - *len, MSG_DONTWAIT);
	char *newline;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	*len += (size_t)n;
	line[*len] = '\0';
	while (n && (newline = memchr(line, '\n', *len))) {
		*newline++ = '\0';
		if (!obey(exec, line))
			return false;
		*len -= (size_t)(newline - line);
		memmove(line, newline, *len + 1);
	}
	return n && *len < LINE_LEN - 1;
}

static void tell_end(int fd, const struct vireo_end *end)
{
	char text[sizeof(end->detail) + 64];
	int n = snprintf(text, sizeof(text), "ended %d %s %s\n", end->status,
			 end->verdict, end->detail);

	exchange_send(fd, text, (size_t)n);
}

static void converse(const struct service *s, struct vireo_exec *exec, int fd)
{
	struct pollfd set[] = { { vireo_exec_fd(exec), POLLIN, 0 },
				{ fd, POLLIN, 0 },
				{ s->stop_fd, POLLIN, 0 } };
	char line[LINE_LEN];
	struct vireo_end end;
	size_t len = 0;

	for (;;) {
		if (poll(set, 3, -1) < 0 && errno != EINTR)
			return;
		if (vireo_exec_wait(exec, 0, &end) == 0) {
			tell_end(fd, &end);
			return;
		}
		if (set[2].revents ||
		    (set[1].revents && !listen_to(exec, fd, line, &len)))
			return;
	}
}

static void run(const struct service *s, const struct exchange *x, int fd)
{
	struct vireo_exec *exec = NULL;
	struct vireo_error err = { 0 };
	int r = start(&exec, s, x, &err);

	if (r < 0)
		exchange_refuse(fd, r == VIREO_EINVAL ? 400 :
				   r == VIREO_ESTATE ? 409 : 503, err.text);
	else if (exchange_upgrade(fd, "vireo-exec") == 0)
		converse(s, exec, fd);
	vireo_exec_destroy(&exec);
}

void request_exec(const struct service *s, const struct exchange *x, int fd)
{
	char text[64];

	if (atomic_fetch_add(s->execs, 1) < SERVICE_EXECS) {
		run(s, x, fd);
	} else {
		snprintf(text, sizeof(text),
			 "%u commands run in it already: one has to end first",
			 SERVICE_EXECS);
		exchange_refuse(fd, 503, text);
	}
	atomic_fetch_sub(s->execs, 1);
}
