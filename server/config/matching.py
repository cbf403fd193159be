"""File patterns as Atlantis understands them: docker-ignore style, the last match wins."""

import itertools
import posixpath
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from pathspec import PathSpec
from pathspec.patterns.gitwildmatch import GitWildMatchPattern

# What makes a discovered (not configured) directory be planned; Atlantis's --autoplan-file-list.
AUTOPLAN_FILES = (
    "**/*.tf",
    "**/*.tf.json",
    "**/*.tfvars",
    "**/*.tfvars.json",
    "**/*.tofu",
    "**/*.tofu.json",
    "**/terragrunt.hcl",
    "**/.terraform.lock.hcl",
)


@lru_cache(maxsize=4096)
def _spec(patterns: tuple[str, ...]) -> PathSpec:
    # Anchored git patterns and docker-ignore patterns mean the same: `*` stays within a segment, `**`
    # crosses, a matched directory covers what is below it, `!` takes back.
    return PathSpec.from_lines(GitWildMatchPattern, [_anchored(pattern) for pattern in patterns])


def _anchored(pattern: str) -> str:
    if pattern.startswith("!"):
        return "!/" + pattern[1:].lstrip("/")
    return "/" + pattern.lstrip("/")


class Matcher:
    """A predicate over paths from the repository root, which also knows by which of its patterns one matches."""

    __slots__ = ("_prefix", "_spec", "patterns")

    def __init__(self, patterns: Sequence[str], spec: PathSpec, *, prefix: str = "") -> None:
        self.patterns, self._spec, self._prefix = patterns, spec, prefix

    def __call__(self, path: str) -> bool:
        """Say whether a path matches."""
        return path.startswith(self._prefix) and bool(self._spec.match_file(path[len(self._prefix) :]))

    def pattern(self, path: str) -> str:
        """Give the pattern, as it is written, that a path matches; empty if it matches none."""
        if not path.startswith(self._prefix):
            return ""
        found = self._spec.check_file(path[len(self._prefix) :])
        return self.patterns[found.index] if found.include and found.index is not None else ""


def matcher(patterns: tuple[str, ...], *, base: str) -> Matcher:
    """Make a predicate over paths from the repository root, for patterns relative to `base`.

    Patterns may climb (`../modules/**`). The common case, all of them inside `base`, shares one compiled
    form between projects, which is what keeps thousands of projects cheap.
    """
    if base in {".", ""}:
        return Matcher(patterns, _spec(patterns))
    if any(".." in pattern for pattern in patterns):
        return Matcher(patterns, _spec(tuple(_joined(base, pattern) for pattern in patterns)))
    return Matcher(patterns, _spec(patterns), prefix=base + "/")


def _joined(base: str, pattern: str) -> str:
    mark, plain = ("!", pattern[1:]) if pattern.startswith("!") else ("", pattern)
    return mark + posixpath.normpath(posixpath.join(base, plain))


def matches_any(patterns: tuple[str, ...], path: str) -> bool:
    """Say whether a path from the root matches a list of patterns."""
    return bool(_spec(patterns).match_file(path))


_BRACES = re.compile(r"\{([^{}]*)\}")
_MOST_SPELLINGS = 256


def is_glob(directory: str) -> bool:
    """Say whether a directory is a pattern of directories."""
    return any(mark in directory for mark in "*?[")


def glob_matches(pattern: str, directory: str) -> bool:
    """Say whether a whole directory matches a pattern, as Atlantis's doublestar has it.

    `*` stays within a segment, `**` stands for any number of them (also none), `{a,b}` for either. Other than with
    `matches_any`, a matched directory does not cover what is below it.
    """
    path = _segments(directory)
    return any(_walk(_segments(spelling), path) for spelling in _spellings(pattern))


def _segments(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split("/") if part not in {"", "."})


@lru_cache(maxsize=1024)
def _spellings(pattern: str) -> tuple[str, ...]:
    """Write out `{a,b}`; a pattern with very many spellings stays as it is, and matches next to nothing."""
    groups = [group.split(",") for group in _BRACES.findall(pattern)]
    parts = _BRACES.split(pattern)[::2]
    combinations: Iterator[tuple[str, ...]] = itertools.product(*groups)
    found = tuple(
        "".join(itertools.chain.from_iterable(zip(parts, (*chosen, ""), strict=True)))
        for chosen in itertools.islice(combinations, _MOST_SPELLINGS + 1)
    )
    return found if len(found) <= _MOST_SPELLINGS else (pattern,)


def _walk(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    # Where one can be in the path after each part of the pattern: no way is tried twice.
    reached = {0}
    for part in pattern:
        if part == "**":
            reached = set(range(min(reached), len(path) + 1)) if reached else reached
        else:
            name = part.replace("[^", "[!")
            reached = {at + 1 for at in reached if at < len(path) and fnmatchcase(path[at], name)}
    return len(path) in reached
