"""The last lines of a run's comment: what to type now, and where to read more."""

from collections.abc import Iterator, Mapping

from server.comments.facts import run_facts
from server.comments.format import Markdown, amount, code, join, link, md
from server.comments.table import STATE_WORK, typed
from server.comments.templating import fill
from server.comments.view import RunView
from server.comments.words import BUILT_IN, Words
from server.domain.commands import CommandKind
from server.domain.project import ProjectStatus
from server.domain.run import RunState, Trigger
from workers.protocol.jobs import ProjectKey

_S = ProjectStatus


_CAUSES: Mapping[Trigger, str] = {
    Trigger.AUTO: "planned by itself",
    Trigger.QUEUE: "planned by itself, because the lock it waited for became free",
    Trigger.STALE: "planned again by itself, because another pull request's apply made the plan stale",
}


def render_next_steps(view: RunView, *, can_fold: bool = True, words: Words = BUILT_IN) -> Markdown:
    """Say what to type, with the run's page and commit."""
    cause = _CAUSES.get(view.trigger) or f"asked for by {md(view.actor)}"
    facts = [
        link("Logs and details", view.url) if view.url else "",
        f"commit {code(view.head_sha[:7])}",
        _terraform(view),
        cause,
    ]
    said = join([fact for fact in facts if fact], " · ")
    footer = Markdown(f"<sub>{said}</sub>") if can_fold else said
    listed = tuple(steps(view))
    return words.say(
        "footer",
        fill("next_steps", steps=listed, footer=footer),
        lambda: {**run_facts(view), "can_fold": can_fold, "steps": listed, "origin": footer},
    )


def steps(view: RunView) -> Iterator[Markdown]:
    """List what makes sense now, the likeliest first."""
    if view.state is not RunState.DONE:
        yield Markdown(f"To stop it: {code(f'{view.word} cancel')}")
        return
    if view.command.kind in STATE_WORK:
        for project in view.projects:
            yield Markdown(f"To see what it means: {typed(view.word, 'plan', project.key)}")
        return
    if view.command.kind not in (CommandKind.PLAN, CommandKind.APPLY, CommandKind.APPROVE_POLICIES):
        return
    yield from _lost(view)
    yield from _again(view)
    if any(status is _S.POLICY_FAILED for _, status in _everything(view)):
        yield Markdown(f"To let them pass, as an owner of the policies: {code(f'{view.word} approve_policies')}")
    waiting = [key for key, status in _everything(view) if status is _S.PLANNED]
    if waiting:
        plans = "this plan" if len(waiting) == 1 else f"all {len(waiting)} plans"
        yield Markdown(f"To apply {plans}: {code(f'{view.word} apply')}")
    if len(waiting) > 1:
        yield Markdown(f"To apply one: {typed(view.word, 'apply', waiting[0])}")
    if waiting or any(status in {_S.APPLY_FAILED, _S.POLICY_FAILED} for _, status in _everything(view)):
        yield Markdown(f"To throw the plans away and free the locks: {code(f'{view.word} unlock')}")


def _lost(view: RunView) -> Iterator[Markdown]:
    for project in view.projects:
        if project.status is _S.LOST:
            look = typed(view.word, "plan", project.key)
            yield Markdown(f"To see how things stand: {look}, then {typed(view.word, 'apply', project.key)}")


def _again(view: RunView) -> Iterator[Markdown]:
    failed = [project.key for project in view.projects if project.status in (_S.PLAN_FAILED, _S.APPLY_FAILED)]
    if len(failed) == 1:
        yield Markdown(f"To try again: push a correction, or {typed(view.word, 'plan', failed[0])}")
    elif failed:
        yield Markdown(f"To try again: push a correction, or {code(f'{view.word} plan')}")
    stale = [project.key for project in view.projects if project.status in (_S.STALE, _S.DISCARDED)]
    if stale:
        yield Markdown(f"To plan {amount(len(stale), 'project')} again: {code(f'{view.word} plan')}")


def _everything(view: RunView) -> list[tuple[ProjectKey, ProjectStatus]]:
    return [*((project.key, project.status) for project in view.projects), *view.remaining]


def _terraform(view: RunView) -> Markdown:
    found = sorted({project.terraform for project in view.projects if project.terraform})
    return Markdown(" · ".join(md(version) for version in found[:3]))
