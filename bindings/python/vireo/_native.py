# SPDX-License-Identifier: BSD-3-Clause
"""libvireo as ctypes sees it: its structs, its functions.

The functions are declared by their prototypes, as they stand in vireo.h; what
the types mean to ctypes is worked out from these. A new function is a new line
here, a new struct a new class: "tests/check/bindings.py --renew ." writes both,
and without --renew compares them with the header. Nothing here is meant for
users of the package, and nothing is loaded.
"""

from __future__ import annotations

import ctypes
import re
from typing import Any


SCALARS: dict[str, Any] = {
    'void': None, 'bool': ctypes.c_bool, 'char': ctypes.c_char,
    'int': ctypes.c_int, 'unsigned int': ctypes.c_uint,
    'int8_t': ctypes.c_int8, 'uint8_t': ctypes.c_uint8,
    'int16_t': ctypes.c_int16, 'uint16_t': ctypes.c_uint16,
    'int32_t': ctypes.c_int32, 'uint32_t': ctypes.c_uint32,
    'int64_t': ctypes.c_int64, 'uint64_t': ctypes.c_uint64,
    'long': ctypes.c_long, 'size_t': ctypes.c_size_t,
    'ssize_t': ctypes.c_ssize_t,
}


STRUCTS: dict[str, Any] = {}  # those that are not opaque


def declared(name: str) -> Any:
    """Of a class: it is this struct."""
    def enter(kind: Any) -> Any:
        STRUCTS['struct ' + name] = kind
        return kind
    return enter


def type_of(text: str) -> Any:
    """What a C type is to ctypes: "const char *" -> c_char_p. A struct that is
    not declared here is opaque, and so is memory."""
    words = re.sub(r'\bconst\b', ' ', text)
    stars = words.count('*')
    base = ' '.join(words.replace('*', ' ').split())
    if base.startswith('enum '):
        base = 'int'
    if base == 'char' and stars == 1:
        return ctypes.c_char_p
    kind = STRUCTS.get(base, SCALARS.get(base, ctypes))
    if kind is ctypes:
        if not base.startswith('struct ') or not stars:
            raise TypeError(f'{text}: no such type')
        kind = None
    # A string that comes back by a pointer is the caller's to free: its address
    # counts.
    if stars and (kind is None or (base == 'char' and stars > 1)):
        kind, stars = ctypes.c_void_p, stars - 1
    for _ in range(stars):
        kind = ctypes.POINTER(kind)
    return kind


FUNCTION_POINTER = re.compile(r'(.*?)\(\s*\*\s*(\w*)\s*\)\s*\((.*)\)\s*', re.S)


def split_parameters(text: str) -> list[str]:
    """At the commas that are not inside parentheses."""
    parts = ['']
    depth = 0
    for char in text:
        depth += {'(': 1, ')': -1}.get(char, 0)
        if char == ',' and not depth:
            parts.append('')
        else:
            parts[-1] += char
    return [] if parts == ['void'] else parts


def parameter(text: str) -> Any:
    """The type of one that has a name."""
    match = FUNCTION_POINTER.fullmatch(text)
    if match:
        returned, _, inside = match.groups()
        return ctypes.CFUNCTYPE(type_of(returned),
                                *map(parameter, split_parameters(inside)))
    return type_of(re.sub(r'\w+\s*$', '', text))


def parse(prototype: str) -> tuple[str, Any, list[Any]]:
    """Its name, what it returns, what it takes."""
    match = re.match(r'(.*?)(\w+)\s*\((.*)\)\s*$', prototype.strip(), re.S)
    if not match:
        raise TypeError(f'{prototype}: no prototype')
    returned, name, inside = match.groups()
    return (name, type_of(returned),
            [parameter(text) for text in split_parameters(inside)])


@declared('vireo_error')
class Error(ctypes.Structure):
    _fields_ = [('code', ctypes.c_int),
                ('key', ctypes.c_char * 32),
                ('text', ctypes.c_char * 400)]


