"""What is kept of a command's output while it comes: bounded, whatever the command prints."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

Sink = Callable[[str], None]

LINE_LIMIT = 64 * 1024


@dataclass(eq=False)
class Whole:
    """Keeps everything up to a limit."""

    limit: int
    content: bytearray = field(default_factory=bytearray)
    truncated: bool = False

    def take(self, data: bytes) -> None:
        room = self.limit - len(self.content)
        self.truncated = self.truncated or len(data) > room
        self.content += data[:room]


@dataclass(eq=False)
class Kept:
    """Keeps the beginning and the end of what it is given."""

    limit: int
    head: bytearray = field(default_factory=bytearray)
    tail: deque[bytes] = field(default_factory=deque)
    tail_size: int = 0
    lost: int = 0

    def take(self, data: bytes) -> None:
        room = self.limit // 2 - len(self.head)
        if room > 0:
            self.head += data[:room]
            data = data[room:]
        if not data:
            return
        self.tail.append(data)
        self.tail_size += len(data)
        while self.tail_size - len(self.tail[0]) > self.limit // 2:
            self.lost += len(self.tail[0])
            self.tail_size -= len(self.tail.popleft())

    def text(self) -> str:
        tail = b"".join(self.tail)
        excess = max(0, len(tail) - self.limit // 2)
        lost, tail = self.lost + excess, tail[excess:]
        gap = f"\n[... {lost} bytes left out ...]\n".encode() if lost else b""
        return (bytes(self.head) + gap + tail).decode("utf-8", "replace")


@dataclass(eq=False)
class Lines:
    """Hands lines to a sink. Of a giant line only the beginning, so that no line costs much memory."""

    sink: Sink
    pending: bytearray = field(default_factory=bytearray)
    lost: int = 0

    def take(self, data: bytes) -> None:
        first, *rest = data.split(b"\n")
        self._hold(first)
        for piece in rest:
            self._hand_on()
            self._hold(piece)

    def end(self) -> None:
        if self.pending:
            self._hand_on()

    def _hold(self, piece: bytes) -> None:
        room = LINE_LIMIT - len(self.pending)
        self.pending += piece[:room]
        self.lost += max(0, len(piece) - room)

    def _hand_on(self) -> None:
        # A cut line does not end with half a character: a redactor looks at how it ends.
        text = self.pending.decode("utf-8", "ignore" if self.lost else "replace").removesuffix("\r")
        lost = self.lost
        self.pending.clear()
        self.lost = 0
        self.sink(text)
        if lost:
            self.sink(f"[... {lost} more bytes of this line left out ...]")
