"""Why a project is planned, and where what holds for it is written: facts, kept when a project is chosen."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

FILES_KEPT = 5
DEFAULT = "default"


class CauseKind(StrEnum):
    """What made a project part of a run."""

    CHANGED = "changed"
    NAMED = "named"  # somebody asked for it
    TURN = "turn"  # a lock became free, or its plan went stale


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What made a project part of a run, and what of the change is its business.

    `files` are the first changed files that are, of `files_in_all`. `through` leads from another changed file to the
    project: the file, the module that it belongs to, whatever calls that, and at last the project's directory.
    """

    kind: CauseKind = CauseKind.CHANGED
    files: tuple[str, ...] = ()
    files_in_all: int = 0
    through: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Say it in half a sentence."""
        if self.kind is CauseKind.NAMED:
            return "asked for"
        if self.kind is CauseKind.TURN:
            return "its turn has come"
        return self.change

    @property
    def change(self) -> str:
        """Say what of the change touches the project, in half a sentence; empty where nothing does."""
        if self.files:
            return f"`{self.files[0]}` changed"
        return f"module `{self.through[1]}` changed" if self.through else ""


def changed_files(files: Iterable[str]) -> Cause:
    """Say that files changed, of which a few are named."""
    found = tuple(files)
    return Cause(files=found[:FILES_KEPT], files_in_all=len(found))


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One thing that holds for a project, and where that is written; all three are half sentences for people."""

    name: str
    value: str
    origin: str = DEFAULT


@dataclass(frozen=True, kw_only=True)
class Why:
    """All that is remembered of why a project was planned, and how.

    `listed` is where the project is configured, empty for one that was found by itself. `pattern` is what the first
    changed file matches, and `pattern_origin` where that is written. `command` is what was typed; `trigger` says what
    gave it, and `actor` who.
    """

    cause: Cause
    trigger: str
    actor: str
    command: str
    commit: str
    listed: str = ""
    pattern: str = ""
    pattern_origin: str = ""
    settings: tuple[Setting, ...] = ()
