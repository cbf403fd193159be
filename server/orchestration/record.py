"""What workers said, and what their silence means."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from server.domain.errors import UserMistake
from server.domain.job import Job, JobState
from server.domain.run import Run
from server.orchestration import effects
from server.orchestration.advance import advance
from server.orchestration.context import Context
from server.store.bells import Bell, BellKind
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import to_data
from workers.protocol.results import Failure, FailureKind, Outcome, Report

log = structlog.get_logger()

STATES = {
    Outcome.SUCCEEDED: JobState.SUCCEEDED,
    Outcome.FAILED: JobState.FAILED,
    Outcome.CANCELLED: JobState.CANCELLED,
}


def record(ctx: Context, report: Report) -> bool:
    """Store what a worker reported, then let the run move on.

    Reports arrive at least once: the second copy finds its job closed and is accepted without effect.
    False means that the attempt is not the one in force: the worker must not go on.
    """
    now = ctx.clock()
    with ctx.store.transaction() as uow:
        job, run = _locked(uow, report.job_id)
        if job.attempt != report.attempt or (job.state is not JobState.RUNNING and not _is_copy(job, report)):
            log.info("report.ignored", job_id=job.id, attempt=report.attempt, state=job.state)
            return False
        if job.is_closed:
            return True
        closed = job.move_to(STATES[report.outcome], report=to_data(report), finished_at=now)
        uow.jobs.save(closed)
        effects.job_ended(ctx, uow, run, closed, report, now=now)
        advance(ctx, uow, run, now=now)
        return True


def _is_copy(job: Job, report: Report) -> bool:
    return (
        job.report is not None and job.report.get("outcome") == report.outcome and job.state is STATES[report.outcome]
    )


def fail_queued(ctx: Context, uow: UnitOfWork, job: Job, failure: Failure, *, now: datetime) -> None:
    """Close a job that must not start any more."""
    run = lock_run(uow, job.run_id)
    report = Report(job_id=job.id, attempt=job.attempt, outcome=Outcome.FAILED, failure=failure)
    closed = job.move_to(JobState.FAILED, report=to_data(report), finished_at=now)
    uow.jobs.save(closed)
    effects.job_ended(ctx, uow, run, closed, report, now=now)
    advance(ctx, uow, run, now=now)


def give_up_silent(ctx: Context, *, limit: int = 50) -> int:
    """Deal with jobs whose worker fell silent; says how many there were.

    What only reads the world is tried again, a bounded number of times. What changes the world is LOST: its
    lock stays, and only a person starts it again.
    """
    now = ctx.clock()
    with ctx.store.reading() as uow:
        silent: Sequence[Job] = uow.jobs.silent(before=now - ctx.rules.lost_after, limit=limit)
    for job in silent:
        with ctx.store.transaction() as uow:
            current, run = _locked(uow, job.id)
            last = current.heartbeat_at or current.claimed_at
            if current.state is not JobState.RUNNING or current.attempt != job.attempt:
                continue
            if last is not None and last >= now - ctx.rules.lost_after:
                continue
            log.warning("job.lost", job_id=job.id, attempt=job.attempt, phase=job.phase, worker=job.worker)
            _give_up(uow, current, ctx.rules.max_attempts, now=now)
            closed = uow.jobs.get(job.id)
            if closed is not None and closed.is_closed:
                effects.job_ended(ctx, uow, run, closed, None, now=now)
            advance(ctx, uow, run, now=now)
    return len(silent)


def _give_up(uow: UnitOfWork, job: Job, max_attempts: int, *, now: datetime) -> None:
    if job.phase.changes_the_world:
        uow.jobs.save(job.move_to(JobState.LOST, finished_at=now))
        return
    if job.cancel_requested_at is not None:
        uow.jobs.save(job.move_to(JobState.CANCELLED, finished_at=now))
        return
    if job.attempt >= max_attempts:
        failure = Failure(
            kind=FailureKind.INTERNAL,
            summary=f"{job.attempt} workers in a row fell silent while they worked on this",
            detail="Look at the workers' logs: they may run out of memory or be restarted by something.",
        )
        report = Report(job_id=job.id, attempt=job.attempt, outcome=Outcome.FAILED, failure=failure)
        uow.jobs.save(job.move_to(JobState.FAILED, report=to_data(report), finished_at=now))
        return
    again = job.move_to(JobState.QUEUED, worker=None, claimed_at=None, heartbeat_at=None, rung_at=None)
    uow.jobs.save(replace(again, attempt=job.attempt + 1))
    uow.ring(Bell(BellKind.RELAY, ""))


def _locked(uow: UnitOfWork, job_id: str) -> tuple[Job, Run]:
    found = uow.jobs.get(job_id)
    if found is None:
        raise UserMistake(f"There is no job {job_id}.")
    run = lock_run(uow, found.run_id)
    return uow.jobs.get_for_update(job_id), run


def lock_run(uow: UnitOfWork, run_id: str) -> Run:
    """Lock a run for change: its pull's row first, always, so that no two transactions cross."""
    run = uow.runs.get(run_id)
    if run is None:
        raise UserMistake(f"There is no run {run_id}.")
    uow.pulls.get_for_update(run.pull_id)
    return uow.runs.get_for_update(run_id)
