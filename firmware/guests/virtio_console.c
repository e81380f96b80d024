// SPDX-License-Identifier: BSD-3-Clause
/* A line each way over a virtio terminal, by split and by packed rings. */
#include "guest_virtio.h"

const char guest_name[] = "virtio_console";

#define SIZE 8
#define LINE 256u

static struct vio console;
static struct vq keys;
static struct vq screen;
static uint64_t text; /* a page */

static void start(uint64_t features)
{
	vio_begin(&console, features);
	vq_init(&keys, &console, 0, SIZE);
	vq_init(&screen, &console, 1, SIZE);
	vio_go(&console);
}

static void show(uint64_t at, uint32_t len)
{
	struct vq_done done;

	vq_add(&screen, &(struct vq_buf){ at, len, 0 }, 1);
	vq_kick(&screen);
	if (!vq_wait(&screen, &done, 1))
		guest_fail("output is not taken, status %x",
			   vio_status(&console));
}

static void say(const char *s)
{
	uint32_t len = 0;

	for (; s[len]; len++)
		mmio_write8(text + len, (uint8_t)s[len]);
	show(text, len);
}

/* Input up to the end of a line, at @at; its length. */
static uint32_t line(uint64_t at)
{
	struct vq_done done;
	uint32_t len = 0;

	while (len < LINE && (!len || mmio_read8(at + len - 1) != '\n')) {
		vq_add(&keys, &(struct vq_buf){ at + len, 1, VQ_WRITE }, 1);
		vq_kick(&keys);
		if (!vq_wait(&keys, &done, 1) || done.len != 1)
			guest_fail("no input behind %u bytes", len);
		len++;
	}
	return len;
}

void guest_main(void)
{
	vio_open(&console, VIO_CONSOLE, 0);
	text = guest_pages(1);
	start(0);
	say("split: ");
	show(text + LINE, line(text + LINE));
	start(VIO_F_PACKED | VIO_F_EVENT_IDX);
	say("packed: ");
	show(text + LINE, line(text + LINE));
	guest_pass();
}
