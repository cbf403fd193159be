"""Long-lived real commands for tests: start them, wait for a sign of life, and leave nothing behind."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import psutil

T = TypeVar("T")
SHORTLY = timedelta(seconds=10)
_PAUSE = 0.02
_TAIL_LINES = 40


class ProcessDied(AssertionError):
    """A command ended while a test was still waiting for it."""


def free_port() -> int:
    """Return a loopback TCP port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(eq=False)
class Process:
    """A running command in a process group of its own; its output goes to a file."""

    argv: tuple[str, ...]
    log_file: Path
    _popen: subprocess.Popen[bytes]
    _children: dict[int, psutil.Process] = field(default_factory=dict)

    @classmethod
    def start(
        cls,
        argv: Sequence[str | Path],
        *,
        log_file: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        dies_with_parent: bool = False,
    ) -> Self:
        """Start a command; `env` is added to the environment of the test.

        `dies_with_parent` asks the kernel to kill the command when the thread that started it
        ends: for services that must not outlive a test run that was itself killed.
        """
        words = tuple(str(word) for word in argv)
        with log_file.open("ab") as log:
            popen = subprocess.Popen(
                (*_leash(), *words) if dies_with_parent else words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
                user=user,
                extra_groups=None if user is None else (),
            )
        return cls(argv=words, log_file=log_file, _popen=popen)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def output(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def tail(self) -> str:
        lines = self.output().splitlines()[-_TAIL_LINES:]
        return "\n".join([f"--- {self._name} ({self._condition}), last lines of its output:", *lines])

    def wait_for_line(self, pattern: str, *, timeout: timedelta = SHORTLY) -> re.Match[str]:
        """Wait until a line of the output matches, and return the match."""
        wanted = re.compile(pattern, re.MULTILINE)
        return self._wait(lambda: wanted.search(self.output()), f"a line like {pattern!r}", timeout)

    def wait_for_http(self, url: str, *, timeout: timedelta = SHORTLY, status: int = 200) -> None:
        """Wait until the address answers with this status."""
        self._wait(lambda: http_status(url) == status, f"{url} to answer {status}", timeout)

    def wait(self, *, timeout: timedelta = SHORTLY) -> int:
        """Wait for the end and return the exit code (negative: the signal)."""
        try:
            return self._popen.wait(timeout.total_seconds())
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{self._name} still runs after {timeout}\n{self.tail()}") from error

    def terminate(self, *, timeout: timedelta = SHORTLY) -> int:
        """Ask the command, not its children, to end (SIGTERM) and return its exit code."""
        return self.signal(signal.SIGTERM).wait(timeout=timeout)

    def kill(self) -> int:
        """Kill the command alone (SIGKILL), as a crash would; its children live on until `close`."""
        return self.signal(signal.SIGKILL).wait()

    def suspend(self) -> None:
        """Stop the whole group in its tracks (SIGSTOP)."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def signal(self, number: signal.Signals) -> Self:
        self._remember_children()
        self._popen.send_signal(number)
        return self

    def close(self) -> None:
        """Kill the command and everything that it started, also what moved to another session."""
        self._remember_children()
        # While one member lives, nobody else gets the number of a group: a new process with
        # our pid therefore means that the group is gone.
        if self.is_running or not psutil.pid_exists(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        for child in self._children.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()  # psutil compares the start time first: never a stranger with the same pid
        self._popen.wait()
        eventually(
            lambda: not any(_is_alive(child) for child in self._children.values()),
            message=f"waiting for the end of what {self._name} started",
        )

    @property
    def _name(self) -> str:
        return Path(self.argv[0]).name

    @property
    def _condition(self) -> str:
        code = self._popen.poll()
        return f"running, pid {self.pid}" if code is None else f"ended with {code}"

    def _remember_children(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            if self.is_running:
                found = psutil.Process(self.pid).children(recursive=True)
                self._children.update((child.pid, child) for child in found)

    def _wait(self, predicate: Callable[[], T | None], wanted: str, timeout: timedelta) -> T:
        def look() -> T | None:
            ended = not self.is_running
            answer = predicate()
            if ended and not answer:
                raise ProcessDied(f"{self._name} ended before {wanted} was seen\n{self.tail()}")
            return answer

        return eventually(look, timeout=timeout, message=f"waiting for {wanted}", processes=[self])


def eventually(
    predicate: Callable[[], T | None],
    *,
    timeout: timedelta = SHORTLY,
    message: str,
    processes: Sequence[Process] = (),
) -> T:
    """Ask again and again until the answer is true, and return it.

    An AssertionError from the predicate counts as "not yet"; any other error ends the wait.
    """
    deadline = time.monotonic() + timeout.total_seconds()
    while True:
        said: object
        try:
            answer = predicate()
        except ProcessDied:
            raise
        except AssertionError as error:
            said = error
        else:
            if answer:
                return answer
            said = answer
        if time.monotonic() >= deadline:
            tails = "".join(f"\n{process.tail()}" for process in processes)
            raise AssertionError(f"{message}: not within {timeout}; the last answer was {said!r}{tails}")
        time.sleep(_PAUSE)


def http_status(url: str) -> int | None:
    """Return the status that an address answers with, or None while nobody answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=5)
    try:
        connection.request("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE  # init may be slow to reap
    except psutil.NoSuchProcess:
        return False


def _leash() -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")  # util-linux; without it only an orderly end cleans up
    return () if setpriv is None else (setpriv, "--pdeathsig", "KILL", "--")
