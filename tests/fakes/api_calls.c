// SPDX-License-Identifier: BSD-3-Clause
/* See api_calls.h. */
#include "api_calls.h"

#include <stddef.h>
#include <string.h>

#define LATER 0xe0200000u /* free of devices */

static void on_line(void *ctx, const char *line)
{
}

static void on_stat(void *ctx, const struct vireo_stat *stat)
{
}

static void on_register(void *ctx, unsigned int cpu, const char *name,
			uint64_t value)
{
}

static void on_run(void *ctx, uint64_t gpa, uint64_t length)
{
}

static void on_log(void *ctx, int level, const char *line)
{
}

static void on_hypercall(void *ctx, struct vireo_hypercall *call)
{
}

static void on_request(void *ctx, struct vireo_request *request)
{
}

static void on_row(void *ctx, const struct vireo_check_row *row)
{
}

static int64_t on_call(void *ctx, const void *in, size_t in_len, void *out,
		       size_t out_cap)
{
	return 0;
}

static void *alloc(void *ctx, size_t size, size_t align)
{
	return NULL;
}

static void give_back(void *ctx, void *memory, size_t size)
{
}

static const struct vireo_ram ram = {
	.size = sizeof(ram), .fd = -1, .alloc = alloc, .free = give_back,
};
static const struct vireo_memory_map map = {
	.size = sizeof(map), .gpa = LATER, .length = 4096, .fd = -1,
	.addr = (void *)0x10000,
};
static const struct vireo_device device = {
	.size = sizeof(device), .name = "mine", .base = LATER, .length = 4096,
};
/* There is a descriptor 0 where tests run; nothing rings it. */
static const struct vireo_doorbell bell = {
	.size = sizeof(bell), .fd = 0, .addr = LATER, .length = 4,
};
static const struct vireo_virtio virtio = {
	.size = sizeof(virtio), .name = "mine", .type = 42, .queues = 1,
	.request = on_request,
};
static const char *const words[] = { "true", NULL };
static const struct vireo_exec_options exec_options = {
	.size = sizeof(exec_options), .words = words,
};
static const uint8_t code[] = { 0xc3 };
static const struct vireo_sandbox_options sandbox_options = {
	.size = sizeof(sandbox_options), .image = code,
	.image_len = sizeof(code), .flat = true, .has_kvm = true, .kvm = 0,
};

#define P(n, value) (null >> (n) & 1 ? NULL : (value))

#define INT(name, ...) \
	static int do_##name(struct api_things *t, unsigned int null) \
	{ \
		return vireo_##name(__VA_ARGS__); \
	}
#define FD(name, ...) \
	static int do_##name(struct api_things *t, unsigned int null) \
	{ \
		int r = vireo_##name(__VA_ARGS__); \
		return r < 0 ? r : 0; \
	}
#define VOID(name, ...) \
	static int do_##name(struct api_things *t, unsigned int null) \
	{ \
		vireo_##name(__VA_ARGS__); \
		return 0; \
	}
#define TRUE(name, ...) \
	static int do_##name(struct api_things *t, unsigned int null) \
	{ \
		return vireo_##name(__VA_ARGS__) ? 0 : VIREO_EINVAL; \
	}

static int do_version(struct api_things *t, unsigned int null)
{
	return vireo_version() ? 0 : VIREO_EINVAL;
}

TRUE(feature_at, 0)
TRUE(key_at, 0)
INT(config_create, P(0, &t->new_cfg))
VOID(config_destroy, P(0, &t->new_cfg))
INT(config_set, P(0, t->cfg), P(1, "cpus"), P(2, "1"), P(3, &t->err))
TRUE(config_get, P(0, t->cfg), P(1, "cpus"), 0)
TRUE(config_is_set, P(0, t->cfg), P(1, "memory"))
INT(config_parse, P(0, t->cfg), P(1, "{}"), 2, P(2, &t->err))
INT(config_print, P(0, t->cfg), P(1, &t->json))
INT(config_set_fd, P(0, t->cfg), P(1, "command-in"), 0, P(2, &t->err))
VOID(config_set_log, P(0, t->cfg), VIREO_LOG_WARN, P(1, on_log), P(2, t))
INT(create, P(0, &t->new_vm), P(1, t->cfg), P(2, &t->err))
INT(start, P(0, t->vm), P(1, &t->err))
INT(config_own_threads, P(0, t->new_cfg), P(1, &t->err))
INT(vcpu_run, P(0, t->vm), 0)

