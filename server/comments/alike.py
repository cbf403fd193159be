"""Projects whose plans change the very same things are told once: a tag on forty projects is one thing to read."""

from collections.abc import Sequence
from dataclasses import replace

from server.comments.view import ProjectView
from server.domain.project import ProjectStatus

FEWEST = 3  # two are read side by side as quickly


def alike(projects: Sequence[ProjectView]) -> list[tuple[ProjectView, ...]]:
    """Gather projects that are planned to change the same, attribute by attribute; each group stands at its first.

    A project with anything of its own to tell (a warning, a note, what policies say) stays by itself.
    """
    groups: dict[str, list[ProjectView]] = {}
    for number, project in enumerate(projects):
        groups.setdefault(_signature(project) or f"#{number}", []).append(project)
    return [
        part
        for members in groups.values()
        for part in ([tuple(members)] if len(members) >= FEWEST else [(one,) for one in members])
    ]


def _signature(project: ProjectView) -> str:
    """Spell what a plan changes; empty where a project has to be told by itself."""
    has_own_words = (
        project.failure or project.unmet or project.holder or project.note or project.warnings or project.policies
    )
    changes = project.changes
    if project.status is not ProjectStatus.PLANNED or has_own_words or changes is None or changes.checks:
        return ""
    if changes.omitted or not (changes.resources or changes.outputs):
        return ""  # what is left out may differ
    return repr(replace(changes, drifted=()))
