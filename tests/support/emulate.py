"""An independent emulator of GitHub (npm `emulate`), which nobody here wrote: a second opinion on the sandbox forge."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from server.domain.refs import RepoRef
from server.forges.base import Forge
from server.forges.config import AppIdentity, ForgeConfig
from server.forges.registry import Forges
from tests.support.processes import free_port

_SCRIPT = Path(__file__).parent / "second_opinion/github.mjs"
APP_ID, SLUG, SECRET, TOKEN = 12345, "thera", "it's a secret to everybody", "a-token-of-ann"
PERMISSIONS = {
    "administration": "read",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "members": "read",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}


def seed(hook_url: str) -> Mapping[str, Any]:
    """An organisation with one repository, ann who owns it, and our App installed on it."""
    app = {
        "app_id": APP_ID,
        "slug": SLUG,
        "name": "Thera",
        "permissions": PERMISSIONS,
        "events": ["pull_request", "issue_comment", "check_run", "push"],
        "webhook_url": hook_url,
        "webhook_secret": SECRET,
        "installations": [{"installation_id": 100, "account": "acme", "repository_selection": "all"}],
    }
    github = {
        "users": [{"login": "ann"}],
        "orgs": [{"login": "acme", "members": [{"login": "ann", "role": "admin"}]}],
        "repos": [{"owner": "acme", "name": "infra", "auto_init": True}],
        "apps": [app],
    }
    return {"tokens": {TOKEN: {"login": "ann", "scopes": ["repo", "admin:org"]}}, "github": github}


@dataclass
class Emulated:
    """The emulator, and ann's hands on it."""

    url: str
    key: str = field(repr=False)

    @property
    def repo(self) -> RepoRef:
        return RepoRef(self.url.removeprefix("http://"), "acme/infra")

    def forge(self, *, key: str | None = None, app_id: int = APP_ID) -> Forge:
        """Be the App."""
        identity = AppIdentity(id=app_id, key=key or self.key)
        return Forges([ForgeConfig(kind="github", url=self.url, app=identity)]).of(self.repo)

    def ask(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Do something as ann."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.request(verb, f"{self.url}{path}", json=body, headers=headers, timeout=10)
        assert answer.ok, f"{verb} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


@contextlib.contextmanager
def emulated(node: Path, entry: Path, hook_url: str) -> Iterator[Emulated]:
    """Run the emulator that is in `entry`; it tells our App of things at an address."""
    command = [str(node), str(_SCRIPT), str(entry), str(free_port()), json.dumps(seed(hook_url))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Emulated(**json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(10)
