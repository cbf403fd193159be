"""What GitLab notes by itself in a merge request; nobody wrote it, and no webhook tells of it.

Words: `app/services/system_notes/` of GitLab (merge_requests_service.rb, commit_service.rb, issuables_service.rb).
"""

from collections.abc import Mapping
from typing import Any

from sandbox.gitlab.state import GitLab
from sandbox.model import Comment, Pull, Repo, Review


def notes_of(what: str, repo: Repo, pull: Pull, facts: Mapping[str, Any]) -> list[str]:
    """Say what GitLab notes of something that happened."""
    match what:
        case "pull_request.synchronize":
            count = repo.git.ahead_behind(facts["before"], pull.head_sha)[0]
            return [f"added {count} commit{'' if count == 1 else 's'}"]
        case "pull_request_review.submitted" | "pull_request_review.dismissed":
            review: Review = facts["review"]
            words = {"APPROVED": "approved", "DISMISSED": "unapproved", "CHANGES_REQUESTED": "requested changes to"}
            return [f"{words[review.state]} this merge request"] if review.state in words else []
        case "pull.changed":
            return _edits(facts["moves"])
        case _:
            return []


def _edits(moves: Mapping[str, tuple[Any, Any]]) -> list[str]:
    found = []
    if "title" in moves:
        found.append("changed title from **{{-{}-}}** to **{{+{}+}}**".format(*moves["title"]))
    if "draft" in moves:
        found.append(f"marked this merge request as **{'draft' if moves['draft'][1] else 'ready'}**")
    if "base_ref" in moves:
        found.append("changed target branch from `{}` to `{}`".format(*moves["base_ref"]))
    return found


def take_down(hub: GitLab, what: str, repo: Repo, pull: Pull, facts: Mapping[str, Any]) -> None:
    """Note what happened, if it is something that GitLab notes."""
    notes = hub.talk(repo, pull).system_notes
    for body in notes_of(what, repo, pull, facts):
        notes.append(Comment(hub.forge.ids.next(), str(facts["actor"]), body))
