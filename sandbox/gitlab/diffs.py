"""Changes of files as GitLab tells them.

Shape: docs.gitlab.com/api/merge_requests, "List merge request diffs".
"""

from dataclasses import dataclass

from sandbox.gitlab.answers import Json
from sandbox.model import Repo


@dataclass(frozen=True)
class _Change:
    letter: str
    old_path: str
    new_path: str
    a_mode: str
    b_mode: str


def diffs(repo: Repo, base: str, head: str) -> list[Json]:
    """List what changed from one commit to another, with the text of each change."""
    return [_diff(repo, base, head, change) for change in _changes(repo, base, head)]


def _changes(repo: Repo, base: str, head: str) -> list[_Change]:
    words = [word for word in repo.git.git("diff", "--raw", "-z", "-M", base, head).split("\0") if word]
    found = []
    while words:
        a_mode, b_mode, _, _, status = words.pop(0).lstrip(":").split(" ")
        old = words.pop(0)
        new = words.pop(0) if status[0] in "RC" else old
        found.append(_Change(status[0], old, new, a_mode, b_mode))
    return found


def _diff(repo: Repo, base: str, head: str, change: _Change) -> Json:
    text = repo.git.git("diff", "-M", base, head, "--", *{change.old_path, change.new_path})
    _, at, hunks = text.partition("\n@@")
    return {
        "old_path": change.old_path,
        "new_path": change.new_path,
        "a_mode": change.a_mode,
        "b_mode": change.b_mode,
        "diff": f"@@{hunks}\n" if at else "",
        "collapsed": False,
        "too_large": False,
        "new_file": change.letter == "A",
        "renamed_file": change.letter == "R",
        "deleted_file": change.letter == "D",
        "generated_file": False,
    }
