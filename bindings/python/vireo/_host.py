# SPDX-License-Identifier: BSD-3-Clause
"""What is asked of the host, without a VM: KVM, overlay files, kernels."""

from __future__ import annotations

import ctypes
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Iterable, Optional

from . import _library
from ._config import Config
from ._enums import CheckState, Code
from ._errors import StrPath, check as checked, decode, encode, new_error
from ._vm import Stat, stat_of

lib = _library.lib

PATH_MAX = 4096
NAME_MAX = 256


@dataclass(frozen=True)
class CheckRow:
    group: str         # "kvm", "probe", "host", "verdict"
    name: str          # "in-kernel irqchip"
    state: CheckState  # NO matters only when required
    required: bool
    detail: str


@dataclass(frozen=True)
class HostCheck:
    """What this host's KVM can do."""
    kernels: bool  # stock kernels boot here
    guests: bool   # small guests run, at least
    rows: list[CheckRow]


@dataclass(frozen=True)
class DiskCheck:
    """The state of an overlay file."""
    problems: list[str]  # none: it is sound
    figures: list[Stat] = field(default_factory=list)


def _look(config: Config) -> HostCheck:
    rows: list[CheckRow] = []

    def add(_ctx: Any, row: Any) -> None:
        raw = row.contents
        rows.append(CheckRow(decode(raw.group), decode(raw.name),
                             CheckState(raw.state), raw.required,
                             decode(raw.detail)))

    with config, _library.listening() as listen, config._handle.use() as cfg:
        result = lib.vireo_check(cfg, listen('vireo_check', 1, add), None)
    if result < 0 and result != Code.EHOST:
        checked(result)
    return HostCheck(result == 0, result >= 0, rows)


def check(kvm: Any = None) -> HostCheck:
    """Looks at the host and runs small probe guests, a second at most. `kvm`:
    an open /dev/kvm, or its descriptor."""
    config = Config()
    if kvm is not None:
        config.set_fd('kvm', kvm)
    found: Future[HostCheck] = Future()

    def look() -> None:
        try:
            found.set_result(_look(config))
        except BaseException as error:
            found.set_exception(error)

    # On the main thread Ctrl-C would be lost in a callback. Who is interrupted
    # leaves the thread to its end.
    threading.Thread(target=look, daemon=True).start()
    return found.result()


def disk_check(path: StrPath) -> DiskCheck:
    """Looks at an overlay file without changing it. VireoError: it is none, or
    cannot be read, or a VM is using it."""
    found = DiskCheck([])
    error = new_error()
    with _library.listening() as listen:
        code = lib.vireo_disk_check(
            encode(path, 'a path'),
            listen('vireo_disk_check', 1, lambda _, stat: found.figures.append(
                stat_of(stat.contents))),
            listen('vireo_disk_check', 2, lambda _, line:
                   found.problems.append(decode(line))), None, error)
    if code != Code.EIMAGE or not found.problems:
        checked(code, error)
    return found


def kernel_choose(name: str, packages: Iterable[str]) -> str:
    """The package that a kernel's name means: "debian:6.12-cloud"."""
    out = ctypes.create_string_buffer(NAME_MAX)
    error = new_error()
    text = '\n'.join(packages)
    checked(lib.vireo_kernel_choose(out, len(out), encode(name, 'a name'),
                                    encode(text, 'packages'), error), error)
    return decode(out.value)


def kernel_find(name: str, folder: StrPath) -> str:
    """The file of the kernel that a name means, below a folder of packages."""
    out = ctypes.create_string_buffer(PATH_MAX)
    error = new_error()
    checked(lib.vireo_kernel_find(out, len(out), encode(name, 'a name'),
                                  encode(folder, 'a folder'), error), error)
    return decode(out.value)


def kernel_name(package: str) -> Optional[str]:
    """The name that means a package; None: it is no package of a kernel."""
    out = ctypes.create_string_buffer(NAME_MAX)
    code = lib.vireo_kernel_name(out, len(out), encode(package, 'a package'))
    if code == Code.EINVAL:
        return None
    checked(code)
    return decode(out.value)
