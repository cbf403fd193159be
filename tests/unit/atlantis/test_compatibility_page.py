"""The page about compatibility says what the code says, and what it says of comments is so."""

from pathlib import Path

import pytest

from server.atlantis.differences import DIFFERENCES
from server.atlantis.page import PAGE, written
from server.comments.parser import parse
from server.domain.commands import Command, Mistake, NotForUs

ROOT = Path(__file__).parents[3]


def test_the_page_is_what_the_code_says() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")

    assert page == written(page), "run `python -m server.atlantis.page`"


def test_a_page_without_a_place_for_the_tables_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for a table"):
        written("# A page\n")


def test_every_row_has_as_many_cells_as_its_table() -> None:
    rows = [line for line in (ROOT / PAGE).read_text(encoding="utf-8").splitlines() if line.startswith("|")]

    assert {line.replace("\\|", "").count("|") for line in rows} == {3, 5}


def test_every_difference_is_told_once_and_whole() -> None:
    topics = [one.topic for one in DIFFERENCES]

    assert len(set(topics)) == len(topics)
    for one in DIFFERENCES:
        assert all(text.endswith(".") for text in (one.atlantis, one.thera, one.reason)), one.topic


@pytest.mark.parametrize(
    ("topic", "comment", "kind"),
    [
        ("A bare command", "plan", Command),
        ("A bare command", "/apply", Command),
        ("The word `run`", "run plan", NotForUs),
        ("A mistyped trigger word", "atlantsi plan", Mistake),
        ("A mistyped trigger word", "terraform plan", Mistake),
        ("A mistyped trigger word", "terraform plan takes long", NotForUs),
        ("A mistyped trigger word", "atlantsi is down", NotForUs),
        ("Letter case of the trigger word", "ATLANTIS plan", Command),
        ("`-d` with `..`", "atlantis plan -d a/../b", Mistake),
        ("An option that is given twice", "atlantis plan -d a -d b", Mistake),
        ("`apply` with `-replace` or `-destroy`", "atlantis apply -- -replace=x", Mistake),
        ("`apply` with `-replace` or `-destroy`", "atlantis apply -- -destroy", Mistake),
        ("`version`", "atlantis version -d a", Mistake),
        ("A command with more lines beside it", "atlantis plan\nplease", Mistake),
    ],
)
def test_what_is_said_of_comments_is_so(topic: str, comment: str, kind: type) -> None:
    assert topic in {one.topic for one in DIFFERENCES}
    assert isinstance(parse(comment, words=("atlantis",), login="bot"), kind)
