// SPDX-License-Identifier: BSD-3-Clause
/* See char.h. Puts the two halves together; they share nothing. */
#include "backends/char.h"

#include <errno.h>
#include <stdlib.h>

#include "backends/char_in.h"
#include "backends/char_out.h"

struct char_dev {
	struct char_in *in;   /* owned */
	struct char_out *out; /* owned */
};

int char_create(struct char_dev **out, const struct char_config *cfg,
		struct loop *loop, const struct log *log, struct err *err)
{
	struct char_dev *chr = calloc(1, sizeof(*chr));
	int r;

	*out = NULL;
	if (!chr)
		return err_set(err, -ENOMEM, "console: out of memory");
	r = char_out_create(&chr->out, cfg->out_fd, cfg->tap,
			    CHAR_OUT_GIVE_UP_MS, loop, log, err);
	if (r == 0)
		r = char_in_create(&chr->in, cfg->in_fd, loop, err);
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
	char_in_destroy(chr->in);
	char_out_destroy(chr->out, flush_ms);
	free(chr);
}

void char_listen(struct char_dev *chr, struct char_listener listener)
{
	char_in_listen(chr->in, listener);
}

void char_write(struct char_dev *chr, const uint8_t *bytes, size_t len)
{
	char_out_write(chr->out, bytes, len);
}

size_t char_read(struct char_dev *chr, uint8_t *buf, size_t cap)
{
	return char_in_read(chr->in, buf, cap);
}

void char_cancel(struct char_dev *chr)
{
	char_out_cancel(chr->out);
}

void char_resume(struct char_dev *chr)
{
	char_out_resume(chr->out);
}

uint64_t char_dropped(struct char_dev *chr)
{
	return char_out_dropped(chr->out);
}
