// SPDX-License-Identifier: BSD-3-Clause
/* See extras.h. Forms and ranges only: whether there is room for all of it on
 * the machine is seen when that is built. */
#include "board/extras.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/num.h"

#define PAGE	  4096u
#define PORTS	  0x10000u
#define MAX_LINES 24u

static int no_room(struct err *err, const char *what)
{
	return err_set_key(err, -ENOSPC, what, "%s: more than %d of them", what,
			   EXTRAS_MAX);
}

static int bad(struct err *err, const char *what, const char *why)
{
	return err_set_key(err, -EINVAL, what, "%s: %s", what, why);
}

static bool bad_name(const char *name)
{
	return !*name || strlen(name) > EXTRAS_NAME_MAX;
}

/* -EINVAL: there is no such descriptor; -EMFILE. */
static int duplicate(int fd)
{
	int copy = fd_copy(fd);

	if (copy >= 0)
		return copy;
	return errno == EBADF ? -EINVAL : -errno;
}

static int no_copy(struct err *err, const char *what, int error)
{
	return err_set_key(err, error, what, "%s: its descriptor: %s", what,
			   strerror(error == -EINVAL ? EBADF : -error));
}

int extras_add_device(struct extras *x, const struct extra_device *d,
		      struct err *err)
{
	if (bad_name(d->name))
		return bad(err, "device", "a name has 1 to 31 bytes");
	if (!d->size || (d->port && !range_ok(d->base, d->size, PORTS)) ||
	    d->base + d->size < d->base)
		return bad(err, d->name, d->port ?
			   "its ports are not within 0 to 0xffff" :
			   "its addresses are none");
	if (x->devices == EXTRAS_MAX)
		return no_room(err, "device");
	x->device[x->devices++] = *d;
	return 0;
}

static const char *virtio_trouble(const struct extra_virtio *v)
{
	const struct custom_virtio_config *cfg = &v->cfg;

	if (cfg->type < 1 || cfg->type > 63)
		return "its type is not within 1 to 63";
	if (cfg->features & ~CUSTOM_VIRTIO_FEATURES)
		return "features 24 to 49 are not its own to offer";
	if (cfg->queues < 1 || cfg->queues > VIRTIO_MAX_QUEUES)
		return "it has not 1 to 64 queues";
	if (!is_pow2(cfg->queue_size) || cfg->queue_size > QUEUE_SIZE_MAX)
		return "its queue size is no power of two up to 1024";
	if (v->space_size > CUSTOM_VIRTIO_CONFIG_MAX)
		return "its configuration space is above 1024 bytes";
	return cfg->ops.request ? NULL : "it has no function for requests";
}

int extras_add_virtio(struct extras *x, const struct extra_virtio *v,
		      struct err *err)
{
	const char *trouble = virtio_trouble(v);

	if (bad_name(v->name))
		return bad(err, "virtio", "a name has 1 to 31 bytes");
	if (trouble)
		return bad(err, v->name, trouble);
	if (x->virtios == EXTRAS_MAX)
		return no_room(err, "virtio");
	x->virtio[x->virtios] = *v;
	return (int)x->virtios++;
}

int extras_add_doorbell(struct extras *x, const struct extra_doorbell *d,
			struct err *err)
{
	uint64_t len = max_u64(d->len, 1);
	int fd;

	if (d->len != 0 && d->len != 1 && d->len != 2 && d->len != 4 &&
	    d->len != 8)
		return bad(err, "doorbell",
			   "its length is not 0, 1, 2, 4 or 8");
	if (d->has_match && !d->len)
		return bad(err, "doorbell", "a value to match has a length");
	if (d->has_match && d->len < 8 && d->match >> (8 * d->len))
		return bad(err, "doorbell",
			   "its value has more bytes than its length");
	if (d->port && (d->len == 8 || !range_ok(d->addr, len, PORTS)))
		return bad(err, "doorbell",
			   "its port is not within 0 to 0xffff");
	if (d->addr > UINT64_MAX - len)
		return bad(err, "doorbell", "its address is none");
	if (x->doorbells == EXTRAS_MAX)
		return no_room(err, "doorbell");
	fd = duplicate(d->fd);
	if (fd < 0)
		return no_copy(err, "doorbell", fd);
	x->doorbell[x->doorbells] = *d;
	x->doorbell[x->doorbells++].fd = fd;
	return 0;
}

int extras_add_irq(struct extras *x, const struct extra_irq *i, struct err *err)
{
	int fd;

	if (i->line >= MAX_LINES)
		return bad(err, "irq", "a line is one of 0 to 23");
	if (x->irqs == EXTRAS_MAX)
		return no_room(err, "irq");
	fd = duplicate(i->fd);
	if (fd < 0)
		return no_copy(err, "irq", fd);
	x->irq[x->irqs++] = (struct extra_irq){ fd, i->line };
	return 0;
}

