"""What ends with a pull request, or when somebody lets go: runs, plans, locks."""

from dataclasses import replace
from datetime import datetime

from server.comments.render import render_closed, render_unlocked
from server.domain.errors import Refused
from server.domain.job import JobState
from server.domain.project import ProjectStatus
from server.domain.pull import Pull, PullState
from server.domain.run import Run, RunOutcome, RunState
from server.orchestration import effects, locks
from server.orchestration.advance import finish
from server.orchestration.claims import request_cancel
from server.orchestration.context import Context
from server.orchestration.launch import supersedes
from server.orchestration.messages import say
from server.store.unit_of_work import UnitOfWork
from workers.protocol.jobs import Phase


def stop_run(
    ctx: Context, uow: UnitOfWork, run: Run, *, by: str, outcome: RunOutcome, note: str, now: datetime
) -> bool:
    """Stop a run: at once when nothing of it is running, else as soon as its workers obey.

    Says whether something still has to stop.
    """
    pull = uow.pulls.get(run.pull_id)
    if run.state is RunState.PENDING:
        finish(ctx, uow, replace(run, cancelled_by=by), pull, outcome=outcome, note=note, now=now)
        return False
    before = uow.jobs.of_run(run.id)
    request_cancel(uow, run.id, by=by, now=now)
    jobs = uow.jobs.of_run(run.id)
    for job in jobs:
        if job.state is JobState.CANCELLED and next(old for old in before if old.id == job.id).state != job.state:
            effects.job_never_ran(uow, run, job, now=now)
    current = uow.runs.get_for_update(run.id)
    if any(job.state is JobState.RUNNING for job in jobs):
        uow.runs.save(replace(current, note=note))
        return True
    finish(ctx, uow, current, pull, outcome=outcome, note=note, now=now)
    return False


def supersede(ctx: Context, uow: UnitOfWork, pull: Pull, *, now: datetime) -> None:
    """Stop plans of older commits: a push made them pointless. Applies go on."""
    for run in uow.runs.open_of(pull.id):
        if supersedes(pull.head_sha, run):
            note = f"A newer commit, `{pull.head_sha[:7]}`, was pushed."
            stop_run(ctx, uow, run, by="a newer commit", outcome=RunOutcome.SUPERSEDED, note=note, now=now)


def cancel(ctx: Context, uow: UnitOfWork, pull: Pull, *, by: str, now: datetime) -> str:
    """Stop everything of a pull; says what was stopped."""
    runs = uow.runs.open_of(pull.id)
    waiting = 0
    for run in reversed(runs):  # the one under way last, or the next would begin
        waiting += stop_run(ctx, uow, run, by=by, outcome=RunOutcome.CANCELLED, note=f"Cancelled by @{by}.", now=now)
    if not runs:
        return "There is nothing to cancel: no plan or apply of this pull request is queued or running."
    ended = f"Cancelled {len(runs)} {'command' if len(runs) == 1 else 'commands'}."
    if waiting:
        ended += " What is running was told to stop: Terraform gets an interrupt and time to release its state lock."
    return ended


def unlock(ctx: Context, uow: UnitOfWork, pull: Pull, *, by: str, now: datetime) -> str:
    """Discard a pull's plans and release its locks, unless an apply is running. Gives the answer."""
    applying = [
        job
        for run in uow.runs.open_of(pull.id)
        for job in uow.jobs.of_run(run.id)
        if job.phase is Phase.APPLY and job.state is JobState.RUNNING
    ]
    if applying:
        names = ", ".join(f"`{job.project.label}`" for job in applying if job.project)
        return (
            f"Not unlocked: {names} is being applied right now. "
            f"Wait for it, or stop it with `{ctx.rules.word} cancel` first."
        )
    for run in reversed(uow.runs.open_of(pull.id)):
        stop_run(ctx, uow, run, by=by, outcome=RunOutcome.CANCELLED, note=f"@{by} unlocked.", now=now)
    held = uow.locks.of_pull(pull.id)
    _discard_plans(uow, pull, now=now)
    uow.locks.drop_waiters(pull_id=pull.id)
    locks.release(uow, held, why=f"#{pull.ref.number} was unlocked by @{by}.", now=now)
    return render_unlocked([lock.key.label for lock in held], word=ctx.rules.word, actor=by, words=ctx.words)


