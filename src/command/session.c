// SPDX-License-Identifier: BSD-3-Clause
#include "command/session.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "command/relay.h"

#define LINE_MAX_LEN 512

struct session {
	struct session_host host;
	int fd[3]; /* owned: ours, for stdin, stdout, stderr; -1: none */
	int done_fd; /* owned eventfd: a stream has ended */
	struct loop_source *done;

	/* loop thread */
	struct loop_source *words_source;
	struct relay relay[3];
	bool dialed[4];
	bool start_told;
	char line[LINE_MAX_LEN];
	size_t line_len;

	pthread_mutex_t lock; /* guards what follows */
	int words; /* -1: not connected */
	char *order; /* owned; what the guest reads first */
	size_t order_len;
	size_t order_at; /* from here on it is still to be sent */
	unsigned int cols; /* of its terminal; 0: not known */
	unsigned int rows;
	int signal; /* that came before it could be told; 0: none */
	bool known, told, out_of_memory;
	struct command_end end;
	char detail[LINE_MAX_LEN + 128];
	uint64_t began_us, started_us;
};

/* ---- how it ended ---- */

/* With a terminal there is no stream of errors. */
static bool streams_done(const struct session *s)
{
	for (int i = 1; i < 3; i++)
		if (s->relay[i].started && !atomic_load(&s->relay[i].done))
			return false;
	return true;
}

/* Loop thread. */
static void tell_start(struct session *s)
{
	bool tell;

	pthread_mutex_lock(&s->lock);
	tell = (s->started_us || s->known) && !s->start_told;
	pthread_mutex_unlock(&s->lock);
	if (!tell)
		return;
	s->start_told = true;
	if (s->host.started)
		s->host.started(s->host.ctx);
}

/* What the host's side of a stream did not take is not a success. A reader that
 * went away is the command's own business: it has been told by SIGPIPE. */
static void heed_streams(struct session *s)
{
	static const char *const names[] = { "input", "output", "error" };

	for (int i = 1; i < 3 && s->end.status == 0; i++) {
		int error = s->relay[i].started ? s->relay[i].error : 0;

		if (!error || error == -EPIPE || error == -ECANCELED)
			continue;
		snprintf(s->detail, sizeof(s->detail), "standard %s: %s",
			 names[i], strerror(-error));
		s->end = (struct command_end){ 120, "host-error", s->detail };
	}
}

/* Loop thread. */
static void tell_if_done(struct session *s)
{
	bool tell;

	pthread_mutex_lock(&s->lock);
	tell = s->known && !s->told && streams_done(s);
	if (tell)
		heed_streams(s);
	s->told = s->told || tell;
	pthread_mutex_unlock(&s->lock);
	if (tell)
		s->host.ended(s->host.ctx, &s->end);
}

static void on_done(void *ctx, uint32_t events)
{
	struct session *s = ctx;

	fd_event_drain(s->done_fd);
	tell_if_done(s);
}

static void set_end(struct session *s, int status, const char *verdict,
		    const char *detail)
{
	if (s->known)
		return;
	s->known = true;
	snprintf(s->detail, sizeof(s->detail), "%s", detail);
	s->end = (struct command_end){ status, verdict, s->detail };
}

/* "STATUS ERRNO TEXT" */
static void failed(struct session *s, const char *text)
{
	char why[LINE_MAX_LEN + 128];
	char *end;
	long status = strtol(text, &end, 10);
	long error = strtol(end, &end, 10);

	snprintf(why, sizeof(why), "%s: %s", *end ? end + 1 : "",
		 strerror((int)(error & 4095)));
	set_end(s, status == 126 || status == 127 ? (int)status : 125,
		status == 127 ? "not-found" :
		status == 126 ? "not-executable" : "guest-error", why);
}

