#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""breakpoint.py KERNEL FUNCTION: runs a guest until it has come to a function
three times, and prints the registers there. KERNEL is an ELF with symbols."""

import subprocess
import sys

from vireo import Machine, VireoError


def address_of(function: str, kernel: str) -> int:
    said = subprocess.run(['nm', '--defined-only', kernel], text=True,
                          stdout=subprocess.PIPE, check=True).stdout
    for value, _, name in map(str.split, said.splitlines()):
        if name.split('.')[0] == function:  # or a clone of the compiler's
            return int(value, 16)
    sys.exit(f'breakpoint: {kernel} has no {function}()')


def main(kernel: str, function: str) -> int:
    address = address_of(function, kernel)
    try:
        with Machine(kernel=kernel, memory='256M') as vm:
            vm.start()
            # The CPU's own kind wants no page tables, which come later.
            vm.add_breakpoint(address, hardware=True)
            for _ in range(3):
                hit = vm.next_hit(timeout=60)
                print(f'vCPU {hit.cpu} is at {function}()')
            print(vm.vcpus[hit.cpu].registers())
    except VireoError as error:
        print(f'breakpoint: {error}', file=sys.stderr)
        return 125
    return 0


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit('usage: breakpoint.py KERNEL FUNCTION')
    sys.exit(main(*sys.argv[1:]))
