// SPDX-License-Identifier: BSD-3-Clause
/* The public functions for an embedder's own devices and memory. As api.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "board/extras.h"
#include "vm_build.h"

#define QUEUE_SIZE 256

/* Where it keeps them: 0, or the public code. @size is what the caller's struct
 * says of itself, @want what it has to. */
static int extras_of(struct extras **out, struct vireo_config *cfg, bool given,
		     size_t size, size_t want, struct vireo_error *err)
{
	if (!cfg || !given)
		return api_fail_text(err, VIREO_EINVAL, "an argument is NULL");
	if (size != want)
		return api_fail_text(err, VIREO_EINVAL,
				     "size: not that of this version's struct");
	if (!cfg->extras)
		cfg->extras = calloc(1, sizeof(*cfg->extras));
	*out = cfg->extras;
	return *out ? 0 :
		      api_fail_text(err, VIREO_EHOST, "out of memory");
}

/* Too many are the caller's doing. */
static int result(int r, struct vireo_error *err, const struct err *why)
{
	if (r >= 0)
		return r;
	return api_fail(err, r == -ENOSPC ? VIREO_EINVAL : api_code(r), why);
}

/* Longer names are found to be so. */
static void copy_name(char to[EXTRAS_NAME_MAX + 1], const char *name)
{
	size_t len = name ? strlen(name) : 0;

	if (len <= EXTRAS_NAME_MAX)
		memcpy(to, name ? name : "", len + 1);
}

int vireo_config_add_device(struct vireo_config *cfg,
			    const struct vireo_device *device,
			    struct vireo_error *err)
{
	struct extras *x;
	int r = extras_of(&x, cfg, device, device ? device->size : 0,
			  sizeof(*device), err);
	struct err why = { 0 };
	struct extra_device d;

	if (r < 0)
		return r;
	d = (struct extra_device){
		.port = device->port,
		.base = device->base,
		.size = device->length,
		.ops = { device->read, device->write, device->reset,
			 device->ctx },
	};
	copy_name(d.name, device->name);
	return result(extras_add_device(x, &d, &why), err, &why);
}

int vireo_config_add_doorbell(struct vireo_config *cfg,
			      const struct vireo_doorbell *doorbell,
			      struct vireo_error *err)
{
	struct extras *x;
	int r = extras_of(&x, cfg, doorbell, doorbell ? doorbell->size : 0,
			  sizeof(*doorbell), err);
	struct err why = { 0 };
	struct extra_doorbell d;

	if (r < 0)
		return r;
	d = (struct extra_doorbell){ doorbell->fd, doorbell->port,
				     doorbell->addr, doorbell->length,
				     doorbell->has_match, doorbell->match };
	return result(extras_add_doorbell(x, &d, &why), err, &why);
}

int vireo_config_add_irq_fd(struct vireo_config *cfg, unsigned int line, int fd,
			    struct vireo_error *err)
{
	const struct extra_irq i = { fd, line };
	struct extras *x;
	int r = extras_of(&x, cfg, true, 0, 0, err);
	struct err why = { 0 };

	if (r < 0)
		return r;
	return result(extras_add_irq(x, &i, &why), err, &why);
}

int vireo_config_set_hypercall(struct vireo_config *cfg, uint16_t port,
			       void (*fn)(void *ctx,
					  struct vireo_hypercall *call),
			       void *ctx, struct vireo_error *err)
{
	struct extras *x;
	int r = extras_of(&x, cfg, fn, 0, 0, err);
	struct err why = { 0 };

	if (r < 0)
		return r;
	return result(extras_set_hypercall(x, port,
					   (struct hypercall_sink){ fn, ctx },
					   &why), err, &why);
}

int vireo_config_map_memory(struct vireo_config *cfg,
			    const struct vireo_memory_map *map,
			    struct vireo_error *err)
{
	struct extras *x;
	int r = extras_of(&x, cfg, map, map ? map->size : 0,
			  sizeof(*map), err);
	struct err why = { 0 };
	struct extra_memory m;

	if (r < 0)
		return r;
	m = (struct extra_memory){
		.fd = map->fd < 0 ? -1 : map->fd,
		.off = map->fd < 0 ? 0 : map->offset,
		.addr = map->fd < 0 ? map->addr : NULL,
		.gpa = map->gpa,
		.size = map->length,
		.read_only = map->read_only,
	};
	return result(extras_add_memory(x, &m, &why), err, &why);
}

int vireo_config_set_ram(struct vireo_config *cfg, const struct vireo_ram *ram,
			 struct vireo_error *err)
{
	struct extras *x;
	int r = extras_of(&x, cfg, ram, ram ? ram->size : 0,
			  sizeof(*ram), err);
	struct err why = { 0 };