static int do_wait(struct api_things *t, unsigned int null)
{
	struct vireo_end end;

	return vireo_wait(P(0, t->vm), 0, P(1, &end));
}

FD(event_fd, P(0, t->vm))
INT(power_button, P(0, t->vm))
INT(command_signal, P(0, t->vm), 15)
INT(console_resize, P(0, t->vm), 80, 25)
INT(console_visit, P(0, t->vm), -1)

TRUE(console_path, P(0, t->vm), 0)
INT(pause, P(0, t->vm))
INT(resume, P(0, t->vm))
VOID(stop, P(0, t->vm))
VOID(destroy, P(0, &t->new_vm))

static int do_memory_region(struct api_things *t, unsigned int null)
{
	struct vireo_region region;

	return vireo_memory_region(P(0, t->vm), 0, P(1, &region));
}

static int do_memory_read(struct api_things *t, unsigned int null)
{
	char buf[8];

	return vireo_memory_read(P(0, t->vm), API_CALLS_GPA, P(1, buf), 8);
}

INT(memory_write, P(0, t->vm), API_CALLS_GPA, P(1, "a text"), 4)
INT(memory_fill, P(0, t->vm), API_CALLS_GPA, 0, 8)

static int do_memory_checksum(struct api_things *t, unsigned int null)
{
	uint32_t sum;

	return vireo_memory_checksum(P(0, t->vm), API_CALLS_GPA, 8, P(1, &sum));
}

INT(memory_track, P(0, t->vm))
INT(memory_dirty, P(0, t->vm), P(1, on_run), P(2, t))
INT(config_set_ram, P(0, t->new_cfg), P(1, &ram), P(2, &t->err))
INT(config_map_memory, P(0, t->new_cfg), P(1, &map), P(2, &t->err))
INT(config_add_device, P(0, t->new_cfg), P(1, &device), P(2, &t->err))
INT(config_add_doorbell, P(0, t->new_cfg), P(1, &bell), P(2, &t->err))
INT(config_add_irq_fd, P(0, t->new_cfg), 5, 0, P(1, &t->err))
INT(irq_set, P(0, t->vm), 5, true)
INT(config_set_hypercall, P(0, t->new_cfg), 0x510, P(1, on_hypercall), P(2, t),
    P(3, &t->err))
FD(config_add_virtio, P(0, t->new_cfg), P(1, &virtio), P(2, &t->err))
INT(virtio_set_config, P(0, t->vm), 0, 0, P(1, "a"), 1)
VOID(request_queue, P(0, t->request))
TRUE(request_readable, P(0, t->request))
TRUE(request_writable, P(0, t->request))

static int do_request_read(struct api_things *t, unsigned int null)
{
	char buf[1];

	return vireo_request_read(P(0, t->request), 0, P(1, buf), 1);
}

INT(request_write, P(0, t->request), 0, P(1, "a"), 1)
VOID(request_done, P(0, t->request), 0)
INT(exec, P(0, &t->new_exec), P(1, t->vm), P(2, &exec_options), P(3, &t->err))

static int do_exec_wait(struct api_things *t, unsigned int null)
{
	struct vireo_end end;

	return vireo_exec_wait(P(0, t->exec), 0, P(1, &end));
}

