"""A pending run whose turn has come: look at the forge once more, then make its first jobs or refuse it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from server.config.server_file import RepoPolicy
from server.domain.commands import Command, CommandKind
from server.domain.job import Job, JobState
from server.domain.pull import Pull
from server.domain.requirements import PullFacts
from server.domain.run import Run, RunOutcome, RunState, Trigger
from server.orchestration.advance import advance, finish
from server.orchestration.apply import apply_jobs
from server.orchestration.context import Context
from server.orchestration.hooks import job_before
from server.orchestration.launch import launch
from server.orchestration.messages import hide_earlier_plans, say_run
from server.orchestration.policies import approve_policies, teams_to_ask_about
from server.orchestration.record import lock_run
from server.orchestration.select import checkout_of, environment_of
from server.store.bells import Bell, BellKind
from server.store.ids import new_id
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import to_data
from workers.protocol.jobs import CONFIG_FILES, Discover, Phase, Version

_MADE_AFTER_READING = frozenset({Trigger.AUTO, Trigger.COMMENT})
_A_MOMENT = timedelta(seconds=2)


@dataclass(frozen=True)
class _Fresh:
    """What the forge says now."""

    pull: Pull
    facts: PullFacts | None
    teams: frozenset[str] = frozenset()


def begin(ctx: Context, run_id: str) -> None:
    """Begin a run if it is pending and first in its pull's line; otherwise do nothing.

    Raises:
        TryLater: the forge does not answer; the run stays pending.
    """
    with ctx.store.reading() as uow:
        run = uow.runs.get(run_id)
        if run is None or not _may_begin(uow, run):
            return
        pull = uow.pulls.get(run.pull_id)
    now = ctx.clock()
    fresh = _Fresh(pull, None) if _was_just_read(ctx, run, pull, now=now) else _look(ctx, run, pull)
    now = ctx.clock()
    with ctx.store.transaction() as uow:
        locked = lock_run(uow, run_id)
        if not _may_begin(uow, locked):
            return
        stored = uow.pulls.upsert(fresh.pull)
        _open(ctx, uow, locked, stored, fresh, now=now)


def _may_begin(uow: UnitOfWork, run: Run) -> bool:
    if run.state is not RunState.PENDING:
        return False
    line = uow.runs.open_of(run.pull_id)
    return bool(line) and line[0].id == run.id


def _was_just_read(ctx: Context, run: Run, pull: Pull, *, now: datetime) -> bool:
    """Say whether whoever made the run read the pull a moment ago, so that a plan need not ask the forge again.

    A push since then announces itself and supersedes the run; an apply always asks.
    """
    return (
        run.command.kind is CommandKind.PLAN
        and run.trigger in _MADE_AFTER_READING
        and now - run.created_at < _A_MOMENT
        and not _needs_facts(ctx.policy(pull.ref.repo), run.command)
    )


def _look(ctx: Context, run: Run, pull: Pull) -> _Fresh:
    forge = ctx.forges.of(pull.ref.repo)
    current = forge.get_pull(pull.ref)
    if run.command.kind is CommandKind.APPROVE_POLICIES:
        asked = teams_to_ask_about(ctx.policy(pull.ref.repo).policies)
        return _Fresh(current, None, frozenset(team for team in asked if forge.in_team(pull.ref.repo, team, run.actor)))
    if not _needs_facts(ctx.policy(pull.ref.repo), run.command):
        return _Fresh(current, None)
    return _Fresh(current, forge.pull_facts(current, own_statuses=ctx.rules.own_statuses))


def _needs_facts(policy: RepoPolicy, command: Command) -> bool:
    if command.kind in {CommandKind.APPLY, CommandKind.IMPORT}:
        return True
    return command.kind is CommandKind.PLAN and bool(
        policy.plan_requirements or "plan_requirements" in policy.allowed_overrides
    )


def _open(ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, fresh: _Fresh, *, now: datetime) -> None:
    moved, facts = run.head_sha != pull.head_sha, fresh.facts
    run = replace(
        run,
        state=RunState.OPEN,
        started_at=now,
        base_sha=pull.base_sha,
        forge_facts=None if facts is None else to_data(facts),
    )
    if not pull.is_open:
        finish(ctx, uow, run, pull, outcome=RunOutcome.REFUSED, note="This pull request is closed.", now=now)
        return
    match run.command.kind:
        case CommandKind.APPLY:
            if moved:
                _plan_the_new_head(uow, run, pull, now=now)
            made = apply_jobs(ctx, uow, run, pull, facts, now=now)
            if not made.jobs:
                finish(ctx, uow, run, pull, outcome=RunOutcome.REFUSED, note=made.note, now=now)
                return
            run, jobs = replace(run, note=made.note), _after_hooks(ctx, uow, run, pull, made.jobs, now=now)
        case CommandKind.APPROVE_POLICIES:
            approved = approve_policies(ctx, uow, run, pull, teams=fresh.teams, now=now)
            finish(ctx, uow, run, pull, outcome=approved.outcome, note=approved.note, now=now)
            return
        case CommandKind.VERSION:
            jobs = (_job(run, Phase.VERSION, to_data(Version()), pool=ctx.policy(pull.ref.repo).worker_pool, now=now),)
        case _:
            # A plan is always of the newest commit, whichever was the newest when it was asked for.
            run = replace(run, head_sha=pull.head_sha)
            if ctx.rules.hide_prev_plan_comments and run.command.kind is CommandKind.PLAN:
                hide_earlier_plans(uow, run, now=now)
            jobs = (_discover_job(ctx, run, pull, now=now),)
    uow.runs.save(run)
    uow.jobs.add_all(jobs)
    uow.ring(Bell(BellKind.RELAY, ""))
    say_run(uow, run, now=now)
    advance(ctx, uow, run, now=now)


def _after_hooks(
    ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, jobs: tuple[Job, ...], *, now: datetime
) -> tuple[Job, ...]:
    """Let the operator's hooks run before an apply; the apply jobs wait for them."""
    first = job_before(ctx, run, pull, uow.projects.of_pull(pull.id), now=now)
    if first is None:
        return jobs
    return (first, *(replace(job, state=JobState.WAITING) for job in jobs))


