# SPDX-License-Identifier: BSD-3-Clause
"""The guest's memory, by guest-physical addresses. Guest, devices and these
functions use it at once: who needs a consistent view holds the guest."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from . import _library, _native
from ._devices import U64
from ._enums import Code
from ._errors import (Buffer, VireoError, bounded, check, raw_bytes, told)
from ._handle import Handle

lib = _library.lib


@dataclass(frozen=True)
class Region:
    """Memory that the guest has in one piece."""
    gpa: int
    size: int
    read_only: bool
    lent: bool  # by Config.map_memory()


def _texts(gpa: int, size: int) -> dict[Code, str]:
    return {Code.EINVAL: f'memory: {size} bytes at {gpa:#x}: that is not all '
                         'memory, or is read-only'}


class Memory:
    """The part of a Machine that is its guest's memory."""

    _handle: Handle

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
            told(lib.vireo_memory_read(vm, gpa, buffer, size),
                 _texts(gpa, size))
        return buffer.raw

    def memory_write(self, gpa: int, data: Buffer) -> None:
        """Code.EINVAL: not all of it is memory, or can be written."""
        raw = raw_bytes(data)
        bounded(gpa, 0, U64, 'gpa')
        with self._handle.use(inside=True) as vm:
            told(lib.vireo_memory_write(vm, gpa, raw, len(raw)),
                 _texts(gpa, len(raw)))

    def memory_fill(self, gpa: int, size: int, byte: int = 0) -> None:
        bounded(gpa, 0, U64, 'gpa')
        bounded(size, 0, U64, 'a size')
        bounded(byte, 0, 255, 'a byte')
        with self._handle.use(inside=True) as vm:
            told(lib.vireo_memory_fill(vm, gpa, byte, size),
                 _texts(gpa, size))

    def memory_checksum(self, gpa: int, size: int) -> int:
        """A CRC-32C."""
        found = ctypes.c_uint32()
        bounded(gpa, 0, U64, 'gpa')
        bounded(size, 0, U64, 'a size')
        with self._handle.use(inside=True) as vm:
            told(lib.vireo_memory_checksum(vm, gpa, size, found),
                 _texts(gpa, size))
        return found.value

    def memory_track(self) -> None:
        """Notes from here on which pages are written, by the guest, its devices
        and us; it costs the guest a fault for each page and listing."""
        with self._handle.use() as vm:
            check(lib.vireo_memory_track(vm))

    def memory_dirty(self) -> list[tuple[int, int]]:
        """Runs of pages, of 4096 bytes, that were written since the last call
        or since memory_track(): where each begins, and its length. After a
        reset of the machine all are listed once. One thread at a time."""
        found: list[tuple[int, int]] = []
        with _library.listening() as listen, self._handle.use() as vm:
            told(lib.vireo_memory_dirty(vm, listen(
                'vireo_memory_dirty', 1,
                lambda _, gpa, length: found.append((gpa, length))), None),
                 {Code.ESTATE: 'memory: nothing is noted (memory_track())'})
        return found

