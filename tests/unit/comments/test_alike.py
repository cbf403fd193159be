"""Projects whose plans change the same are told once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.comments.alike import alike
from server.comments.render import render_run
from server.comments.view import ProjectView
from server.domain.commands import Command, CommandKind
from server.domain.project import ProjectStatus
from tests.unit.comments.examples import a_run
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import Action, AttributeChange, ChangeSummary, Counts, Diagnostic, ResourceChange

GITHUB = 65_000


def tagged(name: str, tag: str = "blue", **more: object) -> ProjectView:
    """Make a project whose plan changes one tag."""
    change = ResourceChange(
        address="aws_thing.it",
        type="aws_thing",
        action=Action.UPDATE,
        attributes=(AttributeChange(path="tags.colour", before='"red"', after=f'"{tag}"'),),
    )
    changes = ChangeSummary(counts=Counts(change=1), resources=(change,))
    project = ProjectView(key=ProjectKey(name), status=ProjectStatus.PLANNED, counts=changes.counts, changes=changes)
    return replace(project, **more)  # type: ignore[arg-type]  # a test's shorthand


def test_forty_projects_that_change_the_same_tag_are_one_section() -> None:
    forty = [tagged(f"app-{number:02}") for number in range(40)]

    text = render_run(a_run(*forty, tagged("odd", "green")), limit=GITHUB)

    assert "#### 40 projects alike: ~ 1 to change in each" in text
    assert "The same in `app-00`, `app-01`" in text
    assert text.count('tags.colour: "red" → "blue"') == 1
    assert text.count('tags.colour: "red" → "green"') == 1
    assert "#### `odd`: ~ 1 to change" in text
    assert all(f"| `app-{number:02}` |" in text for number in range(40))


def test_three_hundred_projects_are_one_row_and_one_section_where_there_is_no_room_for_more() -> None:
    url = "https://thera.example.com/jobs/01m85ath97vajvkh83kaky3q67"
    three_hundred = [tagged(f"apps/application-{number:03}", url=url) for number in range(300)]

    text = render_run(a_run(*three_hundred, tagged("odd", "green", url=url)), limit=GITHUB)

    assert len(text) <= GITHUB
    assert f"| [`apps/application-000`]({url}) and 299 more alike | ~ 1 to change in each |  |" in text
    assert f"| [`odd`]({url}) | ~ 1 to change | `thera apply -d odd` |" in text
    assert "#### 300 projects alike" in text
    assert 'tags.colour: "red" → "blue"' in text


@pytest.mark.parametrize(
    "own",
    [
        {"note": "planned again"},
        {"warnings": (Diagnostic(severity="warning", summary="old"),)},
        {"status": ProjectStatus.POLICY_FAILED},
    ],
)
def test_a_project_with_something_of_its_own_to_tell_stays_by_itself(own: dict[str, object]) -> None:
    groups = alike([tagged("a"), tagged("b"), tagged("c", "blue", **own), tagged("d")])

    assert sorted(len(group) for group in groups) == [1, 3]


def test_two_are_told_one_by_one() -> None:
    assert [len(group) for group in alike([tagged("a"), tagged("b")])] == [1, 1]


def test_another_value_is_another_change() -> None:
    text = render_run(a_run(*(tagged(f"app-{number}", f"colour-{number}") for number in range(5))), limit=GITHUB)

    assert "alike" not in text


@given(st.lists(st.sampled_from(["red", "green", "blue"]), max_size=30))
def test_nobody_is_lost_or_told_twice(tags: list[str]) -> None:
    projects = [tagged(str(number), tag) for number, tag in enumerate(tags)]

    told = [project.key.dir for group in alike(projects) for project in group]

    assert sorted(told) == sorted(project.key.dir for project in projects)


def test_who_asks_for_terraforms_own_words_reads_those_of_the_first() -> None:
    view = a_run(*(tagged(f"app-{number}", text=f"plan of app-{number}") for number in range(3)))

    text = render_run(replace(view, command=Command(kind=CommandKind.PLAN, verbose=True)), limit=GITHUB)

    assert ("plan of app-0" in text, "plan of app-1" in text) == (True, False)
