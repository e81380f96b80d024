// SPDX-License-Identifier: BSD-3-Clause
/*
 * See command.h. The guest connects to four ports. On the first it tells, a
 * line each: "began US", "started US", "exited STATUS", "killed SIGNAL" (before
 * it "out-of-memory 9"), "failed STATUS ERRNO TEXT". The end is told when a
 * status is known and both output streams are at theirs.
 */
#include "command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "command/recipe.h"
#include "command/relay.h"

/* As in firmware/init/init.h. */
#define PORT_WORDS  0x76690000u
#define PORT_STDIN  0x76690001u
#define PORT_STDOUT 0x76690002u
#define PORT_STDERR 0x76690003u

#define LINE_MAX_LEN 512

struct command {
	struct archive initramfs;
	struct command_host host;
	int fd[3]; /* owned: ours, for stdin, stdout, stderr; -1: none */
	int done_fd; /* owned eventfd: a stream has ended */
	struct loop_source *done;

	/* loop thread */
	struct loop_source *words_source;
	struct relay relay[3];
	bool dialed[4];
	char line[LINE_MAX_LEN];
	size_t line_len;

	pthread_mutex_t lock; /* guards what follows */
	int words; /* -1: not connected */
	bool known, told, out_of_memory;
	struct command_end end;
	char detail[LINE_MAX_LEN + 128];
	uint64_t began_us, started_us;
};

/* ---- how it ended ---- */

/* With a terminal there is no stream of errors. */
static bool streams_done(const struct command *c)
{
	for (int i = 1; i < 3; i++)
		if (c->relay[i].started && !atomic_load(&c->relay[i].done))
			return false;
	return true;
}

/* Loop thread. */
static void tell_if_done(struct command *c)
{
	bool tell;

	pthread_mutex_lock(&c->lock);
	tell = c->known && !c->told && streams_done(c);
	c->told = c->told || tell;
	pthread_mutex_unlock(&c->lock);
	if (tell)
		c->host.ended(c->host.ctx, &c->end);
}

static void on_done(void *ctx, uint32_t events)
{
	struct command *c = ctx;

	fd_event_drain(c->done_fd);
	tell_if_done(c);
}

static void set_end(struct command *c, int status, const char *verdict,
		    const char *detail)
{
	if (c->known)
		return;
	c->known = true;
	snprintf(c->detail, sizeof(c->detail), "%s", detail);
	c->end = (struct command_end){ status, verdict, c->detail };
}

/* "STATUS ERRNO TEXT" */
static void failed(struct command *c, const char *text)
{
	char why[LINE_MAX_LEN + 128];
	char *end;
	long status = strtol(text, &end, 10);
	long error = strtol(end, &end, 10);

	snprintf(why, sizeof(why), "%s: %s", *end ? end + 1 : "",
		 strerror((int)(error & 4095)));
	set_end(c, status == 126 || status == 127 ? (int)status : 125,
		status == 127 ? "not-found" :
		status == 126 ? "not-executable" : "guest-error", why);
}

/* The guest's words are not to be trusted, but they are about the guest. */
static void heed(struct command *c, const char *line)
{
	const char *space = strchr(line, ' ');
	size_t len = space ? (size_t)(space - line) : strlen(line);
	const char *rest = space ? space + 1 : "";
	uint64_t n = strtoull(rest, NULL, 10);

	if (!strncmp(line, "began", len))
		c->began_us = n;
	else if (!strncmp(line, "started", len))
		c->started_us = n;
	else if (!strncmp(line, "out-of-memory", len))
		c->out_of_memory = true;
	else if (!strncmp(line, "exited", len))
		set_end(c, (int)(n & 255), "exited", "");
	else if (!strncmp(line, "killed", len))
		set_end(c, (int)(128 + (n & 127)),
			c->out_of_memory ? "out-of-memory" : "killed", "");
	else if (!strncmp(line, "failed", len))
		failed(c, rest);
}

static void take(struct command *c, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n') {
			if (c->line_len + 1 < sizeof(c->line))
				c->line[c->line_len++] = bytes[i];
			continue;
		}
		c->line[c->line_len] = '\0';
		c->line_len = 0;
		if (c->line[0])
			heed(c, c->line);
	}
}

static void on_words(void *ctx, uint32_t events)
{
	struct command *c = ctx;
	char bytes[1024];
	ssize_t n;

	pthread_mutex_lock(&c->lock);
	n = c->words < 0 ? 0 : fd_read(c->words, bytes, sizeof(bytes));
	if (n > 0)
		take(c, bytes, (size_t)n);
	else if (n != -EAGAIN)
		loop_set_events(c->words_source, 0);
	pthread_mutex_unlock(&c->lock);
	tell_if_done(c);
}

/* ---- the guest calls ---- */

