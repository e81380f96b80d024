#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""catalogue.py [--self-test] ROOT: each hostile input has its tests.

tests/catalogue.tsv joins the catalogue of hostile inputs to the tests that
show their outcome. Columns: id, input, outcome, tests, remark. A test is one of

  unit:FILE:NAME     a function of tests/unit/FILE.c that its main() registers;
                     the file must speak of the entry by its id
  embed:FILE:NAME    the same of tests/embed
  guest:NAME         a case of tests/guest/cases.py
  fuzz:TARGET        tests/fuzz/fuzz_TARGET.c
  exhaustive:NUMBER  a property of tests/unit/queue_exhaustive.c

Every id of the groups in FULL needs a row, and every row a test. A unit test
whose name begins with such an id stands in that row.
"""

import importlib.util
import os
import re
import sys

sys.dont_write_bytecode = True
import csource  # noqa: E402

TABLE = 'tests/catalogue.tsv'
COLUMNS = ['id', 'input', 'outcome', 'tests', 'remark']
OUTCOMES = ('OK', 'IGN', 'REQ', 'DROP', 'NRST', 'FOK', 'REF', 'LIM', 'STOP')

# Groups that are complete, and how many entries they have.
FULL = {'Q': 30, 'P': 14, 'T': 34, 'DB': 16, 'DN': 14, 'DC': 8, 'DR': 4,
        'DV': 15, 'DL': 8, 'D9': 16, 'DF': 6, 'L': 8}
# Groups that are not: rows are welcome, gaps are told and no violation.
PART = {'B': 16, 'C': 18, 'G': 18, 'I': 12, 'K': 10, 'X': 14}
# No entry, or one about 9P only.
UNUSED = {'T33', 'D901', 'D902', 'D904', 'D911'}

# A test function with ids before its sentence.
NAMED = re.compile(r'^static void ((?:[A-Z]+[0-9]{2,3}_)+)(\w*)\(', re.MULTILINE)

# Entries about features that are not offered. The remark says which one, and
# the tests show that it is not.
NOT_OFFERED = {'P11'}


def ids(groups):
    return [name for group, count in groups.items()
            for name in (f'{group}{n:02}' for n in range(1, count + 1))
            if name not in UNUSED]


class Tests:
    """The tests that a tree has; files are read once."""

    def __init__(self, root):
        self.root = root
        self.files = {}
        self.parts = {}
        self.named = list(named(root))

    def text(self, path):
        if path not in self.files:
            full = os.path.join(self.root, path)
            self.files[path] = (csource.read(self.root, path)
                                if os.path.isfile(full) else None)
        return self.files[path]

    def function(self, folder, entry, where):
        file, _, name = where.partition(':')
        text = self.text(f'{folder}/{file}.c')
        if text is None:
            return f'there is no {folder}/{file}.c'
        build = self.text(folder + '/meson.build') or ''
        if not re.search(rf"'(test_)?{re.escape(file[5:])}'", build):
            return f'{folder}/meson.build does not build {file}'
        if file not in self.parts:
            self.parts[file] = parts(text)
        if not registered(self.parts[file], name):
            return f'{file}.c has no test {name}'
        if not re.search(rf'(?<![A-Za-z0-9]){entry}(?![0-9])', text):
            return f'{file}.c does not speak of {entry}'
        return None

    def guest(self, name):
        path = os.path.join(self.root, 'tests/guest/cases.py')
        if path not in self.files:
            self.files[path] = case_names(path)
        if name not in self.files[path]:
            return f'tests/guest/cases.py has no case {name}'
        return None

    def fuzz(self, name):
        build = self.text('tests/fuzz/meson.build') or ''
        if (self.text(f'tests/fuzz/fuzz_{name}.c') is None or
                f"'{name}': [" not in build):
            return f'there is no fuzz target {name}'
        return None

    def exhaustive(self, number):
        text = self.text('tests/unit/queue_exhaustive.c') or ''
        if not number.isdigit() or f'"{number}: ' not in text:
            return f'queue_exhaustive.c has no property {number}'
        return None

    def problem(self, entry, test):
        """What is wrong with a cell's test, or None."""
        kind, _, rest = test.partition(':')
        if kind in ('unit', 'embed'):
            return self.function('tests/' + kind, entry, rest)
        if kind in ('guest', 'fuzz', 'exhaustive'):
            return getattr(self, kind)(rest)
        return f'{test}: no such kind of test'


