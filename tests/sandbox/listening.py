"""A place for webhooks to arrive."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Heard:
    """One request."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Listener:
    """Keeps what it hears; answers with the next of `answers`, and 202 after those."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def wait_for(self, count: int) -> list[Heard]:
        """Wait until so many requests came."""
        until(lambda: len(self.heard) >= count)
        return self.heard


def until(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen on a free port."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            listener.heard.append(Heard({key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(listener.answers.pop(0) if listener.answers else 202)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (as the base class names it)
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        listener.url = f"http://127.0.0.1:{http.server_address[1]}/hook"
        yield listener
        http.shutdown()
        thread.join(5)
