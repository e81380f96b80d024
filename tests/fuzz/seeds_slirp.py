# SPDX-License-Identifier: BSD-3-Clause
"""Seeds for the user network's target: small programs, see fuzz_slirp.c."""

# how the network is
RESTRICTED, LOOPBACK, DNS = 1, 2, 16
MTU = {1500: 0, 1280: 4, 9000: 8, 65521: 12}
# the guest's addresses, by number
HOST, NAMES, ALL, OTHER, FAR, GROUP, LOCAL, NET = range(8)
GUEST = 15
V6 = 8
# the guest's connections: two that the host begins, and some of its own
IN, IN2, OUT, OUT6, DNS_TCP, NOWHERE, CLOSED, NOWHERE6 = range(8)
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
# what is wrong with a packet of IP
(OPTIONS, FRAGMENT, EARLY, LATE, LENGTH, CUT, HOPS, SOURCE) = (
    1 << i for i in range(8))
# ports of UDP
DHCP, TFTP, NAME, DHCP6, ECHO, HERE, DHCP6_CLIENT, DISCARD = range(8)


def short(value):
    return (value & 0xFFFF).to_bytes(2, "big")


def op(kind, which=0, *args):
    return bytes((kind, which, *args))


def arp(what, to, sender=GUEST, more=b""):
    return op(0, 0, what, sender | to << 4) + more


def tcp(conn, flags, data=0, options=None, urgent=None, offset=None,
        ahead=None, shape=0, extra=b"", late=b""):
    """@extra and @late: what the shape asks for, before and after."""
    size = 0 if not data else 1 if data < 256 else 2
    which = conn | (8 if options is not None else 0) | (
        16 if urgent is not None else 0) | (32 if offset is not None else 0) \
        | (64 if ahead is not None else 0) | (128 if shape else 0)
    out = op(1, which, flags | size << 6)
    if shape:
        out += bytes((shape,)) + extra
    if options is not None:
        out += bytes((len(options),)) + options
    if urgent is not None:
        out += short(urgent)
    if offset is not None:
        out += bytes((offset,))
    if ahead is not None:
        out += b"".join(map(short, ahead))
    return out + data.to_bytes(size, "big") + late


def full(conn, flags):
    """As much as a segment holds."""
    return op(1, conn, flags | 192)


def packet(kind, to, shape, extra, body, late):
    return op(kind, to | (16 if shape else 0)) + (
        bytes((shape,)) + extra if shape else b"") + body + late


def udp(to, port, message=b"\x05\0", client=0, shape=0, extra=b"", late=b""):
    return packet(5, to, shape, extra, bytes((port | client,)) + message,
                  late)


def icmp(to, body, shape=0, extra=b"", late=b""):
    return packet(6, to, shape, extra, bytes(body), late)


def raw_bytes(data):
    return bytes((len(data),)) + data


def dhcp(options, mac=3):
    return bytes((0, mac)) + raw_bytes(options)


def dns(question):
    return b"\x01" + raw_bytes(question)


def tftp(what, options=b""):
    return bytes((2, what)) + raw_bytes(options)


def dhcp6(kind, options=b""):
    return bytes((3, kind)) + raw_bytes(options)


def zeros(size):
    return b"\x04" + short(size)


def ask(to, body, *pieces, proto=0):
    """@pieces: (offset in eights and flags, length)."""
    return op(7, to | proto) + body + bytes((len(pieces) - 1,)) + b"".join(
        short(at) + short(size) for at, size in pieces)


def raw(kind, data):
    return op(8, kind) + raw_bytes(data)


def flood(count):
    return op(9, count)


