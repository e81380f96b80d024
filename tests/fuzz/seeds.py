#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the seed corpora: one small file per branch of the loaders.

usage: seeds.py [DIRECTORY]     (default: corpus/ beside this file)

Valid images, and the same with one field broken; see tests/fakes/images.c,
which builds the same images for the unit tests. The bytes depend on nothing
but this file (and on liblzma and zlib for two kinds of payload).
"""
import gzip
import lzma
import struct
import sys
from pathlib import Path

sys.dont_write_bytecode = True
import seeds_console  # noqa: E402
import seeds_disk  # noqa: E402
import seeds_fs  # noqa: E402
import seeds_gdb  # noqa: E402
import seeds_http  # noqa: E402
import seeds_nic  # noqa: E402
import seeds_queue  # noqa: E402
import seeds_remains  # noqa: E402
import seeds_sandbox  # noqa: E402
import seeds_slirp  # noqa: E402
import seeds_virtio_mmio  # noqa: E402
import seeds_virtio_pci  # noqa: E402
import seeds_vsock  # noqa: E402

MB_MAGIC = 0x1BADB002


def put(image, at, fmt, value):
    """A copy of @image with one little-endian field set."""
    image = bytearray(image)
    struct.pack_into("<" + fmt, image, at, value)
    return bytes(image)


def broken(image, table):
    """name -> image with the field of that name set."""
    return {name: put(image, *field) for name, field in table.items()}


def bzimage():
    setup, kernel = 0x400, 0x220
    b = bytearray(setup + kernel)
    for at, fmt, value in (
        (0x1F1, "B", 1), (0x1F4, "I", kernel // 16), (0x1FE, "H", 0xAA55),
        (0x200, "H", 0x6AEB), (0x202, "4s", b"HdrS"), (0x206, "H", 0x20F),
        (0x211, "B", 1), (0x22C, "I", 0x7FFFFFFF), (0x230, "I", 0x200000),
        (0x234, "B", 1), (0x236, "H", 0x7F), (0x238, "I", 2047),
        (0x248, "I", kernel - 16), (0x24C, "I", 16),
        (0x258, "Q", 0x1000000), (0x260, "I", 0x3000000),
    ):
        struct.pack_into("<" + fmt, b, at, value)
    return bytes(b)


def bzimage_seeds():
    good = bzimage()
    seeds = broken(good, {
        "flag": (0x1FE, "H", 0), "old": (0x206, "H", 0x205),
        "narrow": (0x236, "H", 0), "zimage": (0x211, "B", 0),
        "header": (0x201, "B", 0x10), "cmdline0": (0x238, "I", 0),
        "align": (0x230, "I", 3), "syssize": (0x1F4, "I", 0xFFFF),
        "unaligned": (0x258, "Q", 0x1001000), "low": (0x258, "Q", 0),
        "short": (0x1F4, "I", 0x20), "empty": (0x1F4, "I", 0),
        "wrap": (0x258, "Q", 0xFFFFFFFFFFE00000),
        "payload": (0x248, "I", 0xFFFFFFF0),
        "payload-far": (0x248, "I", 0x00FF0210), "bare": (0x24C, "I", 0),
        "sects0": (0x1F1, "B", 0),
    })
    seeds["good"] = good
    seeds["cut"] = good[:0x220]
    seeds["none"] = b""
    seeds["raw"] = b"\xf4"
    seeds["arm64"] = bytes(0x38) + b"ARM\x64"
    seeds["sects0-good"] = put(good[:0x400] + bytes(0x600) + good[0x400:],
                               0x1F1, "B", 0)
    seeds["elf"] = elf(64)
    seeds["multiboot"] = multiboot()
    return seeds


def note(name, kind, desc):
    def pad(b):
        return b + bytes(-len(b) % 4)
    return struct.pack("<III", len(name), len(desc), kind) + pad(name) + \
        pad(desc)


PVH = note(b"GNU\0", 18, bytes(5)) + \
    note(b"Xen\0", 18, struct.pack("<Q", 0x100020))
LOAD, INTERP, NOTE, OTHER = 1, 3, 4, 6


def elf(bits, phdrs=None, notes=PVH, entry=0x100010, head=b""):
    """@phdrs: (type, offset, vaddr, paddr, filesz, memsz, align); offset
    None: the notes'."""
    if phdrs is None:
        phdrs = [(LOAD, 0, 0x100000, 0x100000, 0x100, 0x1000, 4),
                 (LOAD, 0, 0x300000, 0x300000, 0, 0x1000, 4),
                 (NOTE, None, 0, 0, len(notes), 0, 4)]
    wide = bits == 64
    machine, ehsize, size = (62, 64, 56) if wide else (3, 52, 32)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    out = ident + struct.pack("<HHI", 2, machine, 1)
    out += struct.pack("<QQQ" if wide else "<III", entry, ehsize, 0)
    out += struct.pack("<IHHHHHH", 0, ehsize, size, len(phdrs), 0, 0, 0)
    at = ehsize + size * len(phdrs)
    for kind, offset, vaddr, paddr, filesz, memsz, align in phdrs:
        offset = at if offset is None else offset
        if wide:
            out += struct.pack("<IIQQQQQQ", kind, 7, offset, vaddr, paddr,
                               filesz, memsz, align)
        else:
            out += struct.pack("<IIIIIIII", kind, offset, vaddr, paddr,
                               filesz, memsz, 7, align)
    out += notes + head
    return out + bytes(max(0, 0x100 - len(out)))