def close(ctx: Context, uow: UnitOfWork, pull: Pull, *, by: str, now: datetime) -> None:
    """Clean up after a merged or closed pull. A running apply goes on; its locks go when it ends."""
    applying = False
    for run in reversed(uow.runs.open_of(pull.id)):
        jobs = uow.jobs.of_run(run.id)
        if any(job.phase is Phase.APPLY and job.state is JobState.RUNNING for job in jobs):
            applying = True
            continue
        how = "merged" if pull.state is PullState.MERGED else "closed"
        note = f"The pull request was {how}."
        stop_run(ctx, uow, run, by=by, outcome=RunOutcome.CANCELLED, note=note, now=now)
    held = uow.locks.of_pull(pull.id)
    discarded = _discard_plans(uow, pull, now=now)
    uow.locks.drop_waiters(pull_id=pull.id)
    if not applying:
        uow.artifacts.mark_deleted([one.id for one in uow.artifacts.of_pull(pull.id)], now=now)
        locks.release(uow, held, why=f"#{pull.ref.number} was {pull.state.value}.", now=now)
    if held or discarded:
        body = render_closed(
            [lock.key.label for lock in held],
            was_merged=pull.state is PullState.MERGED,
            discarded=discarded,
            still_applying=applying,
            words=ctx.words,
        )
        say(uow, pull.id, f"closed:{now.isoformat()}", body, now=now)


def _discard_plans(uow: UnitOfWork, pull: Pull, *, now: datetime) -> list[str]:
    discarded = []
    for row in uow.projects.of_pull(pull.id):
        if row.artifact_id and row.status is not ProjectStatus.APPLYING:
            uow.artifacts.mark_deleted([row.artifact_id], now=now)
        if row.has_plan:
            discarded.append(row.key.label)
        if row.status in {ProjectStatus.APPLIED, ProjectStatus.APPLYING, ProjectStatus.LOST}:
            continue
        uow.projects.save(replace(row, status=ProjectStatus.DISCARDED, artifact_id=None, updated_at=now))
    return discarded


def discard_lock(ctx: Context, uow: UnitOfWork, lock_id: str, *, by: str, now: datetime) -> str | None:
    """Release one lock from the pages or the API, with its plan. None when there is no such lock.

    Raises:
        Refused: an apply is using it.
    """
    lock = uow.locks.get(lock_id)
    if lock is None:
        return None
    pull = uow.pulls.get_for_update(lock.pull_id)
    rows = [row for row in uow.projects.of_pull(pull.id) if lock.key.dir in {"*", row.key.dir}]
    rows = [row for row in rows if lock.key.dir == "*" or row.key.workspace == lock.key.workspace]
    if any(row.status is ProjectStatus.APPLYING for row in rows):
        raise Refused(f"`{lock.key.label}` is being applied right now; its lock cannot be released.")
    for row in rows:
        if row.artifact_id:
            uow.artifacts.mark_deleted([row.artifact_id], now=now)
        if row.status is not ProjectStatus.APPLIED:
            uow.projects.save(replace(row, status=ProjectStatus.DISCARDED, artifact_id=None, updated_at=now))
    locks.release(uow, [lock], why=f"@{by} released it.", now=now)
    again = f"Comment `{ctx.rules.word} plan` to plan again."
    body = f"**The lock on `{lock.key.label}` was released by {by}, and its plan discarded.** {again}"
    say(uow, pull.id, f"discarded:{lock.id}", body, now=now)
    return f"Released the lock on `{lock.key.label}`."
