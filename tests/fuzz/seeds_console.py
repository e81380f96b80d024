# SPDX-License-Identifier: BSD-3-Clause
"""Seeds for the console's target: small programs, see fuzz_console.c."""

# the device
THREE, NO_SIZE, ALONE, NAMED = range(4)
# what is negotiated
SIZE, MULTIPORT, EMERGENCY, PACKED, EVENT, INDIRECT, RING_RESET = (
    1 << bit for bit in range(7))
ALL = SIZE | MULTIPORT | EMERGENCY | RING_RESET
# control messages
DEVICE_READY, PORT_READY, PORT_OPEN = 0, 3, 6
# snapshots
PLAIN, DAMAGED, RESIZED, SHRUNK = range(4)


def op(kind, which=0, *args):
    return bytes((kind, which) + args)


def post(n, *bufs, shape=0):
    """@bufs: (place, length)"""
    return op(0, n, len(bufs) - 1, shape, *(b for buf in bufs for b in buf))


def buffers(n, count=1, size=200):
    return post(n, (0, size), shape=1) * count


def long(value):
    return value >> 8, value & 255


def output(n, size):
    return op(1, n, *long(size // 2))


def control(port, event, value=1, size=8):
    return op(2, 0, port, event, value, size - 1)


def room(count=8, size=100):
    return op(4, 0, count, size)


def came(port, count):
    return op(6, port, *long(count))


def space(port, count, full=1):
    return op(7, port, full, *long(count))


def resize(cols):
    return op(8, 0, cols)


def config(off, width=0, count=1):
    return op(9, 0, off, width, min(count, 255))


def run(features):
    return op(10, 0, features)


def save(how=PLAIN, *args):
    return op(11, 0, how, *args)


def pause(port=0, cols=80):
    return op(12, port, cols)


def ring_reset(n):
    return op(13, n)


def wait(ms):
    return op(14, 0, ms // 50)


def impossible(how, port=0):
    return op(15, port, how)


COLLECT = op(5)
SHAKE = control(0, DEVICE_READY) + room() + COLLECT + b"".join(
    control(port, PORT_READY) + COLLECT + room() for port in range(3))
OPEN = SHAKE + COLLECT + b"".join(control(port, PORT_OPEN)
                                  for port in range(3)) + COLLECT


def ports(extra):
    """With control messages, and some more features."""
    yield "shake", THREE, OPEN + control(0, DEVICE_READY, 0) + room()
    yield "twice", THREE, control(0, DEVICE_READY) + SHAKE + SHAKE + COLLECT
    yield "no-size", NO_SIZE, OPEN + resize(0) + resize(90) + COLLECT
    yield "named", NAMED, control(0, DEVICE_READY) + room() + \
        control(0, PORT_READY) + COLLECT + control(0, PORT_OPEN) + \
        came(0, 30) + buffers(0) + output(1, 80) + config(8) + COLLECT
    yield "odd-messages", THREE, SHAKE + control(3, PORT_READY) + \
        control(31, PORT_OPEN) + control(255, PORT_READY) + COLLECT + \
        control(0, 1) + control(0, 99) + control(1, PORT_READY, 0) + \
        control(1, PORT_OPEN) + control(0, PORT_OPEN, size=7) + COLLECT + \
        control(2, PORT_READY, 2) + post(3, (0, 8), shape=1) + \
        post(3, (0, 8), (1, 8), shape=2) + COLLECT
    yield "odd-room", THREE, control(0, DEVICE_READY) + room(3, 7) + \
        COLLECT + room(1, 8) + COLLECT + room() + COLLECT + \
        control(1, PORT_READY) + room(3, 10) + COLLECT + room(2)
    yield "no-room", THREE, control(0, DEVICE_READY) + \
        control(0, PORT_READY) + control(1, PORT_READY) + resize(90) + \
        wait(100) + room() + COLLECT + room() + COLLECT + room()
    yield "input", THREE, came(0, 500) + came(1, 10) + OPEN + \
        buffers(0, 4) + COLLECT + buffers(4, 2, 3) + came(1, 90) + \
        buffers(6) + came(2, 8000) + COLLECT + buffers(6, 8, 255)
    yield "input-closed", THREE, SHAKE + buffers(0, 2) + came(0, 9) + \
        control(0, PORT_OPEN) + COLLECT + control(0, PORT_OPEN, 0) + \
        came(0, 9) + COLLECT + control(0, PORT_OPEN)
    yield "odd-input", THREE, OPEN + came(0, 90) + post(0, (0, 9)) + \
        post(0, (0, 9), (1, 9), shape=2) + COLLECT + \
        post(0, (0, 9), (1, 9), (2, 9), shape=1) + COLLECT
    yield "output", THREE, OPEN + output(1, 90) + output(5, 9000) + \
        output(7, 1) + post(1, (0, 9), (9, 9), (3, 255), shape=64) + \
        COLLECT + output(5, 131000) + COLLECT
    yield "output-full", THREE, OPEN + space(0, 5) + output(1, 90) + \
        output(1, 10) + space(0, 40) + COLLECT + output(1, 9000) + \
        save() + space(0, 5000) + ring_reset(1) + output(1, 90) + \
        space(0, 0, 0) + COLLECT
    yield "odd-output", THREE, OPEN + post(1, (0, 9), shape=1) + \
        post(5, (0, 9), (9, 9), shape=2) + COLLECT
    yield "indirect", THREE, OPEN + came(0, 90) + \
        post(0, (0, 9), (9, 9), (30, 255), shape=33) + \
        post(1, (0, 9), (9, 9), shape=32) + COLLECT
    yield "resize", THREE, OPEN + resize(90) + COLLECT + room() + \
        resize(90) + resize(100) + wait(2000) + COLLECT
    yield "rings", THREE, OPEN + b"".join(map(ring_reset, range(8))) + \
        came(0, 9) + buffers(0) + output(1, 9) + resize(9) + room() + \
        control(0, PORT_OPEN) + COLLECT
    yield "save", THREE, OPEN + came(0, 9) + save() + buffers(0) + \
        control(1, PORT_READY) + save() + room() + COLLECT + \
        save(SHRUNK, ALL) + OPEN + save(RESIZED) + COLLECT + room() + COLLECT
    yield "pause", THREE, OPEN + buffers(0) + pause(0) + pause(1, 90) + \
        COLLECT + output(1, 9) + COLLECT
    yield "again", THREE, OPEN + output(1, 9) + run(extra) + OPEN + \
        run(ALL) + COLLECT + run(0) + output(1, 9) + output(3, 9) + \
        output(5, 9) + COLLECT


def alone():
    """Without control messages."""
    yield "alone", ALONE, ALL, output(1, 90) + COLLECT + wait(250) + \
        came(0, 9) + buffers(0, 2) + wait(2000) + wait(2000) + wait(2000) + \
        wait(2000) + resize(90) + wait(2000) + COLLECT
    yield "alone-early", ALONE, ALL, came(0, 9) + buffers(0) + resize(90) + \
        wait(250) + COLLECT + save() + came(0, 9) + buffers(0) + \
        pause() + wait(300) + COLLECT + save(RESIZED) + wait(300)
    yield "alone-noisy", ALONE, SIZE, came(0, 9) + buffers(0) + \
        (output(1, 2) + COLLECT + wait(250)) * 42 + COLLECT
    yield "alone-plain", ALONE, 0, resize(90) + wait(250) + resize(91) + \
        wait(250) + post(1, (0, 9), shape=1) + COLLECT
    yield "no-ports", THREE, SIZE, wait(250) + output(1, 9) + output(4, 9) + \
        control(0, DEVICE_READY) + room() + came(0, 9) + buffers(0) + COLLECT
    yield "emergency", ALONE, EMERGENCY, config(8) + config(8, 2) + \
        config(8, 0, 8000) + wait(200) + config(8) + config(9) + \
        space(0, 0) + config(8) + config(0, 3) + config(4, 2) + config(15, 3)
    yield "impossible", THREE, ALL, b"".join(map(impossible, range(5)))
    for bit in (0, 5):
        for at in range(0, 2550, 255):
            yield f"damaged{bit}-{at}", ALONE, ALL, \
                save(DAMAGED, *long(at), 255, 1 << bit, ALL)


def seeds():
    programs = list(alone())
    for name, extra in (("", 0), ("packed-", PACKED | INDIRECT),
                        ("event-", EVENT | INDIRECT)):
        programs += [(name + what, device, ALL | extra, program)
                     for what, device, program in ports(ALL | extra)]
    return {name: bytes((device, features)) + program
            for name, device, features, program in programs}
