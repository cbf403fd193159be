"""Why projects are planned and what keeps them from being applied, read from rows; nothing is changed or locked."""

from server.comments.explanation import (
    Explanation,
    render_explanation,
    render_explanations,
    render_nothing_to_explain,
)
from server.config.untouched import why_not
from server.domain.commands import Command, CommandKind
from server.domain.errors import UserMistake
from server.domain.explanation import Why
from server.domain.project import CAN_APPLY, SETTLED, ProjectStatus, PullProject
from server.domain.pull import Pull
from server.domain.requirements import PullFacts, Requirement
from server.orchestration.apply import Hindrance, in_the_way, unmet_in_words, without_plan
from server.orchestration.context import Context
from server.orchestration.select import read_config
from server.orchestration.views import lock_holder, report_of
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import from_data
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import DiscoverFacts

_LOOKED_BACK = 20  # runs
_BY_ITSELF = frozenset({ProjectStatus.PENDING, ProjectStatus.APPLYING, ProjectStatus.LOCKED})


def explain(ctx: Context, uow: UnitOfWork, pull: Pull, command: Command, facts: PullFacts | None) -> str:
    """Answer `explain`: one project in full, or several in a table. `facts` is what the forge says now."""
    rows = uow.projects.of_pull(pull.id)
    meant = [row for row in rows if command.target.covers(row.key)]
    word = ctx.rules.word
    if command.target.is_empty or len(meant) > 1:
        return render_explanations([_explained(ctx, uow, pull, row, rows, facts) for row in meant], word=word)
    if not meant:
        known = [row.key for row in rows]
        return render_nothing_to_explain(command.target.flags, known, _why_not(ctx, uow, pull, command), word=word)
    return render_explanation(_explained(ctx, uow, pull, meant[0], rows, facts), word=word)


def _why_not(ctx: Context, uow: UnitOfWork, pull: Pull, command: Command) -> list[tuple[ProjectKey, str]]:
    """Say why projects that exist are not planned, by what was discovered last; nothing where nothing was."""
    for run in uow.runs.of_pull(pull.id, limit=_LOOKED_BACK):
        for job in uow.jobs.of_run(run.id):
            report = report_of(job)
            if report is not None and isinstance(report.facts, DiscoverFacts):
                try:
                    config = read_config(ctx.policy(pull.ref.repo), report.facts, base_ref=pull.base_ref)
                except UserMistake:
                    return []  # the run that found it has said so
                return why_not(config, report.facts, command.target)
    return []


def _explained(
    ctx: Context, uow: UnitOfWork, pull: Pull, row: PullProject, rows: list[PullProject], facts: PullFacts | None
) -> Explanation:
    hindrances = _hindrances(ctx, uow, pull, row, rows, facts)
    return Explanation(
        key=row.key,
        standing=_standing(ctx, uow, pull, row),
        why=from_data(Why, row.why) if row.why else None,
        in_the_way=tuple(one.words for one in hindrances),
        first=tuple(other.key for other in rows if other.has_plan and other.wave < row.wave) if row.has_plan else (),
        remedy=_remedy(row, hindrances),
        planned_with=f"{row.terraform.distribution} {row.terraform_version}" if row.terraform_version else "",
    )


def _hindrances(
    ctx: Context, uow: UnitOfWork, pull: Pull, row: PullProject, rows: list[PullProject], facts: PullFacts | None
) -> list[Hindrance]:
    if row.has_plan:
        before = {other.key for other in rows if other.status in CAN_APPLY and other.wave < row.wave}
        return list(in_the_way(ctx, uow, pull, row, facts, among=rows, meant=before))
    if row.status in SETTLED:
        return []
    listed = [Requirement(name) for name in row.config.get("apply_requirements", ())]
    missing = unmet_in_words([one for one in listed if one is not Requirement.POLICIES_PASSED], facts)
    return [Hindrance(missing, CommandKind.APPLY)] if missing else []


def _standing(ctx: Context, uow: UnitOfWork, pull: Pull, row: PullProject) -> str:
    """Say in sentences where a project stands."""
    if row.has_plan:
        return "It is planned."
    said = f"`{row.key.label}`: {without_plan(row)}."
    holder = lock_holder(uow, pull, row, ctx.clock()) if row.status is ProjectStatus.LOCKED else None
    if holder is not None:
        said += (
            f"\nIts lock is held by pull request {holder.pull_number} ({holder.actor}, {holder.since}); "
            f"this one is number {holder.place} in the queue."
        )
    return f"{said}\n{row.note}" if row.note else said


def _remedy(row: PullProject, hindrances: list[Hindrance]) -> CommandKind | None:
    """Choose what to type next: a fresh plan before an approval, an approval before the apply."""
    if row.status in SETTLED or row.status in _BY_ITSELF:
        return None
    if not row.has_plan:
        return CommandKind.PLAN
    helps = {one.remedy for one in hindrances}
    return next((kind for kind in (CommandKind.PLAN, CommandKind.APPROVE_POLICIES) if kind in helps), CommandKind.APPLY)
