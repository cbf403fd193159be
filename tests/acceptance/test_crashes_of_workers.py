"""A worker ends in the middle of its work, violently or when it is asked to."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.installation import Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis]


def test_a_plan_whose_worker_was_killed_is_made_by_another_worker(many: Install) -> None:
    thera = many(workers=2)
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod", plan_sleep=4)})
    job = thera.wait_for_job("plan", "running")
    killed = thera.worker_of(job["id"])

    killed.kill()

    thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"')
    assert [one["worker"] for one in thera.jobs("plan")][-1] == thera.other_than(killed).name
    assert sum("### Plan:" in one.body for one in thera.says(pull)) == 1
    thera.wait_for_statuses(pull, plan="success")


def test_an_apply_whose_worker_was_killed_is_lost_and_never_repeated(many: Install) -> None:
    thera = many(workers=2)
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod", sleep=3)})
    thera.wait_for_comment(pull, '"outcome":"succeeded"')
    asked = thera.comment(pull, "thera apply")
    thera.wait_for_operations("prod", "create")

    thera.worker_of(thera.wait_for_job("apply", "running")["id"]).kill()

    lost = thera.wait_for_comment(pull, "The state may be ahead of what you see here", after=asked)
    assert "Nothing was repeated" in lost.body
    assert thera.locked() == ["prod"]
    assert thera.operations("prod") == ["create"]
    thera.wait_for_statuses(pull, apply="failure")

    thera.wait_until(lambda: not thera.state_is_locked("prod"), "the orphaned Terraform to let the state lock go")
    thera.comment(pull, "thera plan")
    thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"', after=lost.id)
    asked = thera.comment(pull, "thera apply")
    thera.wait_for_comment(pull, "### Applied", after=asked)
    assert thera.locked() == ["prod"]


def test_a_worker_that_is_asked_to_stop_finishes_its_apply(many: Install) -> None:
    thera = many(workers=2)
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod", sleep=2)})
    thera.wait_for_comment(pull, '"outcome":"succeeded"')
    asked = thera.comment(pull, "thera apply")
    thera.wait_for_operations("prod", "create")
    worker = thera.worker_of(thera.wait_for_job("apply", "running")["id"])

    status = worker.stop(timeout=timedelta(seconds=30))

    assert status == 0, worker.log[-3000:]
    thera.wait_for_comment(pull, "### Applied", after=asked)
    assert thera.operations("prod") == ["create"]
    thera.wait_for_statuses(pull, apply="success")
