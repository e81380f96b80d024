# SPDX-License-Identifier: BSD-3-Clause
"""A machine's configuration: keys and values, as text."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import threading
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional, Sequence, Union

from . import _devices, _library, _native
from ._enums import LogLevel
from ._errors import (Buffer, StrPath, VireoClosed, VireoError, bounded, check,
                      decode, encode, new_error, raw_bytes)
from ._handle import Handle, Slot, in_callback

lib = _library.lib

Value = Union[bool, int, StrPath]
COUNT_MAX = 0x7fffffff
LogCallback = Callable[['LogLevel', str], None]


@dataclass(frozen=True)
class Key:
    """What may be configured: a key of Config, an option of `vireo run`."""
    name: str
    arg: Optional[str]    # None: a flag
    value: Optional[str]  # the default
    summary: str
    help: str
    example: str
    letter: str
    repeatable: bool
    advanced: bool


def _text(raw: Optional[bytes]) -> Optional[str]:
    return None if raw is None else os.fsdecode(raw)


def keys() -> list[Key]:
    """All keys, in the order a person wants to read them."""
    found: list[Key] = []
    while True:
        row = lib.vireo_key_at(len(found))
        if not row:
            return found
        raw = row.contents
        found.append(Key(
            decode(raw.name), _text(raw.arg), _text(raw.value),
            decode(raw.summary), decode(raw.help), decode(raw.example),
            raw.letter.strip(b'\0').decode('ascii'), raw.repeatable,
            raw.advanced))


def features() -> list[str]:
    """What the library has, by name: "x86-64", "command", "gdb", ..."""
    found: list[str] = []
    while (name := lib.vireo_feature_at(len(found))) is not None:
        found.append(decode(name))
    return found


def version() -> str:
    """The version of the library that runs."""
    return decode(lib.vireo_version())


def spell(value: Value, key: str) -> bytes:
    """A value as the configuration wants it: True is "true", 4 is "4"."""
    if isinstance(value, bool):
        return b'true' if value else b'false'
    if isinstance(value, int):
        return str(value).encode('ascii')
    if isinstance(value, (str, bytes, os.PathLike)):
        return encode(value, key)
    raise TypeError(f'{key}: a {type(value).__name__} is no value')


def cache_folder() -> Optional[str]:
    """Where `vireo run` keeps things; None: there is no home."""
    base = os.environ.get('XDG_CACHE_HOME', '')
    if not base.startswith('/'):
        base = os.path.join(os.environ.get('HOME', ''), '.cache')
    return os.path.join(base, 'vireo') if base.startswith('/') else None


def descriptor(file: Any) -> int:
    """Of a descriptor, or of what has one."""
    fd = file if isinstance(file, int) else file.fileno()
    return bounded(fd, 0, COUNT_MAX, 'a descriptor (a file, or its number)')


def _log_callback(slot: Slot) -> Any:
    """On a thread of the VM."""
    get = slot.reference()

    def log(_ctx: Any, level: int, line: bytes) -> None:
        with in_callback('log'), contextlib.suppress(VireoClosed):
            get()(LogLevel(level), decode(line))
    return _library.callback('vireo_config_set_log', 2, log)


class _Descriptor:
    """One of our own, for copies."""

    def __init__(self, fd: int) -> None:
        self._fd = os.dup(fd)

    def fileno(self) -> int:
        return self._fd

    def __del__(self) -> None:
        if hasattr(self, '_fd'):
            os.close(self._fd)


class Config:
    """Keys and values: Config(kernel='vmlinuz', memory='256M', cpus=2).

    An underscore stands for a dash (cmdline_only), a list for the values of a
    repeatable key. Each value is checked at once; nothing is opened. Unlike in
    C, several threads may use one.
    """

    def __init__(self, values: Optional[Mapping[str, Any]] = None,
                 **more: Any) -> None:
        pointer = ctypes.c_void_p()
        self._handle = Handle('config', pointer, lib.vireo_config_destroy)
        self._finaliser = weakref.finalize(self, self._handle.finalise)
        check(lib.vireo_config_create(ctypes.byref(pointer)))
        self._lock = threading.RLock()
        # The last one is that of C; or the one before, for a moment.
        self._logs: list[tuple[Any, Optional[Slot]]] = []
        self._level = LogLevel.WARN
        self._files: dict[str, _Descriptor] = {}
        # For copies; what C's own copies point to is in there.
        self._added: list[tuple[Callable[[Any, Any], int], Any,
                                list[Slot]]] = []
        for key, value in {**(values or {}), **more}.items():
            self.set(key.replace('_', '-'), value)

    def set(self, key: str, value: Union[Value, Sequence[Value]]) -> None:
        """Replaces the value, or adds one where the key is repeatable; a list
        adds each of its own."""
        many = (value if isinstance(value, (list, tuple)) else [value])
        error = new_error()
        for one in many:
            raw = spell(one, key)
            with self._handle.use() as cfg, self._lock:
                check(lib.vireo_config_set(cfg, encode(key, 'a key'), raw,
                                           error), error)

    def get(self, key: str, index: int = 0) -> Optional[str]:
        """A value as text; the default counts when nothing was set."""
        bounded(index, 0, COUNT_MAX, key)
        with self._handle.use() as cfg, self._lock:
            return _text(lib.vireo_config_get(cfg, encode(key, 'a key'),
                                              index))

    def values(self, key: str) -> list[str]:
        """All values of a key."""
        found: list[str] = []
        with self._handle.use(), self._lock:
            while (value := self.get(key, len(found))) is not None:
                found.append(value)
        return found

    def parse(self, json: Union[str, Buffer]) -> None:
        """Sets keys from a JSON object; on failure nothing has changed."""
        raw = (json.encode('utf-8') if isinstance(json, str) else
               raw_bytes(json))
        error = new_error()
        with self._handle.use() as cfg, self._lock:
            check(lib.vireo_config_parse(cfg, raw, len(raw), error), error)

    def to_json(self) -> str:
        """What was set, as parse() takes it."""
        text = ctypes.c_void_p()
        with self._handle.use() as cfg, self._lock:
            check(lib.vireo_config_print(cfg, ctypes.byref(text)))
        try:
            return ctypes.string_at(text.value or 0).decode('utf-8')
        finally:
            _library.free(text)

    def set_fd(self, name: str, file: Any) -> None:
        """A descriptor, or a file that has one, in place of a path; it is
        duplicated. Names: "kvm", "console-in", "console-out", "command-in",
        "command-out", "command-err"."""
        error = new_error()
        with self._handle.use() as cfg, self._lock:
            check(lib.vireo_config_set_fd(cfg, encode(name, 'a name'),
                                          descriptor(file), error), error)
            self._files[name] = _Descriptor(descriptor(file))

    def set_log(self, fn: Optional[LogCallback],
                level: LogLevel = LogLevel.WARN) -> None:
        """`fn` gets each line of a VM's log, on a thread of the VM. It must
        not use the VM: what it tries raises, and is shown on stderr. None:
        nobody gets them."""
        if fn is not None and not callable(fn):
            raise TypeError('it cannot be called')
        level = LogLevel(level)
        slot = Slot(fn) if fn else None
        made = (_log_callback(slot) if slot else
                lib.vireo_config_set_log.argtypes[2]())
        with self._handle.use() as cfg, self._lock:
            self._logs.append((made, slot))
            lib.vireo_config_set_log(cfg, int(level), made, None)
            # VMs keep what they were made with.
            self._logs = self._logs[-1:]
            self._level = level

    def set_ram(self, file: Any) -> None:
        """The guest's RAM is what a memfd holds, which has F_SEAL_SHRINK and
        as many bytes as key "memory" says. Who maps it, too, shares memory
        with the guest, which may change it at any time."""
        kind = _native.Ram
        self._add_struct('vireo_config_set_ram', kind(
            size=ctypes.sizeof(kind), fd=descriptor(file)), file)

    def own_threads(self) -> None:
        """The vCPUs run on threads of the caller's, in Vcpu.run()."""
        self._add(lambda cfg, error: int(lib.vireo_config_own_threads(
            cfg, error)), None, [])

    def _use_cache(self) -> None:
        """Key "cache" is what `vireo run` has, unless it was set."""
        folder = cache_folder()
        if folder and 'cache' not in self:
            self.set('cache', folder)

    def _cache_kernels(self) -> None:
        """Likewise, for a kernel by name, which is kept there."""
        if re.match('[a-z]+:[^/]*$', self.get('kernel') or ''):
            self._use_cache()

    def copy(self) -> Config:
        """Another one with the same values, descriptors and log."""
        made = Config()
        with self._handle.use(), self._lock:
            for key in keys():
                if key.name in self:
                    made.set(key.name, self.values(key.name))
            for name, file in self._files.items():
                made.set_fd(name, file)
            for call, keep, slots in self._added:
                made._add(call, keep, slots)
            if self._logs:
                made._logs, made._level = self._logs[-1:], self._level
                with made._handle.use() as cfg:
                    lib.vireo_config_set_log(cfg, int(self._level),
                                             self._logs[-1][0], None)
        return made

    def map_memory(self, gpa: int, length: int, *, file: Any = None,
                   offset: int = 0, buffer: Any = None,
                   read_only: bool = False) -> None:
        """Lends memory to the guest at `gpa`: of a memfd with F_SEAL_SHRINK, or
        a writable buffer whose address is a multiple of 4096, as mmap.mmap()
        gives. A buffer stays as it is until the VM is closed."""
        fd = -1 if file is None else descriptor(file)
        self._add_struct('vireo_config_map_memory', _devices.memory_map(
            gpa, length, fd, offset, buffer, read_only), file)

    def add_device(self, name: str, base: int, length: int, *,
                   port: bool = False,
                   read: Optional[Callable[[int, int], int]] = None,
                   write: Optional[Callable[[int, int, int], Any]] = None,
                   reset: Optional[Callable[[], Any]] = None) -> None:
        """A window of registers: read(offset, size) gives the value,
        write(offset, size, value) takes one, of 1, 2, 4 or 8 bytes. On the
        thread of the vCPU."""
        slots: list[Slot] = []
        self._add_struct('vireo_config_add_device', _devices.device(
            slots, name, base, length, port, read, write, reset), slots=slots)

    def add_doorbell(self, event: Any, addr: int, length: int = 4, *,
                     port: bool = False, match: Optional[int] = None) -> None:
        """A write by the guest that becomes a signal of an eventfd."""
        self._add_struct('vireo_config_add_doorbell', _devices.doorbell(
            descriptor(event), addr, length, port, match), event)

    def add_irq_fd(self, line: int, event: Any) -> None:
        """Each signal of the eventfd is an edge on an interrupt line."""
        bounded(line, 0, COUNT_MAX, 'a line')
        own = _Descriptor(descriptor(event))
        self._add(lambda cfg, error: int(lib.vireo_config_add_irq_fd(
            cfg, line, own.fileno(), error)), own, [])

    def set_hypercall(self, port: int, fn: Callable[[_devices.Hypercall],
                                                    Optional[int]]) -> None:
        """`fn` gets each call of the guest's by the channel at `port`, and
        returns its result. On the thread of the vCPU."""
        bounded(port, 0, 0xffff, 'a port')
        slots: list[Slot] = []
        made = _devices.hypercall(slots, fn)
        self._add(lambda cfg, error: int(lib.vireo_config_set_hypercall(
            cfg, port, made, None, error)), made, slots)

    def add_virtio(self, name: str, type: int, *,
                   request: Callable[[_devices.Request], Any],
                   features: int = 0, queues: int = 1, queue_size: int = 0,
                   config: bytes = b'',
                   config_write: Optional[Callable[[int, int, int],
                                                   Any]] = None,
                   ready: Optional[Callable[[int], Any]] = None,
                   reset: Optional[Callable[[], Any]] = None) -> int:
        """A virtio device of the caller's; its number, for
        Machine.virtio_set_config(). Requests come on a thread of its own, the
        other callbacks on those of the vCPUs and the VM."""
        slots: list[Slot] = []
        return self._add_struct('vireo_config_add_virtio', _devices.virtio(
            slots, name, type, request, features, queues, queue_size,
            raw_bytes(config), config_write, ready, reset), slots=slots)

    def _add_struct(self, function: str, struct: Any, file: Any = None,
                    slots: Optional[list[Slot]] = None) -> int:
        if file is not None:
            struct.file = _Descriptor(struct.fd)
            struct.fd = struct.file.fileno()
        return self._add(lambda cfg, error: int(getattr(lib, function)(
            cfg, struct, error)), struct, slots or [])

    def _add(self, call: Callable[[Any, Any], int], keep: Any,
             slots: list[Slot]) -> int:
        error = new_error()
        with self._handle.use() as cfg, self._lock:
            self._added.append((call, keep, slots))
            try:
                return check(call(cfg, error), error)
            except VireoError:
                self._added.pop()
                raise

    def __getitem__(self, key: str) -> str:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str,
                    value: Union[Value, Sequence[Value]]) -> None:
        self.set(key, value)

    def __contains__(self, key: object) -> bool:
        """Has a value been given?"""
        if not isinstance(key, str):
            return False
        with self._handle.use() as cfg, self._lock:
            return bool(lib.vireo_config_is_set(cfg, encode(key, 'a key')))

    def close(self) -> None:
        self._handle.close()
        self._files = {}
        self._added = []

    def __enter__(self) -> Config:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._handle.closed:
            return '<vireo.Config, closed>'
        return f'<vireo.Config {self.to_json()}>'
