# SPDX-License-Identifier: BSD-3-Clause
"""Programs for fuzz_remains.c: a kernel's tables in RAM, good and broken."""
import struct

TEXT = 0x400000  # where the kernel's image lies
STACK = 0xA00000
KERNEL = b"\2"   # good page tables of four levels
COUNT, NAMES, TOKENS, INDEX, OFFSETS, BASE = (
    0x1000, 0x2000, 0x10000, 0x21000, 0x22000, 0x23000)


def write(gpa, data):
    """Steps of 255 bytes at most."""
    steps = b""
    for at in range(0, len(data), 255):
        part = data[at:at + 255]
        steps += b"\0" + (gpa + at).to_bytes(3, "big") + bytes([len(part)])
        steps += part
    return steps


def entry(page, index, target, flags):
    return (b"\1" + struct.pack(">HH", page, index) +
            target.to_bytes(3, "big") + bytes([flags]))


def info(*places):
    return b"\2" + b"".join(p.to_bytes(3, "big") for p in places)


def place(sp, pc):
    return b"\3" + sp.to_bytes(3, "big") + pc.to_bytes(3, "big")


PLACES = (0, COUNT, NAMES, TOKENS, INDEX, OFFSETS, BASE)


def kallsyms(names, offsets, count=None):
    """Tokens are letters, each its own; most of the table is zeros."""
    letters = b"Tabcdt_"
    table = b"".join(bytes([c, 0]) for c in letters)
    index = bytearray(512)
    for n, letter in enumerate(letters):
        struct.pack_into("<H", index, 2 * letter, 2 * n)
    number = len(names) if count is None else count
    return (write(TEXT + COUNT, struct.pack("<I", number)) +
            write(TEXT + NAMES, b"".join(
                bytes([len(n)]) + n for n in names)) +
            write(TEXT + TOKENS, table) +
            write(TEXT + INDEX + 0x5F * 2, bytes(index[0x5F * 2:0x75 * 2])) +
            write(TEXT + INDEX + 0x54 * 2, bytes(index[0x54 * 2:0x55 * 2])) +
            write(TEXT + OFFSETS, b"".join(
                struct.pack("<I", o) for o in offsets)) +
            write(TEXT + BASE, struct.pack("<Q", 0xFFFFFFFF9E000000)))


def stack():
    return (write(TEXT + 0x110, b"\xe8\0\0\0\0") +
            write(TEXT + 0x120, b"\xff\x15\0\0\0\0\xff\xd0") +
            write(STACK + 0x100, struct.pack(
                "<4Q", 0xFFFFFFFF9E000115, 0xFFFFFFFF9E000126,
                0xFFFFFFFF9E000128, 0xFFFFFFFF9E000120)) +
            place(STACK + 0x80, 0x104))


def note(text):
    return write(0x5000, struct.pack("<III", 11, len(text), 0) +
                 b"VMCOREINFO\0\0" + text)


def seeds():
    names = kallsyms([b"Tabc", b"tabcd", b"Tab"], [0, 0x100, 0x110])
    old = kallsyms([b"Tabc", b"tabcd", b"Tab"],
                   [64, 0xFFFFFFFF, 0xFFFFFEFF])
    text = b"OSRELEASE=6.1\nPAGESIZE=4096\nSYMBOL(_stext)=ff\n"
    selves = b"".join(entry(16, n, 16, 1) for n in (256, 300, 511))
    return {
        "empty": b"", "flat": b"\4" + place(0x100, 0x100),
        "kernel": KERNEL + stack(), "five": b"\3" + stack(),
        "names": KERNEL + info(*PLACES) + names + stack(),
        "complement": KERNEL + info(*PLACES) + old + stack(),
        "too-many": KERNEL + info(*PLACES) + kallsyms(
            [b"Tabc"], [0], 0xFFFFFFFF),
        "one-missing": KERNEL + info(*PLACES) + kallsyms([b"Tabc"], [0], 2),
        "long": KERNEL + info(*PLACES) + write(
            TEXT + COUNT, b"\1\0\0\0") + write(TEXT + NAMES, b"\xff\xff"),
        "longest": KERNEL + info(*PLACES) + kallsyms([], [0, 0], 1) + write(
            TEXT + NAMES, b"\xfa\1" + b"T" + b"a" * 249),
        "outside": KERNEL + info(*[0xFFFFFF] * 7),
        "end": KERNEL + info(*[0x3FFFFF] * 7),
        "selves": b"\0" + selves, "selves5": b"\1" + selves,
        "nowhere": b"\0" + entry(16, 511, 0xFFFFFF, 1),
        "note": KERNEL + note(text), "short-note": KERNEL + note(text[:20]),
        "text": KERNEL + write(0x5000, text + b"\xff"),
        "escape": KERNEL + write(0x5000, text.replace(b"6.1", b"\x1b[2J")),
        "top-stack": KERNEL + place(0xFFFFFF, 0xFFFFFF),
    }
