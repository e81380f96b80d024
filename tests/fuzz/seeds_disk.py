# SPDX-License-Identifier: BSD-3-Clause
"""Programs for fuzz_blk.c, and heads of files for fuzz_overlay.c."""
import struct

IN, OUT, FLUSH, GET_ID, DISCARD, ZEROES, OTHER, NOTHING = range(8)
LEN = {0: 0, 1: 1, 2: 2, 15: 3, 16: 4, 17: 5, 20: 6, 511: 7, 512: 8, 513: 9,
       1024: 10, 4096: 11, 65536: 12, 1 << 31: 13, (1 << 32) - 1: 14, 32: 15}
HEADER, DATA, STATUS = 0, 0x400, 0x3ff0  # places, in units of 4 bytes


def place(at):
    return struct.pack(">H", at)


def header(kind, sector=1, at=HEADER):
    number = (bytes([255]) + struct.pack(">Q", sector) if sector > 159 else
              bytes([sector]))
    return b"\0" + bytes([kind]) + number + place(at)


def range_at(sector, count, flags=0, at=DATA):
    return bytes([2, sector, count, flags]) + place(at)


def post(out, into, queue=0, indirect=0):
    shape = len(out) | len(into) << 3 | indirect << 6 | queue << 7
    return bytes([3, shape]) + b"".join(
        place(at) + bytes([LEN[length]]) for at, length in out + into)


def kick(queue=0):
    return bytes([135 if queue else 5])


def ask(kind, sector=1, out=(), into=(), queue=0, indirect=0):
    return (header(kind, sector) +
            post([(HEADER, 16), *out], [*into, (STATUS, 1)], queue, indirect) +
            kick(queue))


def host(what):
    return bytes([8, what])


def config(off, width, value=None):
    log = {1: 0, 2: 1, 4: 2, 8: 3}[width]
    out = bytes([7, off | log << 6, value is not None])
    return out if value is None else out + bytes([value])


READ = ask(IN, into=[(DATA, 512)])
WRITE = ask(OUT, out=[(DATA, 512)])
RESET = bytes([9]) + bytes([255] * 9)
FEW = bytes([9]) + bytes(9)
SAVE, PAUSE, RING = bytes([11]), bytes([12]), bytes([10])


def blk_seeds():
    every = READ + WRITE + ask(FLUSH) + ask(GET_ID, into=[(DATA, 20)])
    ranges = b"".join(
        range_at(sector, count, flags) + ask(kind, 0, out=[(DATA, 16)])
        for kind in (DISCARD, ZEROES)
        for sector, count, flags in ((8, 8, 0), (8, 8, 1), (8, 8, 2),
                                     (8, 0, 0), (127, 8, 0), (0, 255, 255)))
    bad = (ask(IN) + ask(IN, into=[(DATA, 513)]) + ask(OUT) +
           ask(IN, 1 << 62, into=[(DATA, 512)]) +
           ask(IN, 128, into=[(DATA, 512)]) +
           ask(IN, out=[(DATA, 1)], into=[(DATA, 512)]) +
           ask(OTHER) + ask(NOTHING, into=[(DATA, 512)]) + ask(GET_ID) +
           ask(DISCARD, 0, out=[(DATA, 17)]) +
           post([(HEADER, 16)], []) + post([], [(STATUS, 1)]) +
           post([(HEADER, 15)], [(STATUS, 1)]) + kick() +
           ask(IN, into=[(0xffff, 512)]) + ask(IN, into=[(0xfffe, 512)]) +
           ask(IN, into=[(DATA, (1 << 32) - 1)]) +
           ask(OUT, out=[(DATA, 1 << 31)] * 2))
    writethrough = config(32, 1, 0) + WRITE + config(32, 1, 1) + WRITE
    failing = host(1 + 5) + WRITE + host(2 + 5) + ask(FLUSH) + ask(FLUSH)
    return {
        "split": b"\0" + every + ranges, "packed": b"\x08" + every + ranges,
        "long-id": b"\0" + ask(GET_ID, into=[(DATA, 65536)] * 3),
        "bad": b"\0" + bad, "bad-packed": b"\x08" + bad,
        "read-only": b"\1" + every + ranges + RESET + WRITE,
        "limited": b"\6" + READ * 120 + PAUSE + READ + kick(),
        "queues": b"\0" + ask(IN, into=[(DATA, 512)], queue=1) + RING + READ +
        bytes([140]) + READ,
        "indirect": b"\0" + ask(OUT, out=[(DATA, 512)], indirect=1),
        "held": b"\x08" + host(64) + READ + WRITE + host(130) + host(64) +
        READ + RESET + READ + host(64) + READ + RING + host(64) + READ + PAUSE,
        "sizes": b"\0" + host(219) + config(0, 8) + host(240) + READ +
        config(60, 4) + config(32, 4, 1) + config(33, 1, 0),
        "modes": b"\0" + writethrough + FEW + WRITE + ranges +
        config(32, 1, 1) + config(32, 1),
        "errors": b"\0" + failing + writethrough + SAVE + RESET + WRITE +
        host(0 + 5) + READ + host(2 + 10) + ask(FLUSH),
        "saved": b"\x08" + every + SAVE + every + SAVE,
        "empty": b"",
    }


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def overlay(size=8 << 20, bits=12, data_off=1 << 20, flags=0, version=1,
            sectors=(), how=0x83, magic=b"VIREOCOW"):
    """how: mend both checksums; the file is 8 MiB and more long."""
    head = magic + struct.pack("<IIQQIII", 0, version, size, data_off, bits, 0,
                               flags)
    return (bytes([how]) + head.ljust(512, b"\0") + b"".join(
        struct.pack("<II", 0, number) + states.ljust(504, b"\0")
        for number, states in sectors))


def overlay_seeds():
    size = 7 << 20
    good = overlay(size, sectors=[(0, b"\x19" * 40)])
    unmended = bytearray(good)
    unmended[0] &= 0xfc
    return {
        "good": good, "hole": overlay(size, how=0x81),
        "large": overlay(1 << 30, 16, how=0xa3,
                         sectors=[(i, b"\1") for i in range(8)]),
        "huge": overlay(1 << 44, 20, 5 << 20, how=0xe1),
        "impossible": overlay(size, sectors=[(0, b"\3")]),
        "past-end": overlay(size, sectors=[(0, bytes(503) + b"\1")]),
        "elsewhere": overlay(size, sectors=[(1, b"\1")]),
        "damaged": bytes(unmended), "damaged-map": overlay(
            size, how=0x81, sectors=[(0, b"\1")]),
        "cut": overlay(size, how=0x43), "tiny": overlay(size, how=3),
        "bits0": overlay(size, 0), "bits63": overlay(size, 63),
        "place": overlay(size, data_off=4096), "odd": overlay(size + 1),
        "flag": overlay(size, flags=1), "version": overlay(size, version=4),
        "zero": overlay(0), "magic": overlay(magic=b"QFI\xfb\0\0\0\3"),
        "empty": b"", "short": b"\x81VIREO",
    }