def named(root):
    """Unit tests that carry ids: (id, test as a cell has it)."""
    known = set(ids(FULL))
    for path in csource.find(root, ('tests/unit',), '.c'):
        file = os.path.basename(path)[:-2]
        for match in NAMED.finditer(csource.read(root, path)):
            for entry in match.group(1).split('_')[:-1]:
                if entry in known:
                    yield entry, f'unit:{file}:{"".join(match.groups())}'


def parts(text):
    """The functions of a test program, and its main()."""
    code, _, table = csource.blank(text).partition('\nint main(')
    return code, table


def registered(source, name):
    """Is there a test function of that name, and does main() know it?"""
    code, table = source
    return bool(name and
                re.search(rf'\bstatic void {name}\(\s*void \*\*', code) and
                re.search(rf'\b{name}\b', table))


def case_names(path):
    """The table is a program: it may be made by loops."""
    spec = importlib.util.spec_from_file_location('catalogue_cases', path)
    module = importlib.util.module_from_spec(spec)
    sys.modules['catalogue_cases'] = module
    spec.loader.exec_module(module)
    return {case.name for case in module.CASES}


def check_row(tests, cells):
    entry, text, outcome, names, remark = cells
    if not text:
        yield 'no input'
    if not outcome or set(outcome.split('/')) - set(OUTCOMES):
        yield f'outcome {outcome!r}: give some of {" ".join(OUTCOMES)}'
    if not names.split():
        yield 'no test'
    if remark.startswith('not-offered: ') != (entry in NOT_OFFERED):
        yield 'a feature that is not offered stands here and in NOT_OFFERED'
    for test in names.split():
        problem = tests.problem(entry, test)
        if problem:
            yield problem


def check(tests, text):
    """Violations of a table, and the ids of PART that have no row."""
    rows = text.split('\n')
    reports = []
    seen = {}
    if rows[0].split('\t') != COLUMNS or rows.pop() != '':
        return [f'{TABLE}: no table of {", ".join(COLUMNS)}'], []
    for number, row in enumerate(rows[1:], 2):
        cells = row.split('\t')
        found = []
        if len(cells) != len(COLUMNS):
            found.append(f'{len(cells)} columns')
        elif cells[0] not in ids(FULL) + ids(PART):
            found.append(f'{cells[0]!r} is no id')
        elif cells[0] in seen:
            found.append(f'{cells[0]} a second time')
        else:
            seen[cells[0]] = cells[3].split()
            found += check_row(tests, cells)
        reports += [f'{TABLE}:{number}: {cells[0]}: {what}' for what in found]
    reports += [f'{TABLE}: {name} has no row' for name in ids(FULL)
                if name not in seen]
    reports += [f'{TABLE}: {entry}: {test} is missing'
                for entry, test in tests.named
                if entry in seen and test not in seen[entry]]
    return reports, [name for name in ids(PART) if name not in seen]


# ---- the check's own test ----

C_FILE = '''
static void known(void **state) { }
static void forgotten(void **state) { }
static void helper(int a) { }
/* static void commented(void **state) { } */
int main(void)
{
	TEST(known), TEST(helper), TEST(commented),
}
'''


def change(column, value, entry='P11'):
    """An edit: the entry's row gets another cell."""
    def edit(text):
        rows = text.split('\n')
        at = next(i for i, row in enumerate(rows)
                  if row.startswith(entry + '\t'))
        cells = rows[at].split('\t')
        cells[COLUMNS.index(column)] = value
        rows[at] = '\t'.join(cells)
        return '\n'.join(rows)
    return edit


