#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""bindings.py [--self-test | --renew] ROOT CC...: what bindings/python declares is what
include/vireo.h declares: every function with its types, every struct with its
fields, their offsets and its size, every enumeration with its values.

--renew writes the functions as they are in the header, and a class for each
struct that has none; enumerations are for a person.
"""

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

sys.dont_write_bytecode = True
import csource  # noqa: E402

PACKAGE = 'bindings/python/vireo'
FUNCTION = re.compile(r'^VIREO_API\b([^;]*);', re.M)
STRUCT = re.compile(r'^struct (\w+) \{(.*?)^\};', re.M | re.S)
CALLBACK = re.compile(r'\(\s*\*\s*(\w+)\s*\)\s*\(')
ENUM = re.compile(r'^enum (\w+) \{(.*?)\};', re.M | re.S)


def module(root, name):
    """A file of the package, without the package: that would load libvireo."""
    path = os.path.join(root, PACKAGE, name + '.py')
    spec = importlib.util.spec_from_file_location('bindings_' + name, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def squeeze(text):
    return re.sub(r'\s*([(),*])\s*', r'\1', ' '.join(text.split()))


def shape(prototype):
    """"int f(int a, void (*fn)(void *ctx))" -> "int f(int, void (*)(void *))":
    a parameter's last word is its name, unless it is alone."""
    text = squeeze(prototype)
    text = re.sub(r'\(\*\w+\)', '(*)', text)
    return re.sub(r'(?<=[ *])\w+(?=[,)])', '', text).replace(' ,', ',') \
        .replace(' )', ')')


def functions(text):
    """name -> prototype"""
    found = {}
    for prototype in text:
        name = re.match(r'.*?(\w+)\s*\(', prototype, re.S).group(1)
        found[name] = ' '.join(prototype.split())
    return found


def check_functions(header, native):
    declared = functions(FUNCTION.findall(header))
    bound = functions(p for p in native.PROTOTYPES.split(';') if p.strip())
    if not declared:
        yield 'the header declares nothing'
    for name, prototype in declared.items():
        if name not in bound:
            yield f'{name} is not bound; add to PROTOTYPES: {prototype};'
        elif shape(prototype) != shape(bound[name]):
            yield f'{name} is bound otherwise; in the header: {prototype};'
    for name in bound:
        if name not in declared:
            yield f'{name} is bound and not in the header'
    for prototype in bound.values():
        try:
            native.parse(prototype)
        except TypeError as error:
            yield str(error)


def fields(body):
    """The names, in order."""
    found = []
    for declaration in csource.blank(body).split(';'):
        pointer = CALLBACK.search(declaration)
        found += [pointer.group(1)] if pointer else [
            re.search(r'(\w+)\s*(\[.*\])?\s*$', part.strip()).group(1)
            for part in declaration.split(',') if part.strip()]
    return found


def check_callbacks(name, body, made, native):
    """A pointer to a function has one size, whatever it takes."""
    bound = dict(made._fields_)
    for declaration in csource.blank(body).split(';'):
        pointer = CALLBACK.search(declaration)
        if pointer and bound.get(pointer.group(1)) is not native.parameter(
                ' '.join(declaration.split())):
            yield (f'{name}: {pointer.group(1)} is bound otherwise; in the '
                   f'header: {" ".join(declaration.split())}')


def check_structs(header, native):
    """Reports, and what the compiler has to confirm."""
    reports = []
    asserts = []
    for name, body in STRUCT.findall(header):
        name = 'struct ' + name
        made = native.STRUCTS.get(name)
        if not made:
            reports.append(f'{name} has no class in STRUCTS')
            continue
        bound = [field[0] for field in made._fields_]
        if bound != fields(body):
            reports.append(f'{name}: {bound} is bound, not {fields(body)}')
            continue
        reports += check_callbacks(name, body, made, native)
        asserts.append((f'sizeof({name}) == {ctypes.sizeof(made)}',
                        f'the size of {name}'))
        for field in bound:
            asserts += [(f'offsetof({name}, {field}) == '
                         f'{getattr(made, field).offset}',
                         f'the offset of {name}.{field}'),
                        (f'sizeof((({name} *)0)->{field}) == '
                         f'{getattr(made, field).size}',
                         f'the size of {name}.{field}')]
    return reports, asserts


