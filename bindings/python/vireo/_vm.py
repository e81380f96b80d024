# SPDX-License-Identifier: BSD-3-Clause
"""A virtual machine, and what there is to see of it."""

from __future__ import annotations

import ctypes
import math
import os
import select
import time
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Optional, TypeVar

from . import _library, _native
from ._config import COUNT_MAX, Config, descriptor
from ._devices import U64
from ._enums import Code, Reason
from ._errors import (VireoError, VireoTimeout, bounded, check, decode,
                      new_error)
from ._handle import Handle

lib = _library.lib

SomeMachine = TypeVar('SomeMachine', bound='Machine')


@dataclass(frozen=True)
class End:
    """How a VM, or a command in one, has ended."""
    reason: int     # a Reason
    status: int     # DEBUG_EXIT, COMMAND: 0-255
    exit_code: int  # what `vireo run` would end with
    verdict: str    # "power-off", "panic", "exited", "killed", ...
    detail: str     # one or more lines, or ""


@dataclass(frozen=True)
class Stat:
    """One figure: group "exits", name "io", value 42, unit "" or "us"."""
    group: str
    name: str
    value: int
    unit: str


@dataclass(frozen=True)
class Register:
    cpu: int
    name: str
    value: int


@dataclass(frozen=True)
class Region:
    """Memory that the guest has in one piece."""
    gpa: int
    size: int
    read_only: bool
    lent: bool  # by Config.map_memory()


def end_of(raw: Any) -> End:
    try:
        reason: int = Reason(raw.reason)
    except ValueError:
        reason = raw.reason
    return End(reason, raw.status, raw.exit_code, decode(raw.verdict),
               decode(raw.detail))


def stat_of(raw: Any) -> Stat:
    return Stat(decode(raw.group), decode(raw.name), raw.value,
                decode(raw.unit))


def wait_for(handle: Handle, wait: Callable[..., int],
             event_fd: Callable[..., int], timeout: Optional[float]) -> End:
    """By the descriptor, so that Ctrl-C is heard while it lasts."""
    until = None if timeout is None else time.monotonic() + timeout
    raw = _native.End()
    with handle.waiting() as (pointer, waker):
        code = wait(pointer, 0, raw)
        if code == Code.ETIME and timeout != 0:
            poll = select.poll()
            poll.register(check(event_fd(pointer)), select.POLLIN)
            poll.register(waker, select.POLLIN)
            while code == Code.ETIME:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    break
                # An hour at a time: poll() counts in an int.
                poll.poll(1000 * 3600 if left is None else
                          math.ceil(min(left, 3600) * 1000))
                if handle.closed:
                    raise VireoError(Code.ESTATE,
                                     f'{handle.what}: it was closed')
                code = wait(pointer, 0, raw)
        if code == Code.ETIME:
            raise VireoTimeout()
        check(code)
        return end_of(raw)


