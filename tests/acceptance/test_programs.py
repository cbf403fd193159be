"""A program drives a pull request as Atlantis's clients do, and another one is told what came of it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.faces import FACES, Face
from tests.support.installation import APPROVED, REPO, Installation
from tests.support.receiver import Receiver, receiving

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]

TOKEN = "acceptance-token-of-the-api"
HEADER = "Bearer a-secret-of-the-receiver"
PATH = "/a-secret-in-the-path"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.mark.parametrize("face", FACES.values(), ids=FACES)
def test_a_program_plans_is_refused_applies_and_others_are_told(
    either: Install, face: Face, receiver: Receiver
) -> None:
    webhook = f"webhooks:\n  - {{event: apply, kind: http, url: '{receiver.url}{PATH}'}}\n"
    thera = either(
        policy=APPROVED + webhook,
        face=face,
        environment={
            "THERA_API_TOKENS": TOKEN,
            "THERA_DISABLE_AUTOPLAN": "true",
            "THERA_WEBHOOK_HTTP_HEADERS": f'{{"Authorization": "{HEADER}"}}',
        },
    )
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod", content="one")})

    def post(command: str) -> tuple[int, Any]:
        body = {"Repository": REPO, "Type": face.name, "PR": pull.number, "Ref": pull.head_sha}
        headers = {"X-Atlantis-Token": TOKEN}
        answer = requests.post(f"{thera.front.ready_at}/api/{command}", json=body, headers=headers, timeout=60)
        return answer.status_code, answer.json()

    status, planned = post("plan")
    assert status == 200, planned
    assert "lab_thing.it" in planned["ProjectResults"][0]["PlanSuccess"]["TerraformOutput"]
    thera.wait_for_comment(pull, "### Plan:", "asked for by api")

    status, refused = post("apply")
    assert status == 500
    assert "`approved` is required" in refused["Failure"]

    thera.approve(pull)
    status, applied = post("apply")
    assert status == 200, applied
    assert thera.operations("prod") == ["create"]

    (heard,) = thera.wait_until(lambda: receiver.heard or None, "a message")
    assert heard.content["Success"] is True
    assert heard.content["Pull"]["Num"] == pull.number
    assert heard.headers["Authorization"] == HEADER
    about = requests.get(f"{thera.front.ready_at}/status", timeout=10).json()
    assert (about["shutting_down"], about["in_progress_operations"]) == (False, 0)
    logs = "".join(member.log for member in thera.members.values())
    assert "notice.sent" in logs
    assert [secret for secret in (HEADER, PATH, TOKEN) if secret in logs] == []
