"""Workflow hooks: the operator's commands before and after what people ask for."""

from collections.abc import Sequence
from datetime import datetime

from server.comments.statuses import hook_status
from server.domain.commands import CommandKind
from server.domain.job import Job, JobState
from server.domain.project import PullProject
from server.domain.pull import Pull
from server.domain.run import Run
from server.orchestration.context import Context
from server.orchestration.messages import set_statuses
from server.orchestration.select import checkout_of, environment_of
from server.store.ids import new_id
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import from_data, to_data
from workers.protocol.jobs import ArtifactRef, Hook, Hooks, Phase
from workers.protocol.results import DiscoverFacts, HookFacts, HookResult, Report

BEFORE_ALL = -1  # the wave of hooks that run before a command which discovers nothing
_WITHOUT = frozenset({CommandKind.VERSION, CommandKind.HELP})


def job_before(ctx: Context, run: Run, pull: Pull, rows: Sequence[PullProject], *, now: datetime) -> Job | None:
    """Make the job of the hooks before a command that discovers nothing, if there are any."""
    hooks = ctx.policy(pull.ref.repo).hooks_before(run.command.kind.verb)
    if not hooks:
        return None
    return _job(ctx, run, pull, hooks, wave=BEFORE_ALL, has_errors=None, generated=_generated(rows), now=now)


def job_after(ctx: Context, run: Run, pull: Pull, jobs: Sequence[Job], *, succeeded: bool, now: datetime) -> Job | None:
    """Make the job of the hooks after a command, once, if there are any and something was run."""
    if run.command.kind in _WITHOUT or run.cancelled_by is not None or any(is_after(job) for job in jobs):
        return None
    if not any(job.phase is not Phase.HOOKS and job.claimed_at is not None for job in jobs):
        return None
    hooks = ctx.policy(pull.ref.repo).hooks_after(run.command.kind.verb, base_ref=pull.base_ref)
    if not hooks:
        return None
    wave = max((job.wave for job in jobs), default=0)
    return _job(ctx, run, pull, hooks, wave=wave, has_errors=not succeeded, generated=_found(jobs), now=now)


def is_after(job: Job) -> bool:
    """Say whether a job is that of the hooks after a command: how it ends is nobody's business but the operator's."""
    return job.phase is Phase.HOOKS and job.spec.get("has_errors") is not None


def _job(
    ctx: Context,
    run: Run,
    pull: Pull,
    hooks: tuple[Hook, ...],
    *,
    wave: int,
    has_errors: bool | None,
    generated: ArtifactRef | None,
    now: datetime,
) -> Job:
    policy = ctx.policy(pull.ref.repo)
    work = Hooks(
        checkout=checkout_of(pull, run, strategy=policy.checkout, base_sha=pull.base_sha),
        hooks=hooks,
        command=run.command.kind.verb,
        has_errors=has_errors,
        extra_args=run.command.extra_args,
        environment={**environment_of(pull, run), "PROJECT_NAME": run.command.project_name},
        generated=generated,
    )
    return Job(
        id=new_id(),
        run_id=run.id,
        phase=Phase.HOOKS,
        project=None,
        wave=wave,
        state=JobState.QUEUED,
        attempt=1,
        pool=policy.worker_pool,
        spec=to_data(work),
        created_at=now,
    )


def generated_of(row: PullProject) -> ArtifactRef | None:
    """Give the files that hooks made when a project was planned: its apply is of the code as it was then."""
    found = row.config.get("generated")
    return None if found is None else from_data(ArtifactRef, found)


def _generated(rows: Sequence[PullProject]) -> ArtifactRef | None:
    return next((found for row in rows if (found := generated_of(row)) is not None), None)


def _found(jobs: Sequence[Job]) -> ArtifactRef | None:
    for job in jobs:
        if job.phase is Phase.DISCOVER and job.report is not None:
            facts = from_data(Report, dict(job.report)).facts
            return facts.generated if isinstance(facts, DiscoverFacts) else None
    return None


def failed_before(facts: DiscoverFacts) -> HookResult | None:
    """Find the hook that failed before discovery."""
    return next((one for one in facts.hooks if not one.passed), None)


def told_of(failed: HookResult) -> str:
    """Say in a comment that a hook failed, with its last words."""
    words = f"The workflow hook `{failed.label}` failed (exit status {failed.returncode}), so nothing was run."
    last = "\n".join(f"- {line.strip()}" for line in failed.text.splitlines()[-5:] if line.strip())
    return f"{words}\n\n{last}" if last else words


def show_hooks(
    ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, job: Job, report: Report | None, *, now: datetime
) -> None:
    """Have each hook's outcome said in a status of its own."""
    facts = report.facts if report is not None else None
    if not isinstance(facts, DiscoverFacts | HookFacts) or not facts.hooks:
        return
    when = "post_workflow_hook" if is_after(job) else "pre_workflow_hook"
    lines = [
        (hook_status(ctx.rules.status_prefix, when, one.label, passed=one.passed, words=one.status), run.id)
        for one in facts.hooks
    ]
    set_statuses(uow, pull, lines, rules=ctx.rules, now=now)
