"""What an operator's templates are told: plain values, by names that do not change with our code."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from server.comments.view import ProjectView, RunView
from server.domain.commands import target_of

RUN = (
    *("command", "state", "outcome", "trigger", "actor", "commit", "base", "word", "url", "pull_mark"),
    *("done", "total", "projects"),
)
PROJECT = (
    *("label", "name", "dir", "workspace", "flags", "status", "add", "change", "replace", "destroy"),
    *("failure", "terraform", "seconds", "url"),
)
# Every part that can be said in other words, with the names that its template may use.
PARTS: Mapping[str, tuple[str, ...]] = {
    "comment": (
        *RUN,
        *("text", "headline", "note", "versions", "problems", "failure", "table", "quiet", "sections", "footer"),
    ),
    "headline": (*RUN, "text"),
    "project": (
        *RUN,
        *("text", "body", "project", "heading", "alike", "changes", "folds", "failure", "policies", "note"),
    ),
    "footer": (*RUN, "text", "steps", "origin"),
    "help": ("text", "word", "commands"),
    "mistake": ("text", "answer"),
    "refused": ("text", "what", "reason", "remedy"),
    "unlocked": ("text", "word", "actor", "released"),
    "closed": ("text", "was_merged", "released", "discarded", "still_applying"),
}


def run_facts(view: RunView) -> dict[str, Any]:
    """Tell of a run."""
    return {
        "command": view.command.kind.value,
        "state": view.state.value,
        "outcome": view.outcome.value if view.outcome else "",
        "trigger": view.trigger.value,
        "actor": view.actor,
        "commit": view.head_sha,
        "base": view.base_ref,
        "word": view.word,
        "url": view.url,
        "pull_mark": view.pull_mark,
        "done": view.done,
        "total": view.total,
        "projects": [project_facts(project) for project in view.projects],
    }


def project_facts(project: ProjectView) -> SimpleNamespace:
    """Tell of a project of a run."""
    return SimpleNamespace(
        label=project.key.label,
        name=project.key.name or "",
        dir=project.key.dir,
        workspace=project.key.workspace,
        flags=target_of(project.key).flags,
        status=project.status.value,
        add=project.counts.add,
        change=project.counts.change,
        replace=project.counts.replace,
        destroy=project.counts.destroy,
        failure=project.failure.summary if project.failure else "",
        terraform=project.terraform,
        seconds=int(project.seconds or 0),
        url=project.url,
    )
