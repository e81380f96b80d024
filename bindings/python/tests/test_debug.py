# SPDX-License-Identifier: BSD-3-Clause
"""Registers as values, and who lets a guest go on. C is invented."""

import contextlib
import ctypes
import dataclasses
import threading
import unittest
from types import SimpleNamespace
from unittest import mock

from vireo import (Break, Code, Fpu, Hit, Registers, Segment, VireoError,
                   _debug, _native)
from vireo._debug import Debugged
from vireo._handle import Handle
from vireo._registers import from_c, new_fpu, new_regs, to_c


def filled(raw):
    """Every byte of a struct is another number."""
    size = ctypes.sizeof(raw)
    ctypes.memmove(ctypes.addressof(raw), bytes(
        (n * 7 + 1) % 251 for n in range(size)), size)
    return raw


class Values(unittest.TestCase):
    def test_they_have_what_the_structs_have(self):
        for kind, raw in ((Registers, _native.Regs), (Fpu, _native.Fpu),
                          (Segment, _native.Segment)):
            self.assertEqual(
                [field.name for field in dataclasses.fields(kind)],
                [name for name, _ in raw._fields_ if name != 'size'])

    def test_nothing_is_lost_on_the_way(self):
        for kind, new in ((Registers, new_regs), (Fpu, new_fpu)):
            value = from_c(kind, filled(new()))
            raw = to_c(new(), value)
            self.assertEqual(raw.size, ctypes.sizeof(raw))
            self.assertEqual(from_c(kind, raw), value)
            hash(value)

    def test_they_are_values(self):
        value = from_c(Registers, filled(new_regs()))
        with self.assertRaises(dataclasses.FrozenInstanceError):
            value.rip = 7
        self.assertEqual(dataclasses.replace(value, rip=7).rip, 7)

    def test_what_does_not_fit_is_refused(self):
        value = from_c(Registers, new_regs())
        for wrong in ({'rip': 1 << 64}, {'rip': -1}, {'gdt_limit': 1 << 16},
                      {'cs': Segment(0, 1 << 32, 0, 0)}):
            with self.assertRaises(VireoError) as caught:
                to_c(new_regs(), dataclasses.replace(value, **wrong))
            self.assertEqual(caught.exception.code, Code.EINVAL)
        value = from_c(Fpu, new_fpu())
        for wrong in ({'xmm': (b'x' * 16,) * 15}, {'st': (b'x' * 16,) * 8},
                      {'ftw': 256}):
            with self.assertRaises(VireoError):
                to_c(new_fpu(), dataclasses.replace(value, **wrong))

    def test_a_person_reads_a_table(self):
        table = str(dataclasses.replace(from_c(Registers, new_regs()),
                                        rip=0x1234,
                                        cs=Segment(0, 0xffff, 0x10, 0x9b)))
        self.assertIn('rip       0000000000001234', table)
        self.assertIn('cs        0010 base 0000000000000000 limit 0000ffff '
                      'access 009b', table)
        self.assertTrue(all(len(line) <= 80 for line in table.splitlines()))


class Guest:
    """libvireo, as far as it is asked here: a guest that runs or not, and what
    it will have hit."""

    def __init__(self):
        self.said = []
        self.runs = True
        self.hits = []
        self.rip = 0
        self.ended = False

    def pause(self, vm):
        self.runs = False
        self.said.append('pause')
        return Code.ESTATE if self.ended else 0

    def resume(self, vm):
        self.runs = True
        self.said.append('resume')
        return Code.ESTATE if self.ended else 0

    def regs(self, vm, cpu, raw):
        raw.rip = self.rip
        return Code.ESTATE if self.runs else 0

    def step(self, vm, cpu):
        self.said.append(f'step {cpu}')
        return Code.ESTATE if self.runs else 0

    def wait(self, vm, timeout, raw):
        if not self.hits:
            return Code.ETIME
        raw.cpu, raw.stepped, raw.kind, raw.va = self.hits.pop(0)
        self.runs = False
        return 0

    def end(self, vm, timeout, raw):
        raw.verdict = b'panic'
        return 0 if self.ended else Code.ETIME


SOFT = int(Break.BREAK_SOFTWARE)
WATCH = int(Break.WATCH_WRITE)


