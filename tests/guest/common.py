# SPDX-License-Identifier: BSD-3-Clause
"""What the guest tests share: arguments, skipping, starting vireo."""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import traceback

SKIP = 77
# Beyond vireo's own --timeout: then the test has failed, and says so.
GRACE = 30


class Failure(Exception):
    """A test did not see what it wanted; the text says what."""


def need(condition, text):
    if not condition:
        raise Failure(text)


def skip(why):
    print(f'skipped: {why}')
    sys.exit(SKIP)


def need_kvm():
    try:
        os.close(os.open('/dev/kvm', os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        skip(f'/dev/kvm: {error.strerror}')


class Bed:
    """Where vireo and its guests are."""

    def __init__(self, args):
        self.vireo = args.vireo
        self.guests = args.guests

    def image(self, name):
        return os.path.join(self.guests, name)

    def command(self, image, *options, testdev=True, timeout='60s'):
        test = ['--testdev'] if testdev else []
        return [self.vireo, 'run', '--kernel', self.image(image), *test,
                '--timeout', timeout, *options]


def run(command, seconds=60 + GRACE, **more):
    """Runs to the end; (exit code, stdout, stderr, processor seconds)."""
    more.setdefault('stdin', subprocess.DEVNULL)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile() as err:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err,
                              **more.pop('popen', {}),
                              stdin=(subprocess.PIPE if 'input' in more
                                     else more['stdin'])) as process:
            try:
                out, _ = process.communicate(more.get('input'),
                                             timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                out, _ = process.communicate()
                raise Failure(f'still running after {seconds} s; '
                              f'output: {out!r}') from None
        err.seek(0)
        text = err.read()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = (after.ru_utime + after.ru_stime
            - before.ru_utime - before.ru_stime)
    return process.returncode, out, text, used


def main(tests, description):
    """`tests`: name -> function(bed). Runs those named, or all of them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--vireo', help='the program')
    parser.add_argument('--guests', help='the folder with the guests')
    parser.add_argument('--list', action='store_true',
                        help='only print the names')
    parser.add_argument('name', nargs='*', help='which tests; else all')
    args = parser.parse_args()
    if args.list:
        print('\n'.join(tests))
        return 0
    if not args.vireo or not args.guests:
        parser.error('--vireo and --guests are needed')
    unknown = [name for name in args.name if name not in tests]
    if unknown:
        parser.error(f'no test is called {unknown[0]}')
    need_kvm()
    bed = Bed(args)
    failed = 0
    for name in args.name or tests:
        try:
            tests[name](bed)
            print(f'ok {name}', flush=True)
        except Failure as why:
            print(f'FAILED {name}: {why}', flush=True)
            failed += 1
        except Exception:  # a fault of the test itself; go on with the others
            print(f'FAILED {name}:\n{traceback.format_exc()}', flush=True)
            failed += 1
    return 1 if failed else 0
