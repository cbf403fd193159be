"""Rows into what a comment, a page or the API shows of a run."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from server.comments.marker import stamped
from server.comments.render import render_run
from server.comments.view import HolderView, PolicyView, ProjectView, RunView
from server.domain.commands import CommandKind
from server.domain.errors import UserMistake
from server.domain.job import Job, JobState
from server.domain.lock import LockScope, lock_key
from server.domain.project import ProjectStatus, PullProject
from server.domain.pull import Pull
from server.domain.run import Run
from server.forges.base import Capabilities
from server.orchestration.context import Context
from server.orchestration.hooks import is_after
from server.orchestration.messages import AUTOPLAN_KEY
from server.orchestration.silence import quieted
from server.store.outbox import Message
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import from_data
from workers.protocol.jobs import Phase, ProjectKey
from workers.protocol.results import (
    ApplyFacts,
    Diagnostic,
    DiscoverFacts,
    Failure,
    FailureKind,
    ImportFacts,
    PlanFacts,
    PolicyFacts,
    Report,
    StateRmFacts,
    VersionFacts,
)

_LAST_WORDS = 4000
_JUDGED = frozenset({ProjectStatus.PLANNED, ProjectStatus.POLICY_FAILED})
_DONE = re.compile(r"^(\S+): (?:Creation|Modifications|Destruction|Import) complete", re.MULTILINE)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def comment_body(ctx: Context, pull: Pull, message: Message, *, can: Capabilities, is_said: bool) -> str | None:
    """Make a comment's text from the rows as they are now; it ends with the mark it is found by.

    None means that nobody wants to hear it; what is said already is kept true.
    """
    limit = can.comment_limit
    if "body" in message.payload:
        text = str(message.payload["body"])
        return stamped(text[: limit - len(stamped("", message.id))], message.id)
    with ctx.store.reading() as uow:
        run = uow.runs.get(message.payload["run_id"])
        if run is None:
            raise UserMistake("the run that this comment is about is gone")
        view = run_view(ctx, uow, run, pull, pull_mark=can.pull_mark)
        wanted = quieted(ctx, uow, run, view, ctx.policy(pull.ref.repo))
    if wanted is None and not is_said:
        return None
    can_fold = can.can_fold and not ctx.rules.disable_markdown_folding
    return render_run(wanted or view, limit=limit, can_fold=can_fold, key=message.id, words=ctx.words)


def run_view(ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, *, pull_mark: str = "#") -> RunView:
    """Read one run. The living comment of automatic plans shows every project of the pull."""
    jobs = uow.jobs.of_run(run.id)
    rows = {row.key: row for row in uow.projects.of_pull(pull.id)}
    own = {job.project: job for job in jobs if job.project is not None and job.phase is not Phase.POLICY}
    keys = set(own) | {key for key, row in rows.items() if row.run_id == run.id}
    if run.comment_key == AUTOPLAN_KEY:
        keys |= set(rows)
    projects = [_project(ctx, uow, run, pull, rows.get(key), own.get(key), key) for key in sorted(keys, key=_order)]
    discover = next((job for job in jobs if job.phase is Phase.DISCOVER), None)
    work = [job for job in jobs if job.phase is not Phase.DISCOVER]
    ahead = [other for other in uow.runs.open_of(pull.id) if other.id < run.id] if not run.is_closed else []
    return RunView(
        run_id=run.id,
        command=run.command,
        trigger=run.trigger,
        actor=run.actor,
        state=run.state,
        outcome=run.outcome,
        head_sha=run.head_sha,
        base_ref=pull.base_ref,
        word=ctx.rules.word,
        url=ctx.rules.run_url(run.id),
        note=run.note,
        is_discovering=discover is not None and not discover.is_closed,
        done=sum(job.is_closed for job in work),
        total=len(work),
        projects=tuple(projects),
        problems=_problems(discover, projects),
        remaining=tuple((key, row.status) for key, row in sorted(rows.items(), key=_by_key) if key not in keys),
        versions=_versions(jobs),
        queue_note=f"It waits for {len(ahead)} earlier commands of this pull request." if ahead else "",
        failure=_run_failure(jobs),
        pull_mark=pull_mark,
    )


def _order(key: ProjectKey) -> tuple[str, str, str]:
    return (key.dir, key.workspace, key.name or "")


def _by_key(item: tuple[ProjectKey, PullProject]) -> tuple[str, str, str]:
    return _order(item[0])


def report_of(job: Job | None) -> Report | None:
    """Read what a job's worker said last."""
    return None if job is None or job.report is None else from_data(Report, dict(job.report))


