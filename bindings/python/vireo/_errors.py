# SPDX-License-Identifier: BSD-3-Clause
"""Errors of the library as exceptions, and text on its way to C and back."""

from __future__ import annotations

import operator
import os
from typing import Any, Mapping, NoReturn, Union

from . import _native
from ._enums import Code

StrPath = Union[str, bytes, 'os.PathLike[str]', 'os.PathLike[bytes]']
Buffer = Union[bytes, bytearray, memoryview]


class VireoError(Exception):
    """A call failed. `code` is a Code, `key` the configuration key to blame or
    "", `text` one line: what, why, and a remedy; more where it tells how a
    guest has ended."""

    def __init__(self, code: int, text: str, key: str = '') -> None:
        super().__init__(text)
        try:
            self.code: int = Code(code)
        except ValueError:
            self.code = code
        self.key = key
        self.text = text

    def __reduce__(self) -> Any:
        return type(self), (int(self.code), self.text, self.key)


class VireoClosed(VireoError):
    """What was closed, or given back, cannot be used any more."""


class VireoTimeout(VireoError, TimeoutError):
    """The time given to a wait is over; the VM goes on."""

    def __init__(self, code: int = Code.ETIME,
                 text: str = 'the time is over', key: str = '') -> None:
        super().__init__(code, text, key)


TEXTS = {
    Code.EINVAL: 'an argument is wrong',
    Code.EIMAGE: 'an image cannot be loaded',
    Code.EHOST: 'the host lacks something',
    Code.ESTATE: 'not possible in the present state',
}


def decode(text: bytes | None) -> str:
    return os.fsdecode(text) if text else ''


def encode(value: StrPath, what: str = 'a value') -> bytes:
    """For C. What would be cut at a zero byte is refused."""
    raw = os.fsencode(value)
    if b'\0' in raw:
        raise VireoError(Code.EINVAL, f'{what}: it has a zero byte')
    return raw


def raw_bytes(data: Buffer) -> bytes:
    """A copy. bytes() would take a number for so many zeros."""
    return bytes(memoryview(data))


def bounded(value: int, low: int, high: int, what: str) -> int:
    """For C, where a number that is too large would be another one."""
    if not low <= operator.index(value) <= high:
        raise VireoError(Code.EINVAL, f'{what}: {value} is not {low} to {high}')
    return operator.index(value)


def state_error(text: str) -> NoReturn:
    raise VireoError(Code.ESTATE, text)


def check(code: int, error: Any = None) -> int:
    """The code, if it is none of an error. `error` is what C has filled."""
    if code >= 0:
        return code
    if code == Code.ETIME:
        raise VireoTimeout()
    if error is not None and error.code == code:
        raise VireoError(code, decode(error.text), decode(error.key))
    try:
        raise VireoError(code, TEXTS[Code(code)])
    except (KeyError, ValueError):
        raise VireoError(code, f'error {code}') from None


def told(code: int, texts: Mapping[Code, str]) -> int:
    """As check(), where we know more than a code says."""
    for known, text in texts.items():
        if code == known:
            raise VireoError(code, text)
    return check(code)


def new_error() -> Any:
    return _native.Error()