def check_enums(header, enums):
    reports = []
    asserts = []
    for name, body in ENUM.findall(header):
        name = 'enum ' + name
        if name not in enums.ENUMS:
            reports.append(f'{name} has no class in ENUMS')
            continue
        prefix, made = enums.ENUMS[name]
        names = re.findall(r'\b(VIREO_\w+)', body)
        for constant in names:
            if constant.removeprefix(prefix) not in made.__members__:
                reports.append(f'{name}: {constant} is not bound')
        for member in made:
            if prefix + member.name not in names:
                reports.append(f'{name}: {prefix}{member.name} is bound and '
                               'not in the header')
                continue
            asserts.append((f'(int){prefix}{member.name} == {member.value}',
                            f'the value of {prefix}{member.name}'))
        asserts.append((f'sizeof({name}) == sizeof(int)', f'{name} is no int'))
    return reports, asserts


def confirm(root, compiler, asserts):
    text = '#include "vireo.h"\n' + ''.join(
        f'_Static_assert({condition}, "{what} is bound otherwise");\n'
        for condition, what in asserts)
    run = subprocess.run(
        compiler + ['-std=c17', '-fsyntax-only', '-x', 'c', '-I',
                    os.path.join(root, 'include'), '-'],
        input=text, text=True, capture_output=True, check=False)
    said = re.findall(r'([^"\n:]* is bound otherwise)"?$', run.stderr, re.M)
    if run.returncode and not said:
        said = [run.stderr]
    return list(dict.fromkeys(line.strip() for line in said))


def checker(compiler):
    def check(root):
        header = csource.blank(csource.read(root, 'include/vireo.h'))
        native = module(root, '_native')
        structs, sizes = check_structs(header, native)
        enums, values = check_enums(header, module(root, '_enums'))
        return [f'{PACKAGE}: {report}' for report in (
            list(check_functions(header, native)) + structs + enums +
            confirm(root, compiler, sizes + values))]
    return check


# ---- writing it ----

def wrapped(text, indent):
    return textwrap.fill(text, 79, subsequent_indent=indent,
                         break_long_words=False, break_on_hyphens=False)


def new_fields(declaration):
    """What stands in _fields_, for each name."""
    text = ' '.join(declaration.split())
    if CALLBACK.search(text):
        yield (f"('{CALLBACK.search(text).group(1)}', parameter(\n" +
               '\n'.join(f"            '{part}'" for part in
                         re.split(r'(?<=, )(?=\w)', text)) + '))')
        return
    first, *others = text.split(',')
    base = re.match(r'(.*?)[\s*]*\w+\s*(\[\w+\])*$', first).group(1)
    for part in [first.removeprefix(base)] + others:
        stars, name, counts = re.fullmatch(
            r'([\s*]*(?:const)?\s*)(\w+)\s*((?:\[\w+\])*)', part).groups()
        kind = f"type_of('{(base + stars).strip()}')"
        of = ''.join(f' * {n}' for n in re.findall(r'\w+', counts)[::-1])
        yield f"('{name}', {kind}{of})"


def new_class(name, body):
    fields_ = [field for declaration in csource.blank(body).split(';')
               if declaration.strip() for field in new_fields(declaration)]
    title = ''.join(word.title() for word in name.split('_')[1:])
    return (f"@declared('{name}')\nclass {title}(ctypes.Structure):\n"
            '    _fields_ = [\n' + ''.join(
                f'        {field},\n' for field in fields_) + '    ]\n\n\n')


def renew(root):
    path = PACKAGE + '/_native.py'
    header = csource.blank(csource.read(root, 'include/vireo.h'))
    text = csource.read(root, path)
    start = "PROTOTYPES = '''"
    for name, body in STRUCT.findall(header):
        if f"@declared('{name}')" not in text:
            text = text.replace(start, new_class(name, body) + start)
    at = text.index(start) + len(start)
    prototypes = ''.join(wrapped(' '.join(found.split()), '    ') + ';\n'
                         for found in FUNCTION.findall(header))
    csource.write(root, path, text[:at] + '\n' + prototypes +
                  text[text.index("'''", at):])


