# SPDX-License-Identifier: BSD-3-Clause
"""debug_guests.py FOLDER: looking into small guests that stand still. Status
77: there is no KVM here."""

import contextlib
import fcntl
import gc
import itertools
import mmap
import os
import select
import struct
import subprocess
import sys
import threading
import time
import unittest

from vireo import (Break, Code, Config, Hit, Machine, Reason, VireoClosed,
                   VireoError, VireoTimeout)

FOLDER = ''
SECONDS = 60  # for what must come
PAGE = 4096
KERNEL_GS_BASE = 0xc0000102


def image(name):
    return os.path.join(FOLDER, name + '.elf')


def symbols(name):
    """Addresses; a clone of the compiler's has its function's name."""
    said = subprocess.run(['nm', image(name)], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    rows = [line.split() for line in said.splitlines()]
    return {row[2].split('.')[0]: int(row[0], 16) for row in rows
            if len(row) == 3}


class Bed(unittest.TestCase):
    """firmware/guests/debug.c, which works until it is told to finish."""

    def setUp(self):
        self.at = symbols('debug')

    @contextlib.contextmanager
    def guest(self, started=True, **keys):
        with Machine(kernel=image('debug'), memory='64M', testdev=True,
                     timeout='60s', **keys) as vm:
            if started:
                vm.start()
                self.goes_on(vm)  # what it begins with is zeroed then
            yield vm

    def number(self, vm):
        """Of the point that it works on, and its square."""
        number, square = struct.unpack('<I12xQ', vm.vcpus[0].read(
            self.at['point'], 24))
        self.assertEqual(square, number * number)
        return number

    def total(self, vm):
        return int.from_bytes(vm.memory_read(self.at['total'], 8), 'little')

    def goes_on(self, vm):
        before = self.total(vm)
        limit = time.monotonic() + SECONDS
        while self.total(vm) == before:
            self.assertLess(time.monotonic(), limit, 'it stands still')
            time.sleep(0.001)

    def stands(self, vm):
        before = self.total(vm)
        vm.vcpus[0].registers()
        time.sleep(0.005)
        self.assertEqual(self.total(vm), before)

    def refused(self, code, call, *words):
        with self.assertRaises(VireoError) as caught:
            call()
        self.assertEqual(caught.exception.code, code, caught.exception)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def finish(self, vm):
        vm.memory_write(self.at['finish'], struct.pack('<I', 1))
        vm.resume()
        end = vm.wait(SECONDS)
        self.assertEqual((end.reason, end.status), (Reason.DEBUG_EXIT, 1),
                         vm.console_tail())


class Hits(Bed):
    def test_a_guest_runs_from_one_hit_to_the_next(self):
        work = self.at['work']
        with self.guest() as vm:
            for hardware in (False, True):
                with vm.add_breakpoint(work, hardware=hardware) as point:
                    kind = point.kind
                    seen = []
                    for _ in range(3):
                        hit = vm.next_hit(SECONDS)
                        self.assertEqual(hit, Hit(0, kind, work))
                        self.assertEqual(vm.vcpus[0].registers().rip, work)
                        seen.append(self.number(vm))
                        self.stands(vm)
                    self.assertEqual(seen, [seen[0], seen[0] + 1, seen[0] + 2])
                vm.resume()
                self.goes_on(vm)
            self.refused(Code.EINVAL, point.remove, 'none any more')
            self.finish(vm)

    def test_a_step_is_one_instruction_and_leaves_the_pause_as_it_is(self):
        with self.guest() as vm:
            cpu = vm.vcpus[0]
            with vm.add_breakpoint(self.at['work']):
                vm.wait_hit(SECONDS)
            before = cpu.registers().rip
            self.assertTrue(cpu.step(SECONDS).stepped)
            after = cpu.registers().rip
            self.assertTrue(before < after < before + 16, (before, after))
            self.stands(vm)
            vm.resume()
            with vm.paused():
                self.assertIsNone(cpu.step(SECONDS).kind)
                self.stands(vm)
            self.goes_on(vm)
            self.finish(vm)

    def test_what_is_written_is_watched_where_it_can_be(self):
        with self.guest() as vm:
            try:
                point = vm.add_watchpoint(self.at['total'])
            except VireoError as error:
                # KVM emulates the kernel's mode here.
                self.assertEqual(error.code, Code.EHOST)
                self.assertIn('this host', error.text)
            else:
                before = self.total(vm)
                hit = vm.next_hit(SECONDS)
                self.assertEqual((hit.kind, hit.address),
                                 (Break.WATCH_WRITE, self.at['total']))
                self.assertGreater(self.total(vm), before)
                point.remove()
            for wrong in (lambda: vm.add_breakpoint(1 << 46),
                          lambda: vm.add_breakpoint(1 << 64),
                          lambda: vm.add_breakpoint(0, cpu=1)):
                self.refused(Code.EINVAL, wrong)
            self.goes_on(vm)
            self.finish(vm)

    def test_who_waits_is_told_of_a_limit_a_close_and_an_end(self):
        with self.guest() as vm:
            with self.assertRaises(VireoTimeout):
                vm.wait_hit(0.01)
            # A file for who has others to wait for, too.
            self.assertEqual(select.select([vm.hit_fileno()], [], [], 0)[0],
                             [])
            with vm.add_breakpoint(self.at['work']):
                self.assertTrue(select.select([vm.hit_fileno()], [], [],
                                              SECONDS)[0])
                vm.wait_hit(0)
            self.finish(vm)
            for late in (lambda: vm.wait_hit(SECONDS), vm.next_hit, vm.pause,
                         lambda: vm.add_breakpoint(self.at['work'])):
                self.refused(Code.ESTATE, late, 'has ended: debug-exit')
            # What can be read still can.
            self.assertTrue(vm.vcpus[0].registers().rip)
            self.refused(Code.ESTATE, vm.vcpus[0].step)
        caught = []

        def wait():
            try:
                vm.wait_hit()
            except VireoError as error:
                caught.append(error)

        with self.guest() as vm:
            thread = threading.Thread(target=wait)
            thread.start()
            while vm._debugger.acquire(blocking=False):
                vm._debugger.release()
            self.refused(Code.ESTATE, lambda: vm.next_hit(0), 'thread')
            self.refused(Code.ESTATE, vm.vcpus[0].step, 'thread')
            vm.close()
            thread.join(SECONDS)
            self.assertIsInstance(caught[0], VireoClosed)

    def test_a_breakpoint_goes_with_its_guest(self):
        with self.guest() as vm, vm.add_breakpoint(self.at['work']):
            vm.next_hit(SECONDS)
            vm.close()
        with self.guest() as vm, vm.add_breakpoint(self.at['work']):
            vm.next_hit(SECONDS)
            vm.stop()
            self.assertEqual(vm.wait(SECONDS).reason, Reason.STOPPED)


class Still(Bed):
    def test_holds_nest_and_the_last_one_lets_it_go(self):
        with self.guest() as vm:
            with vm.paused() as held:
                self.assertIs(held, vm)
                with vm.paused():
                    self.stands(vm)
                self.stands(vm)
                vm.resume()  # when nobody holds it any more
                self.stands(vm)
                self.refused(Code.ESTATE, lambda: vm.next_hit(SECONDS),
                             'paused()')
            self.goes_on(vm)
            vm.pause()
            with vm.paused():
                pass
            self.stands(vm)
            vm.resume()
            with self.assertRaises(KeyError), vm.paused():
                raise KeyError
            self.goes_on(vm)
            with vm.paused():
                vm.pause()
            self.stands(vm)
            self.finish(vm)

    def test_threads_hold_it_together(self):
        with self.guest() as vm:
            wrong = []

            def work():
                for _ in range(20):
                    with vm.paused():
                        before = self.total(vm)
                        vm.vcpus[0].registers()
                        if self.total(vm) != before:
                            wrong.append(before)

            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(SECONDS)
            self.assertEqual(wrong, [])
            self.goes_on(vm)
            self.finish(vm)

    def test_without_a_pause_nothing_is_seen(self):
        with self.guest(started=False) as vm:
            self.refused(Code.ESTATE, vm.pause, 'not started')
            with self.assertRaises(VireoError), vm.paused():
                self.fail('it is not even started')
            vm.start()
            self.goes_on(vm)
            cpu = vm.vcpus[0]
            for call in (cpu.registers, cpu.fpu, cpu.step,
                         lambda: cpu.set_registers(rax=1),
                         lambda: cpu.msr(KERNEL_GS_BASE),
                         lambda: cpu.read(0, 1)):
                self.refused(Code.ESTATE, call, 'does not stand still')
            self.assertIn('runs', repr(vm))
            self.finish(vm)
            self.assertIn('debug-exit', repr(vm))

    def test_it_may_end_while_it_is_held(self):
        with self.guest() as vm:
            with vm.paused():
                vm.stop()
                self.assertEqual(vm.wait(SECONDS).reason, Reason.STOPPED)
            vm.close()
            self.assertIn('closed', repr(vm))


class State(Bed):
    @contextlib.contextmanager
    def held(self):
        with self.guest() as vm, vm.paused():
            yield vm

    def test_registers_are_read_and_changed(self):
        with self.held() as vm:
            cpu = vm.vcpus[0]
            before = cpu.registers()
            self.assertEqual(before.cs.access >> 13 & 1, 1)  # long mode
            self.assertEqual(before.efer, cpu.msr(0xc0000080))
            cpu.set_registers(r15=0x1234, rbx=(1 << 64) - 1)
            changed = cpu.registers()
            self.assertEqual((changed.r15, changed.rbx),
                             (0x1234, (1 << 64) - 1))
            cpu.set_registers(before)
            self.assertEqual(cpu.registers(), before)
            self.refused(Code.EHOST, lambda: cpu.set_registers(cr0=1 << 31))
            self.refused(Code.EINVAL, lambda: cpu.set_registers(rax=1 << 64),
                         'rax')
            with self.assertRaises(TypeError):
                cpu.set_registers(no_such=1)

    def test_so_are_msrs_and_floating_point(self):
        with self.held() as vm:
            cpu = vm.vcpus[0]
            cpu.set_msr(KERNEL_GS_BASE, 0xffff800000000000)
            self.assertEqual(cpu.msr(KERNEL_GS_BASE), 0xffff800000000000)
            self.refused(Code.EINVAL, lambda: cpu.msr(0x12345678),
                         '0x12345678')
            self.refused(Code.EINVAL, lambda: cpu.set_msr(1 << 32, 0))
            rows = tuple(bytes([n]) * 16 for n in range(16))
            cpu.set_fpu(xmm=rows, st=tuple(row[:10] for row in rows[:8]))
            self.assertEqual(cpu.fpu().xmm, rows)
            self.assertEqual(cpu.fpu().st[7], b'\7' * 10)

    def test_virtual_addresses_lead_to_memory(self):
        with self.held() as vm:
            cpu = vm.vcpus[0]
            gpa, length = cpu.translate(self.at['point'])
            self.assertEqual(gpa, self.at['point'])  # as they are mapped
            self.assertGreaterEqual(length, 1)
            place = 8 * PAGE - 3
            cpu.write(place, b'over a page')
            self.assertEqual(vm.memory_read(place, 11), b'over a page')
            self.assertEqual(cpu.read(place, 11), b'over a page')
            self.assertEqual(cpu.read(place, 0), b'')
            for wrong in (lambda: cpu.translate(1 << 46),
                          lambda: cpu.read(1 << 46, 8),
                          lambda: cpu.read(1 << 64, 8),
                          lambda: cpu.read(0, 1 << 40),
                          lambda: cpu.write((1 << 64) - 1, b'x')):
                self.refused(Code.EINVAL, wrong)
            with self.assertRaises(TypeError):
                cpu.write(place, 5)


class Threads(Bed):
    def own(self, cpus=1, **keys):
        config = Config(kernel=image('debug'), memory='64M', testdev=True,
                        cpus=cpus, timeout='60s', **keys)
        config.own_threads()
        return config

    def test_vcpus_run_on_threads_of_ours(self):
        vm = Machine(self.own(cpus=2).copy())
        threads = [threading.Thread(target=cpu.run) for cpu in vm.vcpus]
        self.assertEqual(len(threads), 2)
        with vm:
            threads[0].start()  # it waits for the start
            vm.start()
            threads[1].start()
            self.goes_on(vm)
            hits = []
            with vm.add_breakpoint(self.at['work']), \
                    vm.add_breakpoint(self.at['beat']):
                while hits.count(0) < 2 or hits.count(1) < 2:
                    hits.append(vm.next_hit(SECONDS).cpu)
            self.finish(vm)
            for thread in threads:
                thread.join(SECONDS)
                self.assertFalse(thread.is_alive())
            self.refused(Code.ESTATE, vm.vcpus[0].run, 'ended')

    def test_it_can_be_stopped_before_its_first_instruction(self):
        with Machine(self.own()) as vm:
            vm.start()
            with vm.paused():
                entry = vm.vcpus[0].registers().rip
                self.assertEqual(entry, self.at['pvh_start'])
                point = vm.add_breakpoint(self.at['guest_main'])
                thread = threading.Thread(target=vm.vcpus[0].run)
                thread.start()
            with point:
                hit = vm.wait_hit(SECONDS)
                self.assertEqual(hit.address, self.at['guest_main'])
                self.assertEqual(self.total(vm), 0)
            self.finish(vm)
            thread.join(SECONDS)

    def test_close_and_stop_let_them_out_wherever_they_are(self):
        for started, end in itertools.product((False, True), (
                Machine.close, Machine.stop)):
            vm = Machine(self.own())
            caught = []

            def work(cpu=vm.vcpus[0], caught=caught):
                try:
                    cpu.run()
                except VireoError as error:
                    caught.append(error)

            thread = threading.Thread(target=work)
            thread.start()
            if started:
                vm.start()
                self.goes_on(vm)
            else:
                time.sleep(0.01)
            end(vm)
            thread.join(SECONDS)
            self.assertFalse(thread.is_alive())
            # It may have come too late.
            self.assertTrue(not started or not caught)
            self.assertEqual({error.code for error in caught} - {Code.ESTATE},
                             set())
            vm.close()

    def test_an_interpreter_may_end_with_them(self):
        script = ('import sys, threading, vireo\n'
                  'c = vireo.Config(kernel=sys.argv[1], memory="64M")\n'
                  'c.own_threads()\n'
                  'vm = vireo.Machine(c)\n'
                  'def run():\n'
                  '    try:\n'
                  '        vm.vcpus[0].run()\n'
                  '    except vireo.VireoError:\n'
                  '        pass  # it came too late\n'
                  'threading.Thread(target=run, daemon=True).start()\n'
                  'vm.start()\n'
                  'with vm.paused():\n'
                  '    vm.vcpus[0].registers()\n'
                  'sys.exit(7)\n')
        run = subprocess.run([sys.executable, '-c', script, image('debug')],
                             timeout=SECONDS, capture_output=True, check=False)
        self.assertEqual((run.returncode, run.stderr), (7, b''))

    def test_callbacks_run_there_and_other_machines_have_their_own(self):
        seen = []

        def read(off, size):
            seen.append(threading.get_ident())
            return 101 if len(seen) == 4 else len(seen)

        config = Config(kernel=image('counter'), memory='64M', testdev=True)
        config.own_threads()
        config.add_device('counter', 0xe0200000, PAGE, read=read)
        with Machine(config) as vm:
            vm.start()
            vm.vcpus[0].run()
            self.assertEqual(vm.wait(SECONDS).status, 1, vm.console_tail())
        self.assertEqual(seen, [threading.get_ident()] * 4)
        with self.guest() as vm:
            self.refused(Code.ESTATE, vm.vcpus[0].run, 'own_threads()')


class Memory(Bed):
    def test_written_pages_are_listed_once(self):
        with Machine(kernel=image('spin'), memory='32M') as vm:
            self.refused(Code.ESTATE, vm.memory_dirty, 'memory_track()')
            vm.memory_track()
            vm.memory_dirty()
            vm.memory_write(0x100000, b'x')
            vm.memory_fill(0x200ff0, 32)
            self.assertEqual(vm.memory_dirty(), [(0x100000, PAGE),
                                                 (0x200000, 2 * PAGE)])
            self.assertEqual(vm.memory_dirty(), [])
        with self.guest() as vm:
            vm.memory_track()
            self.goes_on(vm)
            with vm.paused():
                pages = {gpa for start, length in vm.memory_dirty()
                         for gpa in range(start, start + length, PAGE)}
                self.assertIn(self.at['total'] & -PAGE, pages)
                self.assertEqual(vm.memory_dirty(), [])

    def test_ram_can_be_shared(self):
        fd = os.memfd_create('ram', os.MFD_ALLOW_SEALING)
        os.truncate(fd, 64 << 20)
        config = Config(kernel=image('debug'), memory='64M', testdev=True)
        config.set_ram(fd)
        self.refused(Code.EINVAL, lambda: Machine(config), 'sealed')
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        with mmap.mmap(fd, 64 << 20) as ram:
            os.close(fd)
            ram[0x800000:0x800004] = b'ours'
            with Machine(config.copy()) as vm:
                config.close()
                vm.start()
                self.assertEqual(vm.memory_read(0x800000, 4), b'ours')
                self.goes_on(vm)
                at = self.at['finish']
                ram[at:at + 4] = struct.pack('<I', 1)
                self.assertEqual(vm.wait(SECONDS).status, 1)
            at = self.at['total']
            self.assertNotEqual(ram[at:at + 8], bytes(8))


class Misuse(Bed):
    def test_a_closed_or_forked_one_raises(self):
        with self.guest() as vm:
            cpu = vm.vcpus[0]
            point = vm.add_breakpoint(self.at['beat'])

            def hold():
                with vm.paused():
                    pass

            calls = (cpu.registers, cpu.fpu, cpu.set_registers, cpu.step,
                     cpu.run, lambda: cpu.msr(0), lambda: cpu.set_msr(0, 0),
                     lambda: cpu.translate(0), lambda: cpu.read(0, 1),
                     lambda: cpu.write(0, b'x'), vm.pause, vm.resume, hold,
                     vm.wait_hit, vm.next_hit, vm.hit_fileno, point.remove,
                     lambda: vm.add_breakpoint(0), vm.memory_track,
                     lambda: vm.add_watchpoint(0), vm.memory_dirty)
            with vm.paused():
                pid = os.fork()
                if pid == 0:
                    wrong = 0
                    for call in calls:
                        try:
                            call()
                            wrong += 1
                        except VireoError as error:
                            wrong += error.code != Code.ESTATE
                    os._exit(wrong)
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
            self.goes_on(vm)
        for call in calls:
            with self.assertRaises(VireoClosed):
                call()

    def test_dropped_ones_leave_nothing(self):
        gc.collect()
        before = len(os.listdir('/proc/self/fd'))
        for _ in range(3):
            vm = Machine(kernel=image('debug'), memory='64M')
            vm.start()
            point = vm.add_breakpoint(self.at['work'])
            point.vm = vm
            cpu = vm.vcpus[0]
            vm.next_hit(SECONDS)
        del vm, point, cpu
        gc.collect()
        self.assertEqual(len(os.listdir('/proc/self/fd')), before)


if __name__ == '__main__':
    FOLDER = os.path.abspath(sys.argv.pop(1))
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        print('skipped: /dev/kvm cannot be opened')
        sys.exit(77)
    unittest.main()
