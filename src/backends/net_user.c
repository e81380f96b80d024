// SPDX-License-Identifier: BSD-3-Clause
/*
 * See net.h. Networks in user space: a program at the other end of a socket
 * pair, ours (vireo-netd) or the distribution's (passt). Runs at creation only.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/net_ops.h"
#include "base/fd.h"
#include "base/forward.h"

#define MAX_FORWARDS 64
#define MAX_WORDS    (2 * MAX_FORWARDS + 16)

/* A command line; the words' memory is in `text`. */
struct command {
	const char *name; /* for messages */
	const char *path;
	bool leaves;
	const char *argv[MAX_WORDS + 1];
	unsigned int count;
	char text[MAX_FORWARDS][40];
	char number[16];
};

static void add(struct command *c, const char *word)
{
	if (c->count < MAX_WORDS)
		c->argv[c->count++] = word;
}

static void add_mtu(struct command *c, unsigned int mtu)
{
	if (!mtu)
		return;
	snprintf(c->number, sizeof(c->number), "%u", mtu);
	add(c, "--mtu");
	add(c, c->number);
}

static int check(const struct command *c, unsigned int forwards,
		 unsigned int mtu, struct err *err)
{
	if (forwards > MAX_FORWARDS)
		return err_set(err, -E2BIG, "%s: %u forwards, more than %d",
			       c->name, forwards, MAX_FORWARDS);
	if (mtu && (mtu < NET_MTU_MIN || mtu > NET_MTU_MAX))
		return err_set(err, -EINVAL, "%s: the MTU is %u, not between "
			       "%d and %d", c->name, mtu, NET_MTU_MIN,
			       NET_MTU_MAX);
	return 0;
}

/* The program with one end of a pair, a stream backend with the other. */
static int run(struct net **out, const struct command *c, struct loop *loop,
	       const struct log *log, struct err *err)
{
	struct net_helper_config cfg = { .name = c->name, .path = c->path,
					 .argv = c->argv,
					 .leaves = c->leaves };
	struct net_sockets s = { .name = c->name, .listen_fd = -1 };
	int fd[2];
	int r;

	if (fd_pair_above(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				     fd), fd) < 0)
		return err_set(err, -errno, "%s: %s", c->name,
			       strerror(errno));
	cfg.fd = fd[1];
	r = net_helper_start(&s.helper, &cfg, err);
	close(fd[1]);
	if (r < 0) {
		close(fd[0]);
		return r;
	}
	s.fd = fd[0];
	return net_stream_create(out, &s, loop, log, err);
}

/* ---- vireo-netd ---- */

static bool runs(const char *path)
{
	return access(path, X_OK) == 0;
}

/* Next to the program (a build tree, or all in one folder), where it would be
 * installed from there, and where we were configured to be installed. */
static bool find_netd(char *path, size_t size)
{
	static const char *const places[] = {
		"vireo-netd", "../netd/vireo-netd",
		"../libexec/vireo/vireo-netd",
	};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]);
	     i++) {
		int len = snprintf(path, size, "%.*s/%s", (int)(slash - self),
				   self, places[i]);

		if (len > 0 && (size_t)len < size && runs(path))
			return true;
	}
	snprintf(path, size, "%s/vireo-netd", VIREO_LIBEXECDIR);
	return runs(path);
}

static int make_netd(struct command *c, const struct net_user_config *cfg,
		     struct err *err)
{
	add(c, "vireo-netd");
	add_mtu(c, cfg->mtu);
	if (cfg->dns) {
		add(c, "--dns");
		add(c, cfg->dns);
	}
	if (cfg->host_loopback)
		add(c, "--loopback");
	if (cfg->restricted)
		add(c, "--restricted");
	for (unsigned int i = 0; i < cfg->forward_count; i++) {
		struct forward f;
		int r = forward_parse(&f, cfg->forward[i], err);

		if (r < 0)
			return r;
		add(c, "--forward");
		add(c, cfg->forward[i]);
	}
	return 0;
}

int net_user_create(struct net **out, const struct net_user_config *cfg,
		    struct loop *loop, const struct log *log, struct err *err)
{
	struct command c = { .name = "user network", .path = cfg->program };
	char found[PATH_MAX];
	int r = check(&c, cfg->forward_count, cfg->mtu, err);

	*out = NULL;
	if (r == 0)
		r = make_netd(&c, cfg, err);
	if (r < 0)
		return r;
	if (!c.path && find_netd(found, sizeof(found)))
		c.path = found;
	if (!c.path)
		return err_set(err, -ENOENT, "user network: the program "
			       "vireo-netd is neither beside this one nor in "
			       "%s: install all of vireo", VIREO_LIBEXECDIR);
	return run(out, &c, loop, log, err);
}

/* ---- passt ---- */

static const char *find_passt(void)
{
	static const char *const places[] = { "/usr/bin/passt",
					      "/usr/local/bin/passt",
					      "/bin/passt" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (runs(places[i]))
			return places[i];
	return NULL;
}

static int make_passt(struct command *c, const struct net_passt_config *cfg,
		      struct err *err)
{
	/* With --fd it ends by itself when we are gone; saying --one-off as
	 * well is an error to it. */
	static const char *const words[] = { "passt", "--quiet", "--fd", "3" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		add(c, words[i]);
	add_mtu(c, cfg->mtu);
	for (unsigned int i = 0; i < cfg->forward_count; i++) {
		struct forward f;
		int r = forward_parse(&f, cfg->forward[i], err);

		if (r < 0)
			return r;
		snprintf(c->text[i], sizeof(c->text[i]), "%s/%u:%u", f.address,
			 f.host_port, f.guest_port);
		add(c, f.udp ? "--udp-ports" : "--tcp-ports");
		add(c, c->text[i]);
	}
	return 0;
}

int net_passt_create(struct net **out, const struct net_passt_config *cfg,
		     struct loop *loop, const struct log *log, struct err *err)
{
	struct command c = {
		.name = "passt", .leaves = true,
		.path = cfg->program ? cfg->program : find_passt(),
	};
	int r = check(&c, cfg->forward_count, cfg->mtu, err);

	*out = NULL;
	if (r == 0)
		r = make_passt(&c, cfg, err);
	if (r < 0)
		return r;
	if (!c.path)
		return err_set(err, -ENOENT, "passt is not installed: install "
			       "the package passt, or use the user network");
	return run(out, &c, loop, log, err);
}
