# SPDX-License-Identifier: BSD-3-Clause
"""Commands in a VM: Vm, and what Vm.run() and Vm.exec() give."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import weakref
from typing import Any, Mapping, Optional, Sequence, Union

from . import _library, _native
from ._config import Config, descriptor
from ._enums import Code, Reason
from ._errors import (StrPath, VireoError, VireoTimeout, bounded, check,
                      encode, new_error)
from ._handle import Handle
from ._streams import Pump
from ._vm import End, Machine, end_of, one_of
from ._wait import wait_for

lib = _library.lib

Words = Union[str, bytes, 'os.PathLike[str]', Sequence[StrPath]]

# After a command was killed: for its end to arrive.
KILL_PATIENCE = 5.0
# Verdicts of a command that did not run to an end of its own.
NO_END = ('vm-ended', 'guest-error', 'host-error')


class Completed(subprocess.CompletedProcess):  # type: ignore[type-arg]
    """As of subprocess.run(); with the verdict: "exited", "killed",
    "out-of-memory", "not-found", "not-executable". A command that signal N
    killed has the return code 128 + N, as in a shell."""

    def __init__(self, args: Any, end: End, stdout: Any, stderr: Any) -> None:
        super().__init__(args, end.status, stdout, stderr)
        self.verdict = end.verdict
        self.detail = end.detail


def words_of(command: Words) -> list[bytes]:
    """A string is for the guest's shell, a list is words."""
    if isinstance(command, (str, bytes)):
        return [b'sh', b'-c', encode(command, 'a command')]
    if isinstance(command, os.PathLike):
        return [encode(command, 'a command')]
    return [encode(word, 'a word') for word in command]


def _strings(values: Sequence[bytes]) -> Any:
    return (ctypes.c_char_p * (len(values) + 1))(*values, None)