class Bed(unittest.TestCase):
    def setUp(self):
        self.guest = Guest()
        self.vm = Debugged()
        self.vm._handle = Handle('VM', ctypes.c_void_p(0x1000),
                                 lambda reference: None)
        self.vm._init_debug(2)
        patch = mock.patch.object(_debug, 'lib', SimpleNamespace(
            vireo_pause=self.guest.pause, vireo_resume=self.guest.resume,
            vireo_vcpu_get_regs=self.guest.regs, vireo_wait=self.guest.end,
            vireo_vcpu_step=self.guest.step,
            vireo_hit_wait=self.guest.wait,
            vireo_hit_fd=lambda vm: 0, vireo_event_fd=lambda vm: 0))
        patch.start()
        self.addCleanup(patch.stop)


class Holds(Bed):
    def test_the_last_hold_lets_it_go(self):
        with self.vm.paused():
            with self.vm.paused():
                pass
            self.assertFalse(self.guest.runs)
        self.assertTrue(self.guest.runs)

    def test_what_was_paused_stays_so(self):
        self.vm.pause()
        with self.vm.paused():
            pass
        self.assertFalse(self.guest.runs)
        self.vm.resume()
        self.assertTrue(self.guest.runs)

    def test_what_is_paused_in_a_hold_stays_so(self):
        with self.vm.paused():
            self.vm.pause()
        self.assertFalse(self.guest.runs)

    def test_who_resumes_waits_for_the_holds_of_others(self):
        inside = threading.Event()
        leave = threading.Event()

        def hold():
            with self.vm.paused():
                inside.set()
                leave.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        inside.wait()
        self.vm.pause()
        self.vm.resume()
        self.assertFalse(self.guest.runs)
        leave.set()
        thread.join()
        self.assertTrue(self.guest.runs)

    def test_a_hold_that_was_refused_is_none(self):
        self.guest.ended = True
        with self.assertRaisesRegex(VireoError, 'has ended: panic'):
            with self.vm.paused():
                self.fail('it has ended')
        self.guest.ended = False
        self.assertEqual(self.vm._holders, {})
        with contextlib.suppress(KeyError), self.vm.paused():
            self.guest.ended = True
            raise KeyError
        self.assertEqual(self.vm._holders, {})


class Hits(Bed):
    def test_a_hit_is_a_reason_to_stand_still(self):
        self.guest.hits = [(1, False, WATCH, 0x80)]
        self.assertEqual(self.vm.wait_hit(0), Hit(1, Break.WATCH_WRITE, 0x80))
        with self.vm.paused():
            pass
        self.assertFalse(self.guest.runs)

    def test_the_next_hit_is_past_this_one(self):
        self.guest.hits = [(1, False, SOFT, 0x40), (1, True, 0, 0),
                           (0, False, SOFT, 0x40)]
        self.guest.rip = 0x40
        self.assertEqual(self.vm.next_hit(0).cpu, 1)
        self.assertEqual(self.vm.next_hit(0).cpu, 0)
        self.assertEqual(self.guest.said, ['resume', 'step 1', 'resume'])

    def test_a_vcpu_that_was_moved_makes_no_step(self):
        self.guest.hits = [(0, False, SOFT, 0x40), (0, False, SOFT, 0x40)]
        self.guest.rip = 0x80
        self.vm.next_hit(0)
        self.vm.next_hit(0)
        self.assertEqual(self.guest.said, ['resume', 'resume'])

    def test_what_comes_of_the_step_is_told_first(self):
        self.guest.hits = [(0, False, SOFT, 0x40), (0, False, WATCH, 0x80)]
        self.guest.rip = 0x40
        self.vm.next_hit(0)
        self.assertEqual(self.vm.next_hit(0).kind, Break.WATCH_WRITE)
        self.assertEqual(self.guest.said, ['resume', 'step 0'])

    def test_a_step_is_no_reason_to_stand_still(self):
        self.guest.hits = [(0, True, 0, 0)]
        with self.vm.paused():
            hit = self.vm.vcpus[0].step(0)
        self.assertTrue(hit.stepped)
        self.assertTrue(self.guest.runs)

    def test_who_holds_it_waits_for_no_hit(self):
        with self.vm.paused():
            with self.assertRaisesRegex(VireoError, 'holds it'):
                self.vm.next_hit(0)


if __name__ == '__main__':
    unittest.main()
