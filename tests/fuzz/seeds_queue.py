# SPDX-License-Identifier: BSD-3-Clause
"""Seeds of the queue targets: steps as fuzz_queue.h reads them."""
import struct

NEXT, WRITE, INDIRECT = 1, 2, 4
AVAIL, USED = 0x80, 0x40  # bit 6 stands for USED
DATA, TABLE, CROSS, END, RING, ZERO, BELOW, WRAP = range(8)
EVENT_IDX, IN_ORDER = 2, 4
POP, UNPOP, TOLD, SNAP, START = b"\3", b"\5", b"\7", b"\x08\0", b"\x09"


def desc(i, place, length, flags=0, following=0):
    return bytes([1, i, place]) + struct.pack("<H", length) + \
        bytes([flags, following])


def write(off, data):
    return struct.pack("<BHB", 0, off, len(data)) + data


def avail(*heads):
    return b"".join(bytes([2, head]) for head in heads)


def push(which=0):
    return bytes([4, which])


def kicks(on):
    return bytes([6, on])




def damaged(*how):
    """Snapshots with something changed."""
    return b"".join(bytes([8, h]) for h in how)


SERVE = POP + push() + TOLD + kicks(1)
# name -> features, log2 of the size or the size less 1, steps
SPLIT = {
    "one": (0, 3, desc(0, DATA, 64, WRITE) + avail(0) + SERVE),
    "chain": (0, 3, desc(0, DATA, 16, NEXT, 1) + desc(1, CROSS, 64, WRITE) +
              avail(0) + kicks(0) + SERVE),
    "event": (EVENT_IDX, 2, (desc(0, DATA, 16) + avail(0) + SERVE) * 5),
    "loop": (0, 3, desc(0, DATA, 16, NEXT, 0) + avail(0) + SERVE),
    "next": (0, 3, desc(0, DATA, 16, NEXT, 9) + avail(0) + SERVE),
    "order": (0, 3, desc(0, DATA, 16, NEXT | WRITE, 1) + desc(1, DATA, 16) +
              avail(0) + SERVE),
    "outside": (0, 3, desc(0, ZERO, 16) + desc(1, BELOW, 16) +
                desc(2, WRAP, 16) + desc(3, END, 17) + avail(0, 1, 2, 3) +
                SERVE),
    "table": (1, 3, desc(0, TABLE, 32, INDIRECT) + desc(128, DATA, 8, NEXT, 1)
              + desc(129, DATA, 8, WRITE) + avail(0) + SERVE),
    "table-cross": (1, 5, desc(0, TABLE, 16 * 20, INDIRECT) + b"".join(
        desc(128 + i, DATA, 8, NEXT if i < 19 else WRITE, i + 1)
        for i in range(20)) + avail(0) + SERVE),
    "table-bad": (1, 3, desc(0, TABLE, 33, INDIRECT) +
                  desc(1, TABLE, 32, INDIRECT | NEXT, 0) +
                  desc(2, TABLE, 16, INDIRECT) +
                  desc(128, DATA, 8, NEXT, 5) + avail(0, 1, 2) + SERVE),
    "table-loop": (1, 3, desc(0, TABLE, 32, INDIRECT) +
                   desc(128, DATA, 8, NEXT, 0) + avail(0) + SERVE),
    "table-nested": (1, 3, desc(0, TABLE, 32, INDIRECT) +
                     desc(128, TABLE, 16, INDIRECT) + avail(0) + SERVE),
    "table-unaligned": (1, 3, desc(0, DATA, 32, INDIRECT) +
                        write(0, struct.pack("<Q", 0x10C04)) + avail(0) +
                        SERVE),
    "twice": (0, 3, desc(0, DATA, 16) + avail(0, 0) + POP + SERVE),
    "head": (0, 3, avail(200) + SERVE + SNAP + START),
    "jump": (0, 3, write(0x402, b"\x99\0") + SERVE),
    "unpop": (0, 3, desc(0, DATA, 16) + avail(0) + POP + UNPOP + POP + SNAP +
              push()),
    "in-order": (IN_ORDER, 3, desc(0, DATA, 16, WRITE) +
                 desc(1, DATA, 16, WRITE) + avail(0, 1) + POP + POP +
                 push(1) + SNAP + push() + TOLD + avail(0) + POP + UNPOP),
    "restart": (0, 0, desc(0, DATA, 0) + avail(0) + SERVE + START + SERVE),
}


