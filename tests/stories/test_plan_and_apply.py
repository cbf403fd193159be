"""A pull request is planned, reviewed, applied and merged."""

from dataclasses import replace
from datetime import timedelta

from server.config.server_file import RepoEntry, ServerFile
from server.domain.events import PullClosed
from server.domain.pull import PullState
from server.domain.requirements import Requirement
from server.forges.base import Permission
from tests.support.scripted_worker import BROKEN
from tests.support.story import Story
from workers.protocol.results import ChangeSummary, Counts


def policy(**entry: object) -> ServerFile:
    return ServerFile(repos=[RepoEntry(id="/.*/", **entry)])  # type: ignore[arg-type]  # a test's shorthand


def test_a_new_pull_is_planned_by_itself(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")

    story.settle()

    assert story.standing(pull) == {"prod": "planned"}
    assert story.last(pull).startswith("### Plan: ")
    assert story.statuses(pull)["thera/plan"] == "success"
    assert story.statuses(pull)["thera/apply"] == "pending"
    assert story.locked() == ["prod"]


def test_one_living_comment_follows_every_push(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    for _ in range(10):
        story.push(pull, "prod/main.tf")
        story.settle()

    assert len(story.says(pull)) == 1
    assert story.forge.conversations[pull.ref].posts == 1


def test_a_pull_that_touches_no_project_gets_a_green_status(story: Story) -> None:
    pull = story.open_pull("README.md")

    story.settle()

    assert story.statuses(pull) == {"thera/plan": "success", "thera/apply": "success"}


def test_a_plan_is_applied_exactly_as_it_was_made(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera apply")

    story.settle()

    assert story.standing(pull) == {"prod": "applied"}
    assert story.worker.fetched == [f"plan of prod at {pull.head_sha}".encode()]
    assert story.statuses(pull)["thera/apply"] == "success"
    assert "Applied" in story.last(pull)


def test_a_command_is_acknowledged_with_eyes(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    comment = story.comment(pull, "thera plan")

    story.settle()

    assert story.forge.conversations[pull.ref].reactions[comment] == {"eyes"}


def test_an_apply_that_is_not_approved_is_refused_with_what_to_do(database_url: str) -> None:
    story = Story(database_url, server_file=policy(apply_requirements=[Requirement.APPROVED]))
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera apply")
    story.settle()

    assert "`approved` is required" in story.last(pull)
    assert story.worker.applied == []

    story.approve(pull)
    story.comment(pull, "thera apply")
    story.settle()

    assert story.standing(pull) == {"prod": "applied"}


def test_a_plan_of_an_older_commit_is_never_applied(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.push(pull, "prod/main.tf", announce=False)  # the webhook never came
    story.comment(pull, "thera apply")

    story.settle()

    assert story.worker.applied == []
    assert any("the plan is of" in said for said in story.says(pull))
    assert story.standing(pull) == {"prod": "planned"}, "the new commit was planned by itself"


def test_a_plan_for_another_base_branch_is_never_applied(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    one = story.forge.conversations[pull.ref]
    one.pull = replace(one.pull, base_ref="release")
    story.comment(pull, "thera apply")

    story.settle()

    assert story.worker.applied == []
    assert "the plan was made for `main`" in story.last(pull)


def test_a_failed_plan_says_why_and_keeps_no_lock(story: Story) -> None:
    story.worker.plans["prod"] = BROKEN
    pull = story.open_pull("prod/main.tf", "dev/main.tf")

    story.settle()

    assert story.standing(pull) == {"dev": "planned", "prod": "plan_errored"}
    assert story.locked() == ["dev"]
    assert "no such thing" in story.last(pull)
    assert story.statuses(pull)["thera/plan"] == "failure"


def test_one_failed_plan_does_not_keep_the_others_from_being_applied(story: Story) -> None:
    story.worker.plans["prod"] = BROKEN
    pull = story.open_pull("prod/main.tf", "dev/main.tf")
    story.settle()
    story.comment(pull, "thera apply")

    story.settle()

    assert story.standing(pull) == {"dev": "applied", "prod": "plan_errored"}
    assert story.statuses(pull)["thera/apply"] != "success"


def test_a_failed_apply_stays_red_and_keeps_its_lock(story: Story) -> None:
    story.worker.applies["prod"] = BROKEN
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera apply")

    story.settle()

    assert story.standing(pull) == {"prod": "apply_errored"}
    assert story.statuses(pull)["thera/apply"] == "failure"
    assert story.locked() == ["prod"]


def test_a_plan_without_changes_needs_no_apply(story: Story) -> None:
    story.worker.plans["prod"] = ChangeSummary(counts=Counts())
    pull = story.open_pull("prod/main.tf")
    story.settle()

    assert story.statuses(pull)["thera/apply"] == "success"

    story.comment(pull, "thera apply")
    story.settle()

    assert "Nothing to apply" in story.last(pull)


def test_merging_releases_locks_and_says_so_once(story: Story) -> None:
    pull = story.open_pull("prod/main.tf", "dev/main.tf")
    story.settle()
    story.merge(pull)
    story.merge(pull)

    story.settle()

    assert story.locked() == []
    assert sum("locks free" in said for said in story.says(pull)) == 1


def test_a_pull_without_locks_is_closed_in_silence(story: Story) -> None:
    pull = story.open_pull("README.md")
    story.settle()
    before = len(story.says(pull))
    story.close_pull(pull)

    story.settle()

    assert len(story.says(pull)) == before


def test_a_draft_is_planned_only_when_asked_for(story: Story) -> None:
    pull = story.open_pull("prod/main.tf", draft=True)
    story.settle()

    assert story.says(pull) == []

    story.comment(pull, "thera plan")
    story.settle()

    assert story.standing(pull) == {"prod": "planned"}


def test_a_fork_gains_nothing(story: Story) -> None:
    pull = story.open_pull("prod/main.tf", head_repo="mallory/infra")
    story.comment(pull, "thera plan")

    story.settle()

    assert story.worker.seen == []
    assert "comes from a fork" in story.last(pull)


def test_a_stranger_is_told_who_may(story: Story) -> None:
    story.forge.permissions["mallory"] = Permission.READ
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera apply", by="mallory")

    story.settle()

    assert "write access" in story.last(pull)
    assert story.worker.applied == []


def test_a_strangers_mistakes_are_not_answered(story: Story) -> None:
    story.forge.permissions["mallory"] = Permission.READ
    pull = story.open_pull("README.md")
    story.settle()
    before = story.says(pull)
    story.comment(pull, "thera plna", by="mallory")

    story.settle()

    assert story.says(pull) == before


def test_a_typed_mistake_is_answered_with_what_was_meant(story: Story) -> None:
    pull = story.open_pull("README.md")
    story.settle()
    story.comment(pull, "thera plna")

    story.settle()

    assert "plan" in story.last(pull)


def test_our_own_comments_are_never_commands(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    planned = len(story.worker.planned)
    story.comment(pull, "thera plan", by="thera-bot")

    story.settle()

    assert len(story.worker.planned) == planned


def test_one_project_can_be_planned_by_name(story: Story) -> None:
    story.tree.files["thera.yaml"] = "version: 3\nprojects: [{dir: prod, name: p}, {dir: dev, name: d}]\n"
    pull = story.open_pull("README.md")
    story.settle()
    story.comment(pull, "thera plan -p p")

    story.settle()

    assert story.standing(pull) == {"p": "planned"}


def test_a_broken_configuration_is_explained_with_its_line(story: Story) -> None:
    story.tree.files["thera.yaml"] = "version: 3\nprojects:\n- dri: prod\n"
    pull = story.open_pull("prod/main.tf")

    story.settle()

    assert "`thera.yaml:3`: `projects[0].dri`: there is no such key here" in story.last(pull)
    assert story.statuses(pull)["thera/plan"] == "failure"


def test_applies_go_wave_by_wave_and_stop_at_a_failure(story: Story) -> None:
    story.tree.files["thera.yaml"] = (
        "version: 3\nprojects:\n- {dir: dev, name: dev}\n- {dir: prod, name: prod, depends_on: [dev]}\n"
    )
    story.worker.applies["dev"] = BROKEN
    pull = story.open_pull("prod/main.tf", "dev/main.tf")
    story.settle()
    story.comment(pull, "thera apply")
    story.settle()

    assert [key.name for key in story.worker.applied] == ["dev"]
    assert story.standing(pull) == {"dev": "apply_errored", "prod": "planned"}

    del story.worker.applies["dev"]
    story.comment(pull, "thera apply")
    story.settle()

    assert story.standing(pull) == {"dev": "applied", "prod": "applied"}


def test_version_and_help_are_answered(story: Story) -> None:
    pull = story.open_pull("README.md")
    story.settle()
    story.comment(pull, "thera version")
    story.settle()

    assert "terraform 1.11.4" in story.last(pull)

    story.comment(pull, "thera help")
    story.settle()

    assert "thera apply" in story.last(pull)


def test_unlock_discards_plans_and_releases_locks(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera unlock")
    story.settle()

    assert story.locked() == []
    assert story.standing(pull) == {"prod": "plan_discarded"}

    story.comment(pull, "thera apply")
    story.settle()

    assert "discarded" in story.last(pull)
    assert story.worker.applied == []


def test_cancel_drops_what_has_not_started(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle(working=False)
    story.comment(pull, "thera cancel")

    story.settle()

    assert story.worker.planned == []
    assert any("Cancelled" in said for said in story.says(pull))
    assert story.locked() == []


def test_a_newer_commit_supersedes_the_plan_of_an_older_one(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle(working=False)
    newer = story.push(pull, "prod/main.tf")

    story.settle()

    assert [one.work.checkout.head_sha for one in story.worker.seen] == [newer.head_sha] * 2  # type: ignore[union-attr]
    assert story.standing(pull) == {"prod": "planned"}


def test_commands_of_one_pull_are_answered_one_after_the_other(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.comment(pull, "thera plan")
    story.comment(pull, "thera apply")

    story.settle()

    assert story.standing(pull) == {"prod": "applied"}
    assert len(story.says(pull)) == 3


def test_an_apply_waits_for_hours_and_still_uses_its_plan(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.pass_time(timedelta(days=3)).settle()
    story.comment(pull, "thera apply")

    story.settle()

    assert story.standing(pull) == {"prod": "applied"}


def test_a_label_keeps_a_pull_from_being_planned_by_itself(database_url: str) -> None:
    story = Story(database_url, disable_autoplan_label="no-plan")
    pull = story.open_pull("prod/main.tf", labels=("no-plan",))
    story.settle()
    assert story.says(pull) == []
    story.comment(pull, "thera plan")
    story.settle()
    assert story.standing(pull) == {"prod": "planned"}
    story.close()


def test_where_nothing_is_planned_by_itself_somebody_can_ask(database_url: str) -> None:
    story = Story(database_url, disable_autoplan=True)
    pull = story.open_pull("prod/main.tf")
    story.settle()
    assert story.says(pull) == []
    story.comment(pull, "plan")
    story.settle()
    assert story.standing(pull) == {"prod": "planned"}
    story.close()


def test_a_merge_that_takes_the_forge_a_moment_still_frees_the_locks(story: Story) -> None:
    """GitLab announces a merge while it still calls the merge request locked."""
    pull = story.open_pull("prod/main.tf")
    story.settle()
    told = replace(pull, author="", base_sha="")
    story.forge.close(pull.ref, PullState.MERGED)
    story.hear(PullClosed(told, "bob"))
    story.settle()
    assert story.locked() == []
    with story.store.reading() as uow:
        stored = uow.pulls.by_ref(pull.ref)
    assert stored is not None
    assert (stored.author, stored.base_sha, stored.state) == ("ann", pull.base_sha, PullState.MERGED)
