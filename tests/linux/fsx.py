#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""fsx.py FILE SEED OPERATIONS: random operations on a file, by several
descriptors and a mapping, compared with what a buffer in memory would have.

Each difference names the operation and the seed; the same seed does the same.
"""
import ctypes
import mmap
import os
import random
import sys

SIZE = 256 * 1024
LIBC = ctypes.CDLL(None, use_errno=True)
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16


class Model:
    """The file as it should be, and the ways to it."""

    def __init__(self, path, rng):
        self.path = path
        self.rng = rng
        self.data = bytearray()
        self.fds = [os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644),
                    os.open(path, os.O_RDWR)]

    def fd(self):
        return self.rng.choice(self.fds)

    def place(self, inside):
        """An offset and a length; inside: of what is there."""
        end = len(self.data) if inside else SIZE
        at = self.rng.randrange(end + 1)
        return at, self.rng.randrange(1, 16384) if not inside else \
            self.rng.randrange(0, min(end - at, 65536) + 1)

    def put(self, at, data):
        if at > len(self.data):
            self.data.extend(bytes(at - len(self.data)))
        self.data[at:at + len(data)] = data

    # ---- operations ----

    def write(self):
        at, n = self.place(False)
        data = self.rng.randbytes(n)
        if os.pwrite(self.fd(), data, at) != n:
            raise SystemExit('a short write')
        self.put(at, data)

    def read(self):
        at, n = self.place(True)
        return os.pread(self.fd(), n, at) == self.data[at:at + n]

    def read_all(self):
        with open(self.path, 'rb') as f:
            return f.read() == self.data

    def truncate(self):
        n = self.rng.randrange(SIZE)
        os.ftruncate(self.fd(), n)
        if n < len(self.data):
            del self.data[n:]
        else:
            self.put(n, b'')

    def append(self):
        data = self.rng.randbytes(self.rng.randrange(1, 5000))
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        os.write(fd, data)
        os.close(fd)
        self.put(len(self.data), data)

    def mapped(self):
        if not self.data:
            return True
        at, n = self.place(True)
        data = self.rng.randbytes(n)
        with mmap.mmap(self.fd(), len(self.data)) as m:
            same = m[:] == self.data
            m[at:at + n] = data
            if self.rng.random() < 0.5:
                m.flush()
        self.put(at, data)
        return same

    def fallocate(self, mode):
        at, n = self.place(True)
        if not n:
            return
        if LIBC.fallocate(self.fd(), mode, ctypes.c_long(at),
                          ctypes.c_long(n)):
            if ctypes.get_errno() != 95:  # EOPNOTSUPP: nothing happened
                raise OSError(ctypes.get_errno(), 'fallocate')
            return
        self.data[at:at + n] = bytes(n)

    def punch(self):
        self.fallocate(PUNCH_HOLE | KEEP_SIZE)

    def zero(self):
        self.fallocate(ZERO_RANGE | KEEP_SIZE)

    def copy(self):
        at, n = self.place(True)
        to = len(self.data)
        done = os.copy_file_range(self.fds[0], self.fds[1], n, at, to)
        self.put(to, bytes(self.data[at:at + done]))

    def reopen(self):
        os.fsync(self.fds[0])
        os.close(self.fds[0])
        self.fds[0] = os.open(self.path, os.O_RDWR)
        return os.fstat(self.fds[0]).st_size == len(self.data)

    def rename(self):
        os.rename(self.path, self.path + '.other')
        self.path, other = self.path + '.other', self.path
        os.link(self.path, other)
        os.unlink(self.path)
        self.path = other


def main():
    path, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    model = Model(path, rng)
    names = ['write'] * 6 + ['read'] * 6 + [
        'read_all', 'truncate', 'append', 'mapped', 'mapped', 'punch', 'zero',
        'copy', 'reopen', 'rename']
    for number in range(count):
        name = rng.choice(names)
        if len(model.data) > 2 * SIZE:
            name = 'truncate'
        if getattr(model, name)() is False:
            sys.exit(f'seed {seed}, operation {number}: {name} differs')
    if not model.read_all():
        sys.exit(f'seed {seed}: the file differs at the end')
    print(f'{count} operations, {len(model.data)} bytes')


if __name__ == '__main__':
    main()