static int dial_words(struct command *c, int ours)
{
	int r;

	pthread_mutex_lock(&c->lock);
	c->words = ours;
	pthread_mutex_unlock(&c->lock);
	r = loop_add(&c->words_source, c->host.loop, ours, EPOLLIN, on_words,
		     c);
	return r;
}

/* Ours blocks: it is a thread's. */
static int dial_stream(struct command *c, unsigned int i, int ours)
{
	int own;

	if (c->fd[i] < 0) {
		close(ours);
		return 0;
	}
	own = fcntl(c->fd[i], F_DUPFD_CLOEXEC, 3);
	if (own < 0) {
		close(ours);
		return -errno;
	}
	return i == 0 ? relay_start(&c->relay[i], own, ours, -1) :
			relay_start(&c->relay[i], ours, own, c->done_fd);
}

int command_dial(void *command, uint32_t port)
{
	struct command *c = command;
	unsigned int i = port - PORT_WORDS;
	int pair[2];
	int r;

	if (i > 3)
		return -ENOENT;
	if (c->dialed[i])
		return -ECONNREFUSED;
	c->dialed[i] = true;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	if (i == 0)
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
	r = i == 0 ? dial_words(c, pair[0]) : dial_stream(c, i - 1, pair[0]);
	if (r < 0)
		close(pair[1]);
	return r < 0 ? r : pair[1];
}

/* ---- to the guest ---- */

static void say(struct command *c, const char *line)
{
	pthread_mutex_lock(&c->lock);
	if (c->words >= 0)
		(void)send(c->words, line, strlen(line),
			   MSG_NOSIGNAL | MSG_DONTWAIT);
	pthread_mutex_unlock(&c->lock);
}

void command_signal(struct command *c, int number)
{
	char line[32];

	snprintf(line, sizeof(line), "signal %d\n", number);
	say(c, line);
}

void command_resize(struct command *c, unsigned int cols, unsigned int rows)
{
	char line[48];

	snprintf(line, sizeof(line), "size %u %u\n", cols, rows);
	say(c, line);
}

/* ---- life ---- */

static int duplicate(int *out, int fd)
{
	*out = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return fd >= 0 && *out < 0 ? -errno : 0;
}

static int open_all(struct command *c, struct err *err)
{
	int r = duplicate(&c->fd[0], c->host.in);

	if (r == 0)
		r = duplicate(&c->fd[1], c->host.out);
	if (r == 0)
		r = duplicate(&c->fd[2], c->host.err);
	if (r == 0) {
		c->done_fd = fd_event_create();
		r = c->done_fd < 0 ? c->done_fd : 0;
	}
	if (r == 0)
		r = loop_add(&c->done, c->host.loop, c->done_fd, EPOLLIN,
			     on_done, c);
	return r < 0 ? err_set(err, r, "the command's streams: %s",
			       strerror(-r)) : 0;
}

int command_create(struct command **out, struct config *cfg,
		   const struct command_host *host, struct err *err)
{
	struct command *c = calloc(1, sizeof(*c));
	int r;

	*out = NULL;
	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	c->host = *host;
	c->done_fd = -1;
	c->words = -1;
	for (int i = 0; i < 3; i++)
		c->fd[i] = -1;
	pthread_mutex_init(&c->lock, NULL);
	r = open_all(c, err);
	if (r == 0)
		r = recipe_prepare(&c->initramfs, cfg, err);
	if (r < 0) {
		command_destroy(c);
		return r;
	}
	*out = c;
	return 0;
}

void command_destroy(struct command *c)
{
	if (!c)
		return;
	loop_remove(c->words_source);
	loop_remove(c->done);
	for (int i = 0; i < 3; i++) {
		relay_finish(&c->relay[i]);
		fd_close(&c->fd[i]);
	}
	fd_close(&c->words);
	fd_close(&c->done_fd);
	archive_finish(&c->initramfs);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

const struct archive *command_initramfs(const struct command *c)
{
	return &c->initramfs;
}

bool command_has_ended(struct command *c)
{
	bool known;

	pthread_mutex_lock(&c->lock);
	known = c->known;
	pthread_mutex_unlock(&c->lock);
	return known;
}

uint64_t command_output_ns(struct command *c)
{
	return max_u64(atomic_load(&c->relay[1].last_ns),
		       atomic_load(&c->relay[2].last_ns));
}

static uint64_t read_time(struct command *c, const uint64_t *us)
{
	uint64_t value;

	pthread_mutex_lock(&c->lock);
	value = *us;
	pthread_mutex_unlock(&c->lock);
	return value;
}

uint64_t command_began_us(struct command *c)
{
	return read_time(c, &c->began_us);
}

uint64_t command_started_us(struct command *c)
{
	return read_time(c, &c->started_us);
}
