"""Commit statuses on GitLab: each in the pipeline that its merge request is judged by, and none left running.

What GitLab takes is written in its `app/services/ci/create_commit_status_service.rb`. A status that is pending or
running in a pipeline, of the same name, ref and author, is moved on; where there is none, a new one is made. Pending
goes to running, and both go to an end; to say once more what is so already is refused with 400.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gitlab.exceptions import GitlabHttpError

from server.domain.errors import TryLater
from server.domain.pull import Pull
from server.forges.base import CommitStatus, StatusState
from server.forges.gitlab_client import GitLabApi, project_path, pull_path
from server.forges.gitlab_errors import message_of
from server.forges.gitlab_facts import head_pipeline

_STATES = {
    StatusState.PENDING: "pending",
    StatusState.SUCCESS: "success",
    StatusState.FAILURE: "failed",
    StatusState.ERROR: "failed",
}
_OPEN = frozenset({"created", "pending", "running"})
_LONGEST = 255  # of each text; the description's column is longer in newer versions
_BAD, _CONFLICT = 400, 409
_TRIES = 5
_LOOKS = 3
_FIRST_PAUSE = 0.2  # seconds
_PIPELINE_PAUSE = 1.0  # seconds


@dataclass(frozen=True)
class _Place:
    """Where a status belongs: a commit, a ref of it and, once there is one, a pipeline."""

    sha: str
    ref: str
    pipeline: int | None = None


def set_status(api: GitLabApi, pull: Pull, sha: str, status: CommitStatus) -> None:
    """Set a status, and end what an earlier one of its name left open in other pipelines of the commit."""
    place = _place_of(api, pull, sha)
    wanted = _STATES[status.state]
    known = _known(api, pull, {sha, place.sha}, status.context)
    current = _in_place(known, place)
    if not _is_said(current, wanted, status):
        _move(api, pull, place, _next(current, wanted), status)
    if wanted in _OPEN:
        return
    for stray in known:
        elsewhere = _Place(stray["sha"], stray["ref"], stray.get("pipeline_id"))
        if stray["status"] in _OPEN and stray is not current and elsewhere != place:
            _move(api, pull, elsewhere, wanted, status)


def _place_of(api: GitLabApi, pull: Pull, sha: str) -> _Place:
    """Find the pipeline that counts for a commit of a pull; where the project has pipelines, one may come soon."""
    for look in range(_LOOKS):
        found = _pipeline_of(api, pull, sha)
        if found is not None:
            return _Place(found["sha"], found["ref"], found["id"])
        if look + 1 < _LOOKS:
            if not _runs_pipelines(api, pull):
                break
            time.sleep(_PIPELINE_PAUSE)
    # A branch of the same name may be another one here than in the fork.
    return _Place(sha, pull.head_fetch_ref if pull.is_fork else pull.head_ref)


def _pipeline_of(api: GitLabApi, pull: Pull, sha: str) -> dict[str, Any] | None:
    current = api.get(pull_path(pull.ref))
    if current["sha"] == sha:
        head = head_pipeline(api, pull.ref.repo, current)
        if head is not None and head["project_id"] == current["target_project_id"]:
            return head
    refs = {pull.head_fetch_ref} if pull.is_fork else {pull.head_fetch_ref, pull.head_ref}
    listed = api.list(f"{project_path(pull.ref.repo)}/pipelines", sha=sha, order_by="id", sort="desc")
    mine = [one for one in listed if one["ref"] in refs]
    return next((one for one in mine if one["ref"] == pull.head_fetch_ref), mine[0] if mine else None)


def _runs_pipelines(api: GitLabApi, pull: Pull) -> bool:
    """Say whether anything but posted statuses has made a pipeline in the project of late."""
    listed = api.list(f"{project_path(pull.ref.repo)}/pipelines", order_by="id", sort="desc")
    return any(one.get("source") != "external" for _, one in zip(range(20), listed, strict=False))


def _known(api: GitLabApi, pull: Pull, shas: set[str], name: str) -> list[dict[str, Any]]:
    path = f"{project_path(pull.ref.repo)}/repository/commits"
    return [one for sha in sorted(shas) for one in api.list(f"{path}/{sha}/statuses", name=name) if one["name"] == name]


def _in_place(known: Sequence[dict[str, Any]], place: _Place) -> dict[str, Any] | None:
    """Find the newest status that is where ours belongs; GitLab before 16.7 does not tell a status's pipeline."""
    here = [
        one
        for one in known
        if one["ref"] == place.ref and (place.pipeline is None or one.get("pipeline_id") in {None, place.pipeline})
    ]
    return max(here, key=lambda one: int(one["id"]), default=None)


def _is_said(current: dict[str, Any] | None, wanted: str, status: CommitStatus) -> bool:
    if current is None:
        return False
    if wanted == "pending" and current["status"] == "running":
        return True  # GitLab has no way to change what a running status says, but to end it
    same_words = (current["description"] or "", current["target_url"] or "") == (_description(status), _url(status))
    return bool(current["status"] == wanted and same_words)


def _next(current: dict[str, Any] | None, wanted: str) -> str:
    """Say which state to ask for: new words for a pending status come in by making it a running one."""
    return "running" if wanted == "pending" and current is not None and current["status"] == "pending" else wanted


def _move(api: GitLabApi, pull: Pull, place: _Place, state: str, status: CommitStatus) -> None:
    body: dict[str, Any] = {
        "state": state,
        "name": status.context,
        "ref": place.ref,
        "description": _description(status),
        "target_url": _url(status),
    }
    if place.pipeline is not None:
        body["pipeline_id"] = place.pipeline
    for attempt in range(_TRIES):
        try:
            api.post(
                f"{project_path(pull.ref.repo)}/statuses/{place.sha}", {key: body[key] for key in body if body[key]}
            )
        except GitlabHttpError as error:
            if _is_so_already(error, state):
                return
            if error.response_code != _CONFLICT:
                raise
            time.sleep(_FIRST_PAUSE * 2**attempt)
        else:
            return
    raise TryLater(f"GitLab is busy with other statuses of commit {place.sha[:8]} of {pull.ref}")


def _is_so_already(error: GitlabHttpError, state: str) -> bool:
    """Say whether GitLab refused only to say again what somebody said in between."""
    words = message_of(error)
    if error.response_code != _BAD or "Cannot transition status" not in words:
        return False
    return state in _OPEN and any(f"from :{open_state}" in words for open_state in _OPEN)


def _description(status: CommitStatus) -> str:
    return status.description[:_LONGEST]


def _url(status: CommitStatus) -> str:
    return status.url if len(status.url) <= _LONGEST else ""
