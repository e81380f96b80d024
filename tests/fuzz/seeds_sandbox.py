# SPDX-License-Identifier: BSD-3-Clause
"""Seeds of the target sandbox: programs, and the same with one thing broken.

As tests/fakes/sandbox_elf.c: header, program headers, names, symbols, section
headers, then bytes for the segments.
"""
import struct

LOAD, DYNAMIC, INTERP, NOTE, TLS = 1, 2, 3, 4, 7
R, W, X = 4, 2, 1
NAMES = b'\0f\0g\0variable\0'
PAGE = 4096


def symbol(name, info, value, section=1):
    return struct.pack('<IBBHQQ', name, info, 0, section, value, 0)


FUNC, OBJECT, GLOBAL = 2, 1, 16
SYMBOLS = [symbol(0, 0, 0, 0), symbol(1, GLOBAL | FUNC, 0x10000),
           symbol(3, FUNC, 0x10010), symbol(3, GLOBAL | FUNC, 0x10020),
           symbol(3, FUNC, 0x10008), symbol(5, GLOBAL | OBJECT, 0x12000),
           symbol(1, GLOBAL, 0)]


def program(segments=None, symbols=None, names=NAMES, sections=True, link=2,
            kind=2, entry=0x10000):
    """@segments: (type, flags, address, size, file size)"""
    segments = segments or [(LOAD, R | X, 0x10000, 0x200, 0x80),
                            (LOAD, R, 0x11000, 0x40, 0x40),
                            (LOAD, R | W, 0x12000, 0x3000, 0x40)]
    symbols = b''.join(SYMBOLS if symbols is None else symbols)
    phoff = 64
    names_at = phoff + 56 * len(segments)
    sym_at = names_at + len(names)
    shoff = sym_at + len(symbols)
    bytes_at = shoff + 3 * 64
    head = b'\x7fELF\2\1\1' + bytes(9) + struct.pack(
        '<HHIQQQIHHHHHH', kind, 62, 1, entry, phoff, shoff if sections else 0,
        0, 64, 56, len(segments), 64, 3 if sections else 0, 0)
    phs = b''.join(struct.pack('<IIQQQQQQ', t, flags, bytes_at, at, at, file,
                               size, PAGE)
                   for t, flags, at, size, file in segments)

    def section(kind, at, size, to):
        return struct.pack('<IIQQQQIIQQ', 0, kind, 0, 0, at, size, to, 0, 0, 0)
    shs = bytes(64) + section(2, sym_at, len(symbols), link) + \
        section(3, names_at, len(names), 0)
    return head + phs + names + symbols + shs + b'\xc3' * 128


def put(data, at, fmt, value):
    out = bytearray(data)
    struct.pack_into('<' + fmt, out, at, value)
    return bytes(out)


def seeds():
    good = program()
    load = (LOAD, R | X, 0x10000, 0x200, 0x80)
    sections = 64 + 3 * 56 + len(NAMES) + 24 * len(SYMBOLS)
    broken = {
        'type': put(good, 16, 'H', 3), 'class': put(good, 4, 'B', 1),
        'offset': put(good, 64 + 8, 'Q', 2**64 - 1),
        'low': put(good, 64 + 16, 'Q', 0xf000),
        'high': put(good, 64 + 16, 'Q', 0x7ff00),
        'wrap': put(good, 64 + 16, 'Q', 2**64 - 0x80),
        'size': put(good, 64 + 40, 'Q', 2**64 - 1),
        'short': put(good, 64 + 40, 'Q', 1),
        'rwx': put(good, 64 + 4, 'I', R | W | X),
        'interp': put(good, 64, 'I', INTERP),
        'dynamic': put(good, 64, 'I', DYNAMIC),
        'tls': put(good, 64, 'I', TLS), 'note': put(good, 64, 'I', NOTE),
        'shentsize': put(good, 58, 'H', 40), 'shnum': put(good, 60, 'H', 9999),
        'shoff': put(good, 40, 'Q', 2**64 - 64),
        'link': program(link=3),
        'symbols-past': put(good, sections + 64 + 32, 'Q', 24 * 1000),
        'symbols-many': put(good, sections + 64 + 32, 'Q', 24 * 65537),
        'names-past': put(good, sections + 128 + 24, 'Q', 2**64 - 1),
        'strtab': put(good, sections + 64 + 4, 'I', 3),
    }
    return {
        'good': good, 'empty': b'', 'cut': good[:100],
        'flat': b'F' + b'\x90' * 5000,
        'stripped': program(sections=False), 'entry': program(entry=0x11000),
        'order': program([(LOAD, R | W, 0x14000, 0x3000, 0x40), load]),
        'shared': program([load, (LOAD, R, 0x10800, 0x40, 0x40)]),
        'shared-before': program([(LOAD, R, 0x10800, 0x40, 0x40), load]),
        'hollow': program([load, (LOAD, R, 0, 0, 0)]),
        'notes': program([(NOTE, R, 0, 1, 1)]),
        'many': program([(LOAD, R, 0x10000 + i * PAGE, 16, 16)
                         for i in range(17)]),
        'most': program([(LOAD, R | X, 0x10000 + i * PAGE, PAGE, 0)
                         for i in range(16)]),
        'names': program(names=b'x' * 20),
        'no-symbols': program(symbols=[]),
        'many-symbols': program(symbols=SYMBOLS * 20),
    } | broken
