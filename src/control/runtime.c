// SPDX-License-Identifier: BSD-3-Clause
#include "control/runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"

#define LOCK_NAME   "lock"
#define SOCKET_NAME "control.sock"
#define BACKLOG     16
#define TRIES       16
#define DIR_FLAGS   (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

bool runtime_name_ok(const char *name)
{
	size_t len = 0;

	for (; name[len]; len++) {
		char c = name[len];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9');

		if (!plain && (!len || !strchr("._-", c)))
			return false;
	}
	return len && len <= RUNTIME_NAME_MAX;
}

int runtime_base(const char *path, bool make)
{
	struct stat st;
	int fd = open(path, DIR_FLAGS);
	int r = 0;

	if (fd < 0 && errno == ENOENT && make) {
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
		fd = open(path, DIR_FLAGS);
	}
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (st.st_uid != geteuid() || st.st_mode & 077)
		r = -EPERM;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* ---- locks ---- */

static int set_lock(int fd, int command, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET };

	return fcntl(fd, command, &l) < 0 ? -errno : 0;
}

/* Is the file at @fd the one that has the name? */
static bool is_named(int fd, int dir, const char *name)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 &&
	       fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Its lock is held, or nobody can have it. */
static int remove_all(int base, const char *name, int dir)
{
	unlinkat(dir, SOCKET_NAME, 0);
	unlinkat(dir, LOCK_NAME, 0);
	return unlinkat(base, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* Removes it unless its process lives: -EBUSY. A directory without a lock is
 * one that is just being made or removed, or what is left of one. */
static int clean(int base, const char *name)
{
	char path[RUNTIME_NAME_MAX + 16];
	int dir = openat(base, name, DIR_FLAGS);
	int lock = dir < 0 ? -1 : openat(dir, LOCK_NAME, O_RDWR | O_CLOEXEC |
								 O_NOFOLLOW);
	int r;

	if (dir < 0)
		return -errno;
	snprintf(path, sizeof(path), "%s/" LOCK_NAME, name);
	if (lock < 0)
		r = unlinkat(base, name, AT_REMOVEDIR) < 0 ? -errno : 0;
	else if (set_lock(lock, F_OFD_SETLK, F_WRLCK) < 0)
		r = -EBUSY;
	else /* another one may have it by now */
		r = is_named(lock, base, path) ? remove_all(base, name, dir) :
						 -EBUSY;
	fd_close(&lock);
	fd_close(&dir);
	return r;
}

/* ---- sockets ---- */

/* In a directory that is open: paths to it may be longer than an address. */
static void address(struct sockaddr_un *at, int dir)
{
	memset(at, 0, sizeof(*at));
	at->sun_family = AF_UNIX;
	snprintf(at->sun_path, sizeof(at->sun_path),
		 "/proc/self/fd/%d/" SOCKET_NAME, dir);
}

static int listen_in(int *out, int dir)
{
	struct sockaddr_un at;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	if (fd < 0)
		return -errno;
	*out = fd;
	address(&at, dir);
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    fchmodat(dir, SOCKET_NAME, 0600, 0) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

int runtime_connect(int base, const char *name, unsigned int ms)
{
	const struct timeval wait = { ms / 1000, ms % 1000 * 1000 };
	struct sockaddr_un at;
	int dir, fd, r = 0;

	if (!runtime_name_ok(name))
		return -ENOENT;
	dir = openat(base, name, DIR_FLAGS);
	if (dir < 0)
		return -errno;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address(&at, dir);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ||
	    connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		r = -errno;
	close(dir);
	if (r < 0)
		fd_close(&fd);
	if (r == -ECONNREFUSED && clean(base, name) == 0)
		r = -ENOENT;
	return r < 0 ? r : fd;
}

/* ---- a VM's own ---- */

static const char *const qualities[] = {
	"amber", "bold",  "brave", "brisk", "calm",  "clear", "coral", "deft",
	"dry",	 "early", "fair",  "fleet", "frank", "glad",  "green", "keen",
	"kind",	 "light", "lucid", "merry", "mild",  "neat",  "plain", "quick",
	"quiet", "rapid", "sharp", "sober", "spry",  "swift", "warm",  "wise",
};
static const char *const birds[] = {
	"avocet", "bunting", "crane", "curlew", "dipper", "dove",   "dunlin",
	"eider",  "finch",   "gull",  "heron",  "hoopoe", "ibis",   "jay",
	"kite",	  "knot",    "lark",  "linnet", "martin", "merlin", "osprey",
	"ouzel",  "petrel",  "pipit", "plover", "raven",  "robin",  "rook",
	"shrike", "teal",    "tern",  "wren",
};

/* The first tries are easy to remember, the last is nobody else's. */
static void invent(char *name, size_t cap, unsigned int try)
{
	uint32_t n = 0;

	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
		n = (uint32_t)getpid() + try;
	if (try + 1 < TRIES)
		snprintf(name, cap, "%s-%s",
			 qualities[n % ARRAY_SIZE(qualities)],
			 birds[n / 256 % ARRAY_SIZE(birds)]);
	else
		snprintf(name, cap, "vm-%d-%08x", (int)getpid(), n);
}

/* A directory of its own with a socket that listens, not to be seen yet. */
static int make(struct runtime *rt, char *temporary, size_t cap)
{
	uint64_t n = 0;
	int r;

	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
		return -EAGAIN;
	snprintf(temporary, cap, ".new-%016llx", (unsigned long long)n);
	if (mkdirat(rt->base, temporary, 0700) < 0)
		return -errno;
	rt->dir = openat(rt->base, temporary, DIR_FLAGS);
	/* Who ages temporary files (systemd-tmpfiles) leaves it alone then. */
	if (rt->dir >= 0)
		(void)flock(rt->dir, LOCK_SH | LOCK_NB);
	if (rt->dir >= 0)
		rt->lock = openat(rt->dir, LOCK_NAME,
				  O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	r = rt->dir < 0 || rt->lock < 0 ? -errno :
	    set_lock(rt->lock, F_OFD_SETLK, F_WRLCK);
	return r < 0 ? r : listen_in(&rt->listen, rt->dir);
}

static int publish(struct runtime *rt, const char *temporary, const char *name)
{
	int r = -EEXIST;

	/* Again when what was in the way is gone. */
	for (int i = 0; i < 2 && r == -EEXIST; i++) {
		if (i && clean(rt->base, name) == -EBUSY)
			return -EEXIST;
		r = renameat2(rt->base, temporary, rt->base, name,
			      RENAME_NOREPLACE) < 0 ? -errno : 0;
	}
	if (r == 0)
		snprintf(rt->name, sizeof(rt->name), "%s", name);
	return r;
}

static void let_go(struct runtime *rt)
{
	fd_close(&rt->listen);
	fd_close(&rt->dir);
	fd_close(&rt->lock); /* last: who waits for it finds nothing */
}

static int claim(struct runtime *rt, const char *name)
{
	char invented[RUNTIME_NAME_MAX + 1];
	char temporary[32];
	int r = make(rt, temporary, sizeof(temporary));

	if (r == 0 && name)
		r = publish(rt, temporary, name);
	if (r == 0 && !name) {
		r = -EEXIST;
		for (unsigned int i = 0; i < TRIES && r == -EEXIST; i++) {
			invent(invented, sizeof(invented), i);
			r = publish(rt, temporary, invented);
		}
	}
	if (r < 0 && rt->dir >= 0)
		remove_all(rt->base, temporary, rt->dir);
	if (r < 0)
		let_go(rt);
	return r;
}

int runtime_claim(struct runtime *rt, int base, const char *name)
{
	int r = -EAGAIN;

	/* Somebody who cleans may have taken it for what is left of one. */
	for (int i = 0; i < 4 && (r == -EAGAIN || r == -ENOENT); i++) {
		*rt = (struct runtime){ base, -1, -1, -1, "" };
		r = claim(rt, name);
	}
	return r;
}

void runtime_release(struct runtime *rt)
{
	if (!rt->name[0])
		return;
	remove_all(rt->base, rt->name, rt->dir);
	let_go(rt);
	rt->name[0] = '\0';
}

/* ---- those of others ---- */

void runtime_list(int base, void (*fn)(void *ctx, const char *name), void *ctx)
{
	int fd = openat(base, ".", DIR_FLAGS);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!dir) {
		fd_close(&fd);
		return;
	}
	while ((de = readdir(dir))) {
		bool made = !strncmp(de->d_name, ".new-", 5);

		if (!made && !runtime_name_ok(de->d_name))
			continue;
		if (clean(base, de->d_name) == -EBUSY && !made)
			fn(ctx, de->d_name);
	}
	closedir(dir);
}

int runtime_watch(int base, const char *name)
{
	char path[RUNTIME_NAME_MAX + 16];
	int fd;

	if (!runtime_name_ok(name))
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/" LOCK_NAME, name);
	fd = openat(base, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int runtime_await(int watch)
{
	int r;

	do
		r = set_lock(watch, F_OFD_SETLKW, F_RDLCK);
	while (r == -EINTR);
	return r;
}
