"""Discovery's facts become projects, locks and plan jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from server.config.explained import rule_of, settings_of
from server.config.merge import Choice, ProjectConfig, RepoConfig, in_waves, merge, targeted, touched, with_change
from server.config.repo_file import FILE_NAMES, RepoFile, load_repo_file
from server.config.server_file import RepoPolicy
from server.domain.commands import Command
from server.domain.errors import UserMistake
from server.domain.explanation import Cause, CauseKind, Why
from server.domain.job import Job, JobState
from server.domain.lock import LockMode, lock_key
from server.domain.project import ProjectStatus, PullProject
from server.domain.pull import Pull
from server.domain.requirements import PullFacts, unmet
from server.domain.run import Run
from server.orchestration import locks
from server.orchestration.context import Context
from server.orchestration.removed import meant, orphans, removed_projects
from server.orchestration.unchanged import inputs_of, is_kept, kept, told
from server.store.ids import new_id
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import from_data, to_data
from workers.protocol.jobs import ArtifactRef, Checkout, Phase, Plan, ProjectKey
from workers.protocol.results import DiscoverFacts


@dataclass(frozen=True)
class Selection:
    """What a plan run will do; `note` says why it is nothing."""

    jobs: tuple[Job, ...]
    note: str


def select(ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, facts: DiscoverFacts, *, now: datetime) -> Selection:
    """Choose projects, take their locks, and make their jobs.

    Raises:
        UserMistake: the configuration or the command's target cannot be used.
    """
    policy = ctx.policy(pull.ref.repo)
    config = read_config(policy, facts, base_ref=pull.base_ref)
    removed = removed_projects(policy, facts, base_ref=pull.base_ref)
    chosen = meant(removed, run.command)
    if run.command.only or not chosen:
        chosen += choose(config, facts, run)
    chosen = with_change(chosen, config, facts)
    projects = in_waves([project for project, _ in chosen])
    causes = {project.key: cause for project, cause in chosen}
    if run.command.target.is_empty and not run.command.only:
        _forget_others(uow, run, {project.key for project in projects}, now=now)
    entered = [
        _enter(ctx, uow, run, pull, project, facts, cause=causes[project.key], config=config, now=now)
        for project in projects
    ]
    jobs = [job for job in entered if isinstance(job, Job)]
    same = [row for row in entered if isinstance(row, PullProject)]
    if jobs:
        jobs = _one_by_one(jobs) if config.parallel_plan is False else [job.move_to(JobState.QUEUED) for job in jobs]
        uow.jobs.add_all(jobs)
    said = [] if projects else [nothing_chosen(facts, run.command)]
    said.append(told(same, of=len(projects), word=ctx.rules.word))
    said.append(orphans(uow, run, removed, word=ctx.rules.word))
    return Selection(tuple(jobs), "\n\n".join(filter(None, said)))


def read_config(policy: RepoPolicy, facts: DiscoverFacts, *, base_ref: str) -> RepoConfig:
    """Read the repository's file as the commit has it, and put the policy over it."""
    if policy.repo_config_file is None and "atlantis.yml" in facts.config_files:
        raise UserMistake("There is an `atlantis.yml`; the file has to be called `atlantis.yaml` (or `thera.yaml`).")
    names = (policy.repo_config_file,) if policy.repo_config_file else FILE_NAMES
    file = next((name for name in names if name in facts.config_files), None)
    repo_file: RepoFile | None = None
    if file is not None:
        repo_file = load_repo_file(facts.config_files[file], file=file, base_branch=base_ref)
    return merge(policy, repo_file, facts, file=file)


def choose(config: RepoConfig, facts: DiscoverFacts, run: Run) -> list[Choice]:
    """Say which projects a command means, each with why.

    Raises:
        UserMistake: the command's target cannot be meant.
    """
    command = run.command
    if command.only:
        turn = Cause(kind=CauseKind.TURN)
        return [(config.of(key), turn) for key in command.only if key.dir in facts.module_dirs]
    if command.target.is_empty:
        return touched(config, facts, automatic=run.trigger.is_automatic)
    named: dict[ProjectKey, Choice] = {}
    for target in command.targets:
        named |= {project.key: (project, cause) for project, cause in targeted(config, facts, target)}
    return list(named.values())


