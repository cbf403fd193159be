"""GitHub's App manifest flow (its documentation, "Registering a GitHub App from a manifest")."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from github import Github
from github.Requester import Requester

from server.domain.errors import UserMistake
from server.forges.github_errors import translated
from server.forges.setup import Handover, MadeApp

# `administration` is there to read branch protection, `members` to read teams; nothing else is administered.
PERMISSIONS: Mapping[str, str] = {
    "administration": "read",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "members": "read",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}
EVENTS = ("check_run", "check_suite", "issue_comment", "pull_request", "pull_request_review", "push")
_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_LONGEST_NAME = 34


def api_of(web_url: str) -> str:
    """Give the API's address for the address of GitHub's pages: github.com, a `ghe.com` tenant or a server's own."""
    parts = urlsplit(web_url)
    if parts.netloc == "github.com" or parts.netloc.endswith(".ghe.com"):
        return f"{parts.scheme}://api.{parts.netloc}"
    return f"{web_url.rstrip('/')}/api/v3"


class GitHubAppMaker:
    """See `AppMaker`."""

    def handover(self, *, web_url: str, owner: str, thera_url: str, state: str) -> Handover:
        """See `AppMaker`.

        Raises:
            UserMistake: nobody on GitHub can have such a name.
        """
        if owner and not _OWNER.fullmatch(owner):
            raise UserMistake(f"{owner!r} is not the name of an organisation: letters, digits and '-' only.")
        place = f"organizations/{owner}/settings" if owner else "settings"
        manifest = {
            "name": f"Thera {urlsplit(thera_url).hostname}"[:_LONGEST_NAME],
            "url": thera_url,
            "hook_attributes": {"url": f"{thera_url}/webhooks/github", "active": True},
            "redirect_url": f"{thera_url}/setup/made",
            "description": "Plans and applies Terraform from pull requests.",
            "public": False,
            "default_permissions": dict(PERMISSIONS),
            "default_events": list(EVENTS),
        }
        url = f"{web_url.rstrip('/')}/{place}/apps/new?state={quote(state, safe='')}"
        return Handover(url=url, fields={"manifest": json.dumps(manifest)})

    def redeem(self, *, web_url: str, code: str, ca_file: Path | None) -> MadeApp:
        """See `AppMaker`."""
        if not _CODE.fullmatch(code):
            raise UserMistake("GitHub's answer carries no usable code. Begin again at /setup.")
        asking = Github(base_url=api_of(web_url), verify=str(ca_file) if ca_file else True, retry=None, timeout=15)
        try:
            with translated("making the App", credential="Begin again at /setup."):
                requester: Requester = asking.requester
                answer: Mapping[str, Any] = requester.requestJsonAndCheck("POST", f"/app-manifests/{code}/conversions")[
                    1
                ]
        except UserMistake as error:
            words = "GitHub does not know this code: it is good once, for an hour. Begin again at /setup."
            raise UserMistake(words) from error
        return MadeApp(
            id=int(answer["id"]),
            name=str(answer["name"]),
            key=str(answer["pem"]),
            webhook_secret=str(answer["webhook_secret"] or ""),
            install_url=f"{answer['html_url']}/installations/new",
        )
