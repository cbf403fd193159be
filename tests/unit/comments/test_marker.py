"""The hidden marks of our comments."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from server.comments.marker import find_marker, marker_for, parse_marker, run_marker, stamped
from tests.unit.comments.examples import FAILED, IDLE, PLANNED, a_run
from workers.protocol.jobs import ProjectKey


def test_the_mark_tells_machines_what_people_read() -> None:
    assert parse_marker(run_marker(a_run(PLANNED, FAILED), limit=5000)) == snapshot(
        {
            "v": 1,
            "run": "run-1",
            "command": "plan",
            "head": "0123456789abcdef",
            "outcome": "succeeded",
            "projects": [
                {
                    "dir": "network",
                    "workspace": "default",
                    "name": "network",
                    "status": "planned",
                    "counts": {
                        "add": 1,
                        "change": 1,
                        "replace": 1,
                        "destroy": 1,
                        "imported": 1,
                        "moved": 1,
                        "outputs": 2,
                    },
                    "digest": "d1",
                },
                {"dir": "prod/db", "workspace": "default", "status": "plan_errored"},
            ],
        }
    )


def test_a_comment_is_found_by_a_short_mark() -> None:
    assert marker_for("run-1") == "<!-- thera:key run-1 -->"
    assert marker_for("a--b> -->") == snapshot("<!-- thera:key a_-b___-_ -->")
    assert stamped("text", "k") == "text\n\n<!-- thera:key k -->"


def test_only_a_whole_mark_counts_and_the_last_one_is_ours() -> None:
    assert find_marker("hello") is None
    assert parse_marker("hello") is None
    assert parse_marker("<!-- thera:run {broken} -->") is None
    assert parse_marker('<!-- thera:run {"run":"1"} -->\r\n<!-- thera:run {"run":"2"} -->\r\n') == {"run": "2"}


def test_changed_projects_are_written_down_before_unchanged_ones() -> None:
    idle = [replace(IDLE, key=ProjectKey(f"idle/{number}")) for number in range(100)]

    facts = parse_marker(run_marker(a_run(*idle, PLANNED), limit=2000))

    assert facts is not None
    assert facts["projects"][0]["name"] == "network"
    assert facts["left_out"] == 101 - len(facts["projects"])


@given(st.text(), st.text(alphabet="->< !", max_size=8), st.text())
def test_nothing_ends_the_mark_before_its_end(directory: str, workspace: str, name: str) -> None:
    view = a_run(replace(PLANNED, key=ProjectKey(directory, workspace, name or None)))

    marker = run_marker(view, limit=20_000)

    assert marker.count("--") == 2
    facts = parse_marker(f"text\n\n{marker}")
    assert facts is not None
    assert facts["projects"][0]["dir"] == directory
    assert facts["projects"][0]["workspace"] == workspace
    assert facts["projects"][0].get("name") == (name or None)
