# SPDX-License-Identifier: BSD-3-Clause
"""vireo in a real terminal (tmux): raw mode, the escape keys, and that the
terminal is left as it was, whatever ends the VM. Exit: 0 good, 1 failed, 77 no
KVM or no tmux here."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import common
from common import Failure, need

SECONDS = 30
ESCAPE = 'C-a'


class Terminal:
    """A shell in a tmux server of its own."""

    def __init__(self, bed):
        self.bed = bed
        self.before = None
        # pylint: disable=consider-using-with; closed in __exit__
        self.folder = tempfile.TemporaryDirectory()
        self.socket = os.path.join(self.folder.name, 'tmux')
        self.starts = 0

    def tmux(self, *words):
        environment = {k: v for k, v in os.environ.items() if k != 'TMUX'}
        return subprocess.run(
            ['tmux', '-f', '/dev/null', '-S', self.socket, *words],
            env=environment, check=True, stdout=subprocess.PIPE,
            timeout=SECONDS).stdout.decode('utf-8', 'replace')

    def __enter__(self):
        try:
            self.tmux('new-session', '-d', '-x', '100', '-y', '40',
                      'env PS1="$ " sh')
            self.wait(r'^\$')
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.tmux('kill-server')
        except (subprocess.SubprocessError, OSError):
            pass  # it ended by itself
        self.folder.cleanup()

    def keys(self, *words):
        self.tmux('send-keys', *words)

    def type(self, text):
        self.tmux('send-keys', '-l', text)

    def line(self, text):
        self.type(text)
        self.keys('Enter')

    def screen(self):
        return self.tmux('capture-pane', '-p', '-S', '-1000')

    def wait(self, pattern):
        end = time.monotonic() + SECONDS
        while True:
            screen = self.screen()
            found = re.search(pattern, screen, re.MULTILINE)
            if found:
                return found
            if time.monotonic() > end:
                raise Failure(f'no "{pattern}" on the screen:\n'
                              + screen.rstrip())
            time.sleep(0.05)

    def settings(self):
        """What stty says, by way of a file: the screen is narrow."""
        path = os.path.join(self.folder.name, 'stty')
        self.line(f'stty -a > {path}; echo "settings" taken')
        self.wait('settings taken')
        self.keys('C-l')
        self.line('clear')
        self.tmux('clear-history')
        with open(path, encoding='ascii') as file:
            # tmux tells the terminal its size when it finds the time.
            return re.sub(r'rows \d+; columns \d+; ', '', file.read())

    def start(self, image, wanted, *options):
        """Starts a guest, then "code=N" when it has ended, and its id."""
        command = shlex.join(self.bed.command(image, *options))
        pid = os.path.join(self.folder.name, 'pid')
        self.starts += 1
        self.line(f"clear; sh -c 'echo $$ > {pid}; echo \"start\"-{self.starts}; "
                  f'exec "$@"\' sh {command}; echo "code"=$?')
        # Until then the screen may be the one of the guest before.
        self.wait(f'^start-{self.starts}$')
        self.wait(wanted)
        with open(pid, encoding='ascii') as file:
            return int(file.read())

    def code(self):
        return int(self.wait(r'code=(\d+)').group(1))


def kept(terminal, before):
    after = terminal.settings()
    need(before == after, f'the terminal had\n{before}\nand has\n{after}')


def with_terminal(test):
    def wrapped(bed):
        if not shutil.which('tmux'):
            common.skip('tmux is not installed')
        with Terminal(bed) as terminal:
            terminal.before = terminal.settings()
            test(terminal)
            kept(terminal, terminal.before)
    wrapped.__name__ = test.__name__
    return wrapped


def keys_reach_the_guest_raw_and_once(terminal):
    terminal.start('serial_echo.elf', '^ready')
    terminal.type('abc')
    terminal.keys('C-c')
    terminal.keys('C-z')
    terminal.type('de')
    # The guest's echo alone; no line discipline has acted on the control keys.
    terminal.wait(r'^ *abc[^a-z$]*de *$')
    terminal.type('q')
    need(terminal.code() == 1, 'the guest did not pass')
    terminal.wait('PASS serial_echo')


def escape_h_helps(terminal):
    terminal.start('serial_echo.elf', '^ready')
    terminal.keys(ESCAPE, 'h')
    terminal.wait(r'(?i)ctrl-a.*x')
    terminal.type('q')
    need(terminal.code() == 1, 'the guest did not pass')


def escape_twice_sends_it_once(terminal):
    raw = os.path.join(terminal.folder.name, 'raw')
    terminal.start('serial_echo.elf', '^ready')
    terminal.tmux('pipe-pane', f'cat > {raw}')
    terminal.type('a')
    terminal.keys(ESCAPE, ESCAPE)
    terminal.type('zq')
    need(terminal.code() == 1, 'the guest did not pass')
    terminal.tmux('pipe-pane')
    terminal.wait('PASS serial_echo')
    with open(raw, 'rb') as file:
        sent = file.read()
    need(b'a\x01zq' in sent, f'the guest sent back {sent!r}')


def escape_x_quits(terminal):
    terminal.start('serial_echo.elf', '^ready')
    terminal.keys(ESCAPE, 'x')
    code = terminal.code()
    need(code == 123, f'exit code {code}, not 123')


def escape_x_quits_a_spinning_guest(terminal):
    terminal.start('spin.elf', '^spin')
    terminal.keys(ESCAPE, 'x')
    code = terminal.code()
    need(code == 123, f'exit code {code}, not 123')


def escape_x_quits_a_guest_with_a_virtio_console(terminal):
    terminal.start('spin.elf', '^spin', '--console=stdio,device=virtio')
    terminal.keys(ESCAPE, 'x')
    code = terminal.code()
    need(code == 123, f'exit code {code}, not 123')


def escape_works_on_a_console_that_is_not_the_main_one(terminal):
    terminal.start('spin.elf', '', '--console=none', '--console=stdio')
    time.sleep(1)
    terminal.keys(ESCAPE, 'h')
    terminal.wait(r'(?i)ctrl-a.*x')
    terminal.keys(ESCAPE, 'x')
    code = terminal.code()
    need(code == 123, f'exit code {code}, not 123')


def terminated_from_outside(terminal):
    pid = terminal.start('hlt.elf', '^hlt')
    os.kill(pid, signal.SIGTERM)
    time.sleep(0.3)
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # the first one was enough
    code = terminal.code()
    need(code == 123, f'exit code {code}, not 123')


def hung_up_from_outside(terminal):
    pid = terminal.start('hlt.elf', '^hlt')
    os.kill(pid, signal.SIGHUP)
    time.sleep(0.3)
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        pass
    terminal.code()


def ended_by_a_signal_it_does_not_know(terminal):
    for number in (signal.SIGUSR1, signal.SIGALRM, signal.SIGXCPU,
                   signal.SIGRTMIN + 2):
        pid = terminal.start('hlt.elf', '^hlt')
        os.kill(pid, number)
        code = terminal.code()
        need(code == 128 + number, f'exit code {code} after {number}')
        kept(terminal, terminal.before)


def stopped_and_continued(terminal):
    pid = terminal.start('serial_echo.elf', '^ready')
    os.kill(pid, signal.SIGSTOP)
    # The shell has its prompt again; some have settings of their own.
    terminal.wait('code=')
    terminal.type('stty sane')
    terminal.keys('C-j')
    time.sleep(0.3)
    terminal.line('clear; fg')
    terminal.wait('^sh ')
    time.sleep(0.3)
    terminal.type('abc')
    terminal.wait('^ *abc')
    terminal.keys('C-c')
    terminal.type('zq')
    terminal.wait('PASS serial_echo')


def guest_that_crashes(terminal):
    terminal.start('triple_fault.elf', '^triple_fault')
    code = terminal.code()
    need(code == 118, f'exit code {code}, not 118')


def guest_that_kvm_cannot_run(terminal):
    terminal.start('bad_jump.elf', '^bad_jump')
    code = terminal.code()
    need(code == 119, f'exit code {code}, not 119')


def window_change_is_harmless(terminal):
    terminal.start('serial_echo.elf', '^ready')
    before = terminal.tmux('display-message', '-p', '#{window_width}')
    for width, height in ((60, 20), (120, 50), (100, 40)):
        terminal.tmux('resize-window', '-x', str(width), '-y', str(height))
        time.sleep(0.1)
    need(before == terminal.tmux('display-message', '-p', '#{window_width}'),
         'the window has another size now')
    terminal.type('stillq')
    need(terminal.code() == 1, 'the guest did not pass')
    terminal.wait('stillq')


def refusal_leaves_the_terminal_alone(terminal):
    terminal.start('nothing.elf', '^ *vireo: ')
    code = terminal.code()
    need(code == 125, f'exit code {code}, not 125')


TESTS = [
    keys_reach_the_guest_raw_and_once,
    escape_h_helps,
    escape_twice_sends_it_once,
    escape_x_quits,
    escape_x_quits_a_spinning_guest,
    escape_x_quits_a_guest_with_a_virtio_console,
    escape_works_on_a_console_that_is_not_the_main_one,
    terminated_from_outside,
    hung_up_from_outside,
    ended_by_a_signal_it_does_not_know,
    stopped_and_continued,
    guest_that_crashes,
    guest_that_kvm_cannot_run,
    window_change_is_harmless,
    refusal_leaves_the_terminal_alone,
]

if __name__ == '__main__':
    sys.exit(common.main(
        {test.__name__: with_terminal(test) for test in TESTS}, __doc__))
