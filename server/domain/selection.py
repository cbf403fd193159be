"""Which projects a change touches, from facts alone.

Rules: `when_modified` patterns and discovery as Atlantis has them; beyond that, a change in a local module
touches every root that uses it, transitively.
"""

import posixpath
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from server.domain.explanation import Cause, changed_files
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import DiscoverFacts


@dataclass(frozen=True)
class Candidate:
    """A configured project, and what makes a changed file its business."""

    key: ProjectKey
    triggers: Callable[[str], bool]


@dataclass(frozen=True)
class Chosen:
    """A project to plan, and why."""

    key: ProjectKey
    cause: Cause

    @property
    def reason(self) -> str:
        """Say why in half a sentence."""
        return self.cause.words


def affected(candidates: Sequence[Candidate], facts: DiscoverFacts) -> list[Chosen]:
    """Say which configured projects a change touches. Directories that are gone are left out."""
    existing = set(facts.module_dirs)
    through = users_of_changed(facts)
    chosen = []
    for candidate in candidates:
        if candidate.key.dir not in existing:
            continue
        cause = _cause(candidate, facts.changed_files, through)
        if cause is not None:
            chosen.append(Chosen(candidate.key, cause))
    return chosen


def _cause(candidate: Candidate, changed: Sequence[str], through: Mapping[str, tuple[str, ...]]) -> Cause | None:
    files = [path for path in changed if candidate.triggers(path)]
    way = through.get(candidate.key.dir, ())
    return replace(changed_files(files), through=way) if files or way else None


def discovered(
    facts: DiscoverFacts, *, counts: Callable[[str], bool], ignored: Callable[[str], bool], taken: Iterable[str]
) -> list[Chosen]:
    """Find root modules that nobody configured and that the change touches.

    `counts` says which changed files matter, `ignored` which directories do not; `taken` are directories
    that are configured already.
    """
    existing = set(facts.module_dirs)
    modules = {called for calls in facts.module_calls.values() for called in calls}
    found: dict[str, list[str]] = {}
    for path in facts.changed_files:
        directory = project_dir_of(path, existing) if counts(path) else None
        if directory is not None and directory not in modules:
            found.setdefault(directory, []).append(path)
    through = {directory: way for directory, way in users_of_changed(facts).items() if directory not in modules}
    left_out = set(taken)
    return [
        Chosen(
            ProjectKey(directory), replace(changed_files(found.get(directory, ())), through=through.get(directory, ()))
        )
        for directory in sorted({*found, *through})
        if directory in existing and directory not in left_out and not ignored(directory)
    ]


def project_dir_of(path: str, existing: set[str]) -> str | None:
    """Say which root a changed file belongs to, by Atlantis's rules; None when it has none.

    A file in `env/` belongs to the directory above (the tfvars convention); one below `modules/` to the
    directory that holds `modules`, if that is a root itself.
    """
    name = posixpath.basename(path)
    if any(part in name for part in ("terraform.tfstate", "tflint.hcl")):
        return None
    directory = posixpath.dirname(path) or "."
    parts = directory.split("/")
    if "modules" in parts:
        before = parts[: parts.index("modules")]
        directory = "/".join(before) or "."
    elif parts[-1] == "env" and directory not in existing:
        directory = posixpath.dirname(directory) or "."
    return directory if directory in existing else None


def users_of_changed(facts: DiscoverFacts) -> dict[str, tuple[str, ...]]:
    """Map each directory that uses a changed module, however indirectly, to the way there.

    It begins with a changed file and the module that this belongs to, and ends with the directory.
    """
    callers: dict[str, list[str]] = {}
    for caller, called in facts.module_calls.items():
        for module in called:
            callers.setdefault(module, []).append(caller)
    found: dict[str, tuple[str, ...]] = {}
    for module, path in sorted(_changed_modules(facts.changed_files, set(callers)).items()):
        queue: deque[tuple[str, ...]] = deque([(path, module)])
        while queue:
            way = queue.popleft()
            for caller in callers.get(way[-1], ()):
                if caller not in found:
                    found[caller] = (*way, caller)
                    queue.append(found[caller])
    return found


def _changed_modules(changed: Iterable[str], modules: set[str]) -> dict[str, str]:
    """Map each changed module to the first file that changed in it."""
    # A template three folders below a module is part of that module.
    found: dict[str, str] = {}
    for path in changed:
        directory = posixpath.dirname(path)
        while directory:
            if directory in modules:
                found.setdefault(directory, path)
                break
            directory = posixpath.dirname(directory)
    return found
