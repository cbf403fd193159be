"""Terminal output becomes text and known classes, however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.web.ansi import KNOWN, coloured


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("plain\n", (("", "plain\n"),)),
        ("\x1b[32m+\x1b[0m add", (("fg32", "+"), ("", " add"))),
        ("\x1b[1m\x1b[31mError\x1b[0m", (("bold fg31", "Error"),)),
        ("\x1b[1;31mError\x1b[22m!\x1b[39m.", (("bold fg31", "Error"), ("fg31", "!"), ("", "."))),
        ("\x1b[38;5;196mred\x1b[48;2;1;2;3mback", (("", "redback"),)),
        ("\x1b[38;5;31;1mbold", (("bold", "bold"),)),
        ("a\x1b[2Kb\x1b[1Gc", (("", "abc"),)),
        ("\x1b]8;;https://evil.test\x07link\x1b]8;;\x07", (("", "link"),)),
        ("one\r\ntwo\rthree", (("", "one\ntwo\nthree"),)),
        ("bell\x07 and null\x00", (("", "bell and null"),)),
        ("\x1b[99999999999999999999m.", (("", "."),)),
        ("", ()),
    ],
)
def test_colours_are_kept_and_the_rest_is_left_out(text: str, pieces: tuple[tuple[str, str], ...]) -> None:
    assert coloured(text).pieces == pieces


def test_a_state_can_only_name_classes_that_we_know() -> None:
    assert coloured("x", 'fg31 evil "onload= bold').pieces == (("fg31 bold", "x"),)


_OUTPUT = st.lists(
    st.sampled_from(["a", "\n", "<b>", "\x1b[0m", "\x1b[1;32m", "\x1b[38;5;9m", "\x1b[2K", "\x1b]0;t\x07", "é"])
).map("".join)


@given(_OUTPUT, st.integers(min_value=0))
def test_it_does_not_matter_where_a_log_is_cut(text: str, place: int) -> None:
    place %= len(text) + 1
    first = coloured(text[:place])
    second = coloured(text[place:], first.state)

    assert _characters(first.pieces + second.pieces) == _characters(coloured(text).pieces)


@given(st.text(st.sampled_from("\x1b[]0123456789;m\x07\\a<\r\n ")), st.text())
def test_whatever_is_printed_no_code_and_no_unknown_class_comes_out(text: str, state: str) -> None:
    for classes, piece in coloured(text, state).pieces:
        assert set(classes.split()) <= KNOWN
        assert "\x1b" not in piece


def _characters(pieces: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [(classes, character) for classes, text in pieces for character in text]
