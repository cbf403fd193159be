"""What is to be said on the forge, as outbox rows: the newest wish replaces an older one of the same key."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from server.comments.statuses import StatusLine
from server.domain.commands import CommandKind
from server.domain.pull import Pull
from server.domain.run import Run
from server.orchestration.context import Rules
from server.store.bells import Bell, BellKind
from server.store.unit_of_work import UnitOfWork

COMMENT = "comment"
STATUS = "status"
REACTION = "reaction"
MERGE = "merge"
HIDING = "hiding"
AUTOPLAN_KEY = "autoplan"
_LOOKED_BACK = 50


def say_run(uow: UnitOfWork, run: Run, *, now: datetime) -> None:
    """Have a run's comment written anew; its text is made from the rows when it is sent."""
    _put(uow, run.pull_id, COMMENT, run.comment_key, {"run_id": run.id}, now=now, touch=True)


def say(uow: UnitOfWork, pull_id: str, key: str, body: str, *, now: datetime) -> None:
    """Have a comment with a fixed text written once."""
    _put(uow, pull_id, COMMENT, key, {"body": body}, now=now)


def ask_to_merge(uow: UnitOfWork, run: Run, *, sha: str, method: str, delete_branch: bool, now: datetime) -> None:
    """Have a pull merged if its head still is `sha`; written after its statuses, which a rule may ask for."""
    payload = {"sha": sha, "method": method, "delete_branch": delete_branch, "run_id": run.id}
    _put(uow, run.pull_id, MERGE, run.id, payload, now=now)


def react(uow: UnitOfWork, pull_id: str, comment_id: str, *, emoji: str, now: datetime) -> None:
    """Have a reaction put on a comment; without one, only write down that the comment was heard."""
    _put(uow, pull_id, REACTION, comment_id, {"comment_id": comment_id, "emoji": emoji}, now=now)


def hide_earlier_plans(uow: UnitOfWork, run: Run, *, now: datetime) -> None:
    """Have the comments of earlier plans folded away; the living one of automatic plans is edited instead."""
    for earlier in uow.runs.of_pull(run.pull_id, limit=_LOOKED_BACK):
        if earlier.id == run.id or earlier.command.kind is not CommandKind.PLAN or earlier.comment_key == AUTOPLAN_KEY:
            continue
        if uow.outbox.get(pull_id=run.pull_id, kind=HIDING, key=earlier.comment_key) is None:
            _put(uow, run.pull_id, HIDING, earlier.comment_key, {}, now=now)


def is_answered(uow: UnitOfWork, pull_id: str, comment_id: str) -> bool:
    """Say whether a comment was dealt with: it may be announced twice, by webhook and by looking."""
    if uow.outbox.get(pull_id=pull_id, kind=REACTION, key=comment_id) is not None:
        return True
    return uow.outbox.get(pull_id=pull_id, kind=COMMENT, key=f"answer:{comment_id}") is not None


def set_statuses(
    uow: UnitOfWork, pull: Pull, lines: Iterable[tuple[StatusLine, str]], *, rules: Rules, now: datetime
) -> None:
    """Have commit statuses set on a pull's head, each with the run that it links to and that its details are read from.

    What is wanted already is left alone: a large pull has hundreds of them, and every job's end looks at all.
    """
    wanted = uow.outbox.payloads(pull.id, kind=STATUS)
    for line, run_id in lines:
        key = f"{pull.head_sha}:{line.context}"
        payload = {
            "sha": pull.head_sha,
            "context": line.context,
            "state": line.state,
            "description": line.description,
            "url": rules.run_url(run_id),
            "run_id": run_id,
        }
        if wanted.get(key) != payload:
            _put(uow, pull.id, STATUS, key, payload, now=now)


def _put(
    uow: UnitOfWork,
    pull_id: str,
    kind: str,
    key: str,
    payload: Mapping[str, Any],
    *,
    now: datetime,
    touch: bool = False,
) -> None:
    uow.outbox.put(pull_id=pull_id, kind=kind, key=key, payload=payload, now=now, touch=touch)
    uow.ring(Bell(BellKind.PUBLISH, pull_id))
