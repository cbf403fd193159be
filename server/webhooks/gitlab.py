"""GitLab's payloads into our events (GitLab's documentation, webhook events)."""

import hmac
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from werkzeug.datastructures import Headers

from server.domain.events import (
    BranchPushed,
    Change,
    CommentPosted,
    Event,
    Ignored,
    PullChanged,
    PullClosed,
    ReviewChanged,
)
from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.webhooks.fields import Fields

EVENT_HEADER = "X-Gitlab-Event"
DELIVERY_HEADER = "X-Gitlab-Event-UUID"
_OPENED = {"open": Change.OPENED, "reopen": Change.REOPENED}
_REVIEWS = frozenset({"approved", "unapproved", "approval", "unapproval"})
_CLOSED = {"closed": PullState.CLOSED, "merged": PullState.MERGED}
_DRAFT_TITLE = re.compile(r"\s*(draft:|wip:|\[(draft|wip)\]|\(draft\))", re.IGNORECASE)
_REASONS = {
    "Pipeline Hook": "pipelines are looked at when somebody applies",
    "Confidential Note Hook": "an internal note is no command: the answer would be seen by everybody",
}
_BRANCHES = "refs/heads/"
_NOTHING = "0" * 40  # the commit that a deleted branch is at


def is_genuine(_body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    """Check the token that GitLab sends along, in constant time; it signs nothing."""
    try:
        given = headers.get("X-Gitlab-Token", "").encode("latin-1")  # as which WSGI hands bytes over
    except UnicodeEncodeError:
        return False
    return bool(secret) and hmac.compare_digest(secret.encode("utf-8", "surrogatepass"), given)


def delivery_id(body: bytes, headers: Headers) -> str:
    """Name a delivery; the same when GitLab sends it again, and empty where its headers are missing.

    Only newer GitLab sends an `Idempotency-Key`. The event's UUID alone would not do: what one push does to several
    merge requests comes with the same (gitlab: `lib/gitlab/web_hooks/recursion_detection/uuid.rb`).
    """
    key = headers.get("Idempotency-Key", "")
    if key:
        return key
    event = headers.get(DELIVERY_HEADER, "")
    return f"{event}.{sha256(body).hexdigest()[:16]}" if event else ""


def repo_of(payload: Mapping[str, Any]) -> RepoRef | None:
    """Name the repository that a payload is about, if it is about one."""
    fields = Fields(payload, "")
    if not fields.has("project"):
        return None
    project = fields.below("project")
    return RepoRef(project.host("web_url"), project.text("path_with_namespace"))


def parse(kind: str, payload: Mapping[str, Any]) -> Event:
    """Turn a payload into an event; `kind` is the header's (`Merge Request Hook`).

    Raises:
        UserMistake: it is not what its kind claims; the message names the place.
    """
    fields = Fields(payload, "")
    repo = repo_of(payload)
    if repo is None:
        return Ignored(f"{kind} is about no repository")
    if kind in _PARSERS:
        return _PARSERS[kind](fields, repo)
    return Ignored(_REASONS.get(kind, f"{kind} is of no interest"), repo)


def _merge_request(fields: Fields, repo: RepoRef) -> Event:
    attributes, actor = fields.below("object_attributes"), _actor(fields)
    action = attributes.text("action") if attributes.has("action") else ""
    if action in _REVIEWS:
        return ReviewChanged(PullRef(repo, attributes.number("iid")), actor)
    if not attributes.has("last_commit"):
        return Ignored("a merge request without a commit", repo)
    pull = _pull(fields, attributes, repo)
    if action in {"close", "merge"}:
        return PullClosed(pull, actor)
    if action in _OPENED:
        return PullChanged(pull, _OPENED[action], actor)
    if action == "update":
        return PullChanged(pull, _change(fields, attributes), actor)
    return Ignored(f"Merge Request Hook/{action} is of no interest", repo)


def _change(fields: Fields, attributes: Fields) -> Change:
    """Say what an update is about. `oldrev` is there when commits came, and only then."""
    if attributes.has("oldrev"):
        return Change.PUSHED
    if not fields.has("changes"):
        return Change.EDITED
    changes = fields.below("changes")
    if changes.has("target_branch"):
        return Change.RETARGETED
    return Change.READY if _is_made_ready(changes) else Change.EDITED


def _is_made_ready(changes: Fields) -> bool:
    if changes.has("draft"):
        draft = changes.below("draft")
        return draft.flag("previous") and not draft.flag("current")
    if not changes.has("title"):
        return False
    title = changes.below("title")  # GitLab before 16 tells no change of `draft`, which the title makes it
    before, after = (title.text(key) if title.has(key) else "" for key in ("previous", "current"))
    return bool(_DRAFT_TITLE.match(before)) and not _DRAFT_TITLE.match(after)


def _note(fields: Fields, repo: RepoRef) -> Event:
    note = fields.below("object_attributes")
    on = note.text("noteable_type")
    if on != "MergeRequest":
        return Ignored(f"a comment on {on}, not on a merge request", repo)
    if note.flag("system"):
        return Ignored("a note that GitLab wrote by itself", repo)
    if not _is_new(note):
        return Ignored("a comment was edited; only new ones are commands", repo)
    return CommentPosted(
        pull=PullRef(repo, fields.below("merge_request").number("iid")),
        comment_id=str(note.number("id")),
        author=_actor(fields),
        body=note.text("note"),
    )


def _is_new(note: Fields) -> bool:
    if note.has("action"):
        return note.text("action") == "create"
    return note.text("created_at") == note.text("updated_at")  # GitLab before 16.0 names no action


def _push(fields: Fields, repo: RepoRef) -> Event:
    ref, sha = fields.text("ref"), fields.text("after")
    if not ref.startswith(_BRANCHES):
        return Ignored("a push to something that is no branch", repo)
    if sha.startswith(_NOTHING):
        return Ignored("a branch was deleted", repo)
    return BranchPushed(repo, ref.removeprefix(_BRANCHES), sha)


def _actor(fields: Fields) -> str:
    return fields.below("user").text("username")


def _pull(fields: Fields, attributes: Fields, repo: RepoRef) -> Pull:
    """Read the merge request. The author's name and the tip of the target branch are in no payload.

    The author is known where he is the one who acts, and is empty otherwise.
    """
    number, user = attributes.number("iid"), fields.below("user")
    by_author = user.has("id") and attributes.has("author_id") and user.number("id") == attributes.number("author_id")
    return Pull(
        ref=PullRef(repo, number),
        title=attributes.text("title"),
        author=_actor(fields) if by_author else "",
        url=attributes.text("url"),
        state=_CLOSED.get(attributes.text("state"), PullState.OPEN),
        draft=attributes.flag("draft") or attributes.flag("work_in_progress"),
        head_sha=attributes.below("last_commit").text("id"),
        head_ref=attributes.text("source_branch"),
        head_repo=attributes.below("source").text("path_with_namespace") if attributes.has("source") else "",
        head_fetch_ref=f"refs/merge-requests/{number}/head",
        base_sha="",
        base_ref=attributes.text("target_branch"),
        clone_url=fields.below("project").text("git_http_url"),
    )


_PARSERS: Mapping[str, Callable[[Fields, RepoRef], Event]] = {
    "Merge Request Hook": _merge_request,
    "Note Hook": _note,
    "Push Hook": _push,
}
