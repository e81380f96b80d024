# SPDX-License-Identifier: BSD-3-Clause
"""The enumerations of vireo.h; tests/check/bindings.py compares them."""

import enum


class Code(enum.IntEnum):
    """Why a call failed."""
    EINVAL = -1  # a configuration value or argument is wrong
    EIMAGE = -2  # a kernel or initrd cannot be loaded
    EHOST = -3   # the host lacks something: KVM, memory, a file
    ESTATE = -4  # not possible in the VM's present state
    ETIME = -5   # the time given to a wait is over
    ETRAP = -6   # a sandbox's guest was stopped by a trap


class LogLevel(enum.IntEnum):
    ERROR = 0
    WARN = 1
    INFO = 2
    DEBUG = 3


class Reason(enum.IntEnum):
    """Why a VM has ended."""
    POWER_OFF = 1     # ACPI S5
    RESET = 2         # the guest asked for a reset, on-reboot=exit
    PANIC = 3         # pvpanic, or the panic line on the console
    TRIPLE_FAULT = 4
    KVM_ERROR = 5     # KVM could not run the guest
    HOST_ERROR = 6    # a host resource failed while running
    STOPPED = 7       # Machine.stop()
    DEADLINE = 8      # key "timeout"
    DEBUG_EXIT = 9    # key "testdev": the debug-exit port
    COMMAND = 10      # key "command": it has ended, or cannot run


class CheckState(enum.IntEnum):
    YES = 0
    NO = 1
    INFO = 2


class Break(enum.IntEnum):
    """What may stop a debugged guest."""
    BREAK_SOFTWARE = 0  # an instruction is about to be executed
    BREAK_HARDWARE = 1  # the same, by the CPU's own means
    WATCH_WRITE = 2     # something was written
    WATCH_ACCESS = 3    # something was read or written


class TrapReason(enum.IntEnum):
    """What has stopped a sandbox's guest."""
    FAULT = 1      # an exception
    SYSCALL = 2    # a system call: there is no kernel
    DEADLINE = 3   # its time was over
    HYPERCALL = 4  # it is not registered, or its buffers are bad
    LIMIT = 5      # too many of them
    RESULT = 6     # more output than there is room for
    MACHINE = 7    # KVM cannot run it any further
    STOPPED = 8    # by another thread


# What a constant of C is called here: a prefix, and a class.
ENUMS = {
    'enum vireo_code': ('VIREO_', Code),
    'enum vireo_log_level': ('VIREO_LOG_', LogLevel),
    'enum vireo_reason': ('VIREO_', Reason),
    'enum vireo_check_state': ('VIREO_CHECK_', CheckState),
    'enum vireo_break': ('VIREO_', Break),
    'enum vireo_trap_reason': ('VIREO_TRAP_', TrapReason),
}