FD(exec_fd, P(0, t->exec))
INT(exec_signal, P(0, t->exec), 15)
INT(exec_resize, P(0, t->exec), 80, 25)
VOID(exec_destroy, P(0, &t->new_exec))
VOID(console_tail, P(0, t->vm), P(1, on_line), P(2, t))
VOID(stats, P(0, t->vm), P(1, on_stat), P(2, t))
VOID(registers, P(0, t->vm), P(1, on_register), P(2, t))
VOID(trace, P(0, t->vm), P(1, on_line), P(2, t))
INT(disk_check, P(0, "/nowhere/overlay"), P(1, on_stat), P(2, on_line),
    P(3, t), P(4, &t->err))
INT(sandbox_create, P(0, &t->new_sandbox), P(1, &sandbox_options),
    P(2, &t->err))
INT(sandbox_register, P(0, t->sandbox), 1, P(1, on_call), P(2, t))

static int do_sandbox_call(struct api_things *t, unsigned int null)
{
	struct vireo_sandbox_call call = { .size = sizeof(call) };
	struct vireo_sandbox_trap trap;

	return vireo_sandbox_call(P(0, t->sandbox), P(1, &call), P(2, &trap),
				  P(3, &t->err));
}

INT(sandbox_stop, P(0, t->sandbox))
INT(sandbox_reset, P(0, t->sandbox), P(1, &t->err))

static int do_sandbox_read(struct api_things *t, unsigned int null)
{
	char buf[1];

	return vireo_sandbox_read(P(0, t->sandbox), 0x10000, P(1, buf), 1);
}

INT(sandbox_destroy, P(0, &t->new_sandbox))

static int do_vcpu_get_regs(struct api_things *t, unsigned int null)
{
	struct vireo_regs regs = { .size = sizeof(regs) };

	return vireo_vcpu_get_regs(P(0, t->vm), 0, P(1, &regs));
}

static int do_vcpu_set_regs(struct api_things *t, unsigned int null)
{
	const struct vireo_regs regs = { .size = sizeof(regs) };

	return vireo_vcpu_set_regs(P(0, t->vm), 0, P(1, &regs));
}

static int do_vcpu_get_fpu(struct api_things *t, unsigned int null)
{
	struct vireo_fpu fpu = { .size = sizeof(fpu) };

	return vireo_vcpu_get_fpu(P(0, t->vm), 0, P(1, &fpu));
}

static int do_vcpu_set_fpu(struct api_things *t, unsigned int null)
{
	const struct vireo_fpu fpu = { .size = sizeof(fpu) };

	return vireo_vcpu_set_fpu(P(0, t->vm), 0, P(1, &fpu));
}

static int do_vcpu_get_msr(struct api_things *t, unsigned int null)
{
	uint64_t value;

	return vireo_vcpu_get_msr(P(0, t->vm), 0, 0x10, P(1, &value));
}

INT(vcpu_set_msr, P(0, t->vm), 0, 0x10, 1)

static int do_vcpu_translate(struct api_things *t, unsigned int null)
{
	uint64_t gpa, len;

	return vireo_vcpu_translate(P(0, t->vm), 0, API_CALLS_GPA, P(1, &gpa),
				    P(2, &len));
}

INT(break_add, P(0, t->vm), 0, VIREO_BREAK_HARDWARE, API_CALLS_GPA, 1)
INT(break_remove, P(0, t->vm), VIREO_BREAK_HARDWARE, API_CALLS_GPA, 1)
INT(vcpu_step, P(0, t->vm), 0)

static int do_hit_wait(struct api_things *t, unsigned int null)
{
	struct vireo_hit hit = { .size = sizeof(hit) };

	return vireo_hit_wait(P(0, t->vm), 0, P(1, &hit));
}

FD(hit_fd, P(0, t->vm))

static int do_kernel_choose(struct api_things *t, unsigned int null)
{
	char name[64];

	return vireo_kernel_choose(P(0, name), sizeof(name),
				   P(1, "debian:6.1"), P(2, ""),
				   P(3, &t->err));
}

static int do_kernel_find(struct api_things *t, unsigned int null)
{
	char path[64];

	return vireo_kernel_find(P(0, path), sizeof(path), P(1, "debian:6.1"),
				 P(2, "/nowhere"), P(3, &t->err));
}