def elf_seeds():
    good, load = elf(64), (LOAD, 0, 0x100000, 0x100000, 0x100, 0x1000, 4)
    linux = elf(64, [load])
    first = 64  # the first program header
    seeds = broken(good, {
        "class": (4, "B", 3), "big-endian": (5, "B", 2),
        "machine": (18, "H", 183), "machine-unknown": (18, "H", 999),
        "object": (16, "H", 1), "phnum0": (56, "H", 0),
        "phnum": (56, "H", 0xFFFF), "phentsize": (54, "H", 32),
        "phoff": (32, "Q", 0xFFFFFFFFFFFFFFC8), "interp": (first, "I", INTERP),
        "offset": (first + 8, "Q", 0xFFFFFFFFFFFFFFFF),
        "low": (first + 24, "Q", 0x7000), "memsz": (first + 40, "Q", 0),
        "filesz": (first + 40, "Q", 1),
        "wrap": (first + 40, "Q", 0xFFFFFFFFFFFFFFFF),
        "overlap": (first + 56 + 24, "Q", 0x100FFF),
        "note-offset": (first + 112 + 8, "Q", 0xFFFFFFFFFFFFFFFF),
        "note-align8": (first + 112 + 48, "Q", 8),
    })
    seeds.update({
        "good": good, "good32": elf(32), "linux": linux,
        "linux32": elf(32, [load]), "cut": good[:18], "cut64": good[:60],
        "empty": b"", "entry": elf(64, [load], entry=5),
        "virtual": elf(64, [(LOAD, 0, 0xFFFFFFFF81000000, 0x100000, 0x100,
                             0x1000, 4)], entry=0xFFFFFFFF81000010),
        "nothing": elf(64, [(OTHER, 0, 0, 0, 0, 0, 4)]),
        "hollow": elf(64, [load, (LOAD, 0, 0, 0, 0, 0, 4)]),
        "many": elf(64, [(LOAD, 0, 0, 0x100000 + i * 0x1000, 0, 0x1000, 4)
                         for i in range(17)]),
        "note-pvh4": elf(64, notes=note(b"Xen\0", 18, b"\x20\0\x10\0")),
        "note-pvh5": elf(64, notes=note(b"Xen\0", 18, bytes(5))),
        "note-other": elf(64, notes=note(b"Linux\0", 1, bytes(3))),
        "note-long": elf(64, notes=b"\xf4\xff\xff\xff" + PVH[4:]),
        "note-high": elf(
            64, [load, (LOAD, 0, 0, 1 << 32, 0, 16, 4),
                 (NOTE, None, 0, 0, 24, 0, 4)],
            notes=note(b"Xen\0", 18, struct.pack("<Q", 1 << 32))),
        "multiboot": elf(32, [load], notes=header(3)),
    })
    return seeds


def header(flags):
    return struct.pack("<III", MB_MAGIC, flags, -(MB_MAGIC + flags) % 2**32)


def multiboot(flags=0x10003):
    b = bytearray(0x100)
    b[0x10:0x1C] = header(flags)
    struct.pack_into("<IIIII", b, 0x1C, 0x100010, 0x100000, 0x100100,
                     0x101000, 0x100040)
    return bytes(b)


def multiboot_seeds():
    good, load = multiboot(), (LOAD, 0, 0x100000, 0x100000, 0x100, 0x1000, 4)
    seeds = broken(good, {
        "checksum": (0x18, "I", 0), "before": (0x1C, "I", 0),
        "load": (0x20, "I", 0x100020), "end": (0x24, "I", 0xFFFFF),
        "end0": (0x24, "I", 0), "past": (0x24, "I", 0x100101),
        "bss": (0x28, "I", 0x100001), "bss0": (0x28, "I", 0),
        "bss-before": (0x28, "I", 0xFFFFF), "entry": (0x2C, "I", 0),
    })
    seeds.update({
        "good": good, "cut": good[:0x20], "unknown": multiboot(0x10008),
        "no-addresses": multiboot(3), "empty": b"",
        "elf32": elf(32, [load], notes=header(3)),
        "elf64": elf(64, [load], notes=header(3)),
        "elf-nothing": elf(32, [(OTHER, 0, 0, 0, 0, 0, 4)], notes=header(3)),
        "elf-damaged": put(elf(32, [load], notes=header(3)), 44, "H", 0),
    })
    return seeds


