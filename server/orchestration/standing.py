"""The commit statuses of a pull: a pure function of its projects, written whenever they may have changed."""

from collections.abc import Sequence
from datetime import datetime

from server.comments.statuses import StatusLine, statuses, stopped, under_way
from server.domain.commands import CommandKind
from server.domain.project import PullProject
from server.domain.pull import Pull
from server.domain.run import Run, RunOutcome
from server.orchestration.context import Context
from server.orchestration.messages import set_statuses
from server.store.unit_of_work import UnitOfWork

_TELLING = frozenset({CommandKind.PLAN, CommandKind.APPLY, CommandKind.APPROVE_POLICIES, CommandKind.UNLOCK})


def show_standing(ctx: Context, uow: UnitOfWork, pull: Pull, run: Run, *, now: datetime) -> None:
    """Have a pull's statuses set on its head."""
    if not pull.is_open or run.command.kind not in _TELLING:
        return
    rows = uow.projects.of_pull(pull.id)
    of_project = {row.key: row.run_id for row in rows}
    lines = _lines(ctx.rules.status_prefix, rows, run)
    if not rows and ctx.rules.silence_status_no_projects and not any(line.state == "failure" for line in lines):
        return
    linked = [(line, (of_project.get(line.project) if line.project else None) or run.id) for line in lines]
    set_statuses(uow, pull, linked, rules=ctx.rules, now=now)


def _lines(prefix: str, rows: Sequence[PullProject], run: Run) -> list[StatusLine]:
    planning = run.command.kind is CommandKind.PLAN
    if planning and not run.is_closed and not any(row.run_id == run.id for row in rows):
        return [under_way(prefix, "plan")]
    if planning and run.outcome is RunOutcome.FAILED and not any(row.run_id == run.id for row in rows):
        return [stopped(prefix, "plan")]
    return statuses(rows, prefix=prefix)


def show_planning(ctx: Context, uow: UnitOfWork, pull: Pull, run: Run, *, now: datetime) -> None:
    """Have a new head say at once that it is being looked at, unless it might turn out to concern nobody."""
    if ctx.rules.silence_status_no_projects:
        return
    line = under_way(ctx.rules.status_prefix, "plan")
    set_statuses(uow, pull, [(line, run.id)], rules=ctx.rules, now=now)
