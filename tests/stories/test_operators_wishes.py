"""What an operator can switch: who may give commands, which, and what is said about it."""

from collections.abc import Callable

import pytest

from server.config.server_file import ServerFile
from server.orchestration.context import TeamRule
from tests.support.story import Story
from workers.protocol.results import ChangeSummary, Failure, FailureKind

Begin = Callable[..., Story]


@pytest.fixture
def begin(database_url: str, request: pytest.FixtureRequest) -> Begin:
    """Begin an installation whose operator has wishes."""

    def make(entry: dict[str, object] | None = None, **rules: object) -> Story:
        file = ServerFile.model_validate({"repos": [{"id": "/.*/", **entry}]} if entry else {})
        story = Story(database_url, server_file=file, **rules)
        request.addfinalizer(story.close)
        return story

    return make


class TestTeams:
    @pytest.fixture
    def story(self, begin: Begin) -> Story:
        rules = ("ops:apply", "dev:plan", "ops:plan", "*:version", "lords:*")
        story = begin(team_rules=tuple(TeamRule.parse(rule) for rule in rules))
        story.forge.teams = {"ops": {"otto"}, "dev": {"dora"}, "lords": {"lea"}}
        return story

    @pytest.mark.parametrize("person", ["otto", "lea"])
    def test_who_is_in_a_team_of_the_command_is_obeyed(self, story: Story, person: str) -> None:
        pull = story.open_pull("prod/main.tf")
        story.settle()

        story.comment(pull, "thera apply", by=person)
        story.settle()

        assert len(story.worker.applied) == 1

    @pytest.mark.parametrize(("person", "command"), [("dora", "apply"), ("eve", "plan"), ("otto", "unlock")])
    def test_others_are_refused_and_told_who_may(self, story: Story, person: str, command: str) -> None:
        pull = story.open_pull("prod/main.tf")
        story.settle()

        story.comment(pull, f"thera {command}", by=person)
        story.settle()

        assert story.worker.applied == []
        assert f"`thera {command}` was not run" in story.last(pull)
        assert "only members of" in story.last(pull)
        assert story.locked()

    def test_what_everybody_may_takes_no_team_but_still_access_to_the_repository(self, story: Story) -> None:
        pull = story.open_pull("prod/main.tf")
        story.settle()
        story.forge.permissions["eve"] = type(story.forge.permission(pull.ref.repo, "bob")).NONE

        story.comment(pull, "thera version", by="bob")
        story.comment(pull, "thera version", by="eve")
        story.settle()

        assert "only people with write access" in story.last(pull)
        assert len([said for said in story.says(pull) if "was not run" in said]) == 1


def test_apply_has_to_say_what_where_the_operator_wants_that(begin: Begin) -> None:
    story = begin(disable_apply_all=True)
    pull = story.open_pull("prod/main.tf", "dev/main.tf")
    story.settle()

    story.comment(pull, "thera apply")
    story.settle()
    assert story.worker.applied == []
    assert "say what, such as `thera apply -d DIR`" in story.last(pull)

    story.comment(pull, "thera apply -d prod")
    story.settle()
    assert len(story.worker.applied) == 1


def test_a_label_keeps_a_pull_from_being_unlocked(begin: Begin) -> None:
    story = begin(disable_unlock_label="keep")
    pull = story.open_pull("prod/main.tf", labels=("keep",))
    story.settle()

    story.comment(pull, "thera unlock")
    story.settle()

    assert "has the label keep" in story.last(pull)
    assert story.locked()


def test_a_blocked_argument_is_refused_whatever_it_is(begin: Begin) -> None:
    story = begin(blocked_extra_args=("-state",))
    pull = story.open_pull("prod/main.tf")
    story.settle()
    runs = len(story.worker.planned)

    story.comment(pull, "thera plan -- -state=/elsewhere")
    story.settle()

    assert "-state=/elsewhere" in story.last(pull)
    assert len(story.worker.planned) == runs


def test_only_what_a_pull_touches_may_be_named_where_the_operator_wants_that(begin: Begin) -> None:
    story = begin(restrict_file_list=True)
    pull = story.open_pull("prod/main.tf")
    story.settle()

    story.comment(pull, "thera plan -d dev")
    story.settle()

    assert "changes nothing of that project" in story.last(pull)
    assert set(story.standing(pull)) == {"prod"}


def test_the_files_that_make_a_project_be_planned_can_be_chosen(begin: Begin) -> None:
    story = begin(autoplan_files=("**/*.yaml",))
    pull = story.open_pull("prod/main.tf", "dev/values.yaml")
    story.settle()

    assert set(story.standing(pull)) == {"dev"}