HEADER = 'include/vireo.h'
NATIVE = PACKAGE + '/_native.py'
PLANTS = (
    (HEADER, 'VIREO_API int vireo_more(int a);\n', 'vireo_more is not bound'),
    (HEADER, 'struct vireo_more {\n\tint a;\n};\n', 'has no class'),
    (HEADER, 'struct vireo_more;\n', None),
    (HEADER, 'enum vireo_more { VIREO_A };\n', 'has no class'),
    (HEADER, '/* VIREO_API int vireo_more(int a); */\n', None),
    (NATIVE, "PROTOTYPES += 'int vireo_more(int a);'\n",
     'vireo_more is bound and not'),
    (NATIVE, "PROTOTYPES = PROTOTYPES.replace('int fd,', 'long fd,')\n",
     'vireo_config_set_fd is bound otherwise'),
    (NATIVE, "PROTOTYPES = PROTOTYPES.replace('*ctx, int level', "
     "'*ctx, long level')\n", 'vireo_config_set_log is bound otherwise'),
    (NATIVE, "PROTOTYPES = PROTOTYPES.replace('int fd,', 'int file,')\n",
     None),
    (NATIVE, "PROTOTYPES += 'int vireo_more(strange a);'\n", 'no such type'),
    (NATIVE, "class Other(ctypes.Structure):\n"
     "    _fields_ = [('code', ctypes.c_int), ('key', ctypes.c_char * 31), "
     "('text', ctypes.c_char * 400)]\n"
     "STRUCTS['struct vireo_error'] = Other\n",
     'the size of struct vireo_error.key'),
    (NATIVE, "class Other(ctypes.Structure):\n"
     "    _fields_ = [('code', ctypes.c_int)]\n"
     "STRUCTS['struct vireo_error'] = Other\n", "['code'] is bound"),
    (NATIVE, "Device._fields_[5] = ('read', "
     "parameter('void (*read)(void *ctx, uint64_t off)'))\n",
     'struct vireo_device: read is bound otherwise'),
    (PACKAGE + '/_enums.py', "class Other(enum.IntEnum):\n    YES = 0\n"
     "    NO = 2\n    INFO = 1\n"
     "ENUMS['enum vireo_check_state'] = ('VIREO_CHECK_', Other)\n",
     'the value of VIREO_CHECK_NO'),
)

MORE = '''
struct vireo_more {
	char text[8], *where;
	const uint64_t *sums[2];
	enum vireo_code code;
	int (*fn)(void *ctx, struct vireo_vm *vm, const char *line);
};
VIREO_API int vireo_more(struct vireo_more *more, unsigned int n);
'''


def test_renew(root, compiler):
    """All classes written anew, and one for a struct of every kind of field."""
    with tempfile.TemporaryDirectory() as work:
        for path in ('include', PACKAGE):
            shutil.copytree(os.path.join(root, path),
                            os.path.join(work, path))
        text = csource.read(work, NATIVE)
        csource.write(work, NATIVE, re.sub(
            r"@declared\('.*?(?=PROTOTYPES = )", '', text, flags=re.S))
        csource.write(work, HEADER, MORE, mode='a')
        before = checker(compiler)(work)
        renew(work)
        after = checker(compiler)(work)
    if before and not after:
        return 0
    print(f'renewed: {len(before)} reports before, then {after}')
    return 1


if __name__ == '__main__':
    arguments = sys.argv[1:]
    if arguments[0] == '--renew':
        renew(arguments[1])
        sys.exit(0)
    where = 1 if arguments[0] == '--self-test' else 0
    sys.argv[1:] = arguments[:where + 1]
    status = csource.main(checker(arguments[where + 1:]), PLANTS)
    if where:
        status |= test_renew(arguments[1], arguments[2:])
    elif status:
        print('tests/check/bindings.py --renew . writes functions and structs')
    sys.exit(status)
