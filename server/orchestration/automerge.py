"""A pull whose every plan is applied is merged by itself, where that is configured."""

from datetime import datetime

from server.domain.commands import CommandKind
from server.domain.project import SETTLED
from server.domain.pull import Pull
from server.domain.run import Run, RunOutcome
from server.orchestration.context import Context
from server.orchestration.messages import ask_to_merge
from server.store.unit_of_work import UnitOfWork


def merge_when_done(ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, *, now: datetime) -> str:
    """Have a pull merged once its statuses are written, if its apply was the last one; says so in words."""
    if run.command.kind is not CommandKind.APPLY or run.outcome is not RunOutcome.SUCCEEDED or not pull.is_open:
        return ""
    rows = uow.projects.of_pull(pull.id)
    if not run.command.automerge or not rows or not all(row.config.get("automerge") for row in rows):
        return ""
    label = ctx.rules.disable_automerge_label
    if label is not None and label in pull.labels:
        return f"It is not merged by itself, because of its label `{label}`."
    if not all(row.status in SETTLED for row in rows):
        return ""
    ask_to_merge(
        uow,
        run,
        sha=pull.head_sha,
        method=run.command.merge_method or ctx.rules.automerge_method,
        delete_branch=any(row.config.get("delete_source_branch") for row in rows),
        now=now,
    )
    return "Everything is applied, so it is merged by itself."
