"""What a job's end means for its project: plan kept or gone, lock kept or released, others made stale."""

from dataclasses import replace
from datetime import datetime
from typing import Literal

from server.domain.commands import Command, CommandKind
from server.domain.job import Job, JobState
from server.domain.lock import Lock, LockMode, LockScope, lock_key
from server.domain.project import ProjectStatus, PullProject
from server.domain.pull import Pull
from server.domain.run import Run, Trigger
from server.orchestration import locks
from server.orchestration.chain import back_as_it_was, is_late, late_plan_ended, project_settled, run_ended
from server.orchestration.context import Context
from server.orchestration.hooks import show_hooks
from server.orchestration.launch import launch
from server.orchestration.notices import note_apply
from server.orchestration.policies import policies_judged
from server.store.unit_of_work import UnitOfWork
from workers.protocol.jobs import Phase, ProjectKey, TerraformChoice
from workers.protocol.results import ApplyFacts, PlanFacts, Report


def job_ended(ctx: Context, uow: UnitOfWork, run: Run, job: Job, report: Report | None, *, now: datetime) -> None:
    """Write down what a closed job means. A lost or cancelled job may have no report."""
    if job.project is None:
        show_hooks(ctx, uow, run, uow.pulls.get(run.pull_id), job, report, now=now)
        return
    note_apply(ctx, uow, run, job, now=now)
    if job.phase is Phase.POLICY:
        policies_judged(ctx, uow, run, job, report, now=now)
        return
    row = uow.projects.get(run.pull_id, job.project)
    if row is None or row.job_id != job.id:
        return  # a newer run has taken the project over
    if is_late(run, job):
        late_plan_ended(ctx, uow, run, job, row, report, now=now)
        if job.state is JobState.FAILED:
            _free_after_failure(uow, run, row, now=now)
    elif job.phase is Phase.PLAN:
        _plan_ended(uow, run, job, row, report, now=now)
    elif job.phase is Phase.APPLY:
        _apply_ended(ctx, uow, run, job, row, report, now=now)
    elif job.phase.changes_the_world:
        _state_work_ended(uow, run, job, row, now=now)


def _plan_ended(uow: UnitOfWork, run: Run, job: Job, row: PullProject, report: Report | None, *, now: datetime) -> None:
    facts = report.facts if report is not None else None
    was_called_off = job.cancel_requested_at is not None  # it may have ended before the worker heard of it
    if job.state is JobState.SUCCEEDED and isinstance(facts, PlanFacts) and not was_called_off:
        status = ProjectStatus.NO_CHANGES if facts.changes.counts.is_empty else ProjectStatus.PLANNED
        uow.projects.save(
            replace(
                row,
                status=status,
                updated_at=now,
                counts=facts.changes.counts,
                plan_digest=facts.digest,
                artifact_id=facts.artifact.id,
                artifact_sha256=facts.artifact.sha256,
                artifact_size=facts.artifact.size,
                planned_head=run.head_sha,
                planned_base=run.base_sha,
                terraform=TerraformChoice(distribution=_distribution(facts), version=facts.terraform_version),
                terraform_version=facts.terraform_version,
                config={**row.config, "plan_job_id": job.id},
                note="",
            )
        )
        return
    is_discarded = was_called_off or job.state is JobState.CANCELLED
    status = ProjectStatus.DISCARDED if is_discarded else ProjectStatus.PLAN_FAILED
    if isinstance(facts, PlanFacts):
        uow.artifacts.mark_deleted([facts.artifact.id], now=now)
    uow.projects.save(replace(row, status=status, updated_at=now, artifact_id=None))
    _free_after_failure(uow, run, row, now=now)


def _free_after_failure(uow: UnitOfWork, run: Run, row: PullProject, *, now: datetime) -> None:
    held = lock_of(uow, run, row)
    if held is not None:
        locks.release(uow, [held], why="the plan that held it failed.", now=now)


def _distribution(facts: PlanFacts) -> Literal["terraform", "opentofu"]:
    return "opentofu" if facts.distribution == "opentofu" else "terraform"


def _apply_ended(
    ctx: Context, uow: UnitOfWork, run: Run, job: Job, row: PullProject, report: Report | None, *, now: datetime
) -> None:
    if job.state is JobState.LOST:
        uow.projects.save(replace(row, status=ProjectStatus.LOST, updated_at=now))
        return
    if job.state is not JobState.SUCCEEDED:
        uow.projects.save(replace(row, status=ProjectStatus.APPLY_FAILED, updated_at=now))
        return
    outputs = report.facts.outputs if report is not None and isinstance(report.facts, ApplyFacts) else {}
    applied = replace(row, status=ProjectStatus.APPLIED, updated_at=now, outputs=outputs, artifact_id=None)
    uow.projects.save(applied)
    if row.artifact_id:
        uow.artifacts.mark_deleted([row.artifact_id], now=now)
    _make_others_stale(uow, run, row.key, now=now)
    project_settled(ctx, uow, run, applied, now=now)


