"""Who holds what, who waits, and who is next. (Users' wishes: nobody waits for a lock without knowing.)"""

from datetime import timedelta

import pytest

from server.config.server_file import RepoEntry, ServerFile
from tests.support.scripted_worker import BROKEN
from tests.support.story import Story


def policy(**entry: object) -> ServerFile:
    return ServerFile(repos=[RepoEntry.model_validate({"id": "/.*/", **entry})])


def test_a_second_pull_is_told_who_holds_the_lock_and_what_to_do(story: Story) -> None:
    first = story.open_pull("prod/main.tf", author="ann")
    story.settle()
    second = story.open_pull("prod/main.tf")

    story.settle()

    said = story.last(second)
    assert story.standing(second) == {"prod": "locked"}
    assert "(ann)" in said
    assert first.url in said
    assert "planned by itself when" in said


def test_the_next_in_line_is_planned_by_itself_when_the_lock_is_freed(story: Story) -> None:
    first, second = story.open_pull("prod/main.tf"), story.open_pull("prod/main.tf")
    story.settle()
    story.merge(first)

    story.settle()

    assert story.standing(second) == {"prod": "planned"}
    assert "became free" in story.last(second)
    assert story.locked() == ["prod"]


def test_first_come_first_served(story: Story) -> None:
    pulls = [story.open_pull("prod/main.tf") for _ in range(4)]
    story.settle()
    story.close_pull(pulls[1])
    story.merge(pulls[0])
    story.settle()

    assert [story.standing(pull)["prod"] for pull in pulls[2:]] == ["planned", "locked"]

    story.comment(pulls[2], "thera unlock")
    story.settle()

    assert story.standing(pulls[3])["prod"] == "planned"


def test_a_pull_of_many_projects_is_not_starved_by_small_ones(story: Story) -> None:
    holder = story.open_pull("prod/main.tf")
    big = story.open_pull("prod/main.tf", "dev/main.tf")
    small = story.open_pull("prod/main.tf")
    story.settle()
    story.merge(holder)

    story.settle()

    assert story.standing(big) == {"dev": "planned", "prod": "planned"}
    assert story.standing(small) == {"prod": "locked"}


def test_other_directories_are_not_in_the_way(story: Story) -> None:
    first, second = story.open_pull("prod/main.tf"), story.open_pull("dev/main.tf")

    story.settle()

    assert story.standing(first) == {"prod": "planned"}
    assert story.standing(second) == {"dev": "planned"}


def test_a_whole_repository_can_be_locked(database_url: str) -> None:
    story = Story(database_url, server_file=policy(lock_scope="repo"))
    first, second = story.open_pull("prod/main.tf", "dev/main.tf"), story.open_pull("dev/main.tf")
    story.settle()

    assert story.locked() == ["the whole repository"]
    assert story.standing(second) == {"dev": "locked"}

    story.merge(first)
    story.settle()

    assert story.standing(second) == {"dev": "planned"}


def test_a_failed_plan_in_a_locked_repository_keeps_the_lock_for_its_other_plans(database_url: str) -> None:
    story = Story(database_url, server_file=policy(lock_scope="repo"))
    story.worker.plans["prod"] = BROKEN
    story.open_pull("prod/main.tf", "dev/main.tf")

    story.settle()

    assert story.locked() == ["the whole repository"]


def test_with_locks_at_apply_ten_pulls_plan_at_once_and_the_rest_are_planned_again(database_url: str) -> None:
    story = Story(database_url, server_file=policy(repo_locks={"mode": "on_apply"}))
    pulls = [story.open_pull("prod/main.tf") for _ in range(10)]
    story.settle()
    assert {story.standing(pull)["prod"] for pull in pulls} == {"planned"}
    digests = len(story.worker.planned)

    story.comment(pulls[3], "thera apply")
    story.settle()

    assert story.standing(pulls[3]) == {"prod": "applied"}
    assert len(story.worker.planned) == digests + 9
    assert "planned again because" in story.last(pulls[0])
    assert story.locked() == []


def test_a_stale_plan_is_not_applied_while_it_is_being_made_anew(database_url: str) -> None:
    story = Story(database_url, server_file=policy(repo_locks={"mode": "on_apply"}))
    first, second = story.open_pull("prod/main.tf"), story.open_pull("prod/main.tf")
    story.settle()
    story.comment(first, "thera apply")
    story.settle(working=False)
    story.comment(second, "thera apply")
    story.settle()

    assert [key.dir for key in story.worker.applied].count("prod") == 1
    assert story.standing(second) == {"prod": "planned"}


def test_locks_can_be_released_by_the_apply(database_url: str) -> None:
    story = Story(database_url, server_file=policy(release_locks="apply"))
    first, second = story.open_pull("prod/main.tf"), story.open_pull("prod/main.tf")
    story.settle()
    story.comment(first, "thera apply")

    story.settle()

    assert story.standing(first) == {"prod": "applied"}
    assert story.standing(second) == {"prod": "planned"}


@pytest.mark.parametrize("bells", range(12))
def test_no_lock_outlives_its_pull_whenever_it_is_closed(story: Story, bells: int) -> None:
    """A pull is closed at every point of its plan, and no webhook or message has to arrive in order."""
    pull = story.open_pull("prod/main.tf", "dev/main.tf")
    for _ in range(bells):
        story.step()
    story.close_pull(pull)
    story.settle()

    for _ in range(6):
        story.pass_time(timedelta(seconds=31)).settle()

    assert story.locked() == []
