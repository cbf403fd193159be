"""`thera doctor` beside a running installation: it finds what is wrong, repairs the webhook, and then plans come."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from sandbox.faces import FACES, Face
from tests.support.installation import HOOK_SECRET, REPO, Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]


def doctor(thera: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("THERA_")}
    command = [
        sys.executable,
        "-m",
        "server",
        "doctor",
        "--repo",
        f"{thera.forge.url.removeprefix('http://')}/{REPO}",
        *arguments,
    ]
    environment = {**own, **thera.front.environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("face", FACES.values(), ids=FACES)
def test_what_it_repairs_works(one_box: Install, face: Face) -> None:
    thera = one_box(face=face)
    thera.create_repo({"README.md": "# Infrastructure\n"})
    for hook in thera.forge.forge.repo(REPO).hooks:
        hook.secret, hook.url = "another", f"{hook.url}/no/such/page"
    for app in thera.forge.apps.all.values():
        app.url = f"{app.url}/no/such/page"

    before = doctor(thera)
    assert before.returncode == 1
    assert "thera doctor --repair" in " ".join(before.stdout.split())
    repaired = doctor(thera, "--repair", "--yes", "--json")
    findings = {one["subject"]: one["verdict"] for one in json.loads(repaired.stdout)["findings"]}
    assert findings["webhook"] == "good"
    assert repaired.returncode == 0

    pull = thera.open_pull({"prod/main.tf": 'resource "terraform_data" "it" {}\n'})
    thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"')
    for said in (before, repaired, doctor(thera)):
        assert "Traceback" not in said.stderr
        for secret in (HOOK_SECRET, thera.token):
            assert secret not in said.stdout + said.stderr
