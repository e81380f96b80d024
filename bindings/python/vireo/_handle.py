# SPDX-License-Identifier: BSD-3-Clause
"""A C object, who is using it, and its end.

The rules of the C library are the caller's to keep there; here they are kept
for him. An object is destroyed once, by one thread, when no other is inside a
call with it, after those that hang off it; not from a callback of its own
threads, not in a process that came by fork(), and in any case before the
interpreter ends. Whoever comes too late gets an exception.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import weakref
from typing import Any, Callable, Iterator, Optional

from ._enums import Code
from ._errors import VireoClosed, VireoError, state_error

PATIENCE = 0.02  # seconds, between two calls to come out

_here = threading.local()


def inside_callback() -> bool:
    """Is this one of a VM's own threads, calling Python?"""
    return getattr(_here, 'inside', None) is not None


def inside_device() -> bool:
    """Is it one of a device's, which may do more than that of a log?"""
    return getattr(_here, 'inside', None) == 'device'


@contextlib.contextmanager
def in_callback(kind: str) -> Iterator[None]:
    """`kind`: "device" or "log"."""
    before = getattr(_here, 'inside', None)
    _here.inside = kind
    try:
        yield
    finally:
        _here.inside = before


class Slot:
    """A function of the caller's, for C to call. What C calls is kept by the
    handle, and knows the slot weakly; the slot is kept by the object that the
    caller has. So a function that knows the object, as most do, does not keep
    it from being collected."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn

    def reference(self) -> Callable[[], Callable[..., Any]]:
        weak = weakref.ref(self)

        def get() -> Callable[..., Any]:
            slot = weak()
            if slot is None:
                raise VireoClosed(Code.ESTATE, 'nobody is there any more')
            return slot.fn
        return get


class Handle:
    """`pointer` is a c_void_p, which C may fill later; `destroy` takes its
    address. `parent` is destroyed after it. `stop` gets those out who are in C
    for long."""

    def __init__(self, what: str, pointer: ctypes.c_void_p,
                 destroy: Callable[[Any], None],
                 parent: Optional[Handle] = None,
                 stop: Optional[Callable[[Any], Any]] = None) -> None:
        self.what = what
        self._pointer = pointer
        self._destroy = destroy
        self._parent = parent
        self._stop = stop
        self._keep: Any = None
        self._pid = os.getpid()
        # An RLock inside: a finaliser may come at any point of its own thread.
        self._changed = threading.Condition()
        self._users: dict[int, int] = {}
        self._children: set[Handle] = set()
        self._wakers: set[int] = set()
        self._closing = False
        self._closer: Optional[int] = None
        if parent:
            parent.adopt(self)

    def adopt(self, child: Handle) -> None:
        with self._changed:
            self._children.add(child)

    def keep(self, what: Any) -> None:
        """It lives as long as the object: C may call it, or look at it."""
        self._keep = what

    @property
    def closed(self) -> bool:
        return self._closing

    def own_process(self) -> bool:
        return os.getpid() == self._pid

    @contextlib.contextmanager
    def use(self, inside: bool = False) -> Iterator[ctypes.c_void_p]:
        """The pointer, for a call: it stays good until the end of the block.
        `inside`: callbacks of devices may do it."""
        if not self.own_process():
            state_error(f'{self.what}: it belongs to another process')
        if inside_callback() and not (inside and inside_device()):
            state_error(f'{self.what}: not from a callback')
        me = threading.get_ident()
        with self._changed:
            if self._closing:
                raise VireoClosed(Code.ESTATE, f'{self.what}: it is closed')
            self._users[me] = self._users.get(me, 0) + 1
        try:
            yield self._pointer
        finally:
            with self._changed:
                # A signal's handler may do the same between any two steps.
                left = self._users[me] - 1
                if left:
                    self._users[me] = left
                else:
                    self._users.pop(me)
                    self._changed.notify_all()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[tuple[ctypes.c_void_p, int]]:
        """As use(), for who waits inside: with a descriptor that is readable
        when the object is to be closed."""
        with self.use() as pointer:
            waker = os.eventfd(0, os.EFD_CLOEXEC)
            try:
                with self._changed:
                    self._wakers.add(waker)
                    if self._closing:
                        os.eventfd_write(waker, 1)
                yield pointer, waker
            finally:
                with self._changed:
                    self._wakers.discard(waker)
                    os.close(waker)

    def close(self) -> None:
        """Any number of times, from any thread but those of the VM."""
        if inside_callback():
            state_error(f'{self.what}: not from a callback')
        if not self.own_process():
            self._closing = True
            return
        me = threading.get_ident()
        with self._changed:
            if me in self._users:
                state_error(f'{self.what}: this thread is using it')
            while self._closer not in (None, me):
                self._changed.wait()
            if self._closing:
                return
            self._closing = True
            self._closer = me
        try:
            self._end()
        finally:
            with self._changed:
                self._closer = None
                # Interrupted before it came to that: once more, then.
                self._closing = not self._pointer
                self._changed.notify_all()

    def _end(self) -> None:
        with self._changed:
            for waker in self._wakers:
                os.eventfd_write(waker, 1)
            children = list(self._children)
        # One of its users may be making another child.
        while True:
            for child in children:
                child.close()
            self._let_out()
            with self._changed:
                children = list(self._children)
            if not children:
                break
        if self._pointer:
            self._destroy(ctypes.byref(self._pointer))
        self._keep = None
        if self._parent:
            with self._parent._changed:
                self._parent._children.discard(self)

    def _let_out(self) -> None:
        """Returns when nobody is inside."""
        while True:
            # Again and again: somebody may have been on the way to C.
            if self._stop and self._users:
                self._stop(self._pointer)
            with self._changed:
                if not self._users:
                    return
                self._changed.wait(PATIENCE if self._stop else None)

    def finalise(self) -> None:
        """When nobody has it any more. The collector may run on a thread that
        the object is waiting for: then another one does it."""
        if self.closed or not self.own_process():
            return
        if inside_callback():
            threading.Thread(target=self._finalise, daemon=True).start()
        else:
            self._finalise()

    def _finalise(self) -> None:
        try:
            self.close()
        except VireoError as error:
            # A signal's handler that ends the interpreter inside a call.
            if error.code != Code.ESTATE:
                raise
