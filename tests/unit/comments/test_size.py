"""What a comment gives up, and in which order, when room is short."""

from dataclasses import replace

from server.comments.fit import choose_details
from server.comments.marker import marker_for, parse_marker
from server.comments.render import render_run
from server.comments.section import Detail
from server.comments.view import ProjectView
from server.domain.project import ProjectStatus
from tests.unit.comments.examples import IDLE, PLANNED, SMALL, a_run
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import Action, AttributeChange, ChangeSummary, Counts, Diagnostic, ResourceChange

GITHUB = 65_000


def a_project(name: str, resources: int, *, text: str = "") -> ProjectView:
    changes = ChangeSummary(
        counts=Counts(add=resources),
        resources=tuple(
            ResourceChange(
                address=f"aws_thing.number_{name[-4:]}[{number}]",
                type="aws_thing",
                action=Action.CREATE,
                attributes=(AttributeChange(path="name", after=f'"{number}"'),),
            )
            for number in range(resources)
        ),
    )
    return ProjectView(
        key=ProjectKey(name), status=ProjectStatus.PLANNED, counts=changes.counts, changes=changes, text=text
    )


def test_terraforms_own_text_goes_first() -> None:
    text = render_run(a_run(replace(PLANNED, text="x" * 3_000_000), SMALL), limit=GITHUB)

    assert "xxxx" not in text
    assert "Attributes, before and after" in text
    assert "_Shortened to fit; everything is on [the page of this run](https://thera.example/runs/run-1)._" in text


def test_the_biggest_project_gives_up_detail_so_that_small_ones_keep_theirs() -> None:
    small = a_project("small", 2, text="small text")

    text = render_run(a_run(a_project("big", 5000, text="big text"), small), limit=20_000)

    assert "small text" in text
    assert "big text" not in text
    assert '+   name: "1"' in text
    assert "- … 4800 more" in text


def test_some_attributes_are_better_than_none() -> None:
    text = render_run(a_run(a_project("big", 300)), limit=25_000)

    assert '+   name: "0"' in text
    assert "more resources are left out here" in text


def test_two_hundred_projects_of_which_six_change_fit() -> None:
    idle = [replace(IDLE, key=ProjectKey(f"idle/{number:03}")) for number in range(194)]
    changed = [a_project(f"changed/{number}", 40 + number, text="x" * 500_000) for number in range(6)]

    text = render_run(a_run(*idle, *changed), limit=GITHUB)

    assert len(text) <= GITHUB
    assert "<summary>194 projects without changes</summary>" in text
    assert text.count("#### ") == 6
    marker = parse_marker(text)
    assert marker is not None
    assert len(marker["projects"]) == marker_length(text) > 100


def marker_length(text: str) -> int:
    marker = parse_marker(text)
    assert marker is not None
    return 200 - int(marker.get("left_out", 0))


def test_a_thousand_idle_projects_are_not_all_named() -> None:
    idle = [replace(IDLE, key=ProjectKey(f"idle/{number:04}")) for number in range(1000)]

    assert "… 700 more" in render_run(a_run(*idle), limit=GITHUB)


def test_the_end_of_the_table_goes_last_and_says_where_it_is() -> None:
    view = a_run(*(a_project(f"project/{number:04}", 1) for number in range(2000)), note="A note.")

    text = render_run(view, limit=GITHUB)

    assert len(text) <= GITHUB
    assert "A note." in text
    assert "more projects are on [the run's page](https://thera.example/runs/run-1)." in text
    assert "- To apply all 2000 plans: `thera apply`" in text
    assert parse_marker(text) is not None


def test_many_problems_give_way_to_the_table() -> None:
    problem = Diagnostic(severity="error", summary="x" * 900, file="main.tf", line=1)

    text = render_run(a_run(SMALL, problems=(problem,) * 20), limit=3000, key="k")

    assert "cannot be read" not in text
    assert "| `dns` |" in text
    assert text.endswith(marker_for("k"))


def test_in_the_least_room_there_is_the_first_line_and_what_to_type() -> None:
    view = a_run(*(a_project("long" * 70 + str(number), 1) for number in range(3)))

    text = render_run(replace(view, url=""), limit=1000, key="k")

    assert text.startswith("### Plan: **+ 3 to add** in 3 projects\n")
    assert text.endswith(marker_for("k"))
    assert len(text) <= 1000


def test_when_there_is_no_room_at_all_every_project_is_a_row() -> None:
    sizes = [lambda detail: 10 * int(detail)] * 3

    assert choose_details(sizes, room=-1) == [Detail.ROW] * 3
    assert choose_details(sizes, room=1000) == [Detail.FULL] * 3


def test_every_limit_is_kept_to_the_character() -> None:
    view = a_run(PLANNED, SMALL)

    for limit in range(1000, 5000, 13):
        text = render_run(view, limit=limit)
        assert len(text) <= limit
        assert text.count("<details>") == text.count("</details>")
        assert text.count("\n```") % 2 == 0
