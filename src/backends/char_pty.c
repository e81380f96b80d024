// SPDX-License-Identifier: BSD-3-Clause
/*
 * See char.h and char_link.h: a console at a new pseudo-terminal. It belongs to
 * us alone: nobody has the other side open until a client comes, and again when
 * it has gone, which the master side sees as a hang-up. Nothing tells of a
 * hang-up's end, so the terminal's node is watched for being opened.
 *
 * A link that somebody's end has left behind is replaced: it leads nowhere, or
 * to our own terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "backends/char_link.h"
#include "backends/unix_sock.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"

#define LOOK_MS 5 /* has the client read what there is? */

struct pty {
	struct char_source source;
	struct char_link *link; /* not owned */
	char path[64];
	char *at;   /* owned; our symbolic link, or NULL */
	int master; /* owned */
	int watch;  /* owned; inotify */
	struct loop_source *opened;
};

/* Whoever opened it may have closed it again. */
static void look(struct pty *p)
{
	if (!unix_hung_up(p->master) && !char_link_attached(p->link))
		char_link_attach(p->link, p->master);
}

static void on_opened(void *ctx, uint32_t events)
{
	struct pty *p = ctx;
	char buf[8 * (sizeof(struct inotify_event) + NAME_MAX + 1)];

	while (fd_read(p->watch, buf, sizeof(buf)) > 0)
		;
	look(p);
}

static void gone(struct char_source *source)
{
	look(container_of(source, struct pty, source));
}

/* Does the link @at lead to our terminal? */
static bool is_ours(const struct pty *p, const char *at)
{
	char to[sizeof(p->path)];
	ssize_t n = readlink(at, to, sizeof(to));

	return n == (ssize_t)strlen(p->path) && !memcmp(to, p->path, (size_t)n);
}

/* A link that leads nowhere. */
static bool dangles(const char *at)
{
	struct stat st;

	return lstat(at, &st) == 0 && S_ISLNK(st.st_mode) &&
	       stat(at, &st) < 0 && errno == ENOENT;
}

static int make_link(struct pty *p, const char *at)
{
	char *copy = strdup(at);

	if (!copy)
		return -ENOMEM;
	if (is_ours(p, at) || dangles(at))
		unlink(at);
	if (symlink(p->path, at) < 0) {
		int r = -errno;

		free(copy);
		return r;
	}
	p->at = copy;
	p->source.path = copy;
	return 0;
}

static void destroy(struct char_source *source)
{
	struct pty *p = container_of(source, struct pty, source);

	loop_remove(p->opened);
	if (p->at && is_ours(p, p->at))
		unlink(p->at);
	free(p->at);
	fd_close(&p->watch);
	fd_close(&p->master);
	free(p);
}

/* Bytes pass as they are. Closing it again makes the first hang-up. */
static int make_raw(const char *path)
{
	int fd = fd_above(open(path, O_RDWR | O_NOCTTY | O_CLOEXEC));
	struct termios t;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &t) < 0)
		r = -errno;
	cfmakeraw(&t);
	if (r == 0 && tcsetattr(fd, TCSANOW, &t) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int open_pty(struct pty *p)
{
	int r;

	p->master = fd_above(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC |
					  O_NONBLOCK));
	if (p->master < 0 || unlockpt(p->master) < 0)
		return -errno;
	r = ptsname_r(p->master, p->path, sizeof(p->path));
	if (r)
		return -r;
	r = make_raw(p->path);
	if (r < 0)
		return r;
	p->watch = fd_above(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
	if (p->watch < 0 || inotify_add_watch(p->watch, p->path, IN_OPEN) < 0)
		return -errno;
	return 0;
}

void char_pty_drain(int master, unsigned int ms)
{
	uint64_t end = clock_mono_ms() + ms;
	int waits = 0;
	int peer;

	if (unix_hung_up(master))
		return;
	peer = fd_above(ioctl(master, TIOCGPTPEER,
			      O_RDWR | O_NOCTTY | O_CLOEXEC));
	if (peer < 0)
		return;
	do /* what was just written takes a moment to get there */
		poll(NULL, 0, LOOK_MS);
	while (clock_mono_ms() < end && ioctl(peer, FIONREAD, &waits) == 0 &&
	       waits > 0);
	close(peer);
}

int char_pty_create(struct char_link **out, const char *path,
		    struct char_tap tap, struct loop *loop,
		    const struct log *log, struct err *err)
{
	struct pty *p = calloc(1, sizeof(*p));
	int r;

	*out = NULL;
	if (!p)
		return err_set(err, -ENOMEM, "console: out of memory");
	p->master = -1;
	p->watch = -1;
	p->source = (struct char_source){ p->path, gone, destroy };
	r = open_pty(p);
	if (r < 0)
		err_set(err, r, "console: no pseudo-terminal: %s (is /dev/ptmx "
			"there, and one free?)",
			strerror(-r));
	if (!r && path) {
		r = make_link(p, path);
		if (r < 0) {
			err_set_path(err, r, path);
			err_wrap(err, "console: link");
		}
	}
	if (r < 0) {
		destroy(&p->source);
		return r;
	}
	r = char_link_create(&p->link, &p->source, tap, loop, log, err);
	if (r < 0) {
		destroy(&p->source);
		return r;
	}
	r = loop_add(&p->opened, loop, p->watch, EPOLLIN, on_opened, p);
	if (r < 0) {
		char_link_destroy(p->link, 0);
		return err_set(err, r, "console: %s: %s", p->path,
			       strerror(-r));
	}
	*out = p->link;
	return 0;
}
