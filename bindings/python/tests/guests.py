# SPDX-License-Identifier: BSD-3-Clause
"""guests.py FOLDER: machines with small guests, on /dev/kvm. Status 77: there
is no KVM here."""

import gc
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from unittest import mock

import vireo
from vireo import (Code, Config, Machine, Reason, VireoClosed, VireoError,
                   VireoTimeout)
from vireo._library import lib

FOLDER = ''
SECONDS = 60  # for what must come


def image(name):
    return os.path.join(FOLDER, name + '.elf')


def machine(name, **keys):
    return Machine(kernel=image(name), memory='32M', **keys)


def tasks():
    return (len(os.listdir('/proc/self/task')),
            len(os.listdir('/proc/self/fd')))


class Nothing(unittest.TestCase):
    """Nothing is left after a test."""

    def setUp(self):
        gc.collect()
        self.before = tasks()

    def tearDown(self):
        gc.collect()
        limit = time.monotonic() + SECONDS
        # A thread that was joined may still be listed for a moment.
        while tasks() != self.before and time.monotonic() < limit:
            time.sleep(0.01)
        self.assertEqual(tasks(), self.before)


class Life(Nothing):
    def test_hello_powers_off(self):
        reader, writer = os.pipe()
        with Config(kernel=image('hello'), memory='32M') as config:
            config.set_fd('console-out', writer)
            os.close(writer)
            vm = Machine(config)
        with vm:
            self.assertIsNone(vm.console_path())
            vm.start()
            end = vm.wait(SECONDS)
            self.assertEqual(end.reason, Reason.POWER_OFF)
            self.assertEqual(end.verdict, 'power-off')
            self.assertEqual(vm.poll(), end)
            self.assertEqual(vm.console_tail(), ['hello'])
            self.assertIn('exits', {stat.group for stat in vm.stats()})
            self.assertIn('rip', {row.name for row in vm.registers()})
            self.assertIsInstance(vm.trace(), list)
        with os.fdopen(reader, 'rb') as console:
            self.assertEqual(console.read().replace(b'\r', b''), b'hello\n')

    def test_states_are_errors(self):
        with machine('hlt') as vm:
            with self.assertRaises(VireoError) as caught:
                vm.wait(0)
            self.assertEqual(caught.exception.code, Code.ESTATE)
            vm.start()
            with self.assertRaises(VireoError) as caught:
                vm.start()
            self.assertEqual(caught.exception.code, Code.ESTATE)
            self.assertIsNone(vm.poll())
            for misuse in (vm.power_button, lambda: vm.signal(15),
                           lambda: vireo.Exec(vm, 'true')):
                with self.assertRaises(VireoError) as caught:
                    misuse()
                self.assertEqual(caught.exception.code, Code.ESTATE)
            with self.assertRaises(VireoError):
                vm.signal(99)
            with self.assertRaises(VireoError):
                vm.console_resize(1 << 20, 1)
            for index in (-1, 1 << 64):
                with self.assertRaises(VireoError):
                    vm.console_path(index)
            for number in (0, (1 << 32) + 9):
                with self.assertRaises(VireoError) as caught:
                    vm.signal(number)
                self.assertEqual(caught.exception.code, Code.EINVAL)
            vm.console_resize(80, 25)

    def test_a_wait_has_a_limit(self):
        with machine('spin') as vm:
            vm.start()
            began = time.monotonic()
            with self.assertRaises(VireoTimeout) as caught:
                vm.wait(0.2)
            self.assertIsInstance(caught.exception, TimeoutError)
            self.assertGreaterEqual(time.monotonic() - began, 0.19)
            with self.assertRaises(VireoTimeout):
                vm.wait(-1)
            vm.stop()
            self.assertEqual(vm.wait(float('inf')).reason, Reason.STOPPED)

    def test_ends_have_their_reason(self):
        for name, reason in (('panic', Reason.PANIC),
                             ('triple_fault', Reason.TRIPLE_FAULT)):
            with machine(name) as vm:
                vm.start()
                self.assertEqual(vm.wait(SECONDS).reason, reason)
        with machine('pio', testdev=True) as vm:
            vm.start()
            end = vm.wait(SECONDS)
            self.assertEqual((end.reason, end.exit_code),
                             (Reason.DEBUG_EXIT, 1))

    def test_a_visitor_sees_the_console_and_types(self):
        ours, theirs = socket.socketpair()
        with ours, machine('serial_echo', testdev=True) as vm:
            vm.console_visit(theirs)
            theirs.close()
            vm.start()
            got = b''
            while b'ready' not in got:
                got += ours.recv(100)
            ours.sendall(b'q')
            self.assertEqual(vm.wait(SECONDS).exit_code, 1)


