# SPDX-License-Identifier: BSD-3-Clause
"""Seeds for the file system's target: small programs, see fuzz_fs.c."""

# the server and the device
READ_ONLY, LARGE, NO_CACHE, CACHE, WRITEBACK, STORED, LOCKS, OWN = (
    1, 2, 4, 8, 16, 32, 64, 128)
LAYER = NO_CACHE | CACHE
# what is negotiated
PACKED, EVENT, INDIRECT, RING_RESET = 1, 2, 4, 8
# shapes of a request
URGENT, SPLIT, CUT, TABLE, PATCHED = 1, 2, 4, 8, 16
ROOT = 0
STALE, RAW = 16, 32  # numbers: of an older generation; as they are
TOO_LONG, LONGEST, OWNER, OURS, INIT_FILE = 24, 26, 28, 29, 30

(LOOKUP, FORGET, GETATTR, SETATTR, READLINK, SYMLINK) = range(1, 7)
(MKNOD, MKDIR, UNLINK, RMDIR, RENAME, LINK, OPEN, READ, WRITE, STATFS,
 RELEASE) = range(8, 19)
(FSYNC, SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR, FLUSH, INIT, OPENDIR,
 READDIR, RELEASEDIR, FSYNCDIR, GETLK, SETLK, SETLKW) = range(20, 34)
CREATE, INTERRUPT, DESTROY = 35, 36, 38
(BATCH_FORGET, FALLOCATE, READDIRPLUS, RENAME2, LSEEK, COPY) = range(42, 48)
SYNCFS = 50

(A, B, D, E, H, S, L, OUT, FIFO, NEW, NEW2, NEW3, EMPTY, DOT, DOTS, SLASH,
 SECRET, OUT_SECRET, DB, _, USER_X, USER_Y, SECURITY, OUTSIDE) = range(24)

# the host's deeds
(SWAP_FOLDER, REMOVE_A, PUT_A, SWAP_FIFO, SWAP_LINK, MKDIR_E, E_INTO_D,
 E_OUT_OF_D, D_INTO_E, D_OUT_OF_E, REMOVE_E, PUT_S) = range(12)
MARK_A, MARK_D = 240, 248  # up to + 5: a stored owner, see host_marks()
LOCK_A = 236  # and the kind of lock

READ_LOCK, WRITE_LOCK, UNLOCK, WHOLE, ALL = 0, 1, 2, 4, 64

O_WRONLY, O_RDWR, O_EXCL, O_TRUNC, O_APPEND = 1, 2, 0o200, 0o1000, 0o2000
END = 0xFFFF


def ask(opcode, node=ROOT, name=A, a=0, b=0, *, name2=NEW2, other=ROOT,
        handle=0, shape=0, room=255, patches=()):
    """@patches: (where, what)"""
    out = bytes((opcode, shape | (PATCHED if patches else 0), room, node, name,
                 name2, other, handle, a >> 8, a & 255, b >> 8, b & 255))
    if patches:
        out += bytes((len(patches),))
    for at, value in patches:
        out += bytes((at >> 8, at & 255, value))
    return out


def host(*deeds):
    return b"".join(bytes((64, deed)) for deed in deeds)


def run(features=0):
    return bytes((65, features))


def config(off):
    return bytes((66, off))


def ring_reset(n):
    return bytes((67, n))


