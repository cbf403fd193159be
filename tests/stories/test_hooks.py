"""The operator's hooks run before and after commands; what they write is part of the code from plan to apply."""

from collections.abc import Iterator

import pytest

from server.config.server_file import RepoEntry, ServerFile
from tests.support.story import Story
from workers.protocol.jobs import Apply, Discover, Hooks, Plan


def hooked(database_url: str, **rules: object) -> Story:
    entry = RepoEntry.model_validate({"id": "/.*/", **rules})
    return Story(database_url, server_file=ServerFile(repos=[entry]))


@pytest.fixture
def ran(database_url: str) -> Iterator[Story]:
    """An installation with a hook of each kind."""
    story = hooked(
        database_url,
        pre_workflow_hooks=[{"run": "generate", "description": "Generate"}, {"run": "only apply", "commands": "apply"}],
        post_workflow_hooks=[{"run": "cost", "description": "Cost", "commands": "plan,apply"}],
    )
    yield story
    story.close()


def names(story: Story) -> list[str]:
    return [command for command, _ in story.worker.hooked]


def test_a_plan_is_made_of_what_hooks_wrote_and_the_apply_is_of_the_same(ran: Story) -> None:
    pull = ran.open_pull("prod/main.tf")
    ran.settle()
    assert names(ran) == ["generate", "cost"]
    ran.comment(pull, "thera apply")
    ran.settle()
    assert names(ran) == ["generate", "cost", "generate", "only apply", "cost"]
    (plan,) = [one.work for one in ran.worker.seen if isinstance(one.work, Plan)]
    (apply,) = [one.work for one in ran.worker.seen if isinstance(one.work, Apply)]
    assert plan.generated is not None
    assert plan.generated == apply.generated
    assert ran.standing(pull) == {"prod": "applied"}


def test_each_hook_has_a_status_of_its_own(ran: Story) -> None:
    pull = ran.open_pull("prod/main.tf")
    ran.settle()
    assert ran.statuses(pull)["thera/pre_workflow_hook: Generate"] == "success"
    assert ran.statuses(pull)["thera/post_workflow_hook: Cost"] == "success"


def test_hooks_are_told_of_the_command_and_how_it_went(ran: Story) -> None:
    pull = ran.open_pull("prod/main.tf")
    ran.settle()
    ran.comment(pull, "thera apply -- -lock-timeout=5m")
    ran.settle()
    (before, after) = [work for command, work in ran.worker.hooked if command in {"only apply", "cost"}][1:]
    assert isinstance(before, Hooks)
    assert isinstance(after, Hooks)
    assert (before.command, before.has_errors, before.extra_args) == ("apply", None, ("-lock-timeout=5m",))
    assert (after.command, after.has_errors) == ("apply", False)
    first = ran.worker.hooked[0][1]
    assert isinstance(first, Discover)
    assert first.environment["PULL_NUM"] == "1"
    assert first.environment["PULL_AUTHOR"] == "ann"


def test_a_hook_that_fails_before_a_plan_stops_it_and_says_why(ran: Story) -> None:
    ran.worker.failing_hooks.add("generate")
    pull = ran.open_pull("prod/main.tf")
    ran.settle()
    assert ran.worker.planned == []
    assert "The workflow hook `Generate` failed (exit status 3), so nothing was run." in ran.last(pull)
    assert "no such generator" in ran.last(pull)
    assert ran.statuses(pull)["thera/plan"] == "failure"
    assert ran.statuses(pull)["thera/pre_workflow_hook: Generate"] == "failure"


def test_a_hook_that_fails_before_an_apply_leaves_the_plan_for_another_try(ran: Story) -> None:
    pull = ran.open_pull("prod/main.tf")
    ran.settle()
    ran.worker.failing_hooks.add("only apply")
    ran.comment(pull, "thera apply")
    ran.settle()
    assert ran.worker.applied == []
    assert "The workflow hook failed" in ran.last(pull)
    assert ran.standing(pull) == {"prod": "planned"}
    ran.worker.failing_hooks.clear()
    ran.comment(pull, "thera apply")
    ran.settle()
    assert ran.standing(pull) == {"prod": "applied"}


def test_a_hook_that_fails_afterwards_changes_nothing_of_what_was_done(ran: Story) -> None:
    ran.worker.failing_hooks.add("cost")
    pull = ran.open_pull("prod/main.tf")
    ran.settle()
    assert "### Plan: **+ 1 to add**" in ran.last(pull)
    assert ran.statuses(pull)["thera/plan"] == "success"
    assert ran.statuses(pull)["thera/post_workflow_hook: Cost"] == "failure"


def test_hooks_afterwards_run_once_also_when_nothing_is_touched(ran: Story) -> None:
    ran.open_pull("README.md")
    ran.settle()
    assert names(ran) == ["generate", "cost"]


def test_hooks_afterwards_keep_to_their_branch(database_url: str) -> None:
    story = hooked(database_url, branch="/^main$/", post_workflow_hooks=[{"run": "cost"}])
    story.open_pull("prod/main.tf")
    story.settle()
    assert names(story) == ["cost"]
    story.close()


def test_when_the_pull_closes_what_hooks_wrote_goes_too(ran: Story) -> None:
    pull = ran.open_pull("prod/main.tf")
    ran.settle()
    ran.merge(pull)
    ran.settle()
    with ran.store.reading() as uow:
        stored = uow.pulls.by_ref(pull.ref)
        assert stored is not None
        assert uow.artifacts.of_pull(stored.id) == []
