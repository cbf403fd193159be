"""Made-up runs and messages that an operator's templates are tried with before anybody needs them."""

from collections.abc import Iterator
from dataclasses import replace

from server.comments.answers import render_closed, render_help, render_mistake, render_refused, render_unlocked
from server.comments.render import render_run
from server.comments.view import HolderView, ProjectView, RunView
from server.comments.words import Words
from server.domain.commands import Command, CommandKind, Mistake
from server.domain.project import ProjectStatus
from server.domain.run import RunOutcome, RunState, Trigger
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import (
    Action,
    AttributeChange,
    ChangeSummary,
    Counts,
    Diagnostic,
    Failure,
    FailureKind,
    ResourceChange,
)

_LIMIT = 60_000
_HOLDER = HolderView(
    label="dns", pull_number=7, pull_url="https://forge.test/pull/7", actor="ann", since="just now", place=1
)
_BROKEN = Failure(
    kind=FailureKind.TERRAFORM,
    summary="Error: no such variable",
    detail="on main.tf line 3",
    diagnostics=(Diagnostic(severity="error", summary="no such variable", file="main.tf", line=3),),
)
_ONE_MORE = ChangeSummary(
    counts=Counts(add=1),
    resources=(
        ResourceChange(
            address="terraform_data.a",
            type="terraform_data",
            action=Action.CREATE,
            attributes=(AttributeChange(path="input", after='"x"'),),
        ),
    ),
)
_PLANNED = ProjectView(
    key=ProjectKey("network", name="net"),
    status=ProjectStatus.PLANNED,
    counts=Counts(add=1),
    changes=_ONE_MORE,
    text="Plan: 1 to add, 0 to change, 0 to destroy.",
    url="https://thera.test/jobs/1",
    seconds=3.0,
    terraform="terraform 1.9.5",
    note="A note.",
)
_RUN = RunView(
    run_id="0",
    command=Command(kind=CommandKind.PLAN),
    trigger=Trigger.AUTO,
    actor="ann",
    state=RunState.DONE,
    outcome=RunOutcome.SUCCEEDED,
    head_sha="0123456789abcdef0123456789abcdef01234567",
    base_ref="main",
    word="thera",
    url="https://thera.test/runs/0",
    done=1,
    total=1,
    projects=(_PLANNED,),
)


def _runs() -> Iterator[RunView]:
    """Tell of runs in every state that reads differently."""
    yield _RUN
    yield replace(_RUN, projects=(), outcome=RunOutcome.SUCCEEDED, done=0, total=0)
    yield replace(_RUN, state=RunState.PENDING, outcome=None, projects=(), queue_note="It waits.")
    yield replace(_RUN, state=RunState.OPEN, outcome=None)
    yield replace(_RUN, outcome=RunOutcome.FAILED, projects=(), failure=_BROKEN, problems=_BROKEN.diagnostics)
    broken = replace(_PLANNED, status=ProjectStatus.PLAN_FAILED, failure=_BROKEN, changes=None, counts=Counts())
    locked = replace(broken, status=ProjectStatus.LOCKED, failure=None, holder=_HOLDER, key=ProjectKey("dns"))
    calm = [ProjectView(key=ProjectKey(f"calm/{number}"), status=ProjectStatus.NO_CHANGES) for number in range(8)]
    yield replace(_RUN, outcome=RunOutcome.FAILED, projects=(_PLANNED, broken, locked, *calm))
    alike = tuple(replace(_PLANNED, key=ProjectKey(f"alike/{number}")) for number in range(3))
    yield replace(_RUN, projects=alike)
    applied = replace(_PLANNED, status=ProjectStatus.APPLIED, outputs={"address": '"10.0.0.1"'})
    lost = replace(_PLANNED, status=ProjectStatus.LOST, key=ProjectKey("web"))
    apply = replace(_RUN, command=Command(kind=CommandKind.APPLY), trigger=Trigger.COMMENT)
    yield replace(apply, projects=(applied,))
    yield replace(apply, projects=(lost,), outcome=RunOutcome.LOST)
    yield replace(apply, projects=(), outcome=RunOutcome.REFUSED, note="There is no plan to apply.")
    for kind in CommandKind:
        yield replace(apply, command=Command(kind=kind), projects=(), versions=("terraform 1.9.5",))


def rehearse(part: str, words: Words) -> None:
    """Say everything that a part of a comment is in; whoever made the words hears of what fails."""
    match part:
        case "help":
            render_help("thera", words=words)
        case "mistake":
            render_mistake(Mistake("There is no command `pan`."), words=words)
        case "refused":
            render_refused("`thera apply` was not run", "the pull request is closed", words=words)
        case "unlocked":
            render_unlocked(["network"], word="thera", actor="ann", words=words)
            render_unlocked([], word="thera", actor="ann", words=words)
        case "closed":
            for merged in (True, False):
                render_closed(["network"], was_merged=merged, discarded=["web"], words=words)
        case _:
            for view in _runs():
                render_run(view, limit=_LIMIT, key="sample", words=words)
                render_run(view, limit=_LIMIT, can_fold=False, words=words)