class TestSilence:
    def test_nothing_is_said_of_a_pull_that_concerns_no_project(self, begin: Begin) -> None:
        story = begin(silence_no_projects=True)
        pull = story.open_pull("README.md")
        story.settle()

        assert story.says(pull) == []
        assert story.statuses(pull)["thera/plan"] == "success"

    def test_projects_are_told_as_ever(self, begin: Begin) -> None:
        story = begin(silence_no_projects=True)
        pull = story.open_pull("prod/main.tf")
        story.settle()

        assert "Plan" in story.last(pull)

    def test_no_status_is_set_either_where_that_is_wanted(self, begin: Begin) -> None:
        story = begin(silence_status_no_projects=True)
        without, of_prod = story.open_pull("README.md"), story.open_pull("prod/main.tf")
        story.settle()

        assert story.statuses(without) == {}
        assert story.statuses(of_prod)["thera/plan"] == "success"

    def test_silenced_plans_have_statuses_and_no_comment(self, begin: Begin) -> None:
        story = begin({"silence_pr_comments": ["plan"]})
        pull = story.open_pull("prod/main.tf")
        story.settle()

        assert story.says(pull) == []
        assert story.statuses(pull)["thera/plan"] == "success"

        story.comment(pull, "thera apply")
        story.settle()
        assert len(story.says(pull)) == 1

    def test_a_plan_that_fails_is_told_all_the_same(self, begin: Begin) -> None:
        story = begin({"silence_pr_comments": ["plan"]})
        story.worker.plans["prod"] = Failure(kind=FailureKind.TERRAFORM, summary="no such thing")
        pull = story.open_pull("prod/main.tf", "dev/main.tf")
        story.settle()

        assert "no such thing" in story.last(pull)
        assert "dev" not in story.last(pull).partition("<!--")[0].partition("To apply")[0]

    def test_a_comment_that_was_written_stays_true_when_nothing_is_left_to_say(self, begin: Begin) -> None:
        story = begin({"silence_pr_comments": ["plan"]})
        story.worker.plans["prod"] = Failure(kind=FailureKind.TERRAFORM, summary="no such thing")
        pull = story.open_pull("prod/main.tf")
        story.settle()
        story.worker.plans["prod"] = ChangeSummary()
        story.push(pull, "prod/main.tf")
        story.settle()

        assert "no such thing" not in story.last(pull)


def test_earlier_plans_are_folded_away_where_that_is_wanted(begin: Begin) -> None:
    story = begin(hide_prev_plan_comments=True)
    pull = story.open_pull("prod/main.tf")
    story.settle()
    for _ in range(2):
        story.comment(pull, "thera plan")
        story.settle()
    one = story.forge.conversations[pull.ref]
    ours = [comment.id for comment in one.comments.values() if comment.author == story.forge.login]

    assert one.hidden == {ours[1]}


def test_nothing_is_folded_where_that_is_wanted(begin: Begin) -> None:
    story = begin(disable_markdown_folding=True)
    pull = story.open_pull("prod/main.tf")
    story.settle()

    assert "<details>" not in story.last(pull)


@pytest.mark.parametrize(("emoji", "found"), [("rocket", {"rocket"}), ("", set())])
def test_a_command_is_marked_as_the_operator_wants(begin: Begin, emoji: str, found: set[str]) -> None:
    story = begin(emoji_reaction=emoji)
    pull = story.open_pull("prod/main.tf")
    comment = story.comment(pull, "thera plan")
    story.settle()

    assert story.forge.conversations[pull.ref].reactions.get(comment, set()) == found


def test_beside_an_atlantis_each_hears_its_own_word(begin: Begin) -> None:
    story = begin(disable_autoplan=True, ignore_status_names=("atlantis",))
    pull = story.open_pull("prod/main.tf")
    for said in ("atlantis plan", "atlantis apply -d prod", "atlantis help", "atlantis unlock", "@atlantis plan"):
        story.comment(pull, said)
    story.comment(
        pull, "Ran Plan for dir: `prod` workspace: `default`\n\n* `atlantis apply -d prod`", by="atlantis-bot"
    )
    story.settle()
    assert (story.says(pull), story.statuses(pull), story.worker.planned) == ([], {}, [])

    story.comment(pull, "thera plan")
    story.settle()
    assert set(story.statuses(pull)) == {"thera/plan", "thera/apply", "thera/plan: prod/default"}
    assert story.ctx.rules.own_statuses == ("thera/", "atlantis/")
