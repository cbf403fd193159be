"""A pull that deletes a project: it is told what becomes of it, and can have it destroyed without a dummy edit."""

from collections.abc import Callable

import pytest

from server.orchestration.context import TeamRule
from tests.support.story import Story
from workers.protocol.jobs import Apply, Plan
from workers.protocol.results import Action, ChangeSummary, Counts, ResourceChange

GONE = ChangeSummary(
    counts=Counts(destroy=2),
    resources=(ResourceChange(address="terraform_data.a", type="terraform_data", action=Action.DELETE),),
)
BEFORE = """
version: 3
projects:
  - {name: old, dir: old, workspace: blue, terraform_version: 1.9.0}
  - {name: prod, dir: prod}
"""
AFTER = "version: 3\nprojects: [{name: prod, dir: prod}]\n"
Begin = Callable[..., Story]


@pytest.fixture
def begin(database_url: str, request: pytest.FixtureRequest) -> Begin:
    """Begin an installation whose repository has a project that a pull deletes."""

    def make(*, listed: bool = True, **rules: object) -> Story:
        story = Story(database_url, server_file=None, **rules)
        story.tree.dirs, story.tree.removed = {"prod"}, ("old",)
        if listed:
            story.tree.files, story.tree.files_before = {"thera.yaml": AFTER}, {"thera.yaml": BEFORE}
        story.worker.plans["old"] = GONE
        request.addfinalizer(story.close)
        return story

    return make


def test_a_deleted_project_is_named_with_what_to_type(begin: Begin) -> None:
    story = begin()
    pull = story.open_pull("old/main.tf", "thera.yaml")
    story.settle()

    assert "What they manage stays as it is" in story.last(pull)
    assert "- `old`: `thera plan --destroy -p old`" in story.last(pull)
    assert story.standing(pull) == {}


def test_a_deleted_directory_that_was_found_by_itself_is_named_too(begin: Begin) -> None:
    story = begin(listed=False)
    pull = story.open_pull("old/main.tf")
    story.settle()

    assert "`thera plan --destroy -d old`" in story.last(pull)


def test_its_destruction_is_planned_from_the_base_and_applied_from_there(begin: Begin) -> None:
    story = begin()
    pull = story.open_pull("old/main.tf")
    story.settle()
    story.comment(pull, "thera plan --destroy -p old")
    story.settle()

    planned = next(one.work for one in story.worker.seen if isinstance(one.work, Plan))
    assert (planned.destroy, planned.at_commit, planned.project.workspace) == (True, "b" * 40, "blue")
    assert planned.terraform.version == "1.9.0"
    assert "This plan destroys everything that the project manages, with its code of `bbbbbbb`" in story.last(pull)
    assert story.statuses(pull)["thera/apply"] == "pending"

    story.comment(pull, "thera apply")
    story.settle()
    applied = next(one.work for one in story.worker.seen if isinstance(one.work, Apply))
    assert (applied.at_commit, applied.project) == (planned.at_commit, planned.project)
    assert story.statuses(pull)["thera/apply"] == "success"


def test_it_is_not_named_again_once_its_destruction_is_planned(begin: Begin) -> None:
    story = begin()
    pull = story.open_pull("old/main.tf")
    story.settle()
    story.comment(pull, "thera plan --destroy -p old")
    story.settle()

    assert "deletes projects" not in story.last(pull)


def test_a_project_that_stays_can_be_destroyed_as_it_is(begin: Begin) -> None:
    story = begin()
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera plan --destroy -p prod")
    story.settle()

    last = [one.work for one in story.worker.seen if isinstance(one.work, Plan)][-1]
    assert (last.destroy, last.at_commit) == (True, "")
    assert "This plan destroys everything that the project manages." in story.last(pull)


def test_terraforms_own_flag_takes_the_same_right(begin: Begin) -> None:
    story = begin(allowed=("plan", "apply"))
    pull = story.open_pull("prod/main.tf")
    story.settle()
    planned = len(story.worker.planned)
    for words in ("thera plan --destroy -p prod", "thera plan -p prod -- -destroy", "thera plan -- --destroy=true"):
        story.comment(pull, words)
        story.settle()
        assert "Planning to destroy is not switched on here" in story.last(pull)

    assert len(story.worker.planned) == planned


def test_the_right_to_destroy_can_be_a_teams(begin: Begin) -> None:
    story = begin(team_rules=tuple(TeamRule.parse(rule) for rule in ("*:plan", "ops:destroy")))
    story.forge.teams = {"ops": {"otto"}}
    pull = story.open_pull("prod/main.tf")
    story.settle()
    planned = len(story.worker.planned)

    story.comment(pull, "thera plan --destroy -p prod", by="dora")
    story.settle()
    assert "only members of ops may destroy here" in story.last(pull)
    assert len(story.worker.planned) == planned

    story.comment(pull, "thera plan --destroy -p prod", by="otto")
    story.settle()
    assert len(story.worker.planned) == planned + 1


def test_a_destruction_that_waited_for_a_lock_is_still_one_when_its_turn_comes(begin: Begin) -> None:
    story = begin()
    first, second = story.open_pull("prod/main.tf"), story.open_pull("README.md")
    story.settle()
    story.comment(second, "thera plan --destroy -p prod")
    story.settle()
    assert story.standing(second) == {"prod": "locked"}

    story.comment(first, "thera unlock")
    story.settle()

    last = [one.work for one in story.worker.seen if isinstance(one.work, Plan)][-1]
    assert last.destroy
    assert story.standing(second) == {"prod": "planned"}


def test_destroying_has_to_say_what(begin: Begin) -> None:
    story = begin()
    pull = story.open_pull("prod/main.tf")
    story.comment(pull, "thera plan --destroy")
    story.settle()

    assert any("Destroying has to say what" in said for said in story.says(pull))