/* The guest's words are not to be trusted, but they are about the guest. */
static void heed(struct session *s, const char *line)
{
	const char *space = strchr(line, ' ');
	size_t len = space ? (size_t)(space - line) : strlen(line);
	const char *rest = space ? space + 1 : "";
	uint64_t n = strtoull(rest, NULL, 10);

	if (!strncmp(line, "began", len))
		s->began_us = n;
	else if (!strncmp(line, "started", len))
		s->started_us = n;
	else if (!strncmp(line, "out-of-memory", len))
		s->out_of_memory = true;
	else if (!strncmp(line, "exited", len))
		set_end(s, (int)(n & 255), "exited", "");
	else if (!strncmp(line, "killed", len))
		set_end(s, (int)(128 + (n & 127)),
			s->out_of_memory ? "out-of-memory" : "killed", "");
	else if (!strncmp(line, "failed", len))
		failed(s, rest);
}

static void take(struct session *s, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n') {
			if (s->line_len + 1 < sizeof(s->line))
				s->line[s->line_len++] = bytes[i];
			continue;
		}
		s->line[s->line_len] = '\0';
		s->line_len = 0;
		if (s->line[0])
			heed(s, s->line);
	}
}

/* ---- to the guest ---- */

/* Lock held. The order comes before any line. */
static void send_line(struct session *s, const char *line)
{
	if (s->words >= 0 && s->order_at == s->order_len)
		(void)send(s->words, line, strlen(line),
			   MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_size(struct session *s)
{
	char line[48];

	snprintf(line, sizeof(line), "size %u %u\n", s->cols, s->rows);
	if (s->cols || s->rows)
		send_line(s, line);
}

static void send_signal(struct session *s, int number)
{
	char line[32];

	snprintf(line, sizeof(line), "signal %d\n", number);
	send_line(s, line);
}

/* Lock held; as much of the order as there is room for. True: all is out. */
static bool send_order(struct session *s)
{
	ssize_t n;

	while (s->order_at < s->order_len) {
		n = send(s->words, s->order + s->order_at,
			 s->order_len - s->order_at,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		s->order_at += (size_t)n;
	}
	send_size(s);
	if (s->signal)
		send_signal(s, s->signal);
	s->signal = 0;
	return true;
}

void session_say(struct session *s, const char *line)
{
	pthread_mutex_lock(&s->lock);
	send_line(s, line);
	pthread_mutex_unlock(&s->lock);
}

/* The last of those that come too early is told later. */
void session_signal(struct session *s, int number)
{
	pthread_mutex_lock(&s->lock);
	if (s->words >= 0 && s->order_at == s->order_len)
		send_signal(s, number);
	else
		s->signal = number;
	pthread_mutex_unlock(&s->lock);
}

void session_resize(struct session *s, unsigned int cols, unsigned int rows)
{
	pthread_mutex_lock(&s->lock);
	s->cols = cols;
	s->rows = rows;
	send_size(s);
	pthread_mutex_unlock(&s->lock);
}

static void on_words(void *ctx, uint32_t events)
{
	struct session *s = ctx;
	char bytes[1024];
	ssize_t n;

	pthread_mutex_lock(&s->lock);
	if (events & EPOLLOUT && send_order(s))
		loop_set_events(s->words_source, EPOLLIN);
	n = s->words < 0 ? 0 : fd_read(s->words, bytes, sizeof(bytes));
	if (n > 0)
		take(s, bytes, (size_t)n);
	else if (n != -EAGAIN)
		loop_set_events(s->words_source, 0);
	if (n <= 0 && n != -EAGAIN && s->host.ends_with_words)
		set_end(s, 125, "guest-error", "the guest has lost it");
	pthread_mutex_unlock(&s->lock);
	tell_start(s);
	tell_if_done(s);
}

/* ---- the guest calls ---- */

static int dial_words(struct session *s, int ours)
{
	bool all;
	int r;

	pthread_mutex_lock(&s->lock);
	s->words = ours;
	all = send_order(s);
	pthread_mutex_unlock(&s->lock);
	r = loop_add(&s->words_source, s->host.loop, ours,
		     all ? EPOLLIN : EPOLLIN | EPOLLOUT, on_words, s);
	return r;
}

/* Somebody's stream, for a thread that must not wait in it: others may take
 * what poll() has seen. A pipe or a terminal is opened once more, so that only
 * ours does not block; where that is not allowed, it is a duplicate. */
static int own_stream(int fd, int mode)
{
	struct stat st;
	char path[32];
	int own = -1;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || isatty(fd)))
		own = fd_above(open(path, mode | O_NONBLOCK | O_NOCTTY |
					  O_CLOEXEC));
	return own >= 0 ? own : fd_copy(fd);
}

static int dial_stream(struct session *s, unsigned int i, int ours)
{
	int own;

	if (s->fd[i] < 0) {
		close(ours);
		return 0;
	}
	own = own_stream(s->fd[i], i == 0 ? O_RDONLY : O_WRONLY);
	if (own < 0) {
		close(ours);
		return -errno;
	}
	return i == 0 ? relay_start(&s->relay[i], own, ours, -1) :
			relay_start(&s->relay[i], ours, own, s->done_fd);
}

int session_dial(struct session *s, unsigned int which)
{
	int pair[2];
	int r;

	if (s->dialed[which])
		return -ECONNREFUSED;
	s->dialed[which] = true;
	if (fd_pair_above(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				     pair), pair) < 0)
		return -errno;
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	if (which == 0)
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
	r = which == 0 ? dial_words(s, pair[0]) :
			 dial_stream(s, which - 1, pair[0]);
	if (r < 0)
		close(pair[1]);
	return r < 0 ? r : pair[1];
}

