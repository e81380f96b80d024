#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""reference.py HEADER OUT VERSION: the reference of the public header, as HTML
in OUT, by doxygen. What is not documented is an error.

reference.py --check HEADER: only whether that works; 77: there is no doxygen.
reference.py --self-test HEADER: with faults planted, each of which must be
found.
"""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SKIP = 77


def build(header, out, version):
    """"" or doxygen's warnings."""
    os.makedirs(out, exist_ok=True)
    header = os.path.abspath(header)
    run = subprocess.run(
        ['doxygen', os.path.join(HERE, 'Doxyfile')], text=True, check=False,
        capture_output=True, env={
            **os.environ, 'VIREO_HEADER': header, 'VIREO_OUT': out,
            'VIREO_VERSION': version, 'VIREO_STRIP': os.path.dirname(header),
            'VIREO_FILTER': f'{sys.executable} '
                            f'{os.path.join(HERE, "doxygen_filter.py")}'})
    return run.stderr or ('doxygen failed' if run.returncode else '')


def check(header):
    with tempfile.TemporaryDirectory() as work:
        said = build(header, work, '0')
        with open(os.path.join(work, 'index.html'), encoding='utf-8'):
            return said


# What is added to the header, and what doxygen then complains of.
PLANTS = (
    ('\n/* Two of them. */\nint vireo_a(void);\nint vireo_b(int a,\n\tint b);\n',
     ''),
    ('\nint vireo_bare(void);\n', 'vireo_bare'),
    ('\n/* One. */\nint vireo_a(void);\n\nint vireo_bare(void);\n',
     'vireo_bare'),
    ('\n/* One, see <nothing. */\nint vireo_a(void);\n', ''),
    ('\nenum vireo_x { VIREO_X1 };\n', 'vireo_x'),
    ('\n/* An enum. */\nenum vireo_x {\n\tVIREO_X1, /* one */\n'
     '\tVIREO_X2, /* two,\n\t\t   * in two lines */\n};\n', ''),
    ('\n/* A struct. */\nstruct vireo_x {\n\tint bare;\n};\n', 'bare'),
    ('\n/* A struct. */\nstruct vireo_x {\n\t/* above */\n\tint a;\n'
     '\tint b; /* behind */\n};\n', ''),
    ('\n#define VIREO_BARE 1\n', 'VIREO_BARE'),
)


def self_test(header):
    failed = 0
    with open(header, encoding='utf-8') as file:
        text = file.read()
    with tempfile.TemporaryDirectory() as work:
        planted = os.path.join(work, 'vireo.h')
        for plant, expected in PLANTS:
            with open(planted, 'w', encoding='utf-8') as file:
                file.write(text + plant)
            said = check(planted)
            if (expected not in said) if expected else said:
                failed += 1
                print(f'planted {plant!r}: got {said!r}')
    print(f'{len(PLANTS)} faults planted, {failed} handled wrongly')
    return 1 if failed else 0


def main():
    words = sys.argv[1:]
    if not shutil.which('doxygen'):
        print('skipped: there is no doxygen here')
        return SKIP
    if words[0] == '--self-test':
        return self_test(words[1])
    said = check(words[1]) if words[0] == '--check' else build(*words)
    print(said, end='')
    return 1 if said else 0


if __name__ == '__main__':
    sys.exit(main())
