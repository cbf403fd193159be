"""What a status shows besides its one line, on a forge that has checks: a summary, and remarks on lines of code."""

import posixpath
from collections.abc import Iterable, Iterator

from server.comments.render import render_run
from server.comments.section import Detail, render_section
from server.comments.view import ProjectView, RunView
from server.domain.pull import Pull
from server.forges.base import Annotation, Capabilities
from server.orchestration.context import Context
from server.orchestration.views import run_view
from server.store.outbox import Message
from workers.protocol.results import Diagnostic

_LIMIT = 60_000  # GitHub's is 65,535


def check_details(
    ctx: Context, pull: Pull, message: Message, *, can: Capabilities
) -> tuple[str, tuple[Annotation, ...]]:
    """Make a status's summary (Markdown) and annotations from the rows as they are now."""
    with ctx.store.reading() as uow:
        run = uow.runs.get(str(message.payload.get("run_id", "")))
        if run is None:
            return "", ()
        view = run_view(ctx, uow, run, pull, pull_mark=can.pull_mark)
    name = str(message.payload["context"]).partition(": ")[2]
    if not name:
        return render_run(view, limit=_LIMIT, words=ctx.words), tuple(_annotations(view.projects, view.problems))
    own = [project for project in view.projects if name in {project.key.name, project.key.path}]
    return "\n\n".join(_section(project, view) for project in own), tuple(_annotations(own, ()))


def _section(project: ProjectView, view: RunView) -> str:
    text = next(
        (
            text
            for detail in sorted(Detail, reverse=True)
            if len(text := str(render_section(project, view, detail, can_fold=True))) <= _LIMIT
        ),
        "",
    )
    return f"{text}\n\n[Log]({project.url})" if project.url else text


def _annotations(projects: Iterable[ProjectView], problems: Iterable[Diagnostic]) -> Iterator[Annotation]:
    for project in projects:
        for found in project.failure.diagnostics if project.failure else ():
            if found.file and found.line:
                path = posixpath.normpath(posixpath.join(project.key.dir, found.file))
                yield from _annotation(found, path)
    for found in problems:
        yield from _annotation(found, found.file or "")


def _annotation(found: Diagnostic, path: str) -> Iterator[Annotation]:
    if found.severity == "error" and path and found.line and not path.startswith(("../", "/", ".terraform")):
        message = f"{found.summary}\n\n{found.detail}".strip()
        yield Annotation(path=path, line=found.line, message=message)
