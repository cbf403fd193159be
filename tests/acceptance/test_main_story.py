"""A pull request from opening to merge."""

from collections.abc import Callable

import pytest

from sandbox.faces import FACES, Face
from tests.support.installation import APPROVED, Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]


@pytest.mark.parametrize("face", FACES.values(), ids=FACES)
def test_a_pull_is_planned_refused_approved_applied_and_merged(either: Install, face: Face) -> None:
    thera = either(policy=APPROVED, face=face)
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod", content="one")})

    planned = thera.wait_for_comment(pull, "### Plan:", "lab_thing.it", '"outcome":"succeeded"')
    thera.wait_for_statuses(pull, plan="success", apply="pending")
    assert "prod" in planned.body
    assert thera.locked() == ["prod"]

    asked = thera.comment(pull, "thera apply")
    thera.wait_for_comment(pull, "approved", "required", after=asked)
    assert thera.operations("prod") == []

    thera.approve(pull)
    asked = thera.comment(pull, "thera apply")
    thera.wait_for_comment(pull, "### Applied", after=asked)
    thera.wait_for_statuses(pull, apply="success")
    assert thera.operations("prod") == ["create"]

    thera.merge(pull)
    thera.wait_for_comment(pull, "locks free", after=asked)
    assert thera.locked() == []
