"""GitLab obeys no line that we write, and shows it as it was meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.forges.gitlab_notes import folded, harmless


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("/merge", r"\/merge"),
        ("done\n/close now\n", "done\n\\/close now\n"),
        ("   /approve", r"   \/approve"),
        ("a\r\n\r/merge\r\nb", "a\r\n\r\\/merge\r\nb"),
        ("a /merge", "a /merge"),
        ("`/merge`", "`/merge`"),
        ("// a comment\n/1", "// a comment\n/1"),
        ("```\n/etc/passwd\n```\n/merge", "```\n/etc/passwd\n```\n\\/merge"),
        ("```diff\n/etc\n````\n/merge", "```diff\n/etc\n````\n\\/merge"),
        ("````\n```\n/etc\n```\n````\n/merge", "````\n```\n/etc\n```\n````\n\\/merge"),
        ("~~~\n```\n/etc\n~~~\n/merge", "~~~\n```\n/etc\n~~~\n\\/merge"),
        ("```\n/etc\n``` not the end\n/opt\n```", "```\n/etc\n``` not the end\n/opt\n```"),
        ("    ```\n/merge\n    ```", "    ```\n\\/merge\n    ```"),
        ("```a`b\n/merge", "```a`b\n\\/merge"),
        ("```\n/merge", "```\n\\/merge"),
    ],
)
def test_a_line_that_would_be_an_order_is_none(body: str, expected: str) -> None:
    assert harmless(body) == expected


@given(st.lists(st.sampled_from(["/merge", "```", "~~~", "````", "word", "", " /x"]), max_size=8).map("\n".join))
def test_a_harmless_text_says_what_was_said_and_stays_as_it_is(body: str) -> None:
    once = harmless(body)
    assert once.replace("\\/", "/") == body
    assert harmless(once) == once


def test_a_text_is_folded_once() -> None:
    once = folded("# Plan\n<!-- run 7 -->")
    assert once == "<details><summary>Outdated</summary>\n\n# Plan\n<!-- run 7 -->\n\n</details>"
    assert folded(once) == once
