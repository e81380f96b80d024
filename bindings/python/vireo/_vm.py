# SPDX-License-Identifier: BSD-3-Clause
"""A virtual machine, and what there is to see of it."""

from __future__ import annotations

import ctypes
import os
import weakref
from dataclasses import dataclass
from typing import Any, Optional, TypeVar

from . import _library, _native
from ._config import COUNT_MAX, Config, descriptor
from ._debug import Debugged
from ._enums import Code, Reason
from ._errors import (Buffer, VireoError, VireoTimeout, bounded, check, decode,
                      new_error, raw_bytes)
from ._handle import Handle
from ._wait import wait_for

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


def end_of(raw: Any) -> End:
    try:
        reason: int = Reason(raw.reason)
    except ValueError:
        reason = raw.reason
    return End(reason, raw.status, raw.exit_code, decode(raw.verdict),
               decode(raw.detail))


def one_of(config: Any, keys: Any) -> None:
    """What is given to a machine."""
    if config is not None and not isinstance(config, Config):
        raise TypeError(f'a {type(config).__name__} is no Config (keys have '
                        'names: kernel=...)')
    if config is not None and keys:
        raise TypeError('a Config, or keys: not both')


def stat_of(raw: Any) -> Stat:
    return Stat(decode(raw.group), decode(raw.name), raw.value,
                decode(raw.unit))


class Machine(Debugged):
    """A VM as C has it: created, started, waited for, closed.

    Machine(config) or Machine(kernel='hello.elf', memory='32M'): the keys of
    Config. Any number of them, from any threads. `close()`, or the end of a
    `with` block, ends it, whatever the guest does.
    """

    def __init__(self, config: Optional[Config] = None, **keys: Any) -> None:
        one_of(config, keys)
        if config is None:
            with Config(**keys) as own:
                own._cache_kernels()
                self._create(own)
        else:
            self._create(config)

    def _create(self, config: Config) -> None:
        pointer = ctypes.c_void_p()
        error = new_error()
        self._init_debug(int(config['cpus']))
        # First of all: who is interrupted in vireo_create() leaves nothing.
        self._handle = Handle('VM', pointer, lib.vireo_destroy,
                              stop=lib.vireo_stop)
        self._finaliser = weakref.finalize(self, self._handle.finalise)
        with (self._handle.use(), config._handle.use() as cfg,
              config._lock):
            self._handle.keep([made for made, _ in config._logs] +
                              [kept for _, kept, _ in config._added])
            self._slots = ([slot for _, slot in config._logs] +
                           [slots for _, _, slots in config._added])
            check(lib.vireo_create(ctypes.byref(pointer), cfg, error), error)

    def start(self) -> None:
        """Lets the vCPUs run; once."""
        error = new_error()
        with self._handle.use() as vm:
            check(lib.vireo_start(vm, error), error)

    def wait(self, timeout: Optional[float] = None) -> End:
        """Until it has ended, at most `timeout` seconds: VireoTimeout."""
        raw = _native.End()
        check(wait_for(self._handle, lambda vm: int(lib.vireo_wait(vm, 0, raw)),
                       lambda vm: [check(lib.vireo_event_fd(vm))], timeout))
        return end_of(raw)

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

    def irq_set(self, line: int, level: bool) -> None:
        """The level of an interrupt line that no other device has."""
        bounded(line, 0, COUNT_MAX, 'a line')
        with self._handle.use(inside=True) as vm:
            check(lib.vireo_irq_set(vm, line, level))

    def virtio_set_config(self, device: int, data: Buffer,
                          off: int = 0) -> None:
        """Changes a part of a device's configuration space, and tells."""
        raw = raw_bytes(data)
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
        with _library.listening() as listen, self._handle.use() as vm:
            getattr(lib, function)(vm, listen(
                function, 1, lambda _, line: found.append(decode(line))), None)
        return found

    def stats(self) -> list[Stat]:
        """Figures, in a fixed order; exact once the VM has ended."""
        found: list[Stat] = []
        with _library.listening() as listen, self._handle.use() as vm:
            lib.vireo_stats(vm, listen(
                'vireo_stats', 1,
                lambda _, stat: found.append(stat_of(stat.contents))), None)
        return found

    def registers(self) -> list[Register]:
        """Of each vCPU of a VM that has ended. Vcpu.registers() has those of
        one that stands still, too."""
        found: list[Register] = []
        with _library.listening() as listen, self._handle.use() as vm:
            lib.vireo_registers(vm, listen(
                'vireo_registers', 1, lambda _, cpu, name, value: found.append(
                    Register(cpu, decode(name), value))), None)
        return found

    @property
    def closed(self) -> bool:
        return self._handle.closed

    def close(self) -> None:
        """Ends it when it runs, and frees everything. Who waits in another
        thread gets an exception."""
        self._handle.close()

    def __repr__(self) -> str:
        return f'<vireo.{type(self).__name__}, {self._state()}>'

    def _state(self) -> str:
        raw = _native.End()
        try:
            with self._handle.use(inside=True) as vm:
                code = lib.vireo_wait(vm, 0, raw)
        except VireoError as error:
            return error.text
        if code == 0:
            return f'has ended: {decode(raw.verdict)}'
        return 'not started' if code == Code.ESTATE else 'runs'

    def __enter__(self: SomeMachine) -> SomeMachine:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        self.close()
