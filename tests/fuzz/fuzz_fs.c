// SPDX-License-Identifier: BSD-3-Clause
/* What a driver can ask of the file system device over a small tree that
 * somebody else changes meanwhile. The input is a program of steps. */
#include <errno.h>
#include <string.h>

#include "backends/share_own.h"
#include "backends/share_tree.h"
#include "base/endian.h"
#include "base/thread.h"
#include "devices/virtio/fs.h"
#include "devices/virtio/fs_args.h"
#include "devices/virtio/fs_wire.h"
#include "driver_ring.h"
#include "fuzz_fs_ask.h"
#include "fuzz_fs_check.h"
#include "fuzz_fs_host.h"
#include "fuzz_fs_layer.h"
#include "fuzz_loop.h"

#define QUEUES	  2
#define SIZE	  16
#define MAX_STEPS 256
#define HALF	  131072u
#define IN	  (DRIVER_RAM_GPA + DRIVER_RAM_SIZE - 2 * HALF)
#define OUT	  (IN + HALF)
#define HEAD	  ((uint32_t)sizeof(struct fuse_in))
#define NODES	  40u
#define WAITERS	  3u
#define HANDLES	  9u
#define LAYER	  12u /* bits of the first byte; they are no cache mode */

struct stage {
	struct fuzz_input in;
	struct driver_ram ram;
	struct driver_ring ring[QUEUES];
	struct virtio *v;
	struct share *share;   /* the device's */
	struct layer *layer;   /* above it, perhaps */
	unsigned int nodes;    /* it may have */
	uint64_t node[KNOWN];  /* from answers; the first is the root */
	uint64_t handle[KNOWN];
	unsigned int node_at, handle_at;
	uint64_t unique;
	unsigned int floods; /* so far */
	bool locks; /* are shared with the host */
};

/* The host has none to give: what is done is done in order. */
int thread_start(pthread_t *out, const char *name, void *(*fn)(void *),
		 void *arg)
{
	return -EAGAIN;
}

/* ---- what the device promises ---- */

static void learn(uint64_t *known, unsigned int *at, uint64_t number)
{
	for (unsigned int i = 0; i < KNOWN; i++)
		if (known[i] == number)
			return;
	known[1 + (*at)++ % (KNOWN - 1)] = number;
}

static void check_attr(const struct fuse_attr *a)
{
	must(!is_forbidden(le64_get(a->ino)));
}

static void check_entry(struct stage *t, const uint8_t *at)
{
	struct fuse_entry_out e;

	memcpy(&e, at, sizeof(e));
	if (!le64_get(e.node))
		return;
	check_attr(&e.attr);
	learn(t->node, &t->node_at, le64_get(e.node));
}

/* As many whole entries as there are bytes. */
static void check_folder(struct stage *t, const uint8_t *at, uint32_t len,
			 bool plus)
{
	const uint32_t before = plus ? sizeof(struct fuse_entry_out) : 0;

	while (len) {
		struct fuse_dirent d;
		uint32_t size;

		must(len >= before + sizeof(d));
		if (plus)
			check_entry(t, at);
		memcpy(&d, at + before, sizeof(d));
		must(le32_get(d.namelen) >= 1 && le32_get(d.namelen) <= 255);
		must(!is_forbidden(le64_get(d.ino)));
		size = before + (uint32_t)align_up(sizeof(d) +
						   le32_get(d.namelen), 8);
		must(len >= size);
		at += size;
		len -= size;
	}
}

/* An answer that is no error, by what was asked. */
static void check_data(struct stage *t, uint32_t opcode, const uint8_t *at,
		       uint32_t len)
{
	struct fuse_attr_out attr;

	switch (opcode) {
	case FUSE_CREATE:
		must(len == sizeof(struct fuse_entry_out) +
				    sizeof(struct fuse_open_out));
		check_entry(t, at);
		learn(t->handle, &t->handle_at,
		      le64_at(at + sizeof(struct fuse_entry_out)));
		break;
	case FUSE_LOOKUP:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
		must(len == sizeof(struct fuse_entry_out));
		check_entry(t, at);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		must(len == sizeof(attr));
		memcpy(&attr, at, sizeof(attr));
		check_attr(&attr.attr);
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		must(len == sizeof(struct fuse_open_out));
		learn(t->handle, &t->handle_at, le64_at(at));
		break;
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		check_folder(t, at, len, opcode == FUSE_READDIRPLUS);
		break;
	}
}

