# SPDX-License-Identifier: BSD-3-Clause
"""Looking into a guest that stands still: what a Machine has for debuggers.

A guest stands still because somebody holds it (paused()), or because it was
told to (pause()), or because something was hit. C knows one pause; here each of
these ends by itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import threading
from dataclasses import dataclass
from typing import Any, Iterator, Optional, TypeVar

from . import _library, _native
from ._devices import U32, U64
from ._enums import Break, Code
from ._errors import (Buffer, VireoClosed, VireoError, bounded, check, decode,
                      raw_bytes, state_error, told)
from ._memory import Memory
from ._registers import (Fpu, Registers, from_c, new_fpu, new_regs, to_c)
from ._wait import Limit, wait_for

lib = _library.lib

SIZE_MAX = 1 << 30  # of what is read at a time

SomeDebugged = TypeVar('SomeDebugged', bound='Debugged')


@dataclass(frozen=True)
class Hit:
    """What has stopped a guest."""
    cpu: int              # which one came there
    kind: Optional[Break]  # None: its step is done
    address: int          # of the breakpoint, or of what was touched

    @property
    def stepped(self) -> bool:
        return self.kind is None


class Vcpu:
    """One of a machine's: Machine.vcpus has them. What is read or changed here
    wants a guest that stands still; of one that has ended all can be read."""

    def __init__(self, machine: Debugged, index: int) -> None:
        self.machine = machine
        self.index = index

    def __repr__(self) -> str:
        return f'<vireo.Vcpu {self.index} of {self.machine!r}>'

    def _told(self, code: int, invalid: str = '') -> None:
        texts = {Code.ESTATE: f'vCPU {self.index}: the guest does not stand '
                              'still (Machine.paused() holds it), or it has '
                              'ended',
                 Code.EHOST: f'vCPU {self.index}: KVM refuses that'}
        if invalid:
            texts[Code.EINVAL] = f'vCPU {self.index}: {invalid}'
        told(code, texts)

    def registers(self) -> Registers:
        """As they are now."""
        raw = new_regs()
        with self.machine._handle.use() as vm:
            self._told(lib.vireo_vcpu_get_regs(vm, self.index, raw))
        return from_c(Registers, raw)

    def set_registers(self, registers: Optional[Registers] = None,
                      **changes: Any) -> None:
        """All of `registers`, or those that it has, with changes: rip=0x1000.
        Code.EHOST: a CPU cannot be in that state; some may have been set."""
        raw = to_c(new_regs(), dataclasses.replace(
            registers or self.registers(), **changes))
        with self.machine._handle.use() as vm:
            self._told(lib.vireo_vcpu_set_regs(vm, self.index, raw))

    def fpu(self) -> Fpu:
        raw = new_fpu()
        with self.machine._handle.use() as vm:
            self._told(lib.vireo_vcpu_get_fpu(vm, self.index, raw))
        return from_c(Fpu, raw)

    def set_fpu(self, fpu: Optional[Fpu] = None, **changes: Any) -> None:
        """As set_registers()."""
        raw = to_c(new_fpu(), dataclasses.replace(fpu or self.fpu(),
                                                  **changes))
        with self.machine._handle.use() as vm:
            self._told(lib.vireo_vcpu_set_fpu(vm, self.index, raw))

    def msr(self, number: int) -> int:
        """A model-specific register. Code.EINVAL: there is no such one."""
        bounded(number, 0, U32, 'an MSR')
        found = ctypes.c_uint64()
        with self.machine._handle.use() as vm:
            self._told(lib.vireo_vcpu_get_msr(vm, self.index, number, found),
                       f'it has no MSR {number:#x}')
        return found.value

    def set_msr(self, number: int, value: int) -> None:
        bounded(number, 0, U32, 'an MSR')
        bounded(value, 0, U64, 'a value')
        with self.machine._handle.use() as vm:
            self._told(lib.vireo_vcpu_set_msr(vm, self.index, number, value),
                       f'it has no MSR {number:#x}, or not with {value:#x}')

    def translate(self, address: int) -> tuple[int, int]:
        """By its page tables: the guest-physical address of a virtual one, and
        how many bytes from there on lie together. Code.EINVAL: it is not
        mapped."""
        bounded(address, 0, U64, 'an address')
        gpa = ctypes.c_uint64()
        length = ctypes.c_uint64()
        with self.machine._handle.use() as vm:
            self._told(lib.vireo_vcpu_translate(vm, self.index, address, gpa,
                                                length),
                       f'{address:#x} is not mapped')
        return gpa.value, length.value

    def _parts(self, address: int, size: int) -> Iterator[tuple[int, int]]:
        """Where it lies, in pieces."""
        while size:
            gpa, length = self.translate(address & U64)
            length = min(length, size)
            yield gpa, length
            address += length
            size -= length

    def read(self, address: int, size: int) -> bytes:
        """Memory by virtual addresses, a copy. There is another byte where a
        breakpoint in software is."""
        bounded(address, 0, U64, 'an address')
        bounded(size, 0, SIZE_MAX, 'a size')
        return b''.join(self.machine.memory_read(*part)
                        for part in self._parts(address, size))

    def write(self, address: int, data: Buffer) -> None:
        """Nothing is written when not all of it is mapped."""
        bounded(address, 0, U64, 'an address')
        raw = raw_bytes(data)
        for gpa, length in list(self._parts(address, len(raw))):
            self.machine.memory_write(gpa, raw[:length])
            raw = raw[length:]

    def step(self, timeout: Optional[float] = None) -> Hit:
        """Lets it alone execute one instruction, also one at a breakpoint, and
        waits until it is done. What comes may be something else, that was to
        be told before: then it is not done. Code.ESTATE also with key "gdb"."""
        with self.machine._handle.use() as vm, self.machine._one_debugger():
            self._told(lib.vireo_vcpu_step(vm, self.index))
            return self.machine.wait_hit(timeout)

    def run(self) -> None:
        """Runs it on this thread until the VM has ended: for machines of a
        Config with own_threads(). Before the start it waits. Callbacks of
        devices run here, with their rules. stop() and close() of other threads
        let it out; Ctrl-C is not heard meanwhile, so it is none for the main
        thread."""
        handle = self.machine._handle
        with handle.use() as vm:
            code = lib.vireo_vcpu_run(vm, self.index)
            if code == Code.ESTATE and handle.closed:
                raise VireoClosed(code, f'{handle.what}: it was closed')
            told(code, {
                Code.ESTATE: f'vCPU {self.index}: the VM has threads itself '
                             '(Config.own_threads()), or has ended, or '
                             'another thread runs it'})


class Breakpoint:
    """A place where a guest stops, until remove(), or the end of a `with`
    block, takes it away."""

    def __init__(self, machine: Debugged, kind: Break, address: int,
                 length: int) -> None:
        self.machine = machine
        self.kind = kind
        self.address = address
        self.length = length

    def __repr__(self) -> str:
        return f'<vireo.Breakpoint {self.kind.name} at {self.address:#x}>'

    def remove(self) -> None:
        """Code.EINVAL: it is gone. A guest that runs is held meanwhile."""
        with self.machine.paused(), self.machine._handle.use() as vm:
            told(lib.vireo_break_remove(vm, self.kind, self.address,
                                        self.length),
                 {Code.EINVAL: f'breakpoint at {self.address:#x}: there is '
                               'none any more'})

    def __enter__(self) -> Breakpoint:
        return self

    def __exit__(self, *_: Any) -> None:
        # With the guest it has ended, too.
        with contextlib.suppress(VireoError):
            self.remove()


class Debugged(Memory):
    """The part of a Machine that looks into its guest."""

    def _init_debug(self, cpus: int) -> None:
        self._cpus = cpus
        self._stand = threading.RLock()  # guards what follows
        self._stands = False         # by pause(), or a hit
        self._holders: dict[object, int] = {}  # paused() -> its thread
        self._passing: dict[int, int] = {}  # vCPU -> breakpoint it stands at
        self._debugger = threading.RLock()  # who waits for hits

    @property
    def vcpus(self) -> list[Vcpu]:
        return [Vcpu(self, index) for index in range(self._cpus)]

    # ---- standing still ----

    def _ended(self) -> str:
        """How, or ""."""
        raw = _native.End()
        with self._handle.use() as vm:
            ended = lib.vireo_wait(vm, 0, raw) == 0
        return f'it has ended: {decode(raw.verdict)}' if ended else ''

    def _is_running(self, code: int) -> None:
        if code == Code.ESTATE:
            state_error(f'VM: {self._ended() or "it is not started"}')
        check(code)

    def pause(self) -> None:
        """Makes the guest stand still: every vCPU is out of it, until resume().
        Its clocks go on, and so do keys "timeout" and "idle-timeout"."""
        with self._handle.use() as vm, self._stand:
            self._is_running(lib.vireo_pause(vm))
            self._stands = True

    def resume(self) -> None:
        """Lets it go on, as soon as no paused() block holds it. A vCPU that
        stands at a breakpoint would hit it again: see next_hit()."""
        with self._handle.use() as vm, self._stand:
            if not self._holders:
                self._is_running(lib.vireo_resume(vm))
            self._stands = False
            self._passing.clear()

    @contextlib.contextmanager
    def paused(self: SomeDebugged) -> Iterator[SomeDebugged]:
        """The guest stands still in the block, and goes on at its end, unless
        it is to stand still anyway. Blocks may nest, in any number of
        threads."""
        hold = object()
        try:
            with self._handle.use() as vm, self._stand:
                self._holders[hold] = threading.get_ident()
                self._is_running(lib.vireo_pause(vm))
            yield self
        finally:
            # It may have ended, or been closed, meanwhile.
            with (contextlib.suppress(VireoError), self._handle.use() as vm,
                  self._stand):
                if (self._holders.pop(hold, None) and not self._holders and
                        not self._stands):
                    lib.vireo_resume(vm)

    # ---- where it stops ----

    def add_breakpoint(self, address: int, *, hardware: bool = False,
                       cpu: int = 0) -> Breakpoint:
        """Stops the guest, all vCPUs, before the instruction at a virtual
        address. In software that is a byte in RAM, found by the page tables of
        vCPU `cpu`, and lost when the guest resets itself; `hardware` is the
        CPU's own, at most four. Code.EHOST: no more of them, or this host
        cannot. A guest that runs is held meanwhile."""
        return self._add(Break.BREAK_HARDWARE if hardware else
                         Break.BREAK_SOFTWARE, address, 1, cpu)

    def add_watchpoint(self, address: int, length: int = 8, *,
                       reads: bool = False) -> Breakpoint:
        """Stops it after a write to (`reads`: or a read of) 1, 2, 4 or 8 bytes
        at a virtual address, a multiple of that. As add_breakpoint()."""
        return self._add(Break.WATCH_ACCESS if reads else Break.WATCH_WRITE,
                         address, length, 0)

    def _add(self, kind: Break, address: int, length: int,
             cpu: int) -> Breakpoint:
        bounded(address, 0, U64, 'an address')
        bounded(length, 0, U32, 'a length')
        bounded(cpu, 0, self._cpus - 1, 'a vCPU')
        with self.paused(), self._handle.use() as vm:
            what = f'{kind.name} at {address:#x}'
            told(lib.vireo_break_add(vm, cpu, kind, address, length), {
                Code.EINVAL: f'{what}: it is not mapped to RAM, or not '
                             f'a multiple of its {length} bytes, of 1 to 8',
                Code.EHOST: f'{what}: there are no more of these, or they do '
                            'not work on this host',
                Code.ESTATE: f'{what}: the VM has ended, or its breakpoints '
                             'are those of key "gdb"'})
        return Breakpoint(self, kind, address, length)

    # ---- hits ----

    def hit_fileno(self) -> int:
        """A descriptor that polls readable when wait_hit() has something to
        tell. Do not read it."""
        with self._handle.use() as vm:
            return check(lib.vireo_hit_fd(vm))

    @contextlib.contextmanager
    def _one_debugger(self) -> Iterator[None]:
        if not self._debugger.acquire(blocking=False):
            state_error('VM: another thread waits for its hits')
        try:
            yield
        finally:
            self._debugger.release()

    def _look(self, vm: Any, raw: Any) -> int:
        with self._stand:
            code: int = lib.vireo_hit_wait(vm, 0, raw)
            if code == 0:
                self._passing.pop(raw.cpu, None)
                # A step was done because it stood still, and changes nothing.
                self._stands = self._stands or not raw.stepped
                if not raw.stepped and raw.kind in (Break.BREAK_SOFTWARE,
                                                    Break.BREAK_HARDWARE):
                    self._passing[raw.cpu] = raw.va
        return code

    def wait_hit(self, timeout: Optional[float] = None) -> Hit:
        """Until something was hit, or a step is done, at most `timeout`
        seconds (VireoTimeout): then the guest stands still. Code.ESTATE: it
        has ended. One thread at a time."""
        raw = _native.Hit(size=ctypes.sizeof(_native.Hit))
        with self._one_debugger():
            code = wait_for(
                self._handle, lambda vm: self._look(vm, raw),
                lambda vm: (check(lib.vireo_hit_fd(vm)),
                            check(lib.vireo_event_fd(vm))), timeout)
        if code == Code.ESTATE:
            state_error('VM: ' + (self._ended() or 'it is not started, or its '
                                  'hits are those of key "gdb"'))
        check(code)
        return (Hit(raw.cpu, None, 0) if raw.stepped else
                Hit(raw.cpu, Break(raw.kind), raw.va))

    def next_hit(self, timeout: Optional[float] = None) -> Hit:
        """Lets the guest go on, past the breakpoints where it was told to
        stand, and waits for what it hits next; as wait_hit()."""
        limit = Limit(timeout)
        with self._handle.use(), self._one_debugger():
            if threading.get_ident() in self._holders.values():
                state_error('VM: this thread holds it, by paused()')
            for cpu, address in list(self._passing.items()):
                vcpu = self.vcpus[cpu]
                # Not where somebody has moved it.
                if vcpu.registers().rip == address:
                    hit = vcpu.step(limit.left())
                    if not hit.stepped:
                        return hit
            self.resume()
            return self.wait_hit(limit.left())
