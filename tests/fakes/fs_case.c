// SPDX-License-Identifier: BSD-3-Clause
/* See fs_case.h. */
#include "fs_case.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/layer.h"

#define SIZE	  16
#define UNTOUCHED 0xaa

/* ---- life ---- */

void fs_case_run(struct fs_case *t)
{
	struct queue_features f;

	assert_true(front_negotiate(&t->front, t->packed));
	f = front_ring_features(&t->front);
	driver_ram_clear(&t->ram);
	for (unsigned int i = 0; i < 2; i++) {
		if (t->rings)
			driver_ring_finish(&t->ring[i]);
		driver_ring_init(&t->ring[i], &t->ram, SIZE, &f);
		assert_true(front_queue(&t->front, i, &t->ring[i].params));
	}
	t->rings = true;
	t->in = driver_ram_alloc(&t->ram, FS_ROOM, 4096);
	t->out = driver_ram_alloc(&t->ram, FS_ROOM, 4096);
	t->small = driver_ram_alloc(&t->ram, 4096, 4096);
	front_driver_ok(&t->front);
}

static void make_with(struct fs_case *t, const struct fs_config *cfg,
		      struct files *files)
{
	const struct virtio_host host = { "share0", &t->ram.mem, t->loop,
					  &t->log };
	struct virtio *v;

	t->host->s = NULL; /* the device's */
	assert_int_equal(fs_create(&v, cfg, files, &host, &t->host->err), 0);
	front_init(&t->front, v, t->packed != 0);
	fs_case_run(t);
}

static void make(struct fs_case *t, const struct fs_config *cfg)
{
	make_with(t, cfg, share_files(t->host->s));
}

void fs_case_replace(struct fs_case *t, const struct share_config *back,
		     const struct fs_config *cfg)
{
	front_finish(&t->front);
	share_bench_open(t->host, back);
	make(t, cfg);
}

void fs_case_layer(struct fs_case *t, const struct fs_config *cfg)
{
	const struct layer_config layer = { .dir = "/var/tmp" };
	struct files *files;

	front_finish(&t->front);
	share_bench_open(t->host, &(struct share_config){ .read_only = true });
	assert_int_equal(layer_create(&files, &layer, t->host->s, NULL), 0);
	make_with(t, cfg, files);
}

static int setup(void **state, uint64_t packed)
{
	const struct fs_config cfg = { .tag = "data" };
	struct fs_case *t = calloc(1, sizeof(*t));
	void *host;

	assert_non_null(t);
	share_bench_setup(&host);
	t->host = host;
	t->packed = packed;
	*state = t;
	driver_ram_init(&t->ram);
	if (loop_create(&t->loop, NULL) < 0)
		return -1;
	make(t, &cfg);
	return 0;
}

int fs_case_split(void **state)
{
	return setup(state, 0);
}

int fs_case_packed(void **state)
{
	return setup(state, VIRTIO_F_RING_PACKED);
}

int fs_case_end(void **state)
{
	struct fs_case *t = *state;
	void *host = t->host;

	front_finish(&t->front);
	loop_destroy(t->loop);
	for (unsigned int i = 0; i < 2; i++)
		driver_ring_finish(&t->ring[i]);
	driver_ram_finish(&t->ram);
	free(t);
	return share_bench_teardown(&host);
}

/* ---- requests ---- */

static uint32_t put_request(struct fs_case *t, const struct fs_req *req,
			    uint8_t *in)
{
	struct fuse_in head = {
		.opcode = le32_put(req->opcode),
		.unique = le64_put(++t->unique),
		.node = le64_put(req->node),
		.uid = le32_put(1234), .gid = le32_put(77),
	};
	size_t len = sizeof(head) + req->arg_len + req->text_len;

	assert_true(len <= FS_ROOM);
	head.len = le32_put(req->claim ? req->claim : (uint32_t)len);
	memcpy(in, &head, sizeof(head));
	if (req->arg_len)
		memcpy(in + sizeof(head), req->arg, req->arg_len);
	if (req->text_len)
		memcpy(in + sizeof(head) + req->arg_len, req->text,
		       req->text_len);
	return (uint32_t)len;
}

