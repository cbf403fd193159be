"""The one door for subprocesses: own group, no terminal, bounded memory, and nobody left behind.

Linux only (pidfd, /proc, prctl), as workers are.
"""

import contextlib
import errno
import fcntl
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from functools import cache
from pathlib import Path

from workers.process.taking import Kept, Lines, Sink, Whole

_Taker = Callable[[bytes], object]

_OUTPUT_LIMIT = 1024 * 1024
_STDOUT_LIMIT = 512 * 1024 * 1024
_PIPE_SIZE = 1024 * 1024  # the most that Linux grants without privileges
_READ_SIZE = 256 * 1024
_TICK = 0.1  # how soon a cancellation is noticed
_DRAIN = 2.0  # how long a daemon that kept our pipe may delay us after the command's end
_OWN_SETTINGS = ("THERA_", "ATLANTIS_")

# Asks the kernel to interrupt the command when its worker dies, undoes an inherited "ignore SIGINT", and
# leaves at once if the worker died before that.
_LEASH_PROGRAM = """\
import ctypes, os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
ctypes.CDLL(None).prctl(1, signal.SIGINT)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]}: {error.strerror}")
"""


@dataclass(frozen=True, kw_only=True)
class Completed:
    """How a command ended.

    `output` is stdout and stderr as they came (only stderr with `capture_stdout`); when there was
    more than the limit, its beginning and its end. `stdout` is filled only with `capture_stdout`.
    `returncode` is negative when a signal ended the command.
    """

    returncode: int
    output: str = ""
    stdout: bytes = field(default=b"", repr=False)
    stdout_truncated: bool = False
    timed_out: bool = False
    cancelled: bool = False

    @property
    def ok(self) -> bool:
        """Say whether the command ended by itself and with success."""
        return self.returncode == 0 and not (self.timed_out or self.cancelled)


def clean_environment(base: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """Build the environment of a command: the worker's own settings and secrets stay behind."""
    kept = {name: value for name, value in base.items() if not name.upper().startswith(_OWN_SETTINGS)}
    return kept | dict(extra)


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    sink: Sink | None = None,
    timeout: timedelta | None = None,
    cancel: threading.Event | None = None,
    grace: timedelta = timedelta(seconds=30),
    stdin: bytes | int | None = None,
    limit: int = _OUTPUT_LIMIT,
    capture_stdout: bool = False,
    stdout_limit: int = _STDOUT_LIMIT,
    leashed: bool = True,
) -> Completed:
    """Run a command to its end, handing its output to `sink` line by line, without line ends.

    On timeout, on `cancel`, and when the sink raises, the command's group gets SIGINT, as from a terminal,
    and `grace` to finish; then it is killed. Whatever else it started is killed when it ends.
    Without `stdin` the command reads end-of-file, so that a question fails instead of waiting. A number is the
    reading end of a pipe: whoever holds its other end may answer the command while it runs.
    `leashed` interrupts it also when this process dies; what only reads for a moment need not pay for that.

    Raises:
        FileNotFoundError: there is no such command, or no such directory.
    """
    words = [os.fspath(word) for word in argv]
    _insist_on_command(words[0], cwd=cwd, env=env)
    kept, stdout, lines = Kept(limit), Whole(stdout_limit), Lines(sink) if sink else None
    takers: list[tuple[_Taker, ...]] = [(kept.take, lines.take) if lines else (kept.take,)]
    if capture_stdout:
        takers.append((stdout.take,))
    leash = _leash() if leashed else ()
    with _started([*leash, *words], cwd=cwd, env=env, stdin=stdin, takers=takers) as child:
        ending = _followed(child, timeout=timeout, cancel=cancel, grace=grace)
    if lines:
        lines.end()
    return Completed(
        returncode=child.popen.returncode,
        output=kept.text(),
        stdout=bytes(stdout.content),
        stdout_truncated=stdout.truncated,
        timed_out=ending is _Ending.TIMED_OUT,
        cancelled=ending is _Ending.CANCELLED,
    )


_Ending = Enum("_Ending", ["BY_ITSELF", "TIMED_OUT", "CANCELLED"])


@dataclass(eq=False)
class _Child:
    """A running command: the leader of its own group, and the pipes that it writes to."""

    popen: subprocess.Popen[bytes]
    pidfd: int
    selector: selectors.BaseSelector
    ended: bool = False
    interrupted: bool = False
    muted: bool = False  # read on, so that the command does not block, but hand nothing on

    def pump(self, seconds: float) -> bool:
        """Take what comes within a moment; say whether the command still runs."""
        for key, _ in self.selector.select(0 if self.ended else seconds):
            self._attend(key)
        return not self.ended

    def drain(self) -> None:
        """Take what still lies in the pipes. A daemon that holds on to them is not waited for."""
        deadline = time.monotonic() + _DRAIN
        while (ready := self.selector.select(0)) and time.monotonic() < deadline:
            for key, _ in ready:
                self._attend(key)

    def interrupt(self) -> None:
        """Send SIGINT to the group, as a terminal does, and once: a second makes Terraform drop its state.

        Providers ignore it; a shell would not pass it on to the Terraform that it waits for.
        """
        if not self.interrupted:
            self.interrupted = True
            self.signal_group(signal.SIGINT)

    def signal_group(self, number: signal.Signals) -> None:
        # The leader is not reaped before the end, so the number still means this group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, number)

    def has_company(self) -> bool:
        """Say whether anybody else in the group still lives."""
        return any(pid != self.popen.pid for pid in _living_members(self.popen.pid))

    def _attend(self, key: selectors.SelectorKey) -> None:
        if key.fd == self.pidfd:
            self.ended = True
        elif data := os.read(key.fd, _READ_SIZE):
            for take in () if self.muted else key.data:
                take(data)
            return
        self.selector.unregister(key.fd)