/* A page that vanished under the guest would be a SIGBUS for us: whoever has
 * the file may not shorten it (R11). */
static const char *file_trouble(const struct extra_memory *m)
{
	struct stat st;
	uint64_t end;
	int seals;

	if (fstat(m->fd, &st) < 0)
		return strerror(errno);
	if (!add_u64(m->off, m->size, &end) || end > (uint64_t)st.st_size)
		return "its file is shorter";
	seals = fcntl(m->fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return "its file is no memfd with F_SEAL_SHRINK";
	return NULL;
}

int extras_add_memory(struct extras *x, const struct extra_memory *m,
		      struct err *err)
{
	const char *trouble = m->fd >= 0 ? file_trouble(m) : NULL;
	uint64_t end;
	int fd = -1;

	if (!m->size || !add_u64(m->gpa, m->size, &end) ||
	    (m->gpa | m->size | m->off | (uintptr_t)m->addr) % PAGE)
		return bad(err, "memory-map",
			   "addresses and sizes are multiples of 4096");
	if (m->fd < 0 && !m->addr)
		return bad(err, "memory-map", "there is nothing to map");
	if (trouble)
		return bad(err, "memory-map", trouble);
	if (x->memories == EXTRAS_MAX)
		return no_room(err, "memory-map");
	if (m->fd >= 0)
		fd = duplicate(m->fd);
	if (m->fd >= 0 && fd < 0)
		return no_copy(err, "memory-map", fd);
	x->memory[x->memories] = *m;
	x->memory[x->memories++].fd = fd;
	return 0;
}

int extras_set_hypercall(struct extras *x, uint16_t port,
			 struct hypercall_sink sink, struct err *err)
{
	if (!range_ok(port, HYPERCALL_PORTS, PORTS))
		return bad(err, "hypercall",
			   "its four ports are not within 0 to 0xffff");
	x->has_hypercall = true;
	x->hypercall_port = port;
	x->hypercall = sink;
	return 0;
}

int extras_set_ram(struct extras *x, const struct ram_source *ram,
		   struct err *err)
{
	int fd = ram->fd >= 0 ? duplicate(ram->fd) : -1;

	if (fd < -1)
		return no_copy(err, "memory", fd);
	if (x->has_ram)
		fd_close(&x->ram.fd);
	x->has_ram = true;
	x->ram = *ram;
	x->ram.fd = fd;
	return 0;
}

static int own(int *fd)
{
	if (*fd >= 0)
		*fd = duplicate(*fd);
	return *fd < -1 ? *fd : 0;
}

/* Descriptors that were not duplicated are not the copy's to close. */
static int own_all(struct extras *x)
{
	int r = x->has_ram ? own(&x->ram.fd) : 0;

	for (unsigned int i = 0; i < x->doorbells; i++)
		r = r < 0 ? (x->doorbell[i].fd = -1, r) :
			    own(&x->doorbell[i].fd);
	for (unsigned int i = 0; i < x->irqs; i++)
		r = r < 0 ? (x->irq[i].fd = -1, r) : own(&x->irq[i].fd);
	for (unsigned int i = 0; i < x->memories; i++)
		r = r < 0 ? (x->memory[i].fd = -1, r) : own(&x->memory[i].fd);
	return r;
}

/* What outlives a machine and its devices. */
static int make_desks(struct extras *x)
{
	for (unsigned int i = 0; i < x->virtios; i++) {
		struct extra_virtio *v = &x->virtio[i];

		v->cfg.desk = custom_desk_create(v->space, v->space_size);
		if (!v->cfg.desk)
			return -ENOMEM;
	}
	return 0;
}

int extras_copy(struct extras **out, const struct extras *x)
{
	struct extras *copy;
	int r;

	*out = NULL;
	if (!x)
		return 0;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *x;
	r = own_all(copy);
	if (!r)
		r = make_desks(copy);
	if (r < 0) {
		extras_destroy(copy);
		return r;
	}
	*out = copy;
	return 0;
}

void extras_destroy(struct extras *x)
{
	if (!x)
		return;
	for (unsigned int i = 0; i < x->doorbells; i++)
		fd_close(&x->doorbell[i].fd);
	for (unsigned int i = 0; i < x->irqs; i++)
		fd_close(&x->irq[i].fd);
	for (unsigned int i = 0; i < x->memories; i++)
		fd_close(&x->memory[i].fd);
	for (unsigned int i = 0; i < x->virtios; i++)
		custom_desk_destroy(x->virtio[i].cfg.desk);
	if (x->has_ram)
		fd_close(&x->ram.fd);
	free(x);
}
