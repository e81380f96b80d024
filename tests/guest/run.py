# SPDX-License-Identifier: BSD-3-Clause
"""Runs the cases of cases.py. Exit: 0 good, 1 failed, 77 no KVM here."""

import contextlib
import functools
import os
import re
import socket
import sys
import tempfile
import threading
import time

import common
from cases import CASES
from common import GRACE, need


# How much later than its deadline a VM may end, on a busy machine.
LATE = 5


def seconds(duration):
    return float(duration.removesuffix('s'))


def missing_line(case, lines):
    """The first pattern of the case that no line matches in its turn."""
    at = 0
    for pattern in case.lines:
        while at < len(lines) and not re.fullmatch(pattern, lines[at]):
            at += 1
        if at == len(lines):
            return pattern
        at += 1
    return None


def check_output(case, out, err):
    shown = f'; stdout {out!r}, stderr {err!r}'
    text = out.decode('utf-8', 'replace')
    lines = text.split('\n')
    pattern = missing_line(case, lines)
    need(pattern is None, f'no line "{pattern}"{shown}')
    if case.alone:
        need(len(lines) == len(case.lines) + 1 and lines[-1] == '',
             f'more output than expected{shown}')
    need('\033' not in text, f'escape sequences on a pipe{shown}')
    if case.stderr is None:
        need(err == b'', f'messages on stderr{shown}')
    else:
        need(re.search(case.stderr, err.decode('utf-8', 'replace')),
             f'stderr does not match "{case.stderr}"{shown}')


def echo_one(connection):
    with connection, contextlib.suppress(OSError):
        while data := connection.recv(65536):
            connection.sendall(data)


def echo_all(server):
    """Until the server's socket is shut down."""
    try:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=echo_one, args=[connection],
                             daemon=True).start()
    except OSError:
        pass


@contextlib.contextmanager
def echo(path):
    """A unix socket whose connections get back what they send."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1024)
        thread = threading.Thread(target=echo_all, args=[server])
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def prepare(case, place):
    """Makes the case's files in `place`; its options."""
    for name, size in case.files.items():
        with open(os.path.join(place, name), 'wb') as file:
            file.truncate(size)
    options = [option.replace('{dir}', place) for option in case.options]
    if case.cmdline:
        options += ['--cmdline', case.cmdline]
    if case.initrd is not None:
        initrd = os.path.join(place, 'initrd')
        with open(initrd, 'wb') as file:
            file.write(case.initrd)
        options += ['--initrd', initrd]
    return options


def is_emulated():
    """By scripts/kvm-host. There, what this host's processors lose to others
    counts as used."""
    return os.uname().nodename == 'kvm-host'


def one(case, bed):
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory())
        options = prepare(case, place)
        if case.echo:
            stack.enter_context(echo(os.path.join(place, case.echo)))
        begin = time.monotonic()
        code, out, err, used = common.run(
            bed.command(case.image, *options, testdev=case.testdev,
                        timeout=case.timeout),
            seconds(case.timeout) + GRACE, input=case.stdin)
        took = time.monotonic() - begin
    need(code == case.exit, f'exit code {code}, not {case.exit}; '
         f'stdout {out!r}, stderr {err!r}')
    check_output(case, out, err)
    need(took <= seconds(case.timeout) + LATE,
         f'it took {took:.1f} s, the deadline was {case.timeout}')
    if case.cpu_max is not None:
        limit = case.cpu_max * (2 if is_emulated() else 1)
        need(used <= limit,
             f'{used:.2f} s of processor time, allowed are {limit}')


if __name__ == '__main__':
    sys.exit(common.main(
        {case.name: functools.partial(one, case) for case in CASES},
        __doc__))
