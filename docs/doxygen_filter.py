#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""doxygen_filter.py HEADER: the header as doxygen wants it, on standard output.

The header's comments are plain: one stands above what it tells of, or behind it
on the same line; above several declarations without a blank line between them
it is for all of these; "---- title ----" begins a group; @name is a parameter;
lines that are set in are code.
"""

import re
import sys

TITLE = re.compile(r'/\* -{4} (.*) -{4} \*/$')
COMMENT = re.compile(r'/\*(.*?)\*/', re.S)
# The guard, and what only compilers need.
NOISE = re.compile(r'#\s*define (VIREO_H|VIREO_API)\b')


def text_of(comment):
    """The lines of a comment, without its stars and without blank ends."""
    body = COMMENT.fullmatch(comment).group(1)
    lines = [re.sub(r'^\s*\*( |$)', '', line).rstrip()
             for line in body.split('\n')]
    lines[0] = lines[0].strip()
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def prose(lines):
    """With code marked: what is set in after a blank line, until something
    begins at the margin."""
    out = []
    code = False
    for line in lines:
        if not code and line.startswith('  ') and not (out and out[-1]):
            out.append('@code')
            code = True
        elif code and line and not line[0].isspace():
            out.append('@endcode')
            code = False
        out.append(line if code else re.sub(r'@(\w+)', r'@p \1', line))
    return out + ['@endcode'] * code


def documented(lines, opening='/**'):
    return opening + ' ' + '\n * '.join(lines) + ' */'


def slug(title):
    return re.sub(r'\W+', '_', title.lower()).strip('_')


class Filter:
    def __init__(self):
        self.out = []
        self.group = None  # where its comment is in the output
        self.first = True  # the file's own comment is still to come
        self.above = None  # the lines that what follows is told by
        self.told = False  # and something was
        self.depth = 0

    def comment(self, whole):
        """One that stands on lines of its own."""
        if 'SPDX' in whole:
            return
        title = TITLE.match(whole)
        if title:
            self.end_group()
            name = title.group(1)
            self.group = len(self.out)
            self.out.append([f'@defgroup {slug(name)} '
                             f'{name[0].upper() + name[1:]}', '@{'])
            self.above = None
        elif self.first:
            self.first = False
            self.out.append(documented(['@file', ''] + prose(text_of(whole))))
        else:
            self.above = prose(text_of(whole))
            self.told = False

    def end_group(self):
        if self.group is not None:
            self.out[self.group] = documented(self.out[self.group])
            self.out.append('/** @} */')
        self.group = None

    def code(self, line, begins):
        """begins: a declaration begins with it."""
        if not line.strip():
            self.drop()
        elif NOISE.match(line):
            line = ''
        elif begins and self.above:
            self.out.append(documented(self.above))
            self.told = True
            if self.depth:
                self.above = None
        self.out.append(line)

    def drop(self):
        """What nothing has followed tells of the group."""
        if self.above and not self.told and self.group is not None:
            self.out[self.group][1:1] = [''] + self.above
        self.above = None

    def members(self, head, whole, rest):
        """"int a, b; /* text */": a line each, for each has the text."""
        text = documented(prose(text_of(whole)), '/**<') + rest
        match = re.fullmatch(r'(\s+[\w ]+?)(\w+(?:, \w+)+);\s*', head)
        if not match:
            return [head + text]
        return [f'{match.group(1)}{name}; {text}'
                for name in match.group(2).split(', ')]

    def run(self, text):
        begins = True
        at = 0
        while at < len(text):
            end = text.find('\n', at)
            end = len(text) if end < 0 else end
            line = text[at:end]
            start = line.find('/*')
            if start >= 0:
                close = text.index('*/', at + start) + 2
                whole = text[at + start:close]
                end = text.find('\n', close)
                if not line[:start].strip():
                    self.comment(whole)
                    begins = True
                    at = end + 1
                    continue
                bare = line[:start]
                lines = self.members(bare, whole, text[close:end])
            else:
                bare = line
                lines = [line]
            for line in lines:
                self.code(line, begins and not bare.lstrip().startswith('}'))
            if '{' in bare and not bare.startswith('extern'):
                self.depth += 1
                self.above = None
            self.depth -= '}' in bare and self.depth > 0
            begins = bare.rstrip().endswith((';', '{', '}', ',')) and \
                (bare.rstrip()[-1] != ',' or self.depth > 0) or \
                bare.startswith('#') or not bare.strip()
            at = end + 1
        self.end_group()
        return '\n'.join(self.out) + '\n'


if __name__ == '__main__':
    with open(sys.argv[1], encoding='utf-8') as file:
        sys.stdout.write(Filter().run(file.read()))
