# SPDX-License-Identifier: BSD-3-Clause
"""Waiting for what C tells by a descriptor."""

from __future__ import annotations

import math
import select
import time
from typing import Any, Callable, Optional, Sequence

from ._enums import Code
from ._errors import VireoClosed, VireoTimeout
from ._handle import Handle


class Limit:
    """So much time from here on; None: any."""

    def __init__(self, timeout: Optional[float]) -> None:
        self._until = None if timeout is None else time.monotonic() + timeout

    def left(self) -> Optional[float]:
        """Seconds; below zero when it is over."""
        return (None if self._until is None else
                self._until - time.monotonic())


def wait_for(handle: Handle, look: Callable[[Any], int],
             fds: Callable[[Any], Sequence[int]],
             timeout: Optional[float]) -> int:
    """What look() gives, as soon as it is not ETIME; it looks again when one of
    the descriptors is readable. By poll(), so that Ctrl-C is heard, and
    close(), while it lasts."""
    limit = Limit(timeout)
    with handle.waiting() as (pointer, waker):
        code = look(pointer)
        if code == Code.ETIME and timeout != 0:
            poll = select.poll()
            for fd in (waker, *fds(pointer)):
                poll.register(fd, select.POLLIN)
            while code == Code.ETIME:
                left = limit.left()
                if left is not None and left <= 0:
                    break
                # An hour at a time: poll() counts in an int.
                poll.poll(1000 * 3600 if left is None else
                          math.ceil(min(left, 3600) * 1000))
                if handle.closed:
                    raise VireoClosed(Code.ESTATE,
                                      f'{handle.what}: it was closed')
                code = look(pointer)
        if code == Code.ETIME:
            raise VireoTimeout()
        return code
