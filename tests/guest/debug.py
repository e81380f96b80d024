# SPDX-License-Identifier: BSD-3-Clause
"""The distribution's gdb debugs small guests, by the socket of --gdb. Exit: 0
good, 1 failed, 77 no KVM or no gdb here."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import common
from common import Failure, need
from cases import PASS

SECONDS = 60
STOPPED = 123


class Session:
    """A guest with a socket, and gdbs that connect to it."""

    def __init__(self, bed, *options, wait=True):
        if not shutil.which('gdb'):
            common.skip('no gdb (package gdb)')
        self.image = bed.image('debug.elf')
        self.place = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.place.name, 'gdb')
        address = f'unix:{self.path}' + (',wait' if wait else '')
        self.guest = subprocess.Popen(
            bed.command('debug.elf', '--gdb', address, *options),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        # It listens before it says, or does, anything.
        self.await_line(self.guest.stderr if wait else self.guest.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.guest.kill()
        self.guest.communicate()
        self.place.cleanup()

    @staticmethod
    def await_line(stream):
        need(stream.readline(), 'the guest did not begin')

    def command(self, *commands):
        words = ['gdb', '-nx', '-q', '-batch', '-ex', 'set pagination off',
                 '-ex', f'target remote {self.path}']
        for command in commands:
            words += ['-ex', command]
        return words + [self.image]

    def gdb(self, *commands):
        """All that it says."""
        done = subprocess.run(self.command(*commands), check=False,
                              stdin=subprocess.DEVNULL, timeout=SECONDS,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return done.stdout.decode('utf-8', 'replace')

    def finish(self, code=PASS):
        try:
            out, err = self.guest.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise Failure('the guest does not end') from None
        need(self.guest.returncode == code,
             f'exit code {self.guest.returncode}, not {code}: {out!r} {err!r}')
        return err.decode()


def need_all(text, *patterns):
    """Each is there, in this order."""
    at = 0
    for pattern in patterns:
        found = re.compile(pattern, re.M).search(text, at)
        need(found, f'no "{pattern}" in its turn: {text}')
        at = found.end()


def breaks_steps_and_prints(bed):
    with Session(bed) as s:
        text = s.gdb('info registers rip cr0', 'break work', 'continue', 'bt',
                     'print *p', 'print/x $cr3', 'info registers mxcsr',
                     'stepi', 'x/i $pc', 'next', 'continue', 'print *p',
                     'delete', 'hbreak work', 'continue', 'print p->number',
                     'finish', 'print $efer', 'delete', 'set var finish = 1',
                     'continue')
        need_all(text, r'^rip +0x\w+ +.*<pvh_start>', r'^cr0 ',
                 r'^Breakpoint 1 at', r'^(Thread 1 hit )?Breakpoint 1, work',
                 r'^#0 +work ', r'^#1 .* guest_main ',
                 r'number = 6, name = "six[\\0]*", square = 36}',
                 r' = 0x[0-9a-f]+', r'^mxcsr ', r'^=> 0x\w+ <work\+\d+>:',
                 r'^(Thread 1 hit )?Breakpoint 1, work',
                 r'number = 7, .*square = 49}',
                 r'^Hardware assisted breakpoint 2',
                 r'^(Thread 1 hit )?Breakpoint 2, work', r' = 8$',
                 r'^guest_main', r' = 1281$',
                 r'exited with code 01\]')
        s.finish()


# Where KVM emulates a guest's kernel, the CPU's watchpoints do not work: that is
# said, and gdb has its own.
def watches(bed):
    with Session(bed) as s:
        text = s.gdb('tbreak work', 'continue', 'watch total', 'continue',
                     'bt', 'delete', 'set can-use-hw-watchpoints 0',
                     'tbreak work', 'continue', 'watch total', 'continue',
                     'bt', 'delete', 'set var finish = 1', 'continue')
        refused = 'Could not insert hardware watchpoint' in text
        if not refused:
            need_all(text, r'^Hardware watchpoint 2: total', r'^Old value = 0',
                     r'^New value = 49', r'^#0 ')
        need_all(text, r'^Watchpoint \d: total', r'^Watchpoint \d: total',
                 r'^Old value = ', r'^New value = ', r'^#0 .*(work|guest_main)',
                 r'exited with code 01\]')
        err = s.finish()
        need(refused == ('watchpoints do not work on this host' in err),
             f'refused: {refused}, stderr {err}')


def vcpus_are_threads(bed):
    with Session(bed, '--cpus', '2') as s:
        text = s.gdb('info threads', 'break beat', 'continue', 'info threads',
                     'bt', 'print cpu', 'thread 1', 'bt', 'thread 2',
                     'continue', 'stepi', 'stepi', 'next', 'delete',
                     'break work', 'continue', 'info threads', 'delete',
                     'set var finish = 1', 'continue')
        need_all(text, r'^\* 1 .*vCPU 0: running',
                 r'^  2 .*vCPU 1: waiting to be started',
                 r'^Thread 2 hit Breakpoint 1, beat', r'^  1 ',
                 r'^\* 2 .*vCPU 1: running.* beat ', r'^#0 +beat ',
                 r'^#1 .* other ', r' = 1$', r'^#\d .*guest_main',
                 r'^Thread 2 hit Breakpoint 1, beat',
                 r'^Thread 1 hit Breakpoint 2, work', r'^\* 1 ', r'^  2 ',
                 r'exited with code 01\]')
        s.finish()


def ctrl_c_and_detach(bed):
    with Session(bed, '--cpus', '2', wait=False) as s:
        with subprocess.Popen(s.command('print total', 'echo goes on\\n',
                                        'continue', 'info threads', 'detach'),
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as gdb:
            text = b''
            while b'goes on' not in text:
                more = os.read(gdb.stdout.fileno(), 4096)
                need(more, f'gdb has ended: {text!r}')
                text += more
            time.sleep(1)  # to its next command, which says nothing
            gdb.send_signal(signal.SIGINT)
            rest, _ = gdb.communicate(timeout=SECONDS)
        need_all((text + rest).decode(), r'received signal SIGINT', r'vCPU 0',
                 r'vCPU 1', r'detached\]')
        before = s.gdb('print total', 'detach')
        after = s.gdb('print total', 'set var finish = 1', 'detach')
        values = [int(re.search(r'\$1 = (\d+)', t).group(1))
                  for t in (before, after)]
        need(values[0] < values[1], f'it did not go on: {values}')
        s.finish()


def gdb_that_dies_leaves_no_breakpoint(bed):
    with Session(bed, '--cpus', '2') as s:
        with subprocess.Popen(s.command('break work if p->number < 0',
                                        'break beat if cpu > 7',
                                        'hbreak guest_pass', 'continue'),
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as gdb:
            s.await_line(s.guest.stdout)
            gdb.kill()
        s.gdb('set var finish = 1', 'detach')
        s.finish()


def kill_ends_the_guest(bed):
    with Session(bed) as s:
        s.gdb('kill')
        s.finish(STOPPED)


if __name__ == '__main__':
    sys.exit(common.main({
        test.__name__: test for test in (
            breaks_steps_and_prints, watches, vcpus_are_threads,
            ctrl_c_and_detach, gdb_that_dies_leaves_no_breakpoint,
            kill_ends_the_guest)
    }, __doc__))
