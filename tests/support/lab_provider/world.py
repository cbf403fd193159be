"""The world of the lab provider: a JSON file per thing, and beside it a log with one line per operation."""

import json
import os
from pathlib import Path
from typing import Any

Thing = dict[str, Any]


def look(path: str) -> Thing | None:
    """Return what is on disk; a file that somebody filled with anything else counts as content."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"content": text}


def put(path: str, thing: Thing) -> None:
    """Write the thing in one move, so that a reader never sees half of it."""
    draft = Path(f"{path}.{os.getpid()}.new")
    draft.write_text(json.dumps(thing, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)


def remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


def begin(path: str, operation: str) -> int:
    """Log that an operation begins, and return its number: the first one on a path is 1."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    log = os.open(f"{path}.log", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        os.write(log, f"{operation}\n".encode())
        return os.pread(log, os.fstat(log).st_size, 0).count(b"\n")
    finally:
        os.close(log)