@declared('vireo_key')
class Key(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p),
                ('arg', ctypes.c_char_p),
                ('value', ctypes.c_char_p),
                ('summary', ctypes.c_char_p),
                ('help', ctypes.c_char_p),
                ('example', ctypes.c_char_p),
                ('letter', ctypes.c_char),
                ('repeatable', ctypes.c_bool),
                ('advanced', ctypes.c_bool)]


@declared('vireo_end')
class End(ctypes.Structure):
    _fields_ = [('reason', ctypes.c_int),
                ('status', ctypes.c_int),
                ('exit_code', ctypes.c_int),
                ('verdict', ctypes.c_char * 16),
                ('detail', ctypes.c_char * 1024)]


@declared('vireo_exec_options')
class ExecOptions(ctypes.Structure):
    _fields_ = [('size', ctypes.c_size_t),
                ('words', ctypes.POINTER(ctypes.c_char_p)),
                ('env', ctypes.POINTER(ctypes.c_char_p)),
                ('dir', ctypes.c_char_p),
                ('user', ctypes.c_char_p),
                ('tty', ctypes.c_bool),
                ('has_in', ctypes.c_bool),
                ('has_out', ctypes.c_bool),
                ('has_err', ctypes.c_bool),
                ('in', ctypes.c_int),
                ('out', ctypes.c_int),
                ('err', ctypes.c_int)]


@declared('vireo_stat')
class Stat(ctypes.Structure):
    _fields_ = [('group', ctypes.c_char_p),
                ('name', ctypes.c_char_p),
                ('value', ctypes.c_uint64),
                ('unit', ctypes.c_char_p)]


@declared('vireo_check_row')
class CheckRow(ctypes.Structure):
    _fields_ = [('group', ctypes.c_char_p),
                ('name', ctypes.c_char_p),
                ('state', ctypes.c_int),
                ('required', ctypes.c_bool),
                ('detail', ctypes.c_char_p)]


@declared('vireo_region')
class Region(ctypes.Structure):
    _fields_ = [('gpa', ctypes.c_uint64),
                ('size', ctypes.c_uint64),
                ('read_only', ctypes.c_bool),
                ('lent', ctypes.c_bool)]


@declared('vireo_memory_map')
class MemoryMap(ctypes.Structure):
    _fields_ = [('size', ctypes.c_size_t),
                ('gpa', ctypes.c_uint64),
                ('length', ctypes.c_uint64),
                ('fd', ctypes.c_int),
                ('offset', ctypes.c_uint64),
                ('addr', ctypes.c_void_p),
                ('read_only', ctypes.c_bool)]


@declared('vireo_device')
class Device(ctypes.Structure):
    _fields_ = [('size', ctypes.c_size_t),
                ('name', ctypes.c_char_p),
                ('port', ctypes.c_bool),
                ('base', ctypes.c_uint64),
                ('length', ctypes.c_uint64),
                ('read', parameter('uint64_t (*read)(void *ctx, uint64_t off, '
                                   'unsigned int len)')),
                ('write', parameter('void (*write)(void *ctx, uint64_t off, '
                                    'unsigned int len, uint64_t value)')),
                ('reset', parameter('void (*reset)(void *ctx)')),
                ('ctx', ctypes.c_void_p)]


@declared('vireo_doorbell')
class Doorbell(ctypes.Structure):
    _fields_ = [('size', ctypes.c_size_t),
                ('fd', ctypes.c_int),
                ('port', ctypes.c_bool),
                ('addr', ctypes.c_uint64),
                ('length', ctypes.c_uint32),
                ('has_match', ctypes.c_bool),
                ('match', ctypes.c_uint64)]


@declared('vireo_hypercall')
class Hypercall(ctypes.Structure):
    _fields_ = [('number', ctypes.c_uint64),
                ('arg', ctypes.c_uint64 * 6),
                ('result', ctypes.c_uint64)]


