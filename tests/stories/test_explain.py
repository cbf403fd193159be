"""Somebody asks why. (Users' wishes: to know why a project is planned, and what keeps it from being applied.)"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from server.config.server_file import load_server_file
from server.forges.base import Permission
from tests.support.scripted_worker import BROKEN
from tests.support.story import Story

SERVER = """\
repos:
- id: /.*/
  apply_requirements: [approved]
"""
REPO = """\
version: 3
autodiscover: {mode: enabled}
projects:
- dir: net
  name: net
- dir: web
  name: web
  execution_order_group: 2
  depends_on: [net]
  autoplan: {when_modified: ["*.tf", "../config/*.yaml"]}
"""


@pytest.fixture
def story(database_url: str, tmp_path: Path) -> Iterator[Story]:
    file = tmp_path / "repos.yaml"
    file.write_text(SERVER)
    told = Story(database_url, server_file=load_server_file(file))
    told.tree.dirs = {"net", "web", "dev", "modules/vpc"}
    told.tree.calls = {"net": ("modules/vpc",)}
    told.tree.files = {"thera.yaml": REPO}
    yield told
    told.close()


def ask(story: Story, pull_files: tuple[str, ...], question: str) -> str:
    pull = story.open_pull(*pull_files)
    story.settle()
    story.comment(pull, question)
    return story.settle().last(pull)


def test_a_file_of_its_own_is_named_with_the_rule(story: Story) -> None:
    said = ask(story, ("web/main.tf",), "thera explain -p web")

    assert (
        "Changed here: `web/main.tf`; it matches `*.tf` (`thera.yaml:10`, `projects[1].autoplan.when_modified`)" in said
    )
    assert "It is configured in `thera.yaml:6`, `projects[1]`" in said
    assert "ann opened the pull request or pushed to it" in said


def test_a_file_elsewhere_that_the_configuration_names_is_a_reason(story: Story) -> None:
    said = ask(story, ("config/a.yaml", "config/b.yaml"), "thera explain -p web")

    assert "Changed here: `config/a.yaml` and `config/b.yaml`; the first matches `../config/*.yaml`" in said


def test_a_module_is_a_reason_with_the_way_there(story: Story) -> None:
    said = ask(story, ("modules/vpc/main.tf",), "thera explain -p net")

    assert "`modules/vpc/main.tf` belongs to `modules/vpc`, which `net` uses" in said


def test_a_project_that_no_file_lists_is_told_so(story: Story) -> None:
    said = ask(story, ("dev/main.tf",), "thera explain -d dev")

    assert "No file lists it; it was found by itself." in said
    assert "`**/*.tf` (default of `THERA_AUTOPLAN_FILE_LIST`)" in said


def test_a_project_that_was_named_in_a_comment_is_told_by_whom(story: Story) -> None:
    pull = story.open_pull("README.md")
    story.settle()
    story.comment(pull, "thera plan -p web", by="carol")
    story.settle()
    story.comment(pull, "thera explain -p web")

    said = story.settle().last(pull)

    assert "carol asked for `thera plan -p web`" in said
    assert "Nothing that this pull request changes touches it." in said


def test_what_holds_is_told_with_where_it_is_written(story: Story) -> None:
    said = ask(story, ("web/main.tf",), "thera explain -p web")

    assert "| apply requirements | `approved` | `repos.yaml:3`, `repos[0].apply_requirements` |" in said
    assert "| depends on | `net` | `thera.yaml:9`, `projects[1].depends_on` |" in said
    assert "| order | group 2 | `thera.yaml:8`, `projects[1].execution_order_group` and" in said
    assert "| planned with | terraform 1.11.4 | its plan |" in said


def test_what_stands_before_the_apply_is_told_until_nothing_does(story: Story) -> None:
    pull = story.open_pull("web/main.tf", "net/main.tf")
    story.settle()
    story.comment(pull, "thera explain -p web")
    before = story.settle().last(pull)
    story.approve(pull, by="carol")
    story.comment(pull, "thera explain -p net")
    after = story.settle().last(pull)

    assert "`approved` is required, but nobody has approved it" in before
    assert "An apply of everything takes these first: `net`." in before
    assert "When that is settled: `thera apply -p web`" in before
    assert "It is planned.\n\nNext: `thera apply -p net`" in after


def test_a_dependency_that_failed_stands_in_the_way(story: Story) -> None:
    story.worker.plans["net"] = BROKEN
    pull = story.open_pull("web/main.tf", "net/main.tf")
    story.settle()
    story.approve(pull, by="carol")
    story.comment(pull, "thera explain -p web")

    assert "it depends on `net`, which has to be applied first" in story.settle().last(pull)


def test_a_plan_of_an_older_commit_is_told_as_such(story: Story) -> None:
    pull = story.open_pull("web/main.tf")
    story.settle()
    story.push(pull, "web/main.tf", announce=False)
    story.comment(pull, "thera explain -p web")

    said = story.settle(working=False).last(pull)

    assert "the plan is of" in said
    assert "Next: `thera plan -p web`" in said


def test_whoever_holds_the_lock_is_named(story: Story) -> None:
    story.open_pull("dev/main.tf", author="dora")
    story.settle()

    said = ask(story, ("dev/main.tf",), "thera explain -d dev")

    assert "Its lock is held by pull request 1 (dora" in said
    assert "number 1 in the queue" in said


def test_without_a_target_every_project_has_a_row(story: Story) -> None:
    said = ask(story, ("dev/main.tf", "modules/vpc/x.tf"), "thera explain")

    assert "| `dev` | `dev/main.tf` changed | It is planned. `approved` is required" in said
    assert "| `net` | module `modules/vpc` changed |" in said
    assert "`thera explain -p net` |" in said


def test_an_unknown_project_is_answered_with_those_there_are(story: Story) -> None:
    said = ask(story, ("dev/main.tf", "net/main.tf"), "thera explain -p wbe")

    assert "This pull request has no project `-p wbe`" in said
    assert "There are: `dev`, `net`." in said


def test_a_configured_project_that_is_not_touched_is_told_why_not(story: Story) -> None:
    said = ask(story, ("dev/main.tf",), "thera explain -p web")

    assert "`web` is not planned here" in said
    assert "matches none of `*.tf`, `../config/*.yaml` (`thera.yaml:10`" in said
    assert "`thera plan -p web`" in said


def test_a_directory_that_is_only_a_module_is_told_to_be_one(story: Story) -> None:
    said = ask(story, ("dev/main.tf",), "thera explain -d modules/vpc")

    assert "It is no project of its own: `net` uses it as a module." in said


def test_asking_changes_nothing_and_locks_nothing(story: Story) -> None:
    pull = story.open_pull("web/main.tf")
    story.settle()
    story.comment(pull, "thera unlock")
    story.settle()
    before = (story.standing(pull), story.statuses(pull), len(story.worker.seen))
    story.comment(pull, "thera explain -p web")
    story.settle()

    assert (story.standing(pull), story.statuses(pull), len(story.worker.seen)) == before
    assert story.locked() == []


def test_who_may_not_plan_may_not_ask(story: Story) -> None:
    story.forge.permissions["eve"] = Permission.READ

    pull = story.open_pull("web/main.tf")
    story.settle()
    story.comment(pull, "thera explain -p web", by="eve")

    assert "`thera explain` was not run" in story.settle().last(pull)


def test_a_project_that_an_older_server_planned_is_told_without_reasons(story: Story) -> None:
    pull = story.open_pull("dev/main.tf")
    story.settle()
    with story.store.transaction() as uow:
        stored = uow.pulls.by_ref(pull.ref)
        assert stored is not None
        [row] = uow.projects.of_pull(stored.id)
        uow.projects.save(replace(row, why={}))
    story.comment(pull, "thera explain -d dev")

    assert "an older version of Thera planned it" in story.settle().last(pull)
