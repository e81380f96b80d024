# SPDX-License-Identifier: BSD-3-Clause
"""A vCPU's registers, as they were: each is a value of its own, which changes
neither by itself nor the guest."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, TypeVar

from . import _native
from ._enums import Code
from ._errors import VireoError, bounded

Kind = TypeVar('Kind')


@dataclass(frozen=True)
class Segment:
    """A segment register, with what the CPU keeps of its descriptor."""
    base: int
    limit: int
    selector: int
    access: int  # bits 40 to 55 of a descriptor, without the limit's

    def __str__(self) -> str:
        return (f'{self.selector:04x} base {self.base:016x} '
                f'limit {self.limit:08x} access {self.access:04x}')


@dataclass(frozen=True)
class Registers:
    """General, segment and control registers. str() has them as a table."""
    rax: int
    rbx: int
    rcx: int
    rdx: int
    rsi: int
    rdi: int
    rbp: int
    rsp: int
    r8: int
    r9: int
    r10: int
    r11: int
    r12: int
    r13: int
    r14: int
    r15: int
    rip: int
    rflags: int
    cs: Segment
    ds: Segment
    es: Segment
    fs: Segment
    gs: Segment
    ss: Segment
    tr: Segment
    ldt: Segment
    gdt_base: int
    idt_base: int
    gdt_limit: int
    idt_limit: int
    cr0: int
    cr2: int
    cr3: int
    cr4: int
    cr8: int
    efer: int
    apic_base: int

    def __str__(self) -> str:
        numbers = [(name, value) for name, value in vars(self).items()
                   if not isinstance(value, Segment)]
        cells = [f'{name:9} {value:016x}' for name, value in numbers]
        rows = [' '.join(cells[at:at + 3]).rstrip()
                for at in range(0, len(cells), 3)]
        return '\n'.join(rows + [
            f'{name:9} {value}' for name, value in vars(self).items()
            if isinstance(value, Segment)])


@dataclass(frozen=True)
class Fpu:
    """Floating-point state, as FXSAVE knows it; bytes have the lowest first."""
    st: tuple[bytes, ...]   # 8 of 10 bytes, ST(0) first
    xmm: tuple[bytes, ...]  # 16 of 16 bytes
    fcw: int
    fsw: int
    fop: int
    ftw: int    # a bit for each register that is in use
    fip: int
    fdp: int
    mxcsr: int


ST_SIZE = 10  # of the 16 bytes that a register of the x87 has


def _value(name: str, raw: Any) -> Any:
    if isinstance(raw, ctypes.Structure):
        return from_c(Segment, raw)
    if isinstance(raw, ctypes.Array):
        rows = [bytes(row) for row in raw]
        return tuple(row[:ST_SIZE] if name == 'st' else row for row in rows)
    return raw


def from_c(kind: type[Kind], raw: Any) -> Kind:
    """A Registers, an Fpu or a Segment, of the struct that it is in C."""
    return kind(**{name: _value(name, getattr(raw, name))
                   for name, _ in raw._fields_ if name != 'size'})


def _fill_rows(into: Any, name: str, rows: Any) -> None:
    size = ST_SIZE if name == 'st' else len(into[0])
    if len(rows) != len(into) or any(len(row) != size for row in rows):
        raise VireoError(Code.EINVAL, f'{name}: it is {len(into)} times '
                         f'{size} bytes')
    for at, row in enumerate(rows):
        ctypes.memmove(into[at], bytes(row), size)


def to_c(made: Any, value: Any) -> Any:
    """The other way, into a struct. A number that is too large is refused."""
    if hasattr(made, 'size'):
        made.size = ctypes.sizeof(made)
    for name, kind in made._fields_:
        if name == 'size':
            continue
        field = getattr(value, name)
        if issubclass(kind, ctypes.Structure):
            to_c(getattr(made, name), field)
        elif issubclass(kind, ctypes.Array):
            _fill_rows(getattr(made, name), name, field)
        else:
            setattr(made, name, bounded(
                field, 0, (1 << 8 * ctypes.sizeof(kind)) - 1, name))
    return made


def new_regs() -> Any:
    return _native.Regs(size=ctypes.sizeof(_native.Regs))


def new_fpu() -> Any:
    return _native.Fpu(size=ctypes.sizeof(_native.Fpu))
