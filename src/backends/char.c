// SPDX-License-Identifier: BSD-3-Clause
/* See char.h. Puts the two halves together; they share nothing. Kinds whose
 * other end comes and goes are behind char_link.h. */
#include "backends/char.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "backends/char_visitor.h"
#include "backends/char_in.h"
#include "backends/char_link.h"
#include "backends/char_out.h"

struct char_dev {
	struct char_link *link; /* owned; NULL: the two below are there */
	struct char_in *in;     /* owned */
	struct char_out *out;   /* owned */
	struct char_visitor visitor;
};

int char_create(struct char_dev **out, const struct char_config *cfg,
		struct loop *loop, const struct log *log, struct err *err)
{
	struct char_dev *chr = calloc(1, sizeof(*chr));
	bool fds = cfg->kind == CHAR_FD;
	int r;

	*out = NULL;
	if (!chr)
		return err_set(err, -ENOMEM, "console: out of memory");
	char_visitor_init(&chr->visitor, loop);
	if (cfg->kind == CHAR_PTY)
		r = char_pty_create(&chr->link, cfg->path, cfg->tap, loop, log,
				    err);
	else if (cfg->kind == CHAR_SOCKET)
		r = char_socket_create(&chr->link, cfg->path, cfg->tap, loop,
				       log, err);
	else
		r = char_out_create(&chr->out, fds ? cfg->out_fd : -1,
				    cfg->tap, CHAR_OUT_GIVE_UP_MS, loop, log,
				    err);
	if (r == 0 && !chr->link)
		r = char_in_create(&chr->in, fds ? cfg->in_fd : -1, loop, err);
	if (r < 0) {
		char_destroy(chr, 0);
		return r;
	}
	*out = chr;
	return 0;
}

void char_destroy(struct char_dev *chr, unsigned int flush_ms)
{
	if (!chr)
		return;
	char_visitor_finish(&chr->visitor);
	char_link_destroy(chr->link, flush_ms);
	char_in_destroy(chr->in);
	char_out_destroy(chr->out, flush_ms);
	free(chr);
}

void char_listen(struct char_dev *chr, struct char_listener listener)
{
	char_visitor_listen(&chr->visitor, listener);
	if (chr->link) {
		char_link_listen(chr->link, listener);
		return;
	}
	char_in_listen(chr->in, listener);
	char_out_listen(chr->out, listener);
}

void char_write(struct char_dev *chr, const uint8_t *bytes, size_t len)
{
	char_visitor_write(&chr->visitor, bytes, len);
	if (chr->link)
		char_link_write(chr->link, bytes, len);
	else
		char_out_write(chr->out, bytes, len);
}

size_t char_offer(struct char_dev *chr, const uint8_t *bytes, size_t len)
{
	size_t n = chr->link ? char_link_offer(chr->link, bytes, len)
			     : char_out_offer(chr->out, bytes, len);

	char_visitor_write(&chr->visitor, bytes, n);
	return n;
}

size_t char_read(struct char_dev *chr, uint8_t *buf, size_t cap)
{
	size_t n = chr->link ? char_link_read(chr->link, buf, cap)
			     : char_in_read(chr->in, buf, cap);

	return n ? n : char_visitor_read(&chr->visitor, buf, cap);
}

int char_attach(struct char_dev *chr, int fd)
{
	return char_visitor_attach(&chr->visitor, fd);
}

void char_detach(struct char_dev *chr)
{
	char_visitor_detach(&chr->visitor);
}

void char_cancel(struct char_dev *chr)
{
	if (chr->link)
		char_link_cancel(chr->link, true);
	else
		char_out_cancel(chr->out);
}

void char_resume(struct char_dev *chr)
{
	if (chr->link)
		char_link_cancel(chr->link, false);
	else
		char_out_resume(chr->out);
}

uint64_t char_dropped(struct char_dev *chr)
{
	return chr->link ? char_link_dropped(chr->link)
			 : char_out_dropped(chr->out);
}

const char *char_path(const struct char_dev *chr)
{
	return chr->link ? char_link_path(chr->link) : NULL;
}
