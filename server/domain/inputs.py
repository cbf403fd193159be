"""Which part of a commit a project's plan can read, and its name by content.

Two plans with the same name by content read the same: code, local modules, variables, lock file. What comes from
elsewhere (the state, a registry, the cloud) is not the commit's, and a push does not change it.
"""

import hashlib
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from workers.protocol.jobs import Step
from workers.protocol.results import CodeInputs

_ANYTHING = "*"
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
# What these stand for in a step's arguments is the same for every commit of a pull request.
_LASTING = frozenset(
    {
        "WORKSPACE",
        "PROJECT_NAME",
        "DIR",
        "REPO_REL_DIR",
        "BASE_BRANCH_NAME",
        "BASE_REPO_NAME",
        "BASE_REPO_OWNER",
        "HEAD_BRANCH_NAME",
        "HEAD_REPO_NAME",
        "HEAD_REPO_OWNER",
        "PULL_AUTHOR",
        "PULL_NUM",
        "PULL_URL",
    }
)
_UNDERSTOOD = frozenset({"init", "plan", "show"})


@dataclass(frozen=True)
class Reach:
    """What a project's plan reads of a commit: paths from the root, `*` for all of it; or why nobody can say."""

    paths: frozenset[str] = frozenset()
    unknown: str = ""


def reach_of_steps(steps: Iterable[Step], directory: str) -> Reach:
    """Say what the steps of a plan read by themselves, besides the project's code."""
    paths: set[str] = set()
    known = set(_LASTING)
    for step in steps:
        if step.name == "env" and step.command is None and step.variable:
            known.add(step.variable)
        elif step.name not in _UNDERSTOOD:
            return Reach(unknown=f"its workflow's `{step.name}` step may read anything")
        for word in step.extra_args:
            named = set(_VARIABLE.findall(word))
            if named - known:
                return Reach(unknown=f"its workflow's `{step.name}` step is given `{word}`, which every commit changes")
            paths.update(_named(word, directory, is_plain=not named))
    return Reach(frozenset(paths))


def _named(word: str, directory: str, *, is_plain: bool) -> Iterator[str]:
    if ".." in word and not is_plain:
        yield _ANYTHING
    elif ".." in word:
        place = posixpath.normpath(posixpath.join(directory, word.rpartition("=")[2]))
        yield _ANYTHING if place.startswith("..") else place


def reach_of_patterns(patterns: Iterable[str], directory: str) -> frozenset[str]:
    """Say where the files lie that an operator or author has named as a reason to plan."""
    return frozenset(_fixed_part(pattern, directory) for pattern in patterns if not pattern.startswith("!"))


def _fixed_part(pattern: str, directory: str) -> str:
    parts = pattern.split("/")
    fixed = next((at for at, part in enumerate(parts) if any(mark in part for mark in "*?[\\")), len(parts))
    place = posixpath.normpath(posixpath.join(directory, *parts[:fixed]))
    return "." if place.startswith(("..", "/")) else place


def covered(directory: str, more: Collection[str], code: CodeInputs) -> frozenset[str]:
    """Name the objects that a project's plan can read: its directory, the modules it calls, what any of these names."""
    objects = set[str]()
    pending = [*_modules(directory, code), *more]
    seen = set[str]()
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        if path == _ANYTHING:
            return frozenset({"."})
        place = _listed(path, code)
        objects.add(place)
        pending += [one for home, paths in code.reads.items() if _is_below(home, place) for one in paths]
    return frozenset({"."}) if "." in objects else frozenset(objects)


def _modules(directory: str, code: CodeInputs) -> set[str]:
    found, calling = set[str](), [directory]
    while calling:
        module = calling.pop()
        if module not in found:
            found.add(module)
            calling += code.calls.get(module, ())
    return found


def _listed(path: str, code: CodeInputs) -> str:
    while path not in code.objects and path != ".":
        path = posixpath.dirname(path) or "."
    return path


def _is_below(path: str, directory: str) -> bool:
    return directory in {".", path} or path.startswith(f"{directory}/")


def named_by_content(paths: Iterable[str], code: CodeInputs, *, besides: Iterable[str]) -> str:
    """Name what lies at these paths, and other texts, by one digest (SHA-256, in hex)."""
    lines = [*(f"{code.objects[path]} {path}" for path in sorted(paths)), *besides]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
