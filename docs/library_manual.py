#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""library_manual.py SCDOC HEAD TAIL EXAMPLE HEADER: the manual page of the
library on standard output. Its list of functions comes from the header, a
section for each of its titles."""

import re
import subprocess
import sys

from doxygen_filter import COMMENT, TITLE, prose as marked, text_of

# A comment, a prototype, or the blank line that ends what a comment is for.
PART = re.compile(r'^/\*.*?\*/$|^VIREO_API .*?;$|^$|^\S[^\n]*$',
                  re.M | re.S)


def parts(header):
    """Comments, prototypes, and what else begins a line."""
    at = 0
    while at < len(header):
        match = PART.match(header, at)
        # Lines that are set in belong to what is no prototype.
        end = match.end() if match else header.index('\n', at)
        yield match.group(0) if match else None
        at = end + 1


def escape(text):
    return re.sub(r'([\\*_`#<>\[\]~|.-])', r'\\\1', text)


def prose(lines, indent):
    """Paragraphs of text, and code as it stands."""
    out = []
    paragraph = []
    code = False
    for line in marked(lines) + ['']:
        if line in ('@code', '@endcode'):
            code = line == '@code'
            line = '```'
        elif code:
            line = line.replace('\\', '\\\\')
        elif line:
            paragraph.append(re.sub(r'@p (?=\w)', '', line).strip())
            continue
        if paragraph:
            out += [escape(' '.join(paragraph)), '']
        paragraph = []
        if line or code:
            out.append(line)
    while out and not out[-1]:
        out.pop()
    return [indent + line if line else '' for line in out]


def section(title):
    return ['', f'## {escape(title[0].upper() + title[1:])}', '']


def functions(header):
    """Lines of scdoc."""
    out = []
    title = None
    names = []
    text = []

    def tell():
        if names:
            out.extend(f'*{escape(name)}*++' for name in names[:-1])
            out.append(f'*{escape(names[-1])}*')
            out.extend(prose(text, '\t') + [''])
            names.clear()

    for part in parts(header):
        if part is None:
            continue
        if TITLE.match(part):
            tell()
            title = TITLE.match(part).group(1)
            text = []
        elif COMMENT.fullmatch(part):
            tell()
            text = text_of(part)
        elif part.startswith('VIREO_API'):
            if title:
                out += section(title)
                title = None
            names.append(' '.join(part.removeprefix('VIREO_API').split()))
        elif part:
            text = []
        else:
            if text and not names and title:
                # What nothing has followed tells of the section.
                out += section(title) + prose(text, '') + ['']
                title = None
            tell()
            text = []
    tell()
    return out


def missing(header, lines):
    """Functions that the list has not got."""
    listed = '\n'.join(lines).replace('\\', '')
    return [name for name in re.findall(r'^VIREO_API\b[^(;]*?(\w+)\(', header,
                                        re.M) if name + '(' not in listed]


def page(head, tail, example, lines):
    code = ['```', *example.replace('\\', '\\\\').rstrip('\n').split('\n'),
            '```']
    return '\n'.join([head.rstrip('\n'), '', *code, '', '# FUNCTIONS',
                      *lines, tail.strip('\n'), ''])


def main(scdoc, *paths):
    texts = []
    for path in paths:
        with open(path, encoding='utf-8') as file:
            texts.append(file.read())
    header = texts.pop()
    lines = functions(header)
    lost = missing(header, lines)
    if lost:
        print(f'not in the list: {" ".join(lost)}', file=sys.stderr)
        return 1
    return subprocess.run([scdoc], input=page(*texts, lines), text=True,
                          check=False).returncode


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