static struct fs_answer get_answer(struct fs_case *t, uint32_t len,
				   uint32_t room)
{
	const uint8_t *out = driver_ram_at(&t->ram, t->out, FS_ROOM);
	struct fs_answer a = { .len = len, .data = out + 16 };
	struct fuse_out head;

	assert_true(len <= room);
	if (!len)
		return a;
	memcpy(&head, out, sizeof(head));
	assert_true(len >= sizeof(head));
	assert_int_equal(le32_get(head.len), len);
	assert_int_equal(le64_get(head.unique), t->unique);
	a.error = (int)(int32_t)le32_get(head.error);
	a.size = len - (uint32_t)sizeof(head);
	assert_true(a.error <= 0 && (a.error == 0 || a.size == 0));
	return a;
}

static unsigned int queue_of(const struct fs_req *req)
{
	return req->hiprio ? FS_HIPRIO : FS_REQUESTS;
}

static void post(struct fs_case *t, unsigned int n,
		 const struct driver_buf *bufs, unsigned int count)
{
	assert_true(driver_post(&t->ring[n], bufs, count) >= 0);
	if (driver_wants_kick(&t->ring[n]))
		front_kick(&t->front, n);
}

struct fs_answer fs_send(struct fs_case *t, const struct fs_req *req)
{
	uint32_t len = put_request(t, req, driver_ram_at(&t->ram, t->in,
							 FS_ROOM));
	uint32_t room = req->room == FS_NONE ? 0 :
			req->room	      ? req->room : FS_ROOM;
	const uint32_t head = len < 40 ? len : 40;
	const struct driver_buf bufs[] = {
		{ t->in, head, false },
		{ t->in + head, len - head, false },
		{ t->out, room, true },
	};
	struct driver_done d;

	memset(driver_ram_at(&t->ram, t->out, FS_ROOM), UNTOUCHED, FS_ROOM);
	post(t, queue_of(req), bufs, room ? 3 : 2);
	front_sync(&t->front);
	assert_true(driver_collect(&t->ring[queue_of(req)], &d));
	return get_answer(t, d.len, room);
}

void fs_post(struct fs_case *t, const struct fs_req *req)
{
	/* The device may be reading the one before. */
	const uint64_t gpa = t->small + t->unique % 4 * 1024;
	uint32_t len = put_request(t, req, driver_ram_at(&t->ram, gpa, 1024));
	const struct driver_buf buf = { gpa, len, false };

	assert_true(len <= 1024);
	post(t, queue_of(req), &buf, 1);
}

void fs_post_bufs(struct fs_case *t, const struct fs_req *req,
		  const struct driver_buf *bufs, unsigned int count)
{
	put_request(t, req, driver_ram_at(&t->ram, t->small, 4096));
	post(t, queue_of(req), bufs, count);
}

void fs_reap(struct fs_case *t, unsigned int queue)
{
	struct driver_done d;

	front_sync(&t->front);
	assert_true(driver_collect(&t->ring[queue], &d));
}

struct fs_answer fs_ask(struct fs_case *t, uint32_t opcode, uint64_t node,
			const void *arg, size_t len)
{
	const struct fs_req req = { .opcode = opcode, .node = node,
				    .arg = arg, .arg_len = len };

	return fs_send(t, &req);
}

struct fs_answer fs_name_op(struct fs_case *t, uint32_t opcode, uint64_t node,
			    const void *arg, size_t len, const char *name)
{
	const struct fs_req req = { .opcode = opcode, .node = node,
				    .arg = arg, .arg_len = len,
				    .text = name,
				    .text_len = strlen(name) + 1 };

	return fs_send(t, &req);
}

