# SPDX-License-Identifier: BSD-3-Clause
"""Programs for fuzz_virtio_pci.c: what drivers do, and what hostile ones do.

An operation is a byte (what, log2 of the width << 3, write << 5, card << 6) and
its operands; see step() there.
"""
import struct

WIDTH = {1: 0, 2: 1, 4: 2, 8: 3}
RAM = 0x10000
DESC, AVAIL, USED = RAM, RAM + 0x400, RAM + 0x800
COMMAND, BAR0, ACCESS, MSIX = 0x04, 0x10, 0x84, 0x98
STATUS, CONFIG_VECTOR, SEL, SIZE, VECTOR, ENABLE = (
    0x14, 0x10, 0x16, 0x18, 0x1a, 0x1c)
ISR, CONFIG, NOTIFY, TABLE, PENDING = 0x1000, 0x2000, 0x3000, 0x4000, 0x5000


def op(what, width, value=None, card=0):
    write = value is not None
    return bytes([what | WIDTH[width] << 3 | write << 5 | card << 6])


def operand(width, value):
    return b"" if value is None else struct.pack("<Q", value)[:width]


def cfg(off, width, value=None, card=0):
    return (op(0, width, value, card) + struct.pack("<H", off) +
            operand(width, value))


def anybody(off, width, value=None):
    return (op(1, width, value) + struct.pack("<I", off)[:3] +
            operand(width, value))


def port(off, width, value=None):
    return op(2, width, value) + bytes([off]) + operand(width, value)


def common(off, width, value=None, card=0):
    return op(3, width, value, card) + bytes([off]) + operand(width, value)


def bar(off, width, value=None, card=0):
    return (op(4, width, value, card) + struct.pack("<H", off) +
            operand(width, value))


def ram(gpa, width, value):
    return (op(5, width, value) + struct.pack("<H", gpa - RAM) +
            operand(width, value))


def itself(what, card=0):
    return op(6, 1, None, card) + bytes([what])


def anywhere(gpa, width, value=None):
    return op(7, width, value) + struct.pack("<I", gpa) + operand(width, value)


PUMP, SAVE = itself(7), itself(6)


def msix(card=0):
    out = cfg(MSIX + 2, 2, 0xc000, card)
    for vector in range(3):
        out += bar(TABLE + 16 * vector, 8, 0xfee00000, card)
        out += bar(TABLE + 16 * vector + 8, 8, 0x30 + vector, card)
    return out + cfg(MSIX + 2, 2, 0x8000, card)


def negotiate(card=0, low=0, high=1):
    out = common(STATUS, 1, 0, card) + common(STATUS, 1, 1, card)
    out += common(STATUS, 1, 3, card)
    for sel, word in enumerate((low, high)):
        out += common(0x08, 4, sel, card) + common(0x0c, 4, word, card)
    return out + common(STATUS, 1, 11, card) + common(CONFIG_VECTOR, 2, 0, card)


def queue(number, card=0):
    base = 0x1000 * number + 0x4000 * card
    out = common(SEL, 2, number, card) + common(SIZE, 2, 8, card)
    for off, gpa in ((0x20, DESC), (0x28, AVAIL), (0x30, USED)):
        out += common(off, 4, gpa + base, card) + common(off + 4, 4, 0, card)
    return (out + common(VECTOR, 2, number + 1, card) +
            common(ENABLE, 2, 1, card))


def run(card=0, **features):
    return (cfg(COMMAND, 2, 6, card) + negotiate(card, **features) +
            queue(0, card) + queue(1, card) + common(STATUS, 1, 15, card))


def chain():
    """A buffer out and one in, made available on queue 0."""
    out = ram(DESC, 8, RAM + 0x8000) + ram(DESC + 8, 8, 16 | 1 << 32 | 1 << 48)
    out += ram(DESC + 16, 8, RAM + 0x8100) + ram(DESC + 24, 8, 16 | 2 << 32)
    return out + ram(AVAIL + 4, 2, 0) + ram(AVAIL + 2, 2, 1)


COMMON = b"".join(common(off, width) for off, width in (
    (0x00, 4), (0x04, 4), (0x08, 4), (0x0c, 4), (0x10, 2), (0x12, 2),
    (0x14, 1), (0x15, 1), (0x16, 2), (0x18, 2), (0x1a, 2), (0x1c, 2),
    (0x1e, 2), (0x20, 4), (0x24, 4), (0x28, 4), (0x2c, 4), (0x30, 4),
    (0x34, 4), (0x3a, 2)))


