# SPDX-License-Identifier: BSD-3-Clause
"""The end of a Vm; it is invented."""

import ctypes
import os
import unittest

from vireo import VireoError, VireoTimeout, Vm
from vireo._exec import words_of
from vireo._handle import Handle


class Fake(Vm):
    """It notes what is asked of it."""

    def __init__(self, slow=False):
        def destroy(reference):
            self.said.append('destroy')
            reference._obj.value = None

        self.said = []
        self.slow = slow
        self._handle = Handle('VM', ctypes.c_void_p(0x1000), destroy)
        self._idle_finaliser = self

    def __call__(self):
        self.said.append('idle')

    def detach(self):
        return None

    def poll(self):
        return None

    def signal(self, number):
        self.said.append('signal')
        raise VireoError(-4, 'nobody is there')

    def resume(self):
        self.said.append('resume')

    def wait(self, timeout=None):
        self.said.append('wait')
        if self.slow:
            raise VireoTimeout()


class End(unittest.TestCase):
    def test_a_block_ends_gently_also_when_the_guest_is_paused(self):
        for slow in (False, True):
            with Fake(slow) as vm:
                pass
            self.assertEqual(vm.said, ['signal', 'resume', 'wait', 'destroy',
                                       'idle'])

    def test_an_exception_ends_it_at_once(self):
        with self.assertRaises(KeyError), Fake() as vm:
            raise KeyError
        self.assertEqual(vm.said, ['destroy', 'idle'])

    def test_another_process_may_leave_the_block(self):
        with Fake() as vm:
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    vm.__exit__(None, None, None)
                    status = len(vm.said) - 1
                finally:
                    os._exit(status)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)


class Words(unittest.TestCase):
    def test_a_string_is_for_the_shell(self):
        self.assertEqual(words_of('a b'), [b'sh', b'-c', b'a b'])
        self.assertEqual(words_of(['a', b'b c']), [b'a', b'b c'])
        with self.assertRaises(VireoError):
            words_of('a\0b')


if __name__ == '__main__':
    unittest.main()
