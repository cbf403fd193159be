"""Projects that depend on others: planned again when those are applied, and applied if the plan is the reviewed one.

What an upstream project puts out is known only when it is applied. A plan that was made before may rest on what was
so then; so each link of a chain is planned anew in its turn. If that plan is the one that people saw, it is applied;
otherwise it waits for them, and what comes after it waits as well.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from server.domain.commands import Command, CommandKind
from server.domain.job import Job, JobState
from server.domain.lock import LockMode, LockScope, lock_key
from server.domain.project import SETTLED, ProjectStatus, PullProject
from server.domain.pull import Pull
from server.domain.run import Run, Trigger
from server.orchestration import locks
from server.orchestration.apply import apply_job
from server.orchestration.context import Context
from server.orchestration.launch import launch
from server.orchestration.select import checkout_of, environment_of
from server.store.bells import Bell, BellKind
from server.store.ids import new_id
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import from_data, to_data
from workers.protocol.jobs import Phase, Plan
from workers.protocol.results import PlanFacts, Report

_MAY_FOLLOW = frozenset(
    {
        ProjectStatus.PLANNED,
        ProjectStatus.NO_CHANGES,
        ProjectStatus.POLICY_FAILED,
        ProjectStatus.PLAN_FAILED,
        ProjectStatus.APPLY_FAILED,
    }
)


def is_late(run: Run, job: Job) -> bool:
    """Say whether a job plans in the middle of an apply."""
    return run.command.kind is CommandKind.APPLY and job.phase is Phase.PLAN


def project_settled(ctx: Context, uow: UnitOfWork, run: Run, settled: PullProject, *, now: datetime) -> None:
    """Plan those again, in the same run, that were waiting for this project and for nothing else."""
    if settled.key.name is None or run.command.kind is not CommandKind.APPLY:
        return
    pull = uow.pulls.get(run.pull_id)
    rows = uow.projects.of_pull(run.pull_id)
    open_names = {row.key.name for row in rows if row.status not in SETTLED}
    busy = {job.project for job in uow.jobs.of_run(run.id)}
    for row in rows:
        depends_on = row.config.get("depends_on", ())
        if settled.key.name not in depends_on or open_names & set(depends_on) or row.key in busy:
            continue
        if row.run_id == run.id and row.status in _MAY_FOLLOW:
            _plan_again(ctx, uow, run, pull, row, now=now)


def _plan_again(ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, row: PullProject, *, now: datetime) -> None:
    before = uow.jobs.get(str(row.config.get("plan_job_id") or row.job_id or ""))
    if before is None or before.phase is not Phase.PLAN:
        return
    if row.config.get("lock_mode") == LockMode.ON_PLAN:  # a plan that failed kept none
        key = lock_key(pull.ref.repo, row.key, LockScope(row.config.get("lock_scope", LockScope.PROJECT)))
        if locks.take(uow, run, key, now=now).pull_id != pull.id:
            locks.wait(uow, run, key, row.key, now=now)
            uow.projects.save(replace(row, status=ProjectStatus.LOCKED, note="", updated_at=now))
            return
    earlier = from_data(Plan, dict(before.spec))
    policy = ctx.policy(pull.ref.repo)
    base = row.planned_base or pull.base_sha
    work = replace(
        earlier,
        checkout=checkout_of(pull, run, strategy=policy.checkout, base_sha=base),
        environment=environment_of(pull, run),
    )
    job = Job(
        id=new_id(),
        run_id=run.id,
        phase=Phase.PLAN,
        project=row.key,
        wave=int(row.config.get("apply_wave", row.wave)),
        state=JobState.WAITING,
        attempt=1,
        pool=before.pool,
        spec=to_data(work),
        created_at=now,
    )
    uow.jobs.add_all([job])
    uow.ring(Bell(BellKind.RELAY, ""))
    config = {**row.config, "before_late_plan": row.status.value}
    uow.projects.save(replace(row, status=ProjectStatus.PENDING, job_id=job.id, note="", updated_at=now, config=config))


def late_plan_ended(
    ctx: Context, uow: UnitOfWork, run: Run, job: Job, row: PullProject, report: Report | None, *, now: datetime
) -> None:
    """Apply a plan that was made again if it is the one that was reviewed; otherwise leave it to people."""
    facts = report.facts if report is not None else None
    if row.status is not ProjectStatus.PENDING or row.run_id != run.id:  # discarded meanwhile
        if isinstance(facts, PlanFacts):
            uow.artifacts.mark_deleted([facts.artifact.id], now=now)
        return
    if job.state is not JobState.SUCCEEDED or not isinstance(facts, PlanFacts):
        back_as_it_was(uow, row, failed=job.state is JobState.FAILED, now=now)
        return
    was_reviewed = row.config.get("waits_reviewed") is True and row.artifact_id is not None
    is_same = was_reviewed and facts.digest == row.plan_digest
    if row.artifact_id:
        uow.artifacts.mark_deleted([row.artifact_id], now=now)
    fresh = replace(
        row,
        updated_at=now,
        counts=facts.changes.counts,
        plan_digest=facts.digest,
        artifact_id=facts.artifact.id,
        artifact_sha256=facts.artifact.sha256,
        artifact_size=facts.artifact.size,
        config={**row.config, "plan_job_id": job.id, "carried_from": ""},
    )
    if is_same:
        follow = apply_job(ctx, run, uow.pulls.get(run.pull_id), fresh, now=now)
        uow.jobs.add_all([follow])
        config = {**fresh.config, "policies_of": facts.artifact.id}
        uow.projects.save(replace(fresh, status=ProjectStatus.APPLYING, job_id=follow.id, config=config))
        return
    if facts.changes.counts.is_empty:
        settled = replace(fresh, status=ProjectStatus.NO_CHANGES, policies=())
        uow.projects.save(settled)
        project_settled(ctx, uow, run, settled, now=now)
        return
    note = (
        f"Planned again, since {_names(row)} was applied. The plan is not the one that was reviewed, so it was not "
        "applied: look at it first."
    )
    uow.projects.save(replace(fresh, status=ProjectStatus.PLANNED, note=note))


def _names(row: PullProject) -> str:
    return ", ".join(f"`{name}`" for name in row.config.get("depends_on", ())) or "what it depends on"


def back_as_it_was(uow: UnitOfWork, row: PullProject, *, failed: bool, now: datetime) -> None:
    """Give a project back the standing that it had before it was to be planned again; its plan is still there."""
    status = ProjectStatus(row.config.get("before_late_plan", ProjectStatus.DISCARDED))
    if not failed:
        uow.projects.save(replace(row, status=status, updated_at=now))
        return
    if row.artifact_id:
        uow.artifacts.mark_deleted([row.artifact_id], now=now)
    note = f"Planned again, since {_names(row)} was applied, and that failed."
    uow.projects.save(
        replace(row, status=ProjectStatus.PLAN_FAILED, artifact_id=None, policies=(), note=note, updated_at=now)
    )


def run_ended(uow: UnitOfWork, run: Run, pull: Pull, rows: Sequence[PullProject], *, now: datetime) -> None:
    """After an apply, say of those whose turn did not come why, and have those planned again that it did not mean."""
    named = {row.key.name: row for row in rows if row.key.name}
    applied = {row.key.name for row in rows if row.run_id == run.id and row.status is ProjectStatus.APPLIED}
    touched = {job.project for job in uow.jobs.of_run(run.id)}
    outdated = []
    for row in rows:
        depends_on = row.config.get("depends_on", ())
        if row.key in touched or row.status not in _MAY_FOLLOW:
            continue
        if row.run_id == run.id:
            first = next((name for name in depends_on if name in named and named[name].status not in SETTLED), "")
            if first:
                note = f"Not applied: it depends on `{first}`, which has to be applied first."
                uow.projects.save(replace(row, note=note, updated_at=now))
        if applied & set(depends_on):
            outdated.append(row)
    if outdated:
        _launch_again(uow, run, pull, outdated, now=now)


def _launch_again(uow: UnitOfWork, run: Run, pull: Pull, outdated: Sequence[PullProject], *, now: datetime) -> None:
    command = Command(kind=CommandKind.PLAN, only=tuple(row.key for row in outdated))
    again = launch(uow, pull, command, trigger=Trigger.STALE, actor=run.actor, now=now)
    which = ", ".join(f"`{row.key.label}`" for row in outdated)
    uow.runs.save(replace(again, note=f"Planned again, since something that it depends on was applied: {which}."))
