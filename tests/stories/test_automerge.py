"""A pull is merged by itself when all of its plans are applied, and only then."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from server.domain.errors import Refused
from server.domain.pull import Pull, PullState
from tests.support.scripted_worker import BROKEN
from tests.support.story import Story

ON = {"atlantis.yaml": "version: 3\nautomerge: true\nprojects: [{dir: prod}, {dir: dev}]\n"}
OFF = {"atlantis.yaml": "version: 3\nautomerge: false\nprojects: [{dir: prod}, {dir: dev}]\n"}


@pytest.fixture
def merging(database_url: str) -> Iterator[Story]:
    story = Story(database_url, automerge=True, disable_automerge_label="hold")
    yield story
    story.close()


def applied(story: Story, *changed: str, command: str = "thera apply", labels: tuple[str, ...] = ()) -> Pull:
    pull = story.open_pull(*changed, labels=labels)
    story.settle()
    story.comment(pull, command)
    story.settle()
    return pull


def state(story: Story, pull: Pull) -> PullState:
    return story.forge.conversations[pull.ref].pull.state


def test_when_everything_is_applied_it_is_merged_and_said(merging: Story) -> None:
    pull = applied(merging, "prod/main.tf", "dev/main.tf")
    assert state(merging, pull) is PullState.MERGED
    assert "merged by itself" in merging.last(pull)


def test_while_a_plan_is_left_it_is_not(merging: Story) -> None:
    pull = applied(merging, "prod/main.tf", "dev/main.tf", command="thera apply -d prod")
    assert state(merging, pull) is PullState.OPEN
    merging.comment(pull, "thera apply")
    merging.settle()
    assert state(merging, pull) is PullState.MERGED


@pytest.mark.parametrize("command", ["thera apply --auto-merge-disabled"])
def test_whoever_applies_may_keep_it_open(merging: Story, command: str) -> None:
    assert state(merging, applied(merging, "prod/main.tf", command=command)) is PullState.OPEN


def test_a_label_keeps_it_open_and_that_is_said(merging: Story) -> None:
    pull = applied(merging, "prod/main.tf", labels=("hold",))
    assert state(merging, pull) is PullState.OPEN
    assert "because of its label `hold`" in merging.last(pull)


def test_the_repositorys_file_may_say_otherwise(merging: Story) -> None:
    merging.tree.files = OFF
    assert state(merging, applied(merging, "prod/main.tf")) is PullState.OPEN


def test_the_repositorys_file_may_ask_for_it(story: Story) -> None:
    assert state(story, applied(story, "prod/main.tf")) is PullState.OPEN
    story.tree.files = ON
    assert state(story, applied(story, "dev/main.tf")) is PullState.MERGED


def test_a_failed_apply_merges_nothing(merging: Story) -> None:
    pull = merging.open_pull("prod/main.tf", "dev/main.tf")
    merging.settle()
    merging.worker.applies["dev"] = BROKEN
    merging.comment(pull, "thera apply")
    merging.settle()
    assert state(merging, pull) is PullState.OPEN


def test_a_forge_that_refuses_is_asked_a_few_times_and_then_that_is_said(merging: Story) -> None:
    merging.forge.merge_refusals = [Refused(f"a rule is in the way ({number})") for number in range(10)]
    pull = applied(merging, "prod/main.tf")
    for _ in range(6):
        merging.pass_time(timedelta(seconds=10)).settle()
    assert state(merging, pull) is PullState.OPEN
    assert "Not merged by itself" in merging.last(pull)
    assert len(merging.forge.merge_refusals) == 6


def test_a_rule_that_takes_a_moment_is_waited_for(merging: Story) -> None:
    merging.forge.merge_refusals = [Refused("the required status is not there yet")]
    pull = applied(merging, "prod/main.tf")
    merging.pass_time(timedelta(seconds=10)).settle()
    assert state(merging, pull) is PullState.MERGED


def test_another_commit_since_is_not_merged(merging: Story) -> None:
    merging.forge.merge_refusals = [Refused("not yet")]
    pull = applied(merging, "prod/main.tf")
    merging.push(pull, "prod/main.tf", announce=False)
    for _ in range(6):
        merging.pass_time(timedelta(seconds=10)).settle()
    assert state(merging, pull) is PullState.OPEN


def test_one_failed_plan_of_many_costs_none_of_the_others(merging: Story) -> None:
    names = [f"p{number:02}" for number in range(30)]
    merging.tree.dirs = set(names)
    merging.worker.plans["p07"] = BROKEN
    pull = merging.open_pull(*(f"{name}/main.tf" for name in names))
    merging.settle()
    assert [name for name, status in merging.standing(pull).items() if status != "planned"] == ["p07"]
    assert len(merging.locked()) == len(names) - 1

    merging.comment(pull, "thera apply")
    merging.settle()
    assert len(merging.worker.applied) == len(names) - 1
    assert state(merging, pull) is PullState.OPEN

    del merging.worker.plans["p07"]
    planned = len(merging.worker.planned)
    merging.comment(pull, "thera plan -d p07")
    merging.settle()
    assert [key.dir for key in merging.worker.planned[planned:]] == ["p07"]
    assert state(merging, pull) is PullState.OPEN

    merging.comment(pull, "thera apply")
    merging.settle()
    assert state(merging, pull) is PullState.MERGED
