"""At most one write in an interval, whoever asks."""

import threading
import time
from datetime import timedelta


class Throttle:
    """Spaces writes out. GitHub asks integrations for a second between two of them."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval.total_seconds()
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Wait for the next free moment; a burst after a quiet time goes through at once."""
        if not self._interval:
            return
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._next)
            self._next = mine + self._interval
        time.sleep(max(mine - now, 0))
