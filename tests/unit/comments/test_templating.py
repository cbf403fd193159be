"""The one way from a value into a comment leads through a filter."""

import pytest

from server.comments.format import code, fence, md, prose
from server.comments.templating import Unfiltered, codes, fill, fold


def test_a_template_that_forgets_a_filter_fails_instead_of_injecting() -> None:
    with pytest.raises(Unfiltered, match="str 'evil'"):
        fill("next_steps", steps=("evil",), footer=md(""))


def test_a_list_says_how_much_it_leaves_out() -> None:
    assert codes(("a", "b", "c"), at_most=2) == "`a`, `b`, … 1 more"


def test_nothing_is_not_folded() -> None:
    assert fold(md("x"), "", can_fold=True) == ""


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("a", "`a`"),
        ("a`b", "``a`b``"),
        ("`a`", "`` `a` ``"),
        ("", "(empty)"),
        ("a\nb", "`a b`"),
        ("x" * 400, f"`{'x' * 299}…`"),
    ],
)
def test_code_is_quoted_whatever_it_contains(text: str, quoted: str) -> None:
    assert code(text) == quoted


def test_code_spans_within_a_sentence_stay() -> None:
    assert prose("`a|b` is *not* <b> @ann") == "`a|b` is \\*not\\* \\<b\\> @\u200bann"
    assert prose("`a|b`", in_table=True) == "<code>a&#124;b</code>"


def test_a_fence_is_longer_than_any_run_of_ticks_in_it() -> None:
    assert fence("\x1b[1m```\x1b[0m\r\n<!-- thera:run {} -->", "diff") == "````diff\n```\n<!- - thera:run {} -->\n````"
