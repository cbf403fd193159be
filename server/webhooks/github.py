"""GitHub's payloads into our events (GitHub's documentation, webhook events and payloads)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from server.domain.events import (
    BranchPushed,
    Change,
    CommentPosted,
    Event,
    Ignored,
    PullChanged,
    PullClosed,
    RerunAsked,
    ReviewChanged,
)
from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.webhooks.fields import Fields

_CHANGES = {
    "opened": Change.OPENED,
    "reopened": Change.REOPENED,
    "ready_for_review": Change.READY,
    "synchronize": Change.PUSHED,
}
_BRANCHES = "refs/heads/"


def repo_of(payload: Mapping[str, Any]) -> RepoRef | None:
    """Name the repository that a payload is about, if it is about one."""
    fields = Fields(payload, "")
    if not fields.has("repository"):
        return None
    repository = fields.below("repository")
    return RepoRef(repository.host("html_url"), repository.text("full_name"))


def parse(kind: str, payload: Mapping[str, Any]) -> Event:
    """Turn a payload into an event.

    Raises:
        UserMistake: it is not what its kind claims; the message names the place.
    """
    fields = Fields(payload, "")
    repo = repo_of(payload)
    action = fields.text("action") if fields.has("action") else ""
    if repo is None:
        return Ignored(f"{kind} is about no repository")
    if kind in _PARSERS:
        return _PARSERS[kind](fields, action, repo)
    return Ignored(f"{kind}{f'/{action}' if action else ''} is of no interest", repo)


def _pull_request(fields: Fields, action: str, repo: RepoRef) -> Event:
    pull = _pull(fields.below("pull_request"), repo)
    if action == "closed":
        return PullClosed(pull, _sender(fields))
    if action == "edited":
        moved = fields.has("changes") and fields.below("changes").has("base")
        return PullChanged(pull, Change.RETARGETED if moved else Change.EDITED, _sender(fields))
    if action in _CHANGES:
        return PullChanged(pull, _CHANGES[action], _sender(fields))
    return Ignored(f"pull_request/{action} is of no interest", repo)


def _issue_comment(fields: Fields, action: str, repo: RepoRef) -> Event:
    issue = fields.below("issue")
    if not issue.has("pull_request"):
        return Ignored("a comment on an issue, not on a pull request", repo)
    if action != "created":
        return Ignored(f"a comment was {action}; only new ones are commands", repo)
    comment = fields.below("comment")
    return CommentPosted(
        pull=PullRef(repo, issue.number("number")),
        comment_id=str(comment.number("id")),
        author=comment.below("user").text("login"),
        body=comment.text("body"),
    )


def _rerun(kind: str, fields: Fields, action: str, repo: RepoRef) -> Event:
    """Hear of the button beside a check, or beside all of them; GitHub tells only the App whose checks they are."""
    if action != "rerequested":
        return Ignored(f"{kind}/{action} is of no interest", repo)
    check = fields.below(kind)
    return RerunAsked(repo, check.text("head_sha"), check.text("name") if kind == "check_run" else "", _sender(fields))


def _sender(fields: Fields) -> str:
    return fields.below("sender").text("login")


def _pull(fields: Fields, repo: RepoRef) -> Pull:
    head, base = fields.below("head"), fields.below("base")
    number = fields.number("number")
    state = PullState.OPEN if fields.text("state") == "open" else PullState.CLOSED
    return Pull(
        ref=PullRef(repo, number),
        title=fields.text("title"),
        author=fields.below("user").text("login") if fields.has("user") else "ghost",
        url=fields.text("html_url"),
        state=PullState.MERGED if fields.flag("merged") else state,
        draft=fields.flag("draft"),
        head_sha=head.text("sha"),
        head_ref=head.text("ref"),
        head_repo=head.below("repo").text("full_name") if head.has("repo") else "",
        head_fetch_ref=f"refs/pull/{number}/head",
        base_sha=base.text("sha"),
        base_ref=base.text("ref"),
        clone_url=base.below("repo").text("clone_url"),
    )


def _review(fields: Fields, action: str, repo: RepoRef) -> Event:  # noqa: ARG001  (every action is looked at alike)
    return ReviewChanged(PullRef(repo, fields.below("pull_request").number("number")), _sender(fields))


def _push(fields: Fields, action: str, repo: RepoRef) -> Event:  # noqa: ARG001  (a push has none)
    ref = fields.text("ref")
    if not ref.startswith(_BRANCHES):
        return Ignored("push is of no interest", repo)
    if fields.flag("deleted"):
        return Ignored("a branch was deleted", repo)
    return BranchPushed(repo, ref.removeprefix(_BRANCHES), fields.text("after"))


_PARSERS: Mapping[str, Callable[[Fields, str, RepoRef], Event]] = {
    "pull_request": _pull_request,
    "issue_comment": _issue_comment,
    "pull_request_review": _review,
    "push": _push,
    "check_run": partial(_rerun, "check_run"),
    "check_suite": partial(_rerun, "check_suite"),
}
