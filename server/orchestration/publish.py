"""Outbox rows to the forge: one writer for each pull, oldest first, recognising what was already said."""

from datetime import datetime, timedelta

import structlog

from server.comments.format import prose
from server.comments.marker import marker_for
from server.domain.errors import Refused, TryLater, UserMistake
from server.domain.pull import Pull
from server.forges.base import CommitStatus, Forge, MergeMethod, StatusState
from server.orchestration import messages
from server.orchestration.checks import check_details
from server.orchestration.context import Context
from server.orchestration.views import comment_body
from server.store.ids import new_id
from server.store.outbox import Message

log = structlog.get_logger()

_LEASE = timedelta(seconds=30)  # longer than one call to a forge, which times out in 15
_LONGEST_PAUSE = 30  # seconds, unless the forge asks for more
_PERHAPS = "?"  # a comment was sent, and its answer never came
_PARK_AFTER = 8  # refusals, not outages: those are retried for ever
_PATIENCE = {messages.REACTION: (1, 0), messages.MERGE: (4, 5)}  # tries, and seconds between: rules take a moment


def publish(ctx: Context, pull_id: str) -> None:
    """Say everything that a pull's outbox holds; stops at the first thing that cannot be said now."""
    owner = new_id()
    while _is_due(ctx, pull_id):
        with ctx.store.transaction() as uow:
            if not uow.pulls.lease_publisher(pull_id, owner=owner, now=ctx.clock(), for_=_LEASE):
                return  # whoever holds it looks once more after letting go, as we do
        try:
            while _publish_next(ctx, pull_id, owner=owner):
                pass
        finally:
            with ctx.store.transaction() as uow:
                uow.pulls.release_publisher(pull_id, owner=owner)


def _is_due(ctx: Context, pull_id: str) -> bool:
    with ctx.store.reading() as uow:
        return bool(uow.outbox.due(pull_id, now=ctx.clock(), limit=1))


def _publish_next(ctx: Context, pull_id: str, *, owner: str) -> bool:
    with ctx.store.transaction() as uow:
        now = ctx.clock()
        if not uow.pulls.lease_publisher(pull_id, owner=owner, now=now, for_=_LEASE):
            return False  # we were slow, and somebody else writes now
        due = uow.outbox.due(pull_id, now=now, limit=1)
        if not due:
            return False
        message, pull = due[0], uow.pulls.get(pull_id)
        # Written down before the forge is called: whoever tries again knows that it may have been heard.
        uow.outbox.begin_attempt(message.id)
        if message.kind == messages.COMMENT and message.forge_ref is None:
            uow.outbox.remember_ref(message.id, forge_ref=_PERHAPS)
    forge = ctx.forges.of(pull.ref.repo)
    try:
        ref = _send(ctx, forge, pull, message)
    except TryLater as error:
        _failed(ctx, message, str(error), after=error.after_seconds)
        return False
    except (Refused, UserMistake) as error:
        _refused(ctx, message, str(error))
        return True
    with ctx.store.transaction() as uow:
        uow.outbox.mark_sent(message.id, version=message.version, forge_ref=ref, now=ctx.clock())
    return True


def _send(ctx: Context, forge: Forge, pull: Pull, message: Message) -> str | None:
    match message.kind:
        case messages.COMMENT:
            return _send_comment(ctx, forge, pull, message)
        case messages.STATUS:
            forge.set_status(pull, message.payload["sha"], _status(ctx, forge, pull, message))
        case messages.REACTION:
            if forge.capabilities.can_react and message.payload["emoji"]:
                forge.react(pull.ref, message.payload["comment_id"], message.payload["emoji"])
        case messages.HIDING:
            _hide(ctx, forge, pull, message)
        case messages.MERGE:
            _merge(forge, pull, message)
        case _:
            raise UserMistake(f"a message of unknown kind {message.kind!r}")
    return message.forge_ref


def _hide(ctx: Context, forge: Forge, pull: Pull, message: Message) -> None:
    with ctx.store.reading() as uow:
        said = uow.outbox.get(pull_id=pull.id, kind=messages.COMMENT, key=message.key)
    if said is not None and said.forge_ref is not None and said.forge_ref != _PERHAPS:
        forge.hide_comment(pull.ref, said.forge_ref)


def _merge(forge: Forge, pull: Pull, message: Message) -> None:
    """Merge a pull as it is now: somebody may have merged or changed it since."""
    current = forge.get_pull(pull.ref)
    if not current.is_open:
        return
    if current.head_sha != message.payload["sha"]:
        raise Refused(f"{pull.ref} has moved on to another commit since it was applied")
    forge.merge(
        current,
        method=MergeMethod(message.payload["method"]),
        delete_branch=bool(message.payload["delete_branch"]),
    )


def _status(ctx: Context, forge: Forge, pull: Pull, message: Message) -> CommitStatus:
    payload = message.payload
    summary, annotations = (
        check_details(ctx, pull, message, can=forge.capabilities) if forge.capabilities.has_checks else ("", ())
    )
    return CommitStatus(
        context=payload["context"],
        state=StatusState(payload["state"]),
        description=payload["description"],
        url=payload["url"],
        summary=summary,
        annotations=annotations,
    )


def _send_comment(ctx: Context, forge: Forge, pull: Pull, message: Message) -> str | None:
    known = message.forge_ref
    if known == _PERHAPS:
        known = forge.find_comment(pull.ref, marker_for(message.id))
    text = comment_body(ctx, pull, message, can=forge.capabilities, is_said=known is not None)
    if text is None:
        return None
    if known is None:
        return forge.post_comment(pull.ref, text)
    try:
        forge.edit_comment(pull.ref, known, text)
    except UserMistake:  # somebody deleted it
        return forge.post_comment(pull.ref, text)
    return known


def _failed(ctx: Context, message: Message, error: str, *, after: float | None) -> None:
    pause = timedelta(seconds=max(after or 0, min(2**message.attempts, _LONGEST_PAUSE)))
    now: datetime = ctx.clock()
    with ctx.store.transaction() as uow:
        uow.outbox.mark_failed(message.id, error=error, next_try_at=now + pause)
    log.warning("message.postponed", message=message.id, kind=message.kind, error=error, seconds=pause.seconds)


def _refused(ctx: Context, message: Message, error: str) -> None:
    """The forge says no for good: a reaction is let go at once, words are tried a few times more."""
    patience, pause = _PATIENCE.get(message.kind, (_PARK_AFTER, 30))
    now = ctx.clock()
    with ctx.store.transaction() as uow:
        if message.attempts + 1 >= patience:
            uow.outbox.park(message.id, error=error, version=message.version)
            if message.kind == messages.MERGE:
                body = f"**Not merged by itself.** {prose(error)}"
                messages.say(uow, message.pull_id, f"not-merged:{message.key}", body, now=now)
        else:
            uow.outbox.mark_failed(message.id, error=error, next_try_at=now + timedelta(seconds=pause))
    log.error("message.refused", message=message.id, kind=message.kind, error=error)
