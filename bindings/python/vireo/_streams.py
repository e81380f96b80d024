# SPDX-License-Identifier: BSD-3-Clause
"""The streams of a command that runs to its end: input in, output out, at the
same time, in the thread that waits."""

from __future__ import annotations

import os
import selectors
import time
from typing import Any, Optional, Sequence, Union

CHUNK = 65536


class Pump:
    """open() makes the pipes, started() closes the ends that are the guest's,
    until() moves bytes, output() has what came."""

    def __init__(self, data: Union[bytes, str, None], encoding: str,
                 errors: str, text: bool) -> None:
        self._encoding = encoding
        self._errors = errors
        self._text = text
        if isinstance(data, str):
            if not text:
                raise TypeError('input is bytes, unless text is wanted')
            data = data.encode(encoding, errors)
        self._input = memoryview(data or b'')
        self._fds: list[int] = []
        self._theirs: list[int] = []
        self._got: dict[int, bytearray] = {}
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Pump:
        return self

    def __exit__(self, *_: Any) -> None:
        self._selector.close()
        for fd in self._fds + self._theirs:
            os.close(fd)
        self._fds = []
        self._theirs = []

    def open(self) -> list[Optional[int]]:
        """The guest's ends: of input (None: there is none), output, errors."""
        ends: list[Optional[int]] = [None]
        if self._input:
            ends = [self._pipe(ours=1, events=selectors.EVENT_WRITE)]
        for _ in range(2):
            ends.append(self._pipe(ours=0, events=selectors.EVENT_READ))
            self._got[self._fds[-1]] = bytearray()
        return ends

    def _pipe(self, ours: int, events: int) -> int:
        pair = os.pipe()
        self._fds.append(pair[ours])
        self._theirs.append(pair[1 - ours])
        os.set_blocking(pair[ours], False)
        self._selector.register(pair[ours], events)
        return pair[1 - ours]

    def started(self) -> None:
        for fd in self._theirs:
            os.close(fd)
        self._theirs = []

    def _done(self, fd: int) -> None:
        self._selector.unregister(fd)
        self._fds.remove(fd)
        os.close(fd)

    def _write(self, fd: int) -> None:
        try:
            count = os.write(fd, self._input[:CHUNK])
        except BlockingIOError:
            return
        except BrokenPipeError:  # its reader has had enough
            self._done(fd)
            return
        self._input = self._input[count:]
        if not self._input:
            self._done(fd)

    def _read(self, fd: int) -> bool:
        """False: there is nothing more, for now or for good."""
        try:
            more = os.read(fd, CHUNK)
        except BlockingIOError:
            return False
        if not more:
            self._done(fd)
            return False
        self._got[fd] += more
        return True

    def until(self, signs: Sequence[int], timeout: Optional[float]) -> bool:
        """Until one of `signs` is readable. False: it took too long."""
        limit = None if timeout is None else time.monotonic() + timeout
        for fd in signs:
            self._selector.register(fd, selectors.EVENT_READ)
        try:
            while True:
                left = None if limit is None else limit - time.monotonic()
                ready = self._selector.select(
                    None if left is None else min(left, 3600))
                for key, _ in ready:
                    if key.fd in self._got:
                        self._read(key.fd)
                    elif key.fd not in signs:
                        self._write(key.fd)
                if any(key.fd in signs for key, _ in ready):
                    return True
                if left is not None and left <= 0:
                    return False
        finally:
            for fd in signs:
                self._selector.unregister(fd)

    def drain(self) -> None:
        """What is in the pipes. Not to their ends: another process may hold
        copies that it got by fork()."""
        for fd in list(self._got):
            while fd in self._fds and self._read(fd):
                pass

    def output(self, raw: bool = False) -> list[Any]:
        """Of output and errors. Raw: as bytes, in any case."""
        found: list[Any] = []
        for got in self._got.values():
            if raw or not self._text:
                found.append(bytes(got))
            else:
                text = got.decode(self._encoding, self._errors)
                found.append(text.replace('\r\n', '\n').replace('\r', '\n'))
        return found
