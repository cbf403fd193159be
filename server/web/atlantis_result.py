"""A run that has ended, in the form of Atlantis's API; errors are text, where Atlantis loses them."""

from typing import Any

from server.comments.view import PolicyView, ProjectView, RunView
from server.domain.commands import CommandKind, target_of
from server.domain.lock import Lock
from server.domain.project import ProjectStatus
from server.domain.pull import Pull
from server.domain.run import RunOutcome
from server.orchestration.context import Context
from server.orchestration.views import run_view
from server.store.unit_of_work import UnitOfWork
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import Failure

Json = dict[str, Any]
_POLICY_CHECK = 3
_NUMBERS = {CommandKind.APPLY: 0, CommandKind.PLAN: 1}
_PLANNED = frozenset({ProjectStatus.PLANNED, ProjectStatus.NO_CHANGES, ProjectStatus.POLICY_FAILED})
_STOPPED = "The command ended before this project's turn came."


def result_of(ctx: Context, uow: UnitOfWork, run_id: str) -> Json | None:
    """Give the result of a run that has ended; None while it has not."""
    run = uow.runs.get(run_id)
    if run is None or not run.is_closed:
        return None
    pull = uow.pulls.get(run.pull_id)
    view = run_view(ctx, uow, run, pull)
    shown = {project.key for project in view.projects}
    left_out = [
        _result(view, row.key, Failure=run.note)
        for row in uow.projects.of_pull(run.pull_id)
        if run.command.kind is CommandKind.APPLY
        and run.outcome is not RunOutcome.REFUSED
        and row.has_plan
        and row.key not in shown
        and run.command.covers(row.key)
    ]
    projects = [one for project in view.projects for one in _project(ctx, view, project)] + left_out
    error, failure = _of_the_run(view, projects)
    return {
        "Error": error,
        "Failure": failure,
        "PlansDeleted": False,
        "ProjectResults": projects,
        "run": run.id,
        "url": view.url,
        "note": run.note,
    }


def is_good(result: Json) -> bool:
    """Say whether nothing in a result went wrong."""
    return not any(one["Error"] or one["Failure"] for one in (result, *result["ProjectResults"]))


def _of_the_run(view: RunView, projects: list[Json]) -> tuple[str | None, str]:
    """Say what went wrong with the run as a whole, unless its projects say it."""
    if view.outcome is RunOutcome.SUCCEEDED:
        return None, ""
    if view.outcome is not RunOutcome.FAILED:
        return None, view.note or f"The command was {view.outcome}."
    if any(one["Error"] or one["Failure"] for one in projects):
        return None, ""
    return _told(view.failure) if view.failure else view.note or "The command failed.", ""


def _project(ctx: Context, view: RunView, project: ProjectView) -> list[Json]:
    error, failure = _trouble(view, project)
    planned = view.command.kind is CommandKind.PLAN and project.status in _PLANNED and error is None
    found = [
        _result(
            view,
            project.key,
            Error=error,
            Failure=failure,
            PlanSuccess=_plan(ctx, project) if planned else None,
            ApplySuccess=project.text or project.summary if project.status is ProjectStatus.APPLIED else "",
        )
    ]
    if project.policies:
        found.append(_judged(ctx, view, project))
    return found


def _trouble(view: RunView, project: ProjectView) -> tuple[str | None, str]:
    if project.failure is not None:
        return _told(project.failure), ""
    if project.holder is not None:
        held = project.holder
        who = f"{view.pull_mark}{held.pull_number} ({held.actor}, {held.pull_url})"
        return None, f"This project is locked by {who}. It is planned by itself when its turn comes."
    if project.status in _PLANNED or project.status is ProjectStatus.APPLIED:
        return None, ""
    return None, project.note or _STOPPED


def _told(failure: Failure) -> str:
    return "\n\n".join(part for part in (failure.summary, failure.detail) if part)


def _plan(ctx: Context, project: ProjectView) -> Json:
    return {
        "TerraformOutput": project.text,
        "LockURL": f"{ctx.rules.public_url}/locks",
        **_commands(ctx, project.key),
        "MergedAgain": False,
    }


def _commands(ctx: Context, key: ProjectKey) -> Json:
    word, flags = ctx.rules.word, target_of(key).flags
    return {"RePlanCmd": f"{word} plan {flags}", "ApplyCmd": f"{word} apply {flags}"}


def _judged(ctx: Context, view: RunView, project: ProjectView) -> Json:
    """Say what policies think of a plan; in Atlantis that is a result of its own."""
    open_sets = [one.standing.name for one in project.policies if not one.standing.is_cleared]
    return _result(
        view,
        project.key,
        Command=_POLICY_CHECK,
        Failure=f"Policy sets that did not pass: {', '.join(open_sets)}." if open_sets else "",
        PolicyCheckResults={
            "PolicySetResults": [_policy_set(one) for one in project.policies],
            "LockURL": f"{ctx.rules.public_url}/locks",
            **_commands(ctx, project.key),
            "ApprovePoliciesCmd": f"{ctx.rules.word} approve_policies {target_of(project.key).flags}",
        },
    )


def _policy_set(one: PolicyView) -> Json:
    standing = one.standing
    return {
        "PolicySetName": standing.name,
        "PolicyOutput": one.text or standing.error,
        "Passed": standing.passed,
        "ReqApprovals": standing.needed,
        "CurApprovals": standing.given,
    }


def _result(view: RunView, key: ProjectKey, **changes: Any) -> Json:
    return {
        "Error": None,
        "Failure": "",
        "PlanSuccess": None,
        "PolicyCheckResults": None,
        "ApplySuccess": "",
        "VersionSuccess": "",
        "ImportSuccess": None,
        "StateRmSuccess": None,
        "Command": _NUMBERS[view.command.kind],
        "SubCommand": "",
        "RepoRelDir": key.dir,
        "Workspace": key.workspace,
        "ProjectName": key.name or "",
        "SilencePRComments": None,
        **changes,
    }


def lock_of_atlantis(lock: Lock, pull: Pull, project: str) -> Json:
    """Show a lock in the form of Atlantis's list."""
    repo = lock.key.repo.full_name
    return {
        "Name": "/".join([repo, lock.key.dir, lock.key.workspace, *([project] if project else [])]),
        "ProjectName": project,
        "ProjectRepo": repo,
        "ProjectRepoPath": lock.key.dir,
        "PullID": str(pull.ref.number),
        "PullURL": pull.url,
        "User": lock.actor,
        "Workspace": lock.key.workspace,
        "Time": lock.acquired_at.isoformat(),
    }
