"""A plan that was made yesterday is applied today, wherever."""

import shutil
from collections.abc import Callable

import pytest

from server.comments.marker import parse_marker
from tests.support.installation import Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis]


def digests(body: str) -> dict[str, str]:
    marker = parse_marker(body)
    assert marker is not None
    return {project["dir"]: project["digest"] for project in marker["projects"]}


def test_plans_outlive_the_worker_that_made_them_and_its_disk(many: Install) -> None:
    thera = many(workers=1)
    files = {"one/main.tf": thera.lab("one", content="1"), "two/main.tf": thera.lab("two", content="2")}
    pull = thera.open_pull(files)
    planned = thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"')
    reviewed = digests(planned.body)
    assert set(reviewed) == {"one", "two"}

    gone = thera.members["worker-1"]
    assert gone.stop() == 0
    shutil.rmtree(gone.folder)
    thera.add_worker("worker-2")
    asked = thera.comment(pull, "thera plan -d two")
    again = thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"', after=asked)
    reviewed |= digests(again.body)
    asked = thera.comment(pull, "thera apply")

    applied = thera.wait_for_comment(pull, "### Applied", '"outcome":"succeeded"', after=asked)
    assert digests(applied.body) == reviewed
    assert {name: thera.operations(name) for name in ("one", "two")} == {"one": ["create"], "two": ["create"]}
    plans = [(job["project_dir"], job["worker"]) for job in thera.jobs("plan")]
    assert sorted(plans) == [("one", "worker-1"), ("two", "worker-1"), ("two", "worker-2")]
    assert {job["worker"] for job in thera.jobs("apply")} == {"worker-2"}
