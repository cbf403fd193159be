"""Merging a pull on GitHub, and what follows."""

from urllib.parse import quote

from github.GithubException import GithubException

from server.domain.errors import Refused
from server.domain.pull import Pull
from server.forges.base import MergeMethod
from server.forges.github_client import GitHubClient

_METHODS = {"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}
_REFUSALS = {405: "a rule of the repository is in the way", 409: "its head has moved"}
_GONE = frozenset({404, 422})  # GitHub may have deleted it by itself


def merge_pull(client: GitHubClient, pull: Pull, method: MergeMethod) -> None:
    """Merge a pull if its head still is `pull.head_sha`.

    Raises:
        Refused: GitHub does not merge it; the message says why.
    """
    repo = pull.ref.repo
    path = f"/repos/{repo.full_name}"
    body = {"sha": pull.head_sha, "merge_method": method.value or _allowed(client, pull)}
    try:
        client.write(repo, "PUT", f"{path}/pulls/{pull.ref.number}/merge", body)
    except GithubException as error:
        if error.status not in _REFUSALS:
            raise
        said = error.data.get("message", "") if isinstance(error.data, dict) else ""
        raise Refused(f"GitHub did not merge {pull.ref}: {_REFUSALS[error.status]} ({said})") from error


def _allowed(client: GitHubClient, pull: Pull) -> str:
    settings = client.get(pull.ref.repo, f"/repos/{pull.ref.repo.full_name}")
    return next((method for method, flag in _METHODS.items() if settings.get(flag, True)), "merge")


def delete_head(client: GitHubClient, pull: Pull) -> None:
    """Delete a merged pull's branch, if it is still there."""
    path = f"/repos/{pull.ref.repo.full_name}/git/refs/heads/{quote(pull.head_ref)}"
    try:
        client.write(pull.ref.repo, "DELETE", path)
    except GithubException as error:
        if error.status not in _GONE:
            raise
