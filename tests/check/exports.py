#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""exports.py [--self-test CC...] LIBRARY HEADER: what the shared library
exports is what the public header declares, all of it is named vireo_* and has a
version, and the library's own name has the major number."""

import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import csource  # noqa: E402

DECLARED = re.compile(r'^VIREO_API\b[^;(]*?\b(\w+)\s*\(', re.M)


def tool(*command):
    return subprocess.run(command, check=True, capture_output=True,
                          text=True).stdout


def exported(library):
    """name -> version, or ''; without the versions' own symbols."""
    rows = (line.split() for line in tool(
        'nm', '-D', '--defined-only', '-f', 'posix', library).splitlines())
    return {row[0].split('@')[0]: row[0].partition('@')[2].strip('@')
            for row in rows if row[1] != 'A'}


def check_soname(library, header):
    found = re.search(r'SONAME.*\[(.*)\]', tool('readelf', '-dW', library))
    major = re.search(r'define VIREO_VERSION_MAJOR (\d+)', header)
    wanted = f'libvireo.so.{major.group(1) if major else "?"}'
    if not found or found.group(1) != wanted:
        yield f'the soname is not {wanted}'


def check(library, header):
    with open(header, encoding='utf-8') as file:
        text = csource.blank(file.read())
    declared = set(DECLARED.findall(text))
    versions = exported(library)
    names = set(versions)
    if not declared:
        return ['the header declares nothing']
    return (list(check_soname(library, text)) +
            [f'{name} has no version'
             for name in sorted(names) if not versions[name]] +
            [f'{name} is exported and not named vireo_*'
             for name in sorted(names) if not name.startswith('vireo_')] +
            [f'{name} is exported and not in the header'
             for name in sorted(names - declared)
             if name.startswith('vireo_')] +
            [f'{name} is in the header and not exported'
             for name in sorted(declared - names)])


HEADER = '''#define VIREO_VERSION_MAJOR 0
#define VIREO_API __attribute__((visibility("default")))
VIREO_API int vireo_one(void);
VIREO_API const char *
vireo_two(void (*fn)(int));
'''
BOTH = ('int vireo_one(void) { return 1; }\n'
        'const char *vireo_two(void (*fn)(int)) { return 0; }\n')
SONAME = '-Wl,-soname,libvireo.so.0'
PLANTS = (
    (BOTH, None),
    (BOTH + '/* unversioned */\n', 'vireo_one has no version'),
    (BOTH + '/* soname */\n', 'the soname is not libvireo.so.0'),
    (BOTH + 'int helper(void) { return 1; }\n', None),
    (BOTH + 'VIREO_API int helper(void) { return 1; }\n',
     'helper is exported and not named'),
    (BOTH + 'VIREO_API int vireo_more(void) { return 1; }\n',
     'vireo_more is exported and not in'),
    (BOTH.split('\n', 1)[0], 'vireo_two is in the header and not exported'),
)


def self_test(compiler):
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        header = os.path.join(work, 'planted.h')
        source = os.path.join(work, 'planted.c')
        script = os.path.join(work, 'planted.map')
        library = os.path.join(work, 'libplanted.so')
        with open(header, 'w', encoding='utf-8') as file:
            file.write(HEADER)
        for text, expected in PLANTS:
            with open(source, 'w', encoding='utf-8') as file:
                file.write('#include "planted.h"\n' + text)
            with open(script, 'w', encoding='utf-8') as file:
                file.write('V { global: vireo_two; vireo_more; helper; };'
                           if 'unversioned' in text else 'V { global: *; };')
            subprocess.run(compiler + ['-fPIC', '-shared', '-I', work,
                                       '-fvisibility=hidden', source, '-o',
                                       library, '-Wl,--version-script=' +
                                       script] +
                           [SONAME] * ('soname' not in text), check=True)
            reports = check(library, header)
            good = (not reports if expected is None else
                    len(reports) == 1 and expected in reports[0])
            if not good:
                failed += 1
                print(f'planted {text!r}: got {reports}')
    print(f'{len(PLANTS)} libraries tried, {failed} handled wrongly')
    return 1 if failed else 0


def main():
    if sys.argv[1] == '--self-test':
        return self_test(sys.argv[2:])
    if sys.argv[1] == '--skip':
        print('skipped: this build has symbols that are not ours')
        return 77
    reports = check(sys.argv[1], sys.argv[2])
    for report in reports:
        print(report)
    print(f'{len(reports)} violations')
    return 1 if reports else 0


if __name__ == '__main__':
    sys.exit(main())
