// SPDX-License-Identifier: BSD-3-Clause
/*
 * See file_lock.h. F_OFD_GETLK does not tell who holds a lock, so after a
 * refusal the processes we may look into are searched for one (proc(5),
 * fdinfo: "lock:").
 */
#include "backends/file_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define SEARCH_MAX 65536 /* descriptors looked at */

/* Does fdinfo file @name, relative to @dir, speak of a lock? */
static bool has_lock(int dir, const char *name)
{
	char text[2048];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = fd_read(fd, text, sizeof(text) - 1);
	fd_close(&fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return strstr(text, "lock:") != NULL;
}

/* Does process @proc hold a lock on the file @st through some descriptor? */
static bool holds(int proc, const struct stat *st, unsigned int *left)
{
	int fds = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int info = openat(proc, "fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fds < 0 ? NULL : fdopendir(fds);
	struct dirent *de;
	bool found = false;
	struct stat at;

	if (!dir)
		fd_close(&fds);
	while (dir && info >= 0 && !found && *left && (de = readdir(dir))) {
		--*left;
		found = fstatat(fds, de->d_name, &at, 0) == 0 &&
			at.st_dev == st->st_dev && at.st_ino == st->st_ino &&
			has_lock(info, de->d_name);
	}
	if (dir)
		closedir(dir);
	fd_close(&info);
	return found;
}

/* A process that holds a lock on @st; 0: none that can be seen. */
static pid_t find_holder(const struct stat *st)
{
	DIR *procs = opendir("/proc");
	unsigned int left = SEARCH_MAX;
	struct dirent *de;
	pid_t found = 0;

	while (procs && !found && left && (de = readdir(procs))) {
		int proc;

		if (de->d_name[0] < '1' || de->d_name[0] > '9')
			continue;
		proc = openat(dirfd(procs), de->d_name,
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (proc < 0)
			continue;
		if (holds(proc, st, &left))
			found = (pid_t)strtol(de->d_name, NULL, 10);
		fd_close(&proc);
	}
	if (procs)
		closedir(procs);
	return found;
}

int file_lock(int fd, bool exclusive, const char *path, struct err *err)
{
	struct flock lock = {
		.l_type = exclusive ? F_WRLCK : F_RDLCK,
		.l_whence = SEEK_SET,
	};
	const char *remedy = "end that first";
	char who[32] = "another process";
	struct stat st;
	pid_t pid = 0;

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return 0;
	if (fstat(fd, &st) == 0)
		pid = find_holder(&st);
	if (pid == getpid()) {
		snprintf(who, sizeof(who), "this process already");
		remedy = "name it once";
	} else if (pid) {
		snprintf(who, sizeof(who), "process %d", (int)pid);
	}
	return err_set_key(err, -EBUSY, "disk", "disk %s: in use by %s; %s%s",
			   path, who, remedy,
			   exclusive ? ", or let both use it read-only" :
				       " (it writes to it)");
}

void file_unlock(int fd)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	fcntl(fd, F_OFD_SETLK, &lock);
}
