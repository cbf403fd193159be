"""What no webhook announced: open pulls and comments of known repositories are looked up, slowly."""

from datetime import datetime, timedelta

import structlog

from server.comments.parser import parse
from server.domain.commands import NotForUs
from server.domain.errors import ServiceError
from server.domain.events import Change, CommentPosted, PullChanged, PullClosed
from server.domain.pull import Pull
from server.domain.refs import PullRef, RepoRef
from server.forges.base import Forge
from server.orchestration import messages
from server.orchestration.context import Context
from server.orchestration.intake import handle_event

log = structlog.get_logger()

_OVERLAP = timedelta(minutes=5)  # clocks differ, and a comment may have been on its way


def poll(ctx: Context, *, since: datetime) -> None:
    """Look every known repository up once. One that does not answer does not keep the others waiting."""
    with ctx.store.reading() as uow:
        repos = uow.pulls.repos()
    for repo in repos:
        if not ctx.allowlist.allows(repo):
            continue
        try:
            _poll_repo(ctx, repo, since=since)
        except ServiceError as error:
            log.warning("poll.postponed", repo=str(repo), error=str(error))


def _poll_repo(ctx: Context, repo: RepoRef, *, since: datetime) -> None:
    forge = ctx.forges.of(repo)
    with ctx.store.reading() as uow:
        known = {pull.ref: pull for pull in uow.pulls.list_open(repo)}
    seen = {pull.ref: pull for pull in forge.open_pulls(repo)}
    for ref, pull in seen.items():
        _notice_change(ctx, known.get(ref), pull)
    for ref in known.keys() - seen.keys():
        gone = forge.get_pull(ref)
        if not gone.is_open:
            handle_event(ctx, PullClosed(gone, "the forge"), delivery=None)
    for ref, comment in forge.comments_since(repo, since - _OVERLAP):
        if ref in seen and not _is_heard(ctx, forge, ref, comment.id, comment.body):
            event = CommentPosted(pull=ref, comment_id=comment.id, author=comment.author, body=comment.body)
            handle_event(ctx, event, delivery=None)


def _notice_change(ctx: Context, known: Pull | None, pull: Pull) -> None:
    if known is None:
        handle_event(ctx, PullChanged(pull, Change.OPENED, pull.author), delivery=None)
    elif known.head_sha != pull.head_sha:
        handle_event(ctx, PullChanged(pull, Change.PUSHED, pull.author), delivery=None)
    elif known.draft and not pull.draft:
        handle_event(ctx, PullChanged(pull, Change.READY, pull.author), delivery=None)


def _is_heard(ctx: Context, forge: Forge, ref: PullRef, comment_id: str, body: str) -> bool:
    if isinstance(parse(body, words=ctx.rules.words, login=forge.login), NotForUs):
        return True
    with ctx.store.reading() as uow:
        pull = uow.pulls.by_ref(ref)
        return pull is not None and messages.is_answered(uow, pull.id, comment_id)
