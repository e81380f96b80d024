# SPDX-License-Identifier: BSD-3-Clause
"""Seeds for the socket device's target: small programs, see fuzz_vsock.c."""

# what is negotiated
STREAM, PACKED, EVENT, INDIRECT, RING_RESET = 1, 8, 16, 32, 64
ALL = STREAM | RING_RESET
RX, TX, EVENTS = range(3)
# operations
REQUEST, RESPONSE, RST, SHUTDOWN, RW, UPDATE, ASK = range(1, 8)
NO_RECEIVE, NO_SEND, CLOSED = 1, 2, 3
FIRST = 128  # the host's port of its first connection
# one thing that is wrong in a packet
FROM, TO, LEN, TYPE, WRITABLE, FORWARDED, SHORT, CREDIT = range(8, 16)
# what a host program says
(LINE, LINE_AND_MORE, HALF, OTHER_HALF, EMPTY, NOTHING, ENDLESS, NO_NUMBER,
 TOO_LARGE) = range(9)
NUL = 255
# snapshots
PLAIN, DAMAGED, LAST_PORT, NO_PORT = range(4)


def long(value):
    return value >> 8, value & 255


def op(kind, which=0, *args):
    return bytes((kind, which) + args)


def fields(what, size=0, flags=0, room=250, odd=0, other=0, ports=(1, 1)):
    tail = other.to_bytes(4, "big") if odd else b""
    return bytes((odd, *ports, *long(size), what, flags, room)) + tail


def packet(*args, **named):
    return op(0) + fields(*args, **named)