	if (r < 0)
		return r;
	if (ram->fd >= 0 ? ram->alloc || ram->free : !ram->alloc || !ram->free)
		return api_fail_text(err, VIREO_EINVAL,
				     "memory: a descriptor, or two functions");
	return result(extras_set_ram(x, &(struct ram_source){
		ram->fd < 0 ? -1 : ram->fd, ram->alloc, ram->free, ram->ctx
	}, &why), err, &why);
}

int vireo_config_own_threads(struct vireo_config *cfg, struct vireo_error *err)
{
	struct extras *x;
	int r = extras_of(&x, cfg, true, 0, 0, err);

	if (r < 0)
		return r;
	x->own_threads = true;
	return 0;
}

int vireo_irq_set(struct vireo_vm *vm, unsigned int line, bool level)
{
	int r = api_check_vm(vm);
	struct irq irq;
	bool ours;

	if (r < 0)
		return r;
	if (!vm_take_machine(vm))
		return VIREO_ESTATE;
	ours = arch_line_is_free(&vm->board, line) &&
	       !board_has_irq_fd(&vm->board, line);
	if (ours) {
		irq = board_irq(&vm->board, line);
		irq_set(&irq, level);
	}
	vm_give_machine(vm);
	return ours ? 0 : VIREO_EINVAL;
}

/* ---- virtio ---- */

int vireo_config_add_virtio(struct vireo_config *cfg,
			    const struct vireo_virtio *device,
			    struct vireo_error *err)
{
	struct extras *x;
	int r = extras_of(&x, cfg, device, device ? device->size : 0,
			  sizeof(*device), err);
	struct err why = { 0 };
	struct extra_virtio v = { .name = "" };

	if (r < 0)
		return r;
	if (device->config_size > sizeof(v.space) ||
	    (device->config_size && !device->config))
		return api_fail_text(err, VIREO_EINVAL,
				     "virtio: its configuration space is above 1024 bytes, or not there");
	v.cfg = (struct custom_virtio_config){
		.type = device->type,
		.features = device->features,
		.queues = device->queues,
		.queue_size = device->queue_size ? device->queue_size
						 : QUEUE_SIZE,
		.ops = { device->config_write, device->ready, device->request,
			 device->reset, device->ctx },
	};
	copy_name(v.name, device->name);
	v.space_size = (uint32_t)device->config_size;
	if (device->config_size)
		memcpy(v.space, device->config, device->config_size);
	return result(extras_add_virtio(x, &v, &why), err, &why);
}

/* -EINVAL; -EAGAIN: the machine is being built; -EBUSY: it could not be. */
static int set_space_now(struct vireo_vm *vm, unsigned int device, uint32_t off,
			 const void *bytes, uint32_t len)
{
	int r;

	if (!vm_take_machine(vm))
		return vm_has_ended(vm) ? -EBUSY : -EAGAIN;
	r = custom_virtio_set_space(vm->board.custom[device], off, bytes, len);
	vm_give_machine(vm);
	return r;
}

int vireo_virtio_set_config(struct vireo_vm *vm, unsigned int device,
			    uint32_t off, const void *bytes, uint32_t len)
{
	int r = api_check_vm(vm);

	if (r < 0)
		return r;
	if (!bytes || !vm->extras || device >= vm->extras->virtios)
		return VIREO_EINVAL;
	r = set_space_now(vm, device, off, bytes, len);
	if (r == -EAGAIN) {
		/* For the driver to come; and one that is there by now. */
		r = custom_desk_set_space(vm->extras->virtio[device].cfg.desk,
					  off, bytes, len);
		if (r == 0)
			set_space_now(vm, device, off, bytes, len);
	}
	return r < 0 ? api_code(r) : 0;
}

unsigned int vireo_request_queue(const struct vireo_request *request)
{
	return request ? custom_request_queue(request) : 0;
}

uint64_t vireo_request_readable(const struct vireo_request *request)
{
	return request ? custom_request_readable(request) : 0;
}

uint64_t vireo_request_writable(const struct vireo_request *request)
{
	return request ? custom_request_writable(request) : 0;
}

static int request_code(int r)
{
	return r == -ECANCELED ? VIREO_ESTATE : r < 0 ? VIREO_EINVAL : 0;
}

int vireo_request_read(struct vireo_request *request, uint64_t off, void *buf,
		       size_t len)
{
	if (!request || (!buf && len))
		return VIREO_EINVAL;
	return request_code(custom_request_read(request, off, buf, len));
}

int vireo_request_write(struct vireo_request *request, uint64_t off,
			const void *buf, size_t len)
{
	if (!request || (!buf && len))
		return VIREO_EINVAL;
	return request_code(custom_request_write(request, off, buf, len));
}

void vireo_request_done(struct vireo_request *request, uint64_t written)
{
	if (request)
		custom_request_done(request, written);
}
