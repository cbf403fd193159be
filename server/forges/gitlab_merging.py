"""Merging a merge request, and saying why GitLab did not."""

import time
from typing import Any
from urllib.parse import quote

from gitlab.exceptions import GitlabAuthenticationError, GitlabHttpError

from server.domain.errors import Refused, TryLater, UserMistake
from server.domain.pull import Pull
from server.forges.base import MergeMethod
from server.forges.gitlab_client import GitLabApi, Json, project_path, pull_path
from server.forges.gitlab_errors import is_absent, message_of, translated
from server.forges.gitlab_facts import merges_by_rebase
from server.forges.gitlab_rules import COMPUTING, Situation, mergeability

_LOOKS = 5
_FIRST_PAUSE = 0.2  # seconds
_MOVED = 409
_NOT_MERGEABLE = frozenset({405, 406, 422})  # 405 and 422 in newer versions, 406 in older ones
_SETTLING = COMPUTING | {"ci_still_running"}  # the statuses that let it be merged may have been set a moment ago


def merge(api: GitLabApi, pull: Pull, *, method: MergeMethod, delete_branch: bool) -> None:
    """Merge a pull; see `Forge.merge`."""
    what = f"merging {pull.ref}"
    with translated(what):
        _check_method(api, pull, method)
        current = _settled(api, pull)
    if current["state"] == "merged":
        if delete_branch and not pull.is_fork:
            _delete_branch(api, pull)
        return
    if current["state"] != "opened":
        raise Refused(f"{pull.ref} cannot be merged: it is {current['state']}.")
    body: dict[str, Any] = {"sha": pull.head_sha}
    if method is not MergeMethod.DEFAULT:
        body["squash"] = method is MergeMethod.SQUASH
    if delete_branch and not pull.is_fork:
        body["should_remove_source_branch"] = True
    with translated(what):
        try:
            api.put(f"{pull_path(pull.ref)}/merge", body)
        except GitlabAuthenticationError as error:  # not the token is at fault: it was taken a moment ago
            raise Refused(
                f"GitLab does not let the token's account merge into `{pull.base_ref}` ({pull.ref}). "
                "Allow it to, in the project's settings under protected branches."
            ) from error
        except GitlabHttpError as error:
            raise _why_not(pull, current, error) from error


def _check_method(api: GitLabApi, pull: Pull, method: MergeMethod) -> None:
    """Refuse a rebase where the project makes merge commits: only the project decides about that, not the request."""
    if method is not MergeMethod.REBASE:
        return
    if not merges_by_rebase(api, pull.ref.repo):
        raise Refused(
            f"{pull.ref} cannot be merged by a rebase: the project makes merge commits. "
            "Set its merge method to fast-forward, or use another method."
        )


def _settled(api: GitLabApi, pull: Pull) -> dict[str, Any]:
    """Read it, again for a few seconds while GitLab computes or takes in the last statuses."""
    for look in range(_LOOKS):
        current = api.get(pull_path(pull.ref))
        if not _is_settling(current):
            return current
        time.sleep(_FIRST_PAUSE * 2**look)
    raise TryLater(f"GitLab is not ready to merge {pull.ref} yet")


def _is_settling(current: Json) -> bool:
    return current["state"] == "locked" or (
        current["state"] == "opened" and current.get("detailed_merge_status") in _SETTLING
    )


def _why_not(pull: Pull, current: Json, error: GitlabHttpError) -> Exception:
    if error.response_code == _MOVED:
        return Refused(f"{pull.ref} was not merged: its head has moved on from {pull.head_sha[:8]}. Plan again.")
    if error.response_code not in _NOT_MERGEABLE:
        return error
    situation = Situation(state=str(current.get("detailed_merge_status") or ""), author="")
    _, reason = mergeability(situation, own_statuses="")
    return Refused(f"GitLab did not merge {pull.ref}: {reason or message_of(error)}.")


def _delete_branch(api: GitLabApi, pull: Pull) -> None:
    try:
        with translated("deleting a merged branch"):
            api.delete(f"{project_path(pull.ref.repo)}/repository/branches/{quote(pull.head_ref, safe='')}")
    except UserMistake as error:
        if not is_absent(error):
            raise
