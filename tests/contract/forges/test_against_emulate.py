"""A second opinion on the GitHub App: an emulator that somebody else wrote accepts our JWT, checks and signatures."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from server.domain.errors import Refused
from server.domain.events import Change, PullChanged
from server.domain.pull import Pull
from server.domain.refs import PullRef
from server.forges.base import Annotation, CommitStatus, StatusState
from server.webhooks.body import payload_of
from server.webhooks.github import parse
from tests.support.emulate import SECRET, SLUG, Emulated, emulated
from tests.support.intake import Kept, MemoryIntake, app_with
from tests.support.live_web import served
from tests.support.processes import eventually
from tests.support.services import require

STRANGERS_KEY = """-----BEGIN PRIVATE KEY-----
not a key of anybody
-----END PRIVATE KEY-----
"""


@dataclass
class Opinion:
    """The emulator, and our own webhook routes, which it calls."""

    github: Emulated
    intake: MemoryIntake

    def open_pull(self) -> PullRef:
        main = self.github.ask("GET", "/repos/acme/infra/git/ref/heads/main")["object"]["sha"]
        self.github.ask("POST", "/repos/acme/infra/git/refs", {"ref": "refs/heads/change", "sha": main})
        text = base64.b64encode(b'resource "terraform_data" "it" {}\n').decode()
        file = {"message": "Add it", "content": text, "branch": "change"}
        self.github.ask("PUT", "/repos/acme/infra/contents/main.tf", file)
        opened = {"title": "A change", "head": "change", "base": "main"}
        return PullRef(self.github.repo, self.github.ask("POST", "/repos/acme/infra/pulls", opened)["number"])

    def heard(self, kind: str) -> Kept:
        """Wait for a webhook that was signed as it should be."""
        return eventually(
            lambda: next((kept for kept in self.intake.kept.values() if kept.kind == kind), None),
            message=f"waiting for a webhook {kind}",
        )


@pytest.fixture
def opinion() -> Iterator[Opinion]:
    node, entry, intake = require("node"), require("emulate"), MemoryIntake()
    app = app_with(intake, secrets={"github": SECRET})
    with served(app) as hooks, emulated(node, entry, f"{hooks}/webhooks/github") as github:
        yield Opinion(github, intake)


def test_the_apps_key_opens_the_repository_and_it_writes_under_its_own_name(opinion: Opinion) -> None:
    ref, forge = opinion.open_pull(), opinion.github.forge()
    pull = forge.get_pull(ref)
    assert (pull.title, pull.author, pull.head_ref, pull.base_ref) == ("A change", "ann", "change", "main")
    assert forge.login == f"{SLUG}[bot]"
    comment = forge.post_comment(ref, "### Plan <!-- thera:1 -->")
    forge.edit_comment(ref, comment, "### Planned <!-- thera:1 -->")
    assert forge.find_comment(ref, "thera:1") == comment
    (said,) = opinion.github.ask("GET", f"/repos/acme/infra/issues/{ref.number}/comments")
    assert (said["body"], said["user"]["login"]) == ("### Planned <!-- thera:1 -->", f"{SLUG}[bot]")


def test_one_installation_token_serves_many_requests(opinion: Opinion) -> None:
    ref, forge = opinion.open_pull(), opinion.github.forge()
    for _ in range(5):
        forge.get_pull(ref)
    assert len(opinion.github.ask("GET", "/_emulate/installation-tokens")["installation_tokens"]) == 1


@pytest.mark.parametrize("change", ["key", "app_id"])
def test_another_key_or_another_app_opens_nothing(opinion: Opinion, change: str) -> None:
    ref = opinion.open_pull()
    other = opinion.github.forge(key=STRANGERS_KEY) if change == "key" else opinion.github.forge(app_id=54321)
    with pytest.raises(Refused):
        other.get_pull(ref)


def test_a_status_becomes_a_check_run_that_is_brought_up_to_date(opinion: Opinion) -> None:
    forge = opinion.github.forge()
    pull = forge.get_pull(opinion.open_pull())
    status = CommitStatus(
        context="thera/plan", state=StatusState.PENDING, description="Planning", url="https://thera.test/runs/1"
    )
    forge.set_status(pull, pull.head_sha, status)
    remark = Annotation(path="main.tf", line=1, message="wrong")
    done = replace(status, state=StatusState.FAILURE, description="failed", summary="A table", annotations=(remark,))
    forge.set_status(pull, pull.head_sha, done)
    (run,) = checks_of(opinion, pull)
    assert (run["name"], run["status"], run["conclusion"]) == ("thera/plan", "completed", "failure")
    assert run["details_url"] == "https://thera.test/runs/1"
    assert run["output"]["summary"] == "A table"


def checks_of(opinion: Opinion, pull: Pull) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = opinion.github.ask("GET", f"/repos/acme/infra/commits/{pull.head_sha}/check-runs")[
        "check_runs"
    ]
    return found


def test_what_it_signs_is_genuine_and_understood(opinion: Opinion) -> None:
    ref = opinion.open_pull()
    kept = opinion.heard("pull_request")
    event = parse(kept.kind, payload_of(kept.body, "application/json"))
    assert isinstance(event, PullChanged)
    assert (event.change, event.pull.ref, event.actor) == (Change.OPENED, ref, "ann")
