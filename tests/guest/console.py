# SPDX-License-Identifier: BSD-3-Clause
"""What happens to the console's bytes when it is not a terminal: pipes, files,
readers that are slow or gone. Exit: 0 good, 1 failed, 77 no KVM here."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import common
from cases import DEADLINE, OK, PASS, REFUSED
from common import Failure, need

STOPPED = 123
LINE = 64
SECONDS = 90


def flood_text(size):
    return b''.join(b'%08x' % n + b'.' * (LINE - 9) + b'\n'
                    for n in range(size // LINE)) + b'PASS flood\n'


def first_difference(got, wanted):
    for at, pair in enumerate(zip(got, wanted)):
        if pair[0] != pair[1]:
            return at
    return min(len(got), len(wanted))


def need_same(got, wanted):
    need(got == wanted, f'{len(got)} bytes, not {len(wanted)}; the first '
         f'difference is at {first_difference(got, wanted)}')


def start(bed, image, *options, **more):
    more.setdefault('stdin', subprocess.DEVNULL)
    more.setdefault('stdout', subprocess.PIPE)
    return subprocess.Popen(bed.command(image, *options),
                            stderr=subprocess.PIPE, **more)


def finish(process, code):
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failure(f'still running after {SECONDS} s') from None
    need(process.returncode == code,
         f'exit code {process.returncode}, not {code}; stderr {err!r}')
    return out, err


def read_until(process, wanted):
    got = b''
    while wanted not in got:
        more = os.read(process.stdout.fileno(), 4096)
        need(more, f'end of output, wanted {wanted!r}, got {got!r}')
        got += more
    return got


def slow_reader_loses_no_byte(bed):
    size = 256 << 10
    with start(bed, 'flood.elf', '--cmdline', f'bytes={size}') as process:
        # Slower than the guest writes even where its code is emulated.
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        got = b''
        while True:
            more = os.read(process.stdout.fileno(), 1000)
            if not more:
                break
            got += more
            time.sleep(0.02)
        finish(process, PASS)
    need_same(got, flood_text(size))


def reader_that_stops_for_a_while_loses_no_byte(bed):
    size = 256 << 10
    with start(bed, 'flood.elf', '--cmdline', f'bytes={size}') as process:
        got = os.read(process.stdout.fileno(), 100)
        time.sleep(4)
        out, _ = finish(process, PASS)
    need_same(got + out, flood_text(size))


def reader_that_goes_away_does_not_stop_the_guest(bed):
    with start(bed, 'flood.elf', '--cmdline', 'bytes=65536') as process:
        os.read(process.stdout.fileno(), 100)
        process.stdout.close()
        process.stdout = None
        finish(process, PASS)


def stdin_pipe_is_echoed(bed):
    # Longer than the UART's FIFO, shorter than a pipe; every byte but 'q'.
    text = bytes(b for b in range(256) if b != ord('q')) * 12 + b'q'
    with start(bed, 'serial_echo.elf', stdin=subprocess.PIPE) as process:
        got = read_until(process, b'ready\n')
        need(got == b'ready\n', f'before the input: {got!r}')
        process.stdin.write(text)
        process.stdin.flush()
        out = read_until(process, b'PASS serial_echo\n')
        finish(process, PASS)
    need_same(out, text + b'\nPASS serial_echo\n')


def input_before_the_guest_listens_is_kept(bed):
    with start(bed, 'serial_echo.elf', stdin=subprocess.PIPE) as process:
        process.stdin.write(b'early q')
        process.stdin.close()
        process.stdin = None
        out, _ = finish(process, PASS)
    need(out == b'ready\nearly q\nPASS serial_echo\n', f'output {out!r}')


def end_of_input_is_harmless(bed):
    with start(bed, 'irq.elf') as process:
        finish(process, PASS)


def closed_stdin_is_harmless(bed):
    command = ['sh', '-c', 'exec "$@" <&-', 'sh', *bed.command('hello.elf')]
    code, out, err, _ = common.run(command)
    need((code, out) == (OK, b'hello\n'), f'{code}, {out!r}, {err!r}')


def closed_stdout_is_harmless(bed):
    for image, wanted in (('hello.elf', OK), ('pio.elf', PASS)):
        command = ['sh', '-c', 'exec "$@" >&-', 'sh', *bed.command(image)]
        code, _, err, _ = common.run(command)
        need(code == wanted, f'{image}: exit code {code}, stderr {err!r}')


def all_three_closed_is_harmless(bed):
    command = ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh',
               *bed.command('pio.elf')]
    code, _, err, _ = common.run(command)
    need(code == PASS, f'exit code {code}, stderr {err!r}')


def full_device_does_not_stop_the_guest(bed):
    with open('/dev/full', 'wb') as full, \
            start(bed, 'flood.elf', '--cmdline', 'bytes=65536',
                  stdout=full) as process:
        finish(process, PASS)


def full_stderr_does_not_stop_vireo(bed):
    with open('/dev/full', 'wb') as full:
        code = subprocess.run(bed.command('spin.elf', timeout='1s'),
                              stdin=subprocess.DEVNULL, stderr=full,
                              stdout=subprocess.DEVNULL, timeout=SECONDS,
                              check=False).returncode
    need(code == DEADLINE, f'exit code {code}')


def console_file_takes_the_output(bed):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'console.log')
        with open(path, 'wb') as old:
            old.write(b'x' * 1000)
        code, out, err, _ = common.run(
            bed.command('hello.elf', '--console', f'file={path}'))
        with open(path, 'rb') as log:
            text = log.read()
    need((code, out, err) == (OK, b'', b''), f'{code}, {out!r}, {err!r}')
    need(text == b'hello\n', f'the file has {text!r}')


def console_file_that_cannot_be_made_is_refused(bed):
    code, out, err, _ = common.run(bed.command(
        'hello.elf', '--console', 'file=/nonexistent/console.log'))
    need((code, out) == (REFUSED, b''), f'{code}, {out!r}, {err!r}')
    need(err.startswith(b'vireo: ') and err.count(b'\n') == 1
         and b'/nonexistent/console.log' in err, f'stderr {err!r}')


def console_none_is_silent(bed):
    code, out, err, _ = common.run(
        bed.command('hello.elf', '--console', 'none'))
    need((code, out, err) == (OK, b'', b''), f'{code}, {out!r}, {err!r}')


def wait_for_path(process, path):
    end = time.monotonic() + SECONDS
    while not os.path.lexists(path):
        need(process.poll() is None, f'it ended with {process.poll()}')
        need(time.monotonic() < end, f'no {path}')
        time.sleep(0.02)


def echo(read, write, process):
    """Talks with serial_echo; what came before a client came is not there."""
    write(b'a line, q')
    got = b''
    while not got.endswith(b'PASS serial_echo\n'):
        more = read(4096)
        need(more, f'end of output: {got!r}')
        got += more
    need(b'a line, q' in got, f'output {got!r}')
    finish(process, PASS)


def console_pty_echoes_by_its_link(bed):
    with tempfile.TemporaryDirectory() as folder:
        link = os.path.join(folder, 'console')
        with start(bed, 'serial_echo.elf', '--console', f'pty={link}') as run:
            wait_for_path(run, link)
            fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
            echo(lambda n: os.read(fd, n), lambda text: os.write(fd, text),
                 run)
            os.close(fd)
        need(not os.listdir(folder), f'left behind: {os.listdir(folder)}')


def console_pty_is_told(bed):
    with start(bed, 'serial_echo.elf', '--console', 'pty') as run:
        line = run.stderr.readline()
        told = re.fullmatch(rb'vireo: console pty is at (/dev/\S+)\n', line)
        need(told, f'stderr {line!r}')
        fd = os.open(told.group(1), os.O_RDWR | os.O_NOCTTY)
        echo(lambda n: os.read(fd, n), lambda text: os.write(fd, text), run)
        os.close(fd)


def console_socket_takes_one_client_after_the_other(bed):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'console')
        with start(bed, 'serial_echo.elf', '--console',
                   f'socket={path}') as run:
            wait_for_path(run, path)
            for text in (b'first', b'second'):
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(SECONDS)
                    client.connect(path)
                    client.sendall(text)
                    got = b''
                    while text not in got:
                        got += client.recv(100)
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(SECONDS)
                client.connect(path)
                echo(client.recv, client.sendall, run)
        need(not os.listdir(folder), f'left behind: {os.listdir(folder)}')


def consoles_that_cannot_be_are_refused_in_a_line(bed):
    with tempfile.TemporaryDirectory() as folder:
        at = os.path.join(folder, 'x')
        with socket.socket(socket.AF_UNIX) as taken:
            taken.bind(at)
            taken.listen(1)
            for words in (['tty'], ['file'], ['stdio', 'stdio'],
                          [f'file={folder}'], [f'socket={at}'],
                          [f'pty={at}'], [f'pty={folder}/no/x'],
                          [f'file={folder}/new', f'socket={folder}/no/x'],
                          ['stdio,name=x'], ['none', 'pty,name=a/b'],
                          ['none', 'none,name=' + 64 * 'n'],
                          ['none', 'none,name=x', 'pty,name=x'],
                          ['none', 'none,device=serial'], 17 * ['none']):
                options = [f'--console={word}' for word in words]
                code, out, err, _ = common.run(
                    bed.command('hello.elf', *options))
                need((code, out) == (REFUSED, b''), f'{words}: {code}, {out!r}')
                need(re.fullmatch(rb'vireo: (--)?console[ :][^\n]*\n', err),
                     f'{words}: stderr {err!r}')
        need(os.listdir(folder) == ['x'], f'left: {os.listdir(folder)}')


def shared_descriptors_keep_their_flags(bed):
    into, end = os.pipe()
    out, guest = os.pipe()
    try:
        before = [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in (into, guest)]
        code = subprocess.run(bed.command('hello.elf'), stdin=into,
                              stdout=guest, timeout=SECONDS,
                              check=False).returncode
        after = [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in (into, guest)]
        text = os.read(out, 100)
    finally:
        for fd in (into, end, out, guest):
            os.close(fd)
    need((code, text) == (OK, b'hello\n'), f'{code}, {text!r}')
    need(before == after, f'flags {before} became {after}')


def output_is_not_held_back(bed):
    with start(bed, 'spin.elf') as process:
        begin = time.monotonic()
        got = os.read(process.stdout.fileno(), 100)
        late = time.monotonic() - begin
        process.kill()
        process.communicate()
    need(got == b'spin\n', f'output {got!r}')
    need(late < 5, f'the line came after {late:.1f} s')


def second_signal_ends_it(bed):
    for number in (signal.SIGTERM, signal.SIGINT):
        with start(bed, 'hlt.elf') as process:
            read_until(process, b'hlt\n')
            process.send_signal(number)
            time.sleep(0.3)
            if process.poll() is None:
                process.send_signal(number)
            begin = time.monotonic()
            finish(process, STOPPED)
            late = time.monotonic() - begin
        need(late < 5, f'signal {number}: the end came {late:.1f} s later')


def visitor_of_a_guest_that_takes_no_key_stays(bed):
    name = f'visited-{os.getpid()}'
    with start(bed, 'spin.elf', '--name', name) as process:
        read_until(process, b'spin\n')
        with subprocess.Popen([bed.vireo, 'console', name],
                              stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL) as visitor:
            os.set_blocking(visitor.stdin.fileno(), False)
            end = time.monotonic() + 4  # more than the socket's patience
            typed = 0
            while time.monotonic() < end and visitor.poll() is None:
                try:
                    typed += os.write(visitor.stdin.fileno(), b'key\n' * 1024)
                except BlockingIOError:
                    time.sleep(0.1)
                except BrokenPipeError:
                    break
            left = visitor.poll()
            visitor.kill()
        # Not SIGQUIT: it may be ignored, as in the background of a script.
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        finish(process, STOPPED)
    need(left is None, f'it ended with {left} after {typed} bytes')
    need(typed < 1 << 20, f'{typed} bytes are somewhere')


def messages_come_after_the_guests_last_bytes(bed):
    with subprocess.Popen(
            bed.command('flood.elf', '--cmdline', 'bytes=67108864',
                        timeout='1s'),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT) as process:
        time.sleep(1.5)  # the pipe is full, and more is held
        out, _ = process.communicate(timeout=SECONDS)
    need(process.returncode == DEADLINE, f'exit code {process.returncode}')
    need(re.search(rb'vireo: deadline[^\n]*\n'
                   rb'vireo: what the vCPUs[^\n]*\n(  [^\n]*\n)+$', out),
         f'the end is {out[-100:]!r}')


TESTS = [
    visitor_of_a_guest_that_takes_no_key_stays,
    messages_come_after_the_guests_last_bytes,
    slow_reader_loses_no_byte,
    reader_that_stops_for_a_while_loses_no_byte,
    reader_that_goes_away_does_not_stop_the_guest,
    stdin_pipe_is_echoed,
    input_before_the_guest_listens_is_kept,
    end_of_input_is_harmless,
    closed_stdin_is_harmless,
    closed_stdout_is_harmless,
    all_three_closed_is_harmless,
    full_device_does_not_stop_the_guest,
    full_stderr_does_not_stop_vireo,
    console_file_takes_the_output,
    console_file_that_cannot_be_made_is_refused,
    console_none_is_silent,
    console_pty_echoes_by_its_link,
    console_pty_is_told,
    console_socket_takes_one_client_after_the_other,
    consoles_that_cannot_be_are_refused_in_a_line,
    shared_descriptors_keep_their_flags,
    output_is_not_held_back,
    second_signal_ends_it,
]

if __name__ == '__main__':
    sys.exit(common.main({test.__name__: test for test in TESTS}, __doc__))