def lz4_block(plain):
    """Literals only."""
    n = len(plain)
    out = bytes([min(n, 15) << 4])
    if n >= 15:
        n -= 15
        out += b"\xff" * (n // 255) + bytes([n % 255])
    out += plain
    return struct.pack("<I", len(out)) + out


def zstd(blocks, head=b"\0\x88"):
    """@blocks: (type, size, bytes); type 0 raw, 1 one byte repeated."""
    out = b"\x28\xb5\x2f\xfd" + head
    for i, (kind, size, data) in enumerate(blocks):
        last = i == len(blocks) - 1
        out += struct.pack("<I", size << 3 | kind << 1 | last)[:3] + data
    return out


def payload_seeds():
    text = b"\x7fELF, and what a kernel is made of; " * 4
    size = struct.pack("<I", len(text))
    gz = gzip.compress(text, mtime=0)
    bcj = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 0}]
    xz = lzma.compress(text, check=lzma.CHECK_CRC32, filters=bcj)
    large = lzma.compress(text, check=lzma.CHECK_CRC32, filters=[
        {"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 192 << 20}])
    zst = zstd([(0, len(text), text)])
    lz4 = b"\x02\x21\x4c\x18" + lz4_block(text)
    zeros = bytes(300 << 10)
    return {
        "none": text, "empty": b"", "bzip2": b"BZh91AY", "zeros": bytes(8),
        "gzip": gz, "gzip-cut": gz[:-9], "gzip-large": gzip.compress(
            zeros, mtime=0),
        "xz": xz, "xz-size": xz + size, "xz-cut": xz[:-9],
        "xz-large": lzma.compress(zeros, preset=0), "xz-dictionary": large,
        "xz-damaged": put(xz, 20, "I", 0),
        "zstd": zst + size, "zstd-cut": zst[:-9],
        "zstd-sized": zstd([(0, len(text), text)], head=bytes([0x20,
                                                              len(text)])),
        "zstd-large": zstd([(1, 128 << 10, b"z")] * 3),
        "zstd-reserved": zstd([(3, 1, b"z")]),
        "zstd-table": zstd([(2, 8, b"\xff" * 8)]),
        "lz4": lz4, "lz4-size": lz4 + size, "lz4-two": lz4 + lz4,
        "lz4-wrong": lz4 + bytes(4), "lz4-cut": lz4[:-9],
        "lz4-zero": lz4[:4] + bytes(12),
        "lz4-damaged": lz4[:4] + struct.pack("<I", 8) + b"\x0f" * 8,
        # a match that repeats one byte 300 KiB long
        "lz4-large": lz4[:4] + struct.pack("<I", 1220) + b"\x1fz\x01\0" +
        b"\xff" * 1209 + b"\0\x50zzzzz",
        "lz4-bare": lz4[:4],
    }


def main():
    here = Path(__file__).resolve().parent
    corpus = Path(sys.argv[1]) if len(sys.argv) > 1 else here / "corpus"
    for target, seeds in (
        ("bzimage", bzimage_seeds()), ("elf", elf_seeds()),
        ("multiboot", multiboot_seeds()), ("payload", payload_seeds()),
        ("virtio_mmio", seeds_virtio_mmio.seeds()),
        ("virtio_pci", seeds_virtio_pci.seeds()),
        ("console", seeds_console.seeds()),
        ("slirp", seeds_slirp.seeds()),
        ("vsock", seeds_vsock.seeds()),
        ("fs", seeds_fs.seeds()),
        ("gdb", seeds_gdb.seeds()),
        ("http", seeds_http.seeds()),
        ("blk", seeds_disk.blk_seeds()),
        ("nic", seeds_nic.seeds()),
        ("overlay", seeds_disk.overlay_seeds()),
        ("remains", seeds_remains.seeds()),
        ("sandbox", seeds_sandbox.seeds()),
        ("queue_packed", seeds_queue.seeds(seeds_queue.PACKED)),
        ("queue_split", seeds_queue.seeds(seeds_queue.SPLIT)),
    ):
        directory = corpus / target
        directory.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (directory / name).write_bytes(data)


if __name__ == "__main__":
    main()