def seeds():
    echo = run() + chain() + bar(NOTIFY, 2, 0) + PUMP
    window = b"".join(
        cfg(ACCESS + 4, 1, number) + cfg(ACCESS + 8, 4, off) +
        cfg(ACCESS + 12, 4, width) + cfg(ACCESS + 16, 4) +
        cfg(ACCESS + 16, 4, 1)
        for number, off, width in (
            (0, STATUS, 1), (0, SEL, 2), (0, CONFIG, 4), (0, ISR, 1),
            (1, 0, 4), (0, TABLE, 4), (0, 0, 3), (0, 2, 4),
            (0, 0xffffffff, 1)))
    return {
        "header": b"".join(cfg(off, 4) for off in range(0, 0x100, 4)),
        "ones": b"".join(cfg(off, 4, 0xffffffff)
                         for off in range(0, 0x100, 4)),
        "intx": echo + itself(0) + cfg(6, 2) + cfg(COMMAND, 2, 0x406) +
        cfg(COMMAND, 2, 6) + bar(ISR, 1) + itself(2) + bar(ISR, 4),
        "msix": cfg(COMMAND, 2, 6) + msix() + echo + itself(0) + itself(1) +
        itself(2) + cfg(MSIX + 2, 2, 0xc000) + itself(0) + bar(PENDING, 8) +
        cfg(MSIX + 2, 2, 0x8000) + cfg(MSIX + 2, 2, 0),
        "vectors": run() + msix() + common(VECTOR, 2, 3) + common(VECTOR, 2) +
        common(CONFIG_VECTOR, 2, 0xffff) + itself(1) +
        bar(TABLE + 0x30, 4, 1) + bar(TABLE + 1, 1, 0) + bar(PENDING, 4, 1),
        "refused-route": cfg(COMMAND, 2, 6) + itself(4) + msix() + run() +
        itself(1) + itself(4) + bar(TABLE + 44, 4, 0) + bar(TABLE + 36, 4, 9),
        "table": cfg(COMMAND, 2, 6) + b"".join(
            bar(TABLE + off, 4, off) + bar(TABLE + off, 8)
            for off in (0, 4, 8, 12, 44, 48, 0x7fc, 0x800, 0xffc)),
        "moves": echo + cfg(BAR0, 4, 0xd0000000) + bar(NOTIFY, 2, 0) +
        cfg(BAR0, 4, 0x10000) + cfg(BAR0, 4, 0xffffffff) + cfg(BAR0, 4) +
        cfg(COMMAND, 2, 0) + cfg(BAR0, 4, 0xc0000000) + cfg(COMMAND, 2, 6) +
        PUMP,
        "both": run() + run(1) + cfg(BAR0, 4, 0xc0008000) +
        cfg(BAR0, 4, 0xd0000000, 1) + itself(0) + itself(0, 1) +
        bar(ISR, 1) + bar(ISR, 1, None, 1),
        "no-bells": itself(5) + echo + itself(5) + cfg(BAR0, 4, 0xd0000000),
        "window": cfg(COMMAND, 2, 6) + window,
        "config": run() + bar(CONFIG, 4) + bar(CONFIG, 4, 7) +
        bar(CONFIG + 10, 4) + bar(CONFIG + 8, 4) + bar(0x6000, 8) +
        bar(0x7ffc, 8) + bar(NOTIFY, 2),
        "addresses": run() + common(0x20, 8) + negotiate() +
        common(0x20, 8, DESC) + common(0x28, 8, 3) + common(0x3a, 2) +
        common(0x16, 4) + common(ENABLE, 2, 0),
        "common": cfg(COMMAND, 2, 6) + COMMON + run() + COMMON +
        common(SEL, 2, 99) + COMMON + b"".join(
            common(off, width, 1) for off, width in
            ((0x04, 4), (0x12, 2), (0x15, 1), (0x1e, 2))),
        "ring-reset": cfg(COMMAND, 2, 6) + run(high=0x101) +
        common(SEL, 2, 0) + common(0x3a, 2, 1) + common(0x3a, 2) + queue(0),
        "packed": run(high=5, low=0x30000000) + PUMP,
        "fails": echo + itself(3) + bar(ISR, 1) + common(STATUS, 1) +
        common(STATUS, 1, 0) + echo,
        "saved": cfg(COMMAND, 2, 6) + msix() + echo + SAVE + PUMP,
        "saved-idle": SAVE + cfg(COMMAND, 2, 6) + itself(2) + SAVE,
        "ports": port(0, 4, 0x80001800) + port(4, 4) + port(6, 2) +
        port(7, 1, 1) + port(5, 4) + port(0, 4) + port(0, 1, 1) +
        port(0, 4, 0x80011800) + port(4, 4) + port(1, 1, 2) + port(1, 1) +
        port(1, 1, 6) + port(0, 4, 0) + port(4, 4),
        "nobody": anybody(0, 4) + anybody(0x3ffe, 4) + anybody(0x19000, 4, 0) +
        anybody(0xffffe, 2) + anywhere(0xc0000000, 4) +
        anywhere(0xe0100000, 8) + anywhere(0xbfffffff, 4, 1),
        "empty": b"",
    }