def flood(count):
    return bytes((68, count // 2))


def raw(n, *bufs, writable=0):
    return bytes((69, n, len(bufs) - 1, writable)) + bytes(
        v for buf in bufs for v in buf)


def save(count=0, at=0):
    return bytes((70, count)) + (bytes((at >> 8, at & 255)) if count else b"")


def impossible(how):
    return bytes((71, how))


def starved(opcode, *args, **more):
    return bytes((72,)) + ask(opcode, *args, **more)


START = ask(INIT, a=END)
LOOK = START + ask(LOOKUP, name=A) + ask(LOOKUP, name=D) + \
    ask(LOOKUP, node=2, name=B)  # nodes 1, 2, 3


def names():
    yield "look", LOOK + b"".join(ask(LOOKUP, name=n) for n in range(28)) + \
        ask(LOOKUP, 1) + ask(LOOKUP, 2, OUT) + ask(LOOKUP, STALE + 1) + \
        ask(LOOKUP, RAW + 99) + ask(LOOKUP, 255) + ask(LOOKUP, RAW)
    yield "make", START + ask(MKDIR, name=NEW, a=0o755) + \
        ask(MKDIR, 1, NEW, 0o7777) + ask(MKNOD, 1, NEW2, 0o6755) + \
        ask(MKNOD, 1, NEW3, 0o600, 1) + ask(SYMLINK, 1, L, name2=OUTSIDE) + \
        ask(READLINK, 4) + ask(READLINK, 1) + ask(READLINK, RAW + 99) + \
        ask(MKDIR, name=NEW) + ask(MKDIR, name=H) + ask(MKNOD, name=H) + \
        ask(SYMLINK, name=H) + ask(SYMLINK, name=NEW) + ask(MKNOD, name=A) + \
        ask(MKNOD, 4) + ask(SYMLINK, RAW + 99) + ask(MKDIR, RAW + 99)
    yield "make-odd", START + b"".join(
        ask(op, name=n, other=ROOT) for op in (MKDIR, MKNOD, SYMLINK, CREATE,
                                               UNLINK, RMDIR, LINK, RENAME)
        for n in (EMPTY, DOT, DOTS, SLASH, SECRET, TOO_LONG, LONGEST, H))
    yield "remove", LOOK + ask(OPEN, 1, a=O_RDWR) + ask(UNLINK) + \
        ask(GETATTR, 1) + ask(UNLINK) + ask(RMDIR, name=D) + \
        ask(UNLINK, name=D) + ask(UNLINK, 2, B) + ask(RMDIR, name=D) + \
        ask(LOOKUP, 2, B) + ask(GETATTR, 3) + ask(FORGET, 1, a=1) + \
        ask(RELEASE, 1, handle=1) + ask(FORGET, 3, a=9) + \
        ask(RMDIR, RAW + 99) + ask(UNLINK, name=LONGEST)
    yield "rename", LOOK + ask(RENAME2, a=2, name2=D) + \
        ask(RENAME2, a=2, name2=D) + ask(RENAME, name=A, name2=NEW) + \
        ask(RENAME, name=NEW, name2=A, other=2) + \
        ask(RENAME, name=D, name2=NEW, other=2) + \
        ask(RENAME, 2, A, name2=B, other=2) + ask(GETATTR, 3) + \
        ask(RENAME2, 2, B, 1, name2=B) + ask(RENAME2, name=S, a=1,
                                             name2=FIFO) + \
        ask(RENAME2, name=D, a=2, name2=S) + ask(RENAME2, name=D, a=4) + \
        ask(RENAME, name=H) + ask(RENAME, name=A, name2=H) + \
        ask(RENAME, RAW + 99) + ask(RENAME, other=RAW + 99) + \
        ask(RENAME, name=S, name2=D) + ask(RENAME, name=D, name2=S)
    yield "link", LOOK + ask(LINK, name=NEW, other=1) + \
        ask(LINK, 2, NEW, other=3) + ask(LINK, name=NEW, other=2) + \
        ask(LINK, other=RAW + 99) + ask(LINK, RAW + 99) + \
        ask(LINK, name=B, other=1) + ask(UNLINK) + ask(LOOKUP, name=NEW) + \
        ask(LOOKUP, 2, NEW) + ask(GETATTR, 1)


def own():
    """Nodes 1 and 2 are the folder and the file."""
    yield "own", START + ask(LOOKUP, name=OURS) + \
        ask(LOOKUP, 1, INIT_FILE) + ask(LOOKUP, 1, A) + \
        ask(LOOKUP, 2, INIT_FILE) + ask(LOOKUP, 1, EMPTY) + \
        ask(GETATTR, 1) + ask(GETATTR, 2) + ask(OPEN, 2) + \
        ask(READ, 2, b=4096, handle=1) + ask(OPEN, 2, a=O_RDWR) + \
        ask(OPEN, 2, a=O_TRUNC) + ask(WRITE, 2, b=4, handle=1) + \
        ask(OPENDIR) + ask(READDIRPLUS, handle=2, b=9000) + \
        ask(OPENDIR, 1) + ask(OPENDIR, 2) + ask(STATFS, 1) + \
        ask(STATFS, 2) + ask(READLINK, 1) + ask(READLINK, 2) + \
        b"".join(ask(op, node, name, 1, 2) for node in (1, 2)
                 for op in (SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR)
                 for name in (USER_X,)) + \
        b"".join(ask(SETATTR, node, a=9, b=4) for node in (1, 2)) + \
        b"".join(ask(op, node, name, 1, other=2, name2=NEW)
                 for op in (MKDIR, MKNOD, SYMLINK, CREATE, UNLINK, RMDIR,
                            LINK, RENAME, RENAME2)
                 for node, name in ((ROOT, OURS), (1, INIT_FILE), (1, NEW),
                                    (2, NEW))) + \
        ask(RENAME, name2=INIT_FILE, other=1) + ask(RENAME, name2=OURS) + \
        ask(LINK, name=NEW, other=2) + ask(FORGET, 1, a=END) + \
        ask(FORGET, 2, a=END) + ask(READ, 2, b=9, handle=1) + \
        ask(INIT, a=END) + ask(GETATTR, 2) + ask(READ, 2, b=9, handle=1) + \
        b"".join(ask(MKDIR, name=n, a=0o700) for n in (NEW, NEW2, NEW3)) + \
        b"".join(ask(GETATTR, RAW + n) for n in range(2, 20)) + \
        ask(DESTROY) + impossible(32)


def attributes():
    yield "attributes", LOOK + ask(GETATTR) + ask(GETATTR, 1) + \
        b"".join(ask(SETATTR, 1, a=1 << bit, b=0o644) for bit in range(11)) + \
        ask(SETATTR, 2, a=9, b=0o2755) + ask(SETATTR, 1, a=8, b=END) + \
        ask(SETATTR, 1, a=8, b=0xFFFE) + ask(OPEN, 1, a=O_RDWR) + \
        ask(SETATTR, 1, a=72, b=5, handle=1) + \
        ask(SETATTR, 3, a=72, b=5, handle=1) + \
        ask(SETATTR, 1, a=48, b=0xFFFF) + ask(SETATTR, 1, a=6, b=0) + \
        ask(SETATTR, RAW + 99) + ask(LOOKUP, name=L) + \
        ask(SETATTR, 4, a=9, b=0o600) + ask(LOOKUP, name=S) + \
        ask(SETATTR, 5, a=8, b=2) + ask(OPEN, 5, a=O_WRONLY) + ask(STATFS) + \
        ask(STATFS, 1) + ask(STATFS, RAW + 99) + ask(SETATTR, 1, a=4, b=2)
    yield "xattr", LOOK + ask(SETXATTR, 1, USER_X, b=9) + \
        ask(SETXATTR, 1, USER_Y, b=0) + ask(SETXATTR, 1, USER_X, 1) + \
        ask(SETXATTR, 1, SECURITY, b=9) + ask(GETXATTR, 1, USER_X) + \
        ask(GETXATTR, 1, USER_X, 64) + ask(GETXATTR, 1, USER_X, 4) + \
        ask(GETXATTR, 1, USER_X, 64, room=10) + ask(LISTXATTR, 1) + \
        ask(LISTXATTR, 1, a=64) + ask(LISTXATTR, 1, a=9) + \
        ask(LISTXATTR, 1, a=END) + ask(GETXATTR, 1, USER_X, END) + \
        ask(REMOVEXATTR, 1, USER_X) + ask(REMOVEXATTR, 1, USER_X) + \
        ask(REMOVEXATTR, 1, SECURITY) + ask(GETXATTR, 1, SECURITY) + \
        ask(SETXATTR, 1, TOO_LONG) + ask(GETXATTR, 1, LONGEST) + \
        ask(LOOKUP, name=FIFO) + ask(SETXATTR, 4, USER_X, b=9) + \
        ask(GETXATTR, 4, USER_X) + ask(LISTXATTR, 4) + ask(LISTXATTR) + \
        ask(REMOVEXATTR, 4, USER_X) + ask(GETXATTR, RAW + 99, USER_X) + \
        ask(SETXATTR, 1, USER_X, b=60000) + ask(SETXATTR, 2, USER_X, b=8) + \
        ask(SETXATTR, 1, USER_X, b=4, patches=((40, 200),)) + \
        ask(SETXATTR, 1, USER_X, b=0, patches=((54, 1),)) + \
        ask(SETXATTR, 1, USER_X, b=0, patches=((0, 42),)) + \
        ask(LISTXATTR, room=9)


def owners():
    yield "owners", LOOK + b"".join(
        host(mark + i) + ask(GETATTR, node)
        for mark, node in ((MARK_A, 1), (MARK_D, 2)) for i in range(6)) + \
        ask(SETATTR, 1, a=7, b=0o4755) + ask(SETATTR, 1, a=6, b=0) + \
        ask(SETATTR, 1, a=1, b=0o444) + ask(SETATTR, 1, a=1, b=0o7777) + \
        ask(OPEN, 1, a=O_RDWR) + ask(WRITE, 1, handle=1, a=0x400, b=9) + \
        ask(SETATTR, 1, a=1, b=0o6755) + ask(OPEN, 1, a=O_RDWR | O_TRUNC) + \
        ask(SETATTR, 1, a=1, b=0) + ask(GETATTR, 1) + ask(OPEN, 1) + \
        ask(SETATTR, 2, a=3, b=0o3000) + ask(SETATTR, 2, a=1, b=0) + \
        ask(LOOKUP, 2, B) + ask(MKDIR, 2, NEW, 0o7777) + \
        ask(CREATE, 2, NEW2, a=O_RDWR, b=0o6000) + ask(UNLINK, 2, NEW2) + \
        ask(LOOKUP, name=L) + ask(SETATTR, 6, a=7, b=5) + \
        ask(LOOKUP, name=FIFO) + ask(SETATTR, 7, a=7, b=5) + \
        ask(GETXATTR, 1, OWNER, 64) + ask(SETXATTR, 1, OWNER, b=9) + \
        ask(REMOVEXATTR, 1, OWNER) + ask(LISTXATTR, 1, a=64)
    yield "closed", START + ask(MKDIR, name=NEW, a=0) + \
        ask(MKNOD, 1, NEW2, 0o4000) + ask(OPEN, 2, a=O_RDWR) + \
        ask(SETATTR, 1, a=7, b=0) + ask(OPENDIR, 1) + \
        ask(SYMLINK, 1, NEW3) + ask(LINK, 1, A, other=2) + \
        host(MARK_A + 1) + ask(CREATE, name=A, a=O_RDWR) + \
        ask(RENAME, 1, NEW2, name2=NEW) + ask(WRITE, handle=9, a=0x400) + \
        ask(OPENDIR) + ask(READDIRPLUS, handle=2, b=4096)
    yield "loosened", LOOK + ask(SETATTR, 1, a=1, b=0o444) + \
        ask(OPEN, 1, a=O_RDWR) + ask(SETATTR, 2, a=1, b=0o555) + \
        ask(MKDIR, 2, NEW, 0o755) + ask(OPENDIR, 2) + ask(GETATTR, 2)


def locks():
    def lock(op, kind, who, handle=1, a=0, **more):
        return ask(op, 1, handle=handle, a=a, b=kind | who << 3, **more)

    held = LOOK + ask(OPEN, 1, a=O_RDWR) + ask(OPEN, 1, a=O_RDWR) + \
        lock(SETLK, WRITE_LOCK | ALL, 1)
    wait = lock(SETLKW, READ_LOCK | ALL, 2)
    yield "locks", held + lock(GETLK, READ_LOCK, 2) + \
        lock(GETLK, WRITE_LOCK | ALL, 1) + lock(SETLK, READ_LOCK, 2) + \
        lock(SETLK, UNLOCK, 1, a=5) + lock(SETLK, WRITE_LOCK, 2, a=5) + \
        lock(SETLK, UNLOCK | ALL, 1) + lock(SETLK, UNLOCK | ALL, 2) + \
        lock(SETLK, UNLOCK, 3) + lock(SETLK, WRITE_LOCK | WHOLE, 1) + \
        lock(SETLK, READ_LOCK | WHOLE, 2) + \
        lock(GETLK, READ_LOCK | WHOLE, 2) + \
        lock(SETLK, READ_LOCK | WHOLE, 1) + \
        lock(SETLK, UNLOCK | WHOLE, 1) + lock(SETLK, 3, 1) + \
        lock(SETLK, READ_LOCK | 128, 1, a=99) + \
        lock(SETLK, READ_LOCK, 1, a=END) + lock(GETLK, UNLOCK, 1) + \
        lock(SETLK, READ_LOCK, 1, handle=9) + \
        lock(GETLK, READ_LOCK, 1, handle=9) + \
        lock(SETLK, READ_LOCK, 1, room=9) + \
        lock(GETLK, READ_LOCK, 1, room=9) + \
        b"".join(lock(SETLK, READ_LOCK, n % 8, handle=1 + n % 2)
                 for n in range(20)) + ask(FLUSH, 1, handle=1, b=1) + \
        ask(RELEASE, 1, handle=1, a=0x200, b=1) + \
        ask(RELEASE, 1, handle=2) + starved(SETLK, 1, handle=1)
    yield "waits", held + b"".join(
        wait + bytes((how,)) + ask(GETATTR, 1) for how in (0, 40, 240)) + \
        lock(SETLKW, READ_LOCK | ALL, 2, shape=URGENT) + bytes((0,)) + \
        wait + bytes((1,)) + ask(GETATTR, 1) + ask(INTERRUPT, a=9) + \
        wait + bytes((2,)) + ask(GETATTR, 1)
    yield "host-locks", LOOK + ask(OPEN, 1, a=O_RDWR) + \
        host(LOCK_A + WRITE_LOCK) + lock(SETLK, READ_LOCK, 1) + \
        lock(GETLK, READ_LOCK, 1) + lock(GETLK, READ_LOCK | ALL, 1, a=4) + \
        wait + bytes((83,)) + host(LOCK_A + READ_LOCK) + \
        lock(SETLK, READ_LOCK, 1) + lock(SETLK, WRITE_LOCK, 1) + \
        ask(SETLKW, 1, handle=1, b=1) + bytes((240,)) + \
        host(LOCK_A + UNLOCK) + ask(UNLINK, name=A) + ask(DESTROY)


def contents():
    yield "open", LOOK + ask(OPEN, 1, a=O_RDWR) + ask(OPEN, 1, a=O_WRONLY) + \
        ask(OPEN, 1, a=O_RDWR | O_TRUNC) + ask(OPEN, 2) + \
        ask(LOOKUP, name=L) + ask(OPEN, 4) + ask(LOOKUP, name=FIFO) + \
        ask(OPEN, 5) + ask(OPEN, RAW + 99) + ask(LOOKUP, name=S) + \
        ask(OPEN, 6, a=O_WRONLY | O_APPEND) + ask(WRITE, handle=4, b=9) + \
        ask(OPEN, 1, room=9) + ask(OPEN, 1, a=END)
    yield "create", START + ask(CREATE, name=NEW, a=O_RDWR, b=0o444) + \
        ask(WRITE, 1, handle=1, b=100) + ask(READ, 1, handle=1, b=END) + \
        ask(CREATE, name=NEW, a=O_EXCL) + ask(CREATE, name=A, a=O_RDWR) + \
        ask(CREATE, name=D, a=O_RDWR) + ask(CREATE, name=FIFO) + \
        ask(CREATE, name=L) + ask(CREATE, name=H) + \
        ask(CREATE, name=NEW3, room=75) + ask(CREATE, RAW + 99) + \
        b"".join(ask(CREATE, name=NEW2, a=1) for _ in range(10))
    yield "data", LOOK + ask(OPEN, 1, a=O_RDWR) + ask(OPEN, 3, a=O_RDWR) + \
        ask(WRITE, 1, handle=1, a=3, b=4000) + \
        ask(READ, 1, handle=1, a=1, b=5000, shape=CUT) + \
        ask(READ, 1, handle=1, b=5000, room=100) + \
        ask(READ, 1, handle=1, a=END, b=9) + \
        ask(READ, 1, handle=1, a=0xFFFE, b=9) + ask(READ, handle=9, b=9) + \
        ask(WRITE, 1, handle=1, a=END, b=9) + \
        ask(WRITE, 1, handle=1, a=0xFFFE, b=9) + ask(WRITE, handle=9) + \
        ask(WRITE, 1, handle=1, b=9, room=10) + \
        ask(WRITE, 1, handle=1, b=9, room=11) + \
        ask(WRITE, 1, handle=1, b=9, patches=((56, 3),)) + \
        ask(WRITE, 1, handle=1, b=9, patches=((58, 255),)) + \
        b"".join(ask(op, 1, handle=h) for op in (
            FLUSH, FSYNC, LSEEK, FALLOCATE, COPY) for h in (1, 9)) + \
        ask(FSYNC, 1, a=1, handle=1) + ask(RELEASE, handle=9)
    yield "space", LOOK + ask(OPEN, 1, a=O_RDWR) + ask(OPEN, 3, a=O_RDWR) + \
        ask(FALLOCATE, handle=1, a=100, b=60000) + \
        ask(FALLOCATE, handle=1, b=60000, other=RAW + 3) + \
        ask(FALLOCATE, handle=1, b=9, other=RAW + 64) + \
        ask(FALLOCATE, handle=1, b=END) + ask(FALLOCATE, handle=1, a=END) + \
        ask(LSEEK, handle=1, b=3) + ask(LSEEK, handle=1, b=4) + \
        ask(LSEEK, handle=1, b=0) + ask(LSEEK, handle=1, a=END, b=3) + \
        ask(LSEEK, handle=1, b=3, room=9) + \
        ask(COPY, handle=1, other=2, b=999) + \
        ask(COPY, handle=1, other=1, a=9, b=9) + \
        ask(COPY, handle=1, other=2, a=END, b=9) + \
        ask(COPY, handle=1, other=2, b=END) + ask(COPY, handle=1, other=9) + \
        ask(COPY, handle=1, other=2, b=9, room=9) + \
        ask(STATFS, room=9) + ask(READLINK, room=9)
    yield "folders", LOOK + ask(OPENDIR) + ask(OPENDIR, 2) + \
        ask(OPENDIR, 1) + ask(OPENDIR, RAW + 99) + ask(OPENDIR, room=9) + \
        b"".join(ask(op, handle=h, a=at, b=size)
                 for op in (READDIR, READDIRPLUS) for h in (1, 2)
                 for at, size in ((0, 4096), (0, 400), (0, 40), (0, 9),
                                  (2, 400), (7, 4096), (5000, 4096),
                                  (END, 4096), (0xFFFE, 4096))) + \
        ask(READDIR, handle=9, b=99) + ask(READDIR, handle=1, b=END, room=90) \
        + ask(READ, handle=1, b=9) + ask(FSYNCDIR, handle=1) + \
        ask(SYNCFS) + ask(SYNCFS, 2, shape=URGENT) + \
        ask(SETATTR, 1, a=72, handle=1) + ask(READDIRPLUS, handle=1, a=8) + \
        host(REMOVE_A) + ask(READDIRPLUS, handle=1, b=4096) + \
        ask(RELEASEDIR, handle=1) + ask(READDIR, handle=1, b=99)


def layers():
    def far(chunk):
        return 0xE000 + 8 * chunk

    def write(handle, at, size=9):
        return ask(WRITE, handle=handle, a=at, b=size)

    yield "chunks", LOOK + ask(OPEN, 1, a=O_RDWR) + \
        ask(CREATE, name=NEW, a=O_RDWR, b=0o600) + ask(OPEN, 3, a=O_RDWR) + \
        write(1, 3, 60000) + write(1, 30000, 60000) + write(2, far(70)) + \
        write(2, far(3), 60000) + write(2, far(3) + 7, 60000) + \
        write(2, far(900)) + write(3, far(2)) + \
        b"".join(ask(READ, handle=h, a=at, b=60000)
                 for h in (1, 2, 3) for at in (0, 9, far(2), far(70))) + \
        b"".join(ask(LSEEK, handle=h, a=at, b=how) for h in (1, 2, 3)
                 for at in (0, far(4), far(60)) for how in (3, 4)) + \
        ask(COPY, handle=2, other=1, a=far(3), b=9000) + \
        ask(COPY, handle=3, other=2, b=15000) + \
        ask(FALLOCATE, handle=2, a=far(3) + 1, b=60000, other=RAW + 3) + \
        ask(FALLOCATE, handle=2, a=100, b=far(500), other=RAW + 3) + \
        ask(FALLOCATE, handle=3, a=2, b=3, other=RAW + 3) + \
        ask(FALLOCATE, handle=3, b=far(1), other=RAW + 16) + \
        ask(FALLOCATE, handle=1, a=10, b=20, other=RAW + 16) + \
        ask(FALLOCATE, handle=1, b=far(40)) + write(1, far(20)) + \
        ask(SETATTR, 1, a=8, b=far(1)) + ask(SETATTR, 1, a=8, b=99) + \
        ask(READ, handle=1, b=60000) + ask(SETATTR, 1, a=8, b=far(3)) + \
        ask(SETATTR, 3, a=8, b=1) + write(3, far(1)) + \
        ask(UNLINK, name=NEW) + ask(RELEASE, handle=2) + ask(OPEN, 1, a=0o1002)
    yield "many-chunks", START + impossible(32 + 3) + b"".join(
        ask(CREATE, name=NEW + n, a=O_RDWR, b=0o600) for n in range(2)) + \
        b"".join(write(1 + n % 2, far(n * 2)) for n in range(140)) + \
        b"".join(write(1, far(n), 60000) for n in range(30)) + \
        ask(STATFS) + b"".join(ask(UNLINK, name=NEW + n) for n in range(2))
    listing = b"".join(
        ask(op, handle=h, a=at, b=size) for op in (READDIR, READDIRPLUS)
        for h in (1, 2) for at, size in (
            (0, 4096), (0, 200), (1, 200), (3, 100), (2, 4096), (5, 4096),
            (0xFFFF, 99), (0xFFFE, 4096), (0, 4096)))
    yield "merged", LOOK + ask(OPENDIR) + ask(OPENDIR, 2) + \
        ask(READDIR, handle=1, b=100) + ask(UNLINK, name=S) + \
        ask(READDIR, handle=1, a=2, b=4096) + ask(MKDIR, name=NEW, a=0o755) + \
        ask(MKDIR, 2, NEW, 0o755) + ask(SYMLINK, name=NEW2, name2=OUTSIDE) + \
        listing + ask(OPENDIR, 4) + \
        b"".join(ask(READDIR, handle=3, a=n, b=200) for n in range(4)) + \
        ask(RMDIR, name=D) + ask(RENAME, name=D, name2=NEW3, other=ROOT) + \
        listing + ask(RMDIR, 2, NEW) + ask(UNLINK, 2, B) + \
        ask(RMDIR, name=NEW3) + ask(RMDIR, name=NEW) + listing + \
        ask(OPENDIR, 2) + ask(READDIR, handle=3, b=99) + \
        ask(READDIR, handle=RAW + 9)


def session():
    yield "before", ask(LOOKUP) + ask(GETATTR) + ask(FORGET) + ask(DESTROY) + \
        ask(INTERRUPT) + ask(BATCH_FORGET, b=3) + ask(63) + \
        ask(INIT, b=1) + ask(INIT, b=4) + ask(INIT, room=8) + \
        ask(INIT, room=30) + ask(INIT, a=END) + ask(LOOKUP) + ask(DESTROY) + \
        ask(GETATTR, 1) + ask(INIT) + ask(GETATTR, 1)
    yield "odd", LOOK + b"".join(
        ask(op, 1, handle=1, room=room, shape=shape)
        for op in range(64) for room, shape in ((0, 0), (9, 8)))
    yield "cut", LOOK + b"".join(
        ask(op, 1, patches=((0, size),))
        for op in range(50) for size in (1, 40, 44, 56))
    yield "opcodes", LOOK + b"".join(
        ask(LOOKUP, 0, A, patches=((4, op),)) for op in range(60))
    yield "text", LOOK + b"".join(
        ask(LOOKUP, 0, S, patches=((40, byte), (41, 0x2F)))
        for byte in b"/.ad") + ask(RENAME, patches=((49, 97),)) + \
        ask(LOOKUP, patches=((41, 97),)) + ask(SYMLINK, patches=((40, 0),)) + \
        ask(SYMLINK, patches=((41, 97),)) + ask(SETXATTR, 1, USER_X, b=65535)
    yield "forget", LOOK + ask(FORGET, 1, a=0) + ask(FORGET, 1, a=1) + \
        ask(GETATTR, 1) + ask(FORGET, a=9) + ask(FORGET, RAW, a=9) + \
        ask(FORGET, 255, a=9) + ask(BATCH_FORGET, a=3, b=9) + \
        ask(BATCH_FORGET, a=END, b=9) + ask(BATCH_FORGET, a=1, b=0) + \
        ask(LOOKUP, name=D) + ask(OPENDIR, 4) + \
        ask(READDIRPLUS, handle=1, b=999) + ask(FORGET, 4, a=9) + \
        ask(READDIRPLUS, handle=1, b=999) + ask(RELEASEDIR, handle=1)
    yield "life", LOOK + ask(OPEN, 1) + run() + START + ask(GETATTR, 1) + \
        ring_reset(0) + ring_reset(1) + save() + save(9, 40) + START + \
        b"".join(map(config, range(0, 60, 3))) + \
        b"".join(map(impossible, range(17))) + \
        raw(0, (0, 9), (2, 9)) + raw(1, (0, 200), (9, 99), writable=2) + \
        raw(1, (0, 4)) + raw(1, (0, 99), writable=1)


def races():
    yield "swapped", LOOK + host(SWAP_FOLDER) + ask(LOOKUP, 2, B) + \
        ask(GETATTR, 3) + ask(OPENDIR, 2) + ask(LOOKUP, name=D) + \
        ask(LOOKUP, 4, _) + ask(LOOKUP, name=OUT) + host(SWAP_FOLDER) + \
        ask(LOOKUP, name=D) + ask(GETATTR, 3) + ask(UNLINK, 2, B)
    yield "replaced", LOOK + host(REMOVE_A) + ask(GETATTR, 1) + \
        ask(OPEN, 1) + host(PUT_A) + ask(GETATTR, 1) + ask(LOOKUP) + \
        host(SWAP_FIFO) + ask(OPEN, 4) + ask(LOOKUP) + ask(OPEN, 5) + \
        ask(CREATE, a=O_RDWR) + host(SWAP_FIFO, SWAP_LINK) + \
        ask(CREATE, a=O_RDWR) + ask(LOOKUP) + ask(OPEN, 6)
    yield "moved", START + host(MKDIR_E) + ask(LOOKUP, name=D) + \
        ask(LOOKUP, name=E) + ask(GETATTR, 1) + ask(GETATTR, 2) + \
        host(E_INTO_D) + ask(LOOKUP, 1, E) + ask(LOOKUP, 2, A) + \
        host(E_OUT_OF_D, D_INTO_E) + ask(LOOKUP, 2, D) + \
        ask(LOOKUP, name=E) + ask(LOOKUP, 2, D) + ask(LOOKUP, 1, B) + \
        host(D_OUT_OF_E) + ask(RENAME, name=E, name2=E, other=1) + \
        ask(LOOKUP, 1, E) + ask(LOOKUP, name=D) + ask(LOOKUP, 1, E) + \
        host(REMOVE_E, PUT_S)
    crowd = b"".join(ask(MKDIR, 4, n, 0o700) for n in range(12)) + \
        b"".join(ask(GETATTR, n) for n in range(16)) + \
        b"".join(ask(GETATTR, RAW + n) for n in range(2, 30))
    yield "crowd", LOOK + ask(MKDIR, name=NEW, a=0o755) + crowd + \
        ask(MKDIR, 2, NEW) + b"".join(
            ask(MKDIR, RAW + n, NEW2) + ask(GETATTR, RAW + n + 17)
            for n in range(6, 24)) + host(SWAP_FOLDER) + crowd + \
        b"".join(ask(UNLINK, 4, n) + ask(RMDIR, 4, n) for n in range(12)) + \
        b"".join(ask(GETATTR, RAW + n) for n in range(2, 40))
    yield "kept", START + b"".join(
        ask(CREATE, name=n % 3 + NEW, a=O_RDWR, b=0o600) +
        ask(UNLINK, name=n % 3 + NEW) + ask(RELEASE, handle=n % 15 + 1)
        for n in range(20)) + b"".join(
            ask(GETATTR, RAW + n) for n in range(2, 24)) + \
        b"".join(ask(FORGET, RAW + n, a=1) for n in range(2, 24))
    yield "starved", LOOK + ask(OPEN, 1, a=O_RDWR) + b"".join(
        starved(op, node, name, handle=1, a=8, b=9)
        for op in range(1, 48) if op not in (FORGET, INIT, RELEASE, DESTROY)
        for node, name in ((ROOT, NEW), (1, USER_X), (2, NEW), (3, B)))
    yield "flood", START + flood(300) + ask(OPENDIR) + \
        ask(READDIR, handle=1, b=9000) + flood(300)


def seeds():
    programs = [(kind.__name__, *rest) for kind in (
        names, own, attributes, owners, locks, contents, session,
        races) for rest in kind()]
    out = {}
    for _, name, program in programs:
        out[name] = bytes((0, 0)) + program
    for how, label in ((READ_ONLY, "ro"), (LARGE, "large"),
                       (NO_CACHE, "uncached"), (CACHE, "cached"),
                       (WRITEBACK, "writeback"), (STORED, "stored"),
                       (LOCKS, "locks"), (OWN, "with"),
                       (OWN | LOCKS, "with-locks")):
        for _, name, program in programs:
            if how == LARGE and name not in ("flood", "crowd"):
                continue
            if how in (NO_CACHE, CACHE) and name not in ("look", "folders",
                                                         "create"):
                continue
            if how == WRITEBACK and name not in ("open", "data"):
                continue
            if how == LOCKS and name not in ("locks", "waits", "host-locks",
                                             "odd", "session", "cut"):
                continue
            if how & OWN and name not in ("own", "look", "crowd", "locks"):
                continue
            if how == STORED and name not in ("owners", "closed", "loosened",
                                              "make", "attributes", "xattr",
                                              "kept"):
                continue
            out[f"{label}-{name}"] = bytes((how, INDIRECT | RING_RESET)) + \
                program
    for _, name, program in programs + [("", *seed) for seed in layers()]:
        if name not in ("locks", "waits", "host-locks"):
            more = WRITEBACK if name in ("open", "data", "merged") else LARGE
            out["layer-" + name] = bytes((LAYER | more, INDIRECT | RING_RESET)) + program
    for features, label in ((PACKED | RING_RESET, "packed"),
                            (PACKED | INDIRECT | EVENT, "table")):
        for _, name, program in programs:
            if name in ("data", "life", "odd"):
                out[f"{label}-{name}"] = bytes((0, features)) + program
    return out
