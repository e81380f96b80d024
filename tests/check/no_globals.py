#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""no_globals.py [--self-test CC...] ARCHIVE: no symbol that can be written.

All state hangs off a VM: two VMs in one process share nothing. A symbol in
.data.rel.ro is allowed, it is constant once its pointers are relocated.
"""

import os
import subprocess
import sys
import tempfile

# nm's classes: data, bss, common, small data, weak object, unique global
WRITABLE = set('bBdDcCgGsSvVu')


def symbols(archive):
    """(file, name, class, section) of each symbol."""
    out = subprocess.run(['nm', '-A', '-f', 'sysv', archive], check=True,
                         capture_output=True, text=True).stdout
    found = []
    for line in out.splitlines():
        cells = [cell.strip() for cell in line.split('|')]
        if len(cells) == 7:
            place, name = cells[0].rsplit(':', 1)
            found.append((place, name, cells[2], cells[6]))
    return found


def check(archive):
    """Violations, and how many symbols were looked at."""
    found = symbols(archive)
    return [f'{place}: {name} can be written ({section})'
            for place, name, kind, section in found
            if kind in WRITABLE and not section.startswith('.data.rel.ro')
            and not section.startswith('.rodata')], len(found)


PLANTS = (
    ('int counter;', True),
    ('static int counter = 1; int next(void);\n'
     'int next(void) { return counter++; }', True),
    ('int next(void);\nint next(void) { static int n; return n++; }', True),
    ('__thread int counter;', True),
    ('const char *word = "text";', True),
    ('int common __attribute__((common));', True),
    ('int odd __attribute__((section("strange"))) = 1;', True),
    ('extern int elsewhere; int next(void);\n'
     'int next(void) { return elsewhere; }', False),
    ('const int table[] = { 1, 2, 3 };', False),
    ('const char *const words[] = { "a", "b" };', False),
    ('struct ops { int (*f)(void); };\nint f(void);\n'
     'int f(void) { return 0; }\nconst struct ops ops = { f };', False),
)


def self_test(compiler):
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        source = os.path.join(work, 'planted.c')
        archive = os.path.join(work, 'planted.a')
        for text, bad in PLANTS:
            with open(source, 'w', encoding='utf-8') as file:
                file.write(text + '\n')
            subprocess.run(compiler + ['-O1', '-fPIC', '-c', source, '-o',
                                       source + '.o'], check=True)
            if os.path.exists(archive):
                os.unlink(archive)
            subprocess.run(['ar', 'cr', archive, source + '.o'], check=True)
            reports, count = check(archive)
            if bool(reports) != bad or not count:
                failed += 1
                print(f'planted {text!r}: got {reports}')
    print(f'{len(PLANTS)} symbols planted, {failed} handled wrongly')
    return 1 if failed else 0


def main():
    if sys.argv[1] == '--self-test':
        return self_test(sys.argv[2:])
    if sys.argv[1] == '--skip':
        print('skipped: this build has symbols that are not ours')
        return 77
    reports, count = check(sys.argv[1])
    for report in reports:
        print(report)
    print(f'{count} symbols, {len(reports)} violations')
    return 0 if count and not reports else 1


if __name__ == '__main__':
    sys.exit(main())
