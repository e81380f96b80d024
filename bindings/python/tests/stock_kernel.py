# SPDX-License-Identifier: BSD-3-Clause
"""stock_kernel.py KERNEL [TEST...]: commands in a VM with a stock kernel."""

import os
import subprocess
import sys
import threading
import time
import unittest

from vireo import Code, Reason, VireoError, VireoTimeout, Vm

KERNEL = ''


class Commands(unittest.TestCase):
    def test_a_vm_runs_commands(self):
        began = time.monotonic()
        with Vm(kernel=KERNEL, memory='256M', timeout='100s') as vm:
            done = vm.run('echo hi')
            print(f'the first after {time.monotonic() - began:.1f} s')
            self.assertEqual((done.returncode, done.stdout, done.stderr,
                              done.verdict), (0, b'hi\n', b'', 'exited'))
            began = time.monotonic()
            self.ends(vm)
            self.streams(vm)
            self.surroundings(vm)
            self.limits(vm)
            self.at_a_time(vm)
            self.long_ones(vm)
            self.still(vm)
            print(f'the others in {time.monotonic() - began:.1f} s')
            began = time.monotonic()
            vm.pause()  # which nobody has to take back
        self.assertLess(time.monotonic() - began, 10)
        print(f'the end in {time.monotonic() - began:.1f} s')
        with self.assertRaises(VireoError):
            vm.run('echo hi')

    def ends(self, vm):
        done = vm.run(['sh', '-c', 'echo oh >&2; exit 7'], text=True)
        self.assertEqual((done.returncode, done.stderr), (7, 'oh\n'))
        with self.assertRaises(subprocess.CalledProcessError) as caught:
            vm.run('echo out; exit 3', check=True)
        self.assertEqual((caught.exception.returncode,
                          caught.exception.output), (3, b'out\n'))
        done = vm.run(['no-such-command'])
        self.assertEqual((done.returncode, done.verdict), (127, 'not-found'))
        done = vm.run('kill -9 $$')
        self.assertEqual((done.returncode, done.verdict), (137, 'killed'))

    def streams(self, vm):
        data = os.urandom(1 << 20)
        self.assertEqual(vm.run(['cat'], input=data).stdout, data)
        self.assertEqual(vm.run(['cat']).stdout, b'')
        self.assertEqual(vm.run(['true'], input=data).returncode, 0)

    def surroundings(self, vm):
        done = vm.run('echo $(id -u):$(id -g) $A $PWD', text=True, check=True,
                      env={'A': 'b c'}, cwd='/tmp', user='1000:1001')
        self.assertEqual(done.stdout, '1000:1001 b c /tmp\n')
        with self.assertRaises(VireoError) as caught:
            vm.run('true', cwd='not/absolute')
        self.assertEqual(caught.exception.key, 'workdir')

    def limits(self, vm):
        with self.assertRaises(subprocess.TimeoutExpired) as caught:
            vm.run('echo early; exec sleep 600', timeout=1)
        self.assertEqual(caught.exception.output, b'early\n')

    def at_a_time(self, vm):
        found = {}

        def work(number):
            found[number] = vm.run(f'sleep 0.2; echo {number}').stdout

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, {n: b'%d\n' % n for n in range(4)})

    def long_ones(self, vm):
        reader, writer = os.pipe()
        with vm.exec('trap "exit 33" TERM; echo ready; '
                     'while :; do sleep 0.1; done', stdout=writer) as command:
            os.close(writer)
            with os.fdopen(reader, 'rb') as out:
                self.assertEqual(out.readline(), b'ready\n')
                self.assertIsNone(command.poll())
                with self.assertRaises(VireoTimeout):
                    command.wait(0.1)
                command.terminate()
                self.assertEqual(command.wait(20).status, 33)
        with self.assertRaises(VireoError) as caught:
            command.wait()
        self.assertEqual(caught.exception.code, Code.ESTATE)

    def still(self, vm):
        with vm.paused():
            cpu = vm.vcpus[0]
            registers = cpu.registers()
            self.assertEqual((registers.cr0 >> 31, registers.efer >> 10 & 1),
                             (1, 1))  # paging, long mode
            gpa, length = cpu.translate(registers.rip)
            size = min(length, 16)
            self.assertEqual(cpu.read(registers.rip, size),
                             vm.memory_read(gpa, size))
        self.assertEqual(vm.run('echo goes on').stdout, b'goes on\n')

    def test_a_guest_that_ends_first_is_an_error(self):
        with Vm(kernel=KERNEL, memory='256M', timeout='100s') as vm:
            caught = []

            def work():
                try:
                    vm.run('sleep 600')
                except VireoError as error:
                    caught.append(error)

            thread = threading.Thread(target=work)
            thread.start()
            vm.run('true')
            vm.stop()
            self.assertEqual(vm.wait(20).reason, Reason.STOPPED)
            thread.join()
            self.assertEqual(caught[0].code, Code.ESTATE)
            self.assertIn('the VM has ended: stopped', str(caught[0]))
            with self.assertRaises(VireoError):
                vm.run('true')


if __name__ == '__main__':
    KERNEL = os.path.abspath(sys.argv.pop(1))
    unittest.main()
