# SPDX-License-Identifier: BSD-3-Clause
"""device_guests.py FOLDER: devices of the caller's, and guests that use them.
Status 77: there is no KVM here."""

import fcntl
import gc
import mmap
import os
import sys
import threading
import unittest

from vireo import (Code, Config, Machine, Reason, VireoClosed, VireoError)

FOLDER = ''
SECONDS = 60
COUNTER = 0xe0200000
DOORBELL = 0xe0300000
LENT = 0xe0400000
LENT_READ_ONLY = 0xe0500000
CHANNEL = 0x510


def image(name):
    return os.path.join(FOLDER, name + '.elf')


def config(name, **keys):
    return Config(kernel=image(name), memory='64M', testdev=True,
                  timeout='60s', **keys)


def passed(test, vm):
    end = vm.wait(SECONDS)
    test.assertEqual((end.reason, end.status), (Reason.DEBUG_EXIT, 1),
                     (end, vm.console_tail()))


class Told:
    """What reaches nobody else."""

    def __enter__(self):
        self.errors = []
        self.old = sys.unraisablehook
        sys.unraisablehook = lambda what: self.errors.append(what.exc_type)
        return self.errors

    def __exit__(self, *_):
        sys.unraisablehook = self.old


class Embedded:
    """The host of firmware/guests/embedded.c, as tests/guest/embed.c is."""

    def __init__(self):
        self.reads = 0
        self.calls = []
        self.bells = 0
        self.bell = os.eventfd(0)
        self.irq = os.eventfd(0)
        self.vm = None
        self.thread = threading.Thread(target=self.serve)

    def read(self, off, size):
        self.reads += off == 0
        return self.reads if off == 0 else 0

    def write(self, off, size, value):
        if off == 8:
            self.vm.irq_set(10, bool(value))

    def call(self, call):
        self.calls.append(call.number)
        if call.number == 1:
            self.said = self.vm.memory_read(*call.args[:2])
            return len(self.said)
        return sum(call.args)

    def serve(self):
        while (count := os.eventfd_read(self.bell)) < 1 << 32:
            self.bells += count
            os.eventfd_write(self.irq, 1)

    def add_to(self, made):
        made.add_device('counter', COUNTER, 4096, read=self.read,
                        write=self.write)
        made.add_doorbell(self.bell, DOORBELL)
        made.add_irq_fd(11, self.irq)
        made.set_hypercall(CHANNEL, self.call)
        file = os.memfd_create('lent', os.MFD_ALLOW_SEALING)
        os.write(file, b'lent'.ljust(4096, b'\0'))
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        made.map_memory(LENT_READ_ONLY, 4096, file=file, read_only=True)
        os.close(file)
        self.lent = mmap.mmap(-1, 4096)
        self.lent[:4] = b'lent'
        made.map_memory(LENT, 4096, buffer=self.lent)