struct fs_answer fs_names_op(struct fs_case *t, uint32_t opcode, uint64_t node,
			     const void *arg, size_t len, const char *first,
			     const char *second)
{
	char text[600];
	size_t n = strlen(first) + 1, m = strlen(second) + 1;
	const struct fs_req req = { .opcode = opcode, .node = node,
				    .arg = arg, .arg_len = len,
				    .text = text, .text_len = n + m };

	assert_true(n + m <= sizeof(text));
	memcpy(text, first, n);
	memcpy(text + n, second, m);
	return fs_send(t, &req);
}

uint32_t fs_case_init(struct fs_case *t, uint32_t flags)
{
	const struct fuse_init_in in = {
		.major = le32_put(7), .minor = le32_put(38),
		.max_readahead = le32_put(4096), .flags = le32_put(flags),
	};
	struct fs_answer a = fs_ask(t, FUSE_INIT, 0, &in, sizeof(in));

	assert_int_equal(a.error, 0);
	assert_int_equal(a.size, 64);
	assert_int_equal(le32_at(a.data), 7);
	return le32_at(a.data + 12);
}

/* ---- answers ---- */

uint64_t fs_entry_of(const struct fs_answer *a)
{
	assert_int_equal(a->error, 0);
	assert_true(a->size >= sizeof(struct fuse_entry_out));
	return le64_at(a->data);
}

uint64_t fs_find(struct fs_case *t, uint64_t parent, const char *name)
{
	struct fs_answer a = fs_name_op(t, FUSE_LOOKUP, parent, NULL, 0, name);
	uint64_t node = fs_entry_of(&a);

	assert_int_not_equal(node, 0);
	return node;
}

uint64_t fs_opened(struct fs_case *t, uint32_t opcode, uint64_t node,
		   uint32_t flags)
{
	const struct fuse_open_in in = { .flags = le32_put(flags) };
	struct fs_answer a = fs_ask(t, opcode, node, &in, sizeof(in));

	assert_int_equal(a.error, 0);
	assert_int_equal(a.size, sizeof(struct fuse_open_out));
	return le64_at(a.data);
}

struct fuse_read_in fs_extent(uint64_t fh, uint64_t off, uint32_t size)
{
	return (struct fuse_read_in){ .fh = le64_put(fh), .off = le64_put(off),
				      .size = le32_put(size) };
}

/* ---- answers that come later ---- */

/* In the piece for small requests, behind the largest of those. */
static uint64_t later(const struct fs_case *t, unsigned int i)
{
	return t->small + 1024 + i * sizeof(struct fuse_out);
}

uint64_t fs_ask_later(struct fs_case *t, const struct fs_req *req,
		      unsigned int i)
{
	const struct driver_buf bufs[] = {
		{ t->small,
		  (uint32_t)(sizeof(struct fuse_in) + req->arg_len), false },
		{ later(t, i), sizeof(struct fuse_out), true },
	};

	fs_post_bufs(t, req, bufs, 2);
	front_sync(&t->front);
	return t->unique;
}

void fs_collect(struct fs_case *t)
{
	struct driver_done d;
	int tries = 0;

	while (!driver_collect(&t->ring[FS_REQUESTS], &d)) {
		assert_true(tries++ < 10000);
		usleep(1000);
		front_sync(&t->front);
	}
	assert_int_equal(d.len, sizeof(struct fuse_out));
}

int fs_told(struct fs_case *t, unsigned int i, uint64_t unique)
{
	struct fuse_out out;

	memcpy(&out, driver_ram_at(&t->ram, later(t, i), sizeof(out)),
	       sizeof(out));
	assert_int_equal(le32_get(out.len), sizeof(out));
	assert_int_equal(le64_get(out.unique), unique);
	return (int)(int32_t)le32_get(out.error);
}

bool fs_is_silent(struct fs_case *t)
{
	struct driver_done d;

	usleep(5000);
	front_sync(&t->front);
	return !driver_collect(&t->ring[FS_REQUESTS], &d);
}