def _plan_the_new_head(uow: UnitOfWork, run: Run, pull: Pull, *, now: datetime) -> None:
    planned = any(
        other.head_sha == pull.head_sha and other.command.kind is CommandKind.PLAN
        for other in uow.runs.of_pull(pull.id, limit=20)
    )
    if not planned:
        launch(uow, pull, Command(kind=CommandKind.PLAN), trigger=Trigger.AUTO, actor=run.actor, now=now)


def _discover_job(ctx: Context, run: Run, pull: Pull, *, now: datetime) -> Job:
    policy = ctx.policy(pull.ref.repo)
    wanted = CONFIG_FILES if policy.repo_config_file is None else (*CONFIG_FILES, policy.repo_config_file)
    checkout = checkout_of(pull, run, strategy=policy.checkout, base_sha=pull.base_sha)
    work = Discover(
        checkout=checkout,
        config_files=wanted,
        hooks=policy.hooks_before(run.command.kind.verb),
        command=run.command.kind.verb,
        extra_args=run.command.extra_args,
        environment={**environment_of(pull, run), "PROJECT_NAME": run.command.project_name},
        include_untracked=ctx.rules.include_untracked,
        inputs=ctx.rules.carry_plans and run.command.kind is CommandKind.PLAN,
    )
    return _job(run, Phase.DISCOVER, to_data(work), pool=policy.worker_pool, now=now)


def _job(run: Run, phase: Phase, spec: dict[str, object], *, pool: str, now: datetime) -> Job:
    return Job(
        id=new_id(),
        run_id=run.id,
        phase=phase,
        project=None,
        wave=0,
        state=JobState.QUEUED,
        attempt=1,
        pool=pool,
        spec=spec,
        created_at=now,
    )