@declared('vireo_virtio')
class Virtio(ctypes.Structure):
    _fields_ = [('size', ctypes.c_size_t),
                ('name', ctypes.c_char_p),
                ('type', ctypes.c_uint),
                ('features', ctypes.c_uint64),
                ('queues', ctypes.c_uint),
                ('queue_size', ctypes.c_uint),
                ('config', ctypes.c_void_p),
                ('config_size', ctypes.c_size_t),
                ('config_write', parameter('void (*config_write)(void *ctx, '
                                           'uint32_t off, unsigned int len, '
                                           'uint64_t value)')),
                ('ready', parameter('void (*ready)(void *ctx, '
                                    'uint64_t features)')),
                ('request', parameter('void (*request)(void *ctx, '
                                      'struct vireo_request *request)')),
                ('reset', parameter('void (*reset)(void *ctx)')),
                ('ctx', ctypes.c_void_p)]

@declared('vireo_sandbox_options')
class SandboxOptions(ctypes.Structure):
    _fields_ = [
        ('size', type_of('size_t')),
        ('image', type_of('const void *')),
        ('image_len', type_of('size_t')),
        ('path', type_of('const char *')),
        ('flat', type_of('bool')),
        ('memory', type_of('uint64_t')),
        ('stack', type_of('uint64_t')),
        ('buffer', type_of('uint64_t')),
        ('max_hypercalls', type_of('uint64_t')),
        ('has_kvm', type_of('bool')),
        ('kvm', type_of('int')),
    ]


@declared('vireo_sandbox_call')
class SandboxCall(ctypes.Structure):
    _fields_ = [
        ('size', type_of('size_t')),
        ('function', type_of('const char *')),
        ('in', type_of('const void *')),
        ('in_len', type_of('size_t')),
        ('out', type_of('void *')),
        ('out_cap', type_of('size_t')),
        ('timeout_us', type_of('uint64_t')),
        ('out_len', type_of('size_t')),
    ]


@declared('vireo_sandbox_trap')
class SandboxTrap(ctypes.Structure):
    _fields_ = [
        ('reason', type_of('enum vireo_trap_reason')),
        ('vector', type_of('unsigned int')),
        ('error_code', type_of('uint64_t')),
        ('address', type_of('uint64_t')),
        ('number', type_of('uint64_t')),
        ('value', type_of('uint64_t')),
        ('rip', type_of('uint64_t')),
        ('rsp', type_of('uint64_t')),
        ('rflags', type_of('uint64_t')),
        ('rax', type_of('uint64_t')),
        ('rbx', type_of('uint64_t')),
        ('rcx', type_of('uint64_t')),
        ('rdx', type_of('uint64_t')),
        ('rsi', type_of('uint64_t')),
        ('rdi', type_of('uint64_t')),
        ('rbp', type_of('uint64_t')),
        ('r8', type_of('uint64_t')),
        ('r9', type_of('uint64_t')),
        ('r10', type_of('uint64_t')),
        ('r11', type_of('uint64_t')),
        ('r12', type_of('uint64_t')),
        ('r13', type_of('uint64_t')),
        ('r14', type_of('uint64_t')),
        ('r15', type_of('uint64_t')),
        ('text', type_of('char') * 200),
    ]


@declared('vireo_segment')
class Segment(ctypes.Structure):
    _fields_ = [
        ('base', type_of('uint64_t')),
        ('limit', type_of('uint32_t')),
        ('selector', type_of('uint16_t')),
        ('access', type_of('uint16_t')),
    ]


