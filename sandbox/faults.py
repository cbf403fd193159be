"""Trouble on demand: the next requests that match fail in the way that a test asks for."""

import re
import threading
import time
from dataclasses import dataclass

from flask import Flask, Response, request


@dataclass
class Fault:
    """What happens to the next `times` requests whose method and path match."""

    pattern: re.Pattern[str]
    times: int
    status: int = 502
    message: str = "Bad Gateway"
    headers: tuple[tuple[str, str], ...] = ()
    after: bool = False  # the act is done, and only its answer is spoilt
    delay: float = 0.0


class Faults:
    """Faults in force, and every request that came."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, pattern: str, *, times: int = 1, **how: object) -> None:
        """Spoil the next requests whose `METHOD path` matches."""
        with self._lock:
            self._faults.append(Fault(re.compile(pattern), times, **how))  # type: ignore[arg-type]

    def clear(self) -> None:
        """Let everything work again."""
        with self._lock:
            self._faults.clear()

    def install(self, app: Flask) -> None:
        """Watch an application's requests."""

        @app.before_request
        def _before() -> Response | None:
            self.requests.append((request.method, request.path))
            return self._spoilt(after=False)

        @app.after_request
        def _after(answer: Response) -> Response:
            return self._spoilt(after=True) or answer

    def _spoilt(self, *, after: bool) -> Response | None:
        name = f"{request.method} {request.path}"
        with self._lock:
            fault = next(
                (one for one in self._faults if one.after is after and one.times > 0 and one.pattern.search(name)), None
            )
            if fault is None:
                return None
            fault.times -= 1
        time.sleep(fault.delay)
        if fault.status == 0:
            return None
        return Response(f'{{"message": "{fault.message}"}}', fault.status, dict(fault.headers), "application/json")
