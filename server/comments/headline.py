"""The first line of a run's comment: what happens if I apply this, or what happened."""

from collections.abc import Mapping, Sequence
from functools import reduce

from server.comments.amounts import did, would
from server.comments.format import Markdown, amount, code, enumeration
from server.comments.table import STATE_WORK
from server.comments.view import ProjectView, RunView
from server.domain.commands import CommandKind
from server.domain.project import ProjectStatus
from server.domain.run import RunOutcome, RunState
from workers.protocol.results import Counts

_TITLES: Mapping[CommandKind, str] = {kind: kind.value.replace("_", " ").capitalize() for kind in CommandKind}
_S = ProjectStatus
_ENDINGS: Mapping[RunOutcome, str] = {
    RunOutcome.REFUSED: "refused, nothing was run",
    RunOutcome.CANCELLED: "cancelled",
    RunOutcome.SUPERSEDED: "given up, a newer commit was pushed",
}


def headline(view: RunView) -> Markdown:
    """Say it in one line."""
    title = _TITLES[view.command.kind]
    if view.state is not RunState.DONE:
        return Markdown(f"### {title}: {_under_way(view)}")
    if view.outcome and view.outcome in _ENDINGS:
        return Markdown(f"### {title} {_ENDINGS[view.outcome]}")
    if view.command.kind is CommandKind.APPLY:
        return Markdown(f"### {_applied(view)}")
    if view.command.kind is CommandKind.PLAN:
        return Markdown(f"### {_planned(view)}")
    if view.command.kind in STATE_WORK:
        return Markdown(f"### {title}: {_state_work(view)}")
    return Markdown(f"### {title}")


def _state_work(view: RunView) -> str:
    done = [project for project in view.projects if project.summary and not project.failure]
    if not view.projects:
        return "failed" if view.outcome is RunOutcome.FAILED else "nothing to do here"
    if view.outcome is RunOutcome.LOST:
        return "**contact lost**"
    if len(done) == len(view.projects):
        return f"done in {amount(len(done), 'project')}; plan again to see what it means"
    return f"**failed in {amount(len(view.projects) - len(done), 'project')}**"


def _under_way(view: RunView) -> str:
    if view.state is RunState.PENDING:
        return "accepted, waits for its turn" if view.queue_note else "accepted"
    if view.is_discovering:
        return f"reading commit {code(view.head_sha[:7])}"
    if view.total:
        return f"{view.done} of {amount(view.total, 'project')} done"
    return "under way"


def having(view: RunView, *statuses: ProjectStatus) -> list[ProjectView]:
    """Choose the projects in one of these states."""
    return [project for project in view.projects if project.status in statuses]


def total(projects: Sequence[ProjectView]) -> Counts:
    """Add up what the projects change."""
    return reduce(Counts.__add__, (project.counts for project in projects), Counts())


def _planned(view: RunView) -> str:
    planned = having(view, _S.PLANNED, _S.POLICY_FAILED)
    forbidden = having(view, _S.POLICY_FAILED)
    failed = having(view, _S.PLAN_FAILED)
    locked = having(view, _S.LOCKED)
    if not view.projects:
        return "Plan failed" if view.outcome is RunOutcome.FAILED else "Nothing to plan here"
    parts = []
    if failed:
        parts.append(f"**failed in {_share(failed, view)}**")
    if forbidden:
        parts.append(f"**policies say no to {_share(forbidden, view)}**")
    if planned:
        parts.append(f"**{would(total(planned)) or 'changes'}** in {_share(planned, view)}")
    if locked:
        parts.append(f"{amount(len(locked), 'project waits', 'projects wait')} for a lock")
    if parts:
        return f"Plan: {'; '.join(parts)}"
    if view.outcome is RunOutcome.FAILED or having(view, _S.PENDING, _S.DISCARDED, _S.STALE):
        return "Plan: not finished"
    where = "" if len(view.projects) == 1 else f" ({amount(len(view.projects), 'project')})"
    return f"No changes. Nothing to apply.{where}"


def _share(some: Sequence[ProjectView], view: RunView) -> str:
    everything = amount(len(view.projects), "project")
    return everything if len(some) == len(view.projects) else f"{len(some)} of {everything}"


def _applied(view: RunView) -> str:
    applied = having(view, _S.APPLIED)
    failed = having(view, _S.APPLY_FAILED)
    lost = having(view, _S.LOST)
    if not view.projects:
        return "Apply failed" if view.outcome is RunOutcome.FAILED else "Nothing to apply here"
    parts = []
    if lost:
        parts.append(f"**contact lost in {_share(lost, view)}**")
    if failed:
        parts.append(f"**failed in {_share(failed, view)}**")
    if not parts and applied and len(applied) == len(view.projects):
        return f"Applied: **{did(total(applied)) or 'no changes'}** in {amount(len(applied), 'project')}"
    if applied:
        parts.append(f"{did(total(applied)) or 'applied'} in {_share(applied, view)}")
    held_back = len(view.projects) - len(applied) - len(failed) - len(lost)
    if held_back:
        parts.append(f"{amount(held_back, 'project')} not applied")
    return f"Apply: {enumeration(parts)}"
