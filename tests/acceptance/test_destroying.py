"""A project whose directory a pull request deletes is destroyed with the code that it had, by real Terraform."""

from collections.abc import Callable

import pytest

from tests.support.installation import Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]


def test_a_deleted_project_is_destroyed_from_the_code_of_the_base(either: Install) -> None:
    thera = either(environment={"THERA_ALLOW_COMMANDS": "all"})
    added = thera.open_pull({"old/main.tf": thera.lab("old", content="1"), "prod/main.tf": thera.lab("prod")})
    thera.wait_for_comment(added, "### Plan:", '"outcome":"succeeded"')
    thera.comment(added, "thera apply")
    thera.wait_for_comment(added, "### Applied", '"outcome":"succeeded"')
    thera.merge(added)
    thera.wait_until(lambda: True if not thera.locked() else None, "the locks to be released")

    pull = thera.open_pull({}, branch="without-old", delete=["old/main.tf"])
    thera.wait_for_comment(pull, "This pull request deletes projects", "`thera plan --destroy -d old`")
    asked = thera.comment(pull, "thera plan --destroy -d old")
    thera.wait_for_comment(pull, "destroys everything that the project manages", '"destroy":1', after=asked)
    asked = thera.comment(pull, "thera apply")
    thera.wait_for_comment(pull, "### Applied", '"outcome":"succeeded"', after=asked)

    assert thera.operations("old") == ["create", "delete"]
    assert thera.operations("prod") == ["create"]
    assert thera.statuses(pull)["thera/apply"] == "success"