@declared('vireo_regs')
class Regs(ctypes.Structure):
    _fields_ = [
        ('size', type_of('size_t')),
        ('rax', type_of('uint64_t')),
        ('rbx', type_of('uint64_t')),
        ('rcx', type_of('uint64_t')),
        ('rdx', type_of('uint64_t')),
        ('rsi', type_of('uint64_t')),
        ('rdi', type_of('uint64_t')),
        ('rbp', type_of('uint64_t')),
        ('rsp', type_of('uint64_t')),
        ('r8', type_of('uint64_t')),
        ('r9', type_of('uint64_t')),
        ('r10', type_of('uint64_t')),
        ('r11', type_of('uint64_t')),
        ('r12', type_of('uint64_t')),
        ('r13', type_of('uint64_t')),
        ('r14', type_of('uint64_t')),
        ('r15', type_of('uint64_t')),
        ('rip', type_of('uint64_t')),
        ('rflags', type_of('uint64_t')),
        ('cs', type_of('struct vireo_segment')),
        ('ds', type_of('struct vireo_segment')),
        ('es', type_of('struct vireo_segment')),
        ('fs', type_of('struct vireo_segment')),
        ('gs', type_of('struct vireo_segment')),
        ('ss', type_of('struct vireo_segment')),
        ('tr', type_of('struct vireo_segment')),
        ('ldt', type_of('struct vireo_segment')),
        ('gdt_base', type_of('uint64_t')),
        ('idt_base', type_of('uint64_t')),
        ('gdt_limit', type_of('uint16_t')),
        ('idt_limit', type_of('uint16_t')),
        ('cr0', type_of('uint64_t')),
        ('cr2', type_of('uint64_t')),
        ('cr3', type_of('uint64_t')),
        ('cr4', type_of('uint64_t')),
        ('cr8', type_of('uint64_t')),
        ('efer', type_of('uint64_t')),
        ('apic_base', type_of('uint64_t')),
    ]


@declared('vireo_fpu')
class Fpu(ctypes.Structure):
    _fields_ = [
        ('size', type_of('size_t')),
        ('st', type_of('uint8_t') * 16 * 8),
        ('xmm', type_of('uint8_t') * 16 * 16),
        ('fcw', type_of('uint16_t')),
        ('fsw', type_of('uint16_t')),
        ('fop', type_of('uint16_t')),
        ('ftw', type_of('uint8_t')),
        ('fip', type_of('uint64_t')),
        ('fdp', type_of('uint64_t')),
        ('mxcsr', type_of('uint32_t')),
    ]


@declared('vireo_hit')
class Hit(ctypes.Structure):
    _fields_ = [
        ('size', type_of('size_t')),
        ('cpu', type_of('unsigned int')),
        ('stepped', type_of('bool')),
        ('kind', type_of('enum vireo_break')),
        ('va', type_of('uint64_t')),
    ]


@declared('vireo_ram')
class Ram(ctypes.Structure):
    _fields_ = [
        ('size', type_of('size_t')),
        ('fd', type_of('int')),
        ('alloc', parameter(
            'void *(*alloc)(void *ctx, '
            'size_t size, '
            'size_t align)')),
        ('free', parameter(
            'void (*free)(void *ctx, '
            'void *memory, '
            'size_t size)')),
        ('ctx', type_of('void *')),
    ]


