"""The aggregate statuses are a pure function of where the projects stand, in whatever order they got there."""

import random
from datetime import timedelta

import pytest

from tests.support.story import Story
from workers.protocol.results import ChangeSummary

NAMES = ("a", "b", "c", "d", "e", "f")


@pytest.mark.parametrize("seed", range(5))
def test_applying_one_by_one_ends_green(story: Story, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  (an order to try, repeatable)
    idle = set(chance.sample(NAMES, 2))
    story.tree.dirs = set(NAMES)
    story.worker.plans = {name: ChangeSummary() for name in idle}
    pull = story.open_pull(*(f"{name}/main.tf" for name in NAMES))
    story.settle()
    to_apply = chance.sample([name for name in NAMES if name not in idle], len(NAMES) - len(idle))
    for count, name in enumerate(to_apply):
        assert story.statuses(pull)["thera/apply"] == "pending", count
        story.comment(pull, f"thera apply -d {name}")
        story.settle()
    assert story.statuses(pull)["thera/apply"] == "success"


def test_a_status_that_was_lost_is_set_again_after_a_restart(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera apply")
    while not story.worker.applied:
        story.step()
    story.lose_bells()
    assert story.statuses(pull)["thera/apply"] == "pending"
    for _ in range(4):
        story.pass_time(timedelta(seconds=20)).settle()
    assert story.statuses(pull)["thera/apply"] == "success"


def test_a_pull_that_changes_nothing_is_green(story: Story) -> None:
    story.worker.plans["prod"] = ChangeSummary()
    pull = story.open_pull("prod/main.tf")
    story.settle()
    assert story.statuses(pull)["thera/apply"] == "success"