static void check_answer(struct stage *t, uint32_t opcode, uint32_t len,
			 uint64_t unique)
{
	const uint8_t *at = driver_ram_at(&t->ram, OUT, HALF);
	struct fuse_out out;
	int32_t error;

	if (!len)
		return;
	must(len >= sizeof(out));
	memcpy(&out, at, sizeof(out));
	error = (int32_t)le32_get(out.error);
	must(le32_get(out.len) == len && le64_get(out.unique) == unique);
	must(error <= 0 && error > -4096);
	must(!error || len == sizeof(out));
	if (!error)
		check_data(t, opcode, at + sizeof(out), len - sizeof(out));
}

static void check_share(const struct stage *t)
{
	check_tree(t->share, t->layer, t->nodes, HANDLES);
}

/* ---- steps ---- */

static void run(struct stage *t, uint32_t wanted)
{
	uint64_t features = wanted & 1 ? VIRTIO_F_RING_PACKED : 0;

	features |= wanted & 2 ? VIRTIO_F_EVENT_IDX : 0;
	features |= wanted & 4 ? VIRTIO_F_INDIRECT_DESC : 0;
	features |= wanted & 8 ? VIRTIO_F_RING_RESET : 0;
	fuzz_run(t->v, t->ring, SIZE, features, &t->ram, 0);
}

/* The request @head of queue @n waits for a lock: it gets it, is given up, or
 * its queue or the whole device is reset. */
static void wait_for_lock(struct stage *t, unsigned int n, int head,
			  uint64_t unique)
{
	const struct {
		struct fuse_in in;
		struct fuse_interrupt_in arg;
	} give_up = {
		{ .len = le32_put(HEAD + 8),
		  .opcode = le32_put(FUSE_INTERRUPT) },
		{ le64_put(unique) },
	};
	const struct driver_buf buf = { IN, sizeof(give_up), false };
	uint32_t how = take(&t->in, 1);
	struct driver_done done = { 0 };

	must(t->locks);
	if (how % 4 == 1) {
		fuzz_queue_reset(t->v, n, &t->ring[n]);
		return;
	}
	if (how % 4 == 2) {
		run(t, how >> 2);
		return;
	}
	if (how % 4 == 3)
		host_locks(F_UNLCK);
	for (int i = 0; i < 3 && !done.len; i++) {
		loop_wait_ms(how >> 2);
		loop_round();
		driver_collect(&t->ring[n], &done);
	}
	if (!done.len) {
		memcpy(driver_ram_at(&t->ram, IN, HALF), &give_up,
		       sizeof(give_up));
		must(driver_post(&t->ring[!n], &buf, 1) >= 0);
		virtio_notify(t->v, !n);
		loop_round();
		must(driver_collect(&t->ring[n], &done));
	}
	must(done.head == head);
	check_answer(t, FUSE_SETLKW, done.len, unique);
	if (driver_outstanding(&t->ring[!n]))
		must(driver_collect(&t->ring[!n], &done) && !done.len);
}

/* Posts @len bytes at IN, in pieces, and room for the answer. */
static void post(struct stage *t, uint32_t opcode, uint32_t len, uint32_t shape,
		 uint32_t room)
{
	struct driver_ring *ring = &t->ring[shape & 1 ? 0 : 1];
	const uint32_t first = shape & 2 ? 7 : min_u64(len, HEAD);
	const struct driver_buf bufs[] = {
		{ IN, first, false },
		{ IN + first, len - first, false },
		{ OUT, shape & 4 ? 9 : 0, true },
		{ OUT + (shape & 4 ? 9 : 0), room, true },
	};
	unsigned int count = room ? 4 : 2;
	struct driver_done done;
	int head;

	head = ring->features.indirect && shape & 8 ?
		       driver_post_indirect(ring, bufs, count) :
		       driver_post(ring, bufs, count);
	must(head >= 0);
	virtio_notify(t->v, shape & 1 ? 0 : 1);
	loop_round();
	if (!driver_collect(ring, &done)) {
		must(opcode == FUSE_SETLKW);
		wait_for_lock(t, shape & 1 ? 0 : 1, head, t->unique);
		return;
	}
	must(done.head == head);
	check_answer(t, opcode, done.len, t->unique);
}

