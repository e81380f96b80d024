# SPDX-License-Identifier: BSD-3-Clause
"""What the checks share: finding files, blanking comments, self-tests."""

import os
import re
import shutil
import sys
import tempfile

# Where code of ours lives. Build directories are beside these, never inside.
FOLDERS = ('src', 'include', 'firmware', 'tests', 'examples', 'bench',
           'bindings', 'scripts', 'docs')

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
    re.DOTALL)


def blank(text, strings=True):
    """Comments, and what stands inside quotes, become blanks; newlines stay,
    so that line numbers stay right."""
    def cover(match):
        token = match.group(0)
        if token[0] == '/':
            return re.sub(r'[^\n]', ' ', token)
        if strings:
            return token[0] + ' ' * (len(token) - 2) + token[-1]
        return token
    return TOKEN.sub(cover, text)


def find(root, folders, endings):
    """Paths relative to root, sorted."""
    found = []
    for folder in folders:
        for base, dirs, names in os.walk(os.path.join(root, folder)):
            dirs[:] = [d for d in dirs if d != '__pycache__']
            found += [os.path.relpath(os.path.join(base, name), root)
                      for name in names if name.endswith(endings)]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding='utf-8') as file:
        return file.read()


def write(root, path, text, mode='w'):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, mode, encoding='utf-8') as file:
        file.write(text)


def column(line):
    return len(line.expandtabs(8))


def self_test(root, check, plants):
    """Copies the tree (root None: starts from nothing), plants one violation
    after the other, and demands that each is reported. A plant is (path, text, expected): the text becomes a
    file, or is appended to one that exists. The expected text must be in a
    report that was not there before; None: there must be no new report."""
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        for folder in FOLDERS if root else ():
            source = os.path.join(root, folder)
            if os.path.isdir(source):
                shutil.copytree(source, os.path.join(work, folder))
        before = set(check(work))
        for path, text, expected in plants:
            full = os.path.join(work, path)
            old = read(work, path) if os.path.exists(full) else None
            write(work, path, (old or '') + text)
            new = sorted(set(check(work)) - before)
            if old is None:
                os.unlink(full)
            else:
                write(work, path, old)
            good = (not new if expected is None else
                    any(expected in report for report in new))
            if not good:
                failed += 1
                print(f'planted {text!r} in {path}: expected '
                      f'{expected!r}, got {new}')
    print(f'{len(plants)} violations planted, {failed} handled wrongly')
    return 1 if failed else 0


def main(check, plants, copy=True):
    """The command line of a check: [--self-test] ROOT. Self-tests that do not
    need the tree start from nothing (copy=False)."""
    root = sys.argv[-1]
    if sys.argv[1] == '--self-test':
        return self_test(root if copy else None, check, plants)
    reports = check(root)
    for report in reports:
        print(report)
    print(f'{len(reports)} violations')
    return 1 if reports else 0
