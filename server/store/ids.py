"""Row ids: text that sorts by the time it was made."""

import secrets
import threading
import time
from dataclasses import dataclass, field

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26
_RANDOM_BITS = 80


@dataclass
class _Maker:
    """Milliseconds, then randomness; within one process a later id is always greater."""

    last: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self) -> int:
        fresh = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
        with self.lock:
            # The same millisecond, or a clock that was set back: go on a random step above the last one.
            self.last = fresh if fresh > self.last else self.last + 1 + secrets.randbits(_RANDOM_BITS // 2)
            return self.last


_MAKER = _Maker()


def new_id() -> str:
    """Make an id of 26 lower-case characters (digits and letters without i, l, o, u)."""
    number = _MAKER.make()
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))