PROTOTYPES = '''
const char *vireo_version(void);
const char *vireo_feature_at(size_t index);
const struct vireo_key *vireo_key_at(size_t index);
int vireo_config_create(struct vireo_config **out);
void vireo_config_destroy(struct vireo_config **cfg);
int vireo_config_set(struct vireo_config *cfg, const char *key, const char
    *value, struct vireo_error *err);
const char *vireo_config_get(const struct vireo_config *cfg, const char *key,
    size_t index);
bool vireo_config_is_set(const struct vireo_config *cfg, const char *key);
int vireo_config_parse(struct vireo_config *cfg, const char *json, size_t len,
    struct vireo_error *err);
int vireo_config_print(const struct vireo_config *cfg, char **json);
int vireo_config_set_fd(struct vireo_config *cfg, const char *name, int fd,
    struct vireo_error *err);
void vireo_config_set_log(struct vireo_config *cfg, enum vireo_log_level level,
    void (*fn)(void *ctx, int level, const char *line), void *ctx);
int vireo_create(struct vireo_vm **out, const struct vireo_config *cfg, struct
    vireo_error *err);
int vireo_start(struct vireo_vm *vm, struct vireo_error *err);
int vireo_config_own_threads(struct vireo_config *cfg, struct vireo_error *err);
int vireo_vcpu_run(struct vireo_vm *vm, unsigned int cpu);
int vireo_wait(struct vireo_vm *vm, int timeout_ms, struct vireo_end *end);
int vireo_event_fd(const struct vireo_vm *vm);
int vireo_power_button(struct vireo_vm *vm);
int vireo_command_signal(struct vireo_vm *vm, int number);
int vireo_console_resize(struct vireo_vm *vm, unsigned int cols, unsigned int
    rows);
int vireo_console_visit(struct vireo_vm *vm, int fd);
const char *vireo_console_path(const struct vireo_vm *vm, size_t index);
int vireo_pause(struct vireo_vm *vm);
int vireo_resume(struct vireo_vm *vm);
void vireo_stop(struct vireo_vm *vm);
void vireo_destroy(struct vireo_vm **vm);
int vireo_memory_region(struct vireo_vm *vm, size_t index, struct vireo_region
    *region);
int vireo_memory_read(struct vireo_vm *vm, uint64_t gpa, void *buf, size_t len);
int vireo_memory_write(struct vireo_vm *vm, uint64_t gpa, const void *buf,
    size_t len);
int vireo_memory_fill(struct vireo_vm *vm, uint64_t gpa, uint8_t byte, uint64_t
    len);
int vireo_memory_checksum(struct vireo_vm *vm, uint64_t gpa, uint64_t len,
    uint32_t *sum);
int vireo_memory_track(struct vireo_vm *vm);
int vireo_memory_dirty(struct vireo_vm *vm, void (*fn)(void *ctx, uint64_t gpa,
    uint64_t length), void *ctx);
int vireo_config_set_ram(struct vireo_config *cfg, const struct vireo_ram *ram,
    struct vireo_error *err);
int vireo_config_map_memory(struct vireo_config *cfg, const struct
    vireo_memory_map *map, struct vireo_error *err);
int vireo_config_add_device(struct vireo_config *cfg, const struct vireo_device
    *device, struct vireo_error *err);
int vireo_config_add_doorbell(struct vireo_config *cfg, const struct
    vireo_doorbell *doorbell, struct vireo_error *err);
int vireo_config_add_irq_fd(struct vireo_config *cfg, unsigned int line, int
    fd, struct vireo_error *err);
int vireo_irq_set(struct vireo_vm *vm, unsigned int line, bool level);
int vireo_config_set_hypercall(struct vireo_config *cfg, uint16_t port, void
    (*fn)(void *ctx, struct vireo_hypercall *call), void *ctx, struct
    vireo_error *err);
int vireo_config_add_virtio(struct vireo_config *cfg, const struct vireo_virtio
    *device, struct vireo_error *err);
int vireo_virtio_set_config(struct vireo_vm *vm, unsigned int device, uint32_t
    off, const void *bytes, uint32_t len);
unsigned int vireo_request_queue(const struct vireo_request *request);
uint64_t vireo_request_readable(const struct vireo_request *request);
uint64_t vireo_request_writable(const struct vireo_request *request);
int vireo_request_read(struct vireo_request *request, uint64_t off, void *buf,
    size_t len);
int vireo_request_write(struct vireo_request *request, uint64_t off, const void
    *buf, size_t len);
void vireo_request_done(struct vireo_request *request, uint64_t written);
int vireo_exec(struct vireo_exec **out, struct vireo_vm *vm, const struct
    vireo_exec_options *options, struct vireo_error *err);
int vireo_exec_wait(struct vireo_exec *exec, int timeout_ms, struct vireo_end
    *end);
int vireo_exec_fd(const struct vireo_exec *exec);
int vireo_exec_signal(struct vireo_exec *exec, int number);
int vireo_exec_resize(struct vireo_exec *exec, unsigned int cols, unsigned int
    rows);
void vireo_exec_destroy(struct vireo_exec **exec);
void vireo_console_tail(struct vireo_vm *vm, void (*fn)(void *ctx, const char
    *line), void *ctx);
void vireo_stats(struct vireo_vm *vm, void (*fn)(void *ctx, const struct
    vireo_stat *stat), void *ctx);
void vireo_registers(struct vireo_vm *vm, void (*fn)(void *ctx, unsigned int
    cpu, const char *name, uint64_t value), void *ctx);
void vireo_trace(struct vireo_vm *vm, void (*fn)(void *ctx, const char *line),
    void *ctx);
int vireo_disk_check(const char *path, void (*fn)(void *ctx, const struct
    vireo_stat *stat), void (*problem)(void *ctx, const char *line), void *ctx,
    struct vireo_error *err);
int vireo_sandbox_create(struct vireo_sandbox **out, const struct
    vireo_sandbox_options *options, struct vireo_error *err);
int vireo_sandbox_register(struct vireo_sandbox *sb, unsigned int number,
    int64_t (*fn)(void *ctx, const void *in, size_t in_len, void *out, size_t
    out_cap), void *ctx);
int vireo_sandbox_call(struct vireo_sandbox *sb, struct vireo_sandbox_call
    *call, struct vireo_sandbox_trap *trap, struct vireo_error *err);
int vireo_sandbox_stop(struct vireo_sandbox *sb);
int vireo_sandbox_reset(struct vireo_sandbox *sb, struct vireo_error *err);
int vireo_sandbox_read(struct vireo_sandbox *sb, uint64_t address, void *buf,
    size_t len);
int vireo_sandbox_destroy(struct vireo_sandbox **sb);
int vireo_vcpu_get_regs(struct vireo_vm *vm, unsigned int cpu, struct
    vireo_regs *regs);
int vireo_vcpu_set_regs(struct vireo_vm *vm, unsigned int cpu, const struct
    vireo_regs *regs);
int vireo_vcpu_get_fpu(struct vireo_vm *vm, unsigned int cpu, struct vireo_fpu
    *fpu);
int vireo_vcpu_set_fpu(struct vireo_vm *vm, unsigned int cpu, const struct
    vireo_fpu *fpu);
int vireo_vcpu_get_msr(struct vireo_vm *vm, unsigned int cpu, uint32_t index,
    uint64_t *value);
int vireo_vcpu_set_msr(struct vireo_vm *vm, unsigned int cpu, uint32_t index,
    uint64_t value);
int vireo_vcpu_translate(struct vireo_vm *vm, unsigned int cpu, uint64_t va,
    uint64_t *gpa, uint64_t *len);
int vireo_break_add(struct vireo_vm *vm, unsigned int cpu, enum vireo_break
    kind, uint64_t va, unsigned int len);
int vireo_break_remove(struct vireo_vm *vm, enum vireo_break kind, uint64_t va,
    unsigned int len);
int vireo_vcpu_step(struct vireo_vm *vm, unsigned int cpu);
int vireo_hit_wait(struct vireo_vm *vm, int timeout_ms, struct vireo_hit *hit);
int vireo_hit_fd(const struct vireo_vm *vm);
int vireo_kernel_choose(char *package, size_t size, const char *name, const
    char *list, struct vireo_error *err);
int vireo_kernel_find(char *path, size_t size, const char *name, const char
    *folder, struct vireo_error *err);
int vireo_kernel_name(char *name, size_t size, const char *package);
int vireo_check(const struct vireo_config *cfg, void (*fn)(void *ctx, const
    struct vireo_check_row *row), void *ctx);
'''