def _state_work_ended(uow: UnitOfWork, run: Run, job: Job, row: PullProject, *, now: datetime) -> None:
    """Throw away the plans that were made against the state as it was; after a failure they still fit."""
    if job.state not in {JobState.SUCCEEDED, JobState.LOST}:
        return
    note = ""
    if job.state is JobState.LOST:
        note = "Its worker fell silent in the middle of it: the state may have changed. A plan shows how things stand."
    uow.projects.save(
        replace(row, status=ProjectStatus.DISCARDED, artifact_id=None, policies=(), note=note, updated_at=now)
    )
    if row.artifact_id:
        uow.artifacts.mark_deleted([row.artifact_id], now=now)
    _make_others_stale(uow, run, row.key, now=now)


def _make_others_stale(uow: UnitOfWork, run: Run, key: ProjectKey, *, now: datetime) -> None:
    """Plans of other pulls for the same project were made against a state that is gone: plan them again."""
    repo = uow.pulls.get(run.pull_id).ref.repo
    for other in uow.projects.with_plan_elsewhere(repo=repo, key=key, except_pull=run.pull_id):
        if other.artifact_id:
            uow.artifacts.mark_deleted([other.artifact_id], now=now)
        uow.projects.save(replace(other, status=ProjectStatus.STALE, updated_at=now, artifact_id=None))
        pull = uow.pulls.get(other.pull_id)
        command = Command(kind=CommandKind.PLAN, only=(other.key,))
        again = launch(uow, pull, command, trigger=Trigger.STALE, actor=run.actor, now=now)
        mine = uow.pulls.get(run.pull_id)
        did = "was applied" if run.command.kind is CommandKind.APPLY else "changed the state"
        note = f"`{key.label}` is planned again because #{mine.ref.number} {did}: the earlier plan was stale."
        uow.runs.save(replace(again, note=note))


def job_never_ran(uow: UnitOfWork, run: Run, job: Job, *, now: datetime) -> None:
    """Undo what a job's making had claimed: an apply's project has its plan still."""
    if job.project is None:
        return
    row = uow.projects.get(run.pull_id, job.project)
    if row is None or row.job_id != job.id or job.phase not in {Phase.PLAN, Phase.APPLY}:
        return
    if is_late(run, job):
        back_as_it_was(uow, row, failed=False, now=now)
        return
    back = ProjectStatus.PLANNED if job.phase is Phase.APPLY and row.artifact_id else ProjectStatus.DISCARDED
    uow.projects.save(replace(row, status=back, updated_at=now))


def run_finished(uow: UnitOfWork, run: Run, pull: Pull, *, now: datetime) -> None:
    """Release what the end of a run frees: locks that go with an apply, and all of a pull that was closed."""
    if not pull.is_open:
        remaining = uow.locks.of_pull(pull.id)
        if remaining:
            locks.release(uow, remaining, why=f"#{pull.ref.number} was closed.", now=now)
        return
    if run.command.kind is not CommandKind.APPLY:
        return
    run_ended(uow, run, pull, uow.projects.of_pull(pull.id), now=now)
    rows = [row for row in uow.projects.of_pull(pull.id) if row.run_id == run.id]
    freed = [held for row in rows if _is_freed(row) and (held := lock_of(uow, run, row)) is not None]
    unique = {lock.id: lock for lock in freed}
    if unique:
        locks.release(uow, unique.values(), why=f"#{pull.ref.number} applied it.", now=now)


def _is_freed(row: PullProject) -> bool:
    mode = row.config.get("lock_mode")
    if row.status is ProjectStatus.LOST:
        return False
    if mode == LockMode.ON_APPLY:
        return True
    return row.status is ProjectStatus.APPLIED and row.config.get("release_locks") == "apply"


def lock_of(uow: UnitOfWork, run: Run, row: PullProject) -> Lock | None:
    """Find the lock that this pull holds for a project."""
    repo = uow.pulls.get(run.pull_id).ref.repo
    key = lock_key(repo, row.key, LockScope(row.config.get("lock_scope", LockScope.PROJECT)))
    if key.dir == "*":
        busy = [other for other in uow.projects.of_pull(run.pull_id) if other.key != row.key and other.has_plan]
        if busy:
            return None  # the whole-repository lock still guards other plans of this pull
    return next((lock for lock in uow.locks.of_pull(run.pull_id) if lock.key == key), None)
