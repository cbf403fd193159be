"""Statuses as check runs, which only a GitHub App may make: with a summary, remarks on lines, and a re-run button.

Rules from GitHub's documentation of the checks API: at most 50 annotations a request, which are added to those already
there, and 65,535 characters of summary; of several runs with one name, the newest counts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from server.domain.pull import Pull
from server.forges.base import Annotation, CommitStatus, StatusState
from server.forges.github_client import GitHubClient

_AT_ONCE, _SUMMARY, _TITLE, _MESSAGE = 50, 65_000, 255, 60_000
_MOST = 500
_CONCLUSIONS = {StatusState.SUCCESS: "success", StatusState.FAILURE: "failure", StatusState.ERROR: "failure"}


def set_check(client: GitHubClient, app_id: int, pull: Pull, sha: str, status: CommitStatus) -> None:
    """Make or change the check run of a name on a commit; saying the same twice leaves one."""
    repo = pull.ref.repo
    runs = f"/repos/{repo.full_name}/check-runs"
    known = _newest(client, app_id, pull, sha, status.context)
    parts = _parts(status.annotations)
    body = {"name": status.context, "details_url": status.url, **_state(status), "output": _output(status, parts[0])}
    if known is not None and _can_be_changed(known, status):
        made = client.write(repo, "PATCH", f"{runs}/{int(known['id'])}", body)
    else:
        made = client.write(repo, "POST", runs, {**body, "head_sha": sha})
    for part in parts[1:]:
        client.write(repo, "PATCH", f"{runs}/{int(made['id'])}", {"output": _output(status, part)})


def _newest(client: GitHubClient, app_id: int, pull: Pull, sha: str, name: str) -> Mapping[str, Any] | None:
    path = f"/repos/{pull.ref.repo.full_name}/commits/{sha}/check-runs"
    found = client.get(pull.ref.repo, path, check_name=name, app_id=app_id, filter="latest", per_page=100)
    own = [run for run in found["check_runs"] if (run.get("app") or {}).get("id") == app_id and run["name"] == name]
    return max(own, key=lambda run: int(run["id"]), default=None)


def _can_be_changed(known: Mapping[str, Any], status: CommitStatus) -> bool:
    """Say whether a run may be written over: none that has ended begins again, and no remark can be taken back."""
    if known["status"] == "completed" and status.state is StatusState.PENDING:
        return False
    return not (known.get("output") or {}).get("annotations_count")


def _state(status: CommitStatus) -> dict[str, str]:
    if status.state is StatusState.PENDING:
        return {"status": "in_progress"}
    return {"status": "completed", "conclusion": _CONCLUSIONS[status.state]}


def _output(status: CommitStatus, annotations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "title": status.description[:_TITLE] or status.state.value,
        "summary": status.summary[:_SUMMARY] or status.description,
        "annotations": list(annotations),
    }


def _parts(annotations: Sequence[Annotation]) -> list[list[dict[str, Any]]]:
    told = [
        {
            "path": one.path,
            "start_line": one.line,
            "end_line": one.line,
            "annotation_level": "failure",
            "message": one.message[:_MESSAGE],
        }
        for one in annotations[:_MOST]
    ]
    return [told[start : start + _AT_ONCE] for start in range(0, len(told), _AT_ONCE)] or [[]]
