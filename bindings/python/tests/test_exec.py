# SPDX-License-Identifier: BSD-3-Clause
"""The end of a Vm; it is invented."""

import ctypes
import os
import unittest

from vireo import Code, End, Reason, VireoError, VireoTimeout, Vm
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
        self.ended = None
        self._handle = Handle('VM', ctypes.c_void_p(0x1000), destroy)
        self._idle_finaliser = self

    def __call__(self):
        self.said.append('idle')

    def detach(self):
        return None

    def poll(self):
        return self.ended

    def signal(self, number):
        self.said.append('signal')
        raise VireoError(Code.ESTATE, 'nobody is there')

    def resume(self):
        self.said.append('resume')

    def wait(self, timeout=None):
        self.said.append('wait')
        if self.slow:
            raise VireoTimeout()


class Block(unittest.TestCase):
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


    def test_a_command_whose_guest_has_ended_tells_how(self):
        gone = End(Reason.COMMAND, 116, 116, 'vm-ended', '')
        for ended, words in (
                (End(Reason.STOPPED, 0, 123, 'stopped', ''),
                 'the VM has ended: stopped'),
                (End(Reason.PANIC, 0, 1, 'panic', 'oh'),
                 'the VM has ended: panic: oh'),
                (End(Reason.KVM_ERROR, 0, 1, 'kvm-error', 'x'),
                 'the VM has ended: kvm-error (vireo.check() tells whether '
                 'stock kernels boot on this host): x')):
            vm = Fake()
            vm.ended = ended
            with self.assertRaises(VireoError) as caught:
                vm._no_end(gone)
            self.assertEqual((caught.exception.code, caught.exception.text),
                             (Code.ESTATE, words))


class Words(unittest.TestCase):
    def test_a_string_is_for_the_shell(self):
        self.assertEqual(words_of('a b'), [b'sh', b'-c', b'a b'])
        self.assertEqual(words_of(['a', b'b c']), [b'a', b'b c'])
        with self.assertRaises(VireoError):
            words_of('a\0b')


if __name__ == '__main__':
    unittest.main()
