#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""run.py PATTERN PROGRAM ARG...: runs an example, which must end with 0 and
print what matches the pattern, from its first to its last line. 77: there is no
KVM here."""

import os
import re
import subprocess
import sys


def main(pattern, command):
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        print('skipped: /dev/kvm cannot be opened')
        return 77
    run = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                         stdout=subprocess.PIPE, timeout=120, check=False)
    text = run.stdout.replace('\r', '')
    print(text, end='')
    if run.returncode:
        print(f'it ended with {run.returncode}')
        return 1
    if not re.fullmatch(pattern, text):
        print(f'that does not match {pattern!r}')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