def room(count=16, size=8160, shape=0):
    return op(3, 0, count, size // 32, shape)


def event(shape=7):
    return op(4, 0, shape)


def host(what, *args, peer=0):
    return op(5, peer, what, *args)


def calls(line=LINE):
    return host(0, line)


def says(line, peer=0):
    return host(1, line, peer=peer)


def sends(size, peer=0):
    return host(2, *long(size), peer=peer)


def reads(size, peer=0):
    return host(3, *long(size), peer=peer)


def shuts(how, peer=0):
    return host(4, how, peer=peer)


def closes(peer=0):
    return host(5, peer=peer)


def accepting(works):
    return host(6, not works)


def refusing(on):
    return host(7, on)


def flood(count, kind=0):
    """Odd kinds connect; each has other ports."""
    return op(8, min(count, 255), kind)


def wait(ms):
    return op(9, ms // 500)


def run(features):
    return op(10, features)


def save(how=PLAIN, *args):
    return op(11, 0, how, *args)


def ring_reset(n):
    return op(13, n)


def impossible(how, off=0, width=3):
    return op(15, 0, off, width, how)


COLLECT = op(7)
PAUSE = RESUME = op(12)
NO_MEMORY = 14
SHUT_RD, SHUT_WR, SHUT_BOTH = range(3)
CONNECT = packet(REQUEST) + COLLECT
OPEN = room() + CONNECT
ANSWER = packet(RESPONSE, ports=(1, FIRST))
CALLED = room() + calls() + COLLECT + ANSWER + COLLECT
# what the host's socket does not take is held
HOLD = OPEN + (packet(RW, 9000) + COLLECT) * 7


def guest_first():
    yield "connect", OPEN + packet(RW, 100) + reads(50) + sends(3000) + \
        COLLECT + packet(UPDATE) + packet(ASK) + COLLECT
    yield "refused", refusing(1) + OPEN + refusing(0) + OPEN + CONNECT
    yield "no-memory", room() + op(NO_MEMORY, 0) + fields(REQUEST) + \
        op(NO_MEMORY, 1, 0, LINE) + COLLECT + OPEN
    yield "credit", room() + packet(REQUEST, room=1) + sends(5000) + \
        COLLECT + packet(UPDATE, room=1) + COLLECT + \
        packet(UPDATE, room=9) + COLLECT + packet(UPDATE, room=0) + \
        sends(900) + COLLECT + packet(UPDATE, room=0) + \
        packet(SHUTDOWN, 0, NO_RECEIVE) + packet(UPDATE) + COLLECT
    yield "credit-wrong", OPEN + sends(3000) + COLLECT + \
        packet(UPDATE, odd=FORWARDED, other=0) + COLLECT + \
        packet(UPDATE, odd=FORWARDED, other=0xFFFFFF00) + COLLECT + \
        packet(UPDATE, odd=FORWARDED, other=99999) + COLLECT
    yield "credit-ended", room() + packet(REQUEST, room=1) + sends(5000) + \
        COLLECT + shuts(SHUT_WR) + COLLECT + packet(UPDATE) + COLLECT
    yield "credit-large", room() + packet(
        REQUEST, odd=CREDIT, other=0xFFFFFFFF) + sends(60000) + COLLECT + \
        room() + COLLECT
    yield "held", HOLD + (reads(9000) + COLLECT) * 7 + \
        (packet(RW, 30000) + reads(20000) + COLLECT) * 4
    yield "held-too-much", HOLD + packet(RW, 65535) * 3 + \
        (reads(60000) + COLLECT) * 3
    yield "held-fills", OPEN + packet(RW, 65535) + packet(RW, 60000) + \
        COLLECT + reads(1) + packet(RW, 2)
    yield "held-deaf", HOLD + shuts(SHUT_RD) + packet(RW, 100) + COLLECT + \
        packet(RW, 100) + packet(SHUTDOWN, 0, NO_SEND) + COLLECT
    yield "held-closed", HOLD + closes() + COLLECT + packet(RW, 100) + COLLECT
    yield "held-save", HOLD + save() + event() + reads(9000) + COLLECT
    yield "linger", HOLD + packet(SHUTDOWN, 0, CLOSED) + COLLECT + \
        (reads(9000) + COLLECT) * 8
    yield "linger-closed", HOLD + packet(SHUTDOWN, 0, CLOSED) + closes() + \
        COLLECT + CONNECT
    yield "linger-long", HOLD + packet(RST) + CONNECT + wait(59500) + \
        wait(60000) + COLLECT
    yield "linger-again", HOLD + packet(SHUTDOWN, 0, CLOSED) + CONNECT + \
        packet(RW, 10) + reads(9000) + closes() + COLLECT
    yield "guest-shuts", OPEN + packet(SHUTDOWN, 0, NO_SEND) + reads(9) + \
        sends(100) + COLLECT + packet(RW, 9) + COLLECT
    yield "guest-deaf", OPEN + packet(SHUTDOWN, 0, NO_RECEIVE) + \
        sends(100) + packet(RW, 100) + reads(100) + closes() + \
        packet(RW, 9) + COLLECT
    yield "both-shut", OPEN + packet(SHUTDOWN, 0, NO_SEND) + \
        packet(SHUTDOWN, 0, NO_RECEIVE) + COLLECT + packet(RW, 9) + COLLECT
    yield "host-shuts", OPEN + sends(100) + shuts(SHUT_WR) + COLLECT + \
        packet(RW, 100) + reads(100) + closes() + COLLECT + \
        packet(SHUTDOWN, 0, CLOSED) + COLLECT
    yield "host-closes", OPEN + sends(100) + closes() + COLLECT + \
        packet(RW, 9) + packet(RST)
    yield "host-leaves", OPEN + closes() + COLLECT + wait(29500) + \
        wait(1000) + COLLECT + packet(RW, 9) + COLLECT
    yield "host-resets", OPEN + packet(RW, 100) + closes() + COLLECT + \
        wait(31000) + COLLECT
    for name, odd, other in (
            ("from", FROM, 9), ("to", TO, 1), ("len", LEN, 200),
            ("len-huge", LEN, 0xFFFFFFFF), ("len-less", LEN, 50),
            ("type", TYPE, 2), ("writable", WRITABLE, 0),
            ("short", SHORT, 0)):
        yield "odd-" + name, OPEN + packet(RW, 100, odd=odd, other=other) + \
            COLLECT + packet(RW, 100) + COLLECT
    for what in (0, REQUEST, RESPONSE, 8, 255):
        yield f"op{what}", OPEN + packet(what) + COLLECT + packet(RW, 9) + \
            COLLECT + packet(what, ports=(2, 2)) + COLLECT


def host_first():
    yield "called", CALLED + packet(RW, 100, ports=(1, FIRST)) + \
        reads(120) + sends(100) + COLLECT + \
        packet(SHUTDOWN, 0, CLOSED, ports=(1, FIRST)) + COLLECT
    yield "called-halves", room() + calls(HALF) + says(OTHER_HALF) + \
        COLLECT + packet(RESPONSE, ports=(3, FIRST)) + COLLECT
    yield "called-more", room() + calls(LINE_AND_MORE) + COLLECT + \
        packet(RESPONSE, ports=(2, FIRST)) + COLLECT
    yield "called-wrong", room() + b"".join(map(calls, (
        EMPTY, ENDLESS, NO_NUMBER, TOO_LARGE, NUL, 10, 9))) + COLLECT
    yield "called-slowly", calls(NOTHING) + says(HALF) + says(HALF) + \
        says(HALF, 0) * 9 + calls(NOTHING) + closes(1)
    yield "called-never", calls(NOTHING) + wait(9500) + wait(1000) + \
        calls(NOTHING)
    yield "called-twice", room() + calls() * 3 + COLLECT + \
        b"".join(packet(RESPONSE, ports=(1, FIRST + i)) for i in range(3)) + \
        COLLECT + closes(1) + packet(RST, ports=(1, FIRST)) + COLLECT
    yield "no-answer", room() + calls() + COLLECT + wait(9500) + \
        wait(1000) + COLLECT + ANSWER + COLLECT
    yield "answered-rst", room() + calls() + COLLECT + \
        packet(RST, ports=(1, FIRST)) + calls() + COLLECT + \
        packet(RW, 9, ports=(1, FIRST + 1)) + COLLECT
    yield "answered-wrong", room() + calls() + COLLECT + \
        packet(RESPONSE, odd=FORWARDED, other=5, ports=(1, FIRST)) + COLLECT
    yield "caller-left", room() + calls() + COLLECT + closes() + ANSWER + \
        COLLECT + ANSWER + COLLECT
    yield "caller-leaves", room() + calls() + COLLECT + PAUSE + closes() + \
        ANSWER + RESUME + COLLECT
    yield "accept-fails", accepting(0) + calls() + wait(500) + \
        accepting(1) + wait(1000) + room() + COLLECT + ANSWER + COLLECT
    yield "accept-fails-busy", accepting(0) + calls() + calls() + OPEN + \
        packet(SHUTDOWN, 0, CLOSED) + wait(1500) + accepting(1) + \
        wait(1500) + COLLECT
    yield "accept-fails-old", calls(NOTHING) + wait(9500) + accepting(0) + \
        calls() + wait(500) + accepting(1) + wait(1000) + room() + COLLECT
    yield "last-port", save(LAST_PORT) + event() + COLLECT + wait(1500) + \
        room() + calls() * 2 + COLLECT + \
        packet(RESPONSE, ports=(1, FIRST)) + COLLECT


def device():
    yield "no-room", calls() + packet(REQUEST) + sends(9, 1) + \
        packet(RW, 9) + packet(RW, 9, ports=(5, 5)) + room(1) + COLLECT + \
        room(2) + COLLECT + room() + COLLECT
    yield "small-room", room(2, 0) + room(2, 0, 1) + room(2, 500, 3) + \
        room(2, 500, 2) + room(2, 32) + CONNECT + room() + COLLECT + \
        packet(RW, 9) + COLLECT
    yield "odd-room", OPEN + sends(3000) + room(2, 0) + room(2, 0, 1) + \
        room(2, 500, 2) + room(2, 500, 3) + COLLECT + room(3, 64) + \
        room(3, 500, 1) + COLLECT + sends(900) + room() + COLLECT
    yield "rst-unknown", room() + packet(RST, ports=(7, 7)) + COLLECT
    yield "rst-open", OPEN + packet(RST) + packet(RST) + COLLECT
    yield "rst-owed", packet(REQUEST) * 2 + packet(RST) + room() + COLLECT
    yield "rst-second", b"".join(packet(REQUEST, ports=(i, i))
                                 for i in (1, 2, 3)) + b"".join(
        packet(RST, ports=(i, i)) for i in (2, 3, 1)) + room() + COLLECT
    yield "rst-twice", packet(REQUEST) * 2 + packet(RW, 9) + packet(
        REQUEST) + room() + COLLECT
    yield "strays", flood(200) * 2 + (room() + COLLECT) * 20 + CONNECT
    yield "strays-reset", flood(200) * 2 + ring_reset(TX) + packet(RW, 9) + \
        (room() + COLLECT) * 9 + flood(200) * 2 + run(ALL) + OPEN
    yield "full", flood(1024, 1) + flood(1024, 3) + flood(40, 5) + calls() + \
        CONNECT + (room() + COLLECT) * 70 + CONNECT
    yield "full-reset", flood(1024, 1) + run(ALL) + OPEN
    yield "event", OPEN + event() * 2 + save() + COLLECT + packet(RW, 9) + \
        COLLECT + event() + COLLECT + packet(RW, 9) + CONNECT
    yield "event-late", OPEN + save() + packet(RW, 9) + COLLECT + \
        event(0) + event(2) + event(12) + COLLECT + event() + COLLECT + \
        wait(500) + packet(RW, 9) + wait(1000) + COLLECT
    yield "event-never", OPEN + save() + CONNECT + calls() + wait(2000) + \
        COLLECT + run(ALL) + OPEN
    yield "save", OPEN + calls() + COLLECT + save() + save(NO_PORT, ALL) + \
        OPEN + save(LAST_PORT) + event() + COLLECT + event() + CONNECT
    yield "pause", OPEN + calls() + PAUSE + packet(RW, 90) + sends(90) + \
        calls() + wait(20000) + RESUME + COLLECT + PAUSE + save() + PAUSE + \
        run(ALL) + OPEN
    yield "pause-rings", OPEN + PAUSE + ring_reset(TX) + ring_reset(RX) + \
        packet(RW, 9) + RESUME + room() + COLLECT
    yield "rings", OPEN + HOLD + ring_reset(RX) + ring_reset(TX) + \
        ring_reset(EVENTS) + packet(RW, 9) + sends(90) + room() + COLLECT
    yield "again", OPEN + sends(9) + packet(RW, 9) + run(ALL) + OPEN + \
        run(0) + OPEN + packet(RW, 9)


def rest():
    yield "impossible", b"".join(impossible(how, 4 * (how % 3), how % 4)
                                 for how in range(7))
    for bit in (0, 5):
        for at in range(0, 2550, 255):
            yield f"damaged{bit}-{at}", save(DAMAGED, *long(at), 255,
                                             1 << bit, ALL)


def seeds():
    programs = [(name, ALL, program) for name, program in rest()]
    for name, extra in (("", 0), ("packed-", PACKED | EVENT | INDIRECT)):
        programs += [(name + what, ALL | extra, program)
                     for some in (guest_first, host_first, device)
                     for what, program in some()]
    return {name: bytes((features,)) + program
            for name, features, program in programs}
