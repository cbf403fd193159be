"""Which plans an apply may use, and why not the others."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from server.domain.commands import CommandKind, target_of
from server.domain.job import Job, JobState
from server.domain.lock import Lock, LockKey, LockMode, LockScope, lock_key
from server.domain.project import SETTLED, ProjectStatus, PullProject
from server.domain.pull import Pull
from server.domain.requirements import PullFacts, Requirement, unmet
from server.domain.run import Run
from server.orchestration import locks
from server.orchestration.context import Context
from server.orchestration.hooks import generated_of
from server.orchestration.policies import policies_stand_in_the_way
from server.orchestration.select import checkout_of, environment_of
from server.store.ids import new_id
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import from_data, to_data
from workers.protocol.jobs import Apply, ArtifactRef, Phase, ProjectKey, Step

# What has no plan to apply, and may have one once what it depends on is applied.
_LOOKED_AT_AGAIN = frozenset({ProjectStatus.NO_CHANGES, ProjectStatus.PLAN_FAILED})


@dataclass(frozen=True)
class Made:
    """Apply jobs, and what is to be said of projects that got none."""

    jobs: tuple[Job, ...]
    note: str


def apply_jobs(ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, facts: PullFacts | None, *, now: datetime) -> Made:
    """Make a job for each plan that may be applied; say of each other one why it may not.

    A plan is used only for the very commit it was made of, onto the branch it was made for, while its
    pull holds the lock, and while every requirement holds.
    """
    rows = [row for row in uow.projects.of_pull(pull.id) if run.command.covers(row.key)]
    if not rows:
        return Made((), _nothing_known(ctx, run))
    ready = [row for row in rows if row.has_plan]
    if not ready:
        return Made((), _nothing_ready(ctx, rows))
    turns, refusals = _turns(ctx, uow, run, pull, rows, facts, now=now)
    if not turns.now:
        return Made((), "Nothing was applied.\n\n" + "\n".join(refusals))
    jobs = []
    for row in turns.now:
        job = apply_job(ctx, run, pull, row, now=now)
        jobs.append(job)
        uow.projects.save(
            replace(row, status=ProjectStatus.APPLYING, run_id=run.id, job_id=job.id, updated_at=now, note="")
        )
    for row in turns.later:
        note = f"Waits for {', '.join(f'`{name}`' for name in row.config['depends_on'])}, and is planned again then."
        config = {**row.config, "waits_reviewed": row.has_plan}
        uow.projects.save(replace(row, run_id=run.id, updated_at=now, note=note, config=config))
    return Made(_first_wave_queued(jobs), "Not applied:\n\n" + "\n".join(refusals) if refusals else "")


@dataclass(frozen=True)
class _Turns:
    """Projects that are applied at once, and those that have to be planned again when these are."""

    now: tuple[PullProject, ...]
    later: tuple[PullProject, ...]


def _turns(
    ctx: Context,
    uow: UnitOfWork,
    run: Run,
    pull: Pull,
    rows: Sequence[PullProject],
    facts: PullFacts | None,
    *,
    now: datetime,
) -> tuple[_Turns, list[str]]:
    """Sort projects by when they are applied; say of each other one that has a plan why it is not."""
    one_by_one = any(row.config.get("parallel_apply") is False for row in rows if row.has_plan)
    at_once: list[PullProject] = []
    later: list[PullProject] = []
    refusals = []
    others = uow.projects.of_pull(run.pull_id)
    for place, bare in enumerate(sorted(rows, key=lambda row: row.wave)):
        row = replace(bare, config={**bare.config, "apply_wave": place if one_by_one else bare.wave})
        under_way = {one.key for one in (*at_once, *later)}
        follows = any(key.name in row.config.get("depends_on", ()) for key in under_way if key.name)
        if not row.has_plan:
            may_follow = row.status in _LOOKED_AT_AGAIN and row.planned_head == pull.head_sha
            later += [row] if follows and may_follow else []
            continue
        first = next(in_the_way(ctx, uow, pull, row, facts, among=others, meant=under_way), None)
        refusal = _lock_refusal(uow, run, pull, row, now=now) if first is None else first.words
        if refusal is not None:
            refusals.append(f"- `{row.key.label}`: {refusal}")
        else:
            (later if follows else at_once).append(row)
    return _Turns(tuple(at_once), tuple(later)), refusals


_WITHOUT_PLAN = {
    ProjectStatus.NO_CHANGES: "its plan changes nothing; there is nothing to apply",
    ProjectStatus.APPLIED: "is applied already",
    ProjectStatus.PLAN_FAILED: "its plan failed",
    ProjectStatus.LOCKED: "waits for another pull request's lock and is planned by itself when its turn comes",
    ProjectStatus.PENDING: "is still being planned",
    ProjectStatus.APPLYING: "is being applied right now",
    ProjectStatus.DISCARDED: "its plan was discarded",
    ProjectStatus.STALE: "its plan went stale when another pull request was applied; a new one is being made",
    ProjectStatus.LOST: "its last apply was interrupted; plan it again to see what it left behind",
}


def without_plan(row: PullProject) -> str:
    """Say why there is no plan of a project to apply, in half a sentence."""
    return _WITHOUT_PLAN.get(row.status, "has no saved plan")


def _nothing_known(ctx: Context, run: Run) -> str:
    word, flags = ctx.rules.word, run.command.flags
    return f"There is no plan to apply. Comment `{f'{word} plan {flags}'.strip()}` first."


def _nothing_ready(ctx: Context, rows: Sequence[PullProject]) -> str:
    lines = [f"- `{row.key.label}`: {without_plan(row)}" for row in rows]
    if all(row.status in {ProjectStatus.NO_CHANGES, ProjectStatus.APPLIED} for row in rows):
        return "Nothing to apply.\n\n" + "\n".join(lines)
    plans = " or ".join(f"`{ctx.rules.word} plan {target_of(row.key).flags}`" for row in rows[:3])
    return (
        "Nothing was applied: no saved plan is ready.\n\n" + "\n".join(lines) + f"\n\nComment {plans} for a fresh one."
    )


@dataclass(frozen=True)
class Hindrance:
    """What keeps a plan from being applied, in half a sentence, and the command that may help."""

    words: str
    remedy: CommandKind


def in_the_way(
    ctx: Context,
    uow: UnitOfWork,
    pull: Pull,
    row: PullProject,
    facts: PullFacts | None,
    *,
    among: Sequence[PullProject],
    meant: Collection[ProjectKey],
) -> Iterator[Hindrance]:
    """Say what keeps a saved plan from being applied, as far as looking can tell, first things first.

    `among` are all projects of the pull; `meant` are those that would be applied before it.
    """
    again = f"Comment `{ctx.rules.word} plan {target_of(row.key).flags}` for a fresh plan."
    if row.planned_head != pull.head_sha:
        short = (row.planned_head or "")[:7]
        said = f"the plan is of `{short}`, but the pull request is at `{pull.head_sha[:7]}` now. {again}"
        yield Hindrance(said, CommandKind.PLAN)
    moved = _moved_base(ctx, pull, row)
    if moved is not None:
        yield Hindrance(f"{moved} {again}", CommandKind.PLAN)
    requirements = [Requirement(name) for name in row.config.get("apply_requirements", ())]
    if Requirement.POLICIES_PASSED in requirements or row.config.get("policy_check"):
        requirements = [one for one in requirements if one is not Requirement.POLICIES_PASSED]
        if said_no := policies_stand_in_the_way(row, word=ctx.rules.word):
            yield Hindrance(said_no, CommandKind.APPROVE_POLICIES)
    if missing := unmet_in_words(requirements, facts):
        yield Hindrance(missing, CommandKind.APPLY)
    if lock := _lock_in_the_way(ctx, uow, pull, row):
        yield lock
    if dependency := _dependency_refusal(row, among, meant):
        yield Hindrance(dependency, CommandKind.APPLY)


def unmet_in_words(requirements: Sequence[Requirement], facts: PullFacts | None) -> str:
    """Say which requirements do not hold and what to do; empty when all do. What nobody has said does not hold."""
    missing = unmet(requirements, facts or PullFacts(approved=False, mergeable=False, undiverged=False))
    return "; ".join(f"`{one.requirement.value}` is required, but {one.reason}: {one.remedy}" for one in missing)


def _moved_base(ctx: Context, pull: Pull, row: PullProject) -> str | None:
    planned_onto = row.config.get("base_ref")
    if planned_onto is not None and planned_onto != pull.base_ref:
        return f"the plan was made for `{planned_onto}`, but the pull request goes to `{pull.base_ref}` now."
    if ctx.policy(pull.ref.repo).checkout == "merge" and row.planned_base != pull.base_sha:
        return f"the plan was made of a merge with `{pull.base_ref}`, which has moved on since."
    return None


def _key_of(pull: Pull, row: PullProject) -> LockKey:
    return lock_key(pull.ref.repo, row.key, LockScope(row.config.get("lock_scope", LockScope.PROJECT)))


def _lock_in_the_way(ctx: Context, uow: UnitOfWork, pull: Pull, row: PullProject) -> Hindrance | None:
    """Say what is wrong with a lock, without taking it."""
    key = _key_of(pull, row)
    mode = row.config.get("lock_mode")
    if mode == LockMode.ON_PLAN:
        if any(one.key == key for one in uow.locks.of_pull(pull.id)):
            return None
        again = f"{ctx.rules.word} plan {target_of(row.key).flags}"
        return Hindrance(f"its lock was released since it was planned. Comment `{again}`.", CommandKind.PLAN)
    holder = None if mode == LockMode.DISABLED else uow.locks.holder(key, except_pull=pull.id)
    return None if holder is None else Hindrance(_held_by(uow, holder), CommandKind.APPLY)


def _lock_refusal(uow: UnitOfWork, run: Run, pull: Pull, row: PullProject, *, now: datetime) -> str | None:
    """Take the lock of a project that is locked by its apply, or say who has it."""
    if row.config.get("lock_mode") in {LockMode.DISABLED, LockMode.ON_PLAN}:
        return None
    held = locks.take(uow, run, _key_of(pull, row), now=now)
    return None if held.pull_id == pull.id else _held_by(uow, held)


def _held_by(uow: UnitOfWork, lock: Lock) -> str:
    number = uow.pulls.get(lock.pull_id).ref.number
    return f"#{number} is applying it right now. Try again when that is done."


def _dependency_refusal(row: PullProject, among: Sequence[PullProject], meant: Collection[ProjectKey]) -> str | None:
    """Refuse what depends on a project that is neither applied nor about to be."""
    depends_on = row.config.get("depends_on", ())
    for other in among if depends_on else ():
        if other.key.name in depends_on and other.status not in SETTLED and other.key not in meant:
            return f"it depends on `{other.key.name}`, which has to be applied first."
    return None


def apply_job(ctx: Context, run: Run, pull: Pull, row: PullProject, *, now: datetime) -> Job:
    """Make the job that applies a project's saved plan."""
    policy = ctx.policy(pull.ref.repo)
    work = Apply(
        checkout=checkout_of(pull, run, strategy=policy.checkout, base_sha=row.planned_base or pull.base_sha),
        project=row.key,
        steps=tuple(from_data(Step, step) for step in row.config.get("apply_steps", ())),
        plan=ArtifactRef(id=row.artifact_id or "", sha256=row.artifact_sha256 or "", size=row.artifact_size),
        plan_digest=row.plan_digest or "",
        terraform=row.terraform,
        extra_args=run.command.extra_args,
        environment=environment_of(pull, run),
        generated=generated_of(row),
        at_commit=str(row.config.get("at_commit", "")),
    )
    return Job(
        id=new_id(),
        run_id=run.id,
        phase=Phase.APPLY,
        project=row.key,
        wave=int(row.config.get("apply_wave", row.wave)),
        state=JobState.WAITING,
        attempt=1,
        pool=str(row.config.get("pool", policy.worker_pool)),
        spec=to_data(work),
        created_at=now,
    )


def _first_wave_queued(jobs: Sequence[Job]) -> tuple[Job, ...]:
    first = min(job.wave for job in jobs)
    return tuple(job.move_to(JobState.QUEUED) if job.wave == first else job for job in jobs)