static void request(struct stage *t, uint32_t opcode)
{
	uint8_t *in = driver_ram_at(&t->ram, IN, HALF);
	struct request r = { .opcode = opcode, .at = in + HEAD,
			     .end = in + HALF };
	uint32_t shape = take(&t->in, 1), room = take(&t->in, 1), patches;
	struct fuse_in head;
	uint32_t len;

	r.node = number_of(t->node, take(&t->in, 1));
	r.name = name_of(take(&t->in, 1));
	r.name2 = name_of(take(&t->in, 1));
	r.other = number_of(opcode == FUSE_COPY_FILE_RANGE ? t->handle :
							     t->node,
			    take(&t->in, 1));
	r.handle = number_of(t->handle, take(&t->in, 1));
	r.a = take(&t->in, 2);
	r.b = take(&t->in, 2);
	put_numbers(&r, t->node);
	put_names(&r);
	len = (uint32_t)(r.at - in);
	head = (struct fuse_in){
		.len = le32_put(len), .opcode = le32_put(opcode),
		.unique = le64_put(++t->unique), .node = le64_put(r.node),
		.uid = le32_put(shape >> 5), .gid = le32_put(shape >> 6),
	};
	memcpy(in, &head, sizeof(head));
	for (patches = shape & 16 ? take(&t->in, 1) % 8 : 0; patches;
	     patches--) {
		uint32_t at = take(&t->in, 2) % len;

		if (at < 8 || at >= 16) /* its number is ours */
			in[at] = (uint8_t)take(&t->in, 1);
	}
	post(t, le32_at(in + 4), len, shape, room < 128 ? room * 2 :
							   room * 512);
}

/* Many names at once, so that the tables grow; each of them is known. */
static void flood(struct stage *t, uint32_t count)
{
	uint8_t *in = driver_ram_at(&t->ram, IN, HALF);
	char name[16];

	if (t->floods++ > 2)
		return; /* they are slow */
	for (uint32_t i = 0; i < count; i++) {
		const struct fuse_in head = {
			.opcode = le32_put(FUSE_MKDIR), .node = le64_put(1),
			.unique = le64_put(++t->unique),
			.len = le32_put(HEAD + 8 + sizeof(name)),
		};

		snprintf(name, sizeof(name), "many-%010u", i % 100000000);
		memcpy(in, &head, HEAD);
		memset(in + HEAD, 0xff, 8);
		memcpy(in + HEAD + 8, name, sizeof(name));
		post(t, FUSE_MKDIR, HEAD + 8 + sizeof(name), 0, 256);
	}
}

/* A chain of up to three buffers anywhere in what was there before. */
static void raw(struct stage *t)
{
	struct driver_ring *ring = &t->ring[take(&t->in, 1) % QUEUES];
	unsigned int count = 1 + take(&t->in, 1) % 3;
	uint32_t writable = take(&t->in, 1);
	struct driver_buf bufs[3];
	struct driver_done done;

	for (unsigned int i = 0; i < count; i++)
		bufs[i] = (struct driver_buf){
			IN + take(&t->in, 1) * 8, 1 + take(&t->in, 1) * 8,
			writable >> i & 1 || (i && bufs[i - 1].writable)
		};
	must(driver_post(ring, bufs, count) >= 0);
	virtio_notify(t->v, ring == t->ring ? 0 : 1);
	loop_round();
	if (!driver_collect(ring, &done)) {
		must(t->locks);
		fuzz_queue_reset(t->v, ring == t->ring ? 0 : 1, ring);
	}
}

static void snapshot(struct stage *t)
{
	uint32_t count = take(&t->in, 1);

	loop_wait_ms(count);
	fuzz_save_load(t->v);
	if (!count)
		return;
	fuzz_load_damaged(t->v, take(&t->in, 2), count, 1);
	run(t, count);
}