def slot(i, place, length, flags=0, ident=0):
    return desc(i, place, length, flags | AVAIL, ident)


PACKED = {
    "one": (0, 7, slot(0, DATA, 64, WRITE) + SERVE),
    "chain": (0, 7, slot(1, CROSS, 64, WRITE, 3) + slot(0, DATA, 16, NEXT) +
              kicks(0) + SERVE),
    "wrap": (EVENT_IDX, 0, (slot(0, DATA, 16) + SERVE + kicks(1) +
                            desc(0, DATA, 16, USED) + SERVE) * 3),
    "across": (0, 2, slot(0, DATA, 1) + slot(1, DATA, 1, 0, 1) + SERVE +
               SERVE + desc(0, DATA, 1, USED, 2) + slot(2, DATA, 1, NEXT) +
               POP + UNPOP + SERVE),
    "endless": (0, 3, b"".join(slot(i, DATA, 1, NEXT) for i in range(4)) +
                SERVE),
    "torn": (0, 3, slot(0, DATA, 1, NEXT) + SERVE),
    "id": (0, 3, slot(0, DATA, 1, 0, 4) + SERVE + SNAP),
    "id-twice": (0, 3, slot(0, DATA, 1) + slot(1, DATA, 1) + POP + SERVE),
    "slots": (0, 1, slot(0, DATA, 1, NEXT) + slot(1, DATA, 1) + POP +
              desc(0, DATA, 1, USED, 1) + SERVE),
    "outside": (0, 3, slot(0, ZERO, 16) + slot(1, BELOW, 16, NEXT) +
                slot(2, DATA, 4, 0, 1) + SERVE),
    "order": (0, 3, slot(0, DATA, 16, NEXT | WRITE) + slot(1, DATA, 16) +
              SERVE),
    "table": (1, 3, slot(0, TABLE, 32, INDIRECT) + desc(128, DATA, 8) +
              desc(129, DATA, 8, WRITE) + SERVE),
    "table-bad": (1, 3, slot(0, TABLE, 16 * 9, INDIRECT) +
                  slot(1, TABLE, 7, INDIRECT, 1) +
                  slot(2, DATA, 8, NEXT) + slot(3, TABLE, 16, INDIRECT, 2) +
                  SERVE),
    "table-outside": (1, 3, slot(0, TABLE, 16, INDIRECT) +
                      desc(128, ZERO, 8) + SERVE),
    "event": (EVENT_IDX, 7, write(0x400, b"\0\x80\2\0") +
              slot(0, DATA, 1) + SERVE + write(0x400, b"\7\x80\2\0") +
              slot(1, DATA, 1) + SERVE + write(0x400, b"\0\0\1\0") +
              slot(2, DATA, 1) + SERVE),
    "in-order": (IN_ORDER, 7, slot(0, DATA, 16, WRITE) +
                 slot(1, DATA, 16, WRITE, 1) + POP + POP + push(1) + SNAP +
                 push() + TOLD),
    "restart": (0, 4, slot(0, DATA, 0) + SERVE + START + SERVE),
}


def seeds(table):
    full = dict(table)
    packed_ring = table is PACKED
    for how in range(1, 15):
        two = slot(0, DATA, 8) + slot(1, DATA, 8, 0, 1) if packed_ring \
            else desc(0, DATA, 8) + desc(1, DATA, 8) + avail(0, 1)
        full[f"snap-{how}"] = (IN_ORDER * (how % 2), 3, two + POP + POP +
                               damaged(how, how + 14))
    return {name: bytes([features, size]) + steps
            for name, (features, size, steps) in full.items()}
