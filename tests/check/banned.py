#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""banned.py [--self-test] ROOT: calls, words and shapes that are not used here.

The library is a guest in somebody else's process: it does not end it, print
into it, or change it. And what keeps files readable: sizes, columns, no notes
to oneself.
"""

import re
import sys

sys.dont_write_bytecode = True
import csource  # noqa: E402

C = ('.c', '.h', '.S', '.ld')
TEXT = C + ('.py', '.sh', '.build', '.md', '.txt', '.scd')

# Calls, and who is free to make them: the programs, not the library.
CALLS = {
    'ends the process':
        'exit _exit _Exit quick_exit abort atexit err errx verr verrx',
    'prints':
        'perror psignal printf vprintf fprintf vfprintf puts fputs putchar '
        'putc fputc warn warnx vwarn vwarnx',
    'changes the process':
        'signal sigaction chdir fchdir setlocale setenv putenv unsetenv '
        'umask system popen fork vfork',
    'reads the environment': 'getenv secure_getenv',
    'has no bounds':
        'sprintf vsprintf strcpy strcat stpcpy gets strtok alloca',
    'reports no errors': 'atoi atol atoll atof',
    'leaves a thread in an unknown state':
        'pthread_cancel pthread_detach',
    'sleeps instead of waiting for something': 'sleep usleep nanosleep',
}
FREE = ('src/cli/',)
CALL = re.compile(r'(?<![\w.>])(' + '|'.join(
    name for names in CALLS.values() for name in names.split()) + r')\s*\(')
WHY = {name: why for why, names in CALLS.items() for name in names.split()}

# Words in code: pattern, what is wrong, where it is allowed.
WORDS = (
    (r'\b(stdin|stdout|stderr)\b', 'the standard streams are the program\'s',
     FREE),
    (r'\bconstructor\b', 'nothing registers itself', ()),
    (r'\bsection\s*\(', 'nothing registers itself',
     ('src/command/', 'firmware/')),
    (r'__attribute__.*\b(__)?packed',
     'wire structs are made of le16, le32, le64', ()),
    (r'#\s*pragma\s+pack\b', 'wire structs are made of le16, le32, le64', ()),
    (r'\b__(x86_64|i386|aarch64|arm)__\b', 'differences by arch are files',
     ('src/arch/', 'src/kvm/', 'firmware/', 'tests/')),
)

# clang-tidy's check of asserts looks away from macros of system headers.
CHANGES = re.compile(r'\+\+|--|(?<![=!<>])=(?!=)')
PURE = re.compile(r'(is_\w+|\w+_is_\w+|range_ok|ranges_meet|sizeof|strlen|strcmp|'
                  r'memcmp|pthread_equal|pthread_self|ARRAY_SIZE|'
                  r'U?INT\d+_C)$')

NOTE = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X)\b')
LONG_STRING = re.compile(r'^\s*\w*\s*"(\\.|[^"\\])*"[\s,;)}\\]*$')

MAX_FILE = 600
# One header for the whole library, with its documentation.
PUBLIC, MAX_PUBLIC = 'include/vireo.h', 1500
MAX_HEADER = 200
# One header is all of the API.
PUBLIC = 'include/vireo.h'
MAX_PUBLIC = 1500
MAX_FUNCTION = 80
MAX_COLUMN = 80


def functions(lines):
    """(index of the opening brace, of the closing one): both in column 0."""
    start = None
    for index, line in enumerate(lines):
        if line.rstrip() == '{':
            start = index
        elif line.startswith('}') and start is not None:
            yield start, index
            start = None


def check_calls(path, code):
    if not path.startswith(('src/', 'include/')) or path.startswith(FREE):
        return
    for index, line in enumerate(code):
        for match in CALL.finditer(line):
            name = match.group(1)
            yield index, f'{name}() {WHY[name]}'


def check_words(path, code):
    for pattern, why, free in WORDS:
        if path.startswith(free) or not path.startswith(
                ('src/', 'include/', 'firmware/')):
            continue
        for index, line in enumerate(code):
            match = re.search(pattern, line)
            if match:
                yield index, f'{match.group(0)}: {why}'


def argument(text, start):
    """What stands between the parenthesis at start and its partner."""
    depth = 0
    for index in range(start, len(text)):
        depth += {'(': 1, ')': -1}.get(text[index], 0)
        if depth == 0:
            return text[start + 1:index]
    return ''


def check_asserts(path, code):
    if not path.startswith(('src/', 'include/')):
        return
    text = '\n'.join(code)
    for match in re.finditer(r'\bassert\s*\(', text):
        inside = argument(text, match.end() - 1)
        index = text.count('\n', 0, match.start())
        if CHANGES.search(inside):
            yield index, 'an assert that changes something'
        for name in re.findall(r'(\w+)\s*\(', inside):
            if not PURE.match(name):
                yield index, f'an assert that calls {name}()'


def check_functions(path, code):
    for start, end in functions(code):
        if end - start - 1 > MAX_FUNCTION:
            yield start, f'function of {end - start - 1} lines'
        if path.startswith(('src/arch/', 'src/kvm/', 'tests/', 'firmware/')):
            continue
        for index in range(start, end):
            if re.match(r'\s*#\s*(if|ifdef|ifndef)\b', code[index]):
                yield index, '#if inside a function'


def check_form(path, lines):
    limit = MAX_FILE
    if path.startswith('src/') and path.endswith('.h'):
        limit = MAX_HEADER
    if path == PUBLIC:
        limit = MAX_PUBLIC
    if not path.endswith(('.md', '.txt')) and len(lines) > limit:
        yield len(lines) - 1, f'{len(lines)} lines, {limit} is the limit'
    for index, line in enumerate(lines):
        if line != line.rstrip():
            yield index, 'blanks at the end'
        if NOTE.search(line):
            yield index, 'a note to oneself'
        if (path.endswith(C) and csource.column(line) > MAX_COLUMN and
                not LONG_STRING.match(line)):
            yield index, f'{csource.column(line)} columns'


def check(root):
    reports = []
    for path in csource.find(root, csource.FOLDERS, TEXT):
        text = csource.read(root, path)
        lines = text.split('\n')
        if lines[-1] == '':
            lines.pop()
        else:
            reports.append(f'{path}:{len(lines)}: no newline at the end')
        found = list(check_form(path, lines))
        if path.endswith(('.c', '.h')):
            code = csource.blank(text).split('\n')
            found += check_calls(path, code)
            found += check_words(path, code)
            found += check_asserts(path, code)
            found += check_functions(path, code)
        reports += [f'{path}:{index + 1}: {what}' for index, what in found]
    return reports


def body(statement, count=1):
    return ('static int f(int n)\n{\n' + f'\t{statement}\n' * count + '}\n')


PLANTS = tuple(
    ('src/base/planted.c', body(f'{name}(n);'), f'{name}() ')
    for name in sorted(WHY)
) + (
    ('src/cli/planted.c', body('printf("x");'), None),
    ('tests/unit/planted.c', body('abort();'), None),
    ('src/base/planted.c', body('snprintf(a, b, "x");'), None),
    ('src/base/planted.c', body('err_set(err, n, "x");'), None),
    ('src/base/planted.c', body('chr->puts(n);'), None),
    ('src/base/planted.c', body('/* abort() */ n = "exit(1)";'), None),
    ('src/base/planted.c', body('\\n'.join('ab')), None),
    ('src/base/planted.c', body('f(stderr);'), 'stderr'),
    ('src/base/planted.c', body('abort ();'), 'abort() ends'),
    ('src/base/planted.c', '__attribute__((constructor)) int f(void);\n',
     'constructor'),
    ('src/base/planted.c', 'int a __attribute__((section("x")));\n',
     'section('),
    ('src/base/planted.h', 'struct a { int b; } __attribute__((packed));\n',
     'packed'),
    ('src/base/planted.h', 'struct a { int b; } __attribute__((__packed__));\n',
     'packed'),
    ('src/base/planted.h', '#pragma pack(1)\n', 'pragma pack'),
    ('src/base/planted.h', 'struct ring { bool packed; };\n', None),
    ('src/devices/planted.c', '#ifdef __x86_64__\n#endif\n', '__x86_64__'),
    ('src/arch/planted.c', '#ifdef __x86_64__\n#endif\n', None),
    ('src/base/planted.c', body('#if 0\n#endif'), '#if inside'),
    ('src/base/planted.c', body('\t#  ifndef A\n#endif'), '#if inside'),
    ('src/base/planted.c', body('assert(n++ < 2);'), 'changes something'),
    ('src/base/planted.c', body('assert(\n(n = 2));'), 'changes something'),
    ('src/base/planted.c', body('assert(f(n) == 0);'), 'calls f()'),
    ('src/base/planted.c', body('assert(range_ok(n, 1, 2) && n >= -1);'),
     None),
    ('src/base/planted.c', body('assert(n <= 1); n = f(1);'), None),
    ('src/base/planted.c', '#if 0\n' + body('n++;') + '#endif\n', None),
    ('src/base/planted.c', body('n++;', 80), None),
    ('src/base/planted.c', body('n++;', 81), 'function of 81 lines'),
    ('tests/unit/planted.c', body('n++;', 81), 'function of 81 lines'),
    ('src/base/planted.c', 'int a;\n' * 600, None),
    ('src/base/planted.c', 'int a;\n' * 601, '601 lines'),
    ('tests/check/planted.py', 'a = 1\n' * 601, '601 lines'),
    ('src/base/planted.h', 'int a;\n' * 200, None),
    ('src/base/planted.h', 'int a;\n' * 201, '201 lines'),
    ('include/vireo.h', 'int a;\n' * 1500, None),
    ('include/vireo.h', 'int a;\n' * 1501, '1501 lines'),
    ('include/planted.h', 'int a;\n' * 601, '601 lines'),
    ('src/base/planted.c', '/* TO' 'DO */\n', 'a note'),
    ('src/base/planted.c', '// FIX' 'ME later\n', 'a note'),
    ('scripts/planted.sh', '# XX' 'X\n', 'a note'),
    ('scripts/planted.sh', 'mktemp /run/aXX' 'XXXX\n', None),
    ('src/base/planted.c', 'int a; \n', 'blanks at the end'),
    ('docs/planted.md', 'text\t\n', 'blanks at the end'),
    ('src/base/planted.c', 'int a;', 'no newline'),
    ('src/base/planted.c', '\t' * 9 + '/* 45678 */'[:8] + '\n', None),
    ('src/base/planted.c', '\t' * 9 + 'int abcde;'[:9] + '\n', '81 columns'),
    ('src/base/planted.c', '\t"' + 'x' * 90 + '",\n', None),
    ('src/base/planted.c', '\tf("' + 'x' * 90 + '");\n', '104 columns'),
)

if __name__ == '__main__':
    sys.exit(csource.main(check, PLANTS, copy=False))
