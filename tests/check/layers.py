#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""layers.py [--self-test] ROOT: the include edges of src/ against layers.txt.

Includes in quotes are paths from src/ (or include/vireo.h); includes in angle
brackets belong to the system or to a third party. Names of files are unique,
so that a log line or a backtrace names the place; below arch/ the same name
means the same job.
"""

import fnmatch
import os
import re
import sys

sys.dont_write_bytecode = True
import csource  # noqa: E402

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def rules():
    """layers.txt as {section: {name: [words]}}; [system] is one list."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        'layers.txt')
    table = {}
    section = None
    with open(path, encoding='utf-8') as file:
        for line in file:
            line = line.split('#')[0].strip()
            if not line:
                continue
            if line[0] == '[':
                section = table.setdefault(line.strip('[]'), {})
            elif ':' in line:
                name, words = line.split(':')
                section[name.strip()] = words.split()
            else:
                section.setdefault('', []).extend(line.split())
    return table


def layer(path):
    """src/base/err.h -> base, src/vm.c -> root, include/vireo.h -> include"""
    parts = path.split('/')
    if parts[0] == 'include':
        return 'include'
    return parts[1] if len(parts) > 2 else 'root'


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def check_quoted(table, path, target, known):
    home = layer(path)
    if 'src/' + target in known:
        target = 'src/' + target
    elif 'include/' + target in known:
        target = 'include/' + target
    else:
        return f'"{target}" is no header below src/ or include/'
    allowed = table['layers'].get(home)
    if allowed is None:
        return f'the folder {home} is not in layers.txt'
    if layer(target) == home or layer(target) in allowed or target in allowed:
        return None
    return f'{home} may not include {target}'


def check_angled(table, path, target):
    for pattern, files in table['third-party'].items():
        if fnmatch.fnmatchcase(target, pattern):
            if matches(path, files):
                return None
            return f'<{target}> belongs in {" ".join(files)} only'
    if matches(target, table['system']['']):
        return None
    return f'<{target}> is not in layers.txt'


def check_names(paths):
    """Same name in two folders, unless both are below arch/."""
    reports = []
    first = {}
    for path in paths:
        name = os.path.basename(path)
        other = first.setdefault(name, path)
        if other != path and not (layer(path) == layer(other) == 'arch'):
            reports.append(f'{path}:1: {other} has the same name')
    return reports


def check_own_header(path, text, known):
    own = path[:-2] + '.h'
    found = INCLUDE.search(text)
    if not path.endswith('.c') or own not in known:
        return None
    if found and 'src/' + found.group(2) == own:
        return None
    # A private header that brings the public one counts, too.
    if found and 'src/' + os.path.dirname(found.group(2)) == \
            os.path.dirname(own):
        return None
    return f'the first include is not {own}'


def check(root):
    table = rules()
    paths = csource.find(root, ('src',), ('.c', '.h'))
    known = set(paths + csource.find(root, ('include',), ('.h',)))
    reports = check_names(paths)
    for path in sorted(known):
        text = csource.blank(csource.read(root, path), strings=False)
        wrong = [(1, check_own_header(path, text, known))]
        for match in INCLUDE.finditer(text):
            line = text.count('\n', 0, match.start(2)) + 1
            quote, target = match.groups()
            wrong.append((line, check_quoted(table, path, target, known)
                          if quote == '"' else
                          check_angled(table, path, target)))
        reports += [f'{path}:{line}: {what}' for line, what in wrong if what]
    return reports


PLANTS = (
    ('src/base/planted.c', '#include "mem/mem.h"\n', 'base may not include'),
    ('src/devices/planted.c', '#include "kvm/kvm.h"\n',
     'devices may not include'),
    ('src/devices/planted.h', '#include "board/board.h"\n',
     'devices may not include'),
    ('src/kvm/planted.c', '#include "mem/mem.h"\n', 'kvm may not include'),
    ('src/boot/planted.c', '#include "arch/x86_64/layout.h"\n',
     'boot may not include'),
    ('src/cli/planted.c', '#include "base/err.h"\n', 'cli may not include'),
    ('src/cli/planted.c', '#include "vireo.h"\n', None),
    ('src/arch/x86_64/planted.c', '#include "boot/boot.h"\n', None),
    ('src/planted.c', '#include "kvm/kvm.h"\n', None),
    ('src/command/planted.c', '#include "board/board.h"\n',
     'command may not include'),
    ('src/unheard/planted.c', '#include "base/err.h"\n',
     'unheard is not in layers.txt'),
    ('src/base/planted.c', '#include "planted_nowhere.h"\n', 'is no header'),
    ('src/base/planted.c', '# include <linux/kvm.h>\n', 'belongs in'),
    ('src/kvm/planted.c', '#include <linux/kvm.h>\n', None),
    ('src/arch/x86_64/planted.c', '#include <linux/kvm.h>\n', None),
    ('src/vm.c', '\n#include <linux/kvm.h>\n', 'belongs in'),
    ('src/board/planted.c', '#include <jansson.h>\n', 'belongs in'),
    ('src/board/planted.c', '#include <zstd_errors.h>\n', 'belongs in'),
    ('src/board/planted.c', '#include <glib.h>\n', 'is not in layers.txt'),
    ('src/board/planted.c', '/* #include <glib.h> */\n', None),
    ('include/vireo.h', '\n#include <linux/kvm.h>\n', 'belongs in'),
    ('src/devices/err.c', '', 'has the same name'),
    ('src/devices/acpi.c', '', 'has the same name'),
    ('src/arch/aarch64/acpi.c', '', None),
    ('src/base/endian.c', '#include <string.h>\n#include "base/endian.h"\n',
     'the first include is not'),
    ('src/base/endian.c', '#include "base/endian.h"\n', None),
)

if __name__ == '__main__':
    sys.exit(csource.main(check, PLANTS))
