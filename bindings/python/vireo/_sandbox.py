# SPDX-License-Identifier: BSD-3-Clause
"""Functions of a freestanding program, in a VM without a kernel."""

from __future__ import annotations

import ctypes
import math
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Optional, Union

from . import _library, _native
from ._config import descriptor
from ._devices import U64
from ._enums import Code, TrapReason
from ._errors import (Buffer, StrPath, VireoClosed, VireoError, bounded, check,
                      decode, encode, new_error, raw_bytes)
from ._handle import Handle, Slot

lib = _library.lib

REGISTERS = ('rip', 'rsp', 'rflags', 'rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi',
             'rbp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15')

Reply = Union[Buffer, int, None]


@dataclass(frozen=True)
class Trap:
    """By what and where a guest was stopped; what means nothing is 0."""
    reason: int      # a TrapReason
    vector: int      # FAULT: 0 division, 6 invalid instruction, ...
    error_code: int  # FAULT: as the CPU gives it
    address: int     # a page fault, or a hypercall's buffer
    number: int      # HYPERCALL
    value: int       # RESULT
    registers: dict[str, int]
    text: str        # a line


class VireoTrap(VireoError):
    """The guest was stopped: `trap` says by what. The sandbox needs a
    reset()."""

    def __init__(self, trap: Trap) -> None:
        super().__init__(Code.ETRAP, trap.text)
        self.trap = trap

    def __reduce__(self) -> Any:
        return type(self), (self.trap,)


def trap_of(raw: Any) -> Trap:
    try:
        reason: int = TrapReason(raw.reason)
    except ValueError:
        reason = raw.reason
    return Trap(reason, raw.vector, raw.error_code, raw.address, raw.number,
                raw.value, {name: getattr(raw, name) for name in REGISTERS},
                decode(raw.text))


