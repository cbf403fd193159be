"""A JSON message to an HTTP address, in the form of Atlantis's outgoing webhooks."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from server.domain.refs import RepoRef
from server.notifiers.announcement import Announcement
from server.notifiers.posting import post

SIGNATURE = "X-Thera-Signature-256"
DELIVERY = "X-Thera-Delivery"


def send(announced: Announcement, *, url: str, headers: Mapping[str, str], secret: str) -> None:
    """Tell one address, signed if there is a secret.

    Raises:
        TryLater: it was not taken.
    """
    body = json.dumps(content(announced), ensure_ascii=False).encode("utf-8", "replace")
    own = {DELIVERY: announced.id}
    if secret:
        own[SIGNATURE] = f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"
    post(url, body, {**headers, **own})


def identity(*parts: str) -> str:
    """Name whoever is told, by all that makes them this one, and without showing any of it."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def content(announced: Announcement) -> dict[str, Any]:
    """Write the message. Atlantis's has the clone address with its credentials; this one has it without."""
    pull, project = announced.pull, announced.project
    repo = _repo(pull.ref.repo, pull.clone_url)
    return {
        "Workspace": project.workspace,
        "Repo": repo,
        "Pull": {
            "Num": pull.ref.number,
            "HeadCommit": announced.head_sha,
            "URL": pull.url,
            "HeadBranch": pull.head_ref,
            "BaseBranch": pull.base_ref,
            "Author": pull.author,
            "State": 0 if pull.is_open else 1,  # Atlantis's numbers
            "BaseRepo": repo,
            "Body": "",
        },
        "User": {"Username": announced.actor, "Teams": []},
        "Success": announced.succeeded,
        "Directory": project.dir,
        "ProjectName": project.name or "",
    }


def _repo(repo: RepoRef, clone_url: str) -> dict[str, Any]:
    bare = _without_credentials(clone_url)
    return {
        "FullName": repo.full_name,
        "Owner": repo.owner,
        "Name": repo.name,
        "CloneURL": bare,
        "SanitizedCloneURL": bare,
        "VCSHost": {"Hostname": repo.host},
    }


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
