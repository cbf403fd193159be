"""At most one write in an interval, whoever asks."""

import threading
import time
from datetime import timedelta

from server.domain.errors import TryLater

_LONGEST = 3.0  # seconds


class Throttle:
    """Spaces writes out. GitHub asks integrations for a second between two of them."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval.total_seconds()
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Wait for the next free moment.

        Raises:
            TryLater: the line is too long to stand in: whoever waits here keeps others from being heard.
        """
        if not self._interval:
            return
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._next)
            if mine - now > _LONGEST:
                raise TryLater("many other things are being said on this forge first", after_seconds=mine - now)
            self._next = mine + self._interval
        time.sleep(max(mine - now, 0))