def _project(
    ctx: Context,
    uow: UnitOfWork,
    run: Run,
    pull: Pull,
    row: PullProject | None,
    job: Job | None,
    key: ProjectKey,
) -> ProjectView:
    if job is None and row is not None and row.job_id is not None and run.command.kind is CommandKind.PLAN:
        planned_by = row.config.get("plan_job_id") or row.job_id
        job = uow.jobs.get(str(planned_by))
    report = report_of(job)
    facts = report.facts if report is not None else None
    plan = facts if isinstance(facts, PlanFacts) else None
    applied = facts if isinstance(facts, ApplyFacts) else None
    status = _status(run, row, job)
    failure = report.failure if report is not None else None
    lost = job is not None and job.state is JobState.LOST
    words = _said(uow, job) if lost and job is not None else ""
    state_work = facts if isinstance(facts, ImportFacts | StateRmFacts) else None
    return ProjectView(
        key=key,
        status=status,
        counts=plan.changes.counts
        if plan
        else (row.counts if row is not None else ProjectView(key=key, status=status).counts),
        changes=plan.changes if plan else None,
        failure=failure or (_lost(job, words) if lost else None),
        completed=tuple(_DONE.findall(_ANSI.sub("", words))) if lost else applied.completed if applied else (),
        text=next((one.text for one in (plan, applied, state_work) if one is not None), ""),
        summary=applied.summary if applied else _state_summary(state_work),
        warnings=plan.warnings if plan else (),
        outputs=applied.outputs if applied else {},
        digest=plan.digest if plan else (row.plan_digest if row is not None else None),
        holder=lock_holder(uow, pull, row, ctx.clock()) if row is not None and status is ProjectStatus.LOCKED else None,
        note=_note(run, row, plan),
        policies=_policies(uow, row) if row is not None and status in _JUDGED else (),
        is_judged=row.is_judged if row is not None and status in _JUDGED else None,
        is_running=job is not None and job.state is JobState.RUNNING,
        url=ctx.rules.job_url(job.id) if job is not None else "",
        seconds=_seconds(job),
        carried_from=str(row.config.get("carried_from", "")) if row is not None else "",
        terraform=f"{plan.distribution} {plan.terraform_version}" if plan else "",
    )


def _note(run: Run, row: PullProject | None, plan: PlanFacts | None) -> str:
    if row is None:
        return ""
    said = [row.note] if row.note and row.run_id == run.id else []
    if plan is not None and row.config.get("destroy") and row.status in _JUDGED:
        commit = str(row.config.get("at_commit", ""))
        code = f", with its code of `{commit[:7]}`, before this pull request deleted it" if commit else ""
        said.append(f"This plan destroys everything that the project manages{code}.")
    return "\n\n".join(said)


def _state_summary(facts: ImportFacts | StateRmFacts | None) -> str:
    if isinstance(facts, ImportFacts):
        return f"`{facts.address}` is in the state"
    if isinstance(facts, StateRmFacts):
        return f"{', '.join(f'`{address}`' for address in facts.addresses[:5])} forgotten"
    return ""


def _policies(uow: UnitOfWork, row: PullProject) -> tuple[PolicyView, ...]:
    """Say what policies think of the plan in force, with the sets' own words."""
    if not row.is_judged:
        return ()
    report = report_of(uow.jobs.get(str(row.config.get("policy_job_id", ""))))
    facts = report.facts if report is not None else None
    texts = {one.name: one.text for one in facts.sets} if isinstance(facts, PolicyFacts) else {}
    return tuple(PolicyView(standing=one, text=texts.get(one.name, "")) for one in row.policies)