/* ---- life ---- */

static int duplicate(int *out, int fd)
{
	*out = fd < 0 ? -1 : fd_copy(fd);
	return fd >= 0 && *out < 0 ? -errno : 0;
}

static int open_all(struct session *s, struct err *err)
{
	int r = duplicate(&s->fd[0], s->host.in);

	if (r == 0)
		r = duplicate(&s->fd[1], s->host.out);
	if (r == 0)
		r = duplicate(&s->fd[2], s->host.err);
	if (r == 0) {
		s->done_fd = fd_event_create();
		r = s->done_fd < 0 ? s->done_fd : 0;
	}
	if (r == 0)
		r = loop_add(&s->done, s->host.loop, s->done_fd, EPOLLIN,
			     on_done, s);
	return r < 0 ? err_set(err, r, "the command's streams: %s",
			       strerror(-r)) : 0;
}

int session_create(struct session **out, const struct session_host *host,
		   struct err *err)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	*out = NULL;
	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	s->host = *host;
	s->done_fd = -1;
	s->words = -1;
	for (int i = 0; i < 3; i++)
		s->fd[i] = -1;
	pthread_mutex_init(&s->lock, NULL);
	r = open_all(s, err);
	if (r < 0) {
		session_destroy(s);
		return r;
	}
	*out = s;
	return 0;
}

void session_destroy(struct session *s)
{
	if (!s)
		return;
	loop_remove(s->words_source);
	loop_remove(s->done);
	for (int i = 0; i < 3; i++) {
		relay_finish(&s->relay[i]);
		fd_close(&s->fd[i]);
	}
	fd_hang_up(&s->words);
	fd_close(&s->done_fd);
	pthread_mutex_destroy(&s->lock);
	free(s->order);
	free(s);
}

void session_order(struct session *s, char *bytes, size_t len)
{
	s->order = bytes;
	s->order_len = len;
}

void session_give_up(struct session *s, int status, const char *verdict,
		     const char *detail)
{
	bool tell;

	pthread_mutex_lock(&s->lock);
	if (!s->told && !streams_done(s))
		s->known = false; /* some of what it wrote will not come */
	set_end(s, status, verdict, detail);
	tell = !s->told;
	s->told = true;
	pthread_mutex_unlock(&s->lock);
	if (tell)
		s->host.ended(s->host.ctx, &s->end);
}

bool session_has_ended(struct session *s)
{
	bool known;

	pthread_mutex_lock(&s->lock);
	known = s->known;
	pthread_mutex_unlock(&s->lock);
	return known;
}

uint64_t session_output_ns(struct session *s)
{
	return max_u64(atomic_load(&s->relay[1].last_ns),
		       atomic_load(&s->relay[2].last_ns));
}

static uint64_t read_time(struct session *s, const uint64_t *us)
{
	uint64_t value;

	pthread_mutex_lock(&s->lock);
	value = *us;
	pthread_mutex_unlock(&s->lock);
	return value;
}

uint64_t session_began_us(struct session *s)
{
	return read_time(s, &s->began_us);
}

uint64_t session_started_us(struct session *s)
{
	return read_time(s, &s->started_us);
}
