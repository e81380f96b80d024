# SPDX-License-Identifier: BSD-3-Clause
"""Programs for fuzz_virtio_mmio.c: what drivers do, and what hostile ones do.

The first byte is the device; an operation is a byte (what, log2 of the width
<< 3) and its operands; see step() there.
"""
import struct

WIDTH = {1: 0, 2: 1, 4: 2, 8: 3}
RAM, STEP = 0x10000, 0x1000
RNG, BALLOON, SLOW = b"\0", b"\1", b"\2"
INDIRECT, EVENT, PACKED, STATS, REPORTING = 1, 2, 4, 8, 16
PUMP = b"\5"
NEXT, WRITE = 1, 2


def put(off, value):
    return bytes([0, off]) + struct.pack("<I", value)


def get(off):
    return bytes([1, off])


def wput(off, width, value):
    return (bytes([2 | WIDTH[width] << 3]) + struct.pack("<H", off) +
            struct.pack("<Q", value)[:width])


def wget(off, width):
    return bytes([3 | WIDTH[width] << 3]) + struct.pack("<H", off)


def ram(gpa, width, value):
    return (bytes([4 | WIDTH[width] << 3]) + struct.pack("<H", gpa - RAM) +
            struct.pack("<Q", value)[:width])


def itself(what, operand=b""):
    return bytes([6, what]) + operand


def set_up(features=0):
    return bytes([7 | features << 3])


def ring(queue):
    return RAM + queue * 3 * STEP


def kick(queue):
    return put(0x50, queue)


def desc(queue, i, gpa, length, flags, following=0):
    at = ring(queue) + 16 * i
    return (ram(at, 8, gpa) +
            ram(at + 8, 8, length | flags << 32 | following << 48))


def avail(queue, index, *heads):
    at = ring(queue) + STEP
    return b"".join(ram(at + 4 + 2 * i, 2, head)
                    for i, head in enumerate(heads)) + ram(at + 2, 2, index)


def one(queue, gpa, length, flags):
    return (desc(queue, 0, gpa, length, flags) + avail(queue, 1, 0) +
            kick(queue) + PUMP)


def slot(queue, i, gpa, length, flags, number=0):
    """Packed: available in the first round."""
    at = ring(queue) + 16 * i
    return (ram(at, 8, gpa) +
            ram(at + 8, 8, length | number << 32 | (flags | 0x80) << 48))


PAUSE, RESUME, TRIP = itself(0), itself(1), itself(2)
FAIL, BELLS, ASK = itself(4), itself(5), itself(7)


def flip(at, bits):
    return itself(3, struct.pack("<HB", at, bits))


def target(size):
    return itself(6, struct.pack("<I", size))


def by_hand():
    """Every register of a set-up, and what reads back."""
    return (b"".join(get(off) for off in range(0, 0x100, 4)) +
            put(0x70, 1) + put(0x70, 3) + put(0x14, 1) + get(0x10) +
            put(0x24, 1) + put(0x20, 1) + put(0x70, 11) + put(0x30, 0) +
            put(0x38, 16) + put(0x80, RAM) + put(0x84, 0) +
            put(0x90, RAM + STEP) + put(0x94, 0) + put(0xa0, RAM + 2 * STEP) +
            put(0xa4, 0) + put(0x44, 1) + get(0x44) + put(0x70, 15))