def nothing_chosen(facts: DiscoverFacts, command: Command) -> str:
    """Say why a command means no project."""
    if command.only:
        return "The project no longer exists at this commit."
    if not facts.changed_files:
        return "This pull request changes no files."
    return "No project is touched by the files that this pull request changes."


def _forget_others(uow: UnitOfWork, run: Run, kept: set[ProjectKey], *, now: datetime) -> None:
    """Drop the pull's plans and locks of projects that it no longer touches."""
    gone = [row for row in uow.projects.of_pull(run.pull_id) if row.key not in kept]
    gone = [row for row in gone if row.status is not ProjectStatus.APPLIED and row.status is not ProjectStatus.LOST]
    places = {(row.key.dir, row.key.workspace) for row in gone} - {(key.dir, key.workspace) for key in kept}
    for row in gone:
        uow.projects.delete(run.pull_id, row.key)
        if row.artifact_id:
            uow.artifacts.mark_deleted([row.artifact_id], now=now)
    stale = [lock for lock in uow.locks.of_pull(run.pull_id) if (lock.key.dir, lock.key.workspace) in places]
    if stale:
        locks.release(uow, stale, why="its holder no longer changes it.", now=now)


def _enter(
    ctx: Context,
    uow: UnitOfWork,
    run: Run,
    pull: Pull,
    project: ProjectConfig,
    facts: DiscoverFacts,
    *,
    cause: Cause,
    config: RepoConfig,
    now: datetime,
) -> Job | PullProject | None:
    """Write a project's row and, if nothing is in the way, make its plan job. Of a plan that is kept, give the row."""
    old = uow.projects.get(run.pull_id, project.key)
    destroys = run.command.destroy or bool(run.command.only and old is not None and old.config.get("destroy"))
    is_gone = project.key.dir in facts.removed_dirs
    inputs = inputs_of(ctx, run, pull, project, facts)
    row = PullProject(
        pull_id=run.pull_id,
        key=project.key,
        status=ProjectStatus.PENDING,
        updated_at=now,
        run_id=run.id,
        planned_head=run.head_sha,
        planned_base=facts.base_sha,
        workflow_digest=project.workflow_digest,
        terraform=project.terraform,
        config={
            **remembered(project, cause.words, pull.base_ref, None if is_gone else facts.generated),
            "automerge": ctx.rules.automerge if config.automerge is None else config.automerge,
            "parallel_apply": config.parallel_apply is not False,
            "destroy": destroys,
            "at_commit": facts.base_sha if is_gone else "",
            "inputs": inputs.digest,
        },
        wave=project.wave,
        policies=() if old is None else old.policies,  # approvals of these may outlive the new check
        why=to_data(_why(run, project, config, cause)),
    )
    missing = unmet(project.plan_requirements, facts_of(run)) if project.plan_requirements else ()
    if old is not None and not missing and is_kept(ctx, uow, run, pull, project, old, inputs):
        uow.projects.save(same := kept(old, row, now=now))
        return same
    if old is not None and old.artifact_id:
        uow.artifacts.mark_deleted([old.artifact_id], now=now)
    if missing:
        words = "; ".join(f"{one.requirement.value}: {one.reason} ({one.remedy})" for one in missing)
        uow.projects.save(replace(row, status=ProjectStatus.PLAN_FAILED, note=f"May not be planned yet. {words}."))
        return None
    if project.lock_mode is LockMode.ON_PLAN:
        key = lock_key(pull.ref.repo, project.key, project.lock_scope)
        if locks.take(uow, run, key, now=now).pull_id != run.pull_id:
            locks.wait(uow, run, key, project.key, now=now)
            uow.projects.save(replace(row, status=ProjectStatus.LOCKED))
            return None
    job = _plan_job(run, pull, project, facts, policy=config.policy, row=row, now=now)
    uow.projects.save(replace(row, job_id=job.id))
    return job


def _why(run: Run, project: ProjectConfig, config: RepoConfig, cause: Cause) -> Why:
    pattern, pattern_origin = rule_of(project, config, cause)
    typed = f"{run.command.kind.value} {run.command.target.flags}".strip()
    return Why(
        cause=cause,
        trigger=run.trigger.value,
        actor=run.actor,
        command=f"{typed} --destroy" if run.command.destroy else typed,
        commit=run.head_sha,
        listed=project.listed.words if project.listed is not None else "",
        pattern=pattern,
        pattern_origin=pattern_origin,
        settings=settings_of(project),
    )


