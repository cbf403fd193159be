"""File patterns as Atlantis understands them: docker-ignore style, the last match wins."""

import posixpath
from collections.abc import Callable
from functools import lru_cache

from pathspec import PathSpec
from pathspec.patterns.gitwildmatch import GitWildMatchPattern

Matcher = Callable[[str], bool]

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


def matcher(patterns: tuple[str, ...], *, base: str) -> Matcher:
    """Make a predicate over paths from the repository root, for patterns relative to `base`.

    Patterns may climb (`../modules/**`). The common case, all of them inside `base`, shares one compiled
    form between projects, which is what keeps thousands of projects cheap.
    """
    if base in {".", ""}:
        shared = _spec(patterns)
        return lambda path: bool(shared.match_file(path))
    if any(".." in pattern for pattern in patterns):
        joined = _spec(tuple(_joined(base, pattern) for pattern in patterns))
        return lambda path: bool(joined.match_file(path))
    inner = _spec(patterns)
    prefix = base + "/"
    return lambda path: path.startswith(prefix) and bool(inner.match_file(path[len(prefix) :]))


def _joined(base: str, pattern: str) -> str:
    mark, plain = ("!", pattern[1:]) if pattern.startswith("!") else ("", pattern)
    return mark + posixpath.normpath(posixpath.join(base, plain))


def matches_any(patterns: tuple[str, ...], path: str) -> bool:
    """Say whether a path from the root matches a list of patterns."""
    return bool(_spec(patterns).match_file(path))