def _followed(child: _Child, *, timeout: timedelta | None, cancel: threading.Event | None, grace: timedelta) -> _Ending:
    deadline = time.monotonic() + timeout.total_seconds() if timeout else float("inf")
    try:
        while child.pump(_TICK):
            if cancel is not None and cancel.is_set():
                _stop(child, grace)
                return _Ending.CANCELLED
            if time.monotonic() >= deadline:
                _stop(child, grace)
                return _Ending.TIMED_OUT
        child.signal_group(signal.SIGKILL)  # what it left running in the background
        child.drain()
    except BaseException:
        # The sink or the worker is in trouble, not the command: an apply still gets to save its state.
        child.muted = True
        _stop(child, grace)
        raise
    return _Ending.BY_ITSELF


def _stop(child: _Child, grace: timedelta) -> None:
    patience = time.monotonic() + grace.total_seconds()
    child.interrupt()
    while (child.pump(_TICK) or child.has_company()) and time.monotonic() < patience:
        time.sleep(_TICK if child.ended else 0)
    child.signal_group(signal.SIGKILL)
    while child.pump(_TICK):
        pass
    child.drain()


@contextlib.contextmanager
def _started(
    words: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: bytes | int | None,
    takers: Sequence[tuple[_Taker, ...]],
) -> Iterator[_Child]:
    """Start the command; inside it lives, afterwards it and its group do not."""
    with contextlib.ExitStack() as stack:
        pipes = [_pipe(stack) for _ in takers]
        readers = [reader for reader, _ in pipes]
        messages, stdout = pipes[0][1], pipes[-1][1]  # one and the same unless stdout is captured
        try:
            popen = subprocess.Popen(
                words,
                cwd=cwd,
                env=dict(env),
                stdin=stack.enter_context(_input(stdin)),
                stdout=stdout,
                stderr=messages,
                start_new_session=True,
                # The command holds the reading ends too. Otherwise, once the worker was killed, its next line
                # is its death by SIGPIPE in the middle of the graceful stop that the leash asks for: Terraform
                # then leaves an empty state and a stuck state lock (seen with terraform_data and local-exec).
                pass_fds=readers,
            )
        finally:
            for _, writer in pipes:
                os.close(writer)
        stack.callback(_bury, popen)
        selector = stack.enter_context(selectors.DefaultSelector())
        for reader, taken_by in zip(readers, takers, strict=True):
            selector.register(reader, selectors.EVENT_READ, taken_by)
        pidfd = os.pidfd_open(popen.pid)
        stack.callback(os.close, pidfd)
        selector.register(pidfd, selectors.EVENT_READ)
        yield _Child(popen=popen, pidfd=pidfd, selector=selector)


def _bury(popen: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait()


def _pipe(stack: contextlib.ExitStack) -> tuple[int, int]:
    reader, writer = os.pipe()
    stack.callback(os.close, reader)
    os.set_blocking(reader, False)
    with contextlib.suppress(OSError):  # there is a quota per user
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
    return reader, writer


@contextlib.contextmanager
def _input(content: bytes | int | None) -> Iterator[int]:
    if isinstance(content, int):
        yield content
        return
    if not content:
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:  # not a pipe: nobody has to feed it
        file.write(content)
        file.seek(0)
        yield file.fileno()


@cache
def _leash_tools() -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    setpriv, env = shutil.which("setpriv"), shutil.which("env")
    if setpriv is None or env is None:
        return None
    dies, listens = (setpriv, "--pdeathsig", "INT", "--"), (env, "--default-signal=INT")
    tried = subprocess.run([*dies, *listens, "true"], check=False, capture_output=True)
    return (dies, listens) if tried.returncode == 0 else None  # busybox has both, without these options


def _leash() -> tuple[str, ...]:
    """Words to put before a command so that it gets SIGINT when its worker is killed.

    PR_SET_PDEATHSIG must be set by the child itself. `preexec_fn` would do it in a fork of this
    process, which is unsafe beside other threads; a program that sets it and then becomes the command
    is not. The kernel sends the signal when the *thread* that forked ends: that thread blocks in `run`.
    SIGINT, not SIGKILL: an apply whose worker died stops, saves its state and gives its lock back.
    A Celery pool process ignores SIGINT, and children inherit that: hence the reset to the default there.
    Children of the command are not reached by the kernel, only by the command itself.
    """
    tools = _leash_tools()
    if tools is None:
        return (sys.executable, "-I", "-S", "-c", _LEASH_PROGRAM, str(os.getpid()))
    dies, listens = tools
    return (*dies, *listens) if signal.getsignal(signal.SIGINT) == signal.SIG_IGN else dies


def _insist_on_command(name: str, *, cwd: Path, env: Mapping[str, str]) -> None:
    place = str(cwd / name) if "/" in name else name
    if shutil.which(place, path=env.get("PATH", os.defpath)) is None:
        raise FileNotFoundError(errno.ENOENT, "command not found", name)


def _living_members(group: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:  # it just ended
            continue
        state, _, process_group = stat.rpartition(")")[2].split()[:3]  # a name may contain anything
        if int(process_group) == group and state not in {"Z", "X"}:
            yield int(entry.name)
