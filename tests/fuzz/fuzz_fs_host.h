/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's side of the file system's target: a small tree on a file system in
 * memory, made anew for each input, with a secret beside it, and a host that
 * changes it. Include it once.
 */
#ifndef VIREO_FUZZ_FUZZ_FS_HOST_H
#define VIREO_FUZZ_FUZZ_FS_HOST_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "fuzz.h"

#define SECRET	  "nobody may read this"
#define FILE_MAX  (1u << 20) /* bytes: what is sparse can be copied */
#define FILES_MAX 128u	     /* that the process may have open */

static char base[64];          /* holds tree and outside */
static int tree_fd;            /* of the tree, this input's */
static int lock_fd = -1;       /* somebody else's, of "a" */
static ino_t forbidden[3];     /* outside, the secret in it; what is hidden */
static struct rlimit file_size; /* of the process */

/* Do modes keep the process out, as an ordinary user's? */
static void host_power(bool all)
{
	const uint32_t some = 1u << CAP_DAC_OVERRIDE |
			      1u << CAP_DAC_READ_SEARCH;
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	must(syscall(SYS_capget, &head, data) == 0);
	data[0].effective &= ~some;
	if (all)
		data[0].effective |= data[0].permitted & some;
	must(syscall(SYS_capset, &head, data) == 0);
}

static int drop(const char *path, const struct stat *st, int flag,
		struct FTW *ftw)
{
	if (flag == FTW_D)
		chmod(path, 0700);
	return 0;
}

static int remove_it(const char *path, const struct stat *st, int flag,
		     struct FTW *ftw)
{
	return remove(path);
}

static void remove_all(const char *path)
{
	nftw(path, drop, 16, FTW_PHYS);
	nftw(path, remove_it, 16, FTW_PHYS | FTW_DEPTH);
}

static void host_put(const char *name, const char *text, mode_t mode)
{
	int fd = openat(tree_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			0600);

	if (fd < 0)
		return;
	must(fd_write_full(fd, text, strlen(text)) == 0);
	must(fchmod(fd, mode) == 0);
	close(fd);
}

/* What is beside the tree. Nothing of it is left between two inputs, where
 * libFuzzer ends. The limit's signal would end the process. */
static void host_comes(void)
{
	const char *where = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	char path[96];
	struct stat st;

	if (!base[0]) {
		signal(SIGXFSZ, SIG_IGN);
		getrlimit(RLIMIT_FSIZE, &file_size);
	}
	snprintf(base, sizeof(base), "%s/vireo-fuzz-XXXXXX", where);
	must(mkdtemp(base) != NULL);
	snprintf(path, sizeof(path), "%s/outside", base);
	must(mkdir(path, 0755) == 0 && stat(path, &st) == 0);
	forbidden[0] = st.st_ino;
	tree_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(tree_fd >= 0);
	host_put("secret", SECRET, 0644);
	must(fstatat(tree_fd, "secret", &st, 0) == 0);
	forbidden[1] = st.st_ino;
	fd_close(&tree_fd);
}

static bool is_forbidden(uint64_t ino)
{
	return ino == forbidden[0] || ino == forbidden[1] ||
	       ino == forbidden[2];
}

static const char *tree_path(void)
{
	static char path[96];

	snprintf(path, sizeof(path), "%s/tree", base);
	return path;
}

