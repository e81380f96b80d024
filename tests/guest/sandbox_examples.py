# SPDX-License-Identifier: BSD-3-Clause
"""The examples of bare sandboxes do what they say.

usage: sandbox_examples.py FILTER FUZZ PLUGIN
"""

import subprocess
import sys

import common
from common import need

SECONDS = 30


def run(*command, text=''):
    done = subprocess.run(command, input=text, capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    return done.returncode, done.stdout, done.stderr


def main():
    filters, fuzz, plugin = sys.argv[1:]
    common.need_kvm()
    long_text = 'Hello, World!\n' * 10000
    turned = 'Uryyb, Jbeyq!\n' * 10000
    got = run(filters, plugin, 'rot13', text=long_text)
    need(got[:2] == (0, turned), f'rot13: {got[0]}, {got[1][:80]!r}')
    need('plug-in: turning' in got[2], f'no hypercall: {got[2]!r}')
    for name, why in (('crash', 'page fault: read from'),
                      ('hang', 'deadline')):
        got = run(filters, plugin, name, text='kept\n')
        need(got[:2] == (0, 'kept\n') and why in got[2], f'{name}: {got}')
    got = run(filters, plugin, 'nothing', text='kept\n')
    need('no function nothing' in got[2], f'{got}')
    code, out, _ = run(fuzz, plugin, 'parse', '100000')
    need(code == 1 and 'fault' in out, f'the bug is not found: {out!r}')
    got = run(fuzz, plugin, 'rot13', '300')
    need(got[0] == 1 and 'hypercall 0: not registered' in got[1], f'{got}')
    print('ok')


if __name__ == '__main__':
    try:
        main()
    except common.Failure as failure:
        sys.exit(f'FAILED: {failure}')
