# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines as Python objects, on Linux KVM, by libvireo.

    from vireo import Vm

    with Vm(kernel='/boot/vmlinuz', memory='256M') as vm:
        done = vm.run('echo hi', text=True)
        print(done.stdout, done.returncode)

Vm runs commands in a VM; Machine is a VM as C has it, with any kernel; Config
has the keys of both. Sandbox calls functions of a program in a VM without any.
Vcpu and Breakpoint, of a Machine, are for debuggers. Errors are VireoError.
Calls release the interpreter's lock, and any of them may come from any thread.
"""

from ._config import Config, Key, features, keys, version
from ._debug import Breakpoint, Hit, Vcpu
from ._devices import Hypercall, Request
from ._enums import Break, CheckState, Code, LogLevel, Reason, TrapReason
from ._errors import VireoClosed, VireoError, VireoTimeout
from ._exec import Completed, Exec, Vm
from ._host import (CheckRow, DiskCheck, HostCheck, check, disk_check,
                    kernel_choose, kernel_find, kernel_name)
from ._memory import Region
from ._registers import Fpu, Registers, Segment
from ._sandbox import Sandbox, Trap, VireoTrap
from ._version import VERSION as __version__
from ._vm import End, Machine, Register, Stat

__all__ = [
    'Break', 'Breakpoint', 'CheckRow', 'CheckState', 'Code', 'Completed',
    'Config', 'DiskCheck', 'End', 'Exec', 'Fpu', 'Hit', 'HostCheck',
    'Hypercall', 'Key', 'LogLevel', 'Machine', 'Reason', 'Region', 'Register',
    'Registers', 'Request', 'Sandbox', 'Segment', 'Stat', 'Trap', 'TrapReason',
    'Vcpu', 'VireoClosed', 'VireoError', 'VireoTimeout', 'VireoTrap', 'Vm',
    '__version__', 'check', 'disk_check', 'features', 'kernel_choose',
    'kernel_find', 'kernel_name', 'keys', 'version',
]
