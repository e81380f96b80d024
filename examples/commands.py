#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""commands.py KERNEL: commands in a throwaway copy of this machine."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from vireo import VireoError, Vm


def main(kernel: str) -> int:
    try:
        with Vm(kernel=kernel, memory='256M', timeout='1m') as vm:
            # As subprocess.run() has it; a string is for the guest's shell.
            done = vm.run('uname -s; id -u', text=True, check=True)
            print('the guest is', *done.stdout.split())

            # Whatever it does to its files, ours stay as they are.
            vm.run('rm /etc/passwd', check=True)
            print('our passwd is there:', os.path.exists('/etc/passwd'))

            # Input, output and the status, at the same time.
            text = vm.run(['sort', '-n'], input='3\n1\n2\n', text=True)
            print('sorted:', *text.stdout.split())
            print('grep says', vm.run(['grep', 'x', '/dev/null']).returncode)

            # Several commands at a time; calls may come from any thread.
            with ThreadPoolExecutor(4) as pool:
                words = pool.map(lambda n: vm.run(f'echo {n}', text=True),
                                 range(4))
            print('at a time:', *(word.stdout.strip() for word in words))

            try:
                vm.run('sleep 100', timeout=0.5)
            except subprocess.TimeoutExpired:
                print('one took too long')
    except VireoError as error:
        print(f'commands: {error}', file=sys.stderr)
        return 125
    return 0


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit('usage: commands.py KERNEL')
    sys.exit(main(sys.argv[1]))
