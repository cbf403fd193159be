"""Who is told outside of the forge that an apply has ended: rows with the apply's own commit, messages after it.

They go beside the pull's comments and statuses, never before or behind them: somebody who does not listen keeps
nobody else from being heard.
"""

from datetime import datetime, timedelta
from functools import partial

import structlog

from server.config.notices import Accounts, WebhookEntry
from server.config.server_file import ServerFile
from server.domain.errors import Defect, TryLater
from server.domain.job import Job, JobState
from server.domain.run import Run
from server.notifiers import slack, webhook
from server.notifiers.announcement import Announcement, OutgoingHook
from server.orchestration.context import Context
from server.store.outbox import NOTICE, Message
from server.store.unit_of_work import UnitOfWork
from workers.protocol.jobs import Phase

log = structlog.get_logger()

_AT_ONCE = 20
_LEASE = timedelta(seconds=60)  # longer than one try, which is bounded by timeouts
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_WISH = 5, 900, 3600  # seconds
_WORTH = timedelta(days=1)  # what nobody took by then is no news any more


def make_hooks(server_file: ServerFile, accounts: Accounts) -> tuple[OutgoingHook, ...]:
    """Make what the operator's file lists ready to be told."""

    def sender(entry: WebhookEntry) -> partial[None]:
        if entry.kind == "slack":
            return partial(slack.send, url=accounts.slack_url, token=accounts.slack_token, channel=entry.channel)
        return partial(webhook.send, url=entry.url or "", headers=accounts.headers, secret=accounts.secret)

    return tuple(
        OutgoingHook(
            id=webhook.identity(
                entry.kind, entry.channel, entry.url or "", entry.workspace_regex, "to", entry.branch_regex
            ),
            label=f"webhooks[{index}] ({entry.kind})",
            workspace=entry.workspace,
            branch=entry.branch,
            send=sender(entry),
        )
        for index, entry in enumerate(server_file.webhooks)
    )


def note_apply(ctx: Context, uow: UnitOfWork, run: Run, job: Job, *, now: datetime) -> None:
    """Have an apply's end told, each hook once; what was refused or called off before it began is not told."""
    if job.phase is not Phase.APPLY or job.project is None or job.claimed_at is None:
        return
    base_ref = uow.pulls.get(run.pull_id).base_ref
    for hook in ctx.hooks:
        if hook.wants(workspace=job.project.workspace, base_ref=base_ref):
            payload = {"job_id": job.id, "hook": hook.id}
            uow.outbox.put(pull_id=run.pull_id, kind=NOTICE, key=f"{job.id}:{hook.id}", payload=payload, now=now)


def deliver_notices(ctx: Context) -> None:
    """Tell whoever is to be told now; of several servers, one tells each."""
    with ctx.store.reading() as uow:
        due = uow.outbox.notices_due(now=ctx.clock(), limit=_AT_ONCE)
    for message in due:
        _deliver(ctx, message)


def _deliver(ctx: Context, message: Message) -> None:
    now = ctx.clock()
    with ctx.store.transaction() as uow:
        if not uow.outbox.take_notice(message, now=now, until=now + _LEASE):
            return  # another server has
        if now - message.created_at > _WORTH:
            uow.outbox.park(message.id, error=f"given up: {message.error}")
            log.error("notice.given_up", message=message.id, error=message.error)
            return
        announced = _read(uow, message)
    hook = next((one for one in ctx.hooks if one.id == message.payload["hook"]), None)
    if hook is None:  # another server may have read another file
        _failed(ctx, message, "", TryLater("no such webhook is configured on this server"))
        return
    try:
        hook.send(announced)
    except TryLater as error:
        _failed(ctx, message, hook.label, error)
        return
    with ctx.store.transaction() as uow:
        uow.outbox.mark_sent(message.id, version=message.version, forge_ref=None, now=ctx.clock())
    log.info("notice.sent", message=message.id, hook=hook.label)


def _read(uow: UnitOfWork, message: Message) -> Announcement:
    job = uow.jobs.get(message.payload["job_id"])
    run = None if job is None else uow.runs.get(job.run_id)
    if job is None or run is None or job.project is None:
        raise Defect(f"the job that message {message.id} is about is gone")
    return Announcement(
        id=message.id,
        pull=uow.pulls.get(run.pull_id),
        head_sha=run.head_sha,
        project=job.project,
        actor=run.actor,
        succeeded=job.state is JobState.SUCCEEDED,
    )


def _failed(ctx: Context, message: Message, label: str, error: TryLater) -> None:
    wish = min(error.after_seconds or 0, _LONGEST_WISH)
    pause = max(wish, min(_FIRST_PAUSE * 2 ** min(message.attempts, 10), _LONGEST_PAUSE))
    with ctx.store.transaction() as uow:
        uow.outbox.mark_failed(message.id, error=str(error), next_try_at=ctx.clock() + timedelta(seconds=pause))
    log.warning("notice.postponed", message=message.id, hook=label, error=str(error), seconds=pause)
