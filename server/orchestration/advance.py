"""The one place that moves a run on. Call it with the run's row locked; call it as often as you like."""

from dataclasses import replace
from datetime import datetime

from server.config.loading import ConfigMistaken
from server.domain.commands import CommandKind
from server.domain.errors import UserMistake
from server.domain.job import Job, JobState
from server.domain.progress import Finish, Release, Wait, decide
from server.domain.project import ProjectStatus
from server.domain.pull import Pull
from server.domain.run import Run, RunOutcome, RunState
from server.orchestration import effects
from server.orchestration.automerge import merge_when_done
from server.orchestration.context import Context
from server.orchestration.hooks import failed_before, is_after, job_after, told_of
from server.orchestration.messages import say_run
from server.orchestration.policies import judge_plans
from server.orchestration.select import Selection, choose, nothing_chosen, read_config, select
from server.orchestration.standing import show_standing
from server.orchestration.state_work import KINDS as STATE_WORK
from server.orchestration.state_work import state_jobs
from server.store.bells import Bell, BellKind
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import from_data
from workers.protocol.jobs import Phase
from workers.protocol.results import DiscoverFacts, Report

_FAILED = frozenset({ProjectStatus.PLAN_FAILED, ProjectStatus.POLICY_FAILED})


def advance(ctx: Context, uow: UnitOfWork, run: Run, *, now: datetime) -> Run:
    """Do what the rows say comes next, and have it said on the forge."""
    if run.state is not RunState.OPEN:
        return run
    pull = uow.pulls.get(run.pull_id)
    jobs = uow.jobs.of_run(run.id)
    if _is_discovered(jobs):
        try:
            selection = _selected(ctx, uow, run, pull, _facts(jobs[0]), now=now)
        except UserMistake as mistake:
            return finish(ctx, uow, run, pull, outcome=RunOutcome.FAILED, note=_told(mistake), now=now)
        run = replace(run, note=_joined(run.note, selection.note))
        jobs = [*jobs, *selection.jobs]
    jobs = [*jobs, *judge_plans(ctx, uow, run, pull, jobs, now=now)]
    work = [job for job in jobs if not is_after(job) or not job.is_closed]
    match decide(work, stop_on_failure=_stops_on_failure(jobs)):
        case Wait():
            pass
        case Release(released):
            for job in released:
                uow.jobs.save(job.move_to(JobState.QUEUED))
        case Finish(succeeded, cancelled):
            for job in cancelled:
                uow.jobs.save(job.move_to(JobState.CANCELLED, finished_at=now))
                effects.job_never_ran(uow, run, job, now=now)
            after = job_after(ctx, run, pull, jobs, succeeded=succeeded, now=now)
            if after is None:
                return finish(ctx, uow, run, pull, outcome=_outcome(uow, run, jobs, succeeded=succeeded), now=now)
            uow.jobs.add_all([after])
    uow.runs.save(run)
    uow.ring(Bell(BellKind.RELAY, ""))
    say_run(uow, run, now=now)
    show_standing(ctx, uow, pull, run, now=now)
    return run


def _selected(ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, facts: DiscoverFacts, *, now: datetime) -> Selection:
    """Make a run's jobs from what was discovered.

    Raises:
        UserMistake: the configuration or the command's target cannot be used, or a hook failed.
    """
    failed = failed_before(facts)
    if failed is not None:
        raise UserMistake(told_of(failed))
    if run.command.kind not in STATE_WORK:
        return select(ctx, uow, run, pull, facts, now=now)
    config = read_config(ctx.policy(pull.ref.repo), facts, base_ref=pull.base_ref)
    projects = [project for project, _ in choose(config, facts, run)]
    jobs, note = state_jobs(ctx, uow, run, pull, projects, facts=facts, now=now)
    return Selection(jobs, note if projects else nothing_chosen(facts, run.command))


def finish(
    ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, *, outcome: RunOutcome, note: str = "", now: datetime
) -> Run:
    """Close a run: its final comment, its statuses, and the next run of the pull."""
    run = replace(run, state=RunState.DONE, outcome=outcome, note=_joined(run.note, note), finished_at=now)
    run = replace(run, note=_joined(run.note, merge_when_done(ctx, uow, run, pull, now=now)))
    uow.runs.save(run)
    effects.run_finished(uow, run, pull, now=now)
    say_run(uow, run, now=now)
    show_standing(ctx, uow, pull, run, now=now)
    following = uow.runs.open_of(run.pull_id)
    if following:
        uow.ring(Bell(BellKind.BEGIN, following[0].id))
    return run


def _told(mistake: UserMistake) -> str:
    """Write a mistake for a comment: a configuration file's, one line each, with its place."""
    if not isinstance(mistake, ConfigMistaken):
        return str(mistake)
    lines = [
        f"- `{one.place}`: `{one.key}`: {one.message}" if one.key else f"- `{one.place}`: {one.message}"
        for one in mistake.mistakes
    ]
    return "\n".join(lines)


def _is_discovered(jobs: list[Job]) -> bool:
    return len(jobs) == 1 and jobs[0].phase is Phase.DISCOVER and jobs[0].state is JobState.SUCCEEDED


def _facts(job: Job) -> DiscoverFacts:
    report = from_data(Report, job.report)
    if not isinstance(report.facts, DiscoverFacts):
        raise UserMistake("The worker reported no facts about this commit. Comment the command again.")
    return report.facts


def _stops_on_failure(jobs: list[Job]) -> bool:
    return any(job.phase is Phase.APPLY for job in jobs)


def _outcome(uow: UnitOfWork, run: Run, jobs: list[Job], *, succeeded: bool) -> RunOutcome:
    if run.command.kind in STATE_WORK and not any(job.project for job in jobs):
        return RunOutcome.REFUSED  # only discovery was run
    if any(job.state is JobState.LOST for job in jobs):
        return RunOutcome.LOST
    if run.cancelled_by is not None and any(_was_called_off(job) for job in jobs):
        return RunOutcome.CANCELLED
    if not succeeded:
        return RunOutcome.FAILED
    if run.command.kind is CommandKind.APPLY:  # whose turn did not come is as it was
        return RunOutcome.SUCCEEDED
    rows = [row for row in uow.projects.of_pull(run.pull_id) if row.run_id == run.id]
    return RunOutcome.FAILED if any(row.status in _FAILED for row in rows) else RunOutcome.SUCCEEDED


def _was_called_off(job: Job) -> bool:
    """Say whether a job was stopped, or ended as if it had not been told to."""
    is_late = job.cancel_requested_at is not None and not job.phase.changes_the_world
    return job.state is JobState.CANCELLED or is_late


def _joined(first: str, second: str) -> str:
    return "\n\n".join(part for part in (first, second) if part)