class Exec:
    """A command that runs in a Vm, beside others. Its streams are descriptors,
    or files, of the caller's, or None: nothing to read, output is dropped."""

    def __init__(self, vm: Machine, command: Words, *,
                 stdin: Any = None, stdout: Any = None, stderr: Any = None,
                 env: Optional[Mapping[str, str]] = None,
                 cwd: Optional[StrPath] = None,
                 user: Union[int, str, None] = None,
                 tty: bool = False) -> None:
        self.args = command
        self._vm = vm  # it lives as long as its commands
        options = _native.ExecOptions(
            size=ctypes.sizeof(_native.ExecOptions),
            words=_strings(words_of(command)), tty=tty)
        if env is not None:
            options.env = _strings([encode(f'{name}={value}', 'a variable')
                                    for name, value in env.items()])
        if cwd is not None:
            options.dir = encode(cwd, 'cwd')
        if user is not None:
            options.user = encode(str(user), 'user')
        for name, file in (('in', stdin), ('out', stdout), ('err', stderr)):
            if file is not None:
                setattr(options, name, descriptor(file))
                setattr(options, 'has_' + name, True)
        pointer = ctypes.c_void_p()
        error = new_error()
        with vm._handle.use() as machine:
            self._handle = Handle('command', pointer, lib.vireo_exec_destroy,
                                  parent=vm._handle)
            self._finaliser = weakref.finalize(self, self._handle.finalise)
            with self._handle.use():
                check(lib.vireo_exec(ctypes.byref(pointer), machine, options,
                                     error), error)

    def wait(self, timeout: Optional[float] = None) -> End:
        """Until it has ended and its output is out, at most `timeout` seconds:
        VireoTimeout. The verdict "vm-ended": the VM has ended first."""
        raw = _native.End()
        check(wait_for(
            self._handle, lambda command: int(lib.vireo_exec_wait(
                command, 0, raw)),
            lambda command: [check(lib.vireo_exec_fd(command))], timeout))
        return end_of(raw)

    def _pumped(self, pump: Pump, timeout: Optional[float]) -> Optional[End]:
        """Its end; None: it took too long, and has been killed."""
        with self._handle.waiting() as (command, waker):
            fds = check(lib.vireo_exec_fd(command)), waker
            if pump.until(fds, timeout):
                return self.wait(0)
            self.kill()
            pump.until(fds, KILL_PATIENCE)
            return None

    def poll(self) -> Optional[int]:
        """Its return code, or None: it runs."""
        try:
            return self.wait(0).status
        except VireoTimeout:
            return None

    def fileno(self) -> int:
        """A descriptor that polls readable once it has ended."""
        with self._handle.use() as command:
            return check(lib.vireo_exec_fd(command))

    def signal(self, number: int) -> None:
        """A signal for its process group."""
        bounded(number, 1, 64, 'a signal')
        with self._handle.use() as command:
            check(lib.vireo_exec_signal(command, number))

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)

    def resize(self, columns: int, rows: int) -> None:
        """The size of its terminal."""
        bounded(columns, 0, 0xffff, 'columns')
        bounded(rows, 0, 0xffff, 'rows')
        with self._handle.use() as command:
            check(lib.vireo_exec_resize(command, columns, rows))

    def close(self) -> None:
        """A command that still runs gets SIGHUP, and its streams end."""
        self._handle.close()

    def __enter__(self) -> Exec:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class Vm(Machine):
    """A VM that runs commands, as many as there are, one after the other or at
    a time:

        with Vm(kernel='vmlinuz', memory='256M') as vm:
            print(vm.run('echo hi', text=True).stdout)

    The guest's root is this machine's below a throwaway layer, or what key
    `rootfs` says; `volume` shares directories with it. It starts at once, and
    run() waits until the guest is ready. What keeps it alive is a command that
    waits for the end of its input (`idle`).
    """

    def __init__(self, config: Optional[Config] = None, *,
                 idle: Words = ('cat',), **keys: Any) -> None:
        one_of(config, keys)
        self._idle = -1
        with contextlib.ExitStack() as stack:
            if config is None:
                own = stack.enter_context(Config(**keys))
            else:  # the caller's stays as it is
                own = stack.enter_context(config.copy())
            if 'command' in own or 'init' in own:
                raise VireoError(Code.EINVAL, 'a Vm has a command of its own '
                                 '(Machine runs others)', 'command')
            own._use_cache()
            own.set('command', words_of(idle))
            reader, writer = os.pipe()
            stack.callback(os.close, reader)
            keep_writer = stack.enter_context(contextlib.ExitStack())
            keep_writer.callback(os.close, writer)
            own.set_fd('command-in', reader)
            super().__init__(own)
            keep_writer.pop_all()
        self._idle = writer
        self._idle_finaliser = weakref.finalize(self, os.close, writer)
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def exec(self, command: Words, *, stdin: Any = None, stdout: Any = None,
             stderr: Any = None, env: Optional[Mapping[str, str]] = None,
             cwd: Optional[StrPath] = None,
             user: Union[int, str, None] = None, tty: bool = False) -> Exec:
        """Starts a command; one for which the guest is not ready yet waits."""
        return Exec(self, command, stdin=stdin, stdout=stdout, stderr=stderr,
                    env=env, cwd=cwd, user=user, tty=tty)

    def run(self, command: Words, *,
            input: Union[bytes, str, None] = None,
            timeout: Optional[float] = None, check: bool = False,
            text: Optional[bool] = None, encoding: Optional[str] = None,
            errors: Optional[str] = None,
            env: Optional[Mapping[str, str]] = None,
            cwd: Optional[StrPath] = None,
            user: Union[int, str, None] = None) -> Completed:
        """Runs a command to its end; as subprocess.run(), with the output
        captured. A string goes to the guest's shell, a list is the words.

        `timeout` (seconds): the command is killed, subprocess.TimeoutExpired.
        `check`: a return code that is not 0 is a CalledProcessError. `text`,
        `encoding`, `errors`: str instead of bytes. VireoError: the command did
        not run to its end, because the VM has ended, for instance.
        """
        as_text = bool(text or encoding or errors)
        pump = Pump(input, encoding or 'utf-8', errors or 'strict', as_text)
        with pump:
            ends = pump.open()
            with Exec(self, command, stdin=ends[0], stdout=ends[1],
                      stderr=ends[2], env=env, cwd=cwd, user=user) as started:
                pump.started()
                end = started._pumped(pump, timeout)
            pump.drain()
            stdout, stderr = pump.output(raw=end is None)
        if end is None:
            raise subprocess.TimeoutExpired(command, timeout or 0,
                                            output=stdout, stderr=stderr)
        if end.verdict in NO_END:
            self._no_end(end)
        done = Completed(command, end, stdout, stderr)
        if check:
            done.check_returncode()
        return done

    def _no_end(self, end: End) -> None:
        text = end.detail or end.verdict
        ended = self.poll() if end.verdict == 'vm-ended' else None
        if ended:
            text = f'the VM has ended: {ended.verdict}'
            if ended.reason == Reason.KVM_ERROR:
                text += (' (vireo.check() tells whether stock kernels boot on '
                         'this host)')
            if ended.detail:
                text += f': {ended.detail}'
        raise VireoError(Code.ESTATE if end.verdict == 'vm-ended' else
                         Code.EHOST, text)

    def shutdown(self, timeout: Optional[float] = 10) -> End:
        """Lets the guest end, which writes back what is to be written: what
        keeps it alive sees the end of its input, and SIGTERM, for a process
        that was forked may hold the input open. VireoTimeout: it goes on."""
        if self._idle_finaliser.detach():
            os.close(self._idle)
        for call in (lambda: self.signal(signal.SIGTERM), self.resume):
            with contextlib.suppress(VireoError):
                call()
        return self.wait(timeout)

    def close(self) -> None:
        """Ends it at once; shutdown() is gentler."""
        super().close()
        self._idle_finaliser()

    def __exit__(self, kind: Any, *_: Any) -> None:
        """Gently, unless an exception ends the block; and not when it is left
        by another process, too."""
        try:
            if (kind is None and not self.closed and
                    self._handle.own_process() and self.poll() is None):
                with contextlib.suppress(VireoTimeout):
                    self.shutdown()
        finally:
            self.close()
