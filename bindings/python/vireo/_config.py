# SPDX-License-Identifier: BSD-3-Clause
"""A machine's configuration: keys and values, as text."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional, Sequence, Union

from . import _library
from ._enums import LogLevel
from ._errors import StrPath, bounded, check, decode, encode, new_error
from ._handle import Handle, in_callback

lib = _library.lib

Value = Union[bool, int, StrPath]
COUNT_MAX = 0x7fffffff
LogCallback = Callable[['LogLevel', str], None]


@dataclass(frozen=True)
class Key:
    """What may be configured: a key of Config, an option of `vireo run`."""
    name: str
    arg: Optional[str]    # None: a flag
    value: Optional[str]  # the default
    summary: str
    help: str
    example: str
    letter: str
    repeatable: bool
    advanced: bool


def _text(raw: Optional[bytes]) -> Optional[str]:
    return None if raw is None else os.fsdecode(raw)


def keys() -> list[Key]:
    """All keys, in the order a person wants to read them."""
    found: list[Key] = []
    while True:
        row = lib.vireo_key_at(len(found))
        if not row:
            return found
        raw = row.contents
        found.append(Key(
            decode(raw.name), _text(raw.arg), _text(raw.value),
            decode(raw.summary), decode(raw.help), decode(raw.example),
            raw.letter.strip(b'\0').decode('ascii'), raw.repeatable,
            raw.advanced))


def version() -> str:
    """The version of the library that runs."""
    return decode(lib.vireo_version())


def spell(value: Value, key: str) -> bytes:
    """A value as the configuration wants it: True is "true", 4 is "4"."""
    if isinstance(value, bool):
        return b'true' if value else b'false'
    if isinstance(value, int):
        return str(value).encode('ascii')
    if isinstance(value, (str, bytes, os.PathLike)):
        return encode(value, key)
    raise TypeError(f'{key}: a {type(value).__name__} is no value')


def descriptor(file: Any) -> int:
    """Of a descriptor, or of what has one."""
    fd = file if isinstance(file, int) else file.fileno()
    return bounded(fd, -1, COUNT_MAX, 'a descriptor')


def _log_callback(fn: LogCallback) -> Any:
    """On a thread of the VM."""
    def log(_ctx: Any, level: int, line: bytes) -> None:
        with in_callback():
            fn(LogLevel(level), decode(line))
    return _library.callback('vireo_config_set_log', 2, log)


class _Descriptor:
    """One of our own, for copies."""

    def __init__(self, fd: int) -> None:
        self._fd = os.dup(fd)

    def fileno(self) -> int:
        return self._fd

    def __del__(self) -> None:
        if hasattr(self, '_fd'):
            os.close(self._fd)


class Config:
    """Keys and values: Config(kernel='vmlinuz', memory='256M', cpus=2).

    An underscore stands for a dash (cmdline_only), a list for the values of a
    repeatable key. Each value is checked at once; nothing is opened. Unlike in
    C, several threads may use one.
    """

    def __init__(self, values: Optional[Mapping[str, Any]] = None,
                 **more: Any) -> None:
        pointer = ctypes.c_void_p()
        check(lib.vireo_config_create(ctypes.byref(pointer)))
        self._handle = Handle('config', pointer, lib.vireo_config_destroy)
        self._finaliser = weakref.finalize(self, self._handle.finalise)
        self._lock = threading.RLock()
        self._log: Any = None
        self._level = LogLevel.WARN
        self._files: dict[str, _Descriptor] = {}
        for key, value in {**(values or {}), **more}.items():
            self.set(key.replace('_', '-'), value)

    def set(self, key: str, value: Union[Value, Sequence[Value]]) -> None:
        """Replaces the value, or adds one where the key is repeatable; a list
        adds each of its own."""
        many = (value if isinstance(value, (list, tuple)) else [value])
        error = new_error()
        for one in many:
            raw = spell(one, key)
            with self._handle.use() as cfg, self._lock:
                check(lib.vireo_config_set(cfg, encode(key, 'a key'), raw,
                                           error), error)

    def get(self, key: str, index: int = 0) -> Optional[str]:
        """A value as text; the default counts when nothing was set."""
        bounded(index, 0, COUNT_MAX, key)
        with self._handle.use() as cfg, self._lock:
            return _text(lib.vireo_config_get(cfg, encode(key, 'a key'),
                                              index))

    def values(self, key: str) -> list[str]:
        """All values of a key."""
        found: list[str] = []
        with self._handle.use(), self._lock:
            while (value := self.get(key, len(found))) is not None:
                found.append(value)
        return found

    def parse(self, json: Union[str, bytes]) -> None:
        """Sets keys from a JSON object; on failure nothing has changed."""
        raw = json.encode('utf-8') if isinstance(json, str) else bytes(json)
        error = new_error()
        with self._handle.use() as cfg, self._lock:
            check(lib.vireo_config_parse(cfg, raw, len(raw), error), error)

    def to_json(self) -> str:
        """What was set, as parse() takes it."""
        text = ctypes.c_void_p()
        with self._handle.use() as cfg, self._lock:
            check(lib.vireo_config_print(cfg, ctypes.byref(text)))
        try:
            return ctypes.string_at(text.value or 0).decode('utf-8')
        finally:
            _library.free(text)

    def set_fd(self, name: str, file: Any) -> None:
        """A descriptor, or a file that has one, in place of a path; it is
        duplicated. Names: "kvm", "console-in", "console-out", "command-in",
        "command-out", "command-err"."""
        error = new_error()
        with self._handle.use() as cfg, self._lock:
            check(lib.vireo_config_set_fd(cfg, encode(name, 'a name'),
                                          descriptor(file), error), error)
            self._files[name] = _Descriptor(descriptor(file))

    def set_log(self, fn: Optional[LogCallback],
                level: LogLevel = LogLevel.WARN) -> None:
        """`fn` gets each line of a VM's log, on a thread of the VM. It must
        not use the VM: what it tries raises, and is shown on stderr. None:
        nobody gets them."""
        if fn is not None and not callable(fn):
            raise TypeError('it cannot be called')
        level = LogLevel(level)
        made = (_log_callback(fn) if fn else
                lib.vireo_config_set_log.argtypes[2]())
        with self._handle.use() as cfg, self._lock:
            lib.vireo_config_set_log(cfg, int(level), made, None)
            # The old one is C's until now; VMs keep what they were made with.
            self._log = made
            self._level = level

    def copy(self) -> Config:
        """Another one with the same values, descriptors and log."""
        made = Config()
        with self._handle.use(), self._lock:
            for key in keys():
                if key.name in self:
                    made.set(key.name, self.values(key.name))
            for name, file in self._files.items():
                made.set_fd(name, file)
            if self._log:
                with made._handle.use() as cfg:
                    lib.vireo_config_set_log(cfg, int(self._level), self._log,
                                             None)
                made._log, made._level = self._log, self._level
        return made

    def __getitem__(self, key: str) -> str:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str,
                    value: Union[Value, Sequence[Value]]) -> None:
        self.set(key, value)

    def __contains__(self, key: object) -> bool:
        """Has a value been given?"""
        if not isinstance(key, str):
            return False
        with self._handle.use() as cfg, self._lock:
            return bool(lib.vireo_config_is_set(cfg, encode(key, 'a key')))

    def close(self) -> None:
        self._handle.close()
        self._files = {}

    def __enter__(self) -> Config:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._handle.closed:
            return '<vireo.Config, closed>'
        return f'<vireo.Config {self.to_json()}>'