/* A server that cannot be, and a device. */
static void bad_config(struct stage *t, uint32_t how)
{
	static const char *const hide[] = { "loop/x" };
	static const struct own_file odd = { "a/b", 0755, "", 0 };
	struct share_config back = { .path = tree_path() };
	const struct fs_config front = {
		.tag = how & 8 ? "" : "0123456789012345678901234567890123456",
	};
	const struct virtio_host host = { "bad", &t->ram.mem, NULL, NULL };
	struct share *s;
	struct virtio *v;
	struct err err;

	if (how % 4 == 0)
		back.path = "/dev/null/tree";
	if (how & 16) {
		back.path = "/proc";
		back.owners = SHARE_OWNERS_STORED;
	}
	if (how % 4 == 1)
		back.path = "/proc/self/status";
	if (how % 4 == 2) {
		back.hidden = hide;
		back.hidden_count = 1;
		must(symlinkat("loop", tree_fd, "loop") == 0 ||
		     errno == EEXIST);
	}
	if (how & 32)
		back.own = (struct own_files){ "x", &odd, 1 };
	if (share_create(&s, &back, &err) < 0) {
		must(!s && err.code < 0 && err.text[0]);
		return;
	}
	if (how & 32) {
		layer_nowhere(s);
		return;
	}
	must(fs_create(&v, &front, share_files(s), &host, &err) == -EINVAL);
	must(!v);
}

/* The process has no descriptors left. */
static void starve(struct stage *t, uint32_t opcode)
{
	struct rlimit limit, none;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	request(t, opcode);
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void step(struct stage *t)
{
	uint32_t kind = take(&t->in, 1);
	uint32_t off;

	if (kind < 64) {
		request(t, kind);
		return;
	}
	switch (kind % 9) {
	case 0:
		starve(t, take(&t->in, 1) % 64);
		break;
	case 1:
		host_acts(take(&t->in, 1));
		break;
	case 2:
		run(t, take(&t->in, 1));
		break;
	case 3:
		off = take(&t->in, 1);
		virtio_config_read(t->v, off, 1u << (off & 3));
		break;
	case 4:
		off = take(&t->in, 1) % QUEUES;
		fuzz_queue_reset(t->v, off, &t->ring[off]);
		break;
	case 5:
		flood(t, take(&t->in, 1) * 2);
		break;
	case 6:
		raw(t);
		break;
	case 7:
		snapshot(t);
		break;
	default:
		bad_config(t, take(&t->in, 1));
		break;
	}
}

static void create(struct stage *t, uint32_t how)
{
	static const char *const hide[] = { "h", "d/hidden", "none/x" };
	static const struct own_file own = { "init", 0755, OWN_TEXT,
					     sizeof(OWN_TEXT) - 1 };
	struct rlimit limit, less;
	const bool layer = (how & LAYER) == LAYER;
	const struct share_config back = {
		.path = tree_path(), .read_only = layer || how & 1,
		.owners = how & 32 ? SHARE_OWNERS_STORED : SHARE_OWNERS_AUTO,
		.hidden = hide, .hidden_count = ARRAY_SIZE(hide),
		.nodes = how & 2 ? 1024 : NODES, .handles = HANDLES,
		.own = { how & 128 ? ".own" : NULL, &own, 1 },
	};
	const struct fs_config front = {
		.tag = "fuzz", .cache = (enum fs_cache)(how / 4 % 3),
		.writeback = how & 16, .host_locks = how & 64,
		.waiters = WAITERS,
	};
	const struct virtio_host host = { "fs", &t->ram.mem, NULL, NULL };

	getrlimit(RLIMIT_NOFILE, &limit);
	less = limit;
	less.rlim_cur = min_u64(FILES_MAX, limit.rlim_max);
	setrlimit(RLIMIT_NOFILE, &less);
	must(share_create(&t->share, &back, NULL) == 0);
	setrlimit(RLIMIT_NOFILE, &limit);
	must(share_is_kernels(t->share->proc_fd) && share_is_kernels(-1));
	must(!share_is_kernels(tree_fd)); /* nothing is mounted below it */
	host_power(!(how & 32));
	t->locks = front.host_locks && !layer;
	t->nodes = back.nodes;
	t->node[0] = SHARE_ROOT;
	must(fs_create(&t->v, &front, layer ? layer_above(t->share, base, how,
							  &t->layer) :
					      share_files(t->share),
		       &host, NULL) == 0);
	virtio_attach(t->v, &no_transport, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage t = { .in = { data, size } };

	loop_reset();
	host_begins();
	t.ram = *fuzz_ram();
	create(&t, take(&t.in, 1));
	run(&t, take(&t.in, 1));
	for (unsigned int i = 0; t.in.left && i < MAX_STEPS; i++) {
		step(&t);
		check_share(&t);
	}
	must(!virtio_broken(t.v));
	virtio_destroy(t.v);
	loop_end();
	host_ends();
	for (unsigned int i = 0; i < QUEUES; i++)
		driver_ring_finish(&t.ring[i]);
	return 0;
}
