#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""core.py CORE RELEASE: is this a core of a Linux of that release, which a
debugger with the kernel's symbols can read?"""

import mmap
import struct
import sys

HALF = 1 << 63


class Core:
    def __init__(self, path):
        with open(path, 'rb') as file:
            self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        head = struct.unpack_from('<16sHHIQQQIHHHHHH', self.bytes)
        if head[0][:7] != b'\177ELF\2\1\1' or head[1:3] != (4, 62):
            raise ValueError('not an ELF core of x86-64')
        self.parts = [struct.unpack_from('<IIQQQQQQ', self.bytes,
                                         head[5] + 56 * n)
                      for n in range(head[10])]
        for part in self.parts:
            if part[2] + part[5] > len(self.bytes):
                raise ValueError('it ends before its parts do')

    def notes(self):
        for kind, _, at, _, _, size, _, _ in self.parts:
            end = at + size
            while kind == 4 and at < end:
                name, desc, number = struct.unpack_from('<III', self.bytes, at)
                at += 12
                text = self.bytes[at:at + name - 1].decode()
                at += (name + 3) & ~3
                yield text, number, self.bytes[at:at + desc]
                at += (desc + 3) & ~3

    def at(self, address, size):
        """What is in memory at a virtual address, and its physical one."""
        for kind, _, offset, virtual, physical, length, _, _ in self.parts:
            inside = address - virtual
            if kind == 1 and 0 <= inside <= length - size:
                return (self.bytes[offset + inside:offset + inside + size],
                        physical + inside)
        raise ValueError(f'{address:#x} is not in it')

    def direct(self, physical):
        """Where the kernel sees a physical address: the last part of them."""
        return [virtual + physical - start
                for kind, _, _, virtual, start, length, _, _ in self.parts
                if kind == 1 and start <= physical < start + length][-1]


def check(path, release):
    core = Core(path)
    notes = list(core.notes())
    registers = [desc for name, number, desc in notes
                 if (name, number) == ('CORE', 1)]
    if len(registers) != 1 or len(registers[0]) != 336:
        raise ValueError(f'registers of {len(registers)} CPUs, not of one')
    rip = struct.unpack_from('<Q', registers[0], 112 + 8 * 16)[0]
    if rip < HALF:
        raise ValueError(f'it stopped at {rip:#x}, not in the kernel')
    info = dict(line.split('=', 1) for name, _, desc in notes
                if name == 'VMCOREINFO'
                for line in desc.decode().splitlines())
    if info['OSRELEASE'] != release:
        raise ValueError(f'it is of {info["OSRELEASE"]}, not of {release}')
    core.at(rip, 16)
    # A variable in the kernel's image: the names that uname(2) gives.
    where = (int(info['SYMBOL(init_uts_ns)'], 16) +
             int(info['OFFSET(uts_namespace.name)']))
    names, physical = core.at(where, 65 * 3)
    if names[:6] != b'Linux\0' or names[130:].split(b'\0')[0].decode() != release:
        raise ValueError(f'init_uts_ns is not at {where:#x}')
    if core.at(core.direct(physical), 65 * 3)[0] != names:
        raise ValueError('its second address leads somewhere else')
    # A pointer to what has been allocated: in the direct map.
    pointer = struct.unpack('<Q', core.at(
        int(info['SYMBOL(mem_section)'], 16), 8)[0])[0]
    core.at(pointer, 8)


if __name__ == '__main__':
    try:
        check(sys.argv[1], sys.argv[2])
    except (OSError, ValueError, KeyError, struct.error) as error:
        sys.exit(f'{sys.argv[1]}: {error!r}')
