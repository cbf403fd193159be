"""`import` and `state rm` change the state under the project's lock, once, and make every plan of it stale."""

from datetime import timedelta

import pytest

from server.config.server_file import RepoEntry, ServerFile
from server.domain.requirements import Requirement
from server.forges.base import Permission
from tests.support.scripted_worker import BROKEN
from tests.support.story import Story
from workers.protocol.jobs import Import, StateRm


def test_an_import_is_of_one_project_and_throws_its_plan_away(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera import -d prod 'aws_s3_bucket.logs[\"eu\"]' acme-logs -- -var a=b")
    story.settle()
    (work,) = story.worker.state_work
    assert isinstance(work, Import)
    assert (work.address, work.id, work.extra_args) == ('aws_s3_bucket.logs["eu"]', "acme-logs", ("-var", "a=b"))
    assert "### Import: done in 1 project" in story.last(pull)
    assert "is in the state" in story.last(pull)
    assert story.standing(pull) == {"prod": "plan_discarded"}
    assert story.locked() == ["prod"]
    story.comment(pull, "thera apply")
    story.settle()
    assert story.worker.applied == []


def test_resources_are_forgotten(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera state rm a.b c.d")
    story.settle()
    (work,) = story.worker.state_work
    assert isinstance(work, StateRm)
    assert work.addresses == ("a.b", "c.d")
    assert "`a.b`, `c.d` forgotten" in story.last(pull)


def test_of_several_projects_one_has_to_be_named(story: Story) -> None:
    pull = story.open_pull("prod/main.tf", "dev/main.tf")
    story.settle()
    story.comment(pull, "thera import a.b x")
    story.settle()
    assert "Say which: `-d dev`, `-d prod`" in story.last(pull)
    assert story.worker.state_work == []
    assert story.standing(pull) == {"prod": "planned", "dev": "planned"}


def test_another_pulls_lock_keeps_it_out(story: Story) -> None:
    first = story.open_pull("prod/main.tf")
    story.settle()
    second = story.open_pull("dev/main.tf")
    story.settle()
    story.comment(second, "thera import -d prod a.b x")
    story.settle()
    assert "#1 holds its lock" in story.last(second)
    assert story.worker.state_work == []
    assert story.standing(first) == {"prod": "planned"}


def ruled(database_url: str, **rules: object) -> Story:
    entry = RepoEntry.model_validate({"id": "/.*/", **rules})
    return Story(database_url, server_file=ServerFile(repos=[entry]))


def test_other_pulls_are_planned_again_after_it(database_url: str) -> None:
    story = ruled(database_url, repo_locks={"mode": "on_apply"})
    first, second = story.open_pull("prod/main.tf"), story.open_pull("prod/other.tf")
    story.settle()
    story.worker.planned.clear()
    story.comment(first, "thera import a.b x")
    story.settle()
    assert [key.dir for key in story.worker.planned] == ["prod"]
    assert any("changed the state" in said for said in story.says(second))
    story.close()


def test_one_that_fails_leaves_the_plan_as_it_was(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.worker.applies["prod"] = BROKEN
    story.comment(pull, "thera import a.b x")
    story.settle()
    assert "failed in 1 project" in story.last(pull)
    assert story.standing(pull) == {"prod": "planned"}
    del story.worker.applies["prod"]
    story.comment(pull, "thera apply")
    story.settle()
    assert [key.dir for key in story.worker.applied] == ["prod"]


@pytest.mark.parametrize("command", ["thera import a.b x", "thera state rm a.b"])
def test_one_whose_worker_dies_is_never_started_again_by_a_machine(story: Story, command: str) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.worker.silent.add("prod")
    story.comment(pull, command)
    story.settle()
    for _ in range(5):
        story.pass_time(timedelta(minutes=1)).settle()
    assert len(story.worker.state_work) == 1
    assert "contact lost" in story.last(pull)
    assert "the state may have changed" in story.last(pull)
    assert story.standing(pull) == {"prod": "plan_discarded"}
    assert story.locked() == ["prod"]


def test_an_import_needs_what_the_operator_asks_for(database_url: str) -> None:
    story = ruled(database_url, import_requirements=[Requirement.APPROVED.value])
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera import a.b x")
    story.settle()
    assert "`approved` is required" in story.last(pull)
    assert story.worker.state_work == []
    story.approve(pull)
    story.comment(pull, "thera import a.b x")
    story.settle()
    assert len(story.worker.state_work) == 1
    story.close()


def test_a_stranger_may_not(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.forge.permissions["mallory"] = Permission.READ
    story.comment(pull, "thera state rm a.b", by="mallory")
    story.settle()
    assert story.worker.state_work == []
    assert "only people with write access" in story.last(pull)