/* The tree, as it is at first. */
static void host_begins(void)
{
	struct rlimit limit;
	struct stat st;

	host_comes();
	limit = file_size;
	must(mkdir(tree_path(), 0755) == 0);
	tree_fd = open(tree_path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(tree_fd >= 0);
	must(mkdirat(tree_fd, "d", 0755) == 0);
	host_put("a", "hello", 0644);
	host_put("d/b", "world", 0644);
	host_put("h", "hidden", 0644);
	must(fstatat(tree_fd, "h", &st, 0) == 0);
	forbidden[2] = st.st_ino;
	host_put("s", "set", 04755);
	must(symlinkat("../outside/secret", tree_fd, "l") == 0);
	must(symlinkat("../outside", tree_fd, "out") == 0);
	must(mkfifoat(tree_fd, "fifo", 0666) == 0);
	limit.rlim_cur = min_u64(FILE_MAX, file_size.rlim_max);
	setrlimit(RLIMIT_FSIZE, &limit);
}

static unsigned int entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	must(dir != NULL);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* The secret is alone, and what it was. */
static void host_ends(void)
{
	char path[128], text[64];
	struct stat st;
	int fd;

	setrlimit(RLIMIT_FSIZE, &file_size);
	host_power(true);
	fd_close(&lock_fd);
	fd_close(&tree_fd);
	snprintf(path, sizeof(path), "%s/outside", base);
	must(stat(path, &st) == 0 && st.st_ino == forbidden[0]);
	must((st.st_mode & 07777) == 0755 && st.st_uid == geteuid());
	must(entries(path) == 3);
	snprintf(path, sizeof(path), "%s/outside/secret", base);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 1);
	must(st.st_mode == (S_IFREG | 0644) && st.st_uid == geteuid());
	must(fd_read(fd, text, sizeof(text)) == (ssize_t)strlen(SECRET));
	must(!memcmp(text, SECRET, strlen(SECRET)));
	close(fd);
	remove_all(base);
}

/* The guest may have put a link there: it is not followed. */
static int host_folder(const char *name)
{
	return openat(tree_fd, name,
		      O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Moves @name of the tree into its folder @into, or out of it. */
static void host_move(const char *name, const char *into, bool out)
{
	int fd = host_folder(into);

	if (fd < 0)
		return;
	renameat(out ? fd : tree_fd, name, out ? tree_fd : fd, name);
	close(fd);
}

/* Owners that are stored; @which of them is right. */
static void host_marks(uint32_t which)
{
	static const char *const values[] = {
		"5:6:4755", "0:0:0", "1:2:10000", "4294967295:0:0", "x", "1:2",
	};
	const char *value = values[which % ARRAY_SIZE(values)];
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", tree_path(),
		 which & 8 ? "d" : "a");
	if (lsetxattr(path, "user.vireo.owner", value, strlen(value), 0) < 0)
		return;
	if (fchmodat(tree_fd, which & 8 ? "d" : "a", which & 1 ? 0666 : 0755,
		     0) < 0)
		return;
}

/* Locks "a", or gives the lock back. */
static void host_locks(short type)
{
	struct flock range = { .l_type = type };

	fd_close(&lock_fd);
	if (type == F_UNLCK)
		return;
	lock_fd = openat(tree_fd, "a", O_RDWR | O_NOFOLLOW | O_CLOEXEC |
					       O_NONBLOCK);
	if (lock_fd >= 0)
		fcntl(lock_fd, F_OFD_SETLK, &range);
}

/* One thing that somebody else does to the tree. */
static void host_acts(uint32_t what)
{
	if (what >= 240) {
		host_marks(what & 15);
		return;
	}
	if (what >= 236) {
		host_locks((short)(what & 3));
		return;
	}
	switch (what % 12) {
	case 0:
		renameat2(tree_fd, "d", tree_fd, "out", RENAME_EXCHANGE);
		break;
	case 1:
		unlinkat(tree_fd, "a", 0);
		break;
	case 2:
		host_put("a", "another", 0644);
		break;
	case 3:
		renameat2(tree_fd, "a", tree_fd, "fifo", RENAME_EXCHANGE);
		break;
	case 4:
		renameat2(tree_fd, "a", tree_fd, "l", RENAME_EXCHANGE);
		break;
	case 5:
		mkdirat(tree_fd, "e", 0755);
		break;
	case 6:
		host_move("e", "d", false);
		break;
	case 7:
		host_move("e", "d", true);
		break;
	case 8:
		host_move("d", "e", false);
		break;
	case 9:
		host_move("d", "e", true);
		break;
	case 10:
		unlinkat(tree_fd, "e", AT_REMOVEDIR);
		break;
	default:
		host_put("s", "set", 04755);
		break;
	}
}

#endif
