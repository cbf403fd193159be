"""Locks between threads and processes of one machine; the kernel frees them when their holder dies."""

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from workers.errors import JobCancelled, JobFailed
from workers.protocol.results import FailureKind

_SLICE = 0.5  # how soon a cancellation is noticed


@contextlib.contextmanager
def locked(
    path: Path, *, what: str, cancel: threading.Event | None = None, patience: timedelta = timedelta(hours=1)
) -> Iterator[None]:
    """Hold the lock of this file inside; `what` says to people what is being waited for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)  # one object per holder, so that threads exclude each other as well
    deadline = time.monotonic() + patience.total_seconds()
    while True:
        try:
            lock.acquire(timeout=_SLICE, poll_interval=0.02)
            break
        except Timeout:
            if cancel is not None and cancel.is_set():
                raise JobCancelled(f"cancelled while waiting for {what}") from None
            if time.monotonic() >= deadline:
                raise JobFailed(FailureKind.GIT, f"Waited {patience} for {what}") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock of this file if nobody else does; say whether it worked."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
