# SPDX-License-Identifier: BSD-3-Clause
"""Devices of the caller's: what a Config adds to every VM that is made of it.

Callbacks run on threads of the VM. What one raises is shown by
sys.unraisablehook, and the guest reads all ones; a VM that is being closed ends
them quietly.
"""

from __future__ import annotations

import ctypes
import os
import threading
from typing import Any, Callable, Optional

from . import _library, _native
from ._enums import Code
from ._errors import (Buffer, VireoClosed, VireoError, bounded, check, encode,
                      raw_bytes)
from ._handle import Slot, in_callback

lib = _library.lib

U32 = 0xffffffff
U64 = 0xffffffffffffffff


def field_type(struct: Any, name: str) -> Any:
    return dict(struct._fields_)[name]


def guarded(slots: list[Slot], struct: Any, name: str,
            fn: Optional[Callable[..., Any]],
            given: Any = lambda *values: values,
            failed: Any = None) -> Any:
    """A callback of a struct that calls `fn` without the context; NULL for
    None. `given` makes its arguments from C's. The caller keeps the slots."""
    kind = field_type(struct, name)
    if fn is None:
        return kind()
    if not callable(fn):
        raise TypeError(f'{name}: it cannot be called')
    slots.append(Slot(fn))
    get = slots[-1].reference()

    def call(_ctx: Any, *values: Any) -> Any:
        with in_callback('device'):
            try:
                # Before anything that may fail: a request wants its answer.
                arguments = given(*values)
                return answer(get()(*arguments), failed)
            except VireoClosed:
                return failed
            except BaseException as error:
                _library.unraisable(error, name)
                return failed
    return kind(call)


def answer(value: Any, failed: Any) -> Any:
    """What C gets: nothing, or a number of 64 bits."""
    return None if failed is None else int(value) & U64


class Hypercall:
    """A call of the guest's: a number and six arguments, each of 64 bits."""

    def __init__(self, raw: Any) -> None:
        self.number: int = raw.contents.number
        self.args: tuple[int, ...] = tuple(raw.contents.arg)


class Request:
    """A request to a virtio device of the caller's. done() gives it back, in
    the callback or later, from any thread; one that is dropped is done."""

    def __init__(self, pointer: int) -> None:
        self._pointer: Optional[ctypes.c_void_p] = ctypes.c_void_p(pointer)
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self.queue: int = lib.vireo_request_queue(self._pointer)
        self.readable: int = lib.vireo_request_readable(self._pointer)
        self.writable: int = lib.vireo_request_writable(self._pointer)

    def _open(self) -> ctypes.c_void_p:
        if not self._pointer or os.getpid() != self._pid:
            raise VireoClosed(Code.ESTATE, 'request: it has been given back')
        return self._pointer

    def read(self, off: int = 0, size: Optional[int] = None) -> bytes:
        """What the driver has given, a copy; all of it from `off` on unless
        `size` says less. The length is the guest's: bound it."""
        bounded(off, 0, U64, 'an offset')
        if size is None:
            size = max(self.readable - off, 0)
        if bounded(size, 0, U64, 'a size') > self.readable:
            raise VireoError(Code.EINVAL, 'request: so much is not there')
        buffer = ctypes.create_string_buffer(size)
        with self._lock:
            check(lib.vireo_request_read(self._open(), off, buffer, size))
        return buffer.raw

    def write(self, data: Buffer, off: int = 0) -> None:
        """Into what the driver wants to have filled."""
        raw = raw_bytes(data)
        bounded(off, 0, U64, 'an offset')
        with self._lock:
            check(lib.vireo_request_write(self._open(), off, raw, len(raw)))

    def done(self, written: int = 0) -> None:
        """Answered, by the first `written` bytes of its writable part."""
        bounded(written, 0, U64, 'a size')
        with self._lock:
            pointer = self._open()
            self._pointer = None
            lib.vireo_request_done(pointer, written)

    def __del__(self) -> None:
        if getattr(self, '_pointer', None) and os.getpid() == self._pid:
            self.done()


def device(slots: list[Slot], name: str, base: int, length: int, port: bool,
           read: Any, write: Any, reset: Any) -> Any:
    """struct vireo_device"""
    kind = _native.Device
    return kind(
        size=ctypes.sizeof(kind), name=encode(name, 'a name'), port=port,
        base=bounded(base, 0, U64, 'base'),
        length=bounded(length, 0, U64, 'length'),
        read=guarded(slots, kind, 'read', read, failed=U64),
        write=guarded(slots, kind, 'write', write),
        reset=guarded(slots, kind, 'reset', reset))


def doorbell(fd: int, addr: int, length: int, port: bool,
             match: Optional[int]) -> Any:
    """struct vireo_doorbell"""
    kind = _native.Doorbell
    return kind(
        size=ctypes.sizeof(kind), fd=fd, port=port,
        addr=bounded(addr, 0, U64, 'addr'),
        length=bounded(length, 0, U32, 'length'), has_match=match is not None,
        match=bounded(match or 0, 0, U64, 'match'))


def virtio(slots: list[Slot], name: str, number: int, request: Any,
           features: int, queues: int, queue_size: int, space: bytes,
           config_write: Any, ready: Any, reset: Any) -> Any:
    """struct vireo_virtio; its configuration space is a part of it."""
    kind = _native.Virtio
    made = kind(
        size=ctypes.sizeof(kind), name=encode(name, 'a name'),
        type=bounded(number, 0, U32, 'type'),
        features=bounded(features, 0, U64, 'features'),
        queues=bounded(queues, 0, U32, 'queues'),
        queue_size=bounded(queue_size, 0, U32, 'queue_size'),
        config_size=len(space),
        config_write=guarded(slots, kind, 'config_write', config_write),
        ready=guarded(slots, kind, 'ready', ready),
        request=guarded(slots, kind, 'request', request,
                        given=lambda pointer: (Request(pointer),)),
        reset=guarded(slots, kind, 'reset', reset))
    made.space = ctypes.create_string_buffer(space, max(len(space), 1))
    made.config = ctypes.addressof(made.space)
    return made


def hypercall(slots: list[Slot],
              fn: Callable[[Hypercall], Optional[int]]) -> Any:
    """The callback of a channel: what it returns is the call's result."""
    if not callable(fn):
        raise TypeError('it cannot be called')
    slots.append(Slot(fn))
    get = slots[-1].reference()

    def call(_ctx: Any, raw: Any) -> None:
        with in_callback('device'):
            try:
                raw.contents.result = int(get()(Hypercall(raw)) or 0) & U64
            except VireoClosed:
                pass
            except BaseException as error:
                _library.unraisable(error, 'hypercall')
    return _library.callback('vireo_config_set_hypercall', 2, call)


def memory_map(gpa: int, length: int, fd: int, offset: int, buffer: Any,
               read_only: bool) -> Any:
    """struct vireo_memory_map; it holds the buffer."""
    kind = _native.MemoryMap
    made = kind(
        size=ctypes.sizeof(kind), gpa=bounded(gpa, 0, U64, 'gpa'),
        length=bounded(length, 0, U64, 'length'), fd=fd,
        offset=bounded(offset, 0, U64, 'offset'), read_only=read_only)
    if buffer is not None:
        view = (ctypes.c_char * length).from_buffer(buffer)
        made.view = view
        made.addr = ctypes.addressof(view)
    return made
