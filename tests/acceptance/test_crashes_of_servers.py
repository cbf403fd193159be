"""A server is killed, or Redis forgets everything, at some point of the story; the story still ends."""

from collections import Counter
from collections.abc import Callable

import pytest

from sandbox.model import Pull
from tests.support.installation import Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]


def insist_on_one_of_each(thera: Installation, pull: Pull) -> None:
    """No comment was written twice."""
    runs = Counter(marker["run"] for marker in thera.markers(pull))
    assert max(runs.values()) == 1, thera.says(pull)
    bodies = Counter(one.body for one in thera.says(pull))
    assert max(bodies.values()) == 1, bodies


def crash_and_restart(thera: Installation) -> None:
    """Kill every server, and with them what runs inside."""
    for server in thera.servers:
        server.kill()
    thera.end_leases()
    for server in thera.servers:
        server.start()
    for server in thera.servers:
        server.wait_until_ready()


def test_a_server_killed_after_it_took_the_webhook_still_plans(either: Install) -> None:
    thera = either()
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod")})
    thera.wait_until(lambda: any(one.answer in {200, 202} for one in thera.forge.hooks.deliveries), "the webhook's 202")

    crash_and_restart(thera)

    thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"')
    thera.wait_for_statuses(pull, plan="success", apply="pending")
    insist_on_one_of_each(thera, pull)


def test_a_server_killed_in_the_middle_of_a_plan_still_says_the_plan(either: Install) -> None:
    thera = either()
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod", plan_sleep=3)})
    thera.wait_for_job("plan", "running")

    crash_and_restart(thera)

    thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"')
    thera.wait_for_statuses(pull, plan="success", apply="pending")
    insist_on_one_of_each(thera, pull)


@pytest.mark.postgres
@pytest.mark.redis
def test_servers_killed_in_the_middle_of_an_apply_still_say_how_it_ended(many: Install) -> None:
    thera = many()
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod", sleep=3)})
    thera.wait_for_comment(pull, '"outcome":"succeeded"')
    asked = thera.comment(pull, "thera apply")
    thera.wait_for_operations("prod", "create")

    crash_and_restart(thera)

    thera.wait_for_comment(pull, "### Applied", after=asked)
    thera.wait_for_statuses(pull, apply="success")
    assert thera.operations("prod") == ["create"]
    insist_on_one_of_each(thera, pull)


@pytest.mark.postgres
@pytest.mark.redis
def test_an_apply_outlives_a_long_absence_of_every_server(many: Install) -> None:
    thera = many()
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod", sleep=7)})
    thera.wait_for_comment(pull, '"outcome":"succeeded"')
    asked = thera.comment(pull, "thera apply")
    thera.wait_for_operations("prod", "create")
    for server in thera.servers:
        server.kill()
    worker = thera.members["worker-1"]

    # Two beats a second: longer than a worker may be silent.
    thera.wait_until(lambda: worker.log.count("heartbeat.failed") >= 8, "eight beats that nobody heard")
    crash_and_restart(thera)

    thera.wait_for_comment(pull, "### Applied", after=asked)
    assert thera.operations("prod") == ["create"]
    insist_on_one_of_each(thera, pull)


def test_one_box_killed_in_the_middle_of_an_apply_says_that_it_is_lost(one_box: Install) -> None:
    thera = one_box()
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod", sleep=3)})
    thera.wait_for_comment(pull, '"outcome":"succeeded"')
    asked = thera.comment(pull, "thera apply")
    thera.wait_for_operations("prod", "create")

    crash_and_restart(thera)

    lost = thera.wait_for_comment(pull, "The state may be ahead of what you see here", after=asked)
    assert thera.operations("prod") == ["create"]
    assert thera.locked() == ["prod"]
    thera.wait_until(lambda: not thera.state_is_locked("prod"), "the orphaned Terraform to let the state lock go")
    thera.comment(pull, "thera plan")
    thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"', after=lost.id)
    asked = thera.comment(pull, "thera apply")
    thera.wait_for_comment(pull, "### Applied", after=asked)
    insist_on_one_of_each(thera, pull)


@pytest.mark.postgres
@pytest.mark.redis
def test_one_of_two_servers_that_ends_changes_nothing(many: Install) -> None:
    thera = many()
    server_a, server_b = thera.servers
    server_b.kill()
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod")})
    thera.wait_until(lambda: thera.jobs("discover"), "the first job")
    server_a.kill()
    thera.end_leases()
    server_b.restart()

    thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"')
    thera.wait_for_statuses(pull, plan="success", apply="pending")
    insist_on_one_of_each(thera, pull)


@pytest.mark.postgres
@pytest.mark.redis
def test_a_redis_that_forgets_everything_costs_only_time(many: Install) -> None:
    thera = many(workers=2)
    assert thera.services is not None
    redis = thera.services.redis
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod", plan_sleep=2)})
    redis.flush()
    thera.wait_for_job("plan", "running")
    redis.restart()
    thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"')

    redis.stop()
    asked = thera.comment(pull, "thera apply")
    thera.wait_until(lambda: all(one.answer == 202 for one in thera.forge.hooks.deliveries), "every webhook taken")
    redis.start()

    thera.wait_for_comment(pull, "### Applied", after=asked)
    thera.wait_for_statuses(pull, plan="success", apply="success")
    assert thera.operations("prod") == ["create"]
    insist_on_one_of_each(thera, pull)
