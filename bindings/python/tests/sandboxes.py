# SPDX-License-Identifier: BSD-3-Clause
"""sandboxes.py PLUGIN: functions of examples/sandbox/plugin.c, called from
Python. Status 77: there is no KVM here."""

import gc
import os
import pickle
import sys
import threading
import unittest

from vireo import Code, Sandbox, TrapReason, VireoClosed, VireoError, VireoTrap
from vireo._handle import in_callback

PLUGIN = ''


class Calls(unittest.TestCase):
    def test_bytes_go_in_and_come_out(self):
        said = []
        with Sandbox(PLUGIN) as box:
            box.register(0, said.append)
            self.assertEqual(box.call('rot13', b'Hello'), b'Uryyb')
            self.assertEqual(box.call('rot13', b''), b'')
            self.assertEqual(box.call('rot13', b'Hello', size=2), b'Ur')
            box.reset()
            self.assertEqual(box.call('rot13', b'x' * 60000), b'k' * 60000)
        self.assertEqual(said, [b'turning'] * 4)

    def test_a_program_can_be_bytes(self):
        with open(PLUGIN, 'rb') as file:
            program = file.read()
        with Sandbox(image=program) as box:
            box.register(0, lambda data: None)
            self.assertEqual(box.call('rot13', b'abc'), b'nop')

    def test_a_trap_has_a_reason_and_wants_a_reset(self):
        with Sandbox(PLUGIN) as box:
            with self.assertRaises(VireoTrap) as caught:
                box.call('crash', b'12345')
            trap = caught.exception.trap
            self.assertEqual((caught.exception.code, trap.reason, trap.vector,
                              trap.address),
                             (Code.ETRAP, TrapReason.FAULT, 14, 5))
            self.assertIn('crash', trap.text)
            self.assertEqual(len(box.read(trap.registers['rip'], 4)), 4)
            self.assertEqual(pickle.loads(pickle.dumps(caught.exception)).trap,
                             trap)
            with self.assertRaises(VireoError) as caught:
                box.call('rot13', b'')
            self.assertEqual(caught.exception.code, Code.ESTATE)
            box.reset()
            with self.assertRaises(VireoTrap) as caught:
                box.call('rot13', b'')  # nobody is there whom it calls
            self.assertEqual(caught.exception.trap.reason,
                             TrapReason.HYPERCALL)

    def test_a_call_has_a_deadline(self):
        with Sandbox(PLUGIN) as box:
            with self.assertRaises(VireoTrap) as caught:
                box.call('hang', timeout=0.02)
            self.assertEqual(caught.exception.trap.reason,
                             TrapReason.DEADLINE)

    def test_what_a_callback_raises_comes_out_of_the_call(self):
        with Sandbox(PLUGIN) as box:
            tried = []

            def call(data):
                for other in (box.reset, box.close,
                              lambda: box.call('rot13', b'')):
                    try:
                        other()
                    except VireoError as error:
                        tried.append(error.code)
                raise KeyError('from a callback')

            box.register(0, call)
            with self.assertRaises(KeyError):
                box.call('rot13', b'abc')
            self.assertEqual(tried, [Code.ESTATE] * 3)
            for reply in (b'too long for it', 1 << 70):
                box.register(0, lambda data, reply=reply: reply)
                box.reset()
                with self.assertRaises(VireoError):
                    box.call('rot13', b'abc')
            with self.assertRaises(TypeError):
                box.register(0, 7)
            box.register(0, None)

    def test_a_callback_of_a_device_may_call_it_and_one_of_a_log_not(self):
        with Sandbox(PLUGIN) as box, in_callback('device'):
            box.register(0, lambda data: None)
            self.assertEqual(box.call('rot13', b'abc'), b'nop')
            with in_callback('log'), self.assertRaises(VireoError):
                box.call('rot13', b'abc')

    def test_misuse_is_an_error(self):
        for wrong in (lambda: Sandbox(), lambda: Sandbox('/nowhere'),
                      lambda: Sandbox(image=b'no program'),
                      lambda: Sandbox(PLUGIN, memory=1 << 70),
                      lambda: Sandbox(PLUGIN, memory=1 << 50)):
            with self.assertRaises(VireoError):
                wrong()
        box = Sandbox(PLUGIN)
        for wrong in (lambda: box.call('no_such_function'),
                      lambda: box.register(64, print),
                      lambda: box.read(0, 8), lambda: box.read(1 << 64, 8),
                      lambda: box.call('rot13', b'x' * (2 << 20))):
            with self.assertRaises(VireoError) as caught:
                wrong()
            self.assertEqual(caught.exception.code, Code.EINVAL)
        box.close()
        box.close()
        for wrong in (box.reset, lambda: box.call('rot13', b'')):
            with self.assertRaises(VireoClosed):
                wrong()

    def test_another_thread_waits_or_is_refused(self):
        there = threading.Event()
        go = threading.Event()
        caught = []

        def call(data):
            there.set()
            go.wait(60)

        box = Sandbox(PLUGIN)
        box.register(0, call)
        thread = self.in_thread(caught, lambda: box.call('rot13', b'abc'))
        self.assertTrue(there.wait(60))
        with self.assertRaises(VireoError) as refused:
            box.call('rot13', b'abc')
        self.assertEqual(refused.exception.code, Code.ESTATE)
        threading.Timer(0.05, go.set).start()
        box.close()
        thread.join()
        # It may have come to its end before it was called out.
        self.assertLessEqual({type(error) for error in caught}, {VireoClosed})

    def in_thread(self, caught, call):
        def work():
            try:
                call()
            except VireoError as error:
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def test_another_thread_ends_a_call(self):
        caught = []
        box = Sandbox(PLUGIN)
        with self.assertRaises(VireoError) as refused:
            box.stop()
        self.assertEqual(refused.exception.code, Code.ESTATE)
        thread = self.in_thread(caught, lambda: box.call('hang', timeout=60))
        while not caught:
            try:
                box.stop()
            except VireoError:
                pass  # it has not begun
        thread.join()
        self.assertEqual(caught.pop().trap.reason, TrapReason.STOPPED)
        box.reset()
        thread = self.in_thread(caught, lambda: box.call('hang', timeout=60))
        box.close()
        thread.join()
        self.assertIsInstance(caught[0], VireoClosed)

    def test_dropped_ones_leave_nothing(self):
        gc.collect()
        before = len(os.listdir('/proc/self/fd'))
        for _ in range(5):
            box = Sandbox(PLUGIN)
            box.register(0, lambda data, box=box: None)  # a ring
            box.call('rot13', b'abc')
        del box
        gc.collect()
        self.assertEqual(len(os.listdir('/proc/self/fd')), before)


if __name__ == '__main__':
    PLUGIN = os.path.abspath(sys.argv.pop(1))
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        print('skipped: /dev/kvm cannot be opened')
        sys.exit(77)
    unittest.main()
