"""Projects that depend on each other are applied in their order by one command, each planned again in its turn."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from server.config.server_file import ServerFile
from tests.support.scripted_worker import BROKEN, ONE_ADDED
from tests.support.story import Story
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import ChangeSummary, Counts

FIVE = ("a", "b", "c", "d", "e")
NOTHING = ChangeSummary()
OTHERWISE = replace(ONE_ADDED, counts=Counts(add=2))


def chained(story: Story, **parents: str) -> None:
    """Configure a project for each directory; each may depend on others."""
    lines = ["version: 3", "projects:"]
    for name, above in parents.items():
        depends = f", depends_on: [{above}]" if above else ""
        lines.append(f"- {{dir: {name}, name: {name}{depends}}}")
    story.tree.files["thera.yaml"] = "\n".join(lines) + "\n"
    story.tree.dirs = set(parents)


def five_in_a_row(story: Story) -> None:
    chained(story, a="", b="a", c="b", d="c", e="d")


def files(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}/main.tf" for name in names)


def names(keys: Sequence[ProjectKey]) -> list[str | None]:
    return [key.name for key in keys]


def test_a_chain_of_five_is_planned_link_by_link_and_applied_by_one_command(story: Story) -> None:
    five_in_a_row(story)
    pull = story.open_pull(*files(*FIVE))
    story.settle()
    story.worker.planned.clear()

    story.comment(pull, "thera apply")
    story.settle()

    assert names(story.worker.planned) == ["b", "c", "d", "e"]
    assert names(story.worker.applied) == list(FIVE)
    assert set(story.standing(pull).values()) == {"applied"}
    assert story.statuses(pull)["thera/apply"] == "success"
    assert "Applied" in story.last(pull)


def test_a_link_whose_plan_became_another_waits_for_people_and_so_does_what_follows(story: Story) -> None:
    five_in_a_row(story)
    pull = story.open_pull(*files(*FIVE))
    story.settle()

    story.worker.plans["c"] = OTHERWISE
    story.comment(pull, "thera apply")
    story.settle()

    assert names(story.worker.applied) == ["a", "b"]
    assert story.standing(pull) == {"a": "applied", "b": "applied", "c": "planned", "d": "planned", "e": "planned"}
    assert "The plan is not the one that was reviewed" in story.last(pull)
    assert "it depends on `c`, which has to be applied first" in story.last(pull)
    assert "`thera apply -p c`" in story.last(pull)

    story.comment(pull, "thera apply")
    story.settle()

    assert names(story.worker.applied) == list(FIVE)


def test_a_failed_link_stops_its_branch_and_keeps_the_plans_behind_it(story: Story) -> None:
    five_in_a_row(story)
    story.worker.applies["b"] = BROKEN
    pull = story.open_pull(*files(*FIVE))
    story.settle()

    story.comment(pull, "thera apply")
    story.settle()

    assert names(story.worker.applied) == ["a", "b"]
    assert story.standing(pull) == {
        "a": "applied",
        "b": "apply_errored",
        "c": "planned",
        "d": "planned",
        "e": "planned",
    }
    assert "it depends on `b`, which has to be applied first" in story.last(pull)


def test_a_link_that_cannot_be_planned_before_its_parent_is_applied_is_planned_then(story: Story) -> None:
    chained(story, a="", b="a")
    story.worker.plans["b"] = BROKEN
    pull = story.open_pull(*files("a", "b"))
    story.settle()
    assert story.standing(pull) == {"a": "planned", "b": "plan_errored"}

    del story.worker.plans["b"]
    story.comment(pull, "thera apply")
    story.settle()

    assert names(story.worker.applied) == ["a"]
    assert story.standing(pull) == {"a": "applied", "b": "planned"}
    assert "The plan is not the one that was reviewed" in story.last(pull)

    story.comment(pull, "thera apply")
    story.settle()

    assert set(story.standing(pull).values()) == {"applied"}


def test_a_link_that_somebody_else_has_locked_waits_in_line(story: Story) -> None:
    chained(story, a="", b="a")
    story.worker.plans["b"] = BROKEN
    pull = story.open_pull(*files("a", "b"))
    story.settle()
    del story.worker.plans["b"]
    other = story.open_pull(*files("b"))
    story.settle()

    story.comment(pull, "thera apply")
    story.settle()

    assert story.standing(pull) == {"a": "applied", "b": "locked"}
    story.close_pull(other)
    story.settle()
    assert story.standing(pull) == {"a": "applied", "b": "planned"}


def test_a_link_that_fails_when_it_is_planned_again_keeps_no_lock(story: Story) -> None:
    chained(story, a="", b="a", c="b")
    pull = story.open_pull(*files("a", "b", "c"))
    story.settle()
    story.worker.plans["b"] = BROKEN

    story.comment(pull, "thera apply")
    story.settle()

    assert story.standing(pull) == {"a": "applied", "b": "plan_errored", "c": "planned"}
    assert story.locked() == ["a", "c"]
    assert "and that failed" in story.last(pull)


def test_a_link_that_had_nothing_to_do_is_looked_at_again(story: Story) -> None:
    chained(story, a="", b="a", c="b")
    story.worker.plans["b"] = NOTHING
    pull = story.open_pull(*files("a", "b", "c"))
    story.settle()
    story.worker.planned.clear()

    story.comment(pull, "thera apply")
    story.settle()

    assert names(story.worker.planned) == ["b", "c"]
    assert story.standing(pull) == {"a": "applied", "b": "planned_no_changes", "c": "applied"}


def test_two_branches_meet_when_both_are_applied(story: Story) -> None:
    chained(story, a="", b="a", c="a", d="b, c")
    pull = story.open_pull(*files("a", "b", "c", "d"))
    story.settle()

    story.comment(pull, "thera apply")
    story.settle()

    assert names(story.worker.applied)[0] == "a"
    assert names(story.worker.applied)[-1] == "d"
    assert set(story.standing(pull).values()) == {"applied"}


def test_a_branch_that_waits_holds_no_other_back(story: Story) -> None:
    chained(story, a="", b="a", c="a", d="c")
    pull = story.open_pull(*files("a", "b", "c", "d"))
    story.settle()

    story.worker.plans["b"] = OTHERWISE
    story.comment(pull, "thera apply")
    story.settle()

    assert story.standing(pull) == {"a": "applied", "b": "planned", "c": "applied", "d": "applied"}


def test_who_applies_the_parent_alone_gets_a_fresh_plan_of_the_child(story: Story) -> None:
    chained(story, a="", b="a")
    pull = story.open_pull(*files("a", "b"))
    story.settle()
    story.worker.planned.clear()

    story.comment(pull, "thera apply -p a")
    story.settle()

    assert names(story.worker.applied) == ["a"]
    assert names(story.worker.planned) == ["b"]
    assert "Planned again, since something that it depends on was applied: `b`" in story.last(pull)
    assert story.standing(pull) == {"a": "applied", "b": "planned"}


def test_policies_are_asked_about_a_plan_that_became_another(database_url: str) -> None:
    file = ServerFile.model_validate(
        {
            "repos": [{"id": "/.*/", "policy_check": True}],
            "policies": {
                "owners": {"users": ["ann"]},
                "policy_sets": [{"name": "safe", "path": "/policies", "source": "local"}],
            },
        }
    )
    story = Story(database_url, server_file=file)
    chained(story, a="", b="a", c="a")
    pull = story.open_pull(*files("a", "b", "c"))
    story.settle()
    asked = len(story.worker.fetched)

    story.worker.plans["b"] = OTHERWISE
    story.comment(pull, "thera apply")
    story.settle()

    assert story.standing(pull) == {"a": "applied", "b": "planned", "c": "applied"}
    assert len(story.worker.fetched) == asked + 3, "two applies, and the policies of the one new plan"
    story.comment(pull, "thera apply")
    story.settle()
    assert story.standing(pull)["b"] == "applied"


def test_one_after_the_other_holds_for_chains_as_well(story: Story) -> None:
    chained(story, a="", b="a", c="")
    story.tree.files["thera.yaml"] += "parallel_apply: false\n"
    pull = story.open_pull(*files("a", "b", "c"))
    story.settle()
    story.comment(pull, "thera apply")

    at_once = []
    while story.step() is not None or story.bells or story.tickets:
        at_once.append(len(story.tickets))

    assert max(at_once) <= 1
    assert set(story.standing(pull).values()) == {"applied"}


@pytest.mark.parametrize("meddle", ["thera cancel", "thera unlock", "push"])
def test_nothing_breaks_when_somebody_meddles_in_mid_chain(story: Story, meddle: str) -> None:
    five_in_a_row(story)
    for moment in range(1, 12):
        pull = story.open_pull(*files(*FIVE))
        story.settle()
        story.comment(pull, "thera apply")
        for _ in range(moment):
            story.step()
        if meddle == "push":
            pull = story.push(pull, *files(*FIVE))
        else:
            story.comment(pull, meddle)
        story.settle()

        standing = set(story.standing(pull).values())
        assert standing <= {"applied", "planned", "plan_discarded"}, standing
        with story.store.reading() as uow:
            stored = uow.pulls.by_ref(pull.ref)
            assert stored is not None
            assert not uow.runs.open_of(stored.id)
            kept = [row for row in uow.projects.of_pull(stored.id) if row.status.value == "planned"]
            assert all(row.artifact_id is not None for row in kept)
        story.close_pull(pull)
        story.settle()
