"""The table of a run's projects: what became of each, and what to type next."""

from collections.abc import Sequence

from server.comments.alike import alike
from server.comments.amounts import did, would
from server.comments.format import Markdown, cell_code, cell_prose, code, link, md
from server.comments.templating import fill
from server.comments.view import ProjectView, RunView
from server.domain.commands import CommandKind, target_of
from server.domain.project import ProjectStatus
from server.domain.run import RunState
from workers.protocol.jobs import ProjectKey

FEW = 6
_S = ProjectStatus
STATE_WORK = frozenset({CommandKind.IMPORT, CommandKind.STATE_RM})
_AHEAD = (_S.LOST, _S.PLAN_FAILED, _S.APPLY_FAILED, _S.POLICY_FAILED, _S.LOCKED)
_KEPT = frozenset({_S.PLANNED, _S.POLICY_FAILED, _S.NO_CHANGES})
_AGAIN = frozenset({_S.PLAN_FAILED, _S.APPLY_FAILED, _S.LOST, _S.DISCARDED, _S.STALE})


def ranked(projects: Sequence[ProjectView]) -> tuple[ProjectView, ...]:
    """Put first what needs a look: trouble, then what destroys, then other changes, then nothing."""
    return tuple(sorted(projects, key=_rank))


def _rank(project: ProjectView) -> tuple[int, int, str]:
    destroys = project.counts.destroy + project.counts.replace
    place = _AHEAD.index(project.status) if project.status in _AHEAD else len(_AHEAD)
    return place + (project.status is _S.NO_CHANGES), -destroys, project.key.label


def quiet(view: RunView) -> tuple[ProjectView, ...]:
    """Choose the projects without changes that need no row of their own."""
    calm = tuple(project for project in view.projects if is_quiet(project))
    return calm if len(view.projects) > FEW and view.state is RunState.DONE else ()


def is_quiet(project: ProjectView) -> bool:
    """Say whether there is nothing to tell about a project."""
    has_words = project.warnings or project.note or project.unmet or project.failure
    return project.status is _S.NO_CHANGES and not has_words


def rows(view: RunView, *, gathered: bool = False) -> tuple[Markdown, ...]:
    """Write a row for each project that deserves one, trouble first; `gathered` has one row for many alike."""
    silent = {project.key for project in quiet(view)}
    told = [project for project in ranked(view.projects) if project.key not in silent]
    groups = alike(told) if gathered else [(project,) for project in told]
    return tuple(_row(group[0], view, others=len(group) - 1) for group in groups)


def render_table(view: RunView, lines: Sequence[Markdown], left_out: int) -> Markdown:
    """Put rows under a heading; `left_out` of them had no room."""
    if not lines and not left_out:
        return Markdown("")
    return fill("table", rows=tuple(lines), left_out=left_out, view=view)


def _row(project: ProjectView, view: RunView, *, others: int = 0) -> Markdown:
    name = cell_code(project.key.label)
    if project.url:
        name = link(name, project.url)
    if others:
        name = Markdown(f"{name} and {others} more alike")
    cells = [name, Markdown(f"{result(project, view)} in each") if others else result(project, view)]
    if view.state is RunState.DONE:
        cells.append(Markdown("") if others else next_step(project, view))
    return Markdown("| " + " | ".join(cells) + " |")


def result(project: ProjectView, view: RunView) -> Markdown:
    """Say what became of a project, in a cell."""
    if view.command.kind in STATE_WORK:
        return _state_result(project, view)
    if project.unmet:
        missing = ", ".join(requirement.requirement.value for requirement in project.unmet)
        return Markdown(f"⛔ not {md(missing)}")
    if project.failure and project.status in (_S.PLAN_FAILED, _S.APPLY_FAILED):
        verb = "plan" if project.status is _S.PLAN_FAILED else "apply"
        return Markdown(f"❌ {verb} failed: {cell_prose(project.failure.summary)}")
    if project.is_judged is False and view.state is not RunState.DONE:
        return Markdown("⏳ asking policies")
    if project.is_running:
        applies = view.command.kind is CommandKind.APPLY and project.status is not _S.PENDING
        return Markdown("⏳ applying" if applies else "⏳ planning")
    return _settled(project, view)


def _state_result(project: ProjectView, view: RunView) -> Markdown:
    if project.failure:
        return Markdown(f"❌ {cell_prose(project.failure.summary)}")
    if project.summary:
        return Markdown(f"✅ {cell_prose(project.summary)}")
    return Markdown("not done" if view.state is RunState.DONE else "⏳ under way")


def _settled(project: ProjectView, view: RunView) -> Markdown:
    is_over = view.state is RunState.DONE
    words = {
        _S.PENDING: "not planned" if is_over else "waiting",
        _S.LOCKED: "🔒 waits for a lock",
        _S.PLANNED: would(project.counts) or "planned",
        _S.POLICY_FAILED: f"⛔ policies say no; {would(project.counts) or 'planned'}",
        _S.NO_CHANGES: "no changes",
        _S.PLAN_FAILED: "❌ plan failed",
        _S.APPLYING: "not applied" if is_over else "waiting",
        _S.APPLIED: f"✅ {did(project.counts) or 'applied'}",
        _S.APPLY_FAILED: "❌ apply failed",
        _S.LOST: "⚠️ nobody knows how its apply ended",
        _S.DISCARDED: "plan discarded",
        _S.STALE: "plan is out of date",
    }
    said = words[project.status]
    if project.carried_from and project.status in _KEPT:
        said = f"{said} (plan of {code(project.carried_from[:7])})"
    return Markdown(said)


def next_step(project: ProjectView, view: RunView) -> Markdown:
    """Say what to type about this project alone."""
    if project.holder:
        return Markdown(f"wait for {link(f'{view.pull_mark}{project.holder.pull_number}', project.holder.pull_url)}")
    if project.status is _S.PLANNED:
        return typed(view.word, "apply", project.key, in_table=True)
    if project.status is _S.POLICY_FAILED:
        return typed(view.word, CommandKind.APPROVE_POLICIES.value, project.key, in_table=True)
    if project.status in _AGAIN:
        return typed(view.word, "plan", project.key, in_table=True)
    return Markdown("")


def typed(word: str, verb: str, key: ProjectKey, *, in_table: bool = False) -> Markdown:
    """Spell a command for one project as it is typed."""
    command = f"{word} {verb} {target_of(key).flags}"
    return cell_code(command) if in_table else code(command)