class Machine:
    """A VM as C has it: created, started, waited for, closed.

    Machine(config) or Machine(kernel='hello.elf', memory='32M'): the keys of
    Config. Any number of them, from any threads. `close()`, or the end of a
    `with` block, ends it, whatever the guest does.
    """

    def __init__(self, config: Optional[Config] = None, **keys: Any) -> None:
        own = Config(**keys) if config is None else config
        try:
            if config is not None and keys:
                raise TypeError('a Config, or keys: not both')
            self._create(own)
        finally:
            if config is None:
                own.close()

    def _create(self, config: Config) -> None:
        pointer = ctypes.c_void_p()
        error = new_error()
        with config._handle.use() as cfg, config._lock:
            check(lib.vireo_create(ctypes.byref(pointer), cfg, error), error)
            keep = [config._log, *(kept for _, kept, _ in config._added)]
            self._slots = [config._log_slot,
                           *(slots for _, _, slots in config._added)]
        self._handle = Handle('VM', pointer, lib.vireo_destroy,
                              keep=keep)
        self._finaliser = weakref.finalize(self, self._handle.finalise)

    def start(self) -> None:
        """Lets the vCPUs run; once."""
        error = new_error()
        with self._handle.use() as vm:
            check(lib.vireo_start(vm, error), error)

    def wait(self, timeout: Optional[float] = None) -> End:
        """Until it has ended, at most `timeout` seconds: VireoTimeout."""
        return wait_for(self._handle, lib.vireo_wait, lib.vireo_event_fd,
                        timeout)

    def poll(self) -> Optional[End]:
        """Its end, or None: it has not ended."""
        try:
            return self.wait(0)
        except VireoTimeout:
            return None

    def fileno(self) -> int:
        """A descriptor that polls readable once the VM has ended: a Machine
        may be given to select, selectors and asyncio. Do not read it."""
        with self._handle.use() as vm:
            return check(lib.vireo_event_fd(vm))

    def power_button(self) -> None:
        """Asks the guest to shut down. Code.ESTATE: it does not listen."""
        with self._handle.use(inside=True) as vm:
            check(lib.vireo_power_button(vm))

    def stop(self) -> None:
        """Ends it now, whatever the guest does; wait() tells when it has."""
        with self._handle.use(inside=True) as vm:
            lib.vireo_stop(vm)

    def pause(self) -> None:
        """Makes the guest stand still: every vCPU is out of it."""
        with self._handle.use() as vm:
            check(lib.vireo_pause(vm))

    def resume(self) -> None:
        """Lets it go on."""
        with self._handle.use() as vm:
            check(lib.vireo_resume(vm))

    def memory_regions(self) -> list[Region]:
        """The guest's memory, by address."""
        found: list[Region] = []
        raw = _native.Region()
        with self._handle.use(inside=True) as vm:
            while True:
                code = lib.vireo_memory_region(vm, len(found), raw)
                if code == Code.EINVAL:
                    return found
                check(code)
                found.append(Region(raw.gpa, raw.size, raw.read_only,
                                    raw.lent))

    def memory_read(self, gpa: int, size: int) -> bytes:
        """Guest memory, a copy. Code.EINVAL: not all of it is memory."""
        bounded(gpa, 0, U64, 'gpa')
        # Before a buffer of that size is made.
        if bounded(size, 0, U64, 'a size') > sum(
                region.size for region in self.memory_regions()):
            raise VireoError(Code.EINVAL, 'there is less memory than that')
        buffer = ctypes.create_string_buffer(size)
        with self._handle.use(inside=True) as vm:
            check(lib.vireo_memory_read(vm, gpa, buffer, size))
        return buffer.raw

    def memory_write(self, gpa: int, data: bytes) -> None:
        """Code.EINVAL: not all of it is memory, or can be written."""
        raw = bytes(data)
        bounded(gpa, 0, U64, 'gpa')
        with self._handle.use(inside=True) as vm:
            check(lib.vireo_memory_write(vm, gpa, raw, len(raw)))

    def memory_fill(self, gpa: int, size: int, byte: int = 0) -> None:
        bounded(gpa, 0, U64, 'gpa')
        bounded(byte, 0, 255, 'a byte')
        with self._handle.use(inside=True) as vm:
            check(lib.vireo_memory_fill(vm, gpa, byte,
                                        bounded(size, 0, U64, 'a size')))

    def memory_checksum(self, gpa: int, size: int) -> int:
        """A CRC-32C."""
        found = ctypes.c_uint32()
        bounded(gpa, 0, U64, 'gpa')
        with self._handle.use(inside=True) as vm:
            check(lib.vireo_memory_checksum(
                vm, gpa, bounded(size, 0, U64, 'a size'), found))
        return found.value

    def irq_set(self, line: int, level: bool) -> None:
        """The level of an interrupt line that no other device has."""
        bounded(line, 0, COUNT_MAX, 'a line')
        with self._handle.use(inside=True) as vm:
            check(lib.vireo_irq_set(vm, line, level))

    def virtio_set_config(self, device: int, data: bytes,
                          off: int = 0) -> None:
        """Changes a part of a device's configuration space, and tells."""
        raw = bytes(data)
        bounded(device, 0, COUNT_MAX, 'a device')
        bounded(off, 0, COUNT_MAX, 'an offset')
        with self._handle.use(inside=True) as vm:
            check(lib.vireo_virtio_set_config(vm, device, off, raw, len(raw)))

    def signal(self, number: int) -> None:
        """A signal for the command of key "command"."""
        bounded(number, 1, 64, 'a signal')
        with self._handle.use() as vm:
            check(lib.vireo_command_signal(vm, number))

    def console_resize(self, columns: int, rows: int) -> None:
        """The terminal behind console=stdio has this size now."""
        bounded(columns, 0, 0xffff, 'columns')
        bounded(rows, 0, 0xffff, 'rows')
        with self._handle.use() as vm:
            check(lib.vireo_console_resize(vm, columns, rows))

    def console_visit(self, sock: Any) -> None:
        """Lets somebody look in at the main console, by a stream socket, which
        is duplicated; None: nobody from here on."""
        with self._handle.use() as vm:
            check(lib.vireo_console_visit(
                vm, -1 if sock is None else descriptor(sock)))

    def console_path(self, index: int = 0) -> Optional[str]:
        """Where to connect to a console that is a pty or a socket."""
        bounded(index, 0, COUNT_MAX, 'a console')
        with self._handle.use() as vm:
            raw = lib.vireo_console_path(vm, index)
            return None if raw is None else os.fsdecode(raw)

    def console_tail(self) -> list[str]:
        """The last lines of the main console, the oldest first."""
        return self._lines('vireo_console_tail')

    def trace(self) -> list[str]:
        """What the vCPUs of a VM that has ended were doing, for a person."""
        return self._lines('vireo_trace')

    def _lines(self, function: str) -> list[str]:
        found: list[str] = []
        fn = _library.callback(function, 1,
                              lambda _, line: found.append(decode(line)))
        with self._handle.use() as vm:
            getattr(lib, function)(vm, fn, None)
        return found

    def stats(self) -> list[Stat]:
        """Figures, in a fixed order; exact once the VM has ended."""
        found: list[Stat] = []
        fn = _library.callback(
            'vireo_stats', 1,
            lambda _, stat: found.append(stat_of(stat.contents)))
        with self._handle.use() as vm:
            lib.vireo_stats(vm, fn, None)
        return found

    def registers(self) -> list[Register]:
        """Of each vCPU of a VM that has ended."""
        found: list[Register] = []
        fn = _library.callback(
            'vireo_registers', 1,
            lambda _, cpu, name, value: found.append(
                Register(cpu, decode(name), value)))
        with self._handle.use() as vm:
            lib.vireo_registers(vm, fn, None)
        return found

    @property
    def closed(self) -> bool:
        return self._handle.closed

    def close(self) -> None:
        """Ends it when it runs, and frees everything. Who waits in another
        thread gets an exception."""
        self._handle.close()

    def __enter__(self: SomeMachine) -> SomeMachine:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        self.close()