class Misuse(Nothing):
    def test_a_closed_one_raises(self):
        vm = machine('hello')
        vm.close()
        vm.close()
        self.assertTrue(vm.closed)
        for misuse in (vm.start, vm.wait, vm.stop, vm.power_button, vm.fileno,
                       vm.stats, vm.trace, vm.registers, vm.console_tail,
                       vm.poll, lambda: vm.console_visit(None),
                       lambda: vireo.Exec(vm, 'true')):
            with self.assertRaises(VireoError) as caught:
                misuse()
            self.assertEqual(caught.exception.code, Code.ESTATE)

    def test_close_wakes_who_waits(self):
        vm = machine('spin')
        vm.start()
        caught = []

        def wait():
            try:
                vm.wait()
            except VireoClosed as error:
                caught.append(error.code)

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        vm.close()
        for thread in threads:
            thread.join(SECONDS)
        self.assertEqual(caught, [Code.ESTATE] * 3)

    def test_calls_from_many_threads_and_a_close(self):
        vm = machine('hello')
        stop = threading.Event()
        wrong = []

        def work():
            while not stop.is_set():
                for call in (vm.start, vm.poll, vm.stats, vm.console_tail,
                             vm.stop, vm.registers):
                    try:
                        call()
                    except VireoError as error:
                        if error.code != Code.ESTATE:
                            wrong.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        vm.close()
        stop.set()
        for thread in threads:
            thread.join(SECONDS)
        self.assertEqual(wrong, [])

    def test_a_log_callback_may_fail_and_may_not_call(self):
        seen = []
        caught = []
        vm = None

        def log(level, line):
            try:
                vm.stop()
            except VireoError as error:
                caught.append(error.code)
            seen.append((level, line))
            raise ValueError('from a callback')

        told = []
        old, sys.unraisablehook = sys.unraisablehook, told.append
        try:
            with Config(kernel=image('hello'), memory='32M',
                        on_reboot='exit') as config:
                config.set_log(log, vireo.LogLevel.WARN)
                # A console nobody reads is something to tell of.
                reader, writer = os.pipe()
                os.close(reader)
                config.set_fd('console-out', writer)
                os.close(writer)
                vm = Machine(config)
                config.set_log(None)
            del config
            gc.collect()
            with vm:
                vm.start()
                vm.wait(SECONDS)
        finally:
            sys.unraisablehook = old
        self.assertTrue(seen and isinstance(seen[0][0], vireo.LogLevel), seen)
        self.assertTrue(all(line for _, line in seen))
        self.assertEqual(caught, [Code.ESTATE] * len(seen))
        self.assertEqual(len(told), len(seen))
        told.clear()

    def test_one_that_is_dropped_is_destroyed(self):
        for start in (False, True):
            vm = machine('spin')
            if start:
                vm.start()
            ring = [vm]
            ring.append(ring)  # only the collector finds it
            del vm, ring
            gc.collect()
            self.assertEqual(tasks(), self.before)

    def test_who_is_interrupted_while_it_is_made_leaves_nothing(self):
        for made, create in (('vireo_create', lambda: machine('hello')),
                             ('vireo_config_create', Config)):
            real = getattr(lib, made)

            def interrupted(*arguments, real=real):
                self.assertEqual(real(*arguments), 0)
                raise KeyboardInterrupt

            # As a signal does that came meanwhile.
            with mock.patch.object(lib, made, interrupted):
                with self.assertRaises(KeyboardInterrupt):
                    create()

    def test_a_forked_process_leaves_it_alone(self):
        with machine('spin') as vm:
            vm.start()
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    vm.poll()
                except VireoError:
                    vm.close()
                    del vm
                    gc.collect()
                    status = 0
                os._exit(status)
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
            self.assertIsNone(vm.poll())

    def test_an_interpreter_may_end_with_machines(self):
        script = ('import sys, threading, vireo\n'
                  'for n in range(3):\n'
                  '    c = vireo.Config(kernel=sys.argv[1], memory="32M")\n'
                  '    c.set_log(lambda level, line: None, 3)\n'
                  '    vm = vireo.Machine(c)\n'
                  '    vm.start()\n'
                  '    threading.Thread(target=vm.wait, daemon=True).start()\n'
                  '    globals()[f"vm{n}"] = vm\n'
                  'sys.exit(7)\n')
        run = subprocess.run([sys.executable, '-c', script, image('spin')],
                             timeout=SECONDS, capture_output=True, check=False)
        self.assertEqual(run.returncode, 7, run.stderr)

    def test_ctrl_c_is_heard_by_who_waits(self):
        script = ('import sys, vireo\n'
                  'with vireo.Machine(kernel=sys.argv[1]) as vm:\n'
                  '    vm.start()\n'
                  '    print("waits", flush=True)\n'
                  '    try:\n'
                  '        vm.wait()\n'
                  '    except KeyboardInterrupt:\n'
                  '        print("heard", flush=True)\n')
        # Background jobs of a shell ignore it.
        with subprocess.Popen(
                [sys.executable, '-c', 'import signal\nsignal.signal(signal.'
                 'SIGINT, signal.default_int_handler)\n' + script,
                 image('spin')], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=SECONDS)
        self.assertEqual((out, process.returncode), (b'heard\n', 0))


class Many(Nothing):
    def test_twenty_are_polled_together(self):
        with selectors.DefaultSelector() as selector:
            for _ in range(20):
                vm = machine('hello')
                vm.start()
                selector.register(vm, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(SECONDS)
                self.assertTrue(ready, 'one never ends')
                for key, _ in ready:
                    selector.unregister(key.fileobj)
                    self.assertEqual(key.fileobj.wait(0).reason,
                                     Reason.POWER_OFF)
                    key.fileobj.close()

    def test_threads_have_machines_of_their_own(self):
        ends = []

        def work():
            for _ in range(3):
                with machine('hello') as vm:
                    vm.start()
                    ends.append(vm.wait(SECONDS).verdict)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        self.assertEqual(ends, ['power-off'] * 12)


if __name__ == '__main__':
    FOLDER = os.path.abspath(sys.argv.pop(1))
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        print('skipped: /dev/kvm cannot be opened')
        sys.exit(77)
    unittest.main()