def _status(run: Run, row: PullProject | None, job: Job | None) -> ProjectStatus:
    """Say where a project stands, for this run: a later run may have taken its row over."""
    if row is not None and (row.run_id == run.id or job is None or run.comment_key == AUTOPLAN_KEY):
        return row.status
    if job is None:
        return ProjectStatus.PENDING
    plans = job.phase is Phase.PLAN
    table: Mapping[JobState, ProjectStatus] = {
        JobState.SUCCEEDED: ProjectStatus.PLANNED if plans else ProjectStatus.APPLIED,
        JobState.FAILED: ProjectStatus.PLAN_FAILED if plans else ProjectStatus.APPLY_FAILED,
        JobState.CANCELLED: ProjectStatus.DISCARDED if plans else ProjectStatus.PLANNED,
        JobState.LOST: ProjectStatus.LOST,
    }
    return table.get(job.state, ProjectStatus.PENDING if plans else ProjectStatus.APPLYING)


def _said(uow: UnitOfWork, job: Job) -> str:
    return "".join(chunk.text for chunk in uow.logs.read(job.id, after=0, limit=100_000))


def _lost(job: Job | None, words: str) -> Failure:
    """Say what is known of an apply whose worker fell silent: its last words."""
    worker = job.worker if job is not None else "its worker"
    return Failure(
        kind=FailureKind.INTERNAL,
        summary=f"worker {worker} fell silent in the middle of the apply",
        detail=words[-_LAST_WORDS:],
    )


def lock_holder(uow: UnitOfWork, pull: Pull, row: PullProject, now: datetime) -> HolderView | None:
    """Say who holds the lock that a project waits for, and where its pull stands in the line."""
    key = lock_key(pull.ref.repo, row.key, LockScope(row.config.get("lock_scope", LockScope.PROJECT)))
    lock = uow.locks.holder(key)
    if lock is None:
        return None
    holder = uow.pulls.get(lock.pull_id)
    line = list(dict.fromkeys(waiter.pull_id for waiter in uow.locks.queue(key)))
    return HolderView(
        label=key.label,
        pull_number=holder.ref.number,
        pull_url=holder.url,
        actor=lock.actor,
        since=ago(now - lock.acquired_at),
        place=line.index(pull.id) + 1 if pull.id in line else len(line) + 1,
    )


def ago(span: timedelta) -> str:
    """Say a span as people do."""
    seconds = int(span.total_seconds())
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}{'' if count == 1 else 's'} ago"
    return "just now"


def _seconds(job: Job | None) -> float | None:
    if job is None or job.claimed_at is None or job.finished_at is None:
        return None
    return (job.finished_at - job.claimed_at).total_seconds()


def _problems(discover: Job | None, projects: list[ProjectView]) -> tuple[Diagnostic, ...]:
    """Source files that do not parse, where no project's own failure tells of them."""
    report = report_of(discover)
    if report is None or not isinstance(report.facts, DiscoverFacts):
        return ()
    changed = set(report.facts.changed_files)
    told = {project.key.dir for project in projects if project.failure is not None}
    return tuple(
        problem
        for problem in report.facts.problems
        if problem.file in changed and (problem.file or "").rpartition("/")[0] not in told
    )


def _versions(jobs: list[Job]) -> tuple[str, ...]:
    facts = [report.facts for job in jobs if (report := report_of(job)) is not None]
    return tuple(f"{one.distribution} {one.terraform_version}" for one in facts if isinstance(one, VersionFacts))


def _run_failure(jobs: list[Job]) -> Failure | None:
    """Why a job that belongs to no project failed: discovery or version."""
    reports = [report_of(job) for job in jobs if job.project is None and not is_after(job)]
    return next((report.failure for report in reports if report is not None and report.failure is not None), None)