def _plan_job(
    run: Run,
    pull: Pull,
    project: ProjectConfig,
    facts: DiscoverFacts,
    *,
    policy: RepoPolicy,
    row: PullProject,
    now: datetime,
) -> Job:
    work = Plan(
        checkout=checkout_of(pull, run, strategy=policy.checkout, base_sha=facts.base_sha),
        project=project.key,
        steps=project.plan_steps,
        terraform=project.terraform,
        extra_args=run.command.extra_args,
        environment=environment_of(pull, run),
        generated=facts.generated if not row.config["at_commit"] else None,
        at_commit=row.config["at_commit"],
        destroy=row.config["destroy"],
    )
    return Job(
        id=new_id(),
        run_id=run.id,
        phase=Phase.PLAN,
        project=project.key,
        wave=project.wave,
        state=JobState.WAITING,
        attempt=1,
        pool=project.pool,
        spec=to_data(work),
        created_at=now,
    )


def _one_by_one(jobs: Sequence[Job]) -> list[Job]:
    """Have plans made one after the other, where the repository's file wants that. A failed one stops none."""
    ordered = sorted(jobs, key=lambda job: job.wave)
    in_line = [replace(job, wave=number) for number, job in enumerate(ordered)]
    return [in_line[0].move_to(JobState.QUEUED), *in_line[1:]]


def checkout_of(pull: Pull, run: Run, *, strategy: Any, base_sha: str) -> Checkout:
    """Say what a worker has to check out, without the credential, which the claim adds."""
    return Checkout(
        host=pull.ref.repo.host,
        repo=pull.ref.repo.full_name,
        clone_url=pull.clone_url,
        head_sha=run.head_sha,
        head_ref=pull.head_fetch_ref,
        base_sha=base_sha,
        base_ref=pull.base_ref,
        pull_number=pull.ref.number,
        strategy=strategy,
    )


def environment_of(pull: Pull, run: Run) -> Mapping[str, str]:
    """Facts that custom steps may want, under the names Atlantis gives them."""
    return {
        "BASE_BRANCH_NAME": pull.base_ref,
        "BASE_REPO_NAME": pull.ref.repo.name,
        "BASE_REPO_OWNER": pull.ref.repo.owner,
        "HEAD_BRANCH_NAME": pull.head_ref,
        "HEAD_COMMIT": run.head_sha,
        "HEAD_REPO_NAME": pull.head_repo.rpartition("/")[2],
        "HEAD_REPO_OWNER": pull.head_repo.rpartition("/")[0],
        "PULL_AUTHOR": pull.author,
        "PULL_NUM": str(pull.ref.number),
        "PULL_URL": pull.url,
        "USER_NAME": run.actor,
    }


def remembered(
    project: ProjectConfig, reason: str, base_ref: str, generated: ArtifactRef | None = None
) -> Mapping[str, Any]:
    """Keep with a plan what its apply will go by."""
    return {
        "apply_steps": [to_data(step) for step in project.apply_steps],
        "apply_requirements": [requirement.value for requirement in project.apply_requirements],
        "policy_check": project.policy_check,
        "policy_steps": [to_data(step) for step in project.policy_steps] if project.policy_check else [],
        "custom_policy_check": project.custom_policy_check,
        "lock_mode": project.lock_mode.value,
        "lock_scope": project.lock_scope.value,
        "release_locks": project.release_locks,
        "depends_on": list(project.depends_on),
        "pool": project.pool,
        "workflow": project.workflow,
        "base_ref": base_ref,
        "generated": None if generated is None else to_data(generated),
        "reason": reason,
        "silence_comments": sorted(project.silence_comments),
    }


def facts_of(run: Run) -> PullFacts:
    """Read what the forge said when the run began; nothing said means nothing granted."""
    if run.forge_facts is None:
        return PullFacts(approved=False, mergeable=False, undiverged=False)
    return from_data(PullFacts, dict(run.forge_facts))
