"""`import` and `state rm`: work on a project's state that no plan shows, under the same lock as everything else."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from server.config.merge import ProjectConfig
from server.domain.commands import CommandKind, target_of
from server.domain.errors import UserMistake
from server.domain.job import Job, JobState
from server.domain.lock import LockMode, lock_key
from server.domain.project import ProjectStatus, PullProject
from server.domain.pull import Pull
from server.domain.requirements import PullFacts, unmet
from server.domain.run import Run
from server.orchestration import locks
from server.orchestration.context import Context
from server.orchestration.select import checkout_of, environment_of, facts_of, remembered
from server.store.ids import new_id
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import to_data
from workers.protocol.jobs import Import, Phase, ProjectWork, StateRm
from workers.protocol.results import DiscoverFacts

KINDS = {CommandKind.IMPORT: Phase.IMPORT, CommandKind.STATE_RM: Phase.STATE_RM}


def state_jobs(
    ctx: Context,
    uow: UnitOfWork,
    run: Run,
    pull: Pull,
    projects: Sequence[ProjectConfig],
    *,
    facts: DiscoverFacts,
    now: datetime,
) -> tuple[tuple[Job, ...], str]:
    """Make a job for each project that may be worked on; the words say why the others may not.

    Raises:
        UserMistake: it is not clear which project is meant.
    """
    if run.command.kind is CommandKind.IMPORT and len(projects) > 1:
        names = ", ".join(f"`{target_of(project.key).flags}`" for project in projects[:5])
        raise UserMistake(f"An import is into one project. Say which: {names}.")
    jobs, refusals = [], []
    for project in projects:
        refusal = _refusal(uow, run, pull, project, now=now)
        if refusal is not None:
            refusals.append(f"- `{project.key.label}`: {refusal}")
            continue
        job = _job(ctx, run, pull, project, facts=facts, now=now)
        old = uow.projects.get(pull.id, project.key)
        uow.projects.save(replace(old or _unplanned(run, pull, project, now=now), run_id=run.id, job_id=job.id))
        jobs.append(job)
    if jobs:
        uow.jobs.add_all(jobs)
    return tuple(jobs), "Nothing was changed in:\n\n" + "\n".join(refusals) if refusals else ""


def _refusal(uow: UnitOfWork, run: Run, pull: Pull, project: ProjectConfig, *, now: datetime) -> str | None:
    facts: PullFacts = facts_of(run)
    needed = project.import_requirements if run.command.kind is CommandKind.IMPORT else ()
    missing = unmet(needed, facts)
    if missing:
        return "; ".join(f"`{one.requirement.value}` is required, but {one.reason}: {one.remedy}" for one in missing)
    if project.lock_mode is LockMode.DISABLED:
        return None
    held = locks.take(uow, run, lock_key(pull.ref.repo, project.key, project.lock_scope), now=now)
    if held.pull_id == pull.id:
        return None
    holder = uow.pulls.get(held.pull_id)
    return f"#{holder.ref.number} holds its lock. Try again when that is merged, closed or unlocked"


def _unplanned(run: Run, pull: Pull, project: ProjectConfig, *, now: datetime) -> PullProject:
    return PullProject(
        pull_id=pull.id,
        key=project.key,
        status=ProjectStatus.DISCARDED,
        updated_at=now,
        planned_head=run.head_sha,
        workflow_digest=project.workflow_digest,
        terraform=project.terraform,
        config=remembered(project, "asked for", pull.base_ref),
        wave=project.wave,
    )


def _job(ctx: Context, run: Run, pull: Pull, project: ProjectConfig, *, facts: DiscoverFacts, now: datetime) -> Job:
    policy = ctx.policy(pull.ref.repo)
    common = {
        "checkout": checkout_of(pull, run, strategy=policy.checkout, base_sha=facts.base_sha),
        "project": project.key,
        "terraform": project.terraform,
        "extra_args": run.command.extra_args,
        "environment": environment_of(pull, run),
        "generated": facts.generated,
    }
    work: ProjectWork
    if run.command.kind is CommandKind.IMPORT:
        address, identity = run.command.arguments
        work = Import(**common, steps=project.import_steps, address=address, id=identity)  # type: ignore[arg-type]  # see above
    else:
        work = StateRm(**common, steps=project.state_rm_steps, addresses=run.command.arguments)  # type: ignore[arg-type]  # see above
    return Job(
        id=new_id(),
        run_id=run.id,
        phase=KINDS[run.command.kind],
        project=project.key,
        wave=0,
        state=JobState.QUEUED,
        attempt=1,
        pool=project.pool,
        spec=to_data(work),
        created_at=now,
    )