class Sandbox:
    """A program, from its file or as bytes (`image`), whose functions can be
    called with bytes, and give bytes:

        with Sandbox('filter.elf') as box:
            print(box.call('rot13', b'some text'))

    A call runs on the caller's thread, where Ctrl-C is not heard before its
    end: it has a deadline, and another thread may stop() it. One thread calls
    at a time; others get an exception.
    """

    def __init__(self, path: Optional[StrPath] = None, *,
                 image: Optional[Buffer] = None, flat: bool = False,
                 memory: int = 0, stack: int = 0, buffer: int = 0,
                 max_hypercalls: int = 0, kvm: Any = None) -> None:
        kind = _native.SandboxOptions
        program = None if image is None else raw_bytes(image)
        options = kind(
            size=ctypes.sizeof(kind), flat=flat,
            memory=bounded(memory, 0, U64, 'memory'),
            stack=bounded(stack, 0, U64, 'stack'),
            buffer=bounded(buffer, 0, U64, 'buffer'),
            max_hypercalls=bounded(max_hypercalls, 0, U64, 'max_hypercalls'))
        if path is not None:
            options.path = encode(path, 'a path')
        if program is not None:
            options.image = ctypes.cast(ctypes.c_char_p(program),
                                        ctypes.c_void_p)
            options.image_len = len(program)
        if kvm is not None:
            options.kvm = descriptor(kvm)
            options.has_kvm = True
        self._functions: list[tuple[int, Any]] = []
        self._slots: dict[int, Slot] = {}
        self._raised: Optional[BaseException] = None
        pointer = ctypes.c_void_p()
        error = new_error()
        self._handle = Handle('sandbox', pointer, lib.vireo_sandbox_destroy,
                              stop=lib.vireo_sandbox_stop)
        self._handle.keep(self._functions)
        self._finaliser = weakref.finalize(self, self._handle.finalise)
        with self._handle.use(inside=True):
            check(lib.vireo_sandbox_create(ctypes.byref(pointer), options,
                                           error), error)

    def register(self, number: int,
                 fn: Optional[Callable[[bytes], Reply]]) -> None:
        """Lets the guest call `fn` by a number, 0 to 63: it gets bytes, and
        what it returns is the answer, bytes or a number. What it raises comes
        out of call(). None: not any more."""
        if fn is not None and not callable(fn):
            raise TypeError('it cannot be called')
        bounded(number, 0, 63, 'a number')
        box = weakref.ref(self)
        slot = Slot(fn or int)
        get = slot.reference()

        def call(_ctx: Any, data: int, size: int, out: int,
                 room: int) -> int:
            try:
                given = ctypes.string_at(data, size) if size else b''
                return answer(get()(given), out, room)
            except BaseException as error:
                owner = box()
                if owner:
                    owner._raised = owner._raised or error
                return -1

        kind: Any = lib.vireo_sandbox_register.argtypes[2]
        made = kind(call) if fn else kind()
        with self._handle.use(inside=True) as box_pointer:
            # C has it, or what was there before.
            self._functions.append((number, made))
            check(lib.vireo_sandbox_register(box_pointer, number, made, None))
            self._functions[:] = [row for row in self._functions
                                  if row[0] != number or row[1] is made]
            self._slots[number] = slot

    def call(self, function: Optional[str] = None, data: Buffer = b'', *,
             size: int = 65536, timeout: Optional[float] = 10) -> bytes:
        """Calls a function of the program (None: where it begins) with `data`,
        and returns its answer, `size` bytes at most. VireoTrap: it was
        stopped, at the latest after `timeout` seconds (None: never)."""
        kind = _native.SandboxCall
        given = raw_bytes(data)
        bounded(size, 0, 1 << 30, 'a size')
        out = (ctypes.c_char * max(size, 1))()
        call = kind(size=ctypes.sizeof(kind), in_len=len(given),
                    out=ctypes.addressof(out), out_cap=size)
        setattr(call, 'in', ctypes.cast(ctypes.c_char_p(given),
                                        ctypes.c_void_p))
        if function is not None:
            call.function = encode(function, 'a function')
        if timeout is not None:
            call.timeout_us = max(math.ceil(min(timeout, 1e9) * 1e6), 1)
        trap = _native.SandboxTrap()
        error = new_error()
        with self._handle.use(inside=True) as box:
            code = lib.vireo_sandbox_call(box, call, trap, error)
            raised, self._raised = self._raised, None
        if raised:
            raise raised
        if code == Code.ETRAP and self._handle.closed:
            raise VireoClosed(Code.ESTATE, 'sandbox: it was closed')
        if code == Code.ETRAP:
            raise VireoTrap(trap_of(trap))
        check(code, error)
        return out.raw[:call.out_len]

    def stop(self) -> None:
        """Ends the call that is under way in another thread, by a trap that has
        the reason STOPPED; a callback returns first. Code.ESTATE: there is
        none, or its guest does not run yet."""
        with self._handle.use(inside=True) as box:
            check(lib.vireo_sandbox_stop(box))

    def reset(self) -> None:
        """Memory and registers are what they were before the first call."""
        error = new_error()
        with self._handle.use(inside=True) as box:
            check(lib.vireo_sandbox_reset(box, error), error)

    def read(self, address: int, size: int) -> bytes:
        """The guest's memory, by its own addresses."""
        buffer = ctypes.create_string_buffer(
            max(bounded(size, 0, 1 << 30, 'a size'), 1))
        bounded(address, 0, U64, 'an address')
        with self._handle.use(inside=True) as box:
            check(lib.vireo_sandbox_read(box, address, buffer, size))
        return buffer.raw[:size]

    def close(self) -> None:
        """Ends a call of another thread, too: VireoClosed there."""
        self._handle.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def answer(reply: Reply, out: int, room: int) -> int:
    """What the guest gets: a length, or a number of its own."""
    if reply is None:
        return 0
    if isinstance(reply, int):
        return bounded(reply, -(1 << 63), (1 << 63) - 1, 'an answer')
    raw = raw_bytes(reply)
    if len(raw) > room:
        raise VireoError(Code.EINVAL, f'an answer: {len(raw)} bytes, there is '
                         f'room for {room}')
    ctypes.memmove(out, raw, len(raw))
    return len(raw)
