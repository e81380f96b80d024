# SPDX-License-Identifier: BSD-3-Clause
"""What debuggers say, for fuzz_gdb.c: a line is a packet's body, or begins with
a byte that says what it is instead."""

RAW, STOP, INTERRUPT, CLIENT, FAIL, END, AGAIN = (
    bytes([n]) for n in range(1, 8))
MEMORY = b"ffffffff81000000"


def stop(cpu=0, stepped=0, kind=0, va=0):
    return STOP + bytes([cpu, stepped, kind, va])


def talk(*lines):
    return b"\n".join(lines)


def hexed(count):
    return b"5a" * count


def packet(body):
    return b"$%s#%02x" % (body, sum(body) & 255)


def seeds():
    supported = b"qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+"
    begin = (supported, b"vMustReplyEmpty", b"QStartNoAckMode", b"Hg0",
             b"qXfer:features:read:target.xml:0,ffb", b"qTStatus", b"?",
             b"qfThreadInfo", b"qsThreadInfo", b"qAttached", b"Hc-1", b"qC",
             b"g")
    found = {
        "empty": b"",
        "begin": talk(*begin),
        "description": talk(*(b"qXfer:features:read:target.xml:%x,%x" % pair
                              for pair in ((0, 4), (4, 16), (20, 99),
                                           (21, 1), (99, 1)))),
        "description-odd": talk(b"qXfer:features:read:target.xml:",
                                b"qXfer:features:read:target.xml:0",
                                b"qXfer:features:read:target.xml:0,",
                                b"qXfer:features:read:x:0,1",
                                b"qXfer:memory-map:read::0,1"),
        "threads": talk(b"T1", b"T4", b"T5", b"T", b"Hg4", b"Hg5", b"Hg-1",
                        b"Hc2", b"Hc0", b"Hx1", b"H", b"Hg-2", b"Hg1x",
                        b"qThreadExtraInfo,1", b"qThreadExtraInfo,4",
                        b"qThreadExtraInfo,9", b"qThreadExtraInfo,", b"qC"),
        "other-thread": talk(b"Hg4", b"g", b"p0", b"P0=" + hexed(8),
                             b"Hg6", b"g", b"c", stop(3)),
        "registers": talk(b"g", b"G" + hexed(38), b"p0", b"p3", b"p4",
                          b"P1=" + hexed(4), b"P2=" + hexed(10),
                          b"P3=" + hexed(16), b"P3=" + hexed(15), b"P9=00",
                          b"P0", b"p", b"G00", b"G"),
        "memory": talk(b"m" + MEMORY + b",40", b"m" + MEMORY + b",fffff",
                       b"mffffffff81000ff0,20", b"m0,1", b"m,1", b"m1",
                       b"M" + MEMORY + b",4:" + hexed(4),
                       b"M" + MEMORY + b",4:" + hexed(3),
                       b"M" + MEMORY + b",5000:" + hexed(3),
                       b"Mffffffff81000fff,2:" + hexed(2), b"M" + MEMORY,
                       b"X" + MEMORY + b",0:", b"X" + MEMORY + b",3:a}\x03b",
                       b"X" + MEMORY + b",3:ab", b"X" + MEMORY + b",1:}",
                       b"X" + MEMORY + b",1:abc"),
        "breakpoints": talk(*(b"%c%d,%s,%d" % (c, kind, MEMORY, size)
                              for c in b"Zz" for kind in range(6)
                              for size in (1, 4)),
                            b"Z0,1,1;X5,1234567890", b"Z0,1,1x", b"Z0",
                            b"Z,1,1", b"Z0,1,9", b"z0,1,1"),
        "step": talk(supported, b"vCont?", b"vCont;s:1;c", stop(0, 1), b"g",
                     b"vCont;s:2", stop(1, 1), b"s", stop(1, 1), b"s1234",
                     stop(1, 1), b"S05", stop(1, 1), b"S05;1234", stop(1, 1)),
        "go": talk(b"vCont;c", stop(2), b"vCont;C05", stop(3, 0, 1), b"c",
                   stop(0, 0, 2, 7), b"C05", stop(0, 0, 3, 7), b"c1234",
                   stop(0, 0, 4, 7), b"C05;1234", stop(), b"Hc2", b"c", stop(),
                   b"vCont;c:2", stop(), b"vCont;c:2;c:3", stop(),
                   b"vCont;s", stop(), b"vCont;c:1;s:2", stop()),
        "reasons": talk(supported, *(line for kind in range(5) for line in
                                     (b"c", stop(1, 0, kind, 3), b"?"))),
        "go-odd": talk(b"vCont", b"vCont;", b"vCont;x", b"vCont;c:9",
                       b"vCont;C", b"vCont;c;", b"vCont;c:1x", b"cx", b"C",
                       b"s1,"),
        "interrupt": talk(INTERRUPT, b"c", INTERRUPT, b"c", b"g", b"m0,1",
                          b"?", INTERRUPT, b"c", FAIL + b"\x05", INTERRUPT,
                          stop(), b"g", FAIL, b"c", stop()),
        "failures": talk(FAIL + b"\x05", b"g", b"G" + hexed(38), b"p0",
                         b"P0=" + hexed(8), b"c", b"s", b"c12", b"vCont;s:1",
                         b"Z0,1,1", b"z0,1,1", FAIL + b"\x5f", b"Z2,0,8",
                         b"m" + MEMORY + b",1"),
        "detach": talk(b"Z0,1,1", b"D", b"g", CLIENT, b"g", b"c", b"D",
                       CLIENT, b"c", CLIENT),
        "kill": talk(b"k", CLIENT, b"g", CLIENT, b"vKill;1", CLIENT, b"c",
                     b"k"),
        "end": talk(b"c", END + b"\x75", b"g", END, CLIENT, END, END),
        "signs": talk(RAW + b"+" + packet(b"?"), AGAIN, RAW + b"$?#00",
                      RAW + b"$?#zz", RAW + b"$?#3", RAW + b"f$?$" +
                      packet(b"g"), b"QStartNoAckMode", RAW + b"$?#00",
                      AGAIN, RAW + b"noise", RAW + packet(b"?") * 9),
        "long": talk(b"m" * 16384, RAW + packet(b"m" * 16385), b"?"),
        "unknown": talk(b"!", b"A", b"R00", b"vRun;", b"vAttach;1", b"qRcmd,68",
                        b"QNonStop:1", b"qSymbol::", b"qOffsets", b"", b"d"),
        "session": talk(*begin, b"Z0," + MEMORY + b",1", b"vCont;c", stop(1),
                        b"z0," + MEMORY + b",1", b"vCont;s:2", stop(1, 1),
                        b"m" + MEMORY + b",40", b"D"),
    }
    return found