static int do_kernel_name(struct api_things *t, unsigned int null)
{
	char name[64];

	return vireo_kernel_name(P(0, name), sizeof(name),
				 P(1, "linux-image-6.1.0-18-amd64"));
}

INT(check, P(0, t->cfg), P(1, on_row), P(2, t))

#define ROW(name, pointers) { "vireo_" #name, do_##name, pointers }

static const struct api_call calls[] = {
	ROW(version, ""),
	ROW(feature_at, ""),
	ROW(key_at, ""),
	ROW(config_create, "E"),
	ROW(config_destroy, "-"),
	ROW(config_set, "EEEe"),
	ROW(config_get, "EE"),
	ROW(config_is_set, "EE"),
	ROW(config_parse, "EEe"),
	ROW(config_print, "EE"),
	ROW(config_set_fd, "EEe"),
	ROW(config_set_log, "---"),
	ROW(create, "EEe"),
	ROW(start, "Ee"),
	ROW(config_own_threads, "Ee"),
	ROW(vcpu_run, "E"),
	ROW(wait, "E-"),
	ROW(event_fd, "E"),
	ROW(power_button, "E"),
	ROW(command_signal, "E"),
	ROW(console_resize, "E"),
	ROW(console_visit, "E"),
	ROW(console_path, "E"),
	ROW(pause, "E"),
	ROW(resume, "E"),
	ROW(stop, "-"),
	ROW(destroy, "-"),
	ROW(memory_region, "EE"),
	ROW(memory_read, "EE"),
	ROW(memory_write, "EE"),
	ROW(memory_fill, "E"),
	ROW(memory_checksum, "EE"),
	ROW(memory_track, "E"),
	ROW(memory_dirty, "EE-"),
	ROW(config_set_ram, "EEe"),
	ROW(config_map_memory, "EEe"),
	ROW(config_add_device, "EEe"),
	ROW(config_add_doorbell, "EEe"),
	ROW(config_add_irq_fd, "Ee"),
	ROW(irq_set, "E"),
	ROW(config_set_hypercall, "EE-e"),
	ROW(config_add_virtio, "EEe"),
	ROW(virtio_set_config, "EE"),
	ROW(request_queue, "-"),
	ROW(request_readable, "E"),
	ROW(request_writable, "E"),
	ROW(request_read, "EE"),
	ROW(request_write, "EE"),
	ROW(request_done, "-"),
	ROW(exec, "EEEe"),
	ROW(exec_wait, "E-"),
	ROW(exec_fd, "E"),
	ROW(exec_signal, "E"),
	ROW(exec_resize, "E"),
	ROW(exec_destroy, "-"),
	ROW(console_tail, "---"),
	ROW(stats, "---"),
	ROW(registers, "---"),
	ROW(trace, "---"),
	ROW(disk_check, "E---e"),
	ROW(sandbox_create, "EEe"),
	ROW(sandbox_register, "E--"),
	ROW(sandbox_call, "EE-e"),
	ROW(sandbox_stop, "E"),
	ROW(sandbox_reset, "Ee"),
	ROW(sandbox_read, "EE"),
	ROW(sandbox_destroy, "-"),
	ROW(vcpu_get_regs, "EE"),
	ROW(vcpu_set_regs, "EE"),
	ROW(vcpu_get_fpu, "EE"),
	ROW(vcpu_set_fpu, "EE"),
	ROW(vcpu_get_msr, "EE"),
	ROW(vcpu_set_msr, "E"),
	ROW(vcpu_translate, "EE-"),
	ROW(break_add, "E"),
	ROW(break_remove, "E"),
	ROW(vcpu_step, "E"),
	ROW(hit_wait, "EE"),
	ROW(hit_fd, "E"),
	ROW(kernel_choose, "EEEe"),
	ROW(kernel_find, "EEEe"),
	ROW(kernel_name, "EE"),
	ROW(check, "-E-"),
};

const struct api_call *api_call_at(size_t index)
{
	return index < sizeof(calls) / sizeof(calls[0]) ? &calls[index] : NULL;
}
