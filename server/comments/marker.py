"""Hidden marks at the end of our comments: one to find a comment by, one that machines read."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from server.comments.format import Markdown
from server.comments.view import ProjectView, RunView
from server.domain.project import SETTLED

_RUN = re.compile(r"^<!-- thera:run (\{.*\}) -->$", re.MULTILINE)


def marker_for(key: str) -> str:
    """Give the short mark that a comment is found by; `key` is a run's id or a comment's key."""
    # Two hyphens would end an HTML comment.
    return f"<!-- thera:key {re.sub(r'[^A-Za-z0-9_.:/#-]|-(?=-)', '_', key)} -->"


def stamped(text: str, key: str) -> str:
    """Put the mark at the end of a comment."""
    return f"{text}\n\n{marker_for(key)}"


def run_marker(view: RunView, *, limit: int) -> Markdown:
    """Write down a run for machines. Beyond `limit`, projects are left out, unchanged ones first."""
    facts: dict[str, Any] = {
        "v": 1,
        "run": view.run_id,
        "command": view.command.kind.value,
        "head": view.head_sha,
        "outcome": view.outcome.value if view.outcome else None,
        "projects": [],
    }
    projects = sorted(view.projects, key=lambda project: (project.status in SETTLED, project.key.path))
    kept = _that_fit(projects, limit - len(_spell(facts)) - len(',"left_out":99999'))
    facts["projects"] = kept
    if len(kept) < len(projects):
        facts["left_out"] = len(projects) - len(kept)
    return _spell(facts)


def _that_fit(projects: Sequence[ProjectView], room: int) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    size = 0
    for project in projects:
        facts = _project(project)
        size += len(_json(facts)) + 1
        if size > room:
            break
        kept.append(facts)
    return kept


def _project(project: ProjectView) -> dict[str, Any]:
    facts: dict[str, Any] = {"dir": project.key.dir, "workspace": project.key.workspace}
    if project.key.name:
        facts["name"] = project.key.name
    facts["status"] = project.status.value
    counts = {name: number for name, number in asdict(project.counts).items() if number}
    if counts:
        facts["counts"] = counts
    if project.digest:
        facts["digest"] = project.digest
    return facts


def _json(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, separators=(",", ":"))
    # Only strings contain these, and nothing in there may end the HTML comment around it.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("--", "\\u002d\\u002d")


def _spell(facts: Mapping[str, Any]) -> Markdown:
    return Markdown(f"<!-- thera:run {_json(facts)} -->")


def find_marker(text: str) -> str | None:
    """Find a run's mark in a comment's text; the last one is ours."""
    found = _RUN.findall(text.replace("\r\n", "\n"))
    return found[-1] if found else None


def parse_marker(text: str) -> dict[str, Any] | None:
    """Read a run's mark; None if there is none or it is not whole."""
    marker = find_marker(text)
    if marker is None:
        return None
    try:
        facts = json.loads(marker)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None
