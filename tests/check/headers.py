#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""headers.py [--self-test] ROOT CC...: every header compiles alone, and twice.

So an include can be added, moved or removed anywhere without a thought for
order. The public header does so as C99, C17 and C++17 with each of gcc and clang
that is there, for it is used from elsewhere.
"""

import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import csource  # noqa: E402

STRICT = ['-Wall', '-Wextra', '-Wpedantic', '-Werror', '-fsyntax-only']
LANGUAGES = (
    ('c', ['-std=c99', '-Wstrict-prototypes'], ('gcc', 'clang')),
    ('c', ['-std=c17', '-Wstrict-prototypes'], ('gcc', 'clang')),
    ('c++', ['-std=c++17', '-Wold-style-cast'], ('g++', 'clang++')),
)


def compiles(command, header):
    """None, or the first line that the compiler says."""
    run = subprocess.run(command + STRICT + ['-'], text=True,
                         input=f'#include "{header}"\n' * 2 + 'int a;\n',
                         capture_output=True, check=False)
    if run.returncode == 0:
        return None
    lines = [line for line in run.stderr.splitlines() if 'error' in line]
    return lines[0] if lines else f'{command[0]} failed'


def check(root, compiler):
    inside = compiler + ['-x', 'c', '-std=gnu17', '-D_GNU_SOURCE',
                         '-Wno-unused-parameter',
                         '-I', os.path.join(root, 'src'),
                         '-I', os.path.join(root, 'include')]
    reports = []
    for path in csource.find(root, ('src',), ('.h',)):
        said = compiles(inside, path.removeprefix('src/'))
        if said:
            reports.append(f'{path}: does not compile alone: {said}')
    for path in csource.find(root, ('include',), ('.h',)):
        for language, options, names in LANGUAGES:
            said = public(root, path, ['-x', language] + options,
                          [compiler] * (language == 'c') +
                          [[name] for name in names if shutil.which(name)])
            if said:
                reports.append(f'{path}: not {language}: {said}')
                break
    return reports


def public(root, path, options, compilers):
    """None, or what the first compiler says that says something."""
    for command in compilers:
        said = compiles(command + options +
                        ['-I', os.path.join(root, 'include')],
                        path.removeprefix('include/'))
        if said:
            return f'{command[0]} {options[2]}: {said}'
    if not compilers:
        print(f'no compiler for {options[1]}: skipped that part')
    return None


GUARD = '#ifndef A_H\n#define A_H\n%s\n#endif\n'
PLANTS = (
    ('src/base/a.h', GUARD % 'int f(int);', None),
    ('src/base/a.h', GUARD % 'int f(uint8_t);', 'does not compile alone'),
    ('src/base/a.h', 'enum a { A };\n', 'does not compile alone'),
    ('src/base/a.h', GUARD % '#include "base/b.h"', 'does not compile alone'),
    ('src/base/a.h', GUARD % 'static inline int f(void)\n{\n}',
     'does not compile alone'),
    ('include/a.h', GUARD % 'int f(void);', None),
    ('include/a.h', GUARD % 'int f();', 'not c: '),
    ('include/a.h', GUARD % 'enum { A = 1LL << 40 };', 'not c: '),
    ('include/a.h', GUARD % '_Static_assert(1, "");', 'not c: '),
    ('include/a.h', GUARD % 'static inline long f(int a)\n'
     '{\n\treturn (long)a;\n}', 'not c++: '),
    ('include/a.h', GUARD % 'int class;', 'not c++: '),
)


def self_test(compiler):
    failed = 0
    for path, text, expected in PLANTS:
        with tempfile.TemporaryDirectory() as work:
            csource.write(work, path, text)
            reports = check(work, compiler)
        good = (not reports if expected is None else
                len(reports) == 1 and expected in reports[0])
        if expected == 'not c++: ' and not shutil.which('g++'):
            good = True
        if not good:
            failed += 1
            print(f'planted {text!r}: got {reports}')
    print(f'{len(PLANTS)} headers tried, {failed} handled wrongly')
    return 1 if failed else 0


def main():
    if sys.argv[1] == '--self-test':
        return self_test(sys.argv[3:])
    reports = check(sys.argv[1], sys.argv[2:])
    for report in reports:
        print(report)
    print(f'{len(reports)} violations')
    return 1 if reports else 0


if __name__ == '__main__':
    sys.exit(main())