def wait(ms):
    return op(10, ms // 100)


def host(what, *args, peer=0):
    return op(13, peer, what, *args)


def sends(size, peer=0):
    return host(2, *short(size), peer=peer)


def reads(size, peer=0):
    return host(3, *short(size), peer=peer)


def oob(size, peer=0):
    return host(4, size, peer=peer)


def shuts(how, peer=0):
    return host(5, how, peer=peer)


def closes(peer=0):
    return host(6, peer=peer)


REFUSED = op(11)
ROUND = op(12)
MORE = 0x2000
HERE_I_AM = arp(2, HOST)
HERE_I_AM6 = icmp(HOST | V6, (136, 0, GUEST, 8, 2, 1, 0x52, 0x54, 0, 1, 2, 3))
CALL, ANSWER = host(0), host(1)
SYNACK = tcp(IN, SYN | ACK, options=b"\2\4\5\xb4")
CALLED = HERE_I_AM + CALL + SYNACK + tcp(IN, ACK)
CALLS = HERE_I_AM + tcp(OUT, SYN, options=b"\2\4\5\xb4\1\1\4\2") + ROUND + \
    ANSWER + tcp(OUT, ACK)
CALLS6 = HERE_I_AM6 + tcp(OUT6, SYN) + ROUND + ANSWER + tcp(OUT6, ACK)


def forwards():
    yield "called", CALLED + sends(3000) + tcp(IN, ACK) + \
        tcp(IN, ACK | PSH, 500) + reads(400) + shuts(1) + tcp(IN, ACK) + \
        tcp(IN, FIN | ACK) + tcp(IN, ACK)
    yield "called-two", CALLED + host(0, peer=1) + tcp(
        IN2, SYN | ACK) + tcp(IN2, ACK) + sends(50, 1) + tcp(
        IN2, ACK | PSH, 50) + tcp(IN, RST) + tcp(IN2, RST | ACK)
    yield "called-nobody", CALL + sends(9) + wait(1100) + wait(6000) + \
        wait(25500) + wait(25500)
    yield "called-refused", HERE_I_AM + CALL + tcp(IN, RST | ACK)
    yield "called-gone", HERE_I_AM + CALL + closes() + SYNACK + tcp(IN, ACK)
    yield "guest-ends", CALLED + tcp(IN, FIN | ACK, 9) + sends(100) + \
        tcp(IN, ACK) + closes() + wait(2000)
    yield "host-ends", CALLED + sends(100) + closes() + tcp(IN, ACK, 9)
    yield "host-urgent", CALLED + oob(1) + tcp(IN, ACK) + sends(20) + \
        oob(9) + tcp(IN, ACK)
    yield "retransmit", CALLED + sends(9000) + wait(1000) + wait(3000) + \
        wait(9000) + tcp(IN, ACK, ahead=(0, -500, 0xFFFF)) * 5 + wait(9000)
    yield "held", CALLED + full(IN, ACK) * 30 + reads(60000) + tcp(IN, ACK)
    yield "window", CALLED + tcp(IN, ACK, ahead=(0, 0, 0)) + sends(60000) + \
        wait(5000) + tcp(IN, ACK, ahead=(0, 0, 9)) + tcp(IN, ACK)
    yield "disorder", CALLED + tcp(IN, ACK, 100, ahead=(200, 0, 9)) + \
        tcp(IN, ACK, 150, ahead=(100, 0, 9)) + tcp(
        IN, ACK, 90, ahead=(290, 0, 9)) + tcp(IN, ACK, 120) + \
        reads(500) + tcp(IN, FIN | ACK, 9, ahead=(20, 0, 9)) + \
        tcp(IN, ACK, 30)
    yield "syn-again", CALLED + sends(2000) + SYNACK + tcp(
        IN, SYN, options=b"\2\4\0\x20") + tcp(IN, ACK)
    # what the kernel has fills libslirp's buffer to the byte, while it waits
    # to write; when that is depends on the kernel's buffers
    for count in range(12, 48, 3):
        steps = ([sends(64512)] + [tcp(IN, ACK)] * 3) * 12
        yield f"full{count}", HERE_I_AM + CALL + tcp(
            IN, SYN | ACK, options=b"\2\4\4\0") + tcp(IN, ACK) + tcp(
            IN, ACK, 9000) * 12 + b"".join(steps[:count]) + closes() + ROUND
    yield "datagrams", HERE_I_AM + host(7, *short(100)) + udp(
        HOST, HERE, zeros(9)) + host(7, *short(5000)) * 6


def urgent():
    yield "urgent", CALLED + tcp(IN, ACK | URG, 10, urgent=5) + reads(20)
    yield "urgent-far", CALLED + tcp(IN, ACK | URG, 10, urgent=3000) + \
        tcp(IN, ACK, 10) + reads(9000)
    yield "urgent-huge", CALLED + tcp(IN, ACK | URG, 9, urgent=0xFFFF) + \
        tcp(IN, ACK | URG, 9, urgent=0x7FFF) + reads(9000)
    yield "urgent-alone", CALLED + tcp(IN, ACK | URG, urgent=2000) + \
        tcp(IN, ACK, 1) + tcp(IN, ACK, 1) + reads(9000)
    yield "urgent-ahead", CALLED + tcp(
        IN, ACK | URG, 100, urgent=50, ahead=(1000, 0, 9)) + tcp(
        IN, ACK, 9) + reads(9000) + tcp(IN, ACK, 9) + reads(9000)
    yield "urgent-held", CALLED + full(IN, ACK) * 30 + tcp(
        IN, ACK | URG, 1, urgent=900) + reads(60000) + tcp(
        IN, ACK, 9) + reads(60000)
    yield "urgent-syn", HERE_I_AM + CALL + tcp(
        IN, SYN | ACK | URG, 9, urgent=500) + tcp(IN, ACK, 9)
    yield "urgent-out", CALLS + tcp(OUT, ACK | URG, 3, urgent=100) + tcp(
        OUT, ACK, 3) + reads(9000)
    yield "urgent-pieces", CALLED + tcp(
        IN, ACK | URG, 30, urgent=900, shape=FRAGMENT,
        extra=b"\1\x20\0") + tcp(IN, ACK, 1)


def options():
    for name, bad in (
            ("none", b""), ("end", b"\0\2\4"), ("kind", b"\x1e\4\1\2"),
            ("zero", b"\2\0\1\1"), ("one", b"\2\1\1\1"), ("long", b"\2\xff"),
            ("cut", b"\1\1\1\2"), ("cut-mss", b"\1\1\2\4"),
            ("mss0", b"\2\4\0\0"), ("mss1", b"\2\4\0\1"),
            ("mss-large", b"\2\4\xff\xff"), ("full", b"\2\4\5\xb4" * 10),
            ("time", b"\1\1\x08\x0a" + bytes(8)),
            ("sack", b"\1\1\5\x12" + bytes(16))):
        yield "options-" + name, HERE_I_AM + CALL + tcp(
            IN, SYN | ACK, options=bad) + tcp(
            IN, ACK, 99, options=bad) + sends(2000) + tcp(
            OUT, SYN, options=bad) + ROUND + ANSWER + tcp(
            OUT, ACK, 9, options=bad)
    for offset in (0, 0x40, 0x60, 0xF0):
        yield f"offset-{offset}", CALLED + tcp(IN, ACK, 9, offset=offset) + \
            tcp(OUT, SYN, offset=offset)


def calls():
    yield "calls", CALLS + tcp(OUT, ACK | PSH, 300) + reads(300) + \
        sends(5000) + tcp(OUT, ACK) + tcp(OUT, FIN | ACK) + shuts(2) + \
        tcp(OUT, ACK)
    yield "calls6", CALLS6 + tcp(OUT6, ACK | PSH, 300) + reads(300) + \
        sends(5000) + tcp(OUT6, ACK) + closes() + tcp(OUT6, ACK)
    yield "calls6-disorder", CALLS6 + tcp(
        OUT6, ACK, 30, ahead=(9, 0, 9)) + tcp(OUT6, ACK, 9) + reads(99)
    yield "calls-many", HERE_I_AM + b"".join(
        tcp(conn, SYN) for conn in range(2, 8)) + ROUND + b"".join(
        tcp(conn, ACK, 9) for conn in range(8)) + wait(9000)
    yield "calls-held", CALLS + full(OUT, ACK) * 99 + closes() + ROUND + \
        tcp(OUT, ACK)
    yield "calls-flags", HERE_I_AM + b"".join(
        tcp(OUT, flags) for flags in range(64))
    yield "data-first", HERE_I_AM + tcp(OUT, SYN, 500) + ROUND + ANSWER + \
        tcp(OUT, ACK, 9) + reads(900)
    yield "names", HERE_I_AM + udp(NAMES, NAME, dns(
        b"\1a\0\0\1\0\1")) + udp(NAMES | V6, NAME, dns(b"\1a\0\0\1\0\1"))
    yield "echo", HERE_I_AM + udp(HOST, HERE, zeros(500)) + host(
        8, *short(900)) + host(8, *short(60000)) + udp(
        FAR, DISCARD, zeros(9)) + wait(25500)
    yield "echo6", HERE_I_AM6 + udp(HOST | V6, HERE, zeros(500)) + host(
        8, *short(900)) + host(8, *short(60000)) + udp(
        FAR | V6, DISCARD, zeros(9)) + wait(25500)
    yield "hops", HERE_I_AM + b"".join(
        udp(to, HERE, zeros(9), shape=HOPS, extra=bytes((hops,))) + icmp(
            to, (8, 0, 0, 9), shape=HOPS, extra=bytes((hops,)))
        for to in (HOST, FAR, HOST | V6, FAR | V6) for hops in (0, 1))
    yield "flood", HERE_I_AM + flood(200) + flood(100) + wait(25500) + \
        ROUND + wait(25500)


DISCOVER, REQUEST = b"\x35\1\1\xff", b"\x35\1\3\x32\4\x0a\0\2\x0f\xff"


def services():
    yield "dhcp", udp(ALL, DHCP, dhcp(DISCOVER), 8) + udp(
        ALL, DHCP, dhcp(REQUEST), 8) + udp(HOST, DHCP, dhcp(b""), 8)
    yield "dhcp-many", b"".join(udp(ALL, DHCP, dhcp(DISCOVER, mac), 8)
                                for mac in range(20))
    yield "dhcp-wrong", b"".join(udp(ALL, DHCP, dhcp(bad), 8) for bad in (
        b"\x35", b"\x35\0", b"\x35\xff\1", b"\x32\3\1\1\1", b"\0" * 9,
        b"\x35\1\7\xff", b"\x35\1\3\x32\4\1\1\1\1"))
    yield "tftp", b"".join(udp(to, TFTP, tftp(what, more))
                           for to in (HOST, HOST | V6)
                           for what in range(7)
                           for more in (b"", b"blksize\0001\0"))
    yield "dhcp6", HERE_I_AM6 + b"".join(
        udp(GROUP | V6, DHCP6, dhcp6(kind, more)) for kind in (1, 11)
        for more in (b"", b"\0\1\0\4abcd\0\6\0\4\0\x17\0\x3b",
                     b"\0\1\xff\xffa", b"\0\5\0\0\0"))
    yield "arp", b"".join(arp(what, to, sender) for what in (1, 2, 3)
                          for to in (HOST, NAMES, OTHER, GUEST)
                          for sender in (GUEST, OTHER, HOST, ALL))
    yield "arp-wrong", arp(64 + 1, HOST, more=b"\x05") + arp(
        128 + 1, HOST, more=b"\1\0\x0f\7")
    yield "ping", HERE_I_AM + b"".join(
        icmp(to, (8, 0, *short(size)))
        for to in (HOST, NAMES, FAR, LOCAL) for size in (0, 1400, 60000))
    yield "icmp", b"".join(icmp(HOST, (what, 0, 0, 20)) for what in range(19))
    yield "ping6", HERE_I_AM6 + b"".join(
        icmp(to | V6, (128, 0, *short(size)))
        for to in (HOST, NAMES, FAR) for size in (0, 1200, 1300))
    yield "neighbours", b"".join(
        icmp(GROUP | V6, (what, 0, to, 8, 1, 1, 1, 2, 3, 4, 5, 6))
        for what in (135, 136, 137) for to in (HOST, NAMES, OTHER, ALL))
    yield "routers", icmp(ALL | V6, (133, 0, 0, 0)) + icmp(
        ALL | V6, (134, 0, 0, 0)) + icmp(ALL | V6, (133, 1, 0, 9)) + \
        wait(25500) * 20
    yield "kinds", b"".join(raw(kind, bytes(range(40))) for kind in range(5))
    yield "refused", REFUSED


def packets():
    ping = bytes((8, 0)) + short(3000)
    yield "pieces", ask(HOST, ping, (MORE, 1000), (MORE | 125, 1000), (
        250, 0), proto=16)
    yield "pieces-last", ask(HOST, ping, (250, 0), (MORE | 125, 1000), (
        MORE, 1000), proto=16)
    yield "pieces-meet", ask(HOST, ping, (MORE, 1000), (MORE | 100, 1000), (
        MORE | 90, 200), (MORE | 50, 2000), (200, 0), (MORE, 1000), proto=16)
    yield "pieces-lost", ask(HOST, ping, (MORE, 8), (MORE | 9, 8), (
        MORE | 3, 8), proto=16) + wait(25500) + wait(9000)
    yield "pieces-many", ask(HOST, ping, *((
        MORE | i * 2, 8) for i in range(16)), proto=16)
    yield "pieces-options", ask(HOST, ping, (0x8000 | MORE, 1000), (
        MORE | 125, 1000), (0x8000 | 250, 0), proto=16)
    yield "pieces-large", ask(HOST, bytes((8, 0)) + short(65000), (
        MORE, 60000), (7500, 0), (MORE | 0x1FFF, 8), proto=16)
    yield "pieces-udp", ask(HOST, bytes((HERE,)) + zeros(4000), (
        MORE, 2000), (250, 0)) + host(8, *short(10))
    for name, shape, extra, late in (
            ("options", OPTIONS, b"\2" + b"\x44\5\5\0\1\1\1\1", b""),
            ("options-full", OPTIONS, b"\x0a" + b"\1" * 40, b""),
            ("fragment", FRAGMENT, b"\7\x20\0", b""),
            ("fragment-last", FRAGMENT, b"\7\x1f\xff", b""),
            ("early", EARLY, b"", b"\0\0\x0e\x4f"),
            ("late", LATE, b"", b"\1\0\x20\xff\0\x30\xff"),
            ("length0", LENGTH, b"", b"\0\0"),
            ("length-less", LENGTH, b"", b"\0\x20"),
            ("length-more", LENGTH, b"", b"\xff\xff"),
            ("cut", CUT, b"", b"\x6c"), ("padded", CUT, b"", b"\x94"),
            ("source", SOURCE, b"\3", b"")):
        yield "ip-" + name, CALLED + tcp(
            IN, ACK, 30, shape=shape, extra=extra, late=late) + udp(
            HOST, HERE, zeros(30), shape=shape, extra=extra, late=late) + \
            icmp(HOST, (8, 0, 0, 30), shape=shape, extra=extra, late=late)
        yield "ip6-" + name, HERE_I_AM6 + tcp(
            OUT6, SYN, 30, shape=shape, extra=extra, late=late) + udp(
            HOST | V6, HERE, zeros(30), shape=shape, extra=extra,
            late=late) + icmp(HOST | V6, (128, 0, 0, 30), shape=shape,
                              extra=extra, late=late)


def seeds():
    out = {}
    for group in (forwards, urgent, options, calls, services, packets):
        for name, program in group():
            out[name] = bytes((LOOPBACK,)) + program
    for name, program in (*forwards(), *urgent()):
        out["restricted-" + name] = bytes((RESTRICTED,)) + program
    for name, program in calls():
        out["small-" + name] = bytes((MTU[1280],)) + program
        out["large-" + name] = bytes((LOOPBACK | DNS | MTU[65521],)) + program
    return out
