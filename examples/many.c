// SPDX-License-Identifier: BSD-3-Clause
/*
 * many COUNT KERNEL: a host with one thread and COUNT VMs at a time. poll()
 * tells which guest has written to its console and which has ended; lines get
 * the number of their VM.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vireo.h>

struct guest {
	struct vireo_vm *vm;
	int console; /* what it writes comes out here */
	char line[120];
	size_t len;
};

/* Whatever a guest writes, a line ends somewhere. */
static void take(struct guest *g, size_t number, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != '\n' && g->len + 1 < sizeof(g->line)) {
			if (bytes[i] != '\r')
				g->line[g->len++] = bytes[i];
			continue;
		}
		printf("%zu: %.*s\n", number, (int)g->len, g->line);
		g->len = 0;
	}
}

static void read_console(struct guest *g, size_t number)
{
	char bytes[512];
	ssize_t n;

	while ((n = read(g->console, bytes, sizeof(bytes))) > 0)
		take(g, number, bytes, (size_t)n);
}

/* The configuration is copied: one will do for all of them. */
static int start(struct guest *g, struct vireo_config *cfg,
		 struct vireo_error *err)
{
	int pair[2];
	int r;

	if (pipe(pair) < 0) {
		snprintf(err->text, sizeof(err->text), "pipe: %s",
			 strerror(errno));
		return VIREO_EHOST;
	}
	g->console = pair[0];
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	r = vireo_config_set_fd(cfg, "console-out", pair[1], err);
	close(pair[1]); /* it was duplicated */
	if (r == 0)
		r = vireo_create(&g->vm, cfg, err);
	if (r == 0)
		r = vireo_start(g->vm, err);
	return r;
}

/* True when it ended as it should. What it wrote, and there was room for, is
 * there by then; the rest comes with vireo_destroy(), which would wait for a
 * reader if the pipe was full: that is us. */
static int finish(struct guest *g, size_t number)
{
	struct vireo_end end;
	int good = vireo_wait(g->vm, 0, &end) == 0 && end.exit_code == 0;

	read_console(g, number);
	vireo_destroy(&g->vm);
	read_console(g, number);
	if (g->len)
		take(g, number, "\n", 1);
	if (!good)
		printf("%zu: %s\n", number, end.verdict);
	close(g->console);
	return good;
}

/* Until all have ended; how many did so well. */
static size_t serve(struct guest *guests, struct pollfd *fds, size_t count)
{
	size_t running = count;
	size_t good = 0;

	for (size_t i = 0; i < count; i++) {
		fds[2 * i].fd = vireo_event_fd(guests[i].vm);
		fds[2 * i + 1].fd = guests[i].console;
		fds[2 * i].events = fds[2 * i + 1].events = POLLIN;
	}
	while (running && (poll(fds, 2 * count, -1) > 0 || errno == EINTR)) {
		for (size_t i = 0; i < count; i++) {
			if (fds[2 * i + 1].revents)
				read_console(&guests[i], i);
			if (!(fds[2 * i].revents & POLLIN))
				continue;
			good += finish(&guests[i], i) ? 1 : 0;
			running--;
			/* poll() passes over what is negative. */
			fds[2 * i].fd = fds[2 * i + 1].fd = -1;
			fds[2 * i].revents = fds[2 * i + 1].revents = 0;
		}
	}
	return good;
}

int main(int argc, char **argv)
{
	struct vireo_error err = { .text = "usage: many COUNT KERNEL" };
	size_t count = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	struct guest *guests = calloc(count + 1, sizeof(*guests));
	struct pollfd *fds = calloc(2 * count + 1, sizeof(*fds));
	struct vireo_config *cfg = NULL;
	size_t good = 0;
	int r = count && count <= 1000 && guests && fds ? 0 : VIREO_EINVAL;

	if (r == 0)
		r = vireo_config_create(&cfg);
	if (r == 0)
		r = vireo_config_set(cfg, "kernel", argv[2], &err);
	if (r == 0)
		r = vireo_config_set(cfg, "memory", "16M", &err);
	for (size_t i = 0; i < count && r == 0; i++)
		r = start(&guests[i], cfg, &err);
	if (r == 0) {
		good = serve(guests, fds, count);
		printf("%zu of %zu ended well\n", good, count);
	} else {
		fprintf(stderr, "many: %s\n", err.text);
	}
	for (size_t i = 0; i < count && guests; i++)
		vireo_destroy(&guests[i].vm);
	vireo_config_destroy(&cfg);
	free(guests);
	free(fds);
	return r == 0 && good == count ? 0 : 1;
}
