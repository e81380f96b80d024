# SPDX-License-Identifier: BSD-3-Clause
"""Seeds for the network device's target: small programs, see fuzz_nic.c."""
import struct

VNET, LOCK, RATE, PACKED = 1, 2, 4, 8
CTRL = 4
MRG, CTRL_VQ, CTRL_RX = 1 << 15, 1 << 17, 1 << 18
RUN = 0xFFFFFFFFFFFF


def op(kind, n=0, *args):
    return bytes((kind + 16 * n,) + args)


def chain(n, data, size=None, cut=0):
    """A chain on queue @n that begins with at most 15 bytes of @data."""
    size = len(data) if size is None else size
    return op(1, n, size, cut, len(data)) + bytes(reversed(data))


def kick(n):
    return op(6, n)


def frame(header=(), size=112, pair=0, cut=0, **_):
    head = bytes(header) + bytes(12 - len(header))
    return chain(2 * pair + 1, head, size, cut) + kick(2 * pair + 1)


def command(*data, size=None):
    return chain(CTRL, bytes(data), size) + kick(CTRL)


def buffers(count, size, pair=0):
    return op(4, pair, size // 8, count) + kick(2 * pair)


def deliver(size, head=(), pair=0):
    return (op(9, pair) + struct.pack(">H", size) +
            bytes((len(head),) + tuple(head)))


def came(*args, **named):
    return deliver(*args, **named) + kick(0)


def backend(what):
    return op(11, 0, what)


def start(features):
    return op(13, 0, 1) + (features >> 24).to_bytes(6, "big") + \
        (features & 0xFFFFFF).to_bytes(3, "big")


def tso(kind, hdr_len=54, size=100, flags=1):
    return (flags, kind, hdr_len, 0, size, 0, 34, 0, 16, 0)


FULL, EMPTY = backend(0), backend(1)
BROADCAST = (0,) * 12 + (255,) * 6


def programs():
    csum = (1, 0, 0, 0, 0, 0, 34, 0, 16, 0)
    yield "send", VNET, frame() + frame(size=26) + frame(size=25) + \
        frame(size=255, cut=30) + frame(pair=1)
    yield "plain", 0, frame() + frame(csum) + buffers(4, 2000) + came(100)
    yield "locked", LOCK, frame() + command(1, 1, 2, 0, 0, 0, 0, 9)
    yield "csum", VNET, frame(csum) + frame((1, 0, 0, 0, 0, 0, 99, 0, 0)) + \
        frame((1, 0, 0, 0, 0, 0, 98, 0, 0, 0)) + \
        frame((1, 0, 0, 0, 0, 0, 255, 255, 255, 255))
    yield "tso", VNET, b"".join(frame(tso(k)) for k in (1, 3, 4, 5, 0x81, 2)) \
        + frame(tso(1, 0)) + frame(tso(1, 54, 0)) + frame(tso(1, 255)) + \
        frame(tso(1, flags=0))
    yield "no-offloads", VNET, start(MRG) + frame(csum) + frame(tso(1)) + \
        buffers(3, 500) + came(112, csum)
    yield "full", VNET, FULL + frame() + EMPTY + frame()
    yield "fails", VNET, backend(4) + frame() + backend(8) + frame() + EMPTY
    yield "rate", RATE | VNET, frame() * 120 + backend(2) + \
        buffers(15, 2032) + buffers(15, 2032) + \
        came(14000) + buffers(15, 2032) + came(14000) * 3 + \
        came(60000) * 5 + kick(0) + backend(6)
    yield "storm", VNET, buffers(4, 496) + deliver(11) * 70 + kick(0) + \
        kick(2) + backend(3)
    yield "link", VNET, FULL + frame() + backend(2) + op(15, 0, 6) + backend(6)
    for packed in (0, PACKED):
        name = "packed-" if packed else ""
        yield name + "small", VNET | packed, buffers(8, 1600) + \
            came(112) * 3 + came(1500) + came(11) + came(25)
        yield name + "merge", VNET | packed, buffers(15, 496) + came(3000) + \
            came(60000) + buffers(8, 2032) + came(5000)
        yield name + "wait", VNET | packed, came(112) + buffers(1, 200) + \
            came(900) + buffers(12, 200) + kick(0)
        yield name + "unmerged", VNET | packed, start(RUN & ~MRG) + \
            buffers(4, 496) + came(400) + came(900) + buffers(4, 8) + came(99)
        yield name + "tiny", VNET | packed, buffers(5, 0) + buffers(5, 8) + \
            came(112)
        yield name + "odd", VNET | packed, buffers(2, 496) + \
            op(3, 0, 5, 0, 0, 10, 0, 99, 10) + buffers(2, 496) + \
            op(3, 0, 1, 0, 0, 10) + came(800) + came(3000) + came(112)
        yield name + "indirect", VNET | packed, \
            op(3, 0, 72, 0, 0, 11, 4, 0, 11) + came(112)
        yield name + "broken", VNET | packed, buffers(2, 496) + b"".join(
            op(12, 0, at >> 8, at & 255, 15) + b"\xff" * 16
            for at in range(0, 200, 8)) + came(112) + kick(1) + kick(4)
        yield name + "reset", VNET | packed, buffers(2, 496) + op(13, 0, 0) + \
            buffers(2, 496) + op(13, 1, 0) + frame() + came(112)
    yield "headers", VNET, buffers(12, 1600) + came(112, csum) + \
        came(112, (8,)) + came(112, tso(1)) + came(112, tso(5)) + \
        came(112, tso(3)) + came(112, tso(4)) + came(112, tso(9)) + \
        came(112, (1, 0, 0, 0, 0, 0, 255, 255)) + came(112, (2,))
    yield "pairs", VNET, command(4, 0, 2, 0) + buffers(3, 496, 1) + \
        deliver(112, pair=1) + kick(2) + command(4, 0, 3, 0) + \
        command(4, 0, 0, 0) + command(4, 1, 1, 0) + command(4, 0, 1)
    yield "save", VNET, command(4, 0, 2, 0) + command(0, 0, 0) + op(14) + \
        frame() + op(15, 0, 0) + op(15, 1, 8) + op(15, 2, 200)
    to = {"self": (0,) * 12 + (2, 0, 0, 0, 0, 1), "all": BROADCAST,
          "group": (0,) * 12 + (1, 0, 94, 0, 0, 9),
          "other": (0,) * 12 + (2, 0, 0, 0, 0, 9)}
    all_kinds = b"".join(came(112, head) for head in to.values())
    for number in range(7):
        yield f"mode{number}", VNET, buffers(15, 200) + command(0, 0, 0) + \
            all_kinds + command(0, number, 1) + all_kinds
    one = (1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 9)
    yield "table", VNET, buffers(15, 200) + command(0, 0, 0) + \
        command(*one, size=16) + all_kinds + \
        command(1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 94, 0, 0, size=16) + \
        all_kinds + command(1, 0, 255, 255, 255, 255, size=16) + \
        command(1, 0, size=2) + command(1, 0, 30, 0, 0, 0, size=250)
    yield "address", VNET, command(1, 1, 2, 0, 0, 0, 0, 9) + \
        command(1, 1, 1, 0, 0, 0, 0, 9) + command(1, 1, 2) + \
        command(1, 2, 2) + op(15, 0, 0)
    yield "nothing", VNET, command() + command(9) + command(9, 9) + \
        start(CTRL_VQ) + chain(2, bytes((0, 0, 1))) + kick(2) + \
        chain(2, bytes((1, 1, 2, 0, 0, 0, 0, 9))) + kick(2) + \
        chain(2, bytes((4, 0, 1, 0))) + kick(2) + \
        chain(2, bytes((1, 0, 0))) + kick(2)


def seeds():
    return {name: bytes((how,)) + program for name, how, program in programs()}