class Devices(unittest.TestCase):
    def embed(self, of):
        host = Embedded()
        host.thread.start()
        try:
            with config('embedded') as made:
                host.add_to(made)
                host.vm = Machine(of(made))
            gc.collect()
            with host.vm:
                host.vm.start()
                passed(self, host.vm)
                with self.assertRaises(BufferError):
                    host.lent.close()  # it is the guest's
        finally:
            os.eventfd_write(host.bell, (1 << 64) - 2 - host.bells)
            host.thread.join()
        self.assertEqual((host.reads, host.calls, host.said),
                         (5, [1, 2], b'from the guest'))
        self.assertIn(host.bells, (100, 101))
        self.assertEqual(host.lent[4092:], b'\x78\x56\x34\x12')
        gc.collect()
        os.close(host.bell)
        os.close(host.irq)

    def test_a_guest_uses_all_of_them(self):
        self.embed(lambda made: made)

    def test_a_copy_has_them_too(self):
        self.embed(lambda made: made.copy())

    def test_a_virtio_device_serves_a_driver(self):
        requests = []

        def request(got):
            data = os.urandom(min(got.writable, 65536))
            got.write(data)
            requests.append((got.queue, got.readable, len(data)))
            got.done(len(data))
            with self.assertRaises(VireoClosed):
                got.done()

        with config('virtio_rng') as made:
            self.assertEqual(made.add_virtio('entropy', 4, request=request), 0)
            vm = Machine(made)
        with vm, Told() as told:
            vm.start()
            passed(self, vm)
        self.assertEqual(told, [])
        self.assertTrue(requests)
        self.assertEqual({row[:2] for row in requests}, {(0, 0)})

    def test_what_a_callback_raises_is_shown_and_the_guest_goes_on(self):
        for kind in (ValueError, SystemExit):
            def read(off, size, kind=kind):
                raise kind('from a callback')

            with config('counter') as made:
                made.add_device('counter', COUNTER, 4096, read=read)
                vm = Machine(made)
            with vm, Told() as told:
                vm.start()
                # The counter reads all ones, which it does not like.
                self.assertEqual(vm.wait(SECONDS).reason, Reason.DEBUG_EXIT)
                self.assertIn('counter: 4294967295', vm.console_tail())
            self.assertEqual(set(told), {kind})

    def test_a_callback_may_stop_its_machine_and_not_wait_for_it(self):
        caught = []

        def read(off, size):
            for call in (vm.wait, vm.pause, vm.close, vm.stats):
                try:
                    call()
                except VireoError as error:
                    caught.append(error.code)
            vm.stop()
            return 1

        with config('counter') as made:
            made.add_device('counter', COUNTER, 4096, read=read)
            vm = Machine(made)
        with vm:
            vm.start()
            self.assertEqual(vm.wait(SECONDS).reason, Reason.STOPPED)
        self.assertEqual(caught[:4], [Code.ESTATE] * 4)

    def test_requests_that_are_dropped_or_kept_do_no_harm(self):
        kept = []
        there = threading.Event()

        def request(got):
            kept.append(got)
            there.set()

        with config('virtio_rng') as made:
            made.add_virtio('entropy', 4, request=request)
            vm = Machine(made)
        with vm:
            vm.start()
            self.assertTrue(there.wait(SECONDS))
        with self.assertRaises(VireoError) as caught:
            kept[0].write(b'late')
        self.assertEqual(caught.exception.code, Code.ESTATE)
        kept.pop(0).done()
        del kept[:]
        gc.collect()

    def test_wrong_ones_are_refused(self):
        made = config('counter')
        for call in (
                lambda: made.add_device('x', 1 << 64, 8),
                lambda: made.add_device('x' * 40, COUNTER, 4096),
                lambda: made.add_doorbell(0, 0, 3),
                lambda: made.add_irq_fd(-1, 0),
                lambda: made.set_hypercall(1 << 16, lambda call: 0),
                lambda: made.map_memory(1, 4096, buffer=bytearray(4096)),
                lambda: made.add_virtio('x', 0, request=print)):
            with self.assertRaises(VireoError) as caught:
                call()
            self.assertEqual(caught.exception.code, Code.EINVAL)
        for call in (lambda: made.add_device('x', COUNTER, 4096, read=1),
                     lambda: made.set_hypercall(CHANNEL, None),
                     lambda: made.map_memory(LENT, 4096, buffer=b'x' * 4096)):
            with self.assertRaises(TypeError):
                call()
        with self.assertRaises(ValueError):
            made.map_memory(LENT, 8192, buffer=bytearray(4096))


class Dropped(unittest.TestCase):
    def test_a_machine_that_its_own_callbacks_know_is_collected(self):
        gc.collect()
        before = len(os.listdir('/proc/self/fd'))
        there = threading.Event()
        for _ in range(3):
            vms = []

            def read(off, size, vms=vms):
                there.set()
                return len(vms)

            made = config('counter')
            made.add_device('counter', COUNTER, 4096, read=read)
            made.set_log(lambda level, line, vms=vms: vms)
            vms.append(Machine(made))
            vms[0].start()
            self.assertTrue(there.wait(SECONDS))
        del made, vms, read
        gc.collect()
        self.assertEqual(len(os.listdir('/proc/self/fd')), before)


class Memory(unittest.TestCase):
    def test_it_is_read_and_written(self):
        with Machine(config('spin')) as vm:
            regions = vm.memory_regions()
            self.assertEqual(sum(r.size for r in regions), 64 << 20)
            vm.memory_write(0x100000, b'some text')
            self.assertEqual(vm.memory_read(0x100000, 9), b'some text')
            before = vm.memory_checksum(0x100000, 4096)
            vm.memory_fill(0x100000, 4, ord('x'))
            self.assertEqual(vm.memory_read(0x100000, 9), b'xxxx text')
            self.assertNotEqual(vm.memory_checksum(0x100000, 4096), before)
            for wrong in (5, 'text', None):
                with self.assertRaises(TypeError):
                    vm.memory_write(0x100000, wrong)
            for call in (lambda: vm.memory_read(0xe0000000, 8),
                         lambda: vm.memory_read((64 << 20) - 4, 8),
                         lambda: vm.memory_read(0, 1 << 50),
                         lambda: vm.memory_read(1 << 64, 1),
                         lambda: vm.memory_read(0, -1),
                         lambda: vm.memory_write((64 << 20) - 4, b'12345678'),
                         lambda: vm.memory_fill(0, 1, 256),
                         lambda: vm.memory_checksum(0, 1 << 40),
                         lambda: vm.irq_set(4, True),
                         lambda: vm.virtio_set_config(7, b'x')):
                with self.assertRaises(VireoError) as caught:
                    call()
                self.assertEqual(caught.exception.code, Code.EINVAL)

    def test_a_paused_guest_stands_still(self):
        with Machine(config('spin')) as vm:
            with self.assertRaises(VireoError):
                vm.pause()
            vm.start()
            vm.pause()
            vm.pause()
            self.assertIsNone(vm.poll())
            vm.resume()
            vm.stop()
            self.assertEqual(vm.wait(SECONDS).reason, Reason.STOPPED)


if __name__ == '__main__':
    FOLDER = os.path.abspath(sys.argv.pop(1))
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        print('skipped: /dev/kvm cannot be opened')
        sys.exit(77)
    unittest.main()