PLANTS = (
    (lambda text: text, None),
    (lambda text: re.sub(r'\nQ07\t.*', '', text), 'Q07 has no row'),
    (lambda text: re.sub(r'\nDL08\t.*', '', text), 'DL08 has no row'),
    (lambda text: re.sub(r'\nD905\t.*', '', text), 'D905 has no row'),
    (change('tests', 'fuzz:blk', 'D910'), 'told_do_no_harm is missing'),
    (lambda text: text + 'D901\ta\tOK\tfuzz:blk\t\n', 'is no id'),
    (lambda text: text + text.split('\n')[1] + '\n', 'a second time'),
    (lambda text: text + 'Q31\ta\tOK\tfuzz:blk\t\n', 'is no id'),
    (lambda text: text + 'T33\ta\tOK\tfuzz:blk\t\n', 'is no id'),
    (lambda text: text + 'Q01\n', '1 columns'),
    (lambda text: text[:-1], 'no table'),
    (lambda text: text.replace('outcome', 'result', 1), 'no table'),
    (change('tests', ''), 'no test'),
    (change('tests', ' '), 'no test'),
    (change('tests', 'fuzz:queue_packed', 'P09'), 'taken_is_not_read_again is'),
    (change('input', ''), 'no input'),
    (change('outcome', ''), 'outcome'),
    (change('outcome', 'DROP/FINE'), 'outcome'),
    (change('remark', 'not-offered: too hard', 'P10'), 'is not offered'),
    (change('remark', ''), 'is not offered'),
    (change('remark', 'seen twice', 'P10'), None),
    (change('tests', 'unit:test_queue:no_such_test', 'G03'), 'has no test'),
    (change('tests', 'unit:test_queue:', 'G03'), 'has no test'),
    (change('tests', 'unit:test_queue', 'G03'), 'has no test'),
    (change('tests', 'embed:test_sandbox_misuse:no_such_test', 'G03'),
     'has no test'),
    (change('tests', 'embed:test_queue:a_test', 'G03'),
     'there is no tests/embed/test_queue.c'),
    (change('tests', 'unit:test_nothing:a_test', 'G03'),
     'there is no tests/unit'),
    (change('tests', 'unit:test_words:main', 'G03'), 'has no test main'),
    (change('tests', 'unit:test_err:err_set_key_names_the_key', 'G03'),
     'does not speak of G03'),
    (change('tests', 'guest:no_such_case', 'G03'), 'has no case'),
    (change('tests', 'guest:hello', 'G03'), None),
    (change('tests', 'fuzz:no_such_target', 'G03'), 'no fuzz target'),
    (change('tests', 'fuzz:queue_split', 'G03'), None),
    (change('tests', 'exhaustive:99', 'G03'), 'no property'),
    (change('tests', 'exhaustive:it_ends', 'G03'), 'no property'),
    (change('tests', 'exhaustive:1', 'G03'), None),
    (change('tests', 'fuzz:blk gut:feeling', 'G03'), 'no such kind'),
)


def self_test(root):
    text = csource.read(root, TABLE)
    tests = Tests(root)
    failed = 0
    for number, (edit, expected) in enumerate(PLANTS):
        reports, _ = check(tests, edit(text))
        good = (not reports if expected is None else
                any(expected in report for report in reports))
        if not good:
            failed += 1
            print(f'plant {number}: expected {expected!r}, got {reports}')
    for name, there in (('known', True), ('forgotten', False), ('', False),
                        ('helper', False), ('commented', False)):
        if registered(parts(C_FILE), name) != there:
            failed += 1
            print(f'{name!r} is taken for {"no" if there else "a"} test')
    print(f'{len(PLANTS) + 5} changes planted, {failed} handled wrongly')
    return 1 if failed else 0


def main():
    root = sys.argv[-1]
    if sys.argv[1] == '--self-test':
        return self_test(root)
    reports, gaps = check(Tests(root), csource.read(root, TABLE))
    for report in reports:
        print(report)
    print(f'not yet: {" ".join(gaps)}')
    print(f'{len(reports)} violations')
    return 1 if reports else 0


if __name__ == '__main__':
    sys.exit(main())
