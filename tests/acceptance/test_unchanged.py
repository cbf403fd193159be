"""A push plans what it changes; plans that it leaves as they were are applied as they were made, by real Terraform."""

from collections.abc import Callable

import pytest

from tests.support.installation import Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]

MODULE = 'output "name" {\n  value = "%s"\n}\n'
USER = 'module "net" {\n  source = "../modules/net"\n}\n'


def test_only_what_a_push_changes_is_planned_again(either: Install) -> None:
    thera = either()
    code = {name: thera.lab(name, content="1") for name in ("a", "b", "c")}
    pull = thera.open_pull(
        {
            "modules/net/main.tf": MODULE % "one",
            "a/main.tf": code["a"],
            "b/main.tf": code["b"],
            "c/main.tf": code["c"] + USER,
        }
    )
    thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"')

    first = pull.head_sha

    thera.push(pull, {"b/main.tf": thera.lab("b", content="2")})
    thera.wait_for_comment(pull, "2 of 3 projects keep their plans", '"outcome":"succeeded"', f"plan of `{first[:7]}`")
    thera.push(pull, {"modules/net/main.tf": MODULE % "two"})
    thera.wait_until(lambda: len(thera.jobs("plan")) == 5 or None, "the module's user to be planned")
    thera.wait_for_comment(pull, "2 of 3 projects keep their plans", '"outcome":"succeeded"')
    asked = thera.comment(pull, "thera apply")
    thera.wait_for_comment(pull, "### Applied", '"outcome":"succeeded"', after=asked)

    assert [job["project_dir"] for job in thera.jobs("plan")][3:] == ["b", "c"]
    assert [thera.operations(name) for name in ("a", "b", "c")] == [["create"]] * 3
    assert thera.statuses(pull)["thera/apply"] == "success"
