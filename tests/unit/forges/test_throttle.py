"""Writes are spaced out, however many threads want to write."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from server.domain.errors import TryLater
from server.forges.throttle import Throttle


def spent(throttle: Throttle, times: int) -> float:
    begun = time.monotonic()
    for _ in range(times):
        throttle.wait()
    return time.monotonic() - begun


def test_the_first_write_goes_at_once() -> None:
    assert spent(Throttle(timedelta(seconds=30)), 1) < 1


def test_later_writes_keep_their_distance() -> None:
    assert spent(Throttle(timedelta(seconds=0.05)), 5) >= 0.2


def test_a_quiet_time_saves_up_one_write_and_not_more() -> None:
    throttle = Throttle(timedelta(seconds=0.1))
    throttle.wait()
    time.sleep(0.3)
    assert spent(throttle, 3) >= 0.2


def test_threads_share_the_distance() -> None:
    throttle, passed, begun = Throttle(timedelta(seconds=0.04)), [], threading.Barrier(6)

    def write() -> None:
        begun.wait()
        throttle.wait()
        passed.append(time.monotonic())

    with ThreadPoolExecutor(6) as pool:
        for _ in range(6):
            pool.submit(write)
    assert max(passed) - min(passed) >= 0.19


def test_without_an_interval_nobody_waits() -> None:
    assert spent(Throttle(timedelta(0)), 100_000) < 5


def test_nobody_stands_in_a_long_line() -> None:
    throttle = Throttle(timedelta(seconds=30))
    throttle.wait()

    with pytest.raises(TryLater) as caught:
        throttle.wait()

    assert caught.value.after_seconds is not None
    assert 20 < caught.value.after_seconds <= 30