def rng_seeds():
    good = set_up() + one(0, RAM + 0x8000, 64, WRITE)
    return {
        "hand": by_hand() + kick(0) + PUMP + get(0x60) + put(0x64, 1),
        "good": good + get(0x60) + put(0x64, 3) + put(0x70, 0) + good,
        "readable": set_up() + one(0, RAM + 0x8000, 64, 0),
        "huge": set_up() + one(0, RAM, 0xffffffff, WRITE),
        "outside": set_up() + one(0, 0xfeb00000, 64, WRITE),
        "two": set_up(EVENT) + desc(0, 0, RAM + 0x8000, 7, 3, 1) +
        desc(0, 1, RAM + 0x9000, 9, WRITE) + avail(0, 1, 0) + kick(0) + PUMP,
        "loop": set_up() + desc(0, 0, RAM + 0x8000, 7, 3, 0) +
        avail(0, 1, 0) + kick(0) + PUMP,
        "jump": set_up() + avail(0, 1000) + kick(0) + PUMP + get(0x70) +
        TRIP + put(0x70, 15) + put(0x70, 0) + good,
        "twice": set_up() + desc(0, 0, RAM + 0x8000, 8, WRITE) +
        avail(0, 2, 0, 0) + kick(0) + PUMP,
        "packed": set_up(PACKED | EVENT) +
        slot(0, 0, RAM + 0x8000, 8, WRITE) +
        slot(0, 1, RAM + 0x8100, 8, WRITE, 1) + kick(0) + PUMP + TRIP,
        "packed-id": set_up(PACKED) + slot(0, 0, RAM + 0x8000, 8, WRITE, 99) +
        kick(0) + PUMP,
        "indirect": set_up(INDIRECT) + ram(RAM + 0x7000, 8, RAM + 0x8000) +
        ram(RAM + 0x7008, 8, 32 | WRITE << 32) +
        one(0, RAM + 0x7000, 16, 4),
        "bad-queue": put(0x70, 1) + put(0x70, 3) + put(0x24, 1) +
        put(0x20, 1) + put(0x70, 11) + put(0x44, 1) + get(0x44) +
        put(0x30, 99) + put(0x44, 1) + put(0x70, 15) + get(0x70),
        "no-queue": put(0x70, 1) + put(0x70, 3) + put(0x24, 1) +
        put(0x20, 1) + put(0x70, 11) + put(0x70, 15) + get(0x70) + TRIP,
        "no-features": put(0x20, 1) + put(0x70, 1) + put(0x70, 3) +
        put(0x20, 4) + put(0x70, 11) + put(0x70, 2) + put(0x70, 0x41),
        "failed": good + put(0x70, 0x8f) + kick(0) + PUMP + put(0x70, 15) +
        TRIP + put(0x70, 0),
        "late": good + put(0x38, 2) + put(0x80, 0) + put(0x44, 0) +
        put(0xc0, 1) + get(0xc0),
        "widths": wget(0x70, 1) + wget(0x71, 4) + wput(0x70, 2, 1) +
        wget(0x100, 1) + wget(0xff8, 8) + wput(0x100, 4, 7) +
        wput(0xfe, 4, 7) + wput(0x50, 8, 0) + kick(0xffffffff),
        "paused": good + PAUSE + PAUSE + avail(0, 2, 0, 0) + kick(0) + PUMP +
        TRIP + RESUME + PUMP + PAUSE + put(0x70, 0) + RESUME,
        "saved": TRIP + good + TRIP + flip(0x50, 1) + flip(0x200, 0x80) +
        itself(6),
        "broken": good + FAIL + kick(0) + PUMP + PAUSE + RESUME + TRIP,
        "no-bells": BELLS + good + BELLS + put(0x70, 0) + good,
        "vectors": b"".join(flip(at, 4) for at in range(0x38, 0x400, 97)),
    }


def balloon_seeds():
    queues = STATS | REPORTING
    pages = b"".join(ram(RAM + 0xf000 + 4 * i, 4, page) for i, page in
                     enumerate((0x1d, 0x1e, 0x1d, 0x1c, 0, 0x1f, 0x20,
                                0xffffffff, 0)))
    stats = b"".join(ram(RAM + 0xf000 + i, 2, value) for i, value in
                     ((0, 4), (2, 77), (10, 99), (20, 5)))
    good = set_up(queues) + pages + one(0, RAM + 0xf000, 38, 0)
    held = set_up(queues) + stats + one(2, RAM + 0xf000, 30, 0)
    again = avail(2, 2, 0, 1) + desc(2, 1, RAM + 0xf000, 30, 0) + \
        kick(2) + PUMP
    saved = held + TRIP
    return {
        "inflate": good + wput(0x104, 4, 5) + wget(0x100, 8) + ASK,
        "deflate": set_up(queues) + pages + one(1, RAM + 0xf000, 36, 0),
        "report": set_up(queues) + one(3, RAM + 0xe000, 0x2000, WRITE),
        "report-2": set_up(REPORTING) + one(2, RAM + 0xe000, 0x2000, WRITE) +
        one(3, RAM + 0xe000, 0x1000, WRITE),
        "stats": held + again + ASK + PUMP + ASK + PUMP,
        "stats-reset": held + put(0x70, 0) + ASK + PUMP + held,
        "stats-packed": set_up(PACKED | queues) + stats +
        slot(2, 0, RAM + 0xf000, 30, 0) + kick(2) + PUMP + TRIP + ASK + PUMP,
        "target": good + target(0x5000) + get(0x60) + target(0xffffffff) +
        get(0xfc) + wput(0x100, 8, 0xffffffffffffffff) + ASK + TRIP,
        "saved": saved + PAUSE + ASK + PUMP + RESUME + PUMP,
        "changed": held + b"".join(flip(at, 1) for at in
                                   range(0x38, 0x900, 223)),
    }


def seeds():
    found = {"rng-" + name: RNG + data for name, data in rng_seeds().items()}
    found.update({"balloon-" + name: BALLOON + data
                  for name, data in balloon_seeds().items()})
    found["rng-slow"] = SLOW + set_up() + one(0, RAM + 0x8000, 64, WRITE) + \
        avail(0, 2, 0, 0) + kick(0) + PUMP + PUMP
    found["empty"] = b""
    return found
