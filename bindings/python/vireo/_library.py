# SPDX-License-Identifier: BSD-3-Clause
"""The library itself: VIREO_LIBRARY, the system's, or one beside this file."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import os
import sys
from types import SimpleNamespace
from typing import Any, Callable, Iterator

from . import _native
from ._version import VERSION


def callback(function: str, index: int, target: Any) -> Any:
    """What to pass for the callback that is the index-th parameter. It must be
    kept as long as C may call it."""
    return getattr(lib, function).argtypes[index](target)


@contextlib.contextmanager
def listening() -> Iterator[Callable[[str, int, Callable[..., Any]], Any]]:
    """Makes callbacks, as callback() does, that C calls inside the block only:
    what one raises comes out of the block, and none does anything after it."""
    raised: list[BaseException] = []
    kept = []

    def listen(function: str, index: int, target: Callable[..., Any]) -> Any:
        def call(*given: Any) -> None:
            if not raised:
                try:
                    target(*given)
                except BaseException as error:
                    raised.append(error)
        kept.append(callback(function, index, call))
        return kept[-1]

    yield listen
    if raised:
        raise raised[0]


def unraisable(error: BaseException, where: Any) -> None:
    """Shows what was raised where nobody can catch it, as Python does."""
    sys.unraisablehook(SimpleNamespace(  # type: ignore[arg-type]
        exc_type=type(error), exc_value=error,
        exc_traceback=error.__traceback__, err_msg='Exception ignored in '
        'a callback of a VM', object=where))


def find_library() -> str:
    """The name to load it by."""
    given = os.environ.get('VIREO_LIBRARY')
    if given:
        return given
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          'libvireo.so.0')
    return ctypes.util.find_library('vireo') or beside


def load(path: str) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f'libvireo cannot be loaded: {error} (install it, '
                          'or name the file in VIREO_LIBRARY)') from None
    for prototype in _native.PROTOTYPES.split(';'):
        if not prototype.strip():
            continue
        name, returned, taken = _native.parse(prototype)
        function = getattr(library, name, None)
        if function is None:
            raise ImportError(f'{path}: it has no {name}(): this package is '
                              f'for libvireo {VERSION}')
        function.restype = returned
        function.argtypes = taken
    return library


lib = load(find_library())

_libc = ctypes.CDLL(None)
_libc.free.argtypes = [ctypes.c_void_p]
_libc.free.restype = None


def free(address: Any) -> None:
    """What C has allocated for its caller."""
    _libc.free(address)
