"""The commit statuses of a pull: a pure function of its projects, written whenever they may have changed."""

from datetime import datetime

from server.comments.statuses import StatusLine, statuses, stopped, under_way
from server.domain.commands import CommandKind
from server.domain.pull import Pull
from server.domain.run import Run, RunOutcome
from server.orchestration.context import Context
from server.orchestration.messages import set_status
from server.store.unit_of_work import UnitOfWork


def show_standing(ctx: Context, uow: UnitOfWork, pull: Pull, run: Run, *, now: datetime) -> None:
    """Have a pull's statuses set on its head."""
    if not pull.is_open or run.command.kind not in {CommandKind.PLAN, CommandKind.APPLY, CommandKind.UNLOCK}:
        return
    for line in _lines(ctx, uow, pull, run):
        set_status(uow, pull, line, run=run, url=ctx.rules.run_url(run.id), now=now)


def _lines(ctx: Context, uow: UnitOfWork, pull: Pull, run: Run) -> list[StatusLine]:
    prefix = ctx.rules.status_prefix
    rows = uow.projects.of_pull(pull.id)
    planning = run.command.kind is CommandKind.PLAN
    if planning and not run.is_closed and not any(row.run_id == run.id for row in rows):
        return [under_way(prefix, "plan")]
    if planning and run.outcome is RunOutcome.FAILED and not any(row.run_id == run.id for row in rows):
        return [stopped(prefix, "plan")]
    return statuses(rows, prefix=prefix)


def show_planning(ctx: Context, uow: UnitOfWork, pull: Pull, run: Run, *, now: datetime) -> None:
    """Have a new head say at once that it is being looked at."""
    line = under_way(ctx.rules.status_prefix, "plan")
    set_status(uow, pull, line, run=run, url=ctx.rules.run_url(run.id), now=now)
