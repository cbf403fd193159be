"""One server for three organisations, an Enterprise Server and a GitLab, each with its own credential and secret."""

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sandbox.faces import GITHUB, GITLAB, Face
from sandbox.model import Pull, new_token
from sandbox.server import SandboxServer
from tests.support.installation import Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]


@dataclass(frozen=True)
class Home:
    """One owner on one forge, with Thera's account there."""

    forge: SandboxServer
    face: Face
    owner: str

    @property
    def repo(self) -> str:
        return f"{self.owner}/infra"

    @property
    def bot(self) -> str:
        return f"{self.owner}-bot"

    @property
    def secret(self) -> str:
        return f"secret-of-{self.owner}"

    def entry(self, token: str) -> dict[str, object]:
        """Write its part of the file of forges."""
        url = self.forge.gitlab_url if self.face is GITLAB else self.forge.api_url
        return {
            "kind": self.face.name,
            "url": url,
            "owners": [self.owner],
            "token": token,
            "webhook_secret": self.secret,
        }

    def open_pull(self, branch: str) -> Pull:
        self.forge.forge.commit(self.repo, branch, {f"{branch}/main.tf": 'resource "terraform_data" "it" {}\n'})
        number = self.forge.forge.open_pull(self.repo, head=branch, title=branch, author="ann")
        return self.forge.forge.pull(self.repo, number)

    def status(self, pull: Pull) -> str | None:
        return self.face.statuses(self.forge, self.repo, pull.head_sha).get("thera/plan")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[SandboxServer, SandboxServer]]:
    servers = SandboxServer(tmp_path / "enterprise").start(), SandboxServer(tmp_path / "gitlab").start()
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[SandboxServer]:
    server = SandboxServer(tmp_path / "cloud").start()
    yield server
    server.stop()


def test_each_repository_is_served_with_its_own_credential_and_none_suffers_for_another(
    one_box: Install, tmp_path: Path, cloud: SandboxServer, elsewhere: tuple[SandboxServer, SandboxServer]
) -> None:
    enterprise, lab = elsewhere
    homes = [Home(cloud, GITHUB, owner) for owner in ("acme", "globex", "initech")]
    homes += [Home(enterprise, GITHUB, "umbrella"), Home(lab, GITLAB, "hooli")]
    entries = [home.entry(home.forge.forge.create_user(home.bot)) for home in homes]
    for forge in (cloud, enterprise, lab):
        forge.forge.create_user("ann")
    (tmp_path / "forges.yaml").write_text(json.dumps({"forges": entries}))
    thera = one_box(
        face=replace(GITHUB, settings=lambda *_: {}),
        environment={"THERA_FORGES": str(tmp_path / "forges.yaml"), "THERA_REPO_ALLOWLIST": "*"},
    )
    for home in homes:
        home.forge.forge.create_repo(home.repo, {"README.md": "# Infra\n"}, face=home.face.name)
        for person in (home.bot, "ann"):
            home.forge.forge.permit(home.repo, person, "admin")
        hook = f"{thera.front.ready_at}/webhooks/{home.face.name}"
        home.forge.forge.add_hook(home.repo, hook, home.secret, face=home.face.name)

    for home in homes:
        pull = home.open_pull("first")
        thera.wait_until(lambda: home.status(pull) == "success", f"a plan on {home.repo}")  # noqa: B023  (at once)
        assert {comment.author for comment in pull.comments} == {home.bot}

    cloud.forge.users["globex-bot"].token = new_token()  # as if it were revoked
    pulls = {home.owner: home.open_pull("second") for home in homes}
    for home in homes:
        if home.owner != "globex":
            seen = pulls[home.owner]
            thera.wait_until(lambda: home.status(seen) == "success", f"a plan on {home.repo}")  # noqa: B023  (at once)
    assert homes[1].status(pulls["globex"]) is None

    body = json.dumps(
        {
            "action": "closed",
            "repository": {"html_url": f"{cloud.url}/globex/infra", "full_name": "globex/infra"},
        }
    ).encode()
    assert posted(f"{thera.front.ready_at}/webhooks/github", body, secret="secret-of-acme") == 403


def posted(url: str, body: bytes, *, secret: str) -> int:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": "planted",
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  (our own address)
    try:
        return int(urllib.request.urlopen(request, timeout=10).status)  # noqa: S310
    except urllib.error.HTTPError as error:
        return error.code
