// SPDX-License-Identifier: BSD-3-Clause
/* See fake_char.h. */
#include "fake_char.h"

#include <string.h>

#include "base/num.h"

void fake_char_input(struct char_dev *chr, const void *bytes, size_t len)
{
	len = min_u64(len, sizeof(chr->in) - chr->in_len);
	memcpy(chr->in + chr->in_len, bytes, len);
	chr->in_len += len;
	if (chr->listener.readable)
		chr->listener.readable(chr->listener.ctx);
}

void char_listen(struct char_dev *chr, struct char_listener listener)
{
	chr->listener = listener;
	if (listener.readable && chr->in_at < chr->in_len)
		listener.readable(listener.ctx);
}

void char_write(struct char_dev *chr, const uint8_t *bytes, size_t len)
{
	if (chr->on_write)
		chr->on_write(chr->on_write_ctx);
	len = min_u64(len, sizeof(chr->out) - chr->out_len);
	memcpy(chr->out + chr->out_len, bytes, len);
	chr->out_len += len;
}

size_t char_offer(struct char_dev *chr, const uint8_t *bytes, size_t len)
{
	if (chr->full)
		len = min_u64(len, chr->room);
	chr->room -= min_u64(len, chr->room);
	char_write(chr, bytes, len);
	return len;
}

void fake_char_room(struct char_dev *chr, size_t room)
{
	chr->room = room;
	if (chr->listener.writable)
		chr->listener.writable(chr->listener.ctx);
}

const char *char_path(const struct char_dev *chr)
{
	return NULL;
}

size_t char_read(struct char_dev *chr, uint8_t *buf, size_t cap)
{
	size_t n = min_u64(cap, chr->in_len - chr->in_at);

	chr->reads++;
	memcpy(buf, chr->in + chr->in_at, n);
	chr->in_at += n;
	return n;
}

int char_create(struct char_dev **out, const struct char_config *cfg,
		struct loop *loop, const struct log *log, struct err *err)
{
	*out = NULL;
	return err_set(err, -1, "the fake is not created");
}

void char_destroy(struct char_dev *chr, unsigned int flush_ms)
{
}

void char_cancel(struct char_dev *chr)
{
}

void char_resume(struct char_dev *chr)
{
}

uint64_t char_dropped(struct char_dev *chr)
{
	return 0;
}
