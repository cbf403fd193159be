"""What is not said, because the operator or the repository's file does not want to hear it. Failures always are."""

from dataclasses import replace

from server.comments.view import ProjectView, RunView
from server.config.server_file import RepoPolicy
from server.domain.commands import CommandKind
from server.domain.project import ProjectStatus
from server.domain.run import Run, RunOutcome, RunState
from server.orchestration.context import Context
from server.store.unit_of_work import UnitOfWork

_FINE = frozenset(
    {
        ProjectStatus.PENDING,
        ProjectStatus.PLANNED,
        ProjectStatus.NO_CHANGES,
        ProjectStatus.APPLYING,
        ProjectStatus.APPLIED,
    }
)
_KINDS = frozenset({CommandKind.PLAN, CommandKind.APPLY})


def quieted(ctx: Context, uow: UnitOfWork, run: Run, view: RunView, policy: RepoPolicy) -> RunView | None:
    """Take out what is silenced; None if nothing is left that deserves a comment.

    `silence_pr_comments` (Atlantis's documentation, server side repo config) names commands whose results are not
    commented; unlike there, what failed or waits is said all the same.
    """
    if run.command.kind not in _KINDS:
        return view
    verb = run.command.kind.verb
    silenced = {row.key for row in uow.projects.of_pull(run.pull_id) if verb in row.config.get("silence_comments", ())}
    loud = tuple(project for project in view.projects if project.key not in silenced or not _is_fine(project))
    if loud:
        return replace(view, projects=loud)
    if view.failure or view.problems or (view.outcome is not None and view.outcome is not RunOutcome.SUCCEEDED):
        return view
    if view.projects:
        return None
    if view.state is RunState.DONE:
        return None if ctx.rules.silence_no_projects and run.command.kind is CommandKind.PLAN else view
    return None if _may_stay_silent(ctx, policy, run) else view


def _is_fine(project: ProjectView) -> bool:
    return project.status in _FINE and project.failure is None


def _may_stay_silent(ctx: Context, policy: RepoPolicy, run: Run) -> bool:
    """Say whether a plan whose projects are not known yet may turn out to be nobody's business."""
    if run.command.kind is not CommandKind.PLAN:
        return False
    silent = run.command.kind.verb in policy.silence_comments or "silence_pr_comments" in policy.allowed_overrides
    return silent or ctx.rules.silence_no_projects
