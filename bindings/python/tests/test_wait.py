# SPDX-License-Identifier: BSD-3-Clause
"""Waiting by descriptors. What is waited for is invented."""

import ctypes
import os
import threading
import time
import unittest

from vireo import Code, VireoClosed, VireoTimeout
from vireo._handle import Handle
from vireo._wait import Limit, wait_for


class Wait(unittest.TestCase):
    def setUp(self):
        self.sign = os.eventfd(0)
        self.addCleanup(os.close, self.sign)
        self.codes = [Code.ETIME]
        self.looks = 0

        def destroy(reference):
            reference._obj.value = None

        self.handle = Handle('it', ctypes.c_void_p(0x1000), destroy)

    def look(self, pointer):
        self.assertEqual(pointer.value, 0x1000)
        self.looks += 1
        return self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]

    def wait(self, timeout):
        return wait_for(self.handle, self.look, lambda _: [self.sign], timeout)

    def test_what_is_there_is_not_waited_for(self):
        self.codes = [0]
        self.assertEqual(self.wait(None), 0)
        self.codes = [Code.ESTATE]
        self.assertEqual(self.wait(None), Code.ESTATE)
        self.assertEqual(self.looks, 2)

    def test_it_looks_again_when_there_is_a_sign(self):
        self.codes = [Code.ETIME, 0]
        threading.Timer(0.02, os.eventfd_write, (self.sign, 1)).start()
        self.assertEqual(self.wait(60), 0)
        self.assertEqual(self.looks, 2)

    def test_a_limit_is_kept(self):
        for timeout in (0, -1, 0.02):
            began = time.monotonic()
            with self.assertRaises(VireoTimeout):
                self.wait(timeout)
            self.assertTrue(timeout <= time.monotonic() - began < 10)

    def test_a_close_ends_it(self):
        threading.Timer(0.02, self.handle.close).start()
        with self.assertRaises(VireoClosed):
            self.wait(float('inf'))

    def test_limits_run_down(self):
        self.assertIsNone(Limit(None).left())
        limit = Limit(60)
        self.assertTrue(0 < limit.left() <= 60)
        self.assertLessEqual(Limit(0).left(), 0)


if __name__ == '__main__':
    unittest.main()
