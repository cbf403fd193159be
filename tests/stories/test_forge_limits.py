"""The forge wants us to slow down: what people see is late, and nothing else changes."""

from datetime import timedelta

from server.domain.errors import TryLater
from tests.support.story import Story

PROJECTS = 300


def test_an_outage_in_the_middle_of_a_large_run_delays_words_and_loses_nothing(story: Story) -> None:
    names = [f"p{number:03}" for number in range(PROJECTS)]
    story.tree.dirs = set(names)
    pull = story.open_pull(*(f"{name}/main.tf" for name in names))
    while len(story.worker.planned) < PROJECTS // 2:
        story.step()
    before = story.forge.status_writes

    story.forge.down = TryLater("slow down", after_seconds=30)
    for _ in range(10):  # five minutes of refusals
        story.settle_calmly()
        story.pass_time(timedelta(seconds=30))

    assert set(story.standing(pull).values()) == {"planned"}
    assert story.forge.status_writes == before

    story.forge.down = None
    story.settle()
    for _ in range(12):  # within a minute
        story.pass_time(timedelta(seconds=5)).settle()

    statuses = story.statuses(pull)
    assert statuses["thera/plan"] == "success"
    assert [statuses[f"thera/plan: {name}/default"] for name in names] == ["success"] * PROJECTS
    assert len(story.says(pull)) == 1
    assert f"{PROJECTS} projects" in story.last(pull)
    assert story.forge.status_writes - before <= PROJECTS + 2


def test_a_plan_made_while_the_forge_was_silent_can_be_applied(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    while not story.tickets:
        story.step()
    story.forge.down = TryLater("slow down", after_seconds=1)
    story.settle_calmly()
    assert story.standing(pull) == {"prod": "planned"}
    story.forge.down = None
    story.comment(pull, "thera apply")
    for _ in range(3):
        story.pass_time(timedelta(seconds=5)).settle()
    assert story.standing(pull) == {"prod": "applied"}
