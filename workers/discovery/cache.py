"""Readings that outlive a job: what a file says depends on its content alone, so they are kept by that."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workers.discovery.hcl import Problem, Reading

_FORMAT = f"2, python-hcl2 {version('python-hcl2')}"
_MOST = 50_000


class Readings:
    """The cache of one repository. A damaged file is an empty one; of two writers the last one wins."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = _loaded(file)
        self._new = False

    def get(self, key: str, *, parsed: bool) -> Reading | None:
        """Look a file up; with `parsed`, only an entry that comes from parsing counts."""
        try:
            reading = _reading(self._known[key])
        except (KeyError, TypeError, ValueError):
            return None
        return reading if reading.parsed or not parsed else None

    def put(self, key: str, reading: Reading) -> None:
        """Remember what a file says."""
        problem = reading.problem
        facts = [problem.summary, problem.detail, problem.line, problem.severity] if problem else None
        self._known[key] = [list(reading.sources), facts, reading.parsed, list(reading.reads)]
        self._new = True

    def save(self, used: Iterable[str]) -> None:
        """Write what is new. When there is too much, only what this commit used is kept."""
        if not self._new:
            return
        if len(self._known) > _MOST:
            self._known = {key: self._known[key] for key in used if key in self._known}
        text = json.dumps({"format": _FORMAT, "files": self._known})
        with contextlib.suppress(OSError):  # a cache that cannot be written is merely slow
            handle, name = tempfile.mkstemp(dir=self._file.parent, prefix=".readings-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self._file)


def _loaded(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        return {}
    files = document.get("files")
    return files if isinstance(files, dict) else {}


def _reading(entry: Any) -> Reading:
    sources, facts, parsed, reads = entry
    problem = None
    if facts is not None:
        summary, detail, line, severity = facts
        problem = Problem(
            summary=str(summary),
            detail=str(detail),
            line=None if line is None else int(line),
            severity="warning" if severity == "warning" else "error",
        )
    return Reading(sources=tuple(map(str, sources)), problem=problem, parsed=bool(parsed), reads=tuple(map(str, reads)))
