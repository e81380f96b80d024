# SPDX-License-Identifier: BSD-3-Clause
"""Who may use an object, and when it is destroyed. The objects are invented."""

import ctypes
import os
import select
import threading
import unittest

from vireo import VireoError
from vireo._handle import Handle, in_callback


class Fake:
    """A C object that notes its end."""

    def __init__(self, log=None, name='x', parent=None, destroy=None,
                 stop=None):
        self.log = [] if log is None else log
        self.name = name
        self.then = destroy
        self.pointer = ctypes.c_void_p(0x1000)
        self.handle = Handle(name, self.pointer, self.destroy,
                             parent=parent, stop=stop)

    def destroy(self, reference):
        if self.then:
            self.then()
        self.log.append(self.name)
        reference._obj.value = None


def in_thread(target):
    thread = threading.Thread(target=target)
    thread.start()
    return thread


class Use(unittest.TestCase):
    def test_it_is_destroyed_once(self):
        fake = Fake()
        with fake.handle.use() as pointer:
            self.assertEqual(pointer.value, 0x1000)
        fake.handle.close()
        fake.handle.close()
        fake.handle.finalise()
        self.assertEqual(fake.log, ['x'])
        with self.assertRaisesRegex(VireoError, 'closed'):
            with fake.handle.use():
                self.fail('a closed one was given')

    def test_the_last_user_is_waited_for(self):
        fake = Fake()
        inside = threading.Event()
        leave = threading.Event()

        def use():
            with fake.handle.use():
                inside.set()
                leave.wait()
                fake.log.append('left')

        user = in_thread(use)
        inside.wait()
        closer = in_thread(fake.handle.close)
        while not fake.handle.closed:
            pass
        self.assertEqual(fake.log, [])
        leave.set()
        closer.join()
        user.join()
        self.assertEqual(fake.log, ['left', 'x'])

    def test_who_waits_is_woken(self):
        fake = Fake()
        inside = threading.Event()

        def wait():
            with fake.handle.waiting() as (_, waker):
                inside.set()
                select.select([waker], [], [])
                fake.log.append('woken')

        user = in_thread(wait)
        inside.wait()
        fake.handle.close()
        user.join()
        self.assertEqual(fake.log, ['woken', 'x'])

    def test_its_own_user_cannot_close_it(self):
        fake = Fake()
        with fake.handle.use():
            with self.assertRaisesRegex(VireoError, 'this thread'):
                fake.handle.close()
        fake.handle.close()
        self.assertEqual(fake.log, ['x'])

    def test_many_close_it_and_one_does(self):
        started = threading.Barrier(8)
        fake = Fake(destroy=lambda: threading.Event().wait(0.02))

        def close():
            started.wait()
            fake.handle.close()
            self.assertEqual(fake.log, ['x'])

        for thread in [in_thread(close) for _ in range(8)]:
            thread.join()
        self.assertEqual(fake.log, ['x'])

    def test_children_go_first(self):
        log = []
        parent = Fake(log, 'parent')
        Fake(log, 'early', parent.handle).handle.close()
        late = Fake(log, 'late', parent.handle)
        parent.handle.close()
        late.handle.close()
        self.assertEqual(log, ['early', 'late', 'parent'])

    def test_a_child_that_is_made_meanwhile_goes_first(self):
        log = []
        parent = Fake(log, 'parent')
        inside = threading.Event()
        closing = threading.Event()

        def make():
            with parent.handle.use():
                inside.set()
                closing.wait()
                child = Fake(log, 'child', parent.handle)
                with child.handle.use():
                    log.append('made')

        maker = in_thread(make)
        inside.wait()
        closer = in_thread(parent.handle.close)
        while not parent.handle.closed:
            pass
        closing.set()
        closer.join()
        maker.join()
        self.assertEqual(log, ['made', 'child', 'parent'])

    def test_what_was_never_made_is_not_destroyed(self):
        fake = Fake()
        fake.pointer.value = None
        fake.handle.close()
        self.assertTrue(fake.handle.closed)
        self.assertEqual(fake.log, [])

    def test_who_is_in_there_for_long_is_called_out(self):
        out = threading.Event()
        calls = []

        def stop(pointer):
            calls.append(pointer.value)
            if len(calls) == 3:  # it was on its way before
                out.set()

        fake = Fake(stop=stop)
        inside = threading.Event()

        def use():
            with fake.handle.use():
                inside.set()
                out.wait()
                fake.log.append('out')

        user = in_thread(use)
        inside.wait()
        fake.handle.close()
        user.join()
        self.assertEqual(fake.log, ['out', 'x'])
        self.assertEqual(calls[:3], [0x1000] * 3)

    def test_an_interrupted_close_is_done_again(self):
        fake = Fake(destroy=lambda: 1 / 0)
        with self.assertRaises(ZeroDivisionError):
            fake.handle.close()
        self.assertFalse(fake.handle.closed)
        fake.then = None
        fake.handle.close()
        self.assertEqual(fake.log, ['x'])


class Elsewhere(unittest.TestCase):
    def test_callbacks_may_not_use_or_close_it(self):
        fake = Fake()
        with in_callback('log'):
            with self.assertRaisesRegex(VireoError, 'callback'):
                with fake.handle.use():
                    self.fail('it was given')
            with self.assertRaisesRegex(VireoError, 'callback'):
                fake.handle.close()
        self.assertEqual(fake.log, [])
        fake.handle.close()

    def test_callbacks_of_devices_may_do_what_is_marked(self):
        fake = Fake()
        with in_callback('device'):
            with fake.handle.use(inside=True) as pointer:
                self.assertEqual(pointer.value, 0x1000)
            for kind, inside in (('device', False), ('log', True)):
                with self.assertRaises(VireoError), in_callback(kind):
                    with fake.handle.use(inside=inside):
                        self.fail('it was given')
        fake.handle.close()

    def test_a_collector_inside_a_callback_leaves_it_to_another_thread(self):
        destroyed = threading.Event()
        seen = []

        def destroy():
            seen.append(threading.get_ident())
            destroyed.set()

        fake = Fake(destroy=destroy)
        with in_callback('log'):
            fake.handle.finalise()
        self.assertTrue(destroyed.wait(10))
        self.assertNotEqual(seen, [threading.get_ident()])

    def test_a_forked_process_neither_uses_nor_destroys_it(self):
        fake = Fake()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                with fake.handle.use():
                    pass
            except VireoError as error:
                fake.handle.close()
                fake.handle.finalise()
                status = 0 if not fake.log and 'process' in str(error) else 2
            os._exit(status)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        with fake.handle.use():
            pass
        fake.handle.close()
        self.assertEqual(fake.log, ['x'])


if __name__ == '__main__':
    unittest.main()
