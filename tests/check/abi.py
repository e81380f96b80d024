#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""abi.py [--renew] LIBRARY HEADER REFERENCE; abi.py --self-test CC...

Programs that were built with the library of REFERENCE run with LIBRARY:
functions and constants may come, none may go or change, nor a struct that
callers see. Wants libabigail (package abigail-tools).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

SKIP = 77
# What is public: what is exported, by the types of the header.
DUMP = ['abidw', '--exported-interfaces-only', '--drop-private-types',
        '--no-corpus-path', '--no-comp-dir-path', '--no-show-locs',
        '--no-elf-needed', '--no-parameter-names', '--type-id-style', 'hash']
REMEDY = ('Programs that use the library would break. If that is meant (it '
          'wants a new minor\nnumber before 1.0, and a line in CHANGELOG.md), '
          'or at a release:\n    tests/check/abi.py --renew LIBRARY HEADER '
          'REFERENCE')


def has_debug_info(library):
    out = subprocess.run(['readelf', '-SW', library], check=True,
                         capture_output=True, text=True).stdout
    return '.debug_info' in out


def dump(library, header, out):
    # By its folder: a header that is named would have to be spelled as in the
    # debugging information.
    subprocess.run(DUMP + ['--headers-dir', os.path.dirname(header) or '.',
                           '--out-file', out, library], check=True)
    # Where it was built is no part of it.
    with open(out, 'r+', encoding='utf-8') as file:
        text = re.sub(r"(<abi-instr [^>]*path=)'[^']*?/?src/", r"\1'src/",
                      file.read())
        file.seek(0)
        file.truncate()
        file.write(text)


def check(library, header, reference):
    """"" or what has changed."""
    with tempfile.TemporaryDirectory() as work:
        now = os.path.join(work, 'now.abi')
        dump(library, header, now)
        run = subprocess.run(['abidiff', '--no-added-syms', reference, now],
                             capture_output=True, text=True, check=False)
    if run.returncode & 3:
        return run.stdout + run.stderr + 'abidiff failed'
    return run.stdout if run.returncode else ''


HEADER = '''#include <stddef.h>
#define API __attribute__((visibility("default")))
struct hidden;
enum word { ONE = 1, TWO };
struct seen { int a; enum word w; };
API int x_one(struct hidden *h, const struct seen *s);
API const char *x_two(size_t n);
API void x_three(void (*fn)(void *ctx, int a), void *ctx);
'''
SOURCE = '''#include "x.h"
struct hidden { int a; };
int x_one(struct hidden *h, const struct seen *s) { return h->a + s->a; }
const char *x_two(size_t n) { return n ? "a" : 0; }
void x_three(void (*fn)(void *ctx, int a), void *ctx) { fn(ctx, 1); }
'''
# What is replaced by what; whether that is found.
PLANTS = (
    ('', '', False),
    ('struct hidden { int a; };', 'struct hidden { long b; int a; };', False),
    ('API const char', 'API int x_four(void);\nAPI const char', False),
    ('TWO }', 'TWO, THREE }', False),
    ('API const char *x_two(size_t n);\n', '', True),
    ('x_two(size_t n)', 'x_two(int n)', True),
    ('int x_one(', 'long x_one(', True),
    ('int a; enum', 'long a; enum', True),
    ('enum word w; }', 'enum word w; int b; }', True),
    ('ONE = 1', 'ONE = 2', True),
    ('ctx, int a)', 'ctx, long a)', True),
    ('libx.so.0', 'libx.so.1', True),
    ('X_1', 'X_2', True),
)


def build(compiler, work, name, old, new):
    """A library with something replaced; its header's path, too."""
    place = os.path.join(work, name)
    os.makedirs(os.path.join(place, 'build'))
    files = {'x.h': HEADER, 'x.c': SOURCE + 'int x_four(void);\n'
             '__attribute__((visibility("default"))) int x_four(void)\n'
             '{ return 4; }\n' * ('x_four' in new),
             'x.map': 'X_1 { global: x_*; local: *; };\n'}
    if old.startswith('API const char *x_two'):
        files['x.c'] = files['x.c'].replace('const char *x_two',
                                            'static const char *x_two')
    for path, text in files.items():
        if old:
            text = text.replace(old, new)
        with open(os.path.join(place, path), 'w', encoding='utf-8') as file:
            file.write(text)
    soname = 'libx.so.0'.replace(old, new) if old else 'libx.so.0'
    library = os.path.join(place, 'libx.so')
    subprocess.run(compiler + ['-g', '-w', '-fPIC', '-shared',
                               '-fvisibility=hidden', '-I', '..',
                               '-Wl,-soname,' + soname,
                               '-Wl,--version-script=' +
                               os.path.join(place, 'x.map'),
                               '../x.c', '-o', library],
                   check=True, cwd=os.path.join(place, 'build'))
    return library, os.path.join(place, 'x.h')


def self_test(compiler):
    said = subprocess.run(compiler + ['--version'], capture_output=True,
                          text=True, check=True).stdout
    if 'clang' in said:
        print('skipped: the reference is what gcc says')
        return SKIP
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        reference = os.path.join(work, 'reference.abi')
        dump(*build(compiler, work, 'reference', '', ''), reference)
        for number, (old, new, bad) in enumerate(PLANTS):
            library, header = build(compiler, work, str(number), old, new)
            said = check(library, header, reference)
            if bool(said) != bad:
                failed += 1
                print(f'{old!r} became {new!r}: got {said!r}')
    print(f'{len(PLANTS)} libraries tried, {failed} handled wrongly')
    return 1 if failed else 0


def main():
    words = sys.argv[1:]
    if not shutil.which('abidw'):
        print('skipped: no abidw here (package abigail-tools)')
        return SKIP
    if words[0] == '--self-test':
        return self_test(words[1:])
    if words[0] == '--skip':
        print('skipped: this build has symbols that are not ours')
        return SKIP
    renew = words[0] == '--renew'
    library, header, reference = words[renew:]
    if not has_debug_info(library):
        print('skipped: this build has no debugging information')
        return SKIP
    if renew:
        dump(library, header, reference)
        return 0
    said = check(library, header, reference)
    if said:
        print(said.rstrip(), REMEDY, sep='\n')
    return 1 if said else 0


if __name__ == '__main__':
    sys.exit(main())
